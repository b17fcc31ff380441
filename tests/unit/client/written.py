"""A text file that can be waited for."""

import asyncio
import io


class Written(io.StringIO):
    """What was written so far, and a way to wait for more."""

    def __init__(self):
        super().__init__()
        self._more = asyncio.Event()

    def write(self, text):
        count = super().write(text)
        self._more.set()
        return count

    async def shows(self, text, *, after=""):
        """Wait until this was written, behind the first of another text."""
        while text not in self.getvalue()[self.getvalue().find(after) :]:
            self._more.clear()
            await self._more.wait()
