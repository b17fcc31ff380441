"""What a session does with its account: it registers a name, or changes the password."""

from __future__ import annotations

from collections.abc import Callable

from gateway.addresses import site, subnet
from gateway.backplane.contract import Backplane
from gateway.backplane.records import audited_by
from gateway.chat.effects import AccountRequest
from gateway.config import AccountsBy
from gateway.door.accounts import Accounts
from gateway.outcomes import Put
from gateway.peer.asking import Asker, refuse
from wire.frames import ChangePassword, Register
from wire.reasons import ErrorCode, WireError

ENDED = "The password of this account was changed."
"""For the other sessions of the account."""


class AboutAccounts:
    """Carries out what sessions want to do with accounts.

    Args:
        by: who may register names.
        backplane: what all gateways share.
        accounts: checks and hashes passwords.
        monotonic: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        by: AccountsBy,
        backplane: Backplane,
        accounts: Accounts,
        monotonic: Callable[[], float],
    ) -> None:
        self._by = by
        self._backplane = backplane
        self._accounts = accounts
        self._monotonic = monotonic

    async def do(self, asker: Asker, request: AccountRequest) -> None:
        """Carry out a request."""
        await asker.answered()
        try:
            if isinstance(request, Register):
                act, target = await self._register(asker, request)
            else:
                act, target = await self._change_password(asker, request)
        except WireError as error:
            refuse(asker, error, request.seq, self._monotonic())
            return
        await self._note(asker, act, target)
        asker.perform_all(asker.session.done(request.seq))

    async def _register(self, asker: Asker, request: Register) -> tuple[str, str]:
        member = asker.membership
        record, people = member.registration, self._backplane.people
        name = record.name if request.name is None else request.name
        if self._by != "open":
            text = "people cannot register names here: ask an operator of the chat"
            raise WireError(ErrorCode.NOT_ALLOWED, text)
        if record.account and request.name is None:
            text = f"you have the account {record.account} already: say which other name it gets"
            raise WireError(ErrorCode.NAME_REGISTERED, text)
        if not record.account and request.name is not None:
            text = "register your own name first: then your account can have other names"
            raise WireError(ErrorCode.NOT_REGISTERED, text)
        hash = ""
        if record.account:
            hash_of = await people.hash_of(record.account)
            await self._accounts.prove(record.account, request.password, hash_of, asker.link.ip)
        else:
            hash = await self._accounts.hash(request.password, asker.link.ip)
        network = site(asker.link.ip) or subnet(asker.link.ip)
        if not await people.count_registered(network):
            text = "too many names were registered from your network: try again tomorrow"
            raise WireError(ErrorCode.TOO_MANY_ATTEMPTS, text)
        put = await people.register(record, name, hash, of=record.account)
        _need_done(put, name)
        if not record.account:
            member.has_account(record.folded)
            asker.session.account = record.folded
        return "register", name

    async def _change_password(self, asker: Asker, request: ChangePassword) -> tuple[str, str]:
        record, people = asker.membership.registration, self._backplane.people
        if not record.account:
            text = f"the name {record.name} is not registered, so it has no password"
            raise WireError(ErrorCode.NOT_REGISTERED, text)
        ip, account = asker.link.ip, record.account
        await self._accounts.prove(account, request.old, await people.hash_of(account), ip)
        hash = await self._accounts.hash(request.new, ip)
        _need_done(await people.change_password(record, hash, ENDED), account)
        return "password", account

    async def _note(self, asker: Asker, act: str, target: str) -> None:
        record = asker.membership.registration
        await self._backplane.audit.note(audited_by(record, act, target=target))


def _need_done(put: Put, name: str) -> None:
    """Raise the refusal unless it was done."""
    match put:
        case Put.DONE:
            return
        case Put.EXISTS:
            raise WireError(ErrorCode.NAME_REGISTERED, f"the name {name} is registered already")
        case Put.TAKEN:
            raise WireError(ErrorCode.NAME_TAKEN, f"somebody else has the name {name} now")
        case Put.MANY:
            text = "your account has as many names as it may have"
            raise WireError(ErrorCode.TOO_MANY_ENTRIES, text)
        case Put.GONE:
            raise WireError(ErrorCode.UNAVAILABLE, "your session is ending: this was not done")
        case _:
            raise WireError(ErrorCode.NOT_REGISTERED, f"the name {name} is not registered")
