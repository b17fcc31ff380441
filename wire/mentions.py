r"""The people a text is for: the run of ``@name`` words at its end (``\@`` is a plain at sign).

The rule, once, for the gateway that sends and for the client that shows where a line will go. In
doubt a text is private: what reached too few can be said again, but what reached everyone cannot
be taken back.

- Names have a known alphabet (`wire.names.in_names`), and any other character ends a name:
  ``@sis!``, ``(@sis)`` and ``@sis❤️`` are for sis. A name cannot end in a character that ends a
  sentence or closes an emphasis, so ``@sis.`` and ``_psst @sis_`` are for sis, too.
- Characters that say nothing may stand in the run and after it: blanks, punctuation and symbols of
  any script, characters that are not seen, and smileys; between two names also the word "and".
- A name needs no at sign if only a comma or the like joins it to the name before: ``@sis,mom``.
- An at sign after a Latin letter or a digit makes an address, and one in a link belongs to the
  link. Neither names a recipient.

Other names in a text are found too, so that a sender can be warned that everyone reads it.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from unicodedata import category

from wire.names import NEVER_LAST, in_names
from wire.unseen import is_unseen

AT = "@\uff20\ufe6b"
"""At signs: the common one, and the full-width and the small one of Asian keyboards."""

SEPARATORS = ",;/&+\uff0c\u3001\uff1b\u060c"
"""What can join a name without an at sign to the name before it."""

EVERYONE = frozenset({"all", "everyone", "everybody", "here", "channel", "room"})
"""Words that mean everyone when they follow an at sign. Nobody can be called one of them."""

_AT = re.compile(f"[{AT}]")
_ESCAPED = re.compile(rf"\\(?=[{AT}])")
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3|\u2139\ufe0f")
_LINK = re.compile(r"://\S++")
_POSSESSIVE = re.compile("\u02bc[sS]$")
_APOSTROPHES = frozenset("'\u2019\u2018\u02bc\uff07`\u00b4\u2032")

# A text is read by the kinds of its characters, one for one: `l`etters and digits of ASCII, `L` of
# other scripts, `m`arks, `-` punctuation of names, `@`, `\`, blank ` `, un`~`seen, `(` what opens,
# quotes and emphasises, and `.` for everything else.
_NAME = r"(?=-*+[lL])[lL-](?:[lLm-]|~++(?=[lLm-]))*+"
_MENTION = re.compile(rf"(?<!\\)@[@~m(]{{0,64}}+(?P<name>{_NAME})")
_APART = re.compile(rf"(?<![\\@])@[@~m(. ]{{1,64}}+(?P<name>{_NAME})")
_JOINED = re.compile(rf"\.(?P<name>{_NAME})")
_NEVER_LAST = "".join(NEVER_LAST)
_OPENING = frozenset("\"'*`|<>~([{\u2018\u2019\u201c\u201d\u00ab\u00bb\u2039\u203a\u300c\u300e")

# Smileys that have letters or digits in them. Those that have none are punctuation anyway.
_SMILEY = re.compile(
    r"""
    (?: [:;=] [-~^'o]{0,2} (?: [dpoxsbclvj]++3? | [30] )    # :D  :-P  ;o  :3
    |   < /? 3++                                            # <3  </3
    |   \\ o                                                # \o/
    |   [\\^>=<-] [owvxu_]{1,3} [/^<=>-]                    # ^o^  >w<
    |   (?<![^\W_]) (?:
            8-?d | x[dp]++                                  # 8D  xD
        |   [8b] -? [()]                                    # 8-)  B)
        |   [dpcoxq] [-~']{0,2} [:;=]                       # D:  c:
        |   (?P<eye>[^\W\d_]|0) [._^~-]{1,3} (?P=eye)       # T_T  o_O
        |   o /                                             # o/
        |   [uo0]w[uo0]                                     # UwU
        )
    )
    (?![^\W_])
    """,
    re.VERBOSE | re.IGNORECASE,
)

_MOST_OTHERS = 100
"""The most names that are found in addition to the recipients: nobody names more by mistake."""

_HEADS = 8
"""How many beginnings of a name are tried: one of them may have been meant."""


class Mentions(NamedTuple):
    """The names in a text, as they were written.

    Attributes:
        recipients: the names in the run at its end, in order: the text is for these people.
        others: the other names in it, also those in addresses and links. For "@sis.thx" and
            "@sisへ" that includes "sis", who may be meant.
    """

    recipients: list[str]
    others: list[str]


def read_mentions(text: str) -> Mentions:
    """Find the names in a text.

    Args:
        text: as it was typed.
    """
    # Most texts name nobody, and nearly all of those are told by one look each.
    if "@" not in text and (text.isascii() or not any(at in text for at in AT)):
        return Mentions([], [])
    text = _KEYCAP.sub(lambda found: "\u2022" * len(found[0]), text)  # character for character
    kinds = "".join(map(_kind, text))
    mentions, others = _mentions(text, kinds)
    first, end = len(mentions), len(text)
    run: deque[str] = deque()
    while first:
        mention, last = mentions[first - 1], first == len(mentions)
        joined: list[re.Match[str]] = []
        if not _says_nothing(text[mention.end : end], last):
            joined = _joined(text, kinds, mention.end)
            if not joined or not _says_nothing(text[joined[-1].end() : end], last):
                break
        run.extendleft(_bare(text, found) for found in reversed([mention.found, *joined]))
        first -= 1
        end = mention.found.start()
    others += (mention.found for mention in mentions[:first])
    named = [_bare(text, found) for found in others[:_MOST_OTHERS]]
    named += (head for name in (*named, *islice(run, _MOST_OTHERS)) for head in _heads(name))
    recipients = set(run)
    return Mentions(list(run), [name for name in dict.fromkeys(named) if name not in recipients])


def recipients(text: str) -> list[str]:
    """The people a text is for, in order; empty if it is for everyone."""
    return read_mentions(text).recipients


def escaped(text: str) -> str:
    r"""A text with ``\@`` in place of every at sign, so that no name in it is a recipient."""
    return _AT.sub(r"\\\g<0>", text)


def unescaped(text: str) -> str:
    r"""A text as it is shown: every ``\@`` becomes a plain at sign."""
    return _ESCAPED.sub("", text) if "\\" in text else text


class _Mention(NamedTuple):
    found: re.Match[str]
    end: int


def _mentions(text: str, kinds: str) -> tuple[list[_Mention], list[re.Match[str]]]:
    """The mentions in a text, and the names in it that only look like mentions."""
    mentions: list[_Mention] = []
    others = list(_APART.finditer(kinds))
    links = deque(link.span() for link in _LINK.finditer(text))
    end = -1
    for found in _MENTION.finditer(kinds):
        start = found.start()
        while links and links[0][1] <= start:
            links.popleft()
        address = text[start] == "@" and kinds[start - 1 : start] == "l" and start != end
        if address or (links and links[0][0] < start):
            others.append(found)
        else:
            end = _end(text, kinds, found.end())
            mentions.append(_Mention(found, end))
    return mentions, others


def _joined(text: str, kinds: str, end: int) -> list[re.Match[str]]:
    """The names without an at sign that are joined to one which ends there."""
    joined: list[re.Match[str]] = []
    while text[end : end + 1] in SEPARATORS and (found := _JOINED.match(kinds, end)):
        joined.append(found)
        end = found.end()
    return joined


def _bare(text: str, found: re.Match[str]) -> str:
    """The name that was found, without unseen characters and without an end that no name has."""
    name = _seen(text[slice(*found.span("name"))], "")
    return _POSSESSIVE.sub("", name.lstrip("-")).rstrip(_NEVER_LAST)


def _end(text: str, kinds: str, end: int) -> int:
    """Where a mention ends whose name ends there: "@sis's" is one."""
    if text[end : end + 1] not in _APOSTROPHES or text[end + 1 : end + 2] not in ("s", "S"):
        return end
    return end if kinds[end + 2 : end + 3] in ("l", "L", "m", "-") else end + 2


def _says_nothing(gap: str, last: bool) -> bool:
    """Whether there is no real text between a mention and the next one, or the end."""
    words = _seen(gap, " ").split() if gap else ()
    return all(_is_aside(word) or (not last and _is_and(word)) for word in words)


def _is_aside(word: str) -> bool:
    if not any(map(str.isalnum, word)):
        return True
    word = _SMILEY.sub("", word)
    letters = sum(map(str.isalnum, word))
    # A face of few letters and many signs.
    outer = word[:1].isalnum() or word[-1:].isalnum()
    return not letters or (not outer and letters <= 2 and len(word) >= 3 * letters + 2)


def _is_and(word: str) -> bool:
    return "".join(filter(str.isalnum, word)).casefold() == "and"


def _seen(text: str, instead: str) -> str:
    """A text in which ``instead`` replaces each unseen character."""
    if text.isascii():
        return text
    return "".join([instead if is_unseen(char) else char for char in text])


def _heads(name: str) -> list[str]:
    """Other names that may be meant by one: without signs before it, and its beginnings.

    A beginning ends before a sign, before another script, or before a letter that has no case:
    most scripts without capitals are written without blanks, too.
    """
    if name.isascii() and name.isalnum():
        return []
    cuts = (
        place
        for place in range(1, len(name))
        if name[place] in NEVER_LAST
        or name[place].isascii() != name[place - 1].isascii()
        or category(name[place]) == "Lo"
    )
    heads = (name[:cut].strip(_NEVER_LAST) for cut in islice(cuts, _HEADS))
    return [head for head in (name.lstrip(_NEVER_LAST), *heads) if head]


@lru_cache(maxsize=4096)
def _kind(char: str) -> str:
    if char in AT:
        return "@"
    if char == "\\":
        return char
    if is_unseen(char):
        return "~"
    if char in NEVER_LAST:
        return "-"
    if in_names(char):
        return ("l" if char.isascii() else "L") if char.isalnum() else "m"
    if char.isspace():
        return " "
    return "(" if char in _OPENING else "."
