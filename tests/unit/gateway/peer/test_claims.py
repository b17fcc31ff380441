import asyncio
import hashlib

import pytest
from msgspec.structs import replace

from gateway.backplane.records import UNKNOWN
from gateway.chat.effects import Claim
from gateway.door.passwords import hash_password
from gateway.errors import BackplaneDown, BackplaneRefused
from gateway.peer.claims import Login
from tests.unit.gateway.fakes import AWAY, FakeLink, backplane_of, quiet, registration, until
from wire.reasons import QUIT, WireError

DANA = Claim("Dana", "chatctl 1", None, {})
ADDRESS = "192.0.2.7:50000"
LINK = FakeLink(ADDRESS)


@pytest.fixture
def redis(gateway):
    return backplane_of(gateway)


async def log_in(gateway, claim, link):
    return await gateway._shared.claims.claim(claim, link)


async def let_go(gateway, login):
    gateway.channels.drop(login.own)


async def test_the_record_says_who_and_where(gateway, redis):
    login = await log_in(gateway, DANA, LINK)
    record = redis.memory.users["dana"]
    assert record == login.registration
    assert (record.name, record.folded, record.client) == ("Dana", "dana", "chatctl 1")
    assert (record.gateway, record.address) == (gateway.id, ADDRESS)
    assert record.rooms == ["lobby"]
    await let_go(gateway, login)


async def test_the_channels_are_listened_to_before_the_name_is_claimed(gateway, redis):
    login = await log_in(gateway, DANA, LINK)
    methods = [method for method, _ in redis.calls if method in ("subscribe", "claim")]
    assert methods == ["subscribe", "claim"]
    assert redis.channels == ["to:dana"] == [login.own.name]
    await let_go(gateway, login)


async def test_redis_keeps_the_hash_of_the_token_only(gateway, redis):
    login = await log_in(gateway, DANA, LINK)
    assert redis.memory.users["dana"].resume == hashlib.sha256(login.token.encode()).hexdigest()
    assert login.token not in repr(redis.calls)
    await let_go(gateway, login)


async def test_a_token_that_was_shown_is_proved_by_its_hash(gateway, redis):
    first = await log_in(gateway, DANA, LINK)
    second = await log_in(gateway, Claim("dana", None, first.token, {}), LINK)
    assert second.claimed.outcome == "resumed"
    assert first.token not in repr(redis.calls)
    assert second.token != first.token
    await let_go(gateway, first)
    await let_go(gateway, second)


async def test_sessions_and_tokens_are_never_the_same_twice(gateway):
    logins = [await log_in(gateway, Claim(f"n{i}", None, None, {}), LINK) for i in range(20)]
    assert len({login.registration.session for login in logins}) == 20
    assert len({login.token for login in logins}) == 20
    for login in logins:
        await let_go(gateway, login)


async def test_whose_name_is_taken_listens_to_nothing(gateway, redis):
    redis.memory.users["dana"] = registration("DANA")
    with pytest.raises(WireError, match="the name Dana is taken"):
        await log_in(gateway, DANA, LINK)
    assert redis.channels == []


@pytest.mark.parametrize("password", [None, "wrong"])
async def test_who_does_not_know_the_password_listens_to_nothing(gateway, redis, password):
    redis.memory.accounts["dana"] = hash_password("right")
    with pytest.raises(WireError):
        await log_in(gateway, Claim("Dana", None, None, {}, password=password), LINK)
    assert redis.channels == []
    with pytest.raises(KeyError):  # nothing is kept for it either
        gateway.positions.at(b"to:dana")


async def test_where_the_origin_began_is_told_to_redis_and_known_ever_after(house, gateway, redis):
    first = redis.memory.say("before anybody came")
    sis = await house.guest(gateway, "sis")
    await until(lambda: redis.memory.users["sis"].began.get("lobby") == first.decode())
    login = await log_in(gateway, DANA, LINK)
    began = {"@": f"6-{2**64 - 1}", "lobby": first.decode()}
    assert login.registration.began == redis.memory.users["dana"].began == began
    redis.memory.say("meanwhile")
    again = await log_in(gateway, Claim("dana", None, login.token, {}), LINK)
    assert again.registration.began == began
    await let_go(gateway, login)
    await let_go(gateway, again)
    sis.peer.end(QUIT)


async def test_without_redis_nothing_is_claimed_and_nothing_listened_to(gateway, redis):
    redis.fail(AWAY, "subscribe")
    with pytest.raises(BackplaneDown):
        await log_in(gateway, DANA, LINK)
    assert not redis.count("claim")
    assert not redis.count("release")
    assert redis.channels == []


@pytest.mark.parametrize("error", [AWAY, BackplaneRefused("OOM")])
async def test_a_claim_in_doubt_is_taken_back(gateway, redis, error):
    redis.fail(error, "claim")
    with pytest.raises(type(error)):
        await log_in(gateway, DANA, LINK)
    ((released,),) = redis.asked("release")
    ((claimed, _, _),) = redis.asked("claim")
    # Only Redis knows whether mail was given to the session that never began.
    assert released == replace(claimed, mail=UNKNOWN)
    assert redis.channels == []


async def test_two_who_want_one_name_at_once_are_one_who_gets_it(gateway):
    wanting = (log_in(gateway, DANA, LINK) for _ in range(5))
    logins = await asyncio.gather(*wanting, return_exceptions=True)
    (login,) = (login for login in logins if isinstance(login, Login))
    await let_go(gateway, login)
    await quiet()
