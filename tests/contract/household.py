"""People and gateways for the contract's tests."""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from gateway.backplane.contract import Claimed, Listed, Log, Outgoing, Whispered
from gateway.backplane.records import Registration
from gateway.backplane.redis.backplane import RedisBackplane
from tests.contract.heard import Heard
from wire.codec import decode_event, encode_body
from wire.frames import LOBBY, PRIVATE, Msg
from wire.names import fold


class Gateway(NamedTuple):
    """As much of a gateway as a backplane needs.

    Attributes:
        id: its name in Redis.
        backplane: the one under test.
        heard: what that told.
    """

    id: str
    backplane: RedisBackplane
    heard: Heard

    def person(self, name: str, **fields: Any) -> Registration:
        """Somebody who has connected to it anew."""
        given = {
            "name": name,
            "folded": fold(name),
            "session": secrets.token_hex(4),
            "gateway": self.id,
            "address": "127.0.0.1:1",
            "since": round(time.time() * 1000),
            "origin": secrets.token_hex(4),
            "resume": secrets.token_hex(8),
            "rooms": [LOBBY],
        }
        return Registration(**{**given, **fields})

    async def online(self, name: str, **fields: Any) -> Registration:
        """Somebody who has claimed a name, and listens to what is for them."""
        person = self.person(name, **fields)
        await self.backplane.subscribe(self.backplane.user(person.folded).name)
        claimed = await self.backplane.claim(person, 0.0, None)
        assert claimed.outcome in ("granted", "joined")
        return msgspec.structs.replace(person, began=claimed.began)

    async def again(
        self, old: Registration, token: str | None = None, **fields: Any
    ) -> tuple[Registration, Claimed]:
        """Somebody comes back, with the newest token or the one that is given."""
        proof = old.resume if token is None else token
        new = self.person(old.name, **{"shown": proof, **fields})
        claimed = await self.backplane.claim(new, 0.0, proof)
        got = msgspec.structs.replace(new, origin=claimed.origin or new.origin, began=claimed.began)
        return got, claimed

    async def publish(self, room: str, messages: list[bytes | Outgoing]) -> list[str]:
        """Somebody says something to a room, whatever holds there; returns the ids."""
        outgoing = [Outgoing(each) if isinstance(each, bytes) else each for each in messages]
        _, state = await self.backplane.rooms.state(room)
        posted = await self.backplane.publish(room, state.version, outgoing)
        return [each.id for each in posted]

    async def whisper(
        self,
        sender: Registration,
        names: list[str],
        text: str = "psst",
        *,
        seq: int | None = None,
    ) -> Whispered:
        """Somebody says something in private."""
        body = message(text)
        return await self.backplane.whisper(sender, names, body, seq=seq)

    async def release(self, *people: Registration, for_good: bool = True) -> list[str]:
        """These leave."""
        return await self.backplane.release(list(people), for_good=for_good)

    async def everybody(self) -> dict[str, Listed]:
        """All users, by their shown names."""
        found, cursor = {}, "0"
        while True:
            cursor, listed = await self.backplane.users(cursor)
            found.update({user.registration.name: user for user in listed})
            if cursor == "0":
                return found


def begun(last: bytes, outcome: Any = "granted", **fields: Any) -> Claimed:
    """What a claim brings whose origin begins behind a private message."""
    return Claimed(
        outcome,
        last=last,
        tail=last,
        began={"@": last.decode()},
        **{"rooms": [LOBBY], "sessions": 1, **fields},
    )


async def nowhere(gateway: Gateway, room: str = PRIVATE) -> bytes:
    """Where somebody stands in a log that is not there yet."""
    [start] = await gateway.backplane.tails([Log(room, "nobody" if room == PRIVATE else "")])
    return start


StartBackplane = Callable[..., Awaitable[Gateway]]


def message(text: str, **fields: Any) -> bytes:
    """A message of sis' as a gateway hands it in."""
    return encode_body(Msg(**{"from_": "sis", "text": text, **fields}))


def sealed(origin: str, seq: int, body: bytes) -> Outgoing:
    """A message that is posted once, however often it is published."""
    return Outgoing(body, origin, seq)


def parsed(lines: list[str]) -> list[Msg]:
    events = [decode_event(line.encode()) for line in lines]
    assert all(isinstance(event, Msg) for event in events)
    return events  # type: ignore[return-value]


async def in_room(gateway: Gateway, room: str = "lobby") -> str:
    """Have a gateway listen to a room; returns the channel."""
    channel = gateway.backplane.room(room).name
    await gateway.backplane.subscribe(channel)
    return channel
