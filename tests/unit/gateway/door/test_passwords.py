import importlib.util

import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway.door import passwords
from gateway.door.passwords import flaw, hash_password, verify


def test_only_the_same_password_matches():
    hash = hash_password("correct horse")
    assert verify(hash, "correct horse")
    for wrong in ("", "correct horse ", "Correct horse", "correct hors"):
        assert not verify(hash, wrong)


@pytest.mark.parametrize("password", ["", "ü€💬", "a\0b", "x" * 256])
def test_any_text_can_be_a_password(password):
    assert verify(hash_password(password), password)
    assert not verify(hash_password(password), password + "\0")


def test_two_hashes_of_one_password_differ():
    assert hash_password("same") != hash_password("same")


def test_it_is_argon2id_with_its_parameters():
    assert hash_password("x").startswith("$argon2id$v=19$m=")


def test_the_cost_is_the_recommended_one():
    # A fixture replaces it by a cheaper one, so load the module again.
    spec = importlib.util.find_spec(passwords.__name__)
    untouched = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(untouched)
    cost = extract_parameters(untouched.hash_password("x"))
    assert (cost.memory_cost, cost.time_cost, cost.parallelism) == (65536, 3, 4)  # RFC 9106, 4


def test_without_a_hash_no_password_matches():
    for password in ("", "x", "gateway.door.passwords"):
        assert not verify("", password)


def test_the_decoy_matches_no_password(monkeypatch):
    hash = hash_password("decoy")
    monkeypatch.setattr(passwords, "_decoy", lambda: hash)
    assert not verify("", "decoy")


@pytest.mark.parametrize("hash", ["x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$YQ$"])
def test_a_malformed_hash_lets_nobody_in(hash):
    assert not verify(hash, "x")


def test_a_name_without_a_hash_costs_what_a_wrong_password_does(monkeypatch):
    checked = []

    class Hasher(PasswordHasher):
        def verify(self, hash, password):
            checked.append(extract_parameters(hash))
            return super().verify(hash, password)

    passwords._decoy.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", Hasher(time_cost=1, memory_cost=8, parallelism=1))
    verify(hash_password("right"), "wrong")
    verify("", "wrong")
    assert len(checked) == 2
    assert checked[0] == checked[1]


def test_the_first_name_without_a_hash_takes_no_longer_than_the_next(monkeypatch):
    class Hasher(PasswordHasher):
        def hash(self, password):
            raise AssertionError("computing a hash takes as long as checking a password")

    passwords._decoy.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", Hasher(time_cost=1, memory_cost=8, parallelism=1))
    assert not verify("", "wrong")


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u2028", "\u2029", "\ufeff", "\u202e", "\u00ad", "\0"]
)
def test_a_new_password_may_not_have_characters_that_nobody_can_type(unseen):
    assert "nobody can type" in flaw(f"correct{unseen}horse")


@pytest.mark.parametrize(
    "typed",
    [
        "correct horse",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "❤️❤️❤️❤️ 👍🏽",
        " \u00a0 with blanks ",
    ],
)
def test_a_new_password_may_have_anything_that_can_be_typed(typed):
    assert flaw(typed) is None


def test_keyboards_that_encode_an_accent_differently_make_the_same_password():
    assert verify(hash_password("caf\u00e9 ole"), "cafe\u0301 ole")


@pytest.mark.parametrize("hash", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_an_unreadable_hash_matches_no_password(hash):
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
def test_the_length_and_the_control_characters_of_a_new_password_are_checked(password, says):
    assert (flaw(password) or "").find(says or "") >= 0
    assert (flaw(password) is None) is (says is None)
