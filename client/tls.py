"""TLS to the gateway: which certificates to trust, and errors for people."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from client.errors import CannotConnect, Untrusted

ALERT = b"\x15\x03"
"""The first bytes of a TLS server's answer to a hello without TLS."""

_WRONG_HOST = (62, 64)
_WRONG_TIME = (9, 10)
"""OpenSSL's numbers for a certificate that is for another host or address, or that is not valid yet
or no longer."""


def trusting(ca: Path | None = None) -> ssl.SSLContext:
    """A TLS context: TLS 1.2 or newer, and a trusted certificate for the gateway's own name.

    Make it once: the system has many certificate authorities to load.

    Args:
        ca: PEM file with the certificate authorities to trust; None for the system's.

    Raises:
        CannotConnect: the file cannot be read, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise CannotConnect(f"{ca} holds no certificate: a PEM file is wanted") from None
    except OSError as error:
        raise CannotConnect(f"{ca} cannot be read: {error.strerror}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def explained(error: OSError, where: str) -> CannotConnect:
    """What went wrong in the TLS handshake, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return Untrusted(f"the certificate of {where} is refused: {why}. {_advice(error)}")
    if isinstance(error, ssl.SSLError) and error.reason != "WRONG_VERSION_NUMBER":
        why = (error.reason or "it failed").lower().replace("_", " ")
        return CannotConnect(f"no TLS with {where}: {why}; TLS 1.2 or newer is wanted")
    return CannotConnect(
        f"{where} does not answer in TLS: check the port, and ask the operator whether the gateway "
        "speaks TLS and lets your address in. Without --tls and --ca nothing is encrypted"
    )


def in_the_clear(hosts: Iterable[str]) -> list[str]:
    """The hosts that are not this machine: others could read what we send there."""
    return [host for host in hosts if not _is_loopback(host)]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _advice(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _WRONG_HOST:
        return "Name the gateway to --server as its certificate does"
    if error.verify_code in _WRONG_TIME:
        return "Is this machine's clock right? Else the gateway's operator has to renew it"
    return "--ca FILE names an authority of your own to trust"
