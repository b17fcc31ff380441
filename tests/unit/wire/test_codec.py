import json
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire import strategies
from wire.codec import REQUEST_OPS, decode_event, decode_request, encode, encode_body
from wire.frames import Error, Event, Hello, Msg, Ping, Request, Send
from wire.reasons import ErrorCode, WireError


def refusal(line):
    with pytest.raises(WireError) as caught:
        decode_request(line)
    return caught.value


# What goes out.


@given(strategies.requests | strategies.events)
def test_a_frame_is_one_line_whatever_is_in_it(frame):
    line = encode(frame)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert b"\r" not in line


@given(strategies.requests)
def test_every_request_is_read_as_it_was_written(request):
    assert decode_request(encode(request)[:-1]) == request


@given(strategies.events)
def test_every_event_is_read_as_it_was_written(event):
    assert decode_event(encode(event)[:-1]) == event


@given(strategies.events)
def test_every_event_is_json_that_any_reader_reads(event):
    read = json.loads(encode(event))
    assert read["op"] == msgspec.inspect.type_info(type(event)).tag


@given(strategies.messages.map(lambda message: msgspec.structs.replace(message, id="", ts=0)))
def test_a_body_is_a_message_whose_id_and_time_can_be_put_in_front(message):
    body = encode_body(message)
    assert body.startswith(b"{")
    assert body.endswith(b"\n")
    assert b"\n" not in body[:-1]
    whole = b'{"id":"7-349","ts":1795428000123,' + body[1:]
    stored = msgspec.structs.replace(message, id="7-349", ts=1795428000123)
    assert decode_event(whole[:-1]) == stored


def test_a_body_has_neither_id_nor_time():
    body = encode_body(Msg(from_="dana", room="lobby", text="hi"))
    assert json.loads(body) == {"op": "msg", "from": "dana", "room": "lobby", "text": "hi"}


def test_a_field_without_a_value_takes_no_bytes():
    assert encode(Send("hi")) == b'{"op":"send","text":"hi"}\n'


# What comes in.


def test_the_time_of_a_send_keeps_its_offset():
    line = b'{"op":"send","text":"hi","at":"2026-11-23T10:00:00.25+02:00"}'
    sent = decode_request(line)
    assert sent.at.isoformat() == "2026-11-23T10:00:00.250000+02:00"
    assert json.loads(encode(sent))["at"] == "2026-11-23T10:00:00.250000+02:00"


def test_unknown_fields_are_ignored():
    line = b'{"op":"hello","v":1,"name":"dana","mood":[1,{"a":null}]}'
    assert decode_request(line) == Hello(v=1, name="dana")
    assert decode_event(b'{"op":"pong","lag":3}') is not None


def test_the_op_may_stand_anywhere():
    assert decode_request(b'{"name":"dana","v":1,"op":"hello"}') == Hello(v=1, name="dana")


def test_spaces_around_a_line_do_no_harm():
    assert decode_request(b' \t{ "op" : "ping" } \r') == Ping()


@pytest.mark.parametrize(
    ("line", "code", "named"),
    [
        (b"", ErrorCode.BAD_JSON, "not JSON"),
        (b"hello?", ErrorCode.BAD_JSON, "not JSON"),
        (b'{"op":"ping"', ErrorCode.BAD_JSON, "not JSON"),
        (b'{"op":"ping"}{"op":"ping"}', ErrorCode.BAD_JSON, "not JSON"),
        (b'{"op":"send","text":"\\ud800"}', ErrorCode.BAD_JSON, "not JSON"),
        (b"[" * 100_000, ErrorCode.BAD_JSON, "nested too deeply"),
        (b'{"op":"send","text":' + b"[" * 100_000, ErrorCode.BAD_JSON, "nested too deeply"),
        (b'{"op":"send","mood":' + b'{"a":' * 100_000, ErrorCode.BAD_JSON, "nested too deeply"),
        (b'{"op":"send","text":"\xff"}', ErrorCode.BAD_UTF8, "not UTF-8"),
        (b'{"op":"send","text":"\xed\xa0\x80"}', ErrorCode.BAD_UTF8, "not UTF-8"),
        (b"5", ErrorCode.BAD_FRAME, "not a JSON object"),
        (b"null", ErrorCode.BAD_FRAME, "not a JSON object"),
        (b'["op","ping"]', ErrorCode.BAD_FRAME, "not a JSON object"),
        (b"{}", ErrorCode.BAD_FRAME, '"op"'),
        (b'{"op":5}', ErrorCode.BAD_FRAME, '"op"'),
        (b'{"op":"dance"}', ErrorCode.UNKNOWN_OP, "dance"),
        (b'{"op":"msg","from":"dana","text":"hi","ts":1}', ErrorCode.UNKNOWN_OP, "msg"),
        (b'{"op":"hello","v":1}', ErrorCode.BAD_FIELD, "`name`"),
        (b'{"op":"hello","v":"1","name":"dana"}', ErrorCode.BAD_FIELD, "$.v"),
        (b'{"op":"hello","v":1,"name":"d","resume":"' + b"x" * 65 + b'"}', ErrorCode.BAD_FIELD,
         "$.resume"),
        (b'{"op":"hello","v":1,"name":"d","client":"' + b"x" * 65 + b'"}', ErrorCode.BAD_FIELD,
         "$.client"),
        (b'{"op":"send"}', ErrorCode.BAD_FIELD, "`text`"),
        (b'{"op":"send","text":null}', ErrorCode.BAD_FIELD, "$.text"),
        (b'{"op":"send","text":"x","to":"sis"}', ErrorCode.BAD_FIELD, "$.to"),
        (b'{"op":"send","text":"x","to":["sis",3]}', ErrorCode.BAD_FIELD, "$.to"),
        (b'{"op":"send","text":"x","seq":-1}', ErrorCode.BAD_FIELD, "$.seq"),
        (b'{"op":"send","text":"x","seq":1.5}', ErrorCode.BAD_FIELD, "$.seq"),
        (b'{"op":"send","text":"x","seq":9007199254740993}', ErrorCode.BAD_FIELD, "$.seq"),
        (b'{"op":"send","text":"x","at":"10:00"}', ErrorCode.BAD_FIELD, "$.at"),
        (b'{"op":"send","text":"x","at":"2026-11-23T10:00:00"}', ErrorCode.BAD_FIELD, "$.at"),
    ],
)  # fmt: skip
def test_a_bad_line_is_refused_with_what_is_wrong(line, code, named):
    error = refusal(line)
    assert error.code is code
    assert named in error.text


def test_the_refusal_of_an_unknown_request_lists_the_known_ones():
    error = refusal(b'{"op":"dance"}')
    assert all(op in error.text for op in REQUEST_OPS)
    assert set(REQUEST_OPS) == strategies.ops(Request)


@pytest.mark.parametrize("line", [b'{"op":"send","seq":7}', b'{"op":"dance","seq":7}'])
def test_a_refusal_has_the_seq_of_its_request(line):
    assert refusal(line).seq == 7


@pytest.mark.parametrize("seq", [b"-1", b"true", b'"7"', b"9007199254740993", b"1e30"])
def test_a_refusal_has_no_seq_if_the_request_had_a_bad_one(seq):
    assert refusal(b'{"op":"send","seq":%s}' % seq).seq is None


def test_a_refusal_does_not_repeat_a_long_line():
    assert len(refusal(b'{"op":"' + b"x" * 10_000 + b'"}').text) < 300


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_request_or_refused(line):
    try:
        decode_request(line)
    except WireError as error:
        assert encode_refusal(error)


@st.composite
def mutated_lines(draw):
    line = bytearray(encode(draw(strategies.requests | strategies.events)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(line)))
        end = start + draw(st.integers(0, 3))
        line[start:end] = draw(
            st.binary(max_size=3)
            | st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b"null", b"1e999", b"\\ud800", b"-"])
        )
    return bytes(line)


@given(mutated_lines())
def test_a_damaged_line_is_a_request_or_refused(line):
    try:
        decode_request(line)
    except WireError as error:
        assert encode_refusal(error)


@given(st.binary(max_size=200) | mutated_lines())
def test_a_damaged_line_is_an_event_or_unknown_or_refused(line):
    try:
        decode_event(line)
    except WireError as error:
        assert error.code is not ErrorCode.UNKNOWN_OP


def encode_refusal(error):
    """Whatever was wrong can be said."""
    return encode(Error(code=error.code, text=error.text, seq=error.seq))


# What a client reads.


def test_an_event_of_a_newer_gateway_is_ignored():
    assert decode_event(b'{"op":"typing","name":"dana"}') is None
    assert decode_event(b'{"op":"hello","v":1,"name":"dana"}') is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"220 welcome", ErrorCode.BAD_JSON),
        (b"HTTP/1.1 400 Bad Request", ErrorCode.BAD_JSON),
        (b"{}", ErrorCode.BAD_FRAME),
        (b'{"op":"ack","seq":"one","id":"7-1"}', ErrorCode.BAD_FIELD),
    ],
)
def test_a_line_that_is_not_an_event_is_refused(line, code):
    with pytest.raises(WireError) as caught:
        decode_event(line)
    assert caught.value.code is code


def test_requests_and_events_are_told_apart_by_their_ops():
    assert not strategies.ops(Request) & strategies.ops(Event)


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00"),
        ("2017-01-01t00:59:60.5+01:00", "2017-01-01T00:59:59.5+01:00"),
    ],
)
def test_a_leap_second_is_the_second_before(at, taken):
    line = b'{"op":"send","text":"\\"at\\":\\"2016-12-31T23:59:60Z","at" : "%s"}' % at.encode()
    send = decode_request(line)
    assert send.at == datetime.fromisoformat(taken)
    assert send.text == '"at":"2016-12-31T23:59:60Z'


@pytest.mark.parametrize(
    "at", ["2016-12-31T23:59:61Z", "2016-12-31T24:59:60Z", "2016-12-31T23:60Z", ":60"]
)
def test_a_bad_time_is_refused(at):
    with pytest.raises(WireError, match=r"`\$\.at`"):
        decode_request(b'{"op":"send","text":"x","at":"%s"}' % at.encode())
