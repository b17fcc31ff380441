"""Passwords that are typed in the middle of a chat: what is asked for, one after the other."""

from __future__ import annotations

from client.display.meaning import NeedPassword
from wire.frames import ChangePassword, Register

SHORTEST, LONGEST = 8, 256
"""Characters of a new password; the gateway has the last word."""


class Secrets:
    """The passwords that one command needs.

    Args:
        needed: what they are for.
    """

    def __init__(self, needed: NeedPassword) -> None:
        self._needed = needed
        self._typed: list[str] = []
        if needed.change:
            self._questions = ["old password: ", "new password: ", "new password again: "]
        elif needed.name is not None:
            self._questions = ["password of your account: "]
        else:
            self._questions = ["new password: ", "new password again: "]

    @property
    def question(self) -> str:
        """The next question; the last one once all are answered."""
        return self._questions[min(len(self._typed), len(self._questions) - 1)]

    def take(self, typed: str) -> str:
        """Take an answer; returns what is wrong with it, or "" for nothing."""
        asked = self.question
        self._typed.append(typed)
        if asked.startswith("new") and not asked.endswith("again: "):
            if len(typed) < SHORTEST:
                return f"the password is too short: at least {SHORTEST} characters"
            if len(typed) > LONGEST:
                return f"the password is too long: at most {LONGEST} characters"
        if asked.endswith("again: ") and typed != self._typed[-2]:
            return "the two passwords differ: nothing was changed"
        return ""

    def request(self) -> Register | ChangePassword | None:
        """The request, once everything is typed."""
        if len(self._typed) < len(self._questions):
            return None
        if self._needed.change:
            return ChangePassword(old=self._typed[0], new=self._typed[1])
        return Register(password=self._typed[0], name=self._needed.name)
