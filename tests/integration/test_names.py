"""A name belongs to one session: it is claimed, resumed, released or lost."""

import re

import pytest

from tests.support.fixtures import Connect, Join, Peer, Running, StartGateway
from tests.support.servers import Server

ID = re.compile(r"\d+-\d+")
FULL_WIDTH = "\uff44\uff41\uff4e\uff41"


@pytest.fixture
async def bystander(one: Running, join: Join) -> Peer:
    return await join(one, "bystander")


class TestHello:
    async def test_the_welcome_has_the_facts_of_the_chat(
        self, one: Running, connect: Connect
    ) -> None:
        welcome = await (await connect(one)).hello("Dana", client="test/1")
        assert welcome.pop("resume")
        limits = welcome.pop("limits")
        seen = welcome.pop("seen")
        assert sorted(seen) == ["@", "lobby"]
        assert all(ID.fullmatch(id) for id in seen.values())
        assert welcome == {
            "op": "welcome",
            "v": 1,
            "name": "Dana",
            "gateway": one.gateway.id,
            "idle": None,
            "rooms": ["lobby"],
        }
        people = {"name", "to", "burst", "rate", "hello", "sessions"}
        rooms = {"room", "rooms", "quiet_room"}
        assert set(limits) <= {"line", "text", "backlog", *people, *rooms}

    @pytest.mark.parametrize("name", ["dana", "DANA", "Dana", FULL_WIDTH])
    async def test_a_taken_name_is_refused_on_every_gateway(
        self, one: Running, two: Running, join: Join, connect: Connect, name: str
    ) -> None:
        await join(one, "Dana")
        for gateway in (one, two):
            late = await connect(gateway)
            await late.say(op="hello", v=1, name=name)
            error = await late.expect(op="error", code="name_taken")
            assert error["text"] == f"the name {name} is taken"

    async def test_after_a_refusal_another_name_can_be_asked_for(
        self, one: Running, two: Running, join: Join, connect: Connect, bystander: Peer
    ) -> None:
        await join(one, "dana")
        late = await connect(two)
        await late.say(op="hello", v=1, name="dana")
        await late.expect(op="error", code="name_taken")
        await late.hello("dana2")
        await bystander.expect(op="joined", name="dana2")
        await late.say(op="send", text="hi")
        await bystander.expect(op="msg", **{"from": "dana2"})

    async def test_only_one_of_two_simultaneous_claims_succeeds(
        self, one: Running, two: Running, connect: Connect
    ) -> None:
        for number in range(10):
            rivals = [await connect(one), await connect(two)]
            for rival in rivals:
                await rival.say(op="hello", v=1, name=f"dana{number}")

            answers = [(await rival.expect(op={"welcome", "error"}))["op"] for rival in rivals]
            assert sorted(answers) == ["error", "welcome"]

    @pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "a\x1b[31m", "@dana", "x" * 33])
    async def test_an_invalid_name_is_refused(
        self, one: Running, connect: Connect, name: str
    ) -> None:
        peer = await connect(one)
        await peer.say(op="hello", v=1, name=name)
        await peer.expect(op="error", code="bad_name")
        await peer.hello("dana")

    async def test_another_version_is_refused(self, one: Running, connect: Connect) -> None:
        peer = await connect(one)
        await peer.say(op="hello", v=2, name="dana")
        error = await peer.expect(op="error", code="bad_version")
        assert "1" in error["text"]
        await peer.hello("dana")

    async def test_a_name_is_free_once_the_bye_has_come(
        self, one: Running, two: Running, join: Join
    ) -> None:
        for number in range(10):
            dana = await join((one, two)[number % 2], "dana")
            await dana.say(op="quit")
            await dana.ended()


class TestResume:
    async def welcomed(self, peer: Peer, name: str, **fields: str) -> str:
        return (await peer.hello(name, **fields))["resume"]

    @pytest.mark.parametrize("on_the_same_gateway", [True, False])
    async def test_the_token_resumes_the_name_and_nobody_notices(
        self,
        one: Running,
        two: Running,
        connect: Connect,
        bystander: Peer,
        on_the_same_gateway: bool,
    ) -> None:
        old = await connect(one)
        token = await self.welcomed(old, "Dana")
        await bystander.expect(op="joined", name="Dana")
        new = await connect(one if on_the_same_gateway else two)
        await self.welcomed(new, "Dana", resume=token)
        await old.ended(code="replaced", reconnect=False)
        await new.say(op="send", text="back")
        await bystander.expect(op="msg", text="back")
        await bystander.say(op="send", text="psst @dana", seq=1)
        await new.expect(op="msg", to=["Dana"])
        # When the person leaves for good, the room is told once.
        await new.say(op="quit")
        await new.ended()
        await bystander.expect(op="left", name="Dana")
        assert len(bystander.told(op="joined", name="Dana")) == 1
        assert len(bystander.told(op="left", name="Dana")) == 1

    async def test_a_token_works_once(self, one: Running, two: Running, connect: Connect) -> None:
        first = await connect(one)
        token = await self.welcomed(first, "dana")
        second = await connect(two)
        fresh = await self.welcomed(second, "dana", resume=token)
        third = await connect(one)
        await third.say(op="hello", v=1, name="dana", resume=token)
        await third.expect(op="error", code="name_taken")
        assert await self.welcomed(third, "dana", resume=fresh) not in (token, fresh)
        await second.ended(code="replaced")

    async def test_a_wrong_token_takes_nothing(
        self, one: Running, join: Join, connect: Connect
    ) -> None:
        dana = await join(one, "dana")
        thief = await connect(one)
        await thief.say(op="hello", v=1, name="dana", resume="guess")
        await thief.expect(op="error", code="name_taken")
        await dana.caught_up()

    async def test_the_token_of_an_ended_session_does_no_harm(
        self, one: Running, connect: Connect, bystander: Peer
    ) -> None:
        first = await connect(one)
        token = await self.welcomed(first, "dana")
        await first.say(op="quit")
        await first.ended()
        await bystander.expect(op="left", name="dana")
        await self.welcomed(await connect(one), "dana", resume=token)
        await bystander.collect(2, op="joined", name="dana")


class TestLostGateway:
    """A gateway that was cut off for longer than its lease."""

    @pytest.fixture
    def dies(self, valkey: Server, prefix: str):
        # Its lease runs out, and it does not know, like a process that was frozen.
        def dies(running: Running) -> None:
            key = running.gateway.backplane._keys.lease(running.gateway.id)
            with valkey.client() as client:
                assert client.delete(key) == 1

        return dies

    async def test_its_users_leaving_is_announced_once_and_their_names_are_free(
        self, one: Running, two: Running, join: Join, start_gateway: StartGateway, dies
    ) -> None:
        watchers = [await join(two, "watcher"), await join(await start_gateway(), "other")]
        await join(one, "dana")
        for watcher in watchers:
            await watcher.expect(op="joined", name="dana")
        dies(one)
        await join(two, "dana")
        for watcher in watchers:
            await watcher.expect(op="left", name="dana", code="gateway_lost")
            await watcher.expect(op="joined", name="dana")
            await watcher.caught_up()
            assert len(watcher.told(op="left")) == 1

    async def test_a_session_that_lost_its_name_is_ended(
        self, one: Running, two: Running, join: Join, dies
    ) -> None:
        old = await join(one, "dana")
        dies(one)
        new = await join(two, "dana")
        await old.say(op="active")
        await old.ended(code="name_lost", reconnect=True)
        await new.say(op="send", text="still here", seq=1)
        await new.expect(op="ack")
        assert new.told(op="left", name="dana", code="name_lost") == []

    async def test_a_session_that_kept_its_name_stays(
        self, one: Running, two: Running, join: Join, dies
    ) -> None:
        dana, mom = await join(one, "dana"), await join(two, "mom")
        dies(one)
        assert await one.gateway.backplane.renew_lease() is False
        await mom.say(op="send", text="psst @dana", seq=1)
        assert (await mom.expect(op="ack"))["to"] == ["dana"]
        await dana.expect(op="msg", to=["dana"])
