"""The users of Redis that operators are told to make, on a server of the tests."""

import re
from pathlib import Path

from tests.support.servers import Server

USERS = Path(__file__).parents[2] / "deploy/redis/users.conf"

PREFIX = "test-"
"""What the keys of all tests' chats begin with, in place of that of a real chat."""


def rules(user: str) -> list[str]:
    """What the file says of a user, for the chats of tests."""
    (line,) = re.findall(rf"^user {user} (.*)$", USERS.read_text(), re.MULTILINE)
    return re.sub(r"([~&])chat:", rf"\1{PREFIX}*:", line).split()


def url_for(server: Server, user: str, *more: str) -> str:
    """Where a user of the file is let in, whom the server has from now on.

    Args:
        server: a real one, on a socket.
        user: name in the file.
        more: further rules.
    """
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", user, "reset", *rules(user), *more)
    (password,) = [rule[1:] for rule in rules(user) if rule.startswith(">")]
    return server.url.replace("unix://", f"unix://{user}:{password}@")
