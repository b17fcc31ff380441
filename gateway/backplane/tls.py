"""TLS to Redis: whom we trust, and what it means when that fails."""

from __future__ import annotations

import ssl
from typing import Any

from redis.asyncio.connection import RedisSSLContext

from gateway.redis_url import CHOICES, RedisUrl

_MEANINGS = {
    ("hostname mismatch", "ip address mismatch"): (
        "its certificate is for another name: name it in the URL as its certificate does"
    ),
    ("certificate has expired",): "its certificate has expired: give it a new one",
    ("certificate_verify_failed",): (
        "its certificate is signed by nobody who is trusted here: name the authority's file in "
        "the URL, ?ssl_ca_certs=/PATH/ca.pem"
    ),
    ("certificate_required", "handshake_failure", "unknown_ca", "bad_certificate"): (
        "it wants a certificate of ours that it trusts: name one in the URL, "
        "?ssl_certfile=/PATH/cert.pem&ssl_keyfile=/PATH/key.pem"
    ),
    ("wrong_version_number", "record_layer_failure", "unexpected_eof", "http_request"): (
        "TLS is not spoken there: write redis:// instead of rediss://, or its TLS port"
    ),
}
"""What may be in OpenSSL's own words, and what that means here."""


def options(url: RedisUrl) -> dict[str, Any]:
    """What redis-py has to be told: nothing for a URL without TLS."""
    if not url.tls:
        return {}
    given = url.tls_options
    return {
        "ssl": True,
        "ssl_ca_certs": given.get("ssl_ca_certs"),
        "ssl_cert_reqs": given.get("ssl_cert_reqs", "required"),
        "ssl_check_hostname": given.get("ssl_check_hostname") != "false",
        "ssl_certfile": given.get("ssl_certfile"),
        "ssl_keyfile": given.get("ssl_keyfile"),
    }


def context(url: RedisUrl) -> ssl.SSLContext | None:
    """What we speak TLS with ourselves: the same that redis-py would; None for a URL without TLS.

    Raises:
        ValueError: a file that the URL names cannot be read, or is not what it should be.
    """
    given = {name.removeprefix("ssl_"): value for name, value in options(url).items()}
    if not given.pop("ssl", False):
        return None
    try:
        return RedisSSLContext(**given).get()
    except OSError as error:
        files = " and ".join(name for name in url.tls_options if name not in CHOICES)
        raise ValueError(
            f"{files} in the URL must be PEM files that can be read ({error.strerror or error})"
        ) from error


def meaning(said: str) -> str | None:
    """What is wrong, and what to do, where these are OpenSSL's words; None where they are not."""
    for signs, text in _MEANINGS.items():
        if any(sign in said.lower() for sign in signs):
            return text
    return None
