"""Logging in: listen to the user's channels, then claim the name."""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

from gateway.backplane import Claimed, Registration
from gateway.backplane.connection import RedisError
from gateway.chat.effects import Claim
from gateway.chat.names import fold
from gateway.core import Gateway
from gateway.errors import BackplaneDown
from wire.frames import LOBBY
from wire.reasons import CONNECTION_LOST


class Login(NamedTuple):
    """A name that was claimed.

    Attributes:
        registration: the record in Redis.
        token: what takes the name back later; it is in Redis as its hash only.
        channels: those that are listened to for this user.
        claimed: how the name was got.
    """

    registration: Registration
    token: str
    channels: tuple[str, ...]
    claimed: Claimed


async def log_in(gateway: Gateway, claim: Claim, address: str) -> Login | None:
    """Claim a name for a new session.

    Args:
        gateway: where the peer is connected.
        claim: what it wants.
        address: where it is.

    Returns:
        None if the name is taken.

    Raises:
        BackplaneDown: Redis is away.
        RedisError: Redis refused.
    """
    folded, token = fold(claim.name), secrets.token_urlsafe(24)
    registration = Registration(
        name=claim.name,
        folded=folded,
        session=secrets.token_hex(8),
        gateway=gateway.id,
        address=address,
        since=round(gateway.wall() * 1000),
        resume=_digest(token),
        rooms=[LOBBY],
        client=claim.client,
    )
    backplane, subscriptions = gateway.backplane, gateway.subscriptions
    channels = (backplane.user_channel(folded), backplane.room_channel(LOBBY))
    needed: list[str] = []
    try:
        # Listen first: from the moment of the claim on, people write to this name.
        for channel in channels:
            await subscriptions.need(channel)
            needed.append(channel)
        proof = _digest(claim.resume) if claim.resume else None
        claimed = await backplane.claim(registration, 0.0, proof)
    except (BackplaneDown, RedisError):
        subscriptions.drop_all(needed)
        if len(needed) == len(channels):
            # It may have had its effect: then the name is held by a session that never was.
            await gateway.presence.release(registration, CONNECTION_LOST)
        raise
    if claimed.outcome == "taken":
        subscriptions.drop_all(channels)
        return None
    return Login(registration, token, channels, claimed)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
