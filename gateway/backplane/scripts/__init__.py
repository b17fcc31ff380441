"""The Lua scripts that run inside Redis, each in its own file with a header."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files


class Script:
    """One script.

    Attributes:
        name: ``<noun>_<verb>``.
        own: the text of its file.
        source: the whole Lua: ``shared.lua`` and its file.
        sha: the SHA-1 by which Redis knows it once it is loaded.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.own = _lua(name)
        self.source = _lua(SHARED) + self.own
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


OLDEST_REDIS = 7
"""The oldest major version with all that the scripts use: sharded pub/sub, partial stream ids."""

SHARED = "shared"
"""The file with what several scripts share."""


def _lua(name: str) -> str:
    return files(__package__).joinpath(f"{name}.lua").read_text()


@cache
def all_scripts() -> tuple[Script, ...]:
    """Every script of the package."""
    names = (entry.name for entry in files(__package__).iterdir() if entry.name.endswith(".lua"))
    stems = {name.removesuffix(".lua") for name in names} - {SHARED}
    return tuple(Script(stem) for stem in sorted(stems))
