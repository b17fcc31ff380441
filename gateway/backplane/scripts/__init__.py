"""The Lua scripts that run inside Redis, each in its own file with a header."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha1
from importlib.resources import files


class Script:
    """One script.

    Attributes:
        name: ``<noun>_<verb>``.
        own: the text of its file.
        source: the whole Lua: what it needs of ``shared.lua``, and its file.
        sha: the SHA-1 by which Redis knows it once it is loaded.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.own = _lua(name)
        self.source = needed_by(self.own, _lua(SHARED)) + self.own
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()


OLDEST_REDIS = 7
"""The oldest major version with all that the scripts use: sharded pub/sub, partial stream ids."""

SHARED = "shared"
"""The file with what several scripts share."""


def _lua(name: str) -> str:
    return files(__package__).joinpath(f"{name}.lua").read_text()


def needed_by(script: str, shared: str) -> str:
    """The definitions in a shared file that a script needs, and that these need themselves.

    Redis runs all that is in front of a script with each call: the whole file costs a small call
    3 µs, more than the rest of it.

    Args:
        script: Lua.
        shared: Lua with nothing but definitions, each beginning with ``local`` at the left margin
            and using earlier ones only.
    """
    needed, wanted = list[str](), _words(script)
    for definition in reversed(re.split(r"^(?=local )", _code(shared), flags=re.MULTILINE)):
        head = re.match(r"local (?:function )?([\w, ]+)", definition)
        if head is not None and wanted.intersection(re.findall(r"\w+", head[1])):
            needed.insert(0, definition)
            wanted |= _words(definition)
    return "".join(needed)


def _words(lua: str) -> set[str]:
    return set(re.findall(r"\w+", _code(lua)))


def _code(lua: str) -> str:
    return re.sub(r"--.*", "", lua)


@cache
def all_scripts() -> tuple[Script, ...]:
    """Every script of the package."""
    names = (entry.name for entry in files(__package__).iterdir() if entry.name.endswith(".lua"))
    stems = {name.removesuffix(".lua") for name in names} - {SHARED}
    return tuple(Script(stem) for stem in sorted(stems))
