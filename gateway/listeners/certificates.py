"""TLS on the chat port."""

from __future__ import annotations

import ssl

from gateway.config import Certificate
from gateway.errors import StartError


def tls_context(certificate: Certificate) -> ssl.SSLContext:
    """The TLS context for new connections: TLS 1.2 or newer, with this certificate.

    Raises:
        StartError: the certificate cannot be used; the text says why.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password function, OpenSSL would ask for an encrypted key's password on the tty.
        context.load_cert_chain(certificate.chain, certificate.key, password=_no_password)
    except ssl.SSLError as error:
        raise StartError(
            f"{certificate.chain} and {certificate.key} are not a certificate and its key, both in "
            f"PEM and the key without a password: {error.reason or error}"
        ) from error
    except OSError as error:
        raise StartError(
            f"{certificate.chain} or {certificate.key} cannot be read: {error.strerror}"
        ) from error
    return context


def _no_password() -> str:
    return ""
