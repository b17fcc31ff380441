"""Write the files of ``deploy/share`` again: the man page and the completion scripts."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from chatctl.cli import main
from tests.share.manual import manual

SHARE = Path(__file__).parents[2] / "deploy/share"

SCRIPTS = {
    "bash": "bash-completion/completions/chatctl",
    "zsh": "zsh/site-functions/_chatctl",
    "fish": "fish/vendor_completions.d/chatctl.fish",
}
"""The completion script of each shell, where the shell looks for it below ``share``."""


def files() -> dict[Path, str]:
    """What each file should contain."""
    found = {SHARE / "man/man1/chatctl.1": manual()}
    for shell, path in SCRIPTS.items():
        found[SHARE / path] = CliRunner().invoke(main, ["completion", shell]).stdout
    return found


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
