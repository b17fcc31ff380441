"""What a backplane told its gateway, in order."""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.backplane.ids import NOTHING
from tests.support.deadlines import within


class Heard:
    """Keeps `gateway.backplane.contract.Events`."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, str]] = []
        """(channel, lines) for each time that something was delivered."""
        self.heads: list[tuple[str, str]] = []
        """(channel, what stood before the lines), for each that had messages."""
        self.told: list[str] = []
        """Orders such as "replaced <session>", "away" and "back"."""
        self.knows: dict[str, bytes] = {}
        """The last id of each channel, as a gateway would know it."""
        self._news = asyncio.Event()

    def deliver(self, channel: bytes, payload: bytes) -> None:
        head, _, lines = payload.decode().partition("\n")
        if head:
            self.heads.append((channel.decode(), head))
            self.knows[channel.decode()] = head.partition(" ")[2].encode()
        self.delivered.append((channel.decode(), lines))
        self._news.set()

    def known(self, channel: bytes) -> bytes:
        return self.knows.get(channel.decode(), NOTHING)

    def control(self, verb: str, rest: str) -> None:
        self._tell(f"{verb} {rest}".rstrip())

    def away(self) -> None:
        self._tell("away")

    def back(self) -> None:
        self._tell("back")

    def lines(self, channel: str) -> list[str]:
        """The lines that a channel brought, one by one."""
        return "".join(lines for on, lines in self.delivered if on == channel).splitlines()

    def follows(self, channel: str) -> list[tuple[str, str]]:
        """What a channel said it follows, and up to which id it went: for each delivery."""
        pairs = [head.split(" ") for on, head in self.heads if on == channel]
        return [(previous, last) for previous, last in pairs]

    async def until(self, condition: Callable[["Heard"], Any]) -> None:
        """Wait until it is so."""
        try:
            async with asyncio.timeout(within()):
                while not condition(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"heard only {self.told}, {self.delivered}") from None

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self._news.set()
