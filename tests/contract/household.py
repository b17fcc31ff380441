"""People and gateways for the contract's tests."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from gateway.backplane import Listed, Registration
from gateway.backplane.redis import RedisBackplane
from gateway.chat.names import fold
from tests.contract.heard import Heard
from wire.codec import encode_body
from wire.frames import LOBBY, Msg


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
        session = secrets.token_hex(4)
        given = {
            "name": name,
            "folded": fold(name),
            "session": session,
            "gateway": self.id,
            "address": "127.0.0.1:1",
            "since": 1_795_428_000_000,
            "resume": f"proof-of-{session}",
            "rooms": [LOBBY],
        }
        return Registration(**{**given, **fields})

    async def online(self, name: str, **fields: Any) -> Registration:
        """Somebody who has claimed a name, and listens to what is for them."""
        person = self.person(name, **fields)
        await self.backplane.subscribe(self.backplane.user_channel(person.folded))
        claimed = await self.backplane.claim(person, 0.0, None)
        assert claimed.outcome == "granted"
        return person

    async def everybody(self) -> dict[str, Listed]:
        """All users, by their shown names."""
        found, cursor = {}, "0"
        while True:
            cursor, listed = await self.backplane.users(cursor)
            found.update({user.registration.name: user for user in listed})
            if cursor == "0":
                return found


StartBackplane = Callable[..., Awaitable[Gateway]]


def message(text: str, **fields: Any) -> bytes:
    """A message of sis' as a gateway hands it in."""
    return encode_body(Msg(**{"from_": "sis", "text": text, "ts": 1, **fields}))
