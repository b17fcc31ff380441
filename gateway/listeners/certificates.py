"""TLS on the chat port."""

from __future__ import annotations

import ssl

from gateway.config import Certificate
from gateway.errors import StartError


def tls_context(certificate: Certificate) -> ssl.SSLContext:
    """What connections are made with: TLS 1.2 or newer, and this certificate.

    Raises:
        StartError: it cannot be used; the text says why.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a function for it, OpenSSL would ask for an encrypted key's password on the tty.
        context.load_cert_chain(certificate.chain, certificate.key, password=_no_password)
    except ssl.SSLError as error:
        raise StartError(
            f"{certificate.chain} and {certificate.key} are no certificate and its key, both PEM "
            f"and the key without a password: {error.reason or error}"
        ) from error
    except OSError as error:
        raise StartError(
            f"{certificate.chain} or {certificate.key} cannot be read: {error.strerror}"
        ) from error
    return context


def _no_password() -> str:
    return ""
