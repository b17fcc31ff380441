"""Keys that come faster than a person types are a paste, even if the terminal does not mark it.

If a terminal does not mark pastes, each pasted line looks as if it was typed and sent with Enter.
A private message, with its recipient named at the very end, would go to everyone line by line. So
an Enter sends only if nothing follows it in the same read.
"""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

_AS_TEXT: dict[Keys, str] = {Keys.ControlM: "\n", Keys.ControlJ: "\n", Keys.ControlI: "\t"}

FEW = 16
"""Keys in one read that may still have been typed, for example over a slow network."""


def with_pastes(keys: list[KeyPress], *, sent: bool = True) -> list[KeyPress]:
    """Keys that were read at once; pasted keys are joined into one.

    An Enter with something after it becomes a newline in the text, and so does an Enter at the end
    of a paste.

    Args:
        keys: what was read.
        sent: whether an Enter with nothing after it sends the line.
    """
    is_enter = [key.key in (Keys.ControlM, Keys.ControlJ) for key in keys]
    pasted = (any(is_enter[:-1]) and not _is_one_enter(keys)) or (any(is_enter) and not sent)
    if not pasted and len(keys) <= FEW:
        return keys
    return list(_joined(keys, _AS_TEXT if pasted else {Keys.ControlI: "\t"}))


def _is_one_enter(keys: list[KeyPress]) -> bool:
    """Whether the keys end in the CR LF that some terminals send for Enter."""
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
