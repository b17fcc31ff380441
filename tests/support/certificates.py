"""Certificates for the tests, made with the `openssl` command: an authority, and what it signs."""

import itertools
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

AUTHORITY = """
[req]
distinguished_name = subject
prompt = no
x509_extensions = extensions
[subject]
CN = {name}
[extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""

SERVER = """
[req]
distinguished_name = subject
prompt = no
[subject]
CN = {name}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""

ECDSA = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
"""A key that is made in no time; it is not encrypted."""


class Authority:
    """Signs certificates of servers.

    Attributes:
        ca: its own certificate, PEM: what a client has to trust.
    """

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._folder = folder
        self._serials = itertools.count(1)
        config = self._write("ca.cnf", AUTHORITY.format(name=name))
        files = ("-keyout", str(self._key), "-out", str(self.ca))
        _openssl("req", "-x509", *ECDSA, "-config", str(config), "-days", "2", *files)

    def issue(
        self, name: str = "localhost", addresses: Sequence[str] = ("127.0.0.1",), days: int = 1
    ) -> tuple[Path, Path]:
        """Make a server's certificate, and a key of its own.

        Args:
            name: host name that it is for.
            addresses: IP addresses that it is for.
            days: until it expires; less than 0 for one that has expired.

        Returns:
            The chain and the key: PEM files, new ones for each call.
        """
        serial = next(self._serials)
        names = ", ".join((f"DNS:{name}", *(f"IP:{address}" for address in addresses)))
        config = self._write(f"{serial}.cnf", SERVER.format(name=name, names=names))
        request, chain, key = (
            self._folder / f"{serial}.{kind}" for kind in ("csr", "chain.pem", "key")
        )
        _openssl(
            *("req", "-new", *ECDSA, "-config", str(config)),
            *("-keyout", str(key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-out", str(chain), "-days", str(days)),
            *("-CA", str(self.ca), "-CAkey", str(self._key), "-set_serial", str(serial)),
            *("-extfile", str(config), "-extensions", "extensions"),
        )
        return chain, key

    def server(self, **given: Any) -> ssl.SSLContext:
        """What a server needs that shows a new certificate, as `issue` makes it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(**given))
        return context

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        return path


def authority(folder: Path, name: str = "Test authority") -> Authority:
    """Make an authority whose files are in a folder; skips the test where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("this machine has no openssl to make certificates with")
    return Authority(folder, name)


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {' '.join(arguments)}\n{done.stderr}"
