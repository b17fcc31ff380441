"""From settings to an exit code: choose the kind of client, the name and the password."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path

from client.ask import ask
from client.display.safe_text import clean_name
from client.display.style import Style, theme_named
from client.errors import ChatError, Ended, Refused
from client.guard import guarded
from client.lasting import join
from client.log import Log
from client.plain import PlainClient
from client.program import ProgramClient
from client.rooms import first_of
from client.settings import ClientSettings
from client.terminal import can_draw
from client.tls import in_the_clear, trusting
from wire.reasons import ErrorCode

USAGE_ERROR = 2
INTERRUPTED = 130

TYPED_PASSWORDS = 3
"""How many times a person may type a password before the client gives up."""

HOW_TO_GIVE = "set CHATCTL_PASSWORD, or use --password-file FILE"


def run(settings: ClientSettings) -> int:
    """Chat, on a terminal or in a pipe, and return the exit code.

    It is 0 after a goodbye, 1 if something went wrong, 2 if there is no name and nobody to ask.
    """
    if settings.name is None and not sys.stdin.isatty():
        return _failed(
            "no name: write `chatctl client NAME`, or set CHATCTL_NAME", code=USAGE_ERROR
        )
    if _can_draw() and not settings.json:
        return guarded(lambda: _run(settings, interactive=True))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    return _run(settings, interactive=False)


def _can_draw() -> bool:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return terminal and can_draw(os.environ.get("TERM"))


def _run(settings: ClientSettings, *, interactive: bool) -> int:
    try:
        return asyncio.run(_Entrance(settings).chat(interactive))
    except ChatError as error:
        return _failed(_why(error))
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\n")
        return INTERRUPTED


class _Entrance:
    """Logs in; if the gateway refuses the name or password, asks the person for another."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._tls = trusting(settings.ca) if settings.tls else None
        self._name = settings.name
        self._password = settings.password
        self._typed = 0
        self._warned = False

    async def chat(self, interactive: bool) -> int:
        """Log in, chat, and return the exit code.

        Raises:
            ChatError: the gateway did not let us in.
            EOFError: the person did not answer.
        """
        if self._password is not None:
            self._warn()
        while True:
            name = self._name = self._name or (await ask("Your name: ")).strip()
            try:
                return await self._chat(name, interactive)
            except Refused as refused:
                await self._mend(refused)

    async def _chat(self, name: str, interactive: bool) -> int:
        servers, rooms = self._settings.servers, self._settings.rooms
        log = None if self._settings.log is None else opened(self._settings.log)
        async with join(
            servers,
            name=name,
            tls=self._tls,
            password=self._password,
            rooms=rooms,
            history=self._settings.backlog if interactive else 0,
            stay=self._settings.stay and interactive,
        ) as chat:
            if self._settings.json:
                return await ProgramClient(chat, source=sys.stdin.fileno(), out=sys.stdout).run()
            first = rooms[0] if rooms else first_of(chat.rooms)
            if interactive:
                # Imported here, since loading prompt_toolkit takes longer than running a script.
                from client.app import ChatApp

                settings = self._settings
                # Bold and underlined letters are no colours.
                theme = theme_named(settings.options.theme if settings.color else "plain")
                app = ChatApp(
                    chat,
                    Style(True, theme),
                    to=settings.to,
                    room=first,
                    backlog=settings.backlog,
                    options=settings.options,
                    remember=settings.remember,
                    log=log,
                    keep=settings.keep,
                )
                return await app.run()
            return await PlainClient(
                chat,
                source=sys.stdin.fileno(),
                typed=sys.stdin.isatty(),
                to=self._settings.to,
                room=first,
                options=self._settings.options,
                log=log,
                out=sys.stdout,
                err=sys.stderr,
            ).run()

    async def _mend(self, refused: Refused) -> None:
        """After a refusal, ask the person for another name or password.

        Raises:
            Refused: that would not help, or there is nobody to ask.
        """
        asked = sys.stdin.isatty()
        match refused.code:
            case ErrorCode.NAME_TAKEN | ErrorCode.BAD_NAME if asked:
                _failed(refused.text)
                self._name, self._password, self._typed = None, self._settings.password, 0
            case ErrorCode.PASSWORD_REQUIRED if asked and not self._typed:
                await self._ask_password()
            case ErrorCode.PASSWORD_REQUIRED if not asked:
                raise Refused(refused.code, f"{refused.text}: {HOW_TO_GIVE}")
            case ErrorCode.BAD_PASSWORD if 0 < self._typed < TYPED_PASSWORDS:
                _failed(refused.text)
                await self._ask_password()
            case _:
                raise refused

    async def _ask_password(self) -> None:
        self._warn()
        self._password = await ask(f"Password of {clean_name(self._name or '')}: ", hidden=True)
        self._typed += 1

    def _warn(self) -> None:
        hosts = [] if self._tls else in_the_clear(host for host, _ in self._settings.servers)
        if hosts and not self._warned:
            self._warned = True
            _failed(f"without --tls the password can be read on its way to {', '.join(hosts)}")


def opened(path: Path) -> Log:
    """The log at this path. Raises `ChatError` if it cannot be written."""
    try:
        return Log(path)
    except OSError as error:
        raise ChatError(f"the log {path} cannot be written: {error.strerror}") from None


def _why(error: ChatError) -> str:
    """What went wrong, and when to try again, which only the text of a refusal says itself."""
    if isinstance(error, Ended) and error.after is not None:
        return f"{error} Try again in {error.after:.0f} s."
    return str(error)


def _failed(text: str, code: int = 1) -> int:
    sys.stderr.write(f"chatctl: {clean_name(text)}\n")
    return code
