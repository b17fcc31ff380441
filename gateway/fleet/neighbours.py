"""The other gateways of the chat, and how their settings compare with this one's."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.backplane.alike import differences
from gateway.backplane.contract import Backplane, Log
from gateway.backplane.records import ChatSettings
from gateway.journal import event

log = logging.getLogger(__name__)


class Neighbours:
    """Reads the other gateways' settings from Redis.

    Args:
        backplane: what all gateways share.
        settings: this gateway's settings.
        logs: returns the logs that are in use on this gateway.
    """

    def __init__(
        self, backplane: Backplane, settings: ChatSettings, logs: Callable[[], list[Log]]
    ) -> None:
        self._backplane = backplane
        self._logs = logs
        self._settings = settings

    async def meet(self) -> None:
        """Log a warning, once, if their settings differ from this gateway's.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        others = await self._read()
        if different := differences({"this one": self._settings, **others}):
            event(
                log,
                logging.WARNING,
                "the gateways of this chat have different settings",
                settings=" | ".join(different),
            )

    async def trim(self) -> None:
        """Delete old messages from the logs; the gateway that keeps the most decides how old.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        await self._read()
        await self._backplane.trim(self._logs())

    async def _read(self) -> dict[str, ChatSettings]:
        found = await self._backplane.neighbours()
        others = {id: each.settings for id, each in found.items() if each.settings is not None}
        everyone = [self._settings, *others.values()]
        self._backplane.keep(
            max(each.history for each in everyone),
            max(each.history_age for each in everyone),
        )
        return others
