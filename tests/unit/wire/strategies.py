"""Frames of every kind, for property tests."""

from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from wire import frames
from wire.limits import Limits

# JSON has no lone surrogates, and a peer cannot send them.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
counts = st.integers(0, 2**53)
seconds = st.floats(0, 1e9)
names = st.lists(texts, max_size=4)

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


short = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)

seen = st.dictionaries(texts, texts, max_size=4)

reasons = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)

characters = st.characters(exclude_categories=["Cs"])
references = st.text(characters, min_size=1, max_size=48)
emoji = st.text(characters, min_size=1, max_size=32)
passwords = st.text(characters, min_size=1, max_size=256)

histories = st.sampled_from(["all", "joined"])
actions = st.sampled_from(get_args(frames.Action))
roles = st.sampled_from(get_args(frames.Role))

modes = st.builds(
    frames.Modes,
    invite_only=st.booleans(),
    secret=st.booleans(),
    read_only=st.booleans(),
    key=st.booleans(),
    slow=st.integers(0, 86_400),
    history=histories,
)

requests: st.SearchStrategy[frames.Request] = st.one_of(
    st.builds(
        frames.Hello,
        v=st.integers(-9, 9),
        name=texts,
        client=some(short),
        resume=some(short),
        seen=some(seen),
    ),
    st.builds(
        frames.Send,
        text=texts,
        seq=some(counts),
        at=some(times),
        room=texts,
        to=some(names),
        kind=st.sampled_from(["", "me"]),
        re=some(references),
    ),
    st.builds(frames.Active),
    st.builds(frames.Who, seq=some(counts)),
    st.builds(
        frames.Join, room=texts, key=some(short), history=st.integers(0, 100), seq=some(counts)
    ),
    st.builds(frames.Leave, room=texts, seq=some(counts)),
    st.builds(frames.ListRooms, seq=some(counts)),
    st.builds(frames.ListMembers, room=texts, seq=some(counts)),
    st.builds(frames.AboutRoom, room=texts, seq=some(counts)),
    st.builds(frames.SetTopic, room=texts, topic=reasons, seq=some(counts)),
    st.builds(
        frames.SetModes,
        room=texts,
        invite_only=some(st.booleans()),
        secret=some(st.booleans()),
        read_only=some(st.booleans()),
        key=some(short),
        slow=some(st.integers(0, 86_400)),
        history=some(histories),
        seq=some(counts),
    ),
    st.builds(
        frames.Moderate,
        room=texts,
        action=actions,
        name=texts,
        reason=reasons,
        seconds=some(st.integers(1, 315_360_000)),
        seq=some(counts),
    ),
    st.builds(frames.Delete, id=references, room=some(texts), seq=some(counts)),
    st.builds(
        frames.React,
        id=references,
        emoji=emoji,
        room=some(texts),
        on=st.booleans(),
        seq=some(counts),
    ),
    st.builds(
        frames.ReadHistory,
        room=some(texts),
        with_=some(texts),
        limit=st.integers(1, 100),
        before=some(references),
        after=some(references),
        seq=some(counts),
    ),
    st.builds(frames.SetAway, reason=reasons, seq=some(counts)),
    st.builds(frames.SetBack, seq=some(counts)),
    st.builds(frames.SetName, name=texts, seq=some(counts)),
    st.builds(frames.Ignore, name=texts, seq=some(counts)),
    st.builds(frames.Unignore, name=texts, seq=some(counts)),
    st.builds(frames.MarkRead, room=texts, id=references, seq=some(counts)),
    st.builds(frames.Whois, name=texts, seq=some(counts)),
    st.builds(frames.Register, password=passwords, name=some(texts), seq=some(counts)),
    st.builds(frames.ChangePassword, old=passwords, new=passwords, seq=some(counts)),
    st.builds(frames.Ping),
    st.builds(frames.Quit),
)

limits = st.builds(
    Limits,
    line=counts,
    text=counts,
    name=counts,
    room=counts,
    rooms=counts,
    quiet_room=counts,
    sessions=counts,
    to=counts,
    burst=counts,
    rate=some(seconds),
    hello=seconds,
    backlog=counts,
)

messages = st.builds(
    frames.Msg,
    id=texts,
    from_=texts,
    room=some(texts),
    to=some(names),
    text=texts,
    at=some(times),
    ts=counts,
    kind=texts,
    re=some(texts),
    key=some(texts),
    account=texts,
)

sanctions = st.lists(
    st.builds(frames.Sanctioned, name=texts, by=texts, reason=texts, until=some(counts)),
    max_size=2,
)

events: st.SearchStrategy[frames.Event] = st.one_of(
    st.builds(
        frames.Welcome,
        v=counts,
        name=texts,
        gateway=texts,
        resume=texts,
        idle=some(seconds),
        rooms=names,
        limits=limits,
        resumed=st.booleans(),
        seen=seen,
        account=texts,
        sessions=counts,
    ),
    st.builds(
        frames.Ack, seq=counts, id=texts, room=some(texts), to=some(names), absent=some(names)
    ),
    messages,
    st.builds(
        frames.Deleted,
        id=texts,
        ts=counts,
        room=some(texts),
        targets=names,
        upto=some(texts),
        from_=texts,
        by=texts,
    ),
    st.builds(
        frames.Reacted,
        id=texts,
        ts=counts,
        room=some(texts),
        target=texts,
        from_=texts,
        emoji=texts,
        on=st.booleans(),
        count=counts,
    ),
    st.builds(
        frames.Renamed, name=texts, to=texts, room=some(texts), account=texts, seq=some(counts)
    ),
    st.builds(frames.Away, room=texts, name=texts, away=st.booleans(), reason=texts),
    st.builds(frames.Ignored, names=names),
    st.builds(frames.Marks, marks=seen),
    st.builds(
        frames.Person,
        name=texts,
        here=st.booleans(),
        registered=st.booleans(),
        away=some(texts),
        sessions=st.lists(
            st.builds(
                frames.PersonSession,
                session=texts,
                gateway=texts,
                since=counts,
                idle=seconds,
                client=some(texts),
            ),
            max_size=2,
        ),
        rooms=names,
        seq=some(counts),
    ),
    st.builds(
        frames.Changed,
        id=texts,
        ts=counts,
        room=texts,
        by=texts,
        change=st.sampled_from(["topic", "modes"]) | actions,
        topic=some(texts),
        modes=some(modes),
        name=some(texts),
        reason=texts,
        until=some(counts),
    ),
    st.builds(
        frames.Entered,
        room=texts,
        seen=texts,
        topic=texts,
        topic_by=texts,
        modes=modes,
        people=counts,
        role=roles,
        seq=some(counts),
    ),
    st.builds(frames.Out, room=texts, code=texts, text=texts, seq=some(counts)),
    st.builds(
        frames.RoomList,
        rooms=st.lists(
            st.builds(
                frames.Room,
                room=texts,
                people=counts,
                topic=texts,
                modes=modes,
                joined=st.booleans(),
            ),
            max_size=2,
        ),
        more=st.booleans(),
        seq=some(counts),
    ),
    st.builds(
        frames.MemberList,
        room=texts,
        members=st.lists(
            st.builds(frames.RoomMember, name=texts, role=roles, account=texts), max_size=2
        ),
        more=st.booleans(),
        seq=some(counts),
    ),
    st.builds(
        frames.RoomInfo,
        room=texts,
        people=counts,
        topic=texts,
        topic_by=texts,
        topic_at=counts,
        modes=modes,
        operators=names,
        voices=names,
        key=some(texts),
        bans=sanctions,
        muted=sanctions,
        invited=names,
        seq=some(counts),
    ),
    st.builds(frames.Gap, room=texts, after=some(texts), text=texts),
    st.builds(frames.Joined, room=texts, name=texts, account=texts),
    st.builds(frames.Left, room=texts, name=texts, code=texts),
    st.builds(
        frames.Users,
        users=st.lists(
            st.builds(
                frames.User,
                name=texts,
                gateway=texts,
                since=counts,
                idle=seconds,
                sessions=counts,
                away=some(texts),
                account=texts,
            ),
            max_size=3,
        ),
        more=st.booleans(),
        seq=some(counts),
    ),
    st.builds(frames.Notice, code=texts, text=texts, left=some(seconds), absent=some(names)),
    st.builds(frames.Error, code=texts, text=texts, seq=some(counts), retry_after=some(seconds)),
    st.builds(frames.Bye, code=texts, text=texts, reconnect=st.booleans(), after=some(seconds)),
    st.builds(frames.Pong),
)


def ops(union: Any) -> set[str]:
    """What a union of frames is told apart by."""
    return {str(msgspec.inspect.type_info(frame).tag) for frame in union.__args__}
