"""What the tests of rooms say to gateways."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis

from gateway.backplane.keys import Keys
from gateway.backplane.records import Account
from gateway.door.passwords import hash_password
from gateway.rooms.rooms import Rooms
from tests.support.fixtures import Join, Peer, Running, Told

PASSWORD = "correct horse"
HASH = hash_password(PASSWORD)

JoinWithAccount = Callable[..., Any]


@pytest.fixture
def join_with_account(look: redis.Redis, keys: Keys, join: Join) -> JoinWithAccount:
    """Registers a name, and logs somebody in under it."""

    async def join_with_account(running: Running, name: str, **fields: Any) -> Peer:
        account = Account(name=name, hash=HASH, since=1)
        look.hset(keys.accounts, name.lower(), msgspec.json.encode(account))
        return await join(running, name, password=PASSWORD, **fields)

    return join_with_account


@pytest.fixture
async def boss(one: Running, join_with_account: JoinWithAccount) -> Peer:
    """The operator of the room dev, on the one gateway."""
    boss = await join_with_account(one, "Boss")
    assert (await enter(boss))["role"] == "operator"
    return boss


@pytest.fixture
async def guest(two: Running, join: Join, boss: Peer) -> Peer:
    """A guest in dev, on the other gateway."""
    guest = await join(two, "guest")
    await enter(guest)
    await boss.expect(op="joined", room="dev", name="guest")
    return guest


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> list[Running]:
    """Gateways that do not hear of changes of rooms: each has an old picture of them."""
    deaf: list[Running] = []
    hear = Rooms.heard

    def heard(self: Rooms, channel: bytes, kind: bytes, number: int, lines: bytes) -> None:
        if kind != b"=" or all(self is not each.gateway.rooms for each in deaf):
            hear(self, channel, kind, number, lines)

    monkeypatch.setattr(Rooms, "heard", heard)
    return deaf


_seqs = itertools.count(1000)


async def ask(peer: Peer, answers: str, op: str, **fields: Any) -> Told:
    """Ask for something; returns the answer, which may be an error.

    Args:
        peer: who asks.
        answers: the op of the answer, if it is no error.
        op: what is asked.
        fields: the rest of the request.
    """
    seq = next(_seqs)
    await peer.say(op=op, seq=seq, **fields)
    return await peer.expect(op={answers, "error"}, seq=seq)


async def enter(peer: Peer, room: str = "dev", **fields: Any) -> Told:
    return await ask(peer, "entered", "join", room=room, **fields)


async def leave(peer: Peer, room: str = "dev") -> Told:
    return await ask(peer, "out", "leave", room=room)


async def say(peer: Peer, text: str, room: str = "dev") -> Told:
    return await ask(peer, "ack", "send", room=room, text=text)


async def moderate(peer: Peer, action: str, name: str, room: str = "dev", **fields: Any) -> Told:
    return await ask(peer, "ack", "moderate", room=room, action=action, name=name, **fields)


async def set_modes(peer: Peer, room: str = "dev", **modes: Any) -> Told:
    return await ask(peer, "ack", "set", room=room, **modes)


async def set_topic(peer: Peer, topic: str, room: str = "dev") -> Told:
    return await ask(peer, "ack", "topic", room=room, topic=topic)


async def about(peer: Peer, room: str = "dev") -> Told:
    return await ask(peer, "room_info", "about", room=room)


async def members(peer: Peer, room: str = "dev") -> list[str]:
    """The names of those who are in a room."""
    answer = await ask(peer, "member_list", "members", room=room)
    assert answer["op"] == "member_list", answer
    return sorted(member["name"] for member in answer["members"])


async def list_rooms(peer: Peer) -> dict[str, Told]:
    """All rooms that somebody may see, by their names."""
    answer = await ask(peer, "room_list", "rooms")
    return {room["room"]: room for room in answer["rooms"]}


def texts(peer: Peer, room: str = "dev") -> list[str]:
    """What was said to a peer in a room, in the order in which it came."""
    return [msg["text"] for msg in peer.told(op="msg", room=room)]
