"""Which numeric says a refusal of the chat. Pure."""

from __future__ import annotations

from gateway.irc.numerics import Err
from wire.frames import Error
from wire.reasons import ErrorCode


class Refused(Exception):
    """A request was refused.

    Attributes:
        error: why.
    """

    def __init__(self, error: Error) -> None:
        super().__init__(error.text)
        self.error = error


_ALWAYS = {
    ErrorCode.BAD_NAME: Err.ERRONEUSNICKNAME,
    ErrorCode.NAME_TAKEN: Err.NICKNAMEINUSE,
    ErrorCode.NAME_REGISTERED: Err.NICKNAMEINUSE,
    ErrorCode.PASSWORD_REQUIRED: Err.NICKNAMEINUSE,
    ErrorCode.BAD_PASSWORD: Err.PASSWDMISMATCH,
    ErrorCode.TOO_MANY_ATTEMPTS: Err.PASSWDMISMATCH,
    ErrorCode.BAD_ROOM: Err.NOSUCHCHANNEL,
    ErrorCode.NO_SUCH_ROOM: Err.NOSUCHCHANNEL,
    ErrorCode.NOT_IN_ROOM: Err.NOTONCHANNEL,
    ErrorCode.TOO_MANY_ROOMS: Err.TOOMANYCHANNELS,
    ErrorCode.INVITE_ONLY: Err.INVITEONLYCHAN,
    ErrorCode.BAD_KEY: Err.BADCHANNELKEY,
    ErrorCode.BANNED_HERE: Err.BANNEDFROMCHAN,
    ErrorCode.NOT_OPERATOR: Err.CHANOPRIVSNEEDED,
    ErrorCode.NO_SUCH_PERSON: Err.NOSUCHNICK,
    ErrorCode.NOBODY_HERE: Err.NOSUCHNICK,
    ErrorCode.EMPTY_TEXT: Err.NOTEXTTOSEND,
    ErrorCode.TOO_MANY_RECIPIENTS: Err.TOOMANYTARGETS,
    ErrorCode.MUTED: Err.CANNOTSENDTOCHAN,
    ErrorCode.READ_ONLY: Err.CANNOTSENDTOCHAN,
}

_OF_MESSAGES = {
    ErrorCode.NOT_IN_ROOM: Err.CANNOTSENDTOCHAN,
    ErrorCode.BANNED_HERE: Err.CANNOTSENDTOCHAN,
    ErrorCode.SLOW_DOWN: Err.CANNOTSENDTOCHAN,
    ErrorCode.BAD_NAME: Err.NOSUCHNICK,
}


def numeric_of(command: str, code: str) -> str | None:
    """The numeric; None if no numeric says it.

    Args:
        command: what was refused.
        code: one of `wire.reasons.ErrorCode`.
    """
    try:
        known = ErrorCode(code)
    except ValueError:
        return None
    if command == "KICK" and known is ErrorCode.NO_SUCH_PERSON:
        return Err.USERNOTINCHANNEL
    if command in ("PRIVMSG", "NOTICE", "TAGMSG") and known in _OF_MESSAGES:
        return _OF_MESSAGES[known]
    return _ALWAYS.get(known)
