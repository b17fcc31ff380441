"""Turns what the gateway tells about people into lines of text. Pure, like `display.render`."""

from __future__ import annotations

from client.display.rooms import shown_room
from client.display.safe_text import clean_name, clean_text
from client.display.spans import shown_span
from client.display.view import View, info
from wire.frames import Away, Event, Person, Renamed


def event(event: Event, view: View) -> list[str]:
    """The lines for an event about people; none if it is not for people."""
    match event:
        case Renamed(room=None):
            return info(f"you are {clean_name(event.to)} now", view)
        case Renamed() if event.room == view.room and not view.is_me(event.to):
            return info(f"{clean_name(event.name)} is {clean_name(event.to)} now", view)
        case Away() if event.room == view.room and not view.is_me(event.name):
            return away(event, view)
        case Person():
            return person(event, view)
        case _:
            return []


def away(event: Away, view: View) -> list[str]:
    """Somebody is away, or back: ``· sis is away: lunch``."""
    if not event.away:
        return info(f"{clean_name(event.name)} is back", view)
    return info(f"{clean_name(event.name)} is away{_why(event.reason)}", view)


def person(found: Person, view: View) -> list[str]:
    """What is known about somebody."""
    name = clean_name(found.name)
    registered = " (registered)" if found.registered else ""
    if not found.here:
        return info(f"{name}{registered} is not here: a private message waits for them", view)
    idle = min((each.idle for each in found.sessions), default=0.0)
    quiet = f", idle {shown_span(int(idle))}" if idle >= 60 else ""
    state = "here" if found.away is None else f"away{_why(found.away)}"
    many = f", {len(found.sessions)} sessions" if len(found.sessions) > 1 else ""
    lines = [f"{name}{registered} is {state}{many}{quiet}"]
    if found.rooms:
        lines.append(f"both of you are in {', '.join(map(shown_room, found.rooms))}")
    for each in found.sessions if view.is_me(found.name) else ():
        client = clean_name(each.client or "unknown program")
        lines.append(f"session {clean_name(each.session)}: {client}, on {clean_name(each.gateway)}")
    return [row for line in lines for row in info(line, view)]


def _why(reason: str) -> str:
    return f": {' '.join(clean_text(reason).split())}" if reason else ""
