"""Puts the IRC door together from the parts of a gateway."""

from __future__ import annotations

import time

from gateway.config import GatewayConfig
from gateway.core import Gateway
from gateway.irc.door import IrcRoom
from gateway.irc.rendering import Rendering
from gateway.irc.shared import IrcShared


def irc_room(gateway: Gateway, config: GatewayConfig) -> IrcRoom:
    """What is behind the IRC door of a gateway."""
    shared = IrcShared(
        server=config.irc_name,
        network=config.irc_name.partition(".")[0],
        version=config.version,
        hub=gateway.hub,
        rendering=Rendering(config.irc_name),
        tasks=gateway.tasks.spawn,
        prove=gateway.prove,
        counts=lambda: (
            len(gateway.online),
            len(gateway.peers) - len(gateway.online),
            len(gateway.rooms),
        ),
        started=time.time(),
        idle=config.idle,
        limits=config.limits,
        monotonic=gateway.monotonic,
    )
    return IrcRoom(shared, gateway.connect_irc, config.limits, gateway.meters)
