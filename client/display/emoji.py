"""Names of emoji, as people type them between colons."""

from __future__ import annotations

import re

EMOJI = {
    "+1": "\U0001f44d",
    "-1": "\U0001f44e",
    "thumbsup": "\U0001f44d",
    "thumbsdown": "\U0001f44e",
    "ok": "\U0001f44c",
    "clap": "\U0001f44f",
    "wave": "\U0001f44b",
    "pray": "\U0001f64f",
    "muscle": "\U0001f4aa",
    "heart": "\u2764\ufe0f",
    "broken_heart": "\U0001f494",
    "smile": "\U0001f604",
    "grin": "\U0001f601",
    "joy": "\U0001f602",
    "wink": "\U0001f609",
    "cry": "\U0001f622",
    "sob": "\U0001f62d",
    "angry": "\U0001f620",
    "scream": "\U0001f631",
    "thinking": "\U0001f914",
    "shrug": "\U0001f937",
    "facepalm": "\U0001f926",
    "eyes": "\U0001f440",
    "fire": "\U0001f525",
    "tada": "\U0001f389",
    "rocket": "\U0001f680",
    "star": "\u2b50",
    "sparkles": "\u2728",
    "100": "\U0001f4af",
    "check": "\u2705",
    "cross": "\u274c",
    "question": "\u2753",
    "exclamation": "\u2757",
    "warning": "\u26a0\ufe0f",
    "bug": "\U0001f41b",
    "coffee": "\u2615",
    "beer": "\U0001f37a",
    "cake": "\U0001f370",
    "sun": "\u2600\ufe0f",
    "zzz": "\U0001f4a4",
}

_NAMED = re.compile(r":([a-z0-9_+-]+):")


def named(text: str) -> str:
    """A text with emoji in place of their names: ``:tada:`` becomes one. Unknown names stay."""
    return _NAMED.sub(lambda found: EMOJI.get(found[1], found[0]), text)
