"""The interactive client in the test's own process, with a keyboard that the test types on."""

import asyncio

from prompt_toolkit.data_structures import Size

from client.app import ChatApp
from client.display.options import Options
from client.display.style import Style
from client.rooms import first_of
from client.screen import PromptOutput
from tests.unit.client.rejoin import Rejoin, lasting_chat
from tests.unit.client.written import Written
from wire.frames import ListMembers, MemberList, RoomMember


class RunningApp:
    """The interactive client with a keyboard of a test's own, and all around it."""

    def __init__(self, join, keys):
        self.join = join
        self.keys = keys
        self.written = Written()
        self.now = 0.0
        self.rejoin = Rejoin(join)

    async def start(
        self,
        *,
        to=None,
        limits=None,
        rooms=("lobby",),
        backlog=0,
        stay=False,
        welcome=None,
        **given,
    ):
        seen = dict.fromkeys(rooms, "0-5")
        welcome = {"limits": limits, "rooms": list(rooms), "seen": seen, **(welcome or {})}
        connection, self.peer = await self.join(welcome=welcome)
        self.chat = await lasting_chat(connection, self.rejoin, stay=stay).__aenter__()
        output = PromptOutput(self.written, lambda: Size(rows=24, columns=80))
        self.app = ChatApp(
            self.chat,
            Style(color=False),
            to=to,
            room=first_of(rooms),
            backlog=backlog,
            **{"options": Options(bell=False, status=False), **given},
            clock=lambda: self.now,
            input=self.keys,
            output=output,
        )
        self.running = asyncio.create_task(self.app.run())

    async def look_around(self, *names):
        """Answer who is in a room: what the client asks in order to complete a name."""
        asked = await self.peer.expect(ListMembers)
        members = [RoomMember(name=name) for name in names]
        self.peer.tell(MemberList(room=asked.room, members=members, seq=asked.seq))

    async def back(self):
        """Wait until it has come back."""
        self.peer = await self.rejoin.peers.get()
        await self.shown("· back again, on g1")

    def type(self, text):
        self.keys.send_text(text)

    async def shown(self, text, *, after=""):
        """Wait until something was written, behind the first of another text."""
        await self.written.shows(text, after=after)

    async def line(self, text):
        """Wait until this is the typed line."""
        buffer, changed = self.app._session.default_buffer, asyncio.Event()
        buffer.on_text_changed += lambda _: changed.set()
        while buffer.text != text:
            changed.clear()
            await changed.wait()

    async def history(self, count):
        """Wait until this many lines can be brought back; prompt_toolkit has no event for it."""
        while len(self.app._session.default_buffer._working_lines) != count + 1:  # noqa: ASYNC110
            await asyncio.sleep(0)
