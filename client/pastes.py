"""Keys that came too fast for fingers are a paste, though the terminal does not say so.

Where a terminal does not mark what is pasted, its lines look as if each was typed and sent with
Enter: a secret whose reader is named at its end would go to everyone before that end is seen. So an
Enter counts as one only where nothing follows it in what was read at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

_AS_TEXT: dict[Keys, str] = {Keys.ControlM: "\n", Keys.ControlJ: "\n", Keys.ControlI: "\t"}

FEW = 16
"""Keys that may come at once from fingers, as over a slow line; more are put in at once."""


def with_pastes(keys: list[KeyPress], *, sent: bool = True) -> list[KeyPress]:
    """Keys that were read at once, with those of a paste in one.

    An Enter that something follows is a newline of the text, and so is one behind it.

    Args:
        keys: what was read.
        sent: whether an Enter that nothing follows is one.
    """
    is_enter = [key.key in (Keys.ControlM, Keys.ControlJ) for key in keys]
    pasted = (any(is_enter[:-1]) and not _is_one_enter(keys)) or (any(is_enter) and not sent)
    if not pasted and len(keys) <= FEW:
        return keys
    return list(_joined(keys, _AS_TEXT if pasted else {Keys.ControlI: "\t"}))


def _is_one_enter(keys: list[KeyPress]) -> bool:
    """Whether it is the CR LF that some terminals send for Enter."""
    *before, first, second = keys
    return (
        first.key == Keys.ControlM
        and second.key == Keys.ControlJ
        and not any(key.key in (Keys.ControlM, Keys.ControlJ) for key in before)
    )


def _joined(keys: list[KeyPress], as_text: dict[Keys, str]) -> Iterable[KeyPress]:
    text = ""
    for number, key in enumerate(keys):
        if (
            key.key == Keys.ControlJ
            and as_text
            and number
            and keys[number - 1].key == Keys.ControlM
        ):
            continue  # the second half of a line end
        part = as_text.get(key.key) if isinstance(key.key, Keys) else key.data
        if part is not None:
            text += part
            continue
        if text:
            yield KeyPress(Keys.BracketedPaste, text)
            text = ""
        yield key
    if text:
        yield KeyPress(Keys.BracketedPaste, text)
