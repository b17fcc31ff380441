"""How a client of IRC comes in: capabilities, a password or SASL, a nick and a user."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable

from gateway.backplane.records import IRC
from gateway.irc.asking import Asks
from gateway.irc.capabilities import CAPABILITIES
from gateway.irc.lines import Line, answer_line
from gateway.irc.numerics import Err, Rpl
from gateway.irc.refusals import Refused, numeric_of
from gateway.irc.texts import HOST, USER
from gateway.irc.welcome import welcome
from wire.frames import VERSION, Hello, Quit, SetAway
from wire.names import check_name
from wire.reasons import ErrorCode, WireError

LONGEST_CHUNK = 400
"""Characters of one AUTHENTICATE (IRCv3, SASL)."""

LONGEST_RESPONSE = 4 * LONGEST_CHUNK
"""Characters of a whole response: far more than a name and a password need."""

LONGEST_NICK = 32


class Registration:
    """What a client has said of itself before it is welcomed.

    Args:
        client: the client.
    """

    def __init__(self, client: Asks) -> None:
        self._client = client
        self._nick = ""
        self._user = ""
        self._password: str | None = None
        self._negotiating = False
        self._mechanism = ""
        self._response = ""
        self._proven: tuple[str, str] | None = None
        self._away: list[str] = []

    def handle(self, line: Line) -> Awaitable[None] | None:
        """Take a command; returns something to await if it takes time."""
        client, params = self._client, line.params
        match line.command:
            case "CAP":
                self.cap(params)
            case "NICK":
                self._take_nick(params)
            case "USER" | "PASS":
                self._take_other(line.command, params)
            case "AUTHENTICATE":
                return self.authenticate(params)
            case "PING":
                client.line("PONG", client.shared.server, params[-1] if params else "")
            case "QUIT":
                client.tell(Quit())
            case "AWAY" if client.has("draft/pre-away"):
                self._away = params
            case "PONG" | "ERROR":
                pass
            case _:
                client.numeric(Err.NOTREGISTERED, "You have not registered")
        return self._come_in() if self._is_complete() else None

    def _is_complete(self) -> bool:
        return bool(self._nick and self._user) and not self._negotiating and not self._mechanism

    def _take_nick(self, params: list[str]) -> None:
        client = self._client
        if not params or not params[0]:
            client.numeric(Err.NONICKNAMEGIVEN, "No nickname given")
            return
        try:
            if "." in params[0]:
                raise WireError(ErrorCode.BAD_NAME, "a name with a dot is taken for a server")
            self._nick = client.nick = check_name(params[0], LONGEST_NICK)
        except WireError as error:
            shown = params[0] if " " not in params[0] and params[0][:1] != ":" else "*"
            client.numeric(Err.ERRONEUSNICKNAME, shown, error.text)

    def _take_other(self, command: str, params: list[str]) -> None:
        needed = 4 if command == "USER" else 1
        if len(params) < needed or not params[0] or not params[needed - 1]:
            self._client.numeric(Err.NEEDMOREPARAMS, command, "Not enough parameters")
        elif command == "USER":
            self._user = params[0]
        else:
            self._password = params[-1]

    # Capabilities, which can also be chosen later.

    def cap(self, params: list[str]) -> None:
        """CAP."""
        client = self._client
        capabilities = client.capabilities
        asked = params[0].upper() if params else ""
        match asked:
            case "LS":
                self._negotiating = client.welcomed is None
                if len(params) > 1 and params[1].isdecimal():
                    capabilities.version = max(capabilities.version, int(params[1]))
                if capabilities.version >= 302:
                    capabilities.chosen |= {"cap-notify"}
                self._list("LS", capabilities.listed())
            case "LIST":
                self._list("LIST", sorted(capabilities.chosen))
            case "REQ":
                self._negotiating = client.welcomed is None
                wanted = params[1] if len(params) > 1 else ""
                answer = "ACK" if capabilities.request(wanted) else "NAK"
                client.line("CAP", client.nick or "*", answer, wanted)
            case "END":
                self._negotiating = False
            case _:
                client.numeric(Err.INVALIDCAPCMD, asked or "*", "Invalid CAP command")

    def _list(self, kind: str, names: list[str]) -> None:
        client = self._client
        several = client.capabilities.version >= 302
        half = (len(names) + 1) // 2 if several and len(" ".join(names)) > 400 else len(names)
        parts = [names[:half], names[half:]] if names[half:] else [names]
        for number, part in enumerate(parts):
            star = ["*"] if number < len(parts) - 1 else []
            client.line("CAP", client.nick or "*", kind, *star, " ".join(part))

    # SASL.

    def authenticate(self, params: list[str]) -> Awaitable[None] | None:
        """AUTHENTICATE."""
        client = self._client
        if not params:
            client.numeric(Err.NEEDMOREPARAMS, "AUTHENTICATE", "Not enough parameters")
            return None
        word = params[0]
        if client.welcomed is not None or self._proven is not None:
            client.numeric(Err.SASLALREADY, "You have already authenticated using SASL")
        elif not client.has("sasl"):
            client.numeric(Err.SASLFAIL, "ask for the capability sasl first")
        elif not self._mechanism:
            self._begin(word.upper())
        elif word == "*":
            self._mechanism = self._response = ""
            client.numeric(Err.SASLABORTED, "SASL authentication aborted")
        elif len(word) > LONGEST_CHUNK:
            self._mechanism = self._response = ""
            client.numeric(Err.SASLTOOLONG, "SASL message too long")
        else:
            self._response += "" if word == "+" else word
            if len(self._response) > LONGEST_RESPONSE:
                self._mechanism = self._response = ""
                client.numeric(Err.SASLTOOLONG, "SASL message too long")
            elif len(word) < LONGEST_CHUNK:
                return self._prove()
        return None

    def _begin(self, mechanism: str) -> None:
        client, known = self._client, CAPABILITIES["sasl"]
        if mechanism == "*":
            client.numeric(Err.SASLABORTED, "SASL authentication aborted")
        elif mechanism != known:
            client.numeric(Err.SASLMECHS, known, "are available SASL mechanisms")
            client.numeric(Err.SASLFAIL, "SASL authentication failed")
        else:
            self._mechanism, self._response = mechanism, ""
            client.line("AUTHENTICATE", "+")

    async def _prove(self) -> None:
        client, response = self._client, self._response
        self._response = ""
        try:
            decoded = base64.b64decode(response, validate=True).decode()
            authzid, name, password = decoded.split("\0")
            if authzid not in ("", name) or not name or not password:
                raise ValueError("these are not a name and a password")
            account = await client.shared.prove(name, password, client.ip)
        except (binascii.Error, ValueError):
            client.numeric(Err.SASLFAIL, "SASL authentication failed")
        except WireError as error:
            client.numeric(Err.SASLFAIL, f"SASL authentication failed: {error.text}")
        else:
            self._proven = (account, password)
            who = f"{client.nick or '*'}!{USER}@{HOST}"
            client.numeric(Rpl.LOGGEDIN, who, account, f"You are now logged in as {account}")
            client.numeric(Rpl.SASLSUCCESS, "SASL authentication successful")
        self._mechanism = ""
        if self._is_complete():
            await self._come_in()

    # The name.

    async def _come_in(self) -> None:
        client = self._client
        name, password = self._nick, self._password
        if self._proven is not None:
            # The name is the account's: a person has one name for everybody.
            name, password = self._proven
        elif password is not None and ":" in password:
            # Clients without SASL send both in one.
            name, _, password = password.partition(":")
        hello = Hello(v=VERSION, name=name, client=IRC, password=password)
        try:
            welcomed = await client.hello(hello)
        except Refused as refused:
            self._refused(refused)
            return
        client.account = welcomed.account
        welcome(client)
        if self._away and self._away[0]:
            client.away = True
            client.tell(SetAway("" if self._away[0] == "*" else self._away[0]))

    def _refused(self, refused: Refused) -> None:
        client, error = self._client, refused.error
        number = numeric_of("NICK", error.code)
        if error.code in (ErrorCode.BAD_PASSWORD, ErrorCode.TOO_MANY_ATTEMPTS):
            client.numeric(Err.PASSWDMISMATCH, error.text)
            self._password = None
        elif number is not None:
            client.numeric(number, self._nick, error.text)
        else:
            client.put(answer_line("NOTICE", "*", error.text, source=client.shared.server))
        # It may try another one.
        self._nick = client.nick = ""
