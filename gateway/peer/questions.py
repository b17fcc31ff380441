"""What a session asks of all gateways, once it has a name."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from gateway.backplane.contract import ABSENT, Whispered
from gateway.chat.effects import FindMentioned, ListUsers, Whisper
from gateway.chat.sending import Delivery
from gateway.chat.session import State
from gateway.errors import BackplaneDown, BackplaneRefused, NameLost, TooMuchWaits
from wire.codec import encode_body
from wire.frames import Error, Users
from wire.names import fold, may_be_held
from wire.reasons import ErrorCode, WireError

if TYPE_CHECKING:
    from gateway.peer.peer import Peer

log = logging.getLogger(__name__)

USERS_IN_LINE = 50
"""So that a line of them stays below 16 KiB, whatever their names."""

FEW = 4
"""Recipients that a private message may have before it costs more than one request: Redis stores
and sends a copy for each."""

HEARD = 1.0
"""Seconds that one to many waits to be heard here, before the next takes its turn."""


async def whisper(peer: Peer, whisper: Whisper) -> None:
    """Publish a message to those of its recipients who are here, or to the room.

    While Redis is away a send with a seq waits for it, and the peer's next requests wait behind.
    """
    gateway = peer.gateway
    # Names that nobody can have cost nothing: folding takes more than the length of a name in time.
    limit = gateway.rules.limits.name
    known = [name for name in whisper.names if may_be_held(name, limit)]
    # It goes another way than what the peer said to the room, and must not overtake that.
    await peer.answered()
    if len(known) <= FEW:
        await _send(peer, whisper, known)
        return
    async with gateway.crowds:
        if id := await _send(peer, whisper, known):
            await _heard(peer, id)


async def _send(peer: Peer, whisper: Whisper, known: list[str]) -> str | None:
    """Send it to those of its recipients whom there may be; returns its id, if it was posted."""
    body = encode_body(whisper.message)
    whispered = await _whisper(peer, [fold(name) for name in known], body, whisper.seq)
    if whispered is None:
        return None
    id, found = whispered
    by_name = dict(zip(known, found, strict=True))
    to = list(dict.fromkeys(each.name for each in found if each.how == "here"))
    later = list(dict.fromkeys(each.name for each in found if each.how == "later"))
    absent = [name for name in whisper.names if by_name.get(name, ABSENT) == ABSENT]
    became, now = Delivery(id, to, later, absent), peer.gateway.monotonic()
    peer.session.budget.charge(max(0, len(to) + len(later) - 1) // FEW, now)
    for effect in peer.session.whispered(whisper, became, now):
        if isinstance(effect, FindMentioned):
            await find_mentioned(peer, effect)
        else:
            peer.perform_all([effect])
    return id


async def _heard(peer: Peer, id: str) -> None:
    """Wait until a message has come here, and with it all that was published before it."""
    heard = asyncio.Event()
    channel = peer.gateway.backplane.user(peer.registration.folded)
    peer.gateway.positions.reached(channel.key, id.encode(), heard.set)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(heard.wait(), HEARD)


async def _whisper(peer: Peer, names: list[str], body: bytes, seq: int | None) -> Whispered | None:
    """Publish it; None if it was not, and the peer was told so, or has nobody to speak for."""
    gateway = peer.gateway
    while True:
        await gateway.presence.ready()
        await gateway.presence.all_known()
        if peer.lost:
            return None
        try:
            return await gateway.backplane.whisper(peer.registration, names, body, seq=seq)
        except BackplaneDown:
            # It may have been stored. With a seq it is not stored twice.
            if seq is None:
                peer.unavailable(None)
                return None
        except BackplaneRefused as error:
            peer.tell(Error(code=ErrorCode.UNAVAILABLE, text=error.not_sent, seq=seq))
            return None
        except NameLost:
            if peer.session.state is State.CLOSED:
                return None  # it has given its name back
            # Then the peer is on its way out; or Redis has forgotten it, and is told again.
            with contextlib.suppress(BackplaneDown):
                await gateway.presence.look_after(peer)
        except TooMuchWaits as error:
            text = f"too much waits for {error} already: not sent. Say it when they are back"
            refusal = WireError(ErrorCode.OUTBOX_FULL, text, seq)
            peer.perform_all(peer.session.refuse(refusal, gateway.monotonic()))
            return None


async def find_mentioned(peer: Peer, effect: FindMentioned) -> None:
    """Publish a message to the room once it is known who is here of the people whom it names."""
    gateway, names = peer.gateway, [fold(name) for name in effect.names]
    while True:
        await gateway.presence.ready()
        await gateway.presence.all_known()
        if peer.lost:
            return
        try:
            found = await gateway.backplane.present(names)
        except BackplaneDown:
            continue  # nothing was changed: ask again when Redis is back
        except BackplaneRefused:
            peer.unavailable(effect.publish.seq)
            return
        else:
            break
    here = [name for name in found if name]
    peer.perform_all(peer.session.mentioned(effect, here, gateway.monotonic()))


async def list_users(peer: Peer, effect: ListUsers) -> None:
    """Tell a peer who is here: it costs one request for each line of them."""
    try:
        users = await peer.gateway.everybody.users()
    except (BackplaneDown, BackplaneRefused):
        peer.unavailable(effect.seq)
        return
    peer.session.budget.charge(len(users) // USERS_IN_LINE, peer.gateway.monotonic())
    for start in range(0, max(1, len(users)), USERS_IN_LINE):
        end = start + USERS_IN_LINE
        peer.tell(Users(users=users[start:end], more=end < len(users), seq=effect.seq))
        await peer.link.drained()


async def idle_left(peer: Peer) -> float:
    """Seconds of inactivity that a peer's user has left."""
    registration = peer.registration
    try:
        return await peer.gateway.backplane.idle_left(registration.folded, registration.session)
    except (BackplaneDown, BackplaneRefused):
        return 0.0  # nobody knows better than this gateway
    except Exception:
        log.exception("an unexpected error")
        return 0.0
