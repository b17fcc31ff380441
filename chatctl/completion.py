"""``chatctl completion``: what a shell needs to complete the commands of chatctl."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

EXAMPLE = """\b
Examples:
  chatctl completion bash > ~/.local/share/bash-completion/completions/chatctl
  chatctl completion fish > ~/.config/fish/completions/chatctl.fish
"""


@click.command(epilog=EXAMPLE, short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script with which a shell completes commands, options and names at the Tab key.

    For zsh, write it to a file called _chatctl in a folder of your $fpath.
    """
    program = context.find_root().command
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(program, {}, "chatctl", "_CHATCTL_COMPLETE").source())
