"""Certificates for the tests, made with the `openssl` command: an authority that signs others."""

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
extendedKeyUsage = {usage}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""

ECDSA = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
"""Makes a key quickly, and without a password."""


class Authority:
    """Signs server certificates.

    Attributes:
        ca: its own certificate in PEM, which clients have to trust.
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
        self,
        name: str = "localhost",
        addresses: Sequence[str] = ("127.0.0.1",),
        days: int = 1,
        usage: str = "serverAuth",
    ) -> tuple[Path, Path]:
        """Make a server certificate and its key.

        Args:
            name: the host name that it is for.
            addresses: the IP addresses that it is for.
            days: how long it is valid; less than 0 if it has expired.
            usage: what it is for: servers that also connect to each other need more.

        Returns:
            The chain and the key, as PEM files; each call makes new ones.
        """
        serial = next(self._serials)
        names = ", ".join((f"DNS:{name}", *(f"IP:{address}" for address in addresses)))
        config = self._write(f"{serial}.cnf", SERVER.format(name=name, names=names, usage=usage))
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
        """A TLS context for a server with a new certificate, made by `issue`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(**given))
        return context

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        return path


def authority(folder: Path, name: str = "Test authority") -> Authority:
    """Make an authority with its files in a folder; skips the test if there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("this machine has no openssl to make certificates with")
    return Authority(folder, name)


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {' '.join(arguments)}\n{done.stderr}"
