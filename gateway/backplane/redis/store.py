"""Where the chat's data is: one Redis (`pair`), or several that share it (`cluster`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Protocol, TypeVar

from gateway.errors import BackplaneDown


class RunId:
    """Stands for the run id of the server that runs a script: only who sends it knows which."""


RUN_ID = RunId()

T = TypeVar("T")

Argument = str | bytes | int | RunId


class Watcher(Protocol):
    """Is told when the data is out of reach and when it is back."""

    def away(self) -> None:
        """The connections are lost."""

    def back(self) -> None:
        """The connections are back, with all subscriptions."""


class Store(Protocol):
    """Runs commands and scripts where their keys are, and brings what is published."""

    @property
    def up(self) -> bool:
        """Whether names, and what is about people, are within reach as far as is known."""

    @property
    def run_id(self) -> str:
        """Which run of Redis has the names."""

    async def start(self) -> None:
        """Connect.

        Raises:
            RedisUnreachable: the text says why.
        """

    async def close(self) -> None:
        """Disconnect."""

    async def call(self, *command: str | bytes | int) -> Any:
        """Run a command and return Redis' reply. Its second word is its key.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """

    async def run(self, script: str, keys: list[str], *args: Argument) -> Any:
        """Run one of the scripts and return what it returns.

        Args:
            script: its name.
            keys: its keys; one at least.
            args: its arguments; `RUN_ID` stands for the run id.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """

    async def subscribe(self, channel: str) -> None:
        """Receive what is published on a channel, from the return of this call on.

        Raises:
            BackplaneDown: Redis is away.
        """

    def unsubscribe(self, channel: str) -> None:
        """Stop receiving it."""

    def give_up(self, key: str) -> None:
        """Drop the connections to the server of a key, as if they were lost."""


async def some_of(calls: Iterable[Awaitable[T]]) -> list[T | None]:
    """The results of calls to several servers; None for each whose server is away.

    Raises:
        BackplaneDown: all of them are away.
    """
    results = await asyncio.gather(*calls, return_exceptions=True)
    down = [result for result in results if isinstance(result, BackplaneDown)]
    if down and len(down) == len(results):
        raise down[0]
    found: list[T | None] = []
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, BackplaneDown):
            raise result
        found.append(None if isinstance(result, BaseException) else result)
    return found
