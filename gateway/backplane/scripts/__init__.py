"""The scripts that run inside Redis, each in a file of its own with a header."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files


class Script:
    """One script.

    Attributes:
        name: ``<noun>_<verb>``.
        own: its file.
        source: its Lua, behind what it shares with others (``shared.lua``).
        sha: what Redis calls it once it is loaded.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.own = _lua(name)
        self.source = _lua(SHARED) + self.own
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


SHARED = "shared"
"""The file of what several scripts need."""


def _lua(name: str) -> str:
    return files(__package__).joinpath(f"{name}.lua").read_text()


@cache
def all_scripts() -> tuple[Script, ...]:
    """Every script of the package."""
    names = (entry.name for entry in files(__package__).iterdir() if entry.name.endswith(".lua"))
    stems = {name.removesuffix(".lua") for name in names} - {SHARED}
    return tuple(Script(stem) for stem in sorted(stems))
