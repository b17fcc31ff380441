"""Frames of every kind, for property tests."""

from datetime import datetime, timedelta, timezone
from typing import Any

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
        frames.Send, text=texts, seq=some(counts), at=some(times), room=texts, to=some(names)
    ),
    st.builds(frames.Active),
    st.builds(frames.Who, seq=some(counts)),
    st.builds(frames.Ping),
    st.builds(frames.Quit),
)

limits = st.builds(
    Limits,
    line=counts,
    text=counts,
    name=counts,
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
    ),
    st.builds(
        frames.Ack, seq=counts, id=texts, room=some(texts), to=some(names), absent=some(names)
    ),
    messages,
    st.builds(frames.Gap, room=texts, after=some(texts), text=texts),
    st.builds(frames.Joined, room=texts, name=texts),
    st.builds(frames.Left, room=texts, name=texts, code=texts),
    st.builds(
        frames.Users,
        users=st.lists(
            st.builds(frames.User, name=texts, gateway=texts, since=counts, idle=seconds),
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
