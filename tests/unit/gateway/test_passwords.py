import pytest

from gateway.passwords import flaw, hash_password, verify


def test_a_password_is_its_own_and_no_other():
    hash = hash_password("correct horse")
    assert hash.startswith("$argon2id$")
    assert "horse" not in hash
    assert verify(hash, "correct horse")
    assert not verify(hash, "Correct horse")
    assert not verify(hash, "")


def test_no_two_hashes_are_the_same():
    assert hash_password("correct horse") != hash_password("correct horse")


def test_it_may_be_typed_on_another_keyboard():
    assert verify(hash_password("caf\u00e9 ole"), "cafe\u0301 ole")


@pytest.mark.parametrize("hash", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_a_hash_that_cannot_be_read_fits_nothing(hash):
    assert not verify(hash, "")


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("1234567", "too short"),
        ("12345678", None),
        ("x" * 256, None),
        ("x" * 257, "too long"),
        ("pass\x00word", "control"),
        ("pass\udcffword", "control"),
        ("パスワード\u3000です", None),
    ],
)
def test_which_will_do(password, says):
    assert (flaw(password) or "").find(says or "") >= 0
    assert (flaw(password) is None) is (says is None)
