"""The description of the wire, `docs/protocol.md`, as the tests compare it with the source."""

from pathlib import Path

import pytest

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


class Protocol:
    """The tables of the description: for each its header, and its rows without backticks."""

    def __init__(self, text: str) -> None:
        self._tables: list[tuple[list[str], list[list[str]]]] = []
        rows: list[list[str]] = []
        for line in [*text.splitlines(), ""]:
            if line.startswith("|"):
                rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
            elif rows:
                header, _, *body = rows
                self._tables.append((header, body))
                rows = []

    def table(self, *header: str) -> list[list[str]]:
        """The rows of the one table whose header begins so."""
        (rows,) = [rows for found, rows in self._tables if found[: len(header)] == list(header)]
        return rows

    def codes(self) -> list[set[str]]:
        """The first columns of all tables of codes."""
        return [{row[0] for row in rows} for found, rows in self._tables if found[0] == "code"]


@pytest.fixture(scope="session")
def protocol() -> Protocol:
    return Protocol(PROTOCOL.read_text())
