"""A man page made from the commands, in the language of man(7)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from chatctl import __version__
from chatctl.cli import main
from chatctl.configfile import leaves

ENDS = """\
.SH CONFIGURATION
An option can be set with a flag, with its environment variable, or in the file
.IR ~/.config/chatctl/config.toml .
A flag overrides the environment, and the environment overrides the file.
.B chatctl config show
shows every option, its value, and where that comes from.
.SH EXIT STATUS
.TP
0
The command did its work.
.TP
1
It failed; standard error says why, and what to do.
.TP
2
The command line or a setting was wrong.
.SH FILES
.TP
.I ~/.config/chatctl/config.toml
The settings; below
.I $XDG_CONFIG_HOME
if that is set.
.TP
.I ~/.local/state/chatctl/typed
What was typed in the client; below
.I $XDG_STATE_HOME
if that is set.
"""


def manual() -> str:
    """The page, with a section for each command."""
    return "\n".join(_page()) + "\n" + ENDS


def _page() -> Iterator[str]:
    context = click.Context(main, info_name="chatctl")
    yield f'.TH CHATCTL 1 "" "chatctl {__version__}" "User Commands"'
    yield ".SH NAME"
    yield r"chatctl \- a chat for the terminal that you run yourself"
    yield ".SH SYNOPSIS"
    yield ".B chatctl"
    yield r"[\fB\-\-config\fP \fIFILE\fP] \fICOMMAND\fP [\fIARGUMENTS\fP]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(main.help)
    yield from _options(main, context)
    yield ".SH COMMANDS"
    for name, command in leaves(main.commands).items():
        words = "room" if name == "room.show" else name.replace(".", " ")
        within = click.Context(command, info_name=f"chatctl {words}")
        yield f'.SS "{_plain(f"chatctl {words}")}"'
        yield from _usage(command, within)
        yield from _paragraphs(command.help)
        yield from _options(command, within)
        yield from _example(command.epilog)


def _usage(command: click.Command, context: click.Context) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    yield ".PP"
    yield rf"\fB{_plain(context.info_name or '')}\fP {_plain(pieces)}"


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", (text or "").replace("\b", "").strip()):
        yield ".PP"
        yield _plain(" ".join(paragraph.split()))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name != "help":
            names, text = record
            yield ".TP"
            yield rf"\fB{_plain(names)}\fP"
            yield _plain(" ".join(text.split()))


def _example(epilog: str | None) -> Iterator[str]:
    lines = (epilog or "").replace("\b\n", "").splitlines()
    if lines:
        yield ".PP"
        yield _plain(lines[0])
        yield ".PP"
        yield ".nf"
        yield from (_plain(line) for line in lines[1:])
        yield ".fi"


def _plain(text: str) -> str:
    """A text in which nothing means anything to roff."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text
