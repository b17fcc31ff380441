"""Logging in: listen to the user's channels, then claim the name."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gateway.backplane.contract import Channel, Claimed, Entry, Log
from gateway.backplane.ids import NOTHING, before, epoch_of, parse
from gateway.backplane.records import Registration
from gateway.channels.links import Link
from gateway.channels.reading import gap
from gateway.channels.replay import seen_id
from gateway.chat.effects import Claim
from gateway.chat.session import State
from gateway.core import Gateway
from gateway.errors import BackplaneDown, BackplaneRefused
from wire.frames import LOBBY, PRIVATE
from wire.names import fold
from wire.reasons import CONNECTION_LOST, GATEWAY_LOST, INTERRUPTED, ErrorCode, Reason, WireError

if TYPE_CHECKING:
    from gateway.peer.peer import Peer


class Login(NamedTuple):
    """A name that was claimed; whether it was got is in ``claimed``.

    Attributes:
        registration: the record in Redis.
        token: what takes the name back later; it is in Redis as its hash only.
        channels: those that are listened to for this user: the user's own, and the room's.
        claimed: how the name was got.
    """

    registration: Registration
    token: str
    channels: tuple[Channel, ...]
    claimed: Claimed

    @property
    def resumed(self) -> bool:
        """Whether the peer proved to be who had the name before."""
        return self.claimed.outcome in ("resumed", "returned")

    def began(self, log: Log) -> bytes:
        """The id behind which the peer's origin began in a log."""
        return self.registration.began.get(log.room, "0-0").encode()

    def begins_anew(self, log: Log, seen: bytes | None) -> bool:
        """Whether the origin began behind what the peer saw last, and the peer cannot know.

        Nobody knew the peer any more when it said hello, and the welcome that told so may never
        have arrived. Now it comes again, and takes over the session that began then.
        """
        return self.claimed.unheard and seen is not None and parse(seen) < parse(self.began(log))


async def arrive(peer: Peer, claim: Claim) -> None:
    """Log a peer in, tell it what it missed, and tell the others that it is here.

    Raises:
        BackplaneDown: Redis is away.
        BackplaneRefused: Redis refused.
    """
    gateway, session = peer.gateway, peer.session
    folded = fold(claim.name)
    if (banned := _banned(peer, folded)) is not None:
        peer.end(banned)  # before the name is claimed: nobody shall hear that it left
        return
    try:
        login = await log_in(gateway, claim, peer.link)
    except WireError as error:
        taken = error.code is ErrorCode.NAME_TAKEN
        gateway.meters.claimed("taken" if taken else "locked", shown=claim.resume is not None)
        peer.perform_all(session.refuse(error, gateway.monotonic()))
        return
    gateway.meters.claimed(login.claimed.outcome, shown=claim.resume is not None)
    now = gateway.monotonic()
    peer.registration, peer.channels = login.registration, login.channels
    ended = gateway.orders.early(login.registration.session) or _banned(peer, folded)
    if ended is not None:
        peer.end(ended)  # meanwhile
    if session.state is State.CLOSED:
        return  # gone while Redis was asked, or ended
    gateway.online[login.registration.session] = peer
    seen = begins_at(gateway, login, claim.seen)
    anew = [
        login.begins_anew(log, seen_id(claim.seen.get(log.room))) for _, _, log in login.channels
    ]
    resumed = login.resumed and not any(anew)
    peer.perform_all(session.granted(claim.name, login.token, resumed, seen, now))
    peer.trace.began(login.registration, login.claimed.outcome)
    if login.claimed.former is not None:
        gateway.announce_left(login.claimed.former, GATEWAY_LOST)
    try:
        await catch_up(gateway, login, peer.link, claim.seen)
    except (BackplaneDown, BackplaneRefused):
        peer.end(INTERRUPTED)
        return
    except Exception:
        text = "Something went wrong here while you were told what you had missed."
        peer.end(INTERRUPTED._replace(text=text))
        raise
    if login.claimed.outcome not in ("resumed", "taken_over"):  # else the name was here all along
        gateway.announce_joined(login.registration)


def _banned(peer: Peer, folded: str) -> Reason | None:
    # The address too: a ban may be newer than the connection.
    bans, now = peer.gateway.bans, peer.gateway.monotonic()
    return bans.of_address(peer.link.ip, now) or bans.of_name(folded, now)


async def log_in(gateway: Gateway, claim: Claim, link: Link) -> Login:
    """Claim a name for a new session, with its password where it needs one.

    Args:
        gateway: where the peer is connected.
        claim: what it wants.
        link: its write end.

    Raises:
        WireError: it cannot have the name.
        BackplaneDown: Redis is away.
        BackplaneRefused: Redis refused.
    """
    login = await _claim(gateway, claim, link, Entry(gateway.auth))
    if login.claimed.outcome == "locked":
        hash = login.claimed.hash
        await gateway.accounts.check(claim, hash, link.ip)
        login = await _claim(gateway, claim, link, Entry(gateway.auth, hash))
    match login.claimed.outcome:
        case "taken":
            raise WireError(ErrorCode.NAME_TAKEN, f"the name {claim.name} is taken")
        case "locked":
            raise WireError(ErrorCode.BAD_PASSWORD, "the password was changed just now")
    return login


async def _claim(gateway: Gateway, claim: Claim, link: Link, auth: Entry) -> Login:
    folded, token = fold(claim.name), secrets.token_urlsafe(24)
    proof = _digest(claim.resume) if claim.resume else ""
    registration = Registration(
        name=claim.name,
        folded=folded,
        session=secrets.token_hex(8),
        gateway=gateway.id,
        address=link.address,
        since=round(gateway.wall() * 1000),
        origin=secrets.token_hex(8),
        resume=_digest(token),
        rooms=[LOBBY],
        shown=proof,
        hello=claim.seq,
        client=claim.client,
    )
    backplane = gateway.backplane
    _, room = channels = (backplane.user(folded), backplane.room(LOBBY))
    needed: list[Channel] = []
    try:
        # Listen first: from the moment of the claim on, people write to this name.
        for channel in channels:
            await gateway.channels.need(channel)
            needed.append(channel)
        # A stranger's origin begins here; whose it is that continues, Redis knows.
        began = {LOBBY: gateway.channels.at(room).decode()}
        registration = msgspec.structs.replace(registration, began=began)
        gateway.presence.expect(registration.session)
        claimed = await backplane.claim(registration, 0.0, proof or None, auth)
    except BaseException as error:
        _drop(gateway, needed)
        if len(needed) == len(channels) and isinstance(error, Exception):
            # It may have had its effect: then the name is held by a session that never was.
            await gateway.presence.release(registration, CONNECTION_LOST)
        raise
    finally:
        gateway.presence.expect_no_more(registration.session)
    if claimed.outcome in ("taken", "locked"):
        _drop(gateway, channels)
    registration = msgspec.structs.replace(
        registration, origin=claimed.origin or registration.origin, began=claimed.began or began
    )
    return Login(registration, token, channels, claimed)


def begins_at(gateway: Gateway, login: Login, seen: dict[str, str]) -> dict[str, str]:
    """The id in each room behind which a session begins, where the peer told none that is good."""
    begins = {}
    for channel in login.channels:
        log = channel.log
        after = seen_id(seen.get(log.room))
        if login.begins_anew(log, after):
            begins[log.room] = login.began(log).decode()
        elif not login.resumed or after is None:
            begins[log.room] = _start(gateway, login, channel, after).decode()
    return begins


async def catch_up(gateway: Gateway, login: Login, link: Link, seen: dict[str, str]) -> None:
    """Let a link join its channels; who comes back is told first what was missed.

    Args:
        gateway: where the peer is connected.
        login: how it got in.
        link: its write end.
        seen: the last id that it saw in each room, as it said.

    Raises:
        BackplaneDown: Redis is away.
    """
    own, _ = login.channels
    behind = []
    for channel in login.channels:
        log = channel.log
        after = seen_id(seen.get(log.room))
        if login.resumed and after is not None:
            # What was said before the origin began was said to another, or to nobody of this name.
            if login.begins_anew(log, after):
                gateway.hub.tell(link, gap(log.room, after))
            behind.append((channel, max(after, login.began(log), key=parse)))
            continue
        if log.room == PRIVATE and login.claimed.waiting:
            behind.append((channel, login.claimed.last))
            continue
        if after is not None:
            # Who it was is not known any more, so neither is what was missed.
            gateway.hub.tell(link, gap(log.room, after))
            start = _start(gateway, login, channel, after)
            if log.room != PRIVATE and start != gateway.channels.at(channel):
                behind.append((channel, start))
                continue
        gateway.channels.join(link, channel)
    # What was said to the user between the claim and now waits for this.
    gateway.channels.follow(own, login.claimed.last)
    # These take their time; the others begin where the welcome said.
    for channel, after in behind:
        await gateway.channels.resume(link, channel, after)


def _start(gateway: Gateway, login: Login, channel: Channel, seen: bytes | None) -> bytes:
    """Where one begins who does not go on behind what was seen."""
    if channel.log.room == PRIVATE:
        return login.claimed.last
    at = gateway.channels.at(channel)
    if login.resumed or seen in (None, NOTHING) or epoch_of(seen) >= epoch_of(at):
        return at
    # Redis has lost its memory, and with it who this was: what the room said since is for all who
    # were there before.
    since = gateway.wall() - epoch_of(at) / 1000
    return before(epoch_of(at)) if since < gateway.settings.resume_within else at


def _drop(gateway: Gateway, channels: Iterable[Channel]) -> None:
    for channel in channels:
        gateway.channels.drop(channel)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
