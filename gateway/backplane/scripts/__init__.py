"""The scripts that run inside Redis, each in a file of its own with a header."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files


class Script:
    """One script.

    Attributes:
        name: ``<noun>_<verb>``.
        source: its Lua.
        sha: what Redis calls it once it is loaded.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.source = files(__package__).joinpath(f"{name}.lua").read_text()
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


@cache
def all_scripts() -> tuple[Script, ...]:
    """Every script of the package."""
    names = (entry.name for entry in files(__package__).iterdir() if entry.name.endswith(".lua"))
    return tuple(Script(name.removesuffix(".lua")) for name in sorted(names))
