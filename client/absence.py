"""Saying that the person is away after a time without a key, and that they are back at the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from msgspec import UNSET

from client.errors import ChatError
from client.lasting import LastingChat, State
from wire.frames import SetAway, SetBack

LOOK_EVERY = 2.0
"""Seconds between two looks at the clock: the person may choose another time meanwhile."""


class Absence:
    """Whether the person is there, as others are told.

    Args:
        chat: the chat.
        clock: seconds that never go back.
        after: says after how many seconds without a key the person is away; None for never.
    """

    def __init__(
        self, chat: LastingChat, clock: Callable[[], float], after: Callable[[], float | None]
    ) -> None:
        self._chat = chat
        self._clock = clock
        self._after = after
        self._typed_at = clock()
        self._told = False

    async def watch(self) -> None:
        """Go on until this is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            limit = self._limit()
            silent = self._clock() - self._typed_at
            if limit is not None and silent >= limit and not self._told:
                self._told = True  # before the answer: a key may come meanwhile
                if not await self._tell(SetAway()):
                    self._told = False

    def typed(self) -> bool:
        """The person is there. Returns whether others have been told that they were away."""
        self._typed_at = self._clock()
        told, self._told = self._told, False
        return told

    async def over(self) -> None:
        """Tell others that the person is back."""
        await self._tell(SetBack())

    def _limit(self) -> float | None:
        after, welcome = self._after(), self._chat.connection.welcome
        if after is None or self._chat.state is not State.HERE:
            return None
        idle, longer = welcome.idle, welcome.away_idle
        if idle is not None and longer is not UNSET and (longer is None or longer > idle):
            # Later the session would be over, and people who are away may stay.
            return min(after, idle / 2)
        return after

    async def _tell(self, request: SetAway | SetBack) -> bool:
        with suppress(ChatError):
            await self._chat.ask(request)
            return True
        return False
