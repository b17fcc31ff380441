"""Changing a room: its topic, its modes, and what its members may do. Pure."""

from __future__ import annotations

from ipaddress import ip_network
from typing import NamedTuple

import msgspec

from gateway.chat.room_records import Edit, Part, edit_modes, invitation_text, sanction_text
from gateway.chat.rooms import (
    CHAT_OPERATOR,
    Invitation,
    RoomState,
    Sanction,
    Who,
    an_operator,
    no_such_room,
    role,
)
from wire.frames import Action, Changed, Moderate, SetModes, SetTopic
from wire.reasons import ErrorCode, WireError

MOST: dict[Part, int] = {
    "operators": 50, "voices": 500, "bans": 500, "muted": 500, "invited": 500
}  # fmt: skip
"""How many entries a room keeps of each kind."""

_NAMED = {
    "operators": "operators",
    "voices": "people with a voice",
    "bans": "bans",
    "muted": "muted people",
    "invited": "invitations",
}


class Target(NamedTuple):
    """What is known about the person in a `Moderate`.

    Attributes:
        folded: the name, as it is compared.
        name: the name, as it is shown; as it was asked for if nobody has it.
        origin: of the session that has the name; empty if nobody has it.
        account: the folded name of the account that the name belongs to; empty if it is not
            registered.
        inside: the person is in the room.
    """

    folded: str
    name: str
    origin: str
    account: str
    inside: bool

    @property
    def key(self) -> str:
        """The name under which rights, bans and the like are kept: an account has them whole."""
        return self.account or self.folded


class Plan(NamedTuple):
    """How a room is changed, all in one step.

    Attributes:
        edits: what is written.
        event: what the members are told; Redis gives it its ``id`` and ``ts``.
        removed: the folded name of a member who is put out by it; None if nobody is.
        invite_members: everybody who is in the room is invited by it.
    """

    edits: list[Edit]
    event: Changed
    removed: str | None = None
    invite_members: bool = False


Change = SetTopic | SetModes | Moderate


def network_in(request: Change) -> str | None:
    """The network that a request bans or unbans, as it was written; None if it is about a name.

    Names have neither a slash nor a colon in them.
    """
    if not isinstance(request, Moderate) or request.action not in ("ban", "unban"):
        return None
    return request.name if "/" in request.name or ":" in request.name else None


def check_operator(state: RoomState, who: Who) -> None:
    """Check that somebody may change a room.

    Raises:
        WireError: there is no such room, or they are not an operator of it.
    """
    if not state.exists:
        raise no_such_room(state.room)
    if role(state, who.account) != "operator":
        text = f"only operators of the room {state.room} can do that"
        none = "" if state.operators else ", and it has none"
        raise WireError(ErrorCode.NOT_OPERATOR, f"{text}{none}: ask {an_operator(state)}")


def plan(
    state: RoomState,
    by: Who,
    request: Change,
    now: int,
    *,
    people: int = 0,
    target: Target | None = None,
) -> Plan | None:
    """Decide how a room is changed; None if it is already as it should be.

    Args:
        state: the room.
        by: the person who asks for it.
        request: what is asked for; its ``room`` is folded.
        now: Redis' clock, milliseconds since 1970.
        people: the number of members.
        target: the person in a `Moderate`, unless it is about a network.

    Raises:
        WireError: it is refused.
    """
    check_operator(state, by)
    match request:
        case SetTopic():
            return _plan_topic(state, by, request, now)
        case SetModes():
            return _plan_modes(state, by, request, people)
        case Moderate():
            if (network := network_in(request)) is not None:
                return _plan_network(state, by, request, network, now)
            assert target is not None
            return _plan_person(state, by, request, target, now)


def _plan_topic(state: RoomState, by: Who, request: SetTopic, now: int) -> Plan | None:
    topic = request.topic
    if topic == state.topic:
        return None
    edits = [
        Edit("meta", "topic", topic or None),
        Edit("meta", "topic_by", by.name),
        Edit("meta", "topic_at", str(now)),
    ]
    return Plan(edits, Changed(room=state.room, by=by.name, change="topic", topic=topic))


def _plan_modes(state: RoomState, by: Who, request: SetModes, people: int) -> Plan | None:
    key = state.key if request.key is None else request.key
    asked = {
        name: value
        for name in ("invite_only", "secret", "read_only", "slow", "history")
        if (value := getattr(request, name)) is not None
    }
    modes = msgspec.structs.replace(state.modes, key=bool(key), **asked)
    if modes == state.modes and key == state.key:
        return None
    closes = modes.invite_only and not state.modes.invite_only
    if closes and people > MOST["invited"]:
        text = f"a room with more than {MOST['invited']} members cannot become invite-only"
        raise WireError(ErrorCode.TOO_MANY_ENTRIES, text)
    edits = [*edit_modes(modes), Edit("meta", "key", key or None)]
    event = Changed(room=state.room, by=by.name, change="modes", modes=modes)
    return Plan(edits, event, invite_members=closes)


def _plan_network(
    state: RoomState, by: Who, request: Moderate, network: str, now: int
) -> Plan | None:
    # An operator of a room could otherwise find out addresses, by banning network after network.
    if by != CHAT_OPERATOR:
        text = "only the operators of the chat can ban networks: ban the name instead"
        raise WireError(ErrorCode.NOT_OPERATOR, text)
    try:
        subject = str(ip_network(network, strict=False))
    except ValueError:
        raise WireError(ErrorCode.BAD_NAME, f"{network[:64]!r} is not a network") from None
    # The members are not told which network it is: it may tell where somebody lives.
    event = Changed(
        room=state.room,
        by=by.name,
        change=request.action,
        reason=request.reason,
        until=_until(request, now),
    )
    key = f"network:{subject}"
    if request.action == "unban":
        return Plan([_removal(state, "bans", key, subject, "banned")], event)
    return Plan(_sanction(state, "bans", key, subject, by, request, now), event)


def _plan_person(
    state: RoomState, by: Who, request: Moderate, target: Target, now: int
) -> Plan | None:
    action, removed = request.action, None
    if action in _TAKES:
        edits = [_taken(state, request, target)]
    elif action in ("kick", "ban"):
        # Also if the banned person is not seen in the room: it may be on the way in.
        edits, removed = _put_out(state, by, request, target, now), target.folded
    else:
        edits = _given(state, by, request, target, now)
    if not edits and removed is None:
        return None
    event = Changed(
        room=state.room,
        by=by.name,
        change=action,
        name=target.name,
        reason=request.reason,
        until=_until(request, now),
    )
    return Plan(edits, event, removed)


_TAKES: dict[Action, tuple[Part, str]] = {
    "unban": ("bans", "banned"),
    "unmute": ("muted", "muted"),
    "uninvite": ("invited", "invited"),
    "deop": ("operators", "an operator"),
    "devoice": ("voices", "one of the people with a voice"),
}


def _taken(state: RoomState, request: Moderate, target: Target) -> Edit:
    part, was = _TAKES[request.action]
    # It may have been given to the name before that belonged to an account.
    keys = [f"name:{each}" if part == "bans" else each for each in (target.key, target.folded)]
    key = next((each for each in keys if each in getattr(state, part)), keys[0])
    return _removal(state, part, key, target.name, was)


def _put_out(state: RoomState, by: Who, request: Moderate, target: Target, now: int) -> list[Edit]:
    key = target.key
    # The connection of the person may have broken just now: then it must not come back by a resume.
    origin = "" if target.account else target.origin
    kicked = [Edit("kicked", target.folded, origin)] if target.origin else []
    if request.action == "ban":
        return [
            *_sanction(state, "bans", f"name:{key}", target.name, by, request, now),
            *_removals(state, key, "operators", "voices", "invited"),
            *kicked,
        ]
    if not target.inside:
        raise _no_such_person(f"{target.name} is not in the room {state.room}")
    return [*_removals(state, key, "invited"), *kicked]


def _given(state: RoomState, by: Who, request: Moderate, target: Target, now: int) -> list[Edit]:
    key, name = target.key, target.name
    match request.action:
        case "invite":
            return _addition(state, "invited", key, _invitation(target))
        case "op":
            return _addition(state, "operators", key, _of_account(target))
        case "voice":
            return _addition(state, "voices", key, _of_account(target))
    if key in state.operators:
        text = f"{name} is an operator, and operators cannot be muted: deop {name} first"
        raise WireError(ErrorCode.BAD_FIELD, text)
    return _sanction(state, "muted", key, name, by, request, now)


def _until(request: Moderate, now: int) -> int | None:
    if request.seconds is None or request.action not in ("ban", "mute"):
        return None
    return now + request.seconds * 1000


def _sanction(
    state: RoomState, part: Part, key: str, name: str, by: Who, request: Moderate, now: int
) -> list[Edit]:
    """Give a ban or a mute; take out those that have ended, so that they do not count."""
    given: dict[str, Sanction] = getattr(state, part)
    ended = [each for each, sanction in given.items() if not sanction.holds(now)]
    _check_space(state, part, key, len(ended))
    sanction = Sanction(name, by.name, request.reason, _until(request, now))
    edits = [Edit(part, each, None) for each in ended if each != key]
    return [*edits, Edit(part, key, sanction_text(sanction))]


def _addition(state: RoomState, part: Part, folded: str, value: str) -> list[Edit]:
    given: dict[str, str | Invitation] = getattr(state, part)
    known = given.get(folded)
    if value == (invitation_text(known) if isinstance(known, Invitation) else known):
        return []
    _check_space(state, part, folded, 0)
    return [Edit(part, folded, value)]


def _removal(state: RoomState, part: Part, key: str, name: str, was: str) -> Edit:
    if key not in getattr(state, part):
        raise _no_such_person(f"{name} is not {was} in the room {state.room}")
    return Edit(part, key, None)


def _removals(state: RoomState, folded: str, *parts: Part) -> list[Edit]:
    return [Edit(part, folded, None) for part in parts if folded in getattr(state, part)]


def _check_space(state: RoomState, part: Part, key: str, ended: int) -> None:
    given: dict[str, object] = getattr(state, part)
    if key not in given and len(given) - ended >= MOST[part]:
        text = f"the room {state.room} has {MOST[part]} {_NAMED[part]} already: take one back first"
        raise WireError(ErrorCode.TOO_MANY_ENTRIES, text)


def _invitation(target: Target) -> str:
    if not target.account and not target.origin:
        raise _no_such_person(f"nobody named {target.name} is here, and the name is not registered")
    # A guest's name may be somebody else's tomorrow: the invitation is for this session only.
    return invitation_text(Invitation(target.name, "" if target.account else target.origin))


def _of_account(target: Target) -> str:
    if not target.account:
        text = f"{target.name} is not a registered name: only those can have rights in a room"
        raise _no_such_person(text)
    return target.name


def _no_such_person(text: str) -> WireError:
    return WireError(ErrorCode.NO_SUCH_PERSON, text)
