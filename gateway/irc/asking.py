"""A client of IRC, as the commands see it that it asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from gateway.addresses import Address
from gateway.irc.capabilities import Capabilities
from gateway.irc.multiline import Multiline
from gateway.irc.shared import IrcShared
from wire.frames import Entered, Event, Msg, Request, Send, Welcome


class Registers(Protocol):
    """How it came in."""

    def cap(self, params: list[str]) -> None:
        """CAP."""

    def authenticate(self, params: list[str]) -> Awaitable[None] | None:
        """AUTHENTICATE."""


class Asks(Protocol):
    """What commands use. `gateway.irc.client.Client` says what each part means."""

    shared: IrcShared
    capabilities: Capabilities
    multiline: Multiline
    ip: Address
    nick: str
    account: str
    welcomed: Welcome | None
    monitored: dict[str, str]
    seen_here: set[str]
    marks: dict[str, int]
    read_upto: dict[str, str]
    came_into: dict[str, Entered]
    away: bool

    @property
    def registration(self) -> Registers:
        """How it came in."""

    @property
    def rooms(self) -> set[str]:
        """The rooms that it is in."""

    @property
    def ignored(self) -> frozenset[str]:
        """The names of the people that it ignores."""

    @property
    def source(self) -> str:
        """The client as the source of a line."""

    def has(self, capability: str) -> bool:
        """Whether it has chosen a capability."""

    def numeric(self, number: str, *params: str) -> None:
        """Send a numeric reply; the last parameter may be a text."""

    def line(self, command: str, *params: str, by: str | None = None, **tags: str) -> None:
        """Send a line, from the server if it is not said who it is from."""

    def put(self, *lines: str) -> None:
        """Send lines that are finished."""

    def notice(self, text: str, target: str = "") -> None:
        """Tell the person something."""

    def fail(self, command: str, code: str, *params: str, text: str, kind: str = "FAIL") -> None:
        """Refuse something that has no numeric of its own."""

    def batched(self, lines: list[str], kind: str, *params: str, label: str = "") -> list[str]:
        """Lines as a batch."""

    def write_line(self, line: str) -> None:
        """Send a finished line that is not part of a labelled answer."""

    async def drained(self) -> None:
        """Wait until the client keeps up."""

    def stamped(self, line: str) -> str:
        """A line with the time, for a client that wants it."""

    async def ask(self, request: Any) -> list[Any]:
        """Ask the peer for something; raises `Refused`."""

    async def refusable(
        self, command: str, target: str, request: Any, person: str = ""
    ) -> list[Any]:
        """Ask the peer for something, and tell the client if it is refused."""

    async def hello(self, hello: Request) -> Welcome:
        """Log in; raises `Refused`."""

    def tell(self, request: Request) -> None:
        """Ask the peer for something that has no answer."""

    def send_message(self, command: str, request: Send, target: str, label: str) -> None:
        """Send a message; its answer, and its own copy, come later."""

    def take_label(self) -> str:
        """The label of the command, which something else answers."""

    def give_label(self, label: str) -> None:
        """From here on the command answers a label; "" for none."""

    def echo(self, message: Msg) -> tuple[bool, str]:
        """Whether a message is one that this client has just sent, and the label of that."""

    def show(self, event: Event) -> None:
        """Show the client an event, as if it had been told just now."""

    def later(self, work: Callable[[], Awaitable[None] | None]) -> None:
        """Do something of our own before the client's next command."""
