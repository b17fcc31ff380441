"""TLS to Redis: whom we trust, and what it means when that fails."""

from __future__ import annotations

import os
import ssl

from redis.asyncio.connection import RedisSSLContext

from gateway.backplane.url import CHOICES, RedisUrl

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


def context(url: RedisUrl) -> ssl.SSLContext | None:
    """What we speak TLS with ourselves: the same that redis-py would; None for a URL without TLS.

    Raises:
        ValueError: a file that the URL names cannot be read, or is not what it should be.
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


def meaning(said: str) -> str | None:
    """What is wrong, and what to do, where these are OpenSSL's words; None where they are not."""
    for signs, text in _MEANINGS.items():
        if any(sign in said.lower() for sign in signs):
            return text
    return None
