import asyncio
from ipaddress import ip_address

import pytest

from gateway.backplane.records import Ban
from gateway.errors import BackplaneRefused
from gateway.fleet.orders import MAX_EARLY
from tests.unit.gateway.fakes import AWAY, FakeLink, backplane_of, quiet, registration, until
from wire.frames import Hello, Joined, Left, Notice, Welcome
from wire.reasons import KICKED, REPLACED

NOW = 1795428000123  # the fake's


def ban(subject, kind, **fields):
    return Ban(subject=subject, kind=kind, since=0, **fields)


def session_of(guest):
    return guest.peer.membership.registration.session


class TestKicks:
    async def test_one_who_is_kicked_is_told_the_text_and_not_to_come_back(self, house, gateway):
        dana, sis = await house.guest(gateway, "dana"), await house.guest(gateway, "sis")
        gateway.control("kick", f"{session_of(dana)} An operator sent you away: be nice")
        reason = await dana.gone()
        assert (reason.code, reason.reconnect) == ("kicked", False)
        assert reason.text == "An operator sent you away: be nice"
        assert sis.link.closed is None

    async def test_without_a_text_there_is_one(self, house, gateway):
        dana = await house.guest(gateway, "dana")
        gateway.control("kick", session_of(dana))
        assert await dana.gone() == KICKED

    async def test_one_whose_claim_is_not_answered_yet_is_kicked_too(self, house, gateway):
        backplane = backplane_of(gateway)
        held = backplane.hold("claim")
        dana = house.connect(gateway)
        dana.say(Hello(v=1, name="dana"))
        await until(lambda: backplane.count("claim"))
        gateway.control("kick", f"{backplane.asked('claim')[-1][0].session} Out.")
        held.set()
        assert (await dana.gone()).text == "Out."
        assert not dana.told(Welcome)
        assert house.memory.users == {}

    async def test_orders_for_sessions_that_are_not_here_are_not_kept_without_end(self, gateway):
        for number in range(3 * MAX_EARLY):
            gateway.control("kick", f"{number:x} text")
        kept = [gateway.orders.early(f"{number:x}") for number in range(3 * MAX_EARLY)]
        assert sum(each is not None for each in kept) == MAX_EARLY
        assert kept[-1] is not None

    @pytest.mark.parametrize("rest", ["", "nobody", "nobody text", " "])
    async def test_a_session_that_is_not_here_is_nobody(self, house, gateway, rest):
        dana = await house.guest(gateway, "dana")
        for verb in ("kick", "replaced"):
            gateway.control(verb, rest)
        await quiet()
        assert dana.link.closed is None

    async def test_one_who_is_only_written_down_here_is_taken_out(self, house, gateway):
        dana = await house.guest(gateway, "Dana")
        ghost = registration("Eve", gateway=gateway.id)
        house.memory.users["eve"] = ghost
        gateway.control("kick", f"{ghost.session} Out.")
        await until(lambda: "eve" not in house.memory.users)
        assert dana.link.closed is None

    async def test_a_flood_of_such_orders_is_one_look_at_a_time(self, gateway):
        held = backplane_of(gateway).hold("own_users")
        for number in range(100):
            gateway.control("kick", f"{number:x} Out.")
            await asyncio.sleep(0)
        held.set()
        await quiet()
        assert backplane_of(gateway).count("own_users") == 1
        gateway.control("kick", "ff Out.")
        await until(lambda: backplane_of(gateway).count("own_users") == 2)

    async def test_who_comes_back_elsewhere_costs_no_such_look(self, house, gateway):
        gateway.control("replaced", "ff")
        await quiet()
        assert not backplane_of(gateway).count("own_users")

    async def test_without_redis_that_is_left_for_later(self, gateway, caplog):
        backplane_of(gateway).fail(AWAY, "own_users")
        gateway.control("kick", "ff Out.")
        await quiet()
        assert "unexpected" not in caplog.text


async def test_who_came_back_elsewhere_is_let_go(house, gateway):
    dana = await house.guest(gateway, "dana")
    gateway.control("replaced", session_of(dana))
    assert await dana.gone() == REPLACED


async def test_what_a_newer_version_says_is_ignored(house, gateway):
    dana = await house.guest(gateway, "dana")
    for verb in ("", "dance", "KICK"):
        gateway.control(verb, session_of(dana))
    await quiet()
    assert dana.link.closed is None
    assert not gateway.orders.drain.is_set()


async def test_a_drain_is_wanted_once_it_is_said(gateway):
    assert not gateway.orders.drain.is_set()
    gateway.control("drain", "")
    assert gateway.orders.drain.is_set()


async def test_a_probe_is_answered(gateway):
    gateway.control("probe", "4711")
    await until(lambda: backplane_of(gateway).asked("answer_probe") == ["4711"])


class TestBans:
    async def banned(self, house, gateway, *those):
        house.memory.bans = list(those)
        gateway.control("bans", "")

    async def test_a_banned_name_is_sent_away_and_nobody_else(self, house, gateway):
        dana, sis = await house.guest(gateway, "Dana"), await house.guest(gateway, "sis")
        await self.banned(house, gateway, ban("DANA", "name", reason="spam"))
        reason = await dana.gone()
        assert (reason.code, reason.text) == ("banned", "You are banned: spam")
        assert sis.link.closed is None
        assert "dana" not in house.memory.users
        assert "dana" not in house.memory.resumable

    async def test_a_banned_address_is_sent_away_whether_it_has_a_name_or_not(self, house, gateway):
        dana, silent = await house.guest(gateway, "dana"), house.connect(gateway)
        other = FakeLink("198.51.100.7:5")
        gateway.connect(other)
        await self.banned(house, gateway, ban("192.0.2.0/24", "network"))
        for guest in (dana, silent):
            assert (await guest.gone()).code == "banned"
        assert other.closed is None

    async def test_one_that_was_not_told_is_found_when_it_is_looked(self, house, monkeypatch):
        monkeypatch.setattr("gateway.core.CHECK_EVERY", 0.005)
        gateway = await house.open()
        dana = await house.guest(gateway, "dana")
        house.memory.bans = [ban("dana", "name")]
        assert (await dana.gone()).code == "banned"

    async def test_one_that_came_while_redis_was_away_is_found_when_it_is_back(
        self, house, monkeypatch
    ):
        monkeypatch.setattr("gateway.core.CHECK_EVERY", 3600.0)
        gateway = await house.open()
        dana = await house.guest(gateway, "dana")
        gateway.away()
        house.memory.bans = [ban("dana", "name")]
        gateway.back()
        assert (await dana.gone()).code == "banned"

    async def test_who_is_banned_by_name_claims_nothing_and_nobody_hears_of_it(
        self, house, gateway
    ):
        sis = await house.guest(gateway, "sis")
        await self.banned(house, gateway, ban("dana", "name"))
        await quiet()
        dana = house.connect(gateway)
        dana.say(b'{"op":"hello","v":1,"name":"Dana"}')
        assert (await dana.gone()).code == "banned"
        assert "dana" not in [user.folded for user, *_ in backplane_of(gateway).asked("claim")]
        await gateway.rooms.settle()
        assert sis.told(Joined) == []
        assert sis.told(Left) == []

    async def test_a_ban_that_comes_while_the_name_is_claimed_holds(self, house, gateway):
        held = backplane_of(gateway).hold("claim")
        dana = house.connect(gateway)
        dana.say(b'{"op":"hello","v":1,"name":"Dana"}')
        await until(lambda: backplane_of(gateway).count("claim"))
        await self.banned(house, gateway, ban("dana", "name"))
        await quiet()
        held.set()
        assert (await dana.gone()).code == "banned"
        assert dana.told(Welcome) == []
        await until(lambda: "dana" not in house.memory.users)

    async def test_a_person_who_got_in_before_the_ban_was_read_is_checked_again(
        self, house, gateway
    ):
        # As one whose TLS handshake took that long.
        await self.banned(house, gateway, ban("192.0.2.7/32", "network"))
        await quiet()
        dana = house.connect(gateway)
        dana.say(b'{"op":"hello","v":1,"name":"Dana"}')
        assert (await dana.gone()).code == "banned"

    async def test_a_ban_that_has_ended_keeps_nobody_out(self, house, gateway):
        dana = await house.guest(gateway, "dana")
        await self.banned(house, gateway, ban("dana", "name", until=NOW))
        await quiet()
        assert dana.link.closed is None

    @pytest.mark.parametrize("error", [AWAY, BackplaneRefused("OOM")])
    async def test_what_was_known_holds_when_redis_does_not_answer(
        self, house, gateway, monkeypatch, error
    ):
        await self.banned(house, gateway, ban("mallory", "name"))
        await quiet()

        async def fails():
            raise error

        monkeypatch.setattr(backplane_of(gateway).admission, "bans", fails)
        gateway.control("bans", "")
        await quiet()
        assert gateway.bans.of_name("mallory", gateway.monotonic())

    async def test_a_gateway_that_starts_knows_them_before_anybody_comes(self, house):
        house.memory.bans = [ban("192.0.2.7/32", "network")]
        gateway = await house.open()
        assert gateway.bans.of_address(ip_address("192.0.2.7"), gateway.monotonic())


async def test_orders_need_no_answer_to_be_followed_by_others(house, gateway):
    dana = await house.guest(gateway, "dana")
    backplane_of(gateway).hold("answer_probe")
    gateway.control("probe", "1")
    gateway.control("kick", session_of(dana))
    async with asyncio.timeout(5):
        await dana.gone()


class TestInvitations:
    async def test_the_person_is_told_who_invites_them_and_to_which_room(self, house, gateway):
        dana = await house.guest(gateway, "dana")
        gateway.control("invited", f"{session_of(dana)} dev sis")
        notice = await dana.hears(Notice)
        assert (notice.code, notice.room) == ("invited", "dev")
        assert notice.text == "sis invites you to the room dev"

    async def test_an_invitation_by_operators_of_the_chat_says_so(self, house, gateway):
        dana = await house.guest(gateway, "dana")
        gateway.control("invited", f"{session_of(dana)} dev *")
        notice = await dana.hears(Notice)
        assert notice.text == "the operators of the chat invite you to the room dev"

    @pytest.mark.parametrize("rest", ["", "nobody", "nobody dev", "nobody dev sis"])
    async def test_an_invitation_for_a_session_that_is_not_here_is_ignored(
        self, house, gateway, rest
    ):
        dana = await house.guest(gateway, "dana")
        gateway.control("invited", rest)
        await quiet()
        assert not dana.told(Notice)
