"""What is given up leaves nothing in Redis that has no end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

from gateway.backplane.contract import Proof, Touch
from gateway.backplane.keys import Keys
from gateway.errors import NameLost
from tests.contract.household import Gateway, StartBackplane, message, sealed
from wire.frames import LOBBY

KEPT_MS = 60_000
"""For which a session may be taken back, by the settings of the tests."""

NAMES = ["Dana", "MÜTTERCHEN"]
"""As people write them: what is kept under a name is kept under the folded one."""

End = Callable[[Gateway, Gateway, list[Any], Any], Awaitable[Any]]


async def goodbye(gateway: Gateway, other: Gateway, people: list[Any], kill: Any) -> None:
    assert len(await gateway.release(*people, for_good=True)) == len(people)


async def a_broken_connection(
    gateway: Gateway, other: Gateway, people: list[Any], kill: Any
) -> None:
    assert len(await gateway.release(*people, for_good=False)) == len(people)


async def a_sweep(gateway: Gateway, other: Gateway, people: list[Any], kill: Any) -> None:
    kill(gateway)
    assert len(await other.backplane.sweep()) == len(people)


ENDS = [goodbye, a_broken_connection, a_sweep]


def without_end(look: redis.Redis, prefix: str) -> set[str]:
    """The keys of a chat that never expire. All others expire in time."""
    keys = {key: look.pttl(key) for key in look.scan_iter(f"{prefix}:*")}
    # The address from which a name was got must be remembered for longer than its session.
    got = f"{Keys(prefix).users}:got:"
    assert all(left <= KEPT_MS for key, left in keys.items() if not key.startswith(got)), keys
    return {key for key, left in keys.items() if left == -1}


def of_the_chat(prefix: str) -> set[str]:
    """What is nobody's, and stays: the room's log, and which epochs and times were the last."""
    keys = Keys(prefix)
    return {
        *(keys.room_log(LOBBY), keys.room_epoch(LOBBY), keys.room_clock(LOBBY)),
        *(keys.users_epoch, keys.users_clock),
    }


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
@pytest.mark.parametrize("idle", [60.0, None])
async def test_of_those_who_have_gone_nothing_stays(
    start: StartBackplane,
    g2: Gateway,
    look: redis.Redis,
    prefix: str,
    kill: Any,
    end: End,
    idle: float | None,
) -> None:
    gateway = await start(idle=idle)
    before = without_end(look, prefix)
    people = [await gateway.online(name) for name in NAMES]
    for person in people:
        said = sealed(person.origin, 1, message("hello"))
        await gateway.publish(LOBBY, [said, message("without a seq")])
        await gateway.whisper(person, [each.folded for each in people], seq=2)
        await gateway.whisper(person, ["nobody"], seq=3)
        await gateway.backplane.touch([Touch(person.folded, person.session, 0.0)])
    await end(gateway, g2, people, kill)
    assert without_end(look, prefix) - before <= of_the_chat(prefix)


async def test_nor_of_what_came_too_late(
    g1: Gateway, g2: Gateway, look: redis.Redis, prefix: str
) -> None:
    before = without_end(look, prefix)
    dana, mom = [await g1.online(name) for name in NAMES]
    await g1.release(dana, for_good=False)
    await g1.whisper(mom, [dana.folded])
    await g1.release(mom, for_good=True)
    late = sealed(dana.origin, 1, message("late"))
    await g2.publish(LOBBY, [late])
    with pytest.raises(NameLost):
        await g2.whisper(dana, [mom.folded], seq=1)
    await g2.backplane.touch([Touch(dana.folded, dana.session, 0.0)])
    assert without_end(look, prefix) - before <= of_the_chat(prefix)


async def test_nor_of_those_who_were_refused(
    g1: Gateway, g2: Gateway, look: redis.Redis, prefix: str
) -> None:
    await g1.online("Dana")
    before = without_end(look, prefix)
    for auth in (Proof("open"), Proof("required")):
        refused = await g2.backplane.claim(g2.person("Dana"), 0.0, "wrong", auth)
        assert refused.outcome in ("taken", "locked")
    refused = await g2.backplane.claim(g2.person("Mom"), 0.0, None, Proof("required"))
    assert refused.outcome == "locked"
    await g2.backplane.admission.try_password("mom", "192.0.2.7")
    await g2.backplane.admission.forgive("mom", "192.0.2.8")
    assert without_end(look, prefix) == before


async def test_the_window_of_wrong_passwords_begins_with_the_first(
    g1: Gateway, look: redis.Redis, keys: Keys
) -> None:
    attempt = g1.backplane.admission.try_password
    await attempt("dana", "192.0.2.7")
    counters = list(look.scan_iter(keys.attempts("*")))
    for key in counters:
        look.pexpire(key, 20_000)
    await attempt("dana", "192.0.2.7")
    assert counters
    assert all(0 < look.pttl(key) <= 20_000 for key in counters)
