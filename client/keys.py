"""Keys that mean something else here than in a shell: leaving, and changing the room."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


def key_bindings(clear: Callable[[], None], talk_in: Callable[[int], None]) -> KeyBindings:
    """The bindings; prompt_toolkit's own go on beside them.

    Args:
        clear: called at Ctrl-C while something is typed. Ctrl-C in an empty line leaves the chat.
        talk_in: called at Alt-1 to Alt-9 with the number: lines go to that room from now on.
    """
    bindings = KeyBindings()

    @Condition
    def something_is_typed() -> bool:
        return bool(get_app().current_buffer.text)

    @bindings.add("c-c", filter=something_is_typed & ~is_searching)
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
