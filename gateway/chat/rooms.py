"""The rules of rooms: who may enter, read, speak, and change things. Pure.

A gateway decides by its picture of a room, a `RoomState`, and tells Redis the version of that
picture. The script that carries the decision out refuses if the room has another version by now:
then the gateway reads the room again and decides again. So gateways cannot disagree, and all rules
are in this module and in `gateway.chat.room_changes`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from gateway.addresses import Address
from wire.frames import (
    DEFAULT_MODES,
    OPERATOR,
    Entered,
    Modes,
    Notice,
    Role,
    Room,
    RoomInfo,
    Sanctioned,
)
from wire.reasons import ErrorCode, NoticeCode, OutCode, WireError

NEVER = "0"
"""The version of a room that nobody has ever changed."""

NAMES_IN_LINE, SANCTIONS_IN_LINE = 100, 25
"""The most names, and the most bans and mutes, in one `RoomInfo`: no line has more than 64 KiB."""


class Who(NamedTuple):
    """A session, as the rules of rooms see it.

    Attributes:
        folded: the name, as it is compared.
        name: the name, as it is shown.
        origin: as in `gateway.backplane.records.Registration`.
        account: the folded name of the account; empty for a guest.
        ip: the address of the peer; None if it does not matter.
    """

    folded: str
    name: str
    origin: str
    account: str
    ip: Address | None


CHAT_OPERATOR = Who(OPERATOR, OPERATOR, "", OPERATOR, None)
"""The operators of the chat: they may do everything in every room. Nobody else has that name."""


class Sanction(msgspec.Struct, frozen=True, tag_field="v", tag=1):
    """A ban or a mute.

    Attributes:
        name: the person, by the name that is shown, or the network.
        by: the name of the person who gave it.
        reason: why; may be empty.
        until: when it ends, milliseconds since 1970 by Redis' clock; None for never.
    """

    name: str
    by: str
    reason: str
    until: int | None

    def holds(self, now: int) -> bool:
        """Whether it has not ended yet; ``now`` is Redis' clock, milliseconds since 1970."""
        return self.until is None or self.until > now


class Invitation(msgspec.Struct, frozen=True, tag_field="v", tag=1):
    """Somebody may enter an invite-only room.

    Attributes:
        name: the person's name, as it is shown.
        origin: the invitation is for the session of this origin; for the account of that name,
            whatever its session, if it is empty.
    """

    name: str
    origin: str


@dataclass(frozen=True, kw_only=True)
class RoomState:
    """What Redis knows about a room, except its members.

    Attributes:
        room: its name, folded: a room has no other.
        version: it changes with each change of what is below; `NEVER` if there was none.
        exists: whether there is such a room.
        topic: its topic; empty for none.
        topic_by: the name of the person who set the topic.
        topic_at: when the topic was set, milliseconds since 1970; 0 for never.
        modes: its modes.
        key: the key that people need to join; empty for none.
        operators: folded name -> name. Operators have accounts.
        voices: likewise.
        bans: ``name:<folded name>`` or ``network:<network>`` -> the ban.
        muted: folded name -> the mute.
        invited: folded name -> the invitation.
        kicked: folded name -> origin of a member who was kicked a short while ago, and must not
            come back merely because its connection broke; "" for every session of an account.
        deleted: the version by which an earlier room of this name was deleted, or this one if it
            does not exist; 0 for none.
    """

    room: str
    version: str = NEVER
    exists: bool = True
    topic: str = ""
    topic_by: str = ""
    topic_at: int = 0
    modes: Modes = DEFAULT_MODES
    key: str = ""
    operators: dict[str, str] = field(default_factory=dict)
    voices: dict[str, str] = field(default_factory=dict)
    bans: dict[str, Sanction] = field(default_factory=dict)
    muted: dict[str, Sanction] = field(default_factory=dict)
    invited: dict[str, Invitation] = field(default_factory=dict)
    kicked: dict[str, str] = field(default_factory=dict)
    deleted: int = 0

    @cached_property
    def lets_all_talk(self) -> bool:
        """Whether every member may send, and as often as they like: nearly always."""
        modes = self.modes
        return not (self.bans or self.muted or modes.read_only or modes.slow)

    @cached_property
    def banned_networks(self) -> list[tuple[IPv4Network | IPv6Network, Sanction]]:
        """The bans of networks."""
        found = []
        for key, ban in self.bans.items():
            kind, _, subject = key.partition(":")
            if kind == "network":
                try:
                    found.append((ip_network(subject), ban))
                except ValueError:
                    continue  # a damaged entry costs only itself
        return found


# Who may do what.


def role(state: RoomState, account: str) -> Role:
    """What somebody may do in a room, beyond what every member may do.

    Args:
        state: the room.
        account: the folded name of the person's account; empty for a guest.
    """
    if account in state.operators or account == OPERATOR:
        return "operator"
    return "voice" if account in state.voices else ""


def tells_all(state: RoomState, who: Who) -> bool:
    """Whether somebody may see a room's key, bans, mutes and invitations."""
    return role(state, who.account) == "operator"


def ban_of(state: RoomState, who: Who, now: int) -> Sanction | None:
    """The ban that keeps somebody out of a room, if there is one.

    Args:
        state: the room.
        who: the person.
        now: Redis' clock, milliseconds since 1970.
    """
    if not state.bans:
        return None
    for name in _names(who):
        ban = state.bans.get(f"name:{name}")
        if ban is not None and ban.holds(now):
            return ban
    for network, ban in state.banned_networks:
        if who.ip is not None and who.ip in network and ban.holds(now):
            return ban
    return None


def mute_of(state: RoomState, who: Who, now: int) -> Sanction | None:
    """The mute of somebody in a room, if there is one; the arguments are as in `ban_of`."""
    for name in _names(who):
        mute = state.muted.get(name)
        if mute is not None and mute.holds(now):
            return mute
    return None


def _names(who: Who) -> tuple[str, ...]:
    """The names by which somebody may be banned or muted: an account cannot get round it."""
    return (who.account, who.folded) if who.account else (who.folded,)


def _was_kicked(state: RoomState, who: Who) -> bool:
    origin = state.kicked.get(who.folded)
    return origin is not None and (origin == who.origin if origin else bool(who.account))


def may_enter(state: RoomState, who: Who, key: str, now: int, returning: bool) -> WireError | None:
    """Whether somebody may enter a room: None, or the refusal.

    Args:
        state: the room.
        who: the person.
        key: the key that the person showed; empty for none.
        now: Redis' clock, milliseconds since 1970.
        returning: the person was in the room until its connection broke.
    """
    room = state.room
    if (ban := ban_of(state, who, now)) is not None:
        return WireError(ErrorCode.BANNED_HERE, f"you are banned from the room {room}{_why(ban)}")
    if returning and was_deleted(state):
        return WireError(ErrorCode.NO_SUCH_ROOM, f"the room {room} was deleted")
    if returning and _was_kicked(state, who):
        return WireError(ErrorCode.NOT_IN_ROOM, f"you were kicked out of the room {room}")
    if role(state, who.account) == "operator" or _is_invited(state, who):
        return None
    if state.modes.invite_only:
        text = f"the room {room} is invite-only: ask {an_operator(state)} to invite you"
        return WireError(ErrorCode.INVITE_ONLY, text)
    if state.key and not returning and not hmac.compare_digest(state.key.encode(), key.encode()):
        text = "that is not its key" if key else "join it with its key"
        return WireError(ErrorCode.BAD_KEY, f"the room {room} has a key: {text}")
    return None


def may_stay(state: RoomState, who: Who, now: int) -> tuple[OutCode, str] | None:
    """Whether a member may stay in a room that has changed: None, or why not.

    Args:
        state: the room, as it is now.
        who: the member.
        now: Redis' clock, milliseconds since 1970.
    """
    room = state.room
    if was_deleted(state):
        return OutCode.KICKED, f"The room {room} was deleted."
    if (ban := ban_of(state, who, now)) is not None:
        return OutCode.BANNED, f"You are banned from the room {room}{_why(ban)}."
    if _was_kicked(state, who):
        return OutCode.KICKED, f"You were kicked out of the room {room}."
    return None


def was_deleted(state: RoomState) -> bool:
    """Whether operators deleted the room; Redis does not forget that for a while."""
    return not state.exists and state.version != NEVER


def may_say(state: RoomState, who: Who, now: int) -> WireError | None:
    """Whether a member may send to a room: None, or the refusal.

    Args:
        state: the room.
        who: the member.
        now: Redis' clock, milliseconds since 1970.
    """
    room = state.room
    if (ban := ban_of(state, who, now)) is not None:
        return WireError(ErrorCode.BANNED_HERE, f"you are banned from the room {room}{_why(ban)}")
    rights = role(state, who.account)
    if rights == "operator":
        return None
    mute = mute_of(state, who, now)
    if mute is not None:
        return WireError(ErrorCode.MUTED, f"you are muted in the room {room}{_why(mute)}: not sent")
    if state.modes.read_only and not rights:
        text = f"only operators and people with a voice may send to the room {room}: not sent"
        return WireError(ErrorCode.READ_ONLY, text)
    return None


def may_react(state: RoomState, who: Who, now: int) -> WireError | None:
    """Whether a member may react to messages; the arguments are as in `may_say`.

    Slow mode is about messages, and does not count.
    """
    refusal = may_say(state, who, now)
    if refusal is not None:
        refusal.text = refusal.text.removesuffix(": not sent")
    return refusal


def slow_for(state: RoomState, who: Who) -> int:
    """The seconds that somebody has to wait between two messages in a room; 0 for no wait."""
    slow = state.modes.slow
    return slow if slow and not role(state, who.account) else 0


def may_read(state: RoomState, who: Who, inside: bool) -> WireError | None:
    """Whether somebody may see what a room is about: None, or the refusal.

    Args:
        state: the room.
        who: the person.
        inside: the person is in the room.
    """
    hidden = state.modes.secret and not inside and not tells_all(state, who)
    if not state.exists or (hidden and not _is_invited(state, who)):
        return no_such_room(state.room)
    return None


def no_such_room(room: str) -> WireError:
    """There is no such room; secret rooms are refused in the same words."""
    return WireError(ErrorCode.NO_SUCH_ROOM, f"there is no room {room}")


def an_operator(state: RoomState) -> str:
    """The people to ask for something that only operators of a room can do."""
    names = list(state.operators.values())[:3]
    return " or ".join(names) if names else "an operator of the chat"


def _is_invited(state: RoomState, who: Who) -> bool:
    if who.account and (invitation := state.invited.get(who.account)) and not invitation.origin:
        return True
    invitation = state.invited.get(who.folded)
    return invitation is not None and bool(who.origin) and invitation.origin == who.origin


def _why(sanction: Sanction) -> str:
    return f" ({sanction.reason})" if sanction.reason else ""


# What people are told about a room.


def entered(state: RoomState, who: Who, seen: str, people: int, seq: int | None = None) -> Entered:
    """The event for somebody who has entered a room."""
    return Entered(
        room=state.room,
        seen=seen,
        topic=state.topic,
        topic_by=state.topic_by,
        modes=state.modes,
        people=people,
        role=role(state, who.account),
        seq=seq,
    )


def listed(state: RoomState, people: int, *, joined: bool) -> Room:
    """A room as one line of the list of rooms."""
    return Room(room=state.room, people=people, topic=state.topic, modes=state.modes, joined=joined)


def invited(room: str, by: str) -> Notice:
    """The notice for somebody who is invited to a room by the person with this name."""
    inviter = "the operators of the chat invite" if by == OPERATOR else f"{by} invites"
    text = f"{inviter} you to the room {room}"
    return Notice(code=NoticeCode.INVITED, text=text, room=room)


def room_info(
    state: RoomState, people: int, now: int, *, everything: bool, seq: int | None
) -> list[RoomInfo]:
    """The answer for somebody who asks about a room, in parts.

    Args:
        state: the room.
        people: how many members it has.
        now: Redis' clock, milliseconds since 1970: bans and mutes that have ended are left out.
        everything: see `tells_all`.
        seq: of the request.
    """
    first = RoomInfo(
        room=state.room,
        people=people,
        topic=state.topic,
        topic_by=state.topic_by,
        topic_at=state.topic_at,
        modes=state.modes,
        key=(state.key or None) if everything else None,
        seq=seq,
    )
    names = [("operators", name) for name in sorted(state.operators.values())]
    names += [("voices", name) for name in sorted(state.voices.values())]
    sanctions: list[tuple[str, Sanctioned]] = []
    if everything:
        names += [
            ("invited", name) for name in sorted(each.name for each in state.invited.values())
        ]
        for part, given in (("bans", state.bans), ("muted", state.muted)):
            sanctions += [
                (part, Sanctioned(each.name, each.by, each.reason, each.until))
                for each in sorted(given.values(), key=attrgetter("name"))
                if each.holds(now)
            ]
    parts: list[RoomInfo] = []
    while names or sanctions or not parts:
        lists: dict[str, list[Any]] = {}
        for part, item in names[:NAMES_IN_LINE] + sanctions[:SANCTIONS_IN_LINE]:
            lists.setdefault(part, []).append(item)
        names, sanctions = names[NAMES_IN_LINE:], sanctions[SANCTIONS_IN_LINE:]
        parts.append(msgspec.structs.replace(first, more=bool(names or sanctions), **lists))
    return parts
