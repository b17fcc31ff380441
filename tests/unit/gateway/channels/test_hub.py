import pytest

from gateway.channels.hub import Hub
from gateway.meters import Meters
from tests.unit.gateway.fakes import FakeLink
from wire.frames import Pong
from wire.reasons import SHUTDOWN

ROOM, OTHER = b"room", b"other"


class Loop:
    """Turns when told."""

    def __init__(self):
        self.soon = []

    def call_soon(self, function):
        self.soon.append(function)

    def turn(self):
        soon, self.soon = self.soon, []
        for function in soon:
            function()


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def hub(loop):
    return Hub(loop.call_soon, Meters())


def links(hub, count, *channels):
    made = [FakeLink() for _ in range(count)]
    for link in made:
        for channel in channels:
            hub.join(channel, link)
    return made


def test_what_is_published_is_written_to_everybody_in_the_channel(hub, loop):
    members, (outsider,) = links(hub, 3, ROOM), links(hub, 1, OTHER)
    hub.deliver(ROOM, b"hi\n")
    loop.turn()
    assert [link.writes for link in members] == [[b"hi\n"]] * 3
    assert outsider.writes == []


def test_nothing_is_written_before_the_turn_ends(hub):
    (link,) = links(hub, 1, ROOM)
    hub.deliver(ROOM, b"hi\n")
    hub.forward(link, [b"you\n"])
    assert link.writes == []


def test_what_one_turn_brings_is_one_write_in_its_order(hub, loop):
    (link,) = links(hub, 1, ROOM)
    for line in (b"1\n", b"2\n", b"3\n"):
        hub.deliver(ROOM, line)
    loop.turn()
    assert link.writes == [b"1\n2\n3\n"]


def test_the_next_turn_is_another_write(hub, loop):
    (link,) = links(hub, 1, ROOM)
    for line in (b"1\n", b"2\n"):
        hub.deliver(ROOM, line)
        loop.turn()
    assert link.writes == [b"1\n", b"2\n"]


def test_a_link_in_several_channels_gets_one_write_too(hub, loop):
    (link,) = links(hub, 1, ROOM, OTHER)
    hub.deliver(ROOM, b"1\n")
    hub.deliver(OTHER, b"2\n")
    hub.deliver(ROOM, b"3\n")
    hub.forward(link, [b"you\n"])
    loop.turn()
    (write,) = link.writes
    assert sorted(write.splitlines()) == [b"1", b"2", b"3", b"you"]
    assert write.index(b"1") < write.index(b"3")


def test_what_one_is_told_is_for_one(hub, loop):
    one, other = links(hub, 2, ROOM)
    hub.forward(one, [b"a\n"])
    hub.forward(one, [b"b\n"])
    hub.deliver(ROOM, b"all\n")
    loop.turn()
    assert one.writes == [b"a\nb\nall\n"]
    assert other.writes == [b"all\n"]


def test_somebody_in_no_channel_can_be_told(hub, loop):
    link = FakeLink()
    hub.forward(link, [b"you\n"])
    loop.turn()
    assert link.writes == [b"you\n"]


def test_who_has_left_hears_no_more(hub, loop):
    one, other = links(hub, 2, ROOM)
    hub.deliver(ROOM, b"1\n")
    hub.leave(ROOM, one)
    loop.turn()
    assert (one.writes, other.writes) == ([], [b"1\n"])


def test_a_channel_that_nobody_is_in_is_forgotten(hub, loop):
    (link,) = links(hub, 1, ROOM)
    hub.leave(ROOM, link)
    hub.leave(ROOM, link)
    hub.deliver(ROOM, b"1\n")
    loop.turn()
    assert link.writes == []
    assert hub._members == {}


def test_a_link_that_joins_twice_hears_once(hub, loop):
    (link,) = links(hub, 1, ROOM, ROOM)
    hub.deliver(ROOM, b"1\n")
    loop.turn()
    assert link.writes == [b"1\n"]


def test_a_turn_is_asked_for_once(hub, loop):
    (link,) = links(hub, 1, ROOM)
    for _ in range(100):
        hub.deliver(ROOM, b"1\n")
        hub.forward(link, [b"you\n"])
    assert len(loop.soon) == 1


def test_idle_it_asks_for_no_turn(hub, loop):
    links(hub, 2, ROOM)
    assert loop.soon == []


def test_a_link_is_closed_after_what_it_was_told(hub, loop):
    link = FakeLink()
    hub.forward(link, [b"last\n"])
    hub.close(link, SHUTDOWN)
    assert (link.writes, link.closed) == ([b"last\n"], SHUTDOWN)
    loop.turn()
    assert link.writes == [b"last\n"]


def test_what_comes_while_it_writes_is_for_the_next_turn(hub, loop):
    class Talker(FakeLink):
        def write(self, lines):
            super().write(lines)
            if len(self.writes) == 1:
                hub.deliver(ROOM, b"2\n")
                hub.forward(self, [b"you\n"])

    talker = Talker()
    hub.join(ROOM, talker)
    hub.deliver(ROOM, b"1\n")
    loop.turn()
    assert talker.writes == [b"1\n"]
    loop.turn()
    assert talker.writes == [b"1\n", b"you\n2\n"]


class Loud:
    """A speech in capitals."""

    def __init__(self):
        self.rendered = []

    def event(self, event):
        return f"{type(event).__name__.upper()}\n".encode()

    def render(self, lines):
        self.rendered.append(lines)
        return lines.upper()


class TestSpeeches:
    @pytest.fixture
    def loud(self):
        return Loud()

    @pytest.fixture
    def speakers(self, hub, loud):
        speakers = [FakeLink(), FakeLink()]
        for link in speakers:
            link.speech = loud
            hub.join(ROOM, link)
        return speakers

    def test_each_link_is_written_to_in_its_own_speech(self, hub, loop, speakers):
        (other,) = links(hub, 1, ROOM)
        hub.deliver(ROOM, b"hi\n")
        loop.turn()
        assert [link.writes for link in (*speakers, other)] == [[b"HI\n"], [b"HI\n"], [b"hi\n"]]

    def test_a_turn_is_rendered_once_for_all_who_speak_it(self, hub, loop, loud, speakers):
        hub.deliver(ROOM, b"1\n")
        hub.deliver(ROOM, b"2\n")
        hub.tell(speakers[0], Pong())
        loop.turn()
        assert loud.rendered == [b"1\n2\n"]
        assert [link.writes for link in speakers] == [[b"PONG\n1\n2\n"], [b"1\n2\n"]]

    def test_what_one_is_told_from_a_log_is_rendered_too(self, hub, loop, speakers):
        hub.forward(speakers[0], [b"old\n", b"older\n"])
        loop.turn()
        assert speakers[0].writes == [b"OLD\nOLDER\n"]

    def test_json_is_written_as_it_came(self, hub, loop):
        one, other = links(hub, 2, ROOM)
        lines = b"hi\n"
        hub.deliver(ROOM, lines)
        loop.turn()
        assert one.writes[0] is other.writes[0]

    def test_a_speech_that_nobody_in_the_channel_speaks_is_forgotten(self, hub, loop, loud):
        link = FakeLink()
        link.speech = loud
        hub.join(ROOM, link)
        links(hub, 1, ROOM)
        hub.leave(ROOM, link)
        hub.deliver(ROOM, b"1\n")
        loop.turn()
        assert loud.rendered == []
