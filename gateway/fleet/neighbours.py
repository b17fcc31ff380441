"""The other gateways of the chat, and what they have in common with this one."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.backplane.contract import Backplane, Log
from gateway.backplane.records import ChatSettings
from gateway.fleet.alike import differences
from gateway.journal import event

log = logging.getLogger(__name__)


class Neighbours:
    """Looks at what the others tell of themselves.

    Args:
        backplane: what all gateways share.
        settings: this gateway's own.
        logs: returns the logs that somebody here reads.
    """

    def __init__(
        self, backplane: Backplane, settings: ChatSettings, logs: Callable[[], list[Log]]
    ) -> None:
        self._backplane = backplane
        self._logs = logs
        self._settings = settings

    async def meet(self) -> None:
        """Say, once, where they have other settings than this gateway.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        others = await self._learn()
        if different := differences({"this one": self._settings, **others}):
            event(
                log,
                logging.WARNING,
                "the gateways of this chat have different settings",
                settings=" | ".join(different),
            )

    async def trim(self) -> None:
        """Forget what is too old in the logs, by what the gateway wants that keeps most.

        Raises:
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        await self._learn()
        await self._backplane.trim(self._logs())

    async def _learn(self) -> dict[str, ChatSettings]:
        told = await self._backplane.neighbours()
        others = {id: each.settings for id, each in told.items() if each.settings is not None}
        everybody = [self._settings, *others.values()]
        self._backplane.keep(
            max(each.history for each in everybody),
            max(each.history_age for each in everybody),
        )
        return others
