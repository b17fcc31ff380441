"""What the shell offers at the Tab key: names from the chat that a command is about.

A shell runs us in the middle of its prompt. So nothing is printed, whatever goes wrong, and a Redis
that does not answer is not waited for.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from chatctl.shared_redis import Chat

WITHIN = 1.0
"""Seconds that looking may take."""

Offer = Callable[[click.Context, click.Parameter, str], list[str]]


def _offer(look: Callable[[str, str], Iterable[str]]) -> Offer:
    """Offer names that begin as the typed word does.

    Args:
        look: finds the names, by the URL of Redis and the prefix.
    """

    def offer(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        try:
            with contextlib.redirect_stderr(io.StringIO()), _in_time():
                found = sorted(set(look(*_chat(context).at)))
        except (Exception, click.exceptions.Exit):
            return []
        return [name for name in found if name.casefold().startswith(begun.casefold())]

    return offer


@contextlib.contextmanager
def _in_time() -> Any:
    def late(*_: object) -> NoReturn:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, WITHIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _chat(context: click.Context) -> Chat:
    """The chat that the typed command would be about, with the config file taken into account."""
    from chatctl import configfile
    from chatctl.cli import main
    from chatctl.options import url_with_password, variable

    path, words = configfile.default_path(), context.command_path.split()[1:]
    kept: Any = configfile.load(path, main.commands) if path and path.exists() else {}
    for word in words:
        kept = kept.get(word, {})

    def value(name: str) -> Any:
        given: click.Context | None = context
        while given is not None and name not in given.params:
            given = given.parent
        if given is None:  # it is an option of what follows, such as `chatctl room dev kick`
            return os.environ.get(variable(name)) or kept.get(name)
        by_default = given.get_parameter_source(name) in (None, ParameterSource.DEFAULT)
        return kept.get(name, given.params[name]) if by_default else given.params[name]

    url = url_with_password(value("redis"), value("redis_password_file"))
    return Chat(url, value("prefix") or "chat", value("run_dir"))


def _people(url: str, prefix: str) -> list[str]:
    from gateway.backplane.operators.users import list_users

    return [person[0].registration.name for person in list_users(url, prefix)]


def _rooms(url: str, prefix: str) -> list[str]:
    from gateway.backplane.operators.rooms import list_rooms

    return [room.state.room for room in list_rooms(url, prefix)]


def _gateways(url: str, prefix: str) -> list[str]:
    from gateway.backplane.operators.gateways import list_gateways

    return [each.id for each in list_gateways(url, prefix)[1]]


def _bans(url: str, prefix: str) -> list[str]:
    from gateway.backplane.operators.bans import list_bans

    return [ban.subject for ban in list_bans(url, prefix)[1]]


def _accounts(url: str, prefix: str) -> list[str]:
    from gateway.backplane.operators.accounts import list_accounts

    return [account.name for account in list_accounts(url, prefix)]


people = _offer(_people)
rooms = _offer(_rooms)
gateways = _offer(_gateways)
bans = _offer(_bans)
accounts = _offer(_accounts)
