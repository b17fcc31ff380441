"""Drawing the prompt, in any terminal and any window.

Terminals disagree about columns: the emoji of a family of four is two columns wide in one and eight
in another. So we never move the cursor by columns that we have only computed. A row that changes is
drawn from its first column, and to place the cursor we write what is before it once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout.layout import Layout
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition
from prompt_toolkit.renderer import Renderer
from prompt_toolkit.styles import Attrs
from wcwidth import iter_graphemes, wcswidth

from client.screen import PromptOutput

Row = list[Char]


class PromptRenderer(Renderer):
    """Draws a prompt below whatever else is on the screen.

    Args:
        app: the application whose prompt is drawn.
        output: where to draw.
        breaks_again: whether the terminal breaks the rows on it again when it becomes narrower.
    """

    output: PromptOutput

    def __init__(
        self, app: Application[Any], output: PromptOutput, *, breaks_again: bool = True
    ) -> None:
        self._breaks_again = breaks_again
        self._attributes: dict[str, Attrs] = {}
        self._depth = app.color_depth
        super().__init__(app.renderer.style, output)

    def reset(self, _scroll: bool = False, leave_alternate_screen: bool = True) -> None:
        """Forget what was drawn: it is no longer there."""
        super().reset(_scroll, leave_alternate_screen)
        self._rows: list[Row] = []
        self._cursor = Point(0, 0)
        self._columns = 0

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        """Draw what has changed."""
        if not self.output.is_ours:
            return
        size = self.output.get_size()
        if self._rows and size.columns != self._columns:
            self.erase()
        self._columns = size.columns
        if not self._bracketed_paste_enabled:
            self.output.enable_bracketed_paste()
            self.output.reset_cursor_key_mode()
            self._bracketed_paste_enabled = True
        screen, self.mouse_handlers = Screen(), MouseHandlers()
        wanted = layout.container.preferred_height(size.columns, size.rows).preferred
        layout.container.write_to_screen(
            screen,
            self.mouse_handlers,
            WritePosition(0, 0, width=size.columns, height=min(wanted, size.rows)),
            parent_style="",
            erase_bg=False,
            z_index=None,
        )
        screen.draw_all_floats()
        self.output.hide_cursor()
        self.output.disable_autowrap()
        height = min(screen.height, size.rows)
        self._draw([self._row(screen.data_buffer[y], size.columns) for y in range(height)])
        self._put_cursor(screen.get_cursor_position(layout.current_window))
        self.output.enable_autowrap()
        self.output.show_cursor()
        self.output.flush()
        layout.visible_windows = screen.visible_windows

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Take the prompt away; the cursor is then where it began."""
        if self.output.is_ours:
            self.output.write_raw("\r")
            self.output.cursor_up(self._rows_above_cursor(self.output.get_size().columns))
            self._erase_below()
            self.output.enable_autowrap()
            self.output.flush()
        self.reset(leave_alternate_screen=leave_alternate_screen)

    def _rows_above_cursor(self, columns: int) -> int:
        if columns >= self._columns or not self._breaks_again:
            return self._cursor.y
        above = [max(1, wcswidth(_text(row))) for row in self._rows[: self._cursor.y]]
        before = wcswidth(_text(_before(self._rows[self._cursor.y], self._cursor.x)))
        return sum(-(-width // columns) for width in above) + before // columns

    def _row(self, cells: Mapping[int, Char], columns: int) -> Row:
        row, seen, x = [], 0, 0
        end = max(cells, default=-1)
        while x <= min(end, columns - 1):
            char = cells[x]
            row.append(char)
            x += char.width or 1
            if char.char != " " or self._is_seen(char.style):
                seen = len(row)
        return row[:seen]

    def _draw(self, rows: list[Row]) -> None:
        same = 0
        while same < min(len(rows), len(self._rows)) and rows[same] == self._rows[same]:
            same += 1
        if same < max(len(rows), len(self._rows)):
            self._go_to_row(same)
            self._erase_below()
            for number, row in enumerate(rows[same:]):
                self.output.write_raw("\r\n" if number else "")
                self._write(row)
            self._cursor = Point(0, max(same, len(rows) - 1))
        self._rows = rows

    def _erase_below(self) -> None:
        self.output.reset_attributes()
        self.output.erase_end_of_line()
        # In the first column of the first row tmux would scroll instead of erasing.
        self.output.cursor_forward(1)
        self.output.erase_down()
        self.output.write_raw("\r")

    def _put_cursor(self, cursor: Point) -> None:
        self._go_to_row(cursor.y)
        row = self._rows[cursor.y] if cursor.y < len(self._rows) else []
        before = _before(row, cursor.x)
        if _text(before).isascii():
            self.output.cursor_forward(cursor.x)
        else:
            self._write(before)
            if len(before) == len(row):  # only blanks follow
                self.output.cursor_forward(cursor.x - sum(char.width or 1 for char in row))
        self._cursor = cursor

    def _go_to_row(self, y: int) -> None:
        self.output.write_raw("\r" + "\n" * (y - self._cursor.y))
        self.output.cursor_up(max(0, self._cursor.y - y))

    def _write(self, row: Row) -> None:
        style = None
        for char in row:
            if char.style != style:
                style = char.style
                self.output.set_attributes(self._attributes_of(style), self._depth)
            self.output.write(char.char)
        self.output.reset_attributes()

    def _attributes_of(self, style: str) -> Attrs:
        if style not in self._attributes:
            self._attributes[style] = self.style.get_attrs_for_style_str(style)
        return self._attributes[style]

    def _is_seen(self, style: str) -> bool:
        attributes = self._attributes_of(style)
        return bool(attributes.bgcolor or attributes.reverse or attributes.underline)


def _text(row: Row) -> str:
    return "".join(char.char for char in row)


def _before(row: Row, x: int) -> Row:
    """What is before a column; a character that reaches beyond the column is left out whole."""
    ends, length = set(), 0
    for cluster in iter_graphemes(_text(row)):
        length += len(cluster)
        ends.add(length)
    columns = length = whole = 0
    for number, char in enumerate(row, 1):
        columns += char.width or 1
        length += len(char.char)
        if columns > x:
            break
        if length in ends:
            whole = number
    return row[:whole]
