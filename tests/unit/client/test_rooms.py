import pytest

from client.rooms import Rooms, first_of
from wire.frames import Changed, Entered, Joined, Left, Modes, Msg


@pytest.fixture
def rooms():
    return Rooms("dana", ["lobby", "dev"])


def test_lines_go_to_the_lobby_at_first_or_else_to_the_first_room():
    assert first_of(["dev", "lobby"]) == "lobby"
    assert first_of(["dev", "ops"]) == "dev"
    assert first_of([]) is None


def test_after_leaving_the_current_room_another_is_current(rooms):
    rooms.current = "dev"
    assert rooms.out("dev")
    assert rooms.current == "lobby"
    assert list(rooms) == ["lobby"]


def test_after_leaving_another_room_the_current_one_stays(rooms):
    assert not rooms.out("dev")
    assert rooms.current == "lobby"


def test_the_first_room_that_is_entered_is_the_current_one():
    rooms = Rooms("dana", [])
    assert rooms.current is None
    rooms.entered(Entered(room="dev", seen="1-0"))
    assert rooms.current == "dev"


def test_entering_a_room_is_news_once_until_the_room_is_left(rooms):
    dev = Entered(room="dev", seen="1-0")
    assert [rooms.entered(dev), rooms.entered(dev)] == [True, False]
    rooms.out("dev")
    assert rooms.entered(dev)


def test_a_room_is_offered_once_after_an_invitation(rooms):
    rooms.listed = ["ops"]
    rooms.invited("club")
    rooms.invited("club")
    assert rooms.listed == ["ops", "club"]


def test_after_a_return_being_in_the_rooms_is_no_news(rooms):
    rooms.returned()
    assert not rooms.entered(Entered(room="lobby", seen="1-0", topic="bees"))


def test_a_change_returns_the_modes_before_it(rooms):
    rooms.entered(Entered(room="dev", seen="1-0", modes=Modes(secret=True)))
    first = Changed(room="dev", by="mom", change="modes", modes=Modes(slow=10))
    assert rooms.changed(first) == Modes(secret=True)
    assert rooms.changed(Changed(room="dev", by="mom", change="topic", topic="x")) == Modes(slow=10)
    assert rooms.changed(Changed(room="ops", by="mom", change="topic", topic="x")) is None


def test_names_of_the_current_room_come_first_and_each_once(rooms):
    rooms.names("lobby").are(["sis", "mom"])
    rooms.names("dev").are(["mom", "mia"])
    rooms.heard(Msg(from_="max", to=["dana"], text="psst"))
    assert rooms.matching("m") == ["mom", "mia", "max"]
    rooms.current = "dev"
    assert rooms.matching("m") == ["mia", "mom", "max"]


def test_people_come_and_leave_in_their_own_room(rooms):
    rooms.heard(Joined(room="dev", name="sis"))
    rooms.heard(Msg(from_="mia", room="dev", text="hi"))
    assert rooms.names("dev").matching("") == ["mia", "sis"]
    assert rooms.names("lobby").matching("") == []
    rooms.heard(Left(room="dev", name="SIS", code="quit"))
    rooms.heard(Msg(from_="*", room="dev", text="announcement"))
    assert rooms.names("dev").matching("") == ["mia"]


def test_rooms_are_not_named_while_the_lobby_is_the_only_one(rooms):
    assert not rooms.only_lobby
    rooms.out("dev")
    assert rooms.only_lobby
    rooms.out("lobby")
    assert not rooms.only_lobby


@pytest.mark.parametrize(
    ("change", "name", "is_us"),
    [("kick", "DANA", True), ("ban", "dana", True), ("kick", "sis", False), ("mute", "dana", False),
     ("ban", None, False)],
)  # fmt: skip
def test_a_kick_or_a_ban_of_us_puts_us_out(rooms, change, name, is_us):
    assert rooms.puts_us_out(Changed(room="dev", by="mom", change=change, name=name)) is is_us


def test_the_leaving_of_a_person_who_was_put_out_is_not_told_again(rooms):
    rooms.changed(Changed(room="dev", by="mom", change="kick", name="Sis"))
    assert not rooms.heard(Left(room="dev", name="sis", code="kicked"))
    assert rooms.heard(Joined(room="dev", name="sis"))
    assert rooms.heard(Left(room="dev", name="sis", code="left"))


def test_our_own_leaving_is_not_shown(rooms):
    assert not rooms.heard(Left(room="dev", name="DANA", code="kicked"))


def test_a_change_from_before_we_came_is_history(rooms):
    rooms.entered(Entered(room="ops", seen="7-5"))
    told = [Changed(id=id, room="ops", by="mom", change="topic") for id in ("7-5", "7-6")]
    assert [rooms.is_earlier(event) for event in told] == [True, False]
    assert not rooms.is_earlier(Changed(id="7-1", room="dev", by="mom", change="topic"))
