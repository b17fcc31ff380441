"""Lets irctest examine gateways: ``make irctest IRCTEST=DIR`` with a checkout of it.

One Redis serves the whole run, and each test has a chat of its own in it. With ``IRC_GATEWAYS=2``
each test has two gateways, and its clients are dealt out in turn: no test may tell the difference.
"""

import contextlib
import itertools
import os
import secrets
import selectors
import socket
import sys
import threading
import time

from irctest.basecontrollers import (
    BaseServerController,
    DirectoryBasedController,
    NotImplementedByController,
)
from irctest.specifications import Capabilities, OptionalBehaviors

from gateway.backplane.operators.accounts import put_account
from gateway.door.passwords import hash_password
from tests.support import servers

SERVER = "My.Little.Server"

_running = contextlib.ExitStack()
_redis: list[str] = []


def redis_url() -> str:
    """The Redis of this run."""
    if not _redis:
        _redis.append(_running.enter_context(servers.running(servers.valkey())).url)
    return _redis[0]


class ChatctlController(BaseServerController, DirectoryBasedController):
    """Runs gateways of one chat."""

    software_name = "chatctl"
    _port_wait_interval = 0.05
    supported_sasl_mechanisms = {"PLAIN"}  # noqa: RUF012
    supports_sts = False
    sync_sleep_time = 0.1
    capabilities = frozenset(
        {
            Capabilities.ACCOUNT_NOTIFY,
            Capabilities.ACCOUNT_TAG,
            Capabilities.AWAY_NOTIFY,
            Capabilities.BATCH,
            Capabilities.ECHO_MESSAGE,
            Capabilities.EXTENDED_JOIN,
            Capabilities.LABELED_RESPONSE,
            Capabilities.MESSAGE_TAGS,
            Capabilities.MULTILINE,
            Capabilities.MULTI_PREFIX,
            Capabilities.SERVER_TIME,
        }
    )
    optional_behaviors = frozenset(
        {
            OptionalBehaviors.CAP_REQ_MINUS,
            OptionalBehaviors.MULTI_JOIN,
            OptionalBehaviors.MULTI_PRIVMSG,
            OptionalBehaviors.NO_CTCP,
        }
    )
    isupport = {}  # noqa: RUF012

    def run(
        self,
        hostname,
        port,
        *,
        password,
        ssl,
        run_services,
        faketime,
        websocket_hostname,
        websocket_port,
    ):
        """Start the gateways of one test."""
        if password is not None:
            raise NotImplementedByController("a password for the whole server")
        if ssl:
            raise NotImplementedByController("TLS")
        self.hostname, self.port = hostname, port
        self.prefix = f"irc-{secrets.token_hex(6)}"
        count = int(os.environ.get("IRC_GATEWAYS", "1"))
        ports = servers.free_ports(2 * count)
        inner = ports[:count] if count > 1 else [port]
        for chat, irc in zip(ports[count:], inner, strict=True):
            command = [sys.executable, "-m", "chatctl", "gateway", "--redis", redis_url()]
            command += ["--prefix", self.prefix, "--listen", f"127.0.0.1:{chat}"]
            command += ["--irc", f"127.0.0.1:{irc}", "--irc-name", SERVER]
            command += ["--rate", "off", "--lobby", "off", "--drain", "off", "--idle", "off"]
            command += ["--address-connects", "off", "--accounts", "open"]
            self.proc = self.execute(command)
        if count > 1:
            self._dealer = Dealer(port, inner)

    def wait_for_services(self):
        """Accounts are part of the chat."""

    def registerUser(self, case, username, password=None):
        """Make an account."""
        hash = hash_password(password or "password")
        put_account(redis_url(), self.prefix, "add", username, hash, "")


class Dealer:
    """Passes connections on to gateways in turn.

    Args:
        port: where it listens.
        ports: the gateways'.
    """

    def __init__(self, port: int, ports: list[int]) -> None:
        self._turn = itertools.cycle(ports)
        self._listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            server = self._connected(next(self._turn))
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _connected(self, port: int) -> socket.socket:
        """A connection to a gateway, which may have been started only just now."""
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                time.sleep(0.05)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as waiting, client, server:
            waiting.register(client, selectors.EVENT_READ, server)
            waiting.register(server, selectors.EVENT_READ, client)
            with contextlib.suppress(OSError):
                while True:
                    for key, _ in waiting.select():
                        data = key.fileobj.recv(65536)
                        if not data:
                            return
                        key.data.sendall(data)


def get_irctest_controller_class() -> type[ChatctlController]:
    """What irctest asks for."""
    return ChatctlController
