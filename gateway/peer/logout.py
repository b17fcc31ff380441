"""Leaving: the channels, the name, and then the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire.reasons import Reason

if TYPE_CHECKING:
    from gateway.peer.peer import Peer


async def leave(peer: Peer, reason: Reason) -> None:
    """Let a peer go: tell it why, once its name is free, or kept until it comes back."""
    gateway = peer.gateway
    gateway.meters.ends[reason.code] += 1
    for channel in peer.channels:
        gateway.channels.leave(peer.link, channel)
    try:
        await _release(peer, reason)
    finally:
        # Whatever became of the name: nobody stays connected to a session that has ended.
        gateway.forget(peer)
        peer.trace.ended(reason, gateway.monotonic())
        gateway.hub.close(peer.link, reason, gateway.come_back_after(reason))


async def _release(peer: Peer, reason: Reason) -> None:
    if not peer.channels:
        return
    gateway, registration = peer.gateway, peer.registration
    gateway.online.pop(registration.session, None)
    gateway.presence.forget(peer)
    for channel in peer.channels:
        gateway.channels.drop(channel)
    peer.channels = ()
    if gateway.draining and reason.reconnect:
        gateway.presence.expect(registration.session)  # kept for it by the lease
    else:
        await gateway.presence.release(registration, reason)
