import time

import pytest

from gateway.passwords import flaw, hash_password, verify


def test_a_password_is_known_again_and_another_is_not():
    hash = hash_password("correct horse")
    assert verify(hash, "correct horse")
    for wrong in ("", "correct horse ", "Correct horse", "correct hors"):
        assert not verify(hash, wrong)


@pytest.mark.parametrize("password", ["", "ü€💬", "a\0b", "x" * 256])
def test_any_text_will_do(password):
    assert verify(hash_password(password), password)
    assert not verify(hash_password(password), password + "\0")


def test_two_hashes_of_one_password_are_not_alike():
    assert hash_password("same") != hash_password("same")


def test_it_is_argon2id_with_its_parameters():
    assert hash_password("x").startswith("$argon2id$v=19$m=")


def test_without_a_hash_nothing_is_right():
    for password in ("", "x", "gateway.passwords"):
        assert not verify("", password)


@pytest.mark.parametrize("hash", ["x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$YQ$"])
def test_a_hash_that_is_none_lets_nobody_in(hash):
    assert not verify(hash, "x")


def test_a_name_without_a_hash_costs_what_a_wrong_password_does():
    hash = hash_password("right")
    verify("", "warm up")

    def cpu(of):
        def once():
            started = time.thread_time()
            verify(of, "wrong")
            return time.thread_time() - started

        return min(once() for _ in range(5))

    # Generous, since machines are busy: without the decoy it would be a thousandth.
    assert cpu("") > cpu(hash) / 3


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
