"""The names of all keys and channels in Redis, which are written nowhere else.

The keys of one room share a hash tag, and so do all keys of users, so that on a Redis Cluster each
script finds its keys in one slot. All users share one tag because a message to several people is
resolved, stored and published by one script: the answer who got it must be one, not several.
"""

from __future__ import annotations

from gateway.backplane.contract import Log
from gateway.chat.room_records import PARTS
from wire.frames import PRIVATE


class Keys:
    """The names under one prefix.

    Args:
        prefix: the beginning of every key and channel.
        database: the number of the database. It is part of the channels, which databases share.
    """

    def __init__(self, prefix: str, database: int = 0) -> None:
        self._prefix = prefix
        self._database = database
        # After the prefix, so that the rights of Redis users stay the same. No prefix has an @.
        channels = f"{prefix}:@{database}" if database else prefix
        self.users = f"{prefix}:{{users}}"
        """Hash: folded name -> its sessions, a line of JSON for each (`Registration`)."""
        self.gateways = f"{self.users}:gateways"
        """Hash: gateway id -> its report, as JSON."""
        self.bans = f"{self.users}:bans"
        """Hash: subject -> the ban, as JSON (`Ban`)."""
        self.accounts = f"{self.users}:accounts"
        """Hash: folded name -> the account, as JSON (`Account`)."""
        self.audit = f"{self.users}:audit"
        """Stream: what operators did, as JSON (`Audited`)."""
        self.users_epoch = f"{self.users}:epoch"
        """String: the epochs of people's logs (`scripts/shared.lua`)."""
        self.users_clock = f"{self.users}:clock"
        """String: the time of the last private message, milliseconds since 1970."""
        self.users_channel = f"{channels}:{{users}}"
        """The beginning of all channels of users."""
        self.rooms = f"{prefix}:{{rooms}}"
        """Set: the folded names of the rooms. A room that ended stays in it until it is read."""
        self._rooms = f"{prefix}:{{room:"
        self._room_channels = f"{channels}:{{room:"

    def alive(self, session: str) -> str:
        """String with the inactivity TTL: a session's last activity, milliseconds since 1970."""
        return f"{self.users}:alive:{session}"

    def resume(self, folded: str) -> str:
        """String with a TTL: sessions that left and may be resumed.

        A line for each: ``<until, ms since 1970> <the record, JSON>`` (`Registration`).
        """
        return f"{self.users}:resume:{folded}"

    def lease(self, gateway: str) -> str:
        """String with a TTL of seconds: exists while the gateway is alive."""
        return f"{self.users}:lease:{gateway}"

    def held(self, gateway: str) -> str:
        """Set: the folded names that a gateway holds."""
        return f"{self.users}:held:{gateway}"

    def user_log(self, folded: str) -> str:
        """Stream: one person's private messages; with a TTL once they have left."""
        return f"{self.users}:log:{folded}"

    def user_front(self, folded: str) -> str:
        """String with the TTL of the log: how far a person's log reaches back, as in `front`."""
        return f"{self.users}:front:{folded}"

    def user_reactions(self, folded: str) -> str:
        """Hash with the TTL of the log: key of a private message -> reactions, as JSON."""
        return f"{self.users}:reactions:{folded}"

    def ignored(self, account: str) -> str:
        """Hash: folded name -> name of each person that an account ignores."""
        return f"{self.users}:ignored:{account}"

    def marks(self, account: str) -> str:
        """Hash with a TTL: room -> the last id that the person has read there."""
        return f"{self.users}:marks:{account}"

    def waiting(self, folded: str) -> str:
        """Hash with a TTL: how many messages wait for somebody, in all and by sender."""
        return f"{self.users}:waiting:{folded}"

    def attempts(self, of: str) -> str:
        """String with a TTL: the number of wrong passwords for a name, or from an address."""
        return f"{self.users}:attempts:{of}"

    def got_from(self, folded: str, subnet: str) -> str:
        """String with a TTL: the name was got from this network before, with its password."""
        return f"{self.users}:got:{subnet}:{folded}"

    def made(self, folded: str) -> str:
        """String with a TTL: how many rooms an account has made within a day."""
        return f"{self.users}:made:{folded}"

    def registered(self, network: str) -> str:
        """String with a TTL: how many names were registered from a network within a day."""
        return f"{self.users}:registered:{network}"

    def probed(self, nonce: str) -> str:
        """String with a TTL: the answer of a gateway that was asked to probe."""
        return f"{self.users}:probed:{nonce}"

    def probe(self, gateway: str) -> Keys:
        """The keys of the small chat in which a gateway probes."""
        return Keys(f"{self._prefix}:probe:{gateway}", self._database)

    def user_channel(self, folded: str) -> str:
        """Channel: for one user."""
        return f"{self.users_channel}:to:{folded}"

    def control_channel(self, gateway: str) -> str:
        """Channel: for one gateway; its id is unique over all databases."""
        return f"{self.users}:control:{gateway}"

    def room_log(self, room: str) -> str:
        """Stream: a room's messages, with their ids."""
        return f"{self._rooms}{room}}}:log"

    def room_epoch(self, room: str) -> str:
        """String: the epochs of a room's log (`scripts/shared.lua`)."""
        return f"{self._rooms}{room}}}:epoch"

    def room(self, room: str) -> list[str]:
        """All keys of a room in the scripts' order, except those with their own TTL."""
        state = self.room_state(room)
        return [
            state[0],
            self.room_members(room),
            *state[1:],
            self.room_log(room),
            self.room_epoch(room),
            self.room_clock(room),
            self.room_front(room),
            self.room_reactions(room),
        ]

    def room_state(self, room: str) -> list[str]:
        """The hashes of a room's `gateway.chat.rooms.RoomState`, in the order of `PARTS`."""
        return [f"{self._rooms}{room}}}:{part}" for part in PARTS]

    def room_members(self, room: str) -> str:
        """Hash: folded name -> the member's sessions, a line of JSON for each (`Member`)."""
        return f"{self._rooms}{room}}}:members"

    def room_operators(self, room: str) -> str:
        """Hash: folded name -> name of each operator of a room."""
        return f"{self._rooms}{room}}}:operators"

    def room_clock(self, room: str) -> str:
        """String: the time of a room's last message, milliseconds since 1970."""
        return f"{self._rooms}{room}}}:clock"

    def room_meta(self, room: str) -> str:
        """Hash: topic, modes and key of a room, and its version (`scripts/shared.lua`)."""
        return f"{self._rooms}{room}}}:meta"

    def room_front(self, room: str) -> str:
        """String: how far a room's log reaches back, if its first messages were deleted.

        ``<id> <first>``: nothing that came after the id was trimmed, as long as the first entry is
        still this one. ``@`` and the last id in its place: the log was empty.
        """
        return f"{self._rooms}{room}}}:front"

    def room_reactions(self, room: str) -> str:
        """Hash: id of a message -> reactions to it, as JSON: emoji -> person -> name."""
        return f"{self._rooms}{room}}}:reactions"

    def room_slow(self, room: str) -> str:
        """The beginning of strings with a TTL, one for each person who must not post again yet."""
        return f"{self._rooms}{room}}}:slow:"

    def room_posted(self, room: str) -> str:
        """The beginning of strings with a TTL, each with the last posts of an origin in a room."""
        return f"{self._rooms}{room}}}:posted:"

    def room_channel(self, room: str) -> str:
        """Channel: for everyone in a room."""
        return f"{self._room_channels}{room}}}:live"

    def log(self, log: Log) -> str:
        """Stream: a room's messages, or a person's private ones."""
        return self.user_log(log.reader) if log.room == PRIVATE else self.room_log(log.room)

    def front(self, log: Log) -> str:
        """String: how far a log reaches back (`room_front`)."""
        return self.user_front(log.reader) if log.room == PRIVATE else self.room_front(log.room)

    def reactions(self, log: Log) -> str:
        """Hash: the reactions to messages of a log (`room_reactions`)."""
        if log.room == PRIVATE:
            return self.user_reactions(log.reader)
        return self.room_reactions(log.room)

    def epoch(self, log: Log) -> str:
        """String: the epochs of a log."""
        return self.users_epoch if log.room == PRIVATE else self.room_epoch(log.room)

    def channel(self, log: Log) -> str:
        """Channel: where the entries of a log are published."""
        return self.user_channel(log.reader) if log.room == PRIVATE else self.room_channel(log.room)
