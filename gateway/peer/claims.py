"""Getting a name: its channel is opened, and then the name is claimed in Redis."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from gateway.backplane.contract import Backplane, Channel, Claimed, Proof
from gateway.backplane.ids import NOTHING
from gateway.backplane.records import UNKNOWN, Registration
from gateway.channels.channels import Channels
from gateway.channels.links import Link
from gateway.chat.effects import Claim
from gateway.door.accounts import Accounts
from gateway.fleet.presence import Presence
from gateway.meters import Meters
from gateway.outcomes import Outcome
from wire.frames import LOBBY
from wire.names import fold
from wire.reasons import CONNECTION_LOST, ErrorCode, WireError


class Login(NamedTuple):
    """A name that somebody has got.

    Attributes:
        registration: the record in Redis.
        token: the token that resumes the session; Redis has only its hash.
        own: the person's channel. It is open, and what it brings waits.
        claimed: how the name was got.
    """

    registration: Registration
    token: str
    own: Channel
    claimed: Claimed

    @property
    def resumed(self) -> bool:
        """Whether the peer resumed an older session."""
        return self.claimed.outcome in (Outcome.RESUMED, Outcome.RETURNED)


class Claims:
    """Gets names for peers.

    Args:
        gateway: this gateway's id.
        lobby: whether everybody is in the lobby at the start.
        auth: whether names that are not registered are let in.
        backplane: what all gateways share.
        channels: this gateway's channels.
        presence: is told about sessions that Redis may have before they are online.
        accounts: checks passwords.
        meters: where to count.
        wall: a clock in seconds since 1970.
    """

    def __init__(
        self,
        gateway: str,
        lobby: bool,
        auth: Literal["open", "required"],
        backplane: Backplane,
        channels: Channels,
        presence: Presence,
        accounts: Accounts,
        meters: Meters,
        wall: Callable[[], float],
    ) -> None:
        self._gateway = gateway
        self._rooms = [LOBBY] if lobby else []
        self._auth = auth
        self._backplane = backplane
        self._channels = channels
        self._presence = presence
        self._accounts = accounts
        self._meters = meters
        self._wall = wall

    async def claim(self, claim: Claim, link: Link) -> Login:
        """Claim a name for a new session, with its password if it needs one.

        Args:
            claim: what the peer asks for.
            link: the peer's link.

        Raises:
            WireError: it cannot have the name.
            BackplaneDown: Redis is away.
            BackplaneRefused: Redis refused.
        """
        shown = claim.resume is not None
        try:
            login = await self._claim(claim, link)
        except WireError as error:
            taken = error.code is ErrorCode.NAME_TAKEN
            self._meters.claimed(Outcome.TAKEN if taken else Outcome.LOCKED, shown=shown)
            raise
        self._meters.claimed(login.claimed.outcome, shown=shown)
        return login

    async def _claim(self, claim: Claim, link: Link) -> Login:
        login = await self._try(claim, link, Proof(self._auth))
        if login.claimed.outcome is Outcome.LOCKED:
            hash = login.claimed.hash
            await self._accounts.check(claim, hash, link.ip)
            login = await self._try(claim, link, Proof(self._auth, hash))
        match login.claimed.outcome:
            case Outcome.TAKEN:
                raise WireError(ErrorCode.NAME_TAKEN, f"the name {claim.name} is taken")
            case Outcome.LOCKED:
                raise WireError(ErrorCode.BAD_PASSWORD, "the password was changed just now")
        return login

    async def _try(self, claim: Claim, link: Link, entry: Proof) -> Login:
        """Claim the name once; if that fails, close the person's channel again."""
        folded, token = fold(claim.name), secrets.token_urlsafe(24)
        proof = _digest(claim.resume) if claim.resume else ""
        own = self._backplane.user(folded)
        # Listen first: from the moment of the claim people can write to this name.
        await self._channels.need(own)
        registration = Registration(
            name=claim.name,
            folded=folded,
            session=secrets.token_hex(8),
            gateway=self._gateway,
            address=link.address,
            since=round(self._wall() * 1000),
            origin=secrets.token_hex(8),
            resume=_digest(token),
            rooms=self._rooms,
            began=self._began(),
            shown=proof,
            hello=claim.seq,
            client=claim.client,
            quiet=claim.quiet,
        )
        self._presence.expect(registration.session)
        try:
            claimed = await self._backplane.claim(registration, 0.0, proof or None, entry)
        except BaseException as error:
            self._channels.drop(own)
            if isinstance(error, Exception):
                # The claim may have succeeded: then a session that never began holds the name.
                never_began = msgspec.structs.replace(registration, mail=UNKNOWN)
                await self._presence.release(never_began, CONNECTION_LOST)
            raise
        finally:
            self._presence.expect_no_more(registration.session)
        if claimed.outcome in (Outcome.TAKEN, Outcome.LOCKED):
            self._channels.drop(own)
        registration = msgspec.structs.replace(
            registration,
            origin=claimed.origin or registration.origin,
            began=registration.began if claimed.began is None else claimed.began,
            rooms=registration.rooms if claimed.rooms is None else claimed.rooms,
            account=claimed.account,
            away=claimed.away,
            mail=claimed.last.decode() if claimed.waiting and claimed.account else "",
        )
        return Login(registration, token, own, claimed)

    def _began(self) -> dict[str, str]:
        """Where a new origin begins in each room; for a resumed session, Redis knows where."""
        known = {room: self._channels.known(self._backplane.room(room)) for room in self._rooms}
        return {room: id.decode() for room, id in known.items() if id != NOTHING}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
