r"""Whom a text is for: the run of ``@name`` words at its end (``\@`` is a plain at sign)."""

from __future__ import annotations

# "@sis, @mom!" is for sis and mom: taking the comma for a part of the name would make a private
# message public. Dots alone stay, since names may end in one; who looks the name up tries both.
TRAILING = ",;:!?."


def recipients(text: str) -> list[str]:
    """The names in the run of ``@name`` words that ends a text, in order; empty if there is none.

    Args:
        text: as it was typed.
    """
    if "@" not in text:
        return []
    names: list[str] = []
    for word in reversed(text.split()):
        if not word.startswith("@"):
            break
        # A lone @ names nobody, and does not end the run: "@sis @" is a slip, and for sis.
        if name := _name(word[1:]):
            names.append(name)
    names.reverse()
    return names


def _name(word: str) -> str:
    name = word.rstrip(TRAILING)
    return word if name and set(word[len(name) :]) == {"."} else name


def plain(text: str) -> str:
    r"""A text as it is shown: every ``\@`` is an at sign."""
    return text.replace("\\@", "@") if "\\@" in text else text
