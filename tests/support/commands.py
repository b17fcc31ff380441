"""The commands of `chatctl`, as they are typed."""

from __future__ import annotations

import click

from chatctl.cli import main


def called(command: str, argument: str) -> list[str]:
    """The words of a command, with an argument for each group that takes one: ``room dev ban``.

    Args:
        command: its words, such as ``room ban``.
        argument: what to write for the arguments of groups.
    """
    words: list[str] = []
    group: click.Command = main
    for word in command.split():
        assert isinstance(group, click.Group)
        words.append(word)
        group = group.commands[word]
        if isinstance(group, click.Group):
            words += [argument for each in group.params if isinstance(each, click.Argument)]
    return words
