"""TLS to Redis: which certificates we trust, and what OpenSSL's errors mean."""

from __future__ import annotations

import os
import ssl

from redis.asyncio.connection import RedisSSLContext

from gateway.backplane.url import CHOICES, RedisUrl

_MEANINGS = {
    ("hostname mismatch", "ip address mismatch"): (
        "its certificate is for another host name: use the name in its certificate in the URL"
    ),
    ("certificate has expired",): "its certificate has expired: give it a new one",
    ("certificate_verify_failed",): (
        "its certificate is not signed by an authority that this machine trusts: name the "
        "authority's file in the URL, ?ssl_ca_certs=/PATH/ca.pem"
    ),
    ("certificate_required", "handshake_failure", "unknown_ca", "bad_certificate"): (
        "it wants a client certificate that it trusts: name one in the URL, "
        "?ssl_certfile=/PATH/cert.pem&ssl_keyfile=/PATH/key.pem"
    ),
    ("wrong_version_number", "record_layer_failure", "unexpected_eof", "http_request"): (
        "that port does not speak TLS: write redis:// instead of rediss://, or use the TLS port"
    ),
}
"""Parts of OpenSSL's errors, and what they mean here."""


def context(url: RedisUrl) -> ssl.SSLContext | None:
    """The TLS context for a URL, the same that redis-py would use; None for a URL without TLS.

    Raises:
        ValueError: a file in the URL cannot be read, or has the wrong content.
    """
    if not url.tls:
        return None
    given = url.tls_options
    files = {name: os.path.expanduser(given[name]) for name in given if name not in CHOICES}
    try:
        return RedisSSLContext(
            cert_reqs=given.get("ssl_cert_reqs", "required"),
            check_hostname=given.get("ssl_check_hostname") != "false",
            ca_certs=files.get("ssl_ca_certs"),
            certfile=files.get("ssl_certfile"),
            keyfile=files.get("ssl_keyfile"),
        ).get()
    except OSError as error:
        names, why = " and ".join(files), error.strerror or error
        raise ValueError(
            f"{names} in the URL must be PEM files that can be read ({why})"
        ) from error


def meaning(error: str) -> str | None:
    """What an error of OpenSSL means, and what to do; None if it is not one that is known."""
    for signs, text in _MEANINGS.items():
        if any(sign in error.lower() for sign in signs):
            return text
    return None
