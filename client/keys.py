"""Keys that mean something else here than in a shell: leaving, new lines, changing the room."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from client.keyboard import FOCUS_IN, FOCUS_OUT


def key_bindings(
    is_typing: Callable[[], bool],
    clear: Callable[[], None],
    talk_in: Callable[[int], None],
    focus: Callable[[bool], None],
    pasted: Callable[[int], None],
) -> KeyBindings:
    """The bindings; prompt_toolkit's own go on beside them.

    Args:
        is_typing: whether there is something for Ctrl-C to clear. If not, it leaves the chat.
        clear: called at Ctrl-C, to do so.
        talk_in: called at Alt-1 to Alt-9 with the number: lines go to that room from now on.
        focus: called when the terminal says that it has got the focus, or lost it.
        pasted: called after a paste, with the number of its lines.
    """
    bindings = KeyBindings()

    @bindings.add("c-c", filter=Condition(is_typing) & ~is_searching)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.reset()
        clear()

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @bindings.add("c-x", "c-e")
    def _(event: KeyPressEvent) -> None:
        # It does not send what was written, as shells do: an editor that is left without saving
        # would send the old text.
        event.current_buffer.open_in_editor(validate_and_handle=False)

    @bindings.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        event.current_buffer.insert_text(text)
        pasted(text.count("\n") + 1)

    @bindings.add(FOCUS_IN)
    def _(_event: KeyPressEvent) -> None:
        focus(True)

    @bindings.add(FOCUS_OUT)
    def _(_event: KeyPressEvent) -> None:
        focus(False)

    def bind(number: int) -> None:
        @bindings.add("escape", str(number))
        def _(_event: KeyPressEvent) -> None:
            talk_in(number)

    for number in range(1, 10):
        bind(number)
    return bindings
