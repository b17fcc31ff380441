"""The Redis users that the docs tell operators to create, on a test server."""

import re
from pathlib import Path

from tests.support.clusters import ClusterOfServers
from tests.support.servers import Server

USERS = Path(__file__).parents[2] / "deploy/redis/users.conf"

PREFIX = "test-"
"""The prefix of the keys of all test chats, instead of a real chat's."""


def rules(user: str) -> list[str]:
    """The rules of a user in the file, changed to fit test chats."""
    (line,) = re.findall(rf"^user {user} (.*)$", USERS.read_text(), re.MULTILINE)
    return re.sub(r"([~&])chat:", rf"\1{PREFIX}*:", line).split()


def url_for(server: Server | ClusterOfServers, user: str, *more: str) -> str:
    """Create a user of the file on a server; returns the URL for that user.

    Args:
        server: a real server, on a socket, or a cluster.
        user: the name in the file.
        more: additional rules.
    """
    for each in server.servers if isinstance(server, ClusterOfServers) else [server]:
        with each.client() as client:
            client.execute_command("ACL", "SETUSER", user, "reset", *rules(user), *more)
    (password,) = [rule[1:] for rule in rules(user) if rule.startswith(">")]
    return server.url.replace("://", f"://{user}:{password}@")
