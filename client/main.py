"""From settings to an exit code: which kind of client, under which name."""

from __future__ import annotations

import asyncio
import io
import os
import sys

from client.errors import ChatError, Refused
from client.guard import guarded
from client.lasting import join
from client.plain import PlainClient
from client.safe_text import clean_name
from client.settings import ClientSettings
from client.style import Style
from wire.reasons import ErrorCode

USAGE_ERROR = 2
INTERRUPTED = 130

ASK_AGAIN = (ErrorCode.NAME_TAKEN, ErrorCode.BAD_NAME)
"""Refusals of a hello after which another name may do."""


def run(settings: ClientSettings) -> int:
    """Chat, in the way that stdin and stdout allow; returns the exit code.

    That is 0 after a goodbye, 1 if something went wrong, 2 if there is no name and nobody to ask.
    """
    if settings.name is None and not sys.stdin.isatty():
        return _failed(
            "no name: write `chatctl client NAME`, or set CHATCTL_NAME", code=USAGE_ERROR
        )
    if _can_draw():
        return guarded(lambda: _run(settings, interactive=True))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    return _run(settings, interactive=False)


def _can_draw() -> bool:
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return terminal and os.environ.get("TERM", "dumb") != "dumb"


def _run(settings: ClientSettings, *, interactive: bool) -> int:
    """Chat under the given name, or under one that is asked for until the gateway likes it."""
    name = settings.name
    try:
        while True:
            try:
                return asyncio.run(_chat(settings, name or _ask_name(), interactive))
            except Refused as refused:
                if refused.code not in ASK_AGAIN or not sys.stdin.isatty():
                    raise
                _failed(refused.text)
                name = None
    except ChatError as error:
        return _failed(str(error))
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\n")
        return INTERRUPTED


async def _chat(settings: ClientSettings, name: str, interactive: bool) -> int:
    async with join(settings.servers, name=name) as chat:
        if interactive:
            # Imported here, since prompt_toolkit takes longer to load than a script takes to run.
            from client.app import ChatApp

            return await ChatApp(chat, Style(settings.color)).run()
        return await PlainClient(
            chat,
            source=sys.stdin.fileno(),
            typed=sys.stdin.isatty(),
            out=sys.stdout,
            err=sys.stderr,
        ).run()


def _ask_name() -> str:
    """Ask; the question goes where errors go, since stdout may be a file."""
    sys.stderr.write("Your name: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def _failed(text: str, code: int = 1) -> int:
    sys.stderr.write(f"chatctl: {clean_name(text)}\n")
    return code
