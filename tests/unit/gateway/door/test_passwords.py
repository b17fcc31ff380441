import importlib.util

import pytest
from argon2 import PasswordHasher, extract_parameters

from gateway.door import passwords
from gateway.door.passwords import flaw, hash_password, verify


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


def test_it_costs_what_is_recommended():
    # The tests have a cheaper one put in its place.
    spec = importlib.util.find_spec(passwords.__name__)
    untouched = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(untouched)
    cost = extract_parameters(untouched.hash_password("x"))
    assert (cost.memory_cost, cost.time_cost, cost.parallelism) == (65536, 3, 4)  # RFC 9106, 4


def test_without_a_hash_nothing_is_right():
    for password in ("", "x", "gateway.door.passwords"):
        assert not verify("", password)


def test_not_even_what_the_decoy_is_made_of(monkeypatch):
    hash = hash_password("decoy")
    monkeypatch.setattr(passwords, "_decoy", lambda: hash)
    assert not verify("", "decoy")


@pytest.mark.parametrize("hash", ["x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$YQ$"])
def test_a_hash_that_is_none_lets_nobody_in(hash):
    assert not verify(hash, "x")


def test_a_name_without_a_hash_costs_what_a_wrong_password_does(monkeypatch):
    looked_at = []

    class Hasher(PasswordHasher):
        def verify(self, hash, password):
            looked_at.append(extract_parameters(hash))
            return super().verify(hash, password)

    passwords._decoy.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", Hasher(time_cost=1, memory_cost=8, parallelism=1))
    verify(hash_password("right"), "wrong")
    verify("", "wrong")
    assert len(looked_at) == 2
    assert looked_at[0] == looked_at[1]


def test_the_first_name_without_a_hash_costs_no_more_than_the_next(monkeypatch):
    class Hasher(PasswordHasher):
        def hash(self, password):
            raise AssertionError("that takes as long as looking at one")

    passwords._decoy.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", Hasher(time_cost=1, memory_cost=8, parallelism=1))
    assert not verify("", "wrong")


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u2028", "\u2029", "\ufeff", "\u202e", "\u00ad", "\0"]
)
def test_what_nobody_can_type_is_no_part_of_a_new_one(unseen):
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
def test_what_somebody_can_type_will_do(typed):
    assert flaw(typed) is None


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
