"""Redis keeps running but has lost data: it is noticed, told once, and the chat goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway import core
from gateway.backplane.contract import Log
from gateway.backplane.keys import Keys
from tests.support.deadlines import eventually
from tests.support.fixtures import Join, Peer, Running, StartGateway
from tests.support.servers import Server
from wire.frames import PRIVATE

LOBBY, DANA = Log("lobby"), Log(PRIVATE, "dana")


@pytest.fixture
async def dana(one: Running, join: Join) -> Peer:
    return await join(one, "dana")


@pytest.fixture
async def sis(two: Running, join: Join, dana: Peer) -> Peer:
    sis = await join(two, "sis")
    await dana.expect(op="joined", name="sis")
    return sis


def told(peer: Peer, gaps: str = "lobby") -> list[str]:
    """The texts that a peer got, in order; a gap in the room is an ellipsis."""
    events = [e for e in peer.seen if e["op"] == "msg" or (e["op"] == "gap" and e["room"] == gaps)]
    return [event.get("text") if event["op"] == "msg" else "..." for event in events]


async def say(peer: Peer, text: str, seq: int) -> str:
    await peer.say(op="send", text=text, seq=seq)
    ack = await peer.expect(op="ack", seq=seq)
    return str(ack["id"])


async def heard(*peers: Peer, text: str) -> None:
    for peer in peers:
        await peer.expect(op="msg", text=text)


def reads(server: Server) -> int:
    with server.client() as client:
        stats: Any = client.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


async def talk(*peers: Peer, first: int = 100) -> list[str]:
    """Everybody sends something, and everybody gets all of it."""
    ids = []
    for number, peer in enumerate(peers):
        ids.append(await say(peer, f"after {number}", first + number))
        await heard(*peers, text=f"after {number}")
    return ids


def lost_log(client: Any, keys: Keys) -> None:
    client.delete(keys.room_log("lobby"))


def lost_epochs(client: Any, keys: Keys) -> None:
    client.delete(keys.room_epoch("lobby"), keys.users_epoch)


def lost_both(client: Any, keys: Keys) -> None:
    lost_log(client, keys)
    lost_epochs(client, keys)


def flushed(client: Any, keys: Keys) -> None:
    for key in client.keys(f"{keys.users.removesuffix(':{users}')}:*"):
        client.delete(key)


FORGET = pytest.mark.parametrize("forget", [lost_log, lost_epochs, lost_both, flushed])


@FORGET
async def test_later_messages_are_delivered_after_one_gap(
    valkey: Server, keys: Keys, join: Join, dana: Peer, sis: Peer, one: Running, forget: Callable
) -> None:
    ids = [await say(dana, f"m{number}", number) for number in range(5)]
    await heard(dana, sis, text="m4")
    with valkey.client() as client:
        forget(client, keys)
    mom = await join(one, "mom")
    ids += await talk(dana, sis, mom)
    for peer in (dana, sis):
        said = [*(f"m{n}" for n in range(5)), "...", *(f"after {n}" for n in range(3))]
        assert told(peer) == said
    assert [text for text in told(mom) if text != "..."] == [f"after {n}" for n in range(3)]
    assert len(set(ids)) == 8


@FORGET
async def test_a_gateway_that_comes_later_agrees_with_the_others(
    valkey: Server,
    keys: Keys,
    join: Join,
    dana: Peer,
    sis: Peer,
    two: Running,
    start_gateway: StartGateway,
    forget: Callable,
) -> None:
    await say(dana, "before", 1)
    await heard(dana, sis, text="before")
    with valkey.client() as client:
        forget(client, keys)
    valkey.kill_connections(f"chat-{two.gateway.id}")
    await sis.expect(op="notice", code="redis_back")
    mom = await join(await start_gateway(), "mom")
    before = reads(valkey)
    ids = await talk(sis, dana, mom)
    assert reads(valkey) - before < 100, "nobody reads again and again"
    assert len({id.partition("-")[0] for id in ids}) == 1
    for peer in (dana, sis):
        assert told(peer) == ["before", "...", "after 0", "after 1", "after 2"]


async def test_private_messages_are_delivered_after_one_gap_too(
    valkey: Server, keys: Keys, dana: Peer, sis: Peer
) -> None:
    for number in range(4):
        await say(sis, f"psst {number} @dana", number)
    await heard(dana, text="psst 3 @dana")
    with valkey.client() as client:
        client.delete(keys.log(DANA))
    await say(sis, "psst 4 @dana", 4)
    await heard(dana, text="psst 4 @dana")
    assert told(dana, "@") == [*(f"psst {n} @dana" for n in range(4)), "...", "psst 4 @dana"]


async def test_it_is_noticed_even_if_nobody_talks(
    monkeypatch: pytest.MonkeyPatch,
    valkey: Server,
    keys: Keys,
    join: Join,
    start_gateway: StartGateway,
) -> None:
    monkeypatch.setattr(core, "CHECK_EVERY", 0.05)
    dana = await join(await start_gateway(), "dana")
    await say(dana, "a", 1)
    await say(dana, "b @dana", 2)
    await heard(dana, text="b @dana")
    with valkey.client() as client:
        client.delete(keys.log(LOBBY), keys.log(DANA))
    await dana.expect(op="gap", room="lobby")
    await dana.expect(op="gap", room="@")
    # In later rounds nothing more happens.
    spent = reads(valkey)
    await eventually(lambda: reads(valkey) > spent + 20)
    assert len(dana.told(op="gap")) == 2
    await talk(dana)


@pytest.mark.parametrize("seen", ["all", "not the last"])
async def test_a_trimmed_log_makes_no_gap_for_people_who_missed_nothing(
    valkey: Server, keys: Keys, join: Join, dana: Peer, sis: Peer, two: Running, seen: str
) -> None:
    await say(sis, "a", 1)
    await say(sis, "b @dana", 2)
    await heard(dana, text="b @dana")
    await heard(dana, text="a")
    dana.vanish()
    await sis.expect(op="left", name="dana")
    if seen == "not the last":
        await say(sis, "c", 3)
    with valkey.client() as client:
        for log in (LOBBY, DANA):
            client.xtrim(keys.log(log), maxlen=0, approximate=False)
    again = await join(two, "dana", **dana.way_back)
    await talk(again, sis)
    gaps = again.told(op="gap")
    assert [gap["room"] for gap in gaps] == ([] if seen == "all" else ["lobby"])
    assert two.gateway.meters.gaps_found == 0


async def test_a_newcomer_in_a_room_that_was_emptied_sees_no_gap(
    valkey: Server, keys: Keys, join: Join, dana: Peer, start_gateway: StartGateway
) -> None:
    await say(dana, "friday", 1)
    await heard(dana, text="friday")
    with valkey.client() as client:
        client.xtrim(keys.log(LOBBY), maxlen=0, approximate=False)
    running = await start_gateway()
    mom = await join(running, "mom")
    await talk(mom, dana)
    assert "..." not in told(mom) + told(dana)
    assert running.gateway.meters.gaps_found == 0


async def test_a_key_of_another_type_is_refused_until_it_is_removed(
    valkey: Server, keys: Keys, dana: Peer, sis: Peer
) -> None:
    with valkey.client() as client:
        client.set(keys.log(LOBBY), "x")
    await dana.say(op="send", text="one", seq=1)
    refused = await dana.expect(op="error", code="unavailable", seq=1)
    assert "away" not in refused["text"]
    with valkey.client() as client:
        client.delete(keys.log(LOBBY))
    await say(dana, "one", 1)
    await heard(dana, sis, text="one")
    assert told(sis) == ["one"]


async def test_two_databases_are_two_chats(
    valkey: Server, keys: Keys, one: Running, join: Join, dana: Peer, start_gateway: StartGateway
) -> None:
    other = await start_gateway(redis=f"{valkey.url}?db=1")
    eve, stranger = await join(other, "eve"), await join(other, "dana")
    with valkey.client() as client:
        epochs = {key: client.get(key) for key in (keys.room_epoch("lobby"), keys.users_epoch)}
        client.select(1)
        client.mset(epochs)  # so that the ids of both follow each other
    await say(eve, "in public of the other", 1)
    await say(eve, "my pin is 1234 @dana", 2)
    await heard(stranger, text="my pin is 1234 @dana")
    await say(dana, "and here", 1)
    await heard(dana, text="and here")
    await dana.caught_up()
    await eve.caught_up()
    assert told(dana) == ["and here"]
    assert dana.told(op="joined") == []
    assert "and here" not in told(eve) + told(stranger)


async def test_waiting_messages_are_delivered_to_the_person_who_returns_and_to_nobody_else(
    dana: Peer, sis: Peer, two: Running, one: Running, join: Join
) -> None:
    mom = await join(one, "mom")
    dana.vanish()
    await sis.expect(op="left", name="dana")
    await sis.say(op="send", text="my pin is 1234 @dana", seq=1)
    ack = await sis.expect(op="ack", seq=1)
    assert (ack["to"], ack["later"], "room" in ack) == ([], ["dana"], False)
    again = await join(two, "dana", **dana.way_back)
    await heard(again, text="my pin is 1234 @dana")
    await talk(again, sis, mom)
    assert told(mom) == ["after 0", "after 1", "after 2"]
    assert told(again).count("my pin is 1234 @dana") == 1


async def test_a_sender_who_leaves_too_many_messages_for_somebody_is_refused(
    dana: Peer, sis: Peer, monkeypatch: pytest.MonkeyPatch, start_gateway: StartGateway, join: Join
) -> None:
    mom = await join(await start_gateway(limits={"burst": 1000, "rate": 1000.0}), "mom")
    dana.vanish()
    await sis.expect(op="left", name="dana")
    for number in range(100):
        await say(mom, f"{number} @dana", number)
    await mom.say(op="send", text="100 @dana", seq=100)
    refused = await mom.expect(op="error", code="mailbox_full", seq=100)
    assert "dana" in refused["text"]
    await say(sis, "see you @dana", 1)


async def test_a_person_who_returns_late_gets_what_others_said_before(
    valkey: Server, keys: Keys, join: Join, start_gateway: StartGateway, dana: Peer, sis: Peer
) -> None:
    await say(dana, "before", 1)
    await heard(dana, sis, text="before")
    dana.vanish(), sis.vanish()
    with valkey.client() as client:
        flushed(client, keys)
    anew = await start_gateway()
    first = await join(anew, "sis", **sis.way_back)
    assert not first.told(op="welcome")[0].get("resumed")
    await say(first, "meanwhile", 1)
    await say(first, "not for dana @sis", 2)
    again = await join(anew, "dana", **dana.way_back)
    await talk(first, again)
    assert told(again) == ["...", "meanwhile", "after 0", "after 1"]
