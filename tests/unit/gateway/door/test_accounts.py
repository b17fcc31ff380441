import asyncio
import threading
from ipaddress import ip_address

import pytest

from gateway.chat.effects import Claim
from gateway.door import accounts as module
from gateway.door.accounts import AT_ONCE, Accounts
from gateway.door.passwords import hash_password
from gateway.errors import BackplaneDown
from tests.unit.gateway.fakes import AWAY, FakeAdmission, Memory, quiet, until
from wire.reasons import WireError

HASH = hash_password("right")
HOME = ip_address("2001:db8::7")
HERE = "2001:db8::/64"


def claim(password, name="Dana"):
    return Claim(name, None, None, {}, password=password)


@pytest.fixture
def admission():
    return FakeAdmission(Memory())


@pytest.fixture
async def accounts(admission):
    accounts = Accounts(admission, patience=0.15)  # one may wait
    yield accounts
    accounts.close()


async def refused(accounts, password, hash=HASH):
    with pytest.raises(WireError) as raised:
        await accounts.check(claim(password), hash, HOME)
    return raised.value


async def test_the_right_password_is_accepted_and_not_counted_as_an_attempt(accounts, admission):
    await accounts.check(claim("right"), HASH, HOME)
    assert admission.tried == []


async def test_a_wrong_password_is_counted_by_folded_name_and_network(accounts, admission):
    error = await refused(accounts, "wrong")
    assert error.code == "bad_password"
    assert admission.tried == [("dana", HERE)]


async def test_an_unregistered_name_is_answered_like_a_wrong_password(accounts, admission):
    wrong, unknown = await refused(accounts, "x"), await refused(accounts, "x", hash="")
    assert (wrong.code, wrong.text) == (unknown.code, unknown.text)
    assert admission.tried == [("dana", HERE)] * 2
    none, nobody = await refused(accounts, None), await refused(accounts, None, hash="")
    assert none.code == "password_required"
    assert (none.code, none.text) == (nobody.code, nobody.text)


async def test_without_a_password_nothing_is_checked_or_counted(accounts, admission):
    await refused(accounts, None)
    assert admission.tried == []


async def test_the_empty_password_is_a_password(accounts, admission):
    assert (await refused(accounts, "")).code == "bad_password"
    assert len(admission.tried) == 1


async def test_after_too_many_attempts_even_the_right_password_is_refused(
    accounts, admission, monkeypatch
):
    monkeypatch.setattr(module, "verify", lambda *_: pytest.fail("it was checked"))
    admission.wait = 12.3
    error = await refused(accounts, "right")
    assert error.code == "too_many_attempts"
    assert 12.3 <= error.retry_after <= 12.5
    assert admission.tried == []


async def test_when_redis_is_away_nobody_gets_in(accounts, admission, monkeypatch):
    async def away(*_):
        raise AWAY

    monkeypatch.setattr(admission, "try_password", away)
    with pytest.raises(BackplaneDown):
        await accounts.check(claim("right"), HASH, HOME)


class TestAtOnce:
    """Checks cost memory and time: few run at the same time, and few may wait."""

    @pytest.fixture
    def slow(self, monkeypatch):
        slow = Slow()
        monkeypatch.setattr(module, "verify", slow)
        yield slow
        slow.on.set()

    async def test_few_are_checked_at_the_same_time_and_the_loop_goes_on(self, admission, slow):
        accounts = Accounts(admission, patience=5.0)
        checks = [asyncio.create_task(accounts.check(claim("x"), HASH, HOME)) for _ in range(5)]
        await until(lambda: slow.under_way == AT_ONCE)
        await quiet()
        assert slow.under_way == AT_ONCE
        slow.on.set()
        await asyncio.gather(*checks)
        assert slow.most == AT_ONCE
        accounts.close()

    async def test_when_many_wait_the_next_one_is_refused_and_not_counted(
        self, accounts, admission, slow
    ):
        checks = [asyncio.create_task(accounts.check(claim("x"), HASH, HOME)) for _ in range(3)]
        await until(lambda: slow.under_way == AT_ONCE)
        error = await refused(accounts, "x")
        assert (error.code, error.retry_after) == ("too_many_attempts", 0.2)
        assert "wrong" not in error.text
        assert len(admission.tried) == AT_ONCE
        slow.on.set()
        await asyncio.gather(*checks)
        await accounts.check(claim("x"), HASH, HOME)

    async def test_those_who_come_together_are_limited_before_redis_is_asked(self, accounts, slow):
        checks = [asyncio.create_task(accounts.check(claim("x"), HASH, HOME)) for _ in range(5)]
        done, waiting = await asyncio.wait(checks, return_when=asyncio.FIRST_EXCEPTION)
        assert len(waiting) == 3
        assert {task.exception().code for task in done} == {"too_many_attempts"}
        slow.on.set()
        await asyncio.gather(*waiting)

    async def test_giving_up_makes_space(self, accounts, slow):
        checks = [asyncio.create_task(accounts.check(claim("x"), HASH, HOME)) for _ in range(3)]
        await until(lambda: slow.under_way == AT_ONCE)
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)
        slow.on.set()
        await asyncio.gather(*(accounts.check(claim("x"), HASH, HOME) for _ in range(3)))


class Slow:
    """Stands in for the check: waits until it is told to go on, then accepts."""

    def __init__(self):
        self.on = threading.Event()
        self.under_way = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, hash, password):
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.on.wait(30)
        with self._lock:
            self.under_way -= 1
        return True
