import ssl
import subprocess

import pytest

from gateway.config import Certificate
from gateway.errors import StartError
from gateway.listeners.certificates import tls_context


@pytest.fixture
def pair(ca):
    return ca.issue()


def context(chain, key):
    return tls_context(Certificate(str(chain), str(key)))


def test_nothing_older_than_tls_1_2_is_accepted(pair):
    assert context(*pair).minimum_version is ssl.TLSVersion.TLSv1_2
    assert context(*pair).maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_clients_need_no_certificate(pair):
    assert context(*pair).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("missing", [0, 1])
def test_the_error_names_a_missing_file(pair, missing, tmp_path):
    files = list(pair)
    files[missing] = tmp_path / "none.pem"
    with pytest.raises(StartError, match=r"none\.pem.*cannot be read: No such file"):
        context(*files)


def test_a_key_of_another_certificate_is_refused(pair, ca):
    _, other = ca.issue()
    with pytest.raises(StartError, match="are not a certificate and its key"):
        context(pair[0], other)


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nxx\n", b"\xff"])
@pytest.mark.parametrize("broken", [0, 1])
def test_a_file_that_is_not_pem_is_refused(pair, tmp_path, content, broken):
    files = list(pair)
    files[broken] = tmp_path / "broken.pem"
    files[broken].write_bytes(content)
    with pytest.raises(StartError, match="are not a certificate and its key"):
        context(*files)


def test_an_encrypted_key_is_refused_without_asking_for_its_password(pair, tmp_path):
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-in", pair[1], "-aes256", "-passout", "pass:x", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(StartError, match="the key without a password"):
        context(pair[0], locked)
