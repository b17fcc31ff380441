"""Keys that mean something else here than in a shell: leaving, and changing the room."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


def key_bindings(
    is_typing: Callable[[], bool], clear: Callable[[], None], talk_in: Callable[[int], None]
) -> KeyBindings:
    """The bindings; prompt_toolkit's own go on beside them.

    Args:
        is_typing: whether there is something for Ctrl-C to clear. If not, it leaves the chat.
        clear: called at Ctrl-C, to do so.
        talk_in: called at Alt-1 to Alt-9 with the number: lines go to that room from now on.
    """
    bindings = KeyBindings()

    @bindings.add("c-c", filter=Condition(is_typing) & ~is_searching)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.reset()
        clear()

    def bind(number: int) -> None:
        @bindings.add("escape", str(number))
        def _(_event: KeyPressEvent) -> None:
            talk_in(number)

    for number in range(1, 10):
        bind(number)
    return bindings
