"""Messages of several lines, as clients send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.irc.capabilities import Capabilities
from gateway.irc.lines import Line, parse
from gateway.irc.multiline import (
    CONCAT,
    MAX_LINES,
    MULTILINE,
    Broken,
    Multiline,
    Whole,
    counts_as,
)
from gateway.irc.texts import parts
from wire.limits import Limits

MOST = 300

OPEN = f"@+reply=x BATCH +1 {MULTILINE} #dev"


def sent(*lines: str, label: str = "", multiline: Multiline | None = None) -> list[object]:
    """What becomes of lines: nothing, a message or the code of a refusal for each."""
    multiline = multiline or Multiline(MOST)
    found: list[object] = []
    for each in lines:
        line = parse(each)
        assert line is not None
        try:
            found.append(multiline.take(line, label if "BATCH +" in each else ""))
        except Broken as broken:
            found.append((broken.code, *broken.params, broken.label))
    return found


def test_the_lines_of_a_batch_are_one_message_with_the_tags_of_the_batch():
    found = sent(
        OPEN,
        "@batch=1 PRIVMSG #dev hello",
        "@batch=1 PRIVMSG #Dev :",
        "@batch=1 PRIVMSG #dev :how is ",
        f"@batch=1;{CONCAT};+typing=done PRIVMSG #dev everyone?",
        "BATCH -1",
        label="l",
    )
    text = "hello\n\nhow is everyone?"
    assert found == [None] * 5 + [
        Whole(Line({"+reply": "x"}, "", "PRIVMSG", ["#dev", text]), label="l")
    ]


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([OPEN, "@batch=2 PRIVMSG #dev x"], ("MULTILINE_INVALID", "l")),
        ([OPEN, "@batch=1 TAGMSG #dev"], ("MULTILINE_INVALID", "l")),
        ([OPEN, "@batch=1 PRIVMSG"], ("MULTILINE_INVALID_TARGET", "#dev", "*", "l")),
        ([OPEN, "@batch=1 PRIVMSG #b x"], ("MULTILINE_INVALID_TARGET", "#dev", "#b", "l")),
        ([OPEN, f"@batch=1;{CONCAT} PRIVMSG #dev :"], ("MULTILINE_INVALID", "l")),
        ([OPEN, "@batch=1 NOTICE #dev x", "@batch=1 PRIVMSG #dev x"], ("MULTILINE_INVALID", "l")),
        (
            [OPEN, *["@batch=1 PRIVMSG #dev :"] * (MAX_LINES + 1)],
            ("MULTILINE_MAX_LINES", str(MAX_LINES), "l"),
        ),
        (
            # The line end counts, too.
            [OPEN, *[f"@batch=1 PRIVMSG #dev {'ö' * (MOST // 4)}"] * 2],
            ("MULTILINE_MAX_BYTES", str(MOST), "l"),
        ),
        ([f"BATCH +1 {MULTILINE}"], ("MULTILINE_INVALID", "l")),
        (["BATCH +1 netsplit a b"], ("UNKNOWN_TYPE", "netsplit", "l")),
        (["BATCH +1"], ("UNKNOWN_TYPE", "*", "l")),
    ],
)
def test_what_is_wrong_is_said_once_and_the_rest_of_the_batch_is_passed_over(lines, refusal):
    after = ["@batch=1 PRIVMSG #dev late", "@batch=2 PRIVMSG #dev x", "BATCH -1"]
    found = sent(*lines, *after, label="l")
    assert found == [None] * (len(lines) - 1) + [refusal] + [None] * 3


@pytest.mark.parametrize(
    ("lines", "label"),
    [
        ([OPEN, "BATCH -1"], "l"),
        ([OPEN, "@batch=1 PRIVMSG #dev :", "@batch=1 PRIVMSG #dev :", "BATCH -1"], "l"),
        ([OPEN, "@batch=1 PRIVMSG #dev x", "BATCH -2"], "l"),
        (["BATCH -1"], ""),
        (["BATCH"], ""),
        (["BATCH x"], ""),
        (["@batch=1 PRIVMSG #dev x"], ""),
        ([OPEN, "@batch=1 PRIVMSG #dev x", "BATCH -1", "BATCH -1"], ""),
    ],
)
def test_what_can_be_no_message_is_refused_at_its_end(lines, label):
    assert sent(*lines, label="l")[-1] == ("MULTILINE_INVALID", label)


def test_a_batch_ends_the_one_before_it_which_is_said():
    multiline = Multiline(MOST)
    sent(OPEN, "@batch=1 PRIVMSG #dev old", label="first", multiline=multiline)
    found = sent(
        f"BATCH +2 {MULTILINE} mom",
        "@batch=2 PRIVMSG mom new",
        "BATCH -2",
        label="second",
        multiline=multiline,
    )
    assert found[:2] == [("MULTILINE_INVALID", "first"), None]
    assert found[2] == Whole(Line({}, "", "PRIVMSG", ["mom", "new"]), "second")


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")), st.booleans())
    )
)
def test_a_message_is_what_the_specification_says_or_is_refused(lines):
    """Against a second way to put it together: first the whole, then its limits."""
    raw = [
        Line({"batch": "1"} | ({CONCAT: ""} if goes_on else {}), "", "PRIVMSG", ["#dev", text])
        for text, goes_on in lines
    ]
    multiline = Multiline(MOST)
    multiline.take(Line({}, "", "BATCH", ["+1", MULTILINE, "#dev"]))
    try:
        for line in raw:
            multiline.take(line)
        whole = multiline.take(Line({}, "", "BATCH", ["-1"]))
    except Broken as broken:
        whole, code = None, broken.code
    joined = ""
    for number, (text, goes_on) in enumerate(lines):
        joined += ("" if goes_on or not number else "\n") + text
    if whole is not None:
        assert whole.line.params == ["#dev", joined]
        assert len(joined.encode()) <= MOST
    elif code == "MULTILINE_MAX_BYTES":
        assert len(joined.encode()) > MOST
    elif code == "MULTILINE_MAX_LINES":
        assert len(lines) > MAX_LINES
    else:
        assert not joined.strip("\n") or any(goes_on and not text for text, goes_on in lines)


@given(
    st.text(st.sampled_from("a \nü👍🏽\t") | st.characters(codec="utf-8")),
    st.integers(min_value=5, max_value=60),
)
def test_the_parts_of_a_text_fit_and_are_the_text(text, most):
    found = parts(text, most)
    assert all(len(part.text.encode()) <= most for part in found)
    assert all(part.text for part in found if part.goes_on)
    assert "".join(part.text if part.goes_on else f"\n{part.text}" for part in found)[1:] == text


def test_a_cut_is_after_a_space_where_there_is_one():
    assert [part.text for part in parts("one two three", 8)] == ["one two ", "three"]


def test_a_batch_counts_as_one_message_and_its_lines_as_questions():
    lines = [OPEN, "@batch=1 PRIVMSG #dev x", "@batch=1 NOTICE #dev x", "BATCH -1", "BATCH"]
    assert [counts_as(parse(line)) for line in lines] == ["BATCH"] * 3 + ["PRIVMSG", "BATCH"]
    # Nothing else becomes cheaper with such a tag.
    assert counts_as(parse("@batch=1 TOPIC #dev x")) == "TOPIC"


def test_it_is_offered_with_the_limit_of_the_chat_and_needs_batches():
    capabilities = Capabilities(Limits(text=1234))
    capabilities.version = 302
    assert f"draft/multiline=max-bytes=1234,max-lines={MAX_LINES}" in capabilities.listed()
    capabilities.request(MULTILINE)
    assert not capabilities.multiline
    assert MULTILINE not in capabilities.shape
    capabilities.request("batch")
    assert capabilities.multiline
    assert MULTILINE in capabilities.shape
