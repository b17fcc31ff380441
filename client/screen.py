"""The terminal while somebody types: lines appear above the prompt, and the typed line stays whole.

The terminal stays in raw mode all the time. prompt_toolkit's ``patch_stdout`` leaves raw mode for
each print: a key pressed in that moment would be echoed into the output, and a line pasted in that
moment would be sent without Enter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.layout.dimension import Dimension
from prompt_toolkit.output.vt100 import Vt100_Output

from client.terminal import in_foreground

BUNDLE = 0.05
"""The prompt is redrawn for new lines at most once in this number of seconds."""

MENU = 8
"""Rows for the prompt and its completion menu, in a window that has at least twice as many."""


SAVE_TITLE, RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"


class PromptOutput(Vt100_Output):
    """Terminal output for a prompt with lines above it.

    Attributes:
        keep_paste: whether bracketed paste stays on while the prompt is taken away.
    """

    keep_paste = False
    _title = ""

    @property
    def responds_to_cpr(self) -> bool:
        """Never ask where the cursor is: a late answer would be taken for typed text."""
        return False

    @property
    def is_ours(self) -> bool:
        """Whether we may write: in the background we would write between the shell's lines."""
        with suppress(OSError, ValueError):  # it is not a file
            return in_foreground(self.fileno())
        return True

    def enable_bracketed_paste(self) -> None:
        """Mark pasted text, and report when the terminal gets or loses the focus."""
        super().enable_bracketed_paste()
        self.write_raw("\x1b[?1004h")

    def disable_bracketed_paste(self) -> None:
        """Let pasted text arrive as keys again, and report no focus."""
        if not self.keep_paste:
            super().disable_bracketed_paste()
            self.write_raw("\x1b[?1004l")

    def show_title(self, text: str) -> None:
        """Write the title of the window; the terminal remembers the one before."""
        if text != self._title:
            self.write_raw(f"{'' if self._title else SAVE_TITLE}\x1b]2;{text}\x07")
            self.flush()
            self._title = text

    def restore_title(self) -> None:
        """Give the window the title back that it had."""
        if self._title:
            self.write_raw(RESTORE_TITLE)
            self.flush()
            self._title = ""

    def notify(self, how: str, text: str) -> None:
        """Ask the terminal for a notification on the desktop, as ``osc9`` or ``osc777``.

        Args:
            how: which of the two.
            text: what it says; without control characters.
        """
        start = "9;" if how == "osc9" else "777;notify;chat;"
        self.write_raw(f"\x1b]{start}{text}\x07")
        self.flush()


class Prompt(PromptSession[str]):
    """A prompt that takes at most half of the window, however long the typed line is."""

    def _get_default_buffer_control_height(self) -> Dimension:
        half = max(1, self.app.output.get_size().rows // 2)
        menu = min(MENU, half) if self.default_buffer.complete_state else 1
        return Dimension(min=menu, max=half)


class Screen:
    """Shows lines above the prompt of an application, in bundles when many come at once.

    Args:
        app: the application.
        output: the terminal output of its prompt.
    """

    def __init__(self, app: Application[Any], output: PromptOutput) -> None:
        self._app = app
        self._output = output
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def show(self, lines: Iterable[str]) -> None:
        """Show lines: at once after a quiet time, otherwise in a moment, together with others."""
        self._waiting += lines
        if self._waiting and not self._timer:
            self.flush()
            self._timer = asyncio.get_running_loop().call_later(BUNDLE, self._next)

    def flush(self) -> None:
        """Show the waiting lines now, unless a shell or an editor has the terminal."""
        if self._app.is_running and (self._app._running_in_terminal or not self._output.is_ours):
            return
        text = "".join(f"{line}\r\n" for line in self._waiting)
        self._waiting.clear()
        if not text:
            return
        if self._app.is_running:
            # The prompt is taken away and drawn again within one turn of the loop. Bracketed paste
            # stays on: text that is pasted in between must not become many messages.
            self._output.keep_paste = True
            self._app.renderer.erase()
            self._output.keep_paste = False
            self._app.invalidate()
        self._output.write_raw(text)
        self._output.flush()

    def _next(self) -> None:
        self._timer = None
        if self._waiting:
            self.show(())
