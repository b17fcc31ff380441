"""Operators of the chat in rooms, on real gateways, and what people notice."""

import json
from typing import Any

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.support.peer import Peer


@pytest.fixture
async def two(start_gateway: StartGateway) -> list[GatewayProcess]:
    return [await start_gateway(), await start_gateway()]


def done(chat: Chat, *words: str) -> str:
    """Run a command that must succeed; returns its output."""
    found = chat.run(*words, *chat.options)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


async def in_dev(gateway: GatewayProcess, name: str, room: str = "dev") -> Peer:
    """Somebody who has joined the room dev."""
    peer = await gateway.join(name)
    await peer.say(op="join", room=room)
    await peer.expect(op="entered", room=room)
    return peer


async def refused(peer: Peer, code: str, **request: Any) -> None:
    """Ask for something that is refused."""
    await peer.say(**request, seq=7)
    assert (await peer.expect(op="error", seq=7))["code"] == code


async def test_the_list_and_a_room_show_the_people_on_all_gateways(
    two: list[GatewayProcess], chat: Chat
) -> None:
    for gateway, name in zip(two, ("sis", "mom"), strict=True):
        await in_dev(gateway, name)
    dev, lobby = json.loads(done(chat, "rooms", "--json"))
    assert (dev["room"], dev["people"], lobby["room"], lobby["people"]) == ("dev", 2, "lobby", 2)
    found = json.loads(done(chat, "room", "dev", "--json"))
    assert [each["name"] for each in found["members"]] == ["mom", "sis"]
    assert len({each for member in found["members"] for each in member["gateways"]}) == 2
    assert {"mom", "sis"} <= set(done(chat, "room", "#Dev").split())


async def test_people_are_told_what_operators_change_and_it_is_in_the_history(
    two: list[GatewayProcess], chat: Chat
) -> None:
    people = [await in_dev(two[0], "sis"), await in_dev(two[1], "mom")]
    await people[0].say(op="send", room="dev", text="hi", seq=1)
    await people[0].expect(op="ack", seq=1)
    done(chat, "room", "dev", "topic", "release on Friday")
    done(chat, "room", "dev", "set", "read-only=on")
    for peer in people:
        told = await peer.expect(op="changed", room="dev", change="topic")
        assert (told["by"], told["topic"]) == ("*", "release on Friday")
        told = await peer.expect(op="changed", room="dev", change="modes")
        assert told["modes"] == {"read_only": True}
        await refused(peer, "read_only", op="send", room="dev", text="what?")
    shown = [json.loads(done(chat, "history", "dev", "--json"))[n]["op"] for n in range(3)]
    assert shown == ["msg", "changed", "changed"]
    assert "release on Friday" in done(chat, "history", "dev").splitlines()[1]
    late = await in_dev(two[1], "dad")
    [entered] = [each for each in late.told(op="entered") if each["room"] == "dev"]
    assert entered["topic"] == "release on Friday"


async def test_a_banned_person_writes_nothing_more_and_stays_out_until_the_ban_is_lifted(
    two: list[GatewayProcess], chat: Chat
) -> None:
    sis, mom = await in_dev(two[0], "Sis"), await in_dev(two[1], "mom")
    words = ("ban", "SIS", "--for", "1h", "--reason", "adverts")
    assert "is banned from dev for 1h" in done(chat, "room", "dev", *words)
    await refused(sis, "not_in_room", op="send", room="dev", text="but")
    [out] = sis.told(op="out")
    assert (out["room"], out["code"]) == ("dev", "banned")
    assert "adverts" in out["text"]
    told = await mom.expect(op="changed", change="ban")
    assert (told["name"], told["by"], told["reason"]) == ("Sis", "*", "adverts")
    await mom.expect(op="left", room="dev", name="Sis", code="banned")
    await refused(sis, "banned_here", op="join", room="dev")
    # Elsewhere nothing has changed.
    await sis.say(op="send", text="hello", seq=8)
    await sis.expect(op="ack", seq=8)
    done(chat, "room", "dev", "unban", "sis")
    await sis.say(op="join", room="dev")
    await mom.expect(op="joined", room="dev", name="Sis")


async def test_a_kicked_person_can_come_back(two: list[GatewayProcess], chat: Chat) -> None:
    sis = await in_dev(two[0], "sis")
    mom = await in_dev(two[1], "mom")
    done(chat, "room", "dev", "kick", "sis")
    assert (await sis.expect(op="out", room="dev"))["code"] == "kicked"
    await mom.expect(op="left", room="dev", name="sis", code="kicked")
    await sis.say(op="join", room="dev")
    await mom.expect(op="joined", room="dev", name="sis")


async def test_a_deleted_room_is_empty_and_a_new_one_has_nothing_of_it(
    two: list[GatewayProcess], chat: Chat
) -> None:
    people = [await in_dev(two[0], "sis"), await in_dev(two[1], "mom")]
    done(chat, "room", "dev", "topic", "tea")
    assert "2 people were put out" in done(chat, "room", "dev", "delete")
    for peer in people:
        out = await peer.expect(op="out", room="dev")
        assert (out["code"], out["text"]) == ("kicked", "The room dev was deleted.")
        await refused(peer, "not_in_room", op="send", room="dev", text="where is it?")
    assert [each["room"] for each in json.loads(done(chat, "rooms", "--json"))] == ["lobby"]
    await people[0].say(op="join", room="dev", history=100, seq=9)
    entered = await people[0].expect(op="entered", seq=9)
    assert (entered.get("topic"), entered.get("people", 1)) == (None, 1)
    assert json.loads(done(chat, "history", "dev", "--json")) == []


async def test_a_deleted_room_is_not_made_again_by_a_client_that_comes_back(
    two: list[GatewayProcess], chat: Chat
) -> None:
    sis, mom = await in_dev(two[0], "sis"), await in_dev(two[1], "mom")
    await mom.say(op="leave", room="dev")
    await mom.expect(op="out", room="dev")
    way_back = sis.way_back
    sis.vanish()
    await mom.expect(op="left", room="lobby", name="sis")
    done(chat, "room", "dev", "delete")
    sis = await two[1].join("sis", **way_back)
    assert (await sis.expect(op="out", room="dev"))["code"] == "refused"
    assert [each["room"] for each in json.loads(done(chat, "rooms", "--json"))] == ["lobby"]


async def test_where_rooms_are_closed_only_operators_make_them(
    start_gateway: StartGateway, chat: Chat
) -> None:
    gateway = await start_gateway("--rooms", "closed")
    sis = await gateway.join("sis")
    await refused(sis, "no_such_room", op="join", room="dev")
    assert "dev was made" in done(chat, "room", "dev", "create")
    await sis.say(op="join", room="dev")
    await sis.expect(op="entered", room="dev")


async def test_operators_give_rights_and_invitations(two: list[GatewayProcess], chat: Chat) -> None:
    password = chat.home / "password"
    password.write_text("correct horse")
    done(chat, "account", "add", "mom", "--password-file", str(password))
    await in_dev(two[0], "sis")
    done(chat, "room", "dev", "set", "invite-only=on")
    done(chat, "room", "dev", "op", "mom")
    dad = await two[1].join("dad")
    await refused(dad, "invite_only", op="join", room="dev")
    mom = await two[1].join("mom", password="correct horse")
    await mom.say(op="join", room="dev")
    assert (await mom.expect(op="entered", room="dev"))["role"] == "operator"
    done(chat, "room", "dev", "invite", "dad")
    await dad.say(op="join", room="dev")
    await dad.expect(op="entered", room="dev")


async def test_an_announcement_reaches_one_room_only(two: list[GatewayProcess], chat: Chat) -> None:
    sis, mom = await in_dev(two[0], "sis"), await two[1].join("mom")
    done(chat, "announce", "release", "--room", "dev")
    done(chat, "announce", "tea")
    assert (await sis.expect(op="msg", text="release"))["room"] == "dev"
    await mom.expect(op="msg", text="tea")
    assert mom.told(op="msg", text="release") == []
