import msgspec
import pytest

from tests.unit.wire import strategies
from wire.codec import decode_request
from wire.frames import LOBBY, VERSION, Changed, Deleted, Event, Frame, Msg, Reacted, Request, Send
from wire.limits import Limits


def test_the_verbs_are_settled():
    assert strategies.ops(Request) == {
        "hello", "send", "active", "who", "ping", "quit",
        "join", "leave", "rooms", "members", "about", "topic", "set", "moderate",
        "delete", "react", "history", "away", "back", "nick", "ignore", "unignore", "mark", "whois",
        "register", "password",
    }  # fmt: skip
    assert strategies.ops(Event) == {
        "welcome", "ack", "msg", "gap", "joined", "left", "users", "notice", "error", "bye", "pong",
        "changed", "entered", "out", "room_list", "member_list", "room_info",
        "deleted", "reacted", "earlier", "renamed", "presence", "ignored", "marks", "person",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        (
            Msg,
            [
                "id",
                "ts",
                "from",
                "room",
                "to",
                "text",
                "at",
                "kind",
                "re",
                "key",
                "account",
            ],
        ),
        (Deleted, ["id", "ts", "room", "targets", "upto", "from", "by"]),
        (Reacted, ["id", "ts", "room", "target", "from", "emoji", "on", "count"]),
        (
            Changed,
            ["id", "ts", "room", "by", "change", "topic", "modes", "name", "reason", "until"],
        ),
    ],
)
def test_the_names_of_the_fields_of_a_log_are_settled(frame, names):
    assert [field.encode_name for field in msgspec.inspect.type_info(frame).fields] == names


def test_a_send_goes_to_the_lobby_unless_it_says_otherwise():
    sent = decode_request(b'{"op":"send","text":"hi"}')
    assert (sent.room, sent.to, sent.seq, sent.at) == (LOBBY, None, None, None)


def test_the_version_is_one():
    assert VERSION == 1


def test_no_frame_is_ever_changed():
    with pytest.raises(AttributeError):
        Send("hi").text = "ho"
    for frame in (*Request.__args__, *Event.__args__):
        assert issubclass(frame, Frame)
        assert frame.__struct_config__.frozen


def test_the_largest_seq_is_the_largest_that_every_json_reader_keeps_exact():
    assert decode_request(b'{"op":"send","text":"","seq":9007199254740992}').seq == 2**53


def test_the_limits_are_the_ones_in_the_protocol(protocol):
    told = {name: default for name, default, _ in protocol.table("field", "default")}
    defaults = msgspec.structs.asdict(Limits())
    assert told == {name: str(value) for name, value in defaults.items()}
