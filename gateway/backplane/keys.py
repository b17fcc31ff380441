"""Every key and channel in Redis, and nowhere else.

Keys of one room share a hash tag, and so do all keys of users: on a Redis Cluster each script
finds what it touches in one slot. All users share one tag, since a message to several people is
resolved, stored and published by one script: to whom it went must be one answer, not several.
"""

from __future__ import annotations


class Keys:
    """The names under one prefix.

    Args:
        prefix: what every key and channel begins with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.epoch = f"{prefix}:epoch"
        """String: the first half of new message ids, and the run id of the Redis it began with."""
        self.users = f"{prefix}:{{users}}"
        """Hash: folded name -> who holds it, as JSON (`Registration`)."""
        self.gateways = f"{self.users}:gateways"
        """Hash: gateway id -> what it tells of itself, as JSON."""
        self.bans = f"{self.users}:bans"
        """Hash: what is banned -> the ban, as JSON (`Ban`)."""
        self.accounts = f"{self.users}:accounts"
        """Hash: folded name -> the account, as JSON (`Account`)."""
        self.private_log = f"{self.users}:log"
        """Stream: the private messages of everybody."""
        self._rooms = f"{prefix}:{{room:"

    def alive(self, folded: str) -> str:
        """String with the inactivity TTL: ``<session id> <last activity, ms since 1970>``."""
        return f"{self.users}:alive:{folded}"

    def resume(self, folded: str) -> str:
        """String with a TTL: who left and may come back, as JSON (`Registration`)."""
        return f"{self.users}:resume:{folded}"

    def lease(self, gateway: str) -> str:
        """String with a TTL of seconds: there while the gateway lives."""
        return f"{self.users}:lease:{gateway}"

    def held(self, gateway: str) -> str:
        """Set: the folded names that a gateway holds."""
        return f"{self.users}:held:{gateway}"

    def last(self, folded: str) -> str:
        """String: the id of a user's last private message; with a TTL once the user has left."""
        return f"{self.users}:last:{folded}"

    def attempts(self, of: str) -> str:
        """String with a TTL: how many wrong passwords there were for a name, or from an address."""
        return f"{self.users}:attempts:{of}"

    def got_from(self, folded: str, neighbourhood: str) -> str:
        """String with a TTL: a name was got from there before, with its password."""
        return f"{self.users}:got:{neighbourhood}:{folded}"

    def probed(self, nonce: str) -> str:
        """String with a TTL: what a gateway found that was asked to try itself."""
        return f"{self.users}:probed:{nonce}"

    def probe(self, gateway: str) -> Keys:
        """A small chat of a gateway's own, in which it tries itself."""
        return Keys(f"{self._prefix}:probe:{gateway}")

    def user_channel(self, folded: str) -> str:
        """Channel: what is for one user."""
        return f"{self.users}:to:{folded}"

    def control_channel(self, gateway: str) -> str:
        """Channel: what is for one gateway."""
        return f"{self.users}:control:{gateway}"

    def room_log(self, room: str) -> str:
        """Stream: a room's messages; its ids are theirs."""
        return f"{self._rooms}{room}}}:log"

    def room_posted(self, room: str) -> str:
        """What begins the strings with a TTL that hold the last seq of each origin in a room."""
        return f"{self._rooms}{room}}}:posted:"

    def room_channel(self, room: str) -> str:
        """Channel: what is for everyone in a room."""
        return f"{self._rooms}{room}}}:live"
