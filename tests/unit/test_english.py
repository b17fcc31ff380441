"""What people read is plain English: the constructions of this list never come back.

Each of them makes a native reader stop and read the sentence again. The list holds only what is
always worse than the words beside it. It does not replace reading.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import chain
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
    r"\bneed (?:not|be|no)\b": "do not need to",
    r"\bso many\b": "the number of",
    r"\bown(?:s|ed) up\b": "say so",
    r"\bany more\b(?! than)": "no longer",
    r"\b(?:is|are|was|were|has|have) (?:\w+ )?no more\b(?! than)": "no longer",
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

CLEAN = ("*.md", "docs/howto/*.md", "docs/[a-bd-o]*.md", "docs/u*.md")
"""Where the list is kept so far."""

FILES = sorted(
    path
    for path in chain.from_iterable(ROOT.glob(pattern) for pattern in CLEAN)
    if path != Path(__file__)
)


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


def stumbles(path: Path) -> list[str]:
    """Where a file uses a construction of the list, and what is plainer."""
    return [
        f"{path.relative_to(ROOT)}:{line + text.count(chr(10), 0, found.start())}: "
        f"{found[0]!r}; plainer: {plainer}"
        for line, text in prose(path)
        for worse, plainer in WORSE
        for found in worse.finditer(text)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_uses_no_construction_that_has_to_be_read_twice(path):
    assert stumbles(path) == []
