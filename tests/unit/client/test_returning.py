from types import SimpleNamespace

import pytest

from client.errors import CannotConnect, Ended, Refused, Untrusted
from client.news import StillAway
from client.returning import FIRST, LONGEST, TAKEN_FOR, UNTRUSTED_FOR, Returning
from tests.unit.client.rejoin import Pauses
from wire.reasons import BANNED, CROWDED, IDLE, REPLACED, SHUTDOWN

LOST, LOST_IN_A_DRAIN = SimpleNamespace(wait=None), SimpleNamespace(wait=3.5)
NOBODY = CannotConnect("nobody there")


class Attempts:
    """A way back that fails as often as a test wants."""

    def __init__(self):
        self.failures = []
        self.told = []
        self.pauses = Pauses()
        self.returning = Returning(
            self.dial, self.told.append, self.pauses.sleep, lambda _low, high: high, self.pauses
        )

    async def dial(self, lost, seen):
        if self.failures:
            raise self.failures.pop(0)
        return "a connection"

    async def come_back(self, *failures, lost=LOST):
        """Come back after these failures; gives the pauses before each attempt."""
        self.failures = list(failures)
        self.pauses.slept.clear()
        assert await self.returning.after(lost, {}) == "a connection"
        return list(self.pauses.slept)


@pytest.fixture
def attempts():
    return Attempts()


async def test_all_clients_are_back_soon_but_not_in_the_same_moment(attempts):
    assert await attempts.come_back() == [FIRST]
    assert FIRST == 2.0


async def test_pauses_grow_while_no_gateway_answers(attempts):
    assert await attempts.come_back(*[NOBODY] * 4) == [2.0, 4.0, 8.0, LONGEST, LONGEST]


async def test_after_a_drain_each_client_waits_as_long_as_it_was_told(attempts):
    assert await attempts.come_back(NOBODY, lost=LOST_IN_A_DRAIN) == [3.5, 2.0]


async def test_after_a_short_connection_pauses_go_on_growing(attempts):
    assert await attempts.come_back(NOBODY) == [2.0, 4.0]
    attempts.pauses.now += LONGEST
    assert await attempts.come_back() == [8.0]


async def test_after_a_good_connection_pauses_are_short_again(attempts):
    assert await attempts.come_back(NOBODY) == [2.0, 4.0]
    attempts.pauses.now += LONGEST + 1
    assert await attempts.come_back() == [2.0]


@pytest.mark.parametrize(
    "failure",
    [
        Refused("bad_version", "too old"),
        Refused("bad_name", "?"),
        Refused("password_required", "?"),
        Refused("bad_password", "?"),
        Ended(REPLACED),
        Ended(BANNED),
        Ended(IDLE),
    ],
)
async def test_it_gives_up_when_trying_again_is_hopeless(attempts, failure):
    with pytest.raises(type(failure)) as error:
        await attempts.come_back(failure)
    assert error.value is failure
    assert attempts.told == []


async def test_it_goes_on_trying_while_that_may_help(attempts):
    away = Refused("unavailable", "Redis is away")
    assert len(await attempts.come_back(NOBODY, away, Ended(SHUTDOWN))) == 4
    assert [news.why for news in attempts.told] == [str(NOBODY), "Redis is away", SHUTDOWN.text]


async def test_a_name_that_stays_taken_belongs_to_somebody_else(attempts):
    taken = Refused("name_taken", "somebody is dana already")
    with pytest.raises(Refused, match="already"):
        await attempts.come_back(NOBODY, *[taken] * 100)
    first = sum((2.0, 4.0))
    assert TAKEN_FOR <= attempts.pauses.now - first < TAKEN_FOR + LONGEST
    # The next time it has its time anew.
    await attempts.come_back(taken, taken)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Ended(CROWDED, 12.5), StillAway(CROWDED.text, 12.5)),
        (
            Refused("too_many_attempts", "try again in 12.5 s", retry_after=12.5),
            StillAway("try again in 12.5 s"),
        ),
    ],
)
async def test_it_waits_as_long_as_the_gateway_says(attempts, failure, told):
    assert await attempts.come_back(failure, failure, NOBODY) == [2.0, 12.5, 12.5, 4.0]
    assert attempts.told[0] == told


async def test_it_chooses_the_pause_if_the_gateway_does_not_say(attempts):
    assert await attempts.come_back(Ended(CROWDED)) == [2.0, 4.0]
    assert attempts.told == [StillAway(CROWDED.text, None)]


async def test_a_certificate_that_is_untrusted_for_a_moment_is_tried_again(attempts):
    portal = Untrusted("of another network")
    assert len(await attempts.come_back(portal, portal)) == 3
    assert [news.why for news in attempts.told] == ["of another network"]


async def test_a_server_that_stays_untrusted_is_not_tried_forever(attempts):
    with pytest.raises(Untrusted, match="expired"):
        await attempts.come_back(*[Untrusted("expired")] * 100)
    assert UNTRUSTED_FOR <= attempts.pauses.now < UNTRUSTED_FOR + 2 * LONGEST
