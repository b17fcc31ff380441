"""The findings of `chatctl doctor` about the rooms. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.backplane.operators.checks import Finding, some_of
from gateway.backplane.operators.room_contents import RoomContents


def rooms(found: RoomContents | None) -> Iterator[Finding]:
    """Whether the rooms, their list and their members agree."""
    if found is None:
        yield Finding("warning", "rooms", "reading them is not allowed here: they were not checked")
        return
    if found.unlisted:
        text = f"{len(found.unlisted)} are missing from the list of rooms: "
        text += f"{some_of(found.unlisted)}. `chatctl room ROOM create` lists one again"
        yield Finding("warning", "rooms", text)
    if found.endless:
        text = f"{len(found.endless)} are empty and will never end: {some_of(found.endless)}. "
        text += "`chatctl room ROOM delete` removes one"
        yield Finding("warning", "rooms", text)
    if found.absent:
        names = [f"{name} in {room}" for room, name in found.absent]
        text = f"{len(names)} members have no session: {some_of(names)}. Gateways remove them "
        text += "within seconds; if one stays, use `chatctl room ROOM kick NAME`"
        yield Finding("warning", "rooms", text)
    if found.unreadable:
        names = [f"{name!r} in {room}" for room, name in found.unreadable]
        text = f"{len(names)} records of members cannot be read: {some_of(names)}. Perhaps another "
        text += "version or program wrote them; `redis-cli HDEL KEY NAME` removes one"
        yield Finding("warning", "rooms", text)
    if not (found.unlisted or found.endless or found.absent or found.unreadable):
        yield Finding("ok", "rooms", "1 room" if found.total == 1 else f"{found.total} rooms")
