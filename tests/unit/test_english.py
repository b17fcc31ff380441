"""What people read is plain English: the constructions of this list never come back.

Each of them makes a native reader stop and read the sentence again. The list holds only what is
always worse than the words beside it. It does not replace reading.
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLAINER = {
    r"\bwho(?:so)?ever\b": "anyone who, the person who",
    r"\bwhom(?:ever)?\b": "who, in a sentence of its own",
    r"(?:^|[.:;] )(?-i:Who) (?:says|has|comes|leaves|lacks|asks|shows|may|can|knows|speaks"
    r"|reads|sends|goes|wants|does)\b(?![^.;:]*\?)": "anyone who, a client that",
    r"\bshall\b": "must, should, will",
    r"\bof which\b": "whose, or two sentences",
    r"\bis (?-i:none)\b": "is not one, does not",
    r"\b(?-i:none) (?:that|which)\b": "no ... that",
    r"\bneed (?:not|be)\b": "do not need to",
    r"\bso many\b": "the number of",
    r"\bown(?:s|ed) up\b": "say so",
    r"\bany more\b(?! than)": "no longer",
    r"\b(?:is|are|was|were) (?:\w+ )?no more\b(?! than)": "no longer",
    r"\bth(?:at|ose) of\b": "the noun once more, or 's",
    r"\bbesides\b": "also, apart from",
    r"\ball the same\b": "still",
    r"\bput(?:s|ting)? up with\b": "accept, tolerate",
    r"\b(?:is|are|was|were) to be\b": "must be, will be, can be",
    r"\bfor ever\b": "forever, for good",
    r"\b(?:is|are|was|were|be|been) looked at\b": "is read, is checked",
    r"\btold of\b": "told about",
    r"\bsees? to it\b": "makes sure",
    r"\bone's own\b": "your own, its own",
    r"\b(?:lest|hence|hitherto|where(?:by|in|upon)|there(?:of|in|by|after))\b": "a common word",
    r"\bsuch as (?:is|are)\b": "like, for example",
    r"\bbe it\b": "whether it is",
    r"\bbehind (?:an?|the|that|this|which|its|last)(?: \w+)? id\b": "after the id",
    r"\basked for wrongly\b": "used wrongly",
}
SPACE = r"\\s+(?:#+|--)?\\s*"
"""A space of the list, also where a line ends, in a comment too."""

WORSE = [
    (re.compile(re.sub(" ", SPACE, worse), re.M | re.I), plainer)
    for worse, plainer in PLAINER.items()
]

KINDS = {".md", ".py", ".lua", ".toml", ".yml", ".yaml", ".conf", ".cfg", ".env", ".service"}
NAMES = {"Makefile", "Dockerfile"}


def files() -> Iterator[Path]:
    """What people read, but this list."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [each for each in folders if not each.startswith((".", "__"))]
        for path in (Path(folder, name) for name in names):
            if (path.suffix in KINDS or path.name in NAMES) and path != Path(__file__):
                yield path


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """What people read in a file: pieces of it, each with the number of its first line."""
    text = path.read_text()
    match path.suffix:
        case ".py":
            yield 1, comments(text)
            yield from strings_and_names(text)
        case ".lua":
            yield (
                1,
                "\n".join(line[line.find("--") :] * ("--" in line) for line in text.split("\n")),
            )
        case _:
            yield 1, text


def comments(source: str) -> str:
    """The comments of a module, each on its own line."""
    lines = [""] * (source.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = token.string
    return "\n".join(lines)


def strings_and_names(source: str) -> Iterator[tuple[int, str]]:
    """Docstrings and other strings, and the names of functions and classes as words."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)):
                yield node.lineno, text
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name.replace("_", " ")


def stumbles(path: Path) -> Iterator[str]:
    """Where a file uses a construction of the list, and what is plainer."""
    for line, text in prose(path):
        for worse, plainer in WORSE:
            for found in worse.finditer(text):
                place = line + text.count("\n", 0, found.start())
                yield f"{path}:{place}: {found[0]!r}; plainer: {plainer}"


def test_nothing_has_to_be_read_twice() -> None:
    found = "\n".join(each for path in files() for each in stumbles(path))
    assert found == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "You shall not."),
        ("a.md", "Gone. Who says nothing is warned."),
        ("a.md", "for so\nmany seconds"),
        ("a.py", "x = 1  # whoever it is"),
        ("a.py", "# what is not here any\n# more\n"),
        ("a.py", 'x = "it is no more"'),
        ("a.py", 'def f(x):\n    """That of x."""\n'),
        ("a.py", "def test_who_need_not_come():\n    pass\n"),
        ("a.py", 'x = f"{1} of whom none"'),
        ("a.lua", "local x = 1 -- one's own"),
        ("a.lua", "-- for\n-- ever\n"),
        ("a.yml", "text: red, and blue besides"),
    ],
)
def test_the_list_is_looked_for_wherever_people_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert len(list(stumbles(tmp_path / name))) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "Who says so? Nobody does any more than that."),
        ("a.py", "x is None  # if it is None"),
        ("a.py", "whoever = shall = 1\n"),
        ("a.lua", "local whoever = 1"),
    ],
)
def test_what_is_plain_and_what_nobody_reads_is_left_alone(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert list(stumbles(tmp_path / name)) == []
