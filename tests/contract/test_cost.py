"""What a script takes of Redis' time grows no faster than what it is given, or has to return.

Redis does one thing at a time: what one person can make dear is waited for by all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.backplane.contract import Arrival, Departure, Log, Proof, Touch
from gateway.backplane.ids import NOTHING
from gateway.backplane.keys import Keys
from gateway.backplane.records import Member, Registration
from gateway.chat.room_records import Edit, sanction_text
from gateway.chat.rooms import Sanction
from tests.contract.household import Gateway, StartBackplane, message, sealed
from tests.support.servers import Server
from wire.codec import encode_body
from wire.frames import LOBBY, PRIVATE, Changed

# The loop of the gateway is not what is measured.
pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])

SMALL, GROWTH = 1000, 16

TIMES_DEARER = GROWTH**2 // 2
"""That is allowed: less than the square of the growth, and a busy machine gets its share."""

NEGLIGIBLE = 300.0
"""Microseconds that nobody has to explain."""

Call = Callable[[Gateway, str], Awaitable[Any]]

DEV = "dev"

EVENT = encode_body(Changed(room=DEV, by="dana", change="topic", topic="tea"))

_CHARACTERS = st.sampled_from("\"\\{}[]() .,:;@-_0a\u00e9\u0301\u200d\n\0%'")

TEXTS = st.tuples(
    st.text(_CHARACTERS, max_size=2),
    st.text(_CHARACTERS, min_size=1, max_size=3),
    st.text(_CHARACTERS, max_size=2),
)
"""How a long text begins, what it repeats, and how it ends."""


@pytest.fixture(params=["valkey", "redis_server"])
def server(request: pytest.FixtureRequest) -> Server:
    # An imitation has its own costs.
    server: Server = request.getfixturevalue(request.param)
    return server


async def cost(look: redis.Redis, call: Callable[[], Awaitable[Any]]) -> float:
    """Microseconds of Redis that a call takes at best."""
    found = []
    for _ in range(4):
        before = _spent(look)
        await call()
        found.append(_spent(look) - before)
    return min(found)


def _spent(look: redis.Redis) -> float:
    stats: dict[str, Any] = look.info("commandstats")
    scripts = [spent for name, spent in stats.items() if name.startswith("cmdstat_eval")]
    return float(sum(each["usec"] for each in scripts))


def arrival(person: Registration) -> Arrival:
    """Somebody enters a room."""
    session, gateway, origin = person.session, person.gateway, person.origin
    member = Member(name=person.name, session=session, gateway=gateway, origin=origin)
    return Arrival(person.folded, member, told=True)


def departure(person: Registration) -> Departure:
    """Somebody leaves it."""
    return Departure(person.folded, person.name, person.session, "left")


async def attend(gateway: Gateway, items: list[Arrival | Departure]) -> None:
    """These enter a room, and leave it."""
    _, state = await gateway.backplane.rooms.state(DEV)
    await gateway.backplane.rooms.attend(DEV, state.version, items, create=True)


# Texts, each wherever a peer can put one.


async def claims(gateway: Gateway, text: str) -> None:
    person = gateway.person(text, folded=text, address=text)
    await gateway.backplane.claim(person, 0.0, text, Proof("open", text))
    await gateway.backplane.touch([Touch(text, person.session, 0.0)])
    await gateway.backplane.users("0")
    await gateway.release(person, for_good=False)
    again = gateway.person(text, folded=text, address=text)
    await gateway.backplane.claim(again, 0.0, text, Proof("open", text))
    await gateway.release(again, for_good=True)


async def names_somebody(gateway: Gateway, text: str) -> None:
    dana = await gateway.online("dana")
    await gateway.whisper(dana, [text], seq=1)
    await gateway.backplane.present([text])
    await gateway.release(dana)


async def says_something_privately(gateway: Gateway, text: str) -> None:
    dana = await gateway.online("dana")
    await gateway.whisper(dana, ["dana"], text)
    for _ in range(2):
        await gateway.whisper(dana, ["dana"], text, seq=1)
    await gateway.release(dana)


async def says_something(gateway: Gateway, text: str) -> None:
    body = message(text)
    for _ in range(2):
        await gateway.publish(LOBBY, [body, sealed("ab", 1, body)])


async def shows_a_password(gateway: Gateway, text: str) -> None:
    if not await gateway.backplane.admission.try_password(text, text):
        await gateway.backplane.admission.forgive(text, text)


@pytest.mark.parametrize(
    "call",
    [claims, names_somebody, says_something_privately, says_something, shows_a_password],
    ids=lambda call: call.__name__,
)
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(parts=TEXTS)
async def test_a_text_costs_no_more_than_its_length(
    g1: Gateway, look: redis.Redis, call: Call, parts: tuple[str, str, str]
) -> None:
    begin, again, end = parts

    async def at(length: int) -> float:
        text = begin + again * (length // len(again)) + end
        return await cost(look, lambda: call(g1, text))

    small, large = await at(SMALL), await at(SMALL * GROWTH)
    assert large <= TIMES_DEARER * max(small, NEGLIGIBLE), (small, large)


# Many of something in one call.


async def to_many(gateway: Gateway, count: int) -> None:
    dana = await gateway.online("dana")
    await gateway.whisper(dana, [f"nobody{n}" for n in range(count)], seq=1)
    await gateway.backplane.present([f"nobody{n}" for n in range(count)])
    await gateway.release(dana)


async def many_lines(gateway: Gateway, count: int) -> None:
    body = message("hello")
    lines = [sealed(f"{n % 7:x}", n, body) for n in range(count)]
    for _ in range(2):
        await gateway.publish(LOBBY, lines)


async def many_leave(gateway: Gateway, count: int) -> None:
    people = [await gateway.online(f"user{n}") for n in range(count)]
    await gateway.backplane.touch([Touch(each.folded, each.session, 0.0) for each in people])
    assert len(await gateway.release(*people, for_good=False)) == count


async def many_enter_a_room_and_leave_it(gateway: Gateway, count: int) -> None:
    people = [gateway.person(f"user{n}") for n in range(count)]
    await attend(gateway, [arrival(person) for person in people])
    await attend(gateway, [departure(person) for person in people])


async def many_are_invited(gateway: Gateway, count: int) -> None:
    people = [gateway.person(f"user{n}") for n in range(count)]
    await attend(gateway, [arrival(person) for person in people])
    _, state = await gateway.backplane.rooms.state(DEV)
    edits = [Edit("invited", person.folded, None) for person in people]
    await gateway.backplane.rooms.change(DEV, state.version, edits, EVENT, invite_members=True)
    await attend(gateway, [departure(person) for person in people])


MANY = [to_many, many_lines, many_leave, many_enter_a_room_and_leave_it, many_are_invited]


@pytest.mark.parametrize("call", MANY, ids=lambda call: call.__name__)
async def test_many_at_once_cost_no_more_than_their_number(
    g1: Gateway, look: redis.Redis, call: Callable[[Gateway, int], Awaitable[Any]]
) -> None:
    small = await cost(look, lambda: call(g1, 50))
    large = await cost(look, lambda: call(g1, 50 * GROWTH))
    assert large <= TIMES_DEARER * max(small, NEGLIGIBLE), (small, large)


async def test_a_sweep_costs_no_more_than_those_it_finds(
    start: StartBackplane, g1: Gateway, look: redis.Redis, kill: Any
) -> None:
    async def of(count: int) -> float:
        dead = await start()
        for n in range(count):
            await dead.online(f"user{count}-{n}")
        kill(dead)
        before = _spent(look)
        assert len(await g1.backplane.sweep()) == count
        return _spent(look) - before

    small, large = await of(30), await of(30 * GROWTH)
    assert large <= TIMES_DEARER * max(small, NEGLIGIBLE), (small, large)


# What is known already costs nothing.


async def test_the_bans_of_a_room_cost_nothing_if_they_are_known(
    g1: Gateway, look: redis.Redis
) -> None:
    await attend(g1, [arrival(g1.person("dana"))])

    async def of(count: int) -> float:
        rooms = g1.backplane.rooms
        _, before = await rooms.state(DEV)
        ban = sanction_text(Sanction("user", "dana", "x" * 200, None))
        edits = [Edit("bans", f"name:user{n}", ban) for n in range(count)]
        await rooms.change(DEV, before.version, edits, EVENT)
        _, known = await rooms.state(DEV)
        return await cost(look, lambda: rooms.state(DEV, known))

    few, many = await of(10), await of(10_000)
    assert many <= 3 * max(few, NEGLIGIBLE), (few, many)


# What was there before costs nothing.


async def says_again(gateway: Gateway) -> None:
    body = message("hello")
    await gateway.publish(LOBBY, [sealed("ab", 0, body)])
    dana = gateway.person("dana", origin="cd", session="dana")
    await gateway.whisper(dana, ["dana"], seq=0)


async def says_more(gateway: Gateway) -> None:
    await gateway.publish(LOBBY, [message("hello")])
    dana = gateway.person("dana", origin="cd", session="dana")
    await gateway.whisper(dana, ["dana"])


async def lists_some(gateway: Gateway) -> None:
    await gateway.backplane.users("0")
    await gateway.backplane.present(["user1"])


async def reads_some(gateway: Gateway) -> None:
    for log in (Log(LOBBY), Log(PRIVATE, "dana")):
        await gateway.backplane.read_log(log, NOTHING, 20)
        await gateway.backplane.tails([log])


async def enters_and_leaves(gateway: Gateway) -> None:
    dad = gateway.person("dad")
    await attend(gateway, [arrival(dad)])
    await gateway.backplane.rooms.marks([DEV])
    await attend(gateway, [departure(dad)])


@pytest.mark.parametrize(
    "call",
    [says_again, says_more, lists_some, reads_some, enters_and_leaves],
    ids=lambda call: call.__name__,
)
async def test_what_was_said_before_and_who_is_here_costs_nothing(
    start: StartBackplane,
    look: redis.Redis,
    keys: Keys,
    call: Callable[[Gateway], Awaitable[Any]],
) -> None:
    gateway = await start(history=100_000)
    await gateway.backplane.renew_lease(600.0)  # a busy machine takes its time
    dana = await gateway.online("dana", origin="cd", session="dana")
    await says_again(gateway)

    async def after(count: int) -> float:
        body = message("hello")
        await gateway.publish(LOBBY, [body] * count)
        for n in range(count):
            await gateway.whisper(dana, ["dana"])
            await gateway.online(f"user{count}-{n}")
        await attend(gateway, [arrival(gateway.person(f"user{count}-{n}")) for n in range(count)])
        return await cost(look, lambda: call(gateway))

    small, large = await after(100), await after(100 * GROWTH)
    # A list shows up to 200 people, and there are 100 at first: twice as many cost twice as much.
    assert large <= GROWTH / 3 * max(small, NEGLIGIBLE), (small, large)
