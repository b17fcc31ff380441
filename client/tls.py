"""TLS to the gateway: whom to trust, and in words what stood in the way of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from client.errors import CannotConnect, Untrusted

ALERT = b"\x15\x03"
"""How a server that speaks TLS begins its answer to a hello without it."""

_WRONG_HOST = (62, 64)
_WRONG_TIME = (9, 10)
"""OpenSSL's numbers: the certificate is for another host or address; not yet valid, or expired."""


def trusting(ca: Path | None = None) -> ssl.SSLContext:
    """What is asked of a gateway: TLS 1.2 or newer, a certificate that is trusted, its own name.

    To be made once, since the system's authorities are many.

    Args:
        ca: PEM file with whom to trust; None for whom the system trusts.

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
    """What went wrong before TLS was agreed on, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return Untrusted(f"the certificate of {where} is refused: {why}. {_advice(error)}")
    if isinstance(error, ssl.SSLError) and error.reason != "WRONG_VERSION_NUMBER":
        why = (error.reason or "it failed").lower().replace("_", " ")
        return CannotConnect(f"no TLS with {where}: {why}; TLS 1.2 or newer is wanted")
    return CannotConnect(
        f"{where} does not answer in TLS: is it switched on there, is it this port, and may this "
        "address come in? Without --tls and --ca nothing is encrypted"
    )


def in_the_clear(hosts: Iterable[str]) -> list[str]:
    """Of some hosts those that are not this machine: what is sent there others could read."""
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
