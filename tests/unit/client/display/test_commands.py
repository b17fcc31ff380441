# ruff: noqa: RUF001 - signs that look like others are what this is about
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.display.arguments import names_in, room_named
from client.display.commands import COMMANDS, read
from client.display.meaning import Help, LookBack, Show
from client.display.room_commands import EARLIER
from wire.frames import (
    AboutRoom,
    Join,
    Leave,
    ListMembers,
    ListRooms,
    Moderate,
    Quit,
    ReadHistory,
    Send,
    SetModes,
    SetTopic,
    Who,
)


def is_refused(line, to=None):
    meaning = read(line, to)
    return isinstance(meaning, Show) and meaning.wrong


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello", Send(text="hello")),
        ("  hello ", Send(text="  hello ")),
        ("two\nlines", Send(text="two\nlines")),
        ("hi @sis", Send(text="hi @sis")),
        ("secret @sis\n\n", Send(text="secret @sis")),
        ("pasted\n \n\u200b\n", Send(text="pasted")),
        ("//etc/hosts", Send(text="/etc/hosts")),
        (" //etc/hosts", Send(text="/etc/hosts")),
        ("／／etc", Send(text="/etc")),
        ("///", Send(text="//")),
        ("a/b", Send(text="a/b")),
        ("./run me", Send(text="./run me")),
        ("...who is it?", Send(text="...who is it?")),
        ("(help me)", Send(text="(help me)")),
        ("!important", Send(text="!important")),
        (". msg", Send(text=". msg")),
        ("(msg me later)", Send(text="(msg me later)")),
        ("msg me later", Send(text="msg me later")),
        ("see\n/usr/bin/env", Send(text="see\n/usr/bin/env")),
        ("see\n//msg sis hi", Send(text="see\n//msg sis hi")),
        ("/who", Who()),
        ("/who ", Who()),
        ("/quit", Quit()),
        ("", None),
        ("  ", None),
        ("\n", None),
        ("\u200b\n\u2800", None),
    ],
)
def test_what_a_line_means(line, meaning):
    assert read(line) == meaning


@pytest.mark.parametrize(
    "line",
    ["/msg sis secret", "/MSG  sis secret", "/msg\tsis\tsecret", "/msg\nsis secret",
     "/msg sis\nsecret", "/msg sis: secret", "/msg @sis secret", "/msg ＠sis secret",
     "/msg sis： secret", " /msg sis secret", "\t/msg sis secret", "\u00a0/msg sis secret",
     "\u200b/msg sis secret", "\ufeff/msg sis secret", "\n/msg sis secret",
     "\n\n  /msg sis secret\n", "／msg sis secret",
     "/m\u200bsg sis secret", "／ｍｓｇ sis secret", "/msg s\u00adis secret", "/msg sis. secret",
     "/msg\u3000sis\u3000secret", "/msg \u2068sis\u2069 secret"],
)  # fmt: skip
def test_a_private_message_may_be_typed_in_any_way(line):
    assert read(line) == Send(text="secret", to=["sis"])


@pytest.mark.parametrize(
    "names",
    ["sis,mom", "sis, mom", "sis ,mom", "sis , mom", "@sis,@mom", "@sis @mom", "@sis, @mom",
     "sis @mom", "sis;mom", "sis，mom", "sis、 mom", "sis/mom", "sis&mom", "sis & mom", "sis+mom",
     "sis,,mom", "sis,\nmom", "@sis@mom", "sis,mom:", "@sis\t@mom", "sis.,mom"],
)  # fmt: skip
def test_names_of_a_private_message_may_be_joined_in_any_way(names):
    assert read(f"/msg {names} two words") == Send(text="two words", to=["sis", "mom"])
    assert read(f"/msg {names}\none\ntwo") == Send(text="one\ntwo", to=["sis", "mom"])


@pytest.mark.parametrize(
    "line", ["/msg", "/msg sis", "/msg sis ", "/msg , hi", "/msg sis, mom",
             "/msg sis \u200b", "/msg (sis) x"]
)  # fmt: skip
def test_a_private_message_without_name_or_text_is_never_sent(line):
    assert read(line) == Show(("write it like this: /msg NAME[,NAME] TEXT",), wrong=True)


@pytest.mark.parametrize(
    "line",
    [".msg sis secret", '"msg sis secret"', "*msg sis secret*", "\\msg sis secret",
     "!msg sis secret", "`/msg sis secret`", "'/msg sis hi'",
     '"/msg sis hi"', ":msg sis hi", "-msg sis hi", "#msg sis hi", "(/msg sis hi)",
     ">/msg sis hi", "./msg sis hi", " .msg sis hi", "\u200b!msg sis hi", ".who", "!quit",
     "\\help", "~msg sis hi", "|msg sis hi", "*msg sis hi", "\u29f8msg sis hi", "\u2571msg sis hi"],
)  # fmt: skip
def test_a_line_that_looks_like_a_mistyped_command_is_refused_with_the_command(line):
    meaning = read(line)
    assert is_refused(line)
    assert "did you mean /" in meaning.lines[0]


@pytest.mark.parametrize(
    "text",
    ["hello\n/msg sis secret", "hello\n  /msg sis secret\nbye", "hello\n\n／msg sis secret",
     "/msg sis one\n/msg sis two", "hello\n/quit", "hello\n!msg sis secret", "//a\n/who",
     "hello\u2028/msg sis secret", "hello\r/msg sis secret", "hello\n\u0301/msg sis secret"],
)  # fmt: skip
def test_a_text_with_a_command_in_a_later_line_is_refused_whole(text):
    assert is_refused(text)
    assert is_refused(text, ["mom"])


@pytest.mark.parametrize(
    ("line", "hint"),
    [("/mgs sis hi", "did you mean /msg?"), ("/exit", "did you mean /quit?"), ("/xyz", "/help"),
     ("/ msg sis hi", "/help"), ("/", "/help"), ("/msg@sis secret", "did you mean /msg?"),
     ("/tell sis hi", "did you mean /msg?"), ("/part dev", "did you mean /leave?"),
     ("/modes", "did you mean /set?"), ("/kickban sis", "did you mean /ban?"),
     ("/rename ann", "did you mean /nick?"), ("/action waves", "did you mean /me?"),
     ("/edit hello", "/delete the message"), ("/passwd", "did you mean /password?"),
     ("/clear", "Ctrl-L"), ("/" + "x" * 9000, "/help"),
     ("/identify s3cret", "join it again with your password")],
)  # fmt: skip
def test_an_unknown_command_names_the_nearest(line, hint):
    meaning = read(line)
    assert is_refused(line)
    assert hint in meaning.lines[0]
    assert len(meaning.lines[0]) < 200


class TestInARoom:
    @pytest.mark.parametrize(
        ("line", "meaning"),
        [
            ("hello", Send(text="hello", room="dev")),
            ("hi @sis", Send(text="hi @sis", room="dev")),
            ("/msg sis hi", Send(text="hi", to=["sis"])),
            ("/history", ReadHistory(room="dev", limit=20)),
            ("/history 7", ReadHistory(room="dev", limit=7)),
            ("/history with @sis", ReadHistory(with_="sis", limit=20)),
            ("/history since 10:00", LookBack("10:00", ReadHistory(room="dev", limit=100))),
            ("/history 7 since 2h", LookBack("2h", ReadHistory(room="dev", limit=7))),
            (
                "/history since 2026-11-23 with sis",
                LookBack("2026-11-23", ReadHistory(with_="sis", limit=100)),
            ),
            ("/join ops", Join(room="ops", history=EARLIER)),
            ("/join #Ops", Join(room="ops", history=EARLIER)),
            ("/JOIN \uff03\uff2f\uff30\uff33", Join(room="ops", history=EARLIER)),
            ("/join ops s3cret", Join(room="ops", key="s3cret", history=EARLIER)),
            ("/leave", Leave(room="dev")),
            ("/leave #ops", Leave(room="ops")),
            ("/rooms", ListRooms()),
            ("/names", ListMembers(room="dev")),
            ("/names Ops", ListMembers(room="ops")),
            ("/topic", AboutRoom(room="dev")),
            ("/topic all  about\nbees", SetTopic(room="dev", topic="all about bees")),
            ("/topic off", SetTopic(room="dev", topic="")),
            ("/set", AboutRoom(room="dev")),
            ("/set invite-only on", SetModes(room="dev", invite_only=True)),
            ("/set Invite_Only OFF", SetModes(room="dev", invite_only=False)),
            ("/set inviteonly on", SetModes(room="dev", invite_only=True)),
            ("/set secret on", SetModes(room="dev", secret=True)),
            ("/set read-only on", SetModes(room="dev", read_only=True)),
            ("/set slow 10s", SetModes(room="dev", slow=10)),
            ("/set slow 5min", SetModes(room="dev", slow=300)),
            ("/set slow off", SetModes(room="dev", slow=0)),
            ("/set key s3Cret", SetModes(room="dev", key="s3Cret")),
            ("/set key off", SetModes(room="dev", key="")),
            ("/set history joined", SetModes(room="dev", history="joined")),
            ("/set secret on slow off", SetModes(room="dev", secret=True, slow=0)),
            ("/invite sis", Moderate(room="dev", action="invite", name="sis")),
            ("/invite @Sis", Moderate(room="dev", action="invite", name="Sis")),
            ("/uninvite sis", Moderate(room="dev", action="uninvite", name="sis")),
            ("/kick sis", Moderate(room="dev", action="kick", name="sis")),
            (
                "/kick sis: too  loud",
                Moderate(room="dev", action="kick", name="sis", reason="too loud"),
            ),
            ("/ban sis", Moderate(room="dev", action="ban", name="sis")),
            ("/ban sis spam", Moderate(room="dev", action="ban", name="sis", reason="spam")),
            ("/ban sis 2h", Moderate(room="dev", action="ban", name="sis", seconds=7200)),
            (
                "/ban sis 1 week off",
                Moderate(room="dev", action="ban", name="sis", reason="off", seconds=604_800),
            ),
            (
                "/ban sis 2days no, no",
                Moderate(room="dev", action="ban", name="sis", reason="no, no", seconds=172_800),
            ),
            ("/unban sis", Moderate(room="dev", action="unban", name="sis")),
            ("/mute sis 5m", Moderate(room="dev", action="mute", name="sis", seconds=300)),
            ("/unmute sis", Moderate(room="dev", action="unmute", name="sis")),
            ("/op sis", Moderate(room="dev", action="op", name="sis")),
            ("/deop sis", Moderate(room="dev", action="deop", name="sis")),
            ("/voice sis", Moderate(room="dev", action="voice", name="sis")),
            ("/devoice sis", Moderate(room="dev", action="devoice", name="sis")),
        ],
    )  # fmt: skip
    def test_what_a_line_means(self, line, meaning):
        assert read(line, room="dev") == meaning

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("/history 0", "between 1 and 100 messages at a time"),
            ("/history since", "that is not a time: write 10m or 2h"),
            ("/history since noon", "that is not a time: write 10m or 2h"),
            ("/history since 10:00 till 11:00", "write it like this: /history"),
            ("/history with", "with one person: /history with NAME"),
            ("/join", "write it like this: /join ROOM [KEY]"),
            ("/join dev and ops", "write it like this:"),
            ("/join dev,ops", "no room can be called dev,ops"),
            ("/join *", "no room can be called *"),
            ("/join #", "no room can be called #"),
            ("/join " + "x" * 5000, "no room can be called xxxx"),
            ("/leave dev ops", "one room at a time"),
            ("/leave @sis", "no room can be called @sis"),
            ("/rooms dev", "nothing may follow /rooms"),
            ("/set secret", "secret on, or secret off?"),
            ("/set secret yes", "secret on, or secret off?"),
            ("/set slow", "slow needs a time"),
            ("/set slow 10", "slow needs a time"),
            ("/set slow 2d", "at most 1d"),
            ("/set key", "key needs one word"),
            ("/set key " + "x" * 65, "at most 64 characters"),
            ("/set history none", "history all, or history joined?"),
            ("/set hystory all", "did you mean history?"),
            ("/set house on fire", "the modes are invite-only, secret"),
            ("/set secret on secret off", "secret is there twice"),
            ("/kick", "write it like this: /kick NAME [REASON]"),
            ("/kick sis, mom", "one person at a time:"),
            ("/kick @sis @mom", "one person at a time:"),
            ("/op sis now", "nothing may follow the name: /op NAME"),
            ("/unban sis 5m", "nothing may follow the name"),
            ("/mute sis 5", "a time needs a unit: 5s, 5m, 5h or 5d"),
            ("/ban sis 30 spam", "a time needs a unit"),
        ],
    )  # fmt: skip
    def test_a_mistake_is_explained_and_stays_to_be_corrected(self, line, why):
        meaning = read(line, room="dev")
        assert is_refused(line)
        assert why in meaning.lines[0]
        assert len(meaning.lines[0]) < 200

    @pytest.mark.parametrize(
        "line",
        ["!kick dana", ".join dev s3cret", "#join dev", "\\ban eve", "~set key x", "-leave",
         "!rooms", ">op sis", "\"kick dana", "./join dev key", "`/join dev key`", "!topic"],
    )  # fmt: skip
    def test_a_mistyped_command_is_refused_and_not_sent(self, line):
        assert is_refused(line)
        assert "did you mean /" in read(line).lines[0]

    @pytest.mark.parametrize(
        "text",
        ['"leave me alone", she said', "*join us* at six", "'set' is a noun", "_ban_ it",
         "“kick” is a verb", "kick dana", "(join us)", "@op are you there?", "...leave it",
         "!setup", "#rooms are fun"],
    )  # fmt: skip
    def test_a_text_that_only_begins_with_such_a_word_is_sent(self, text):
        assert read(text) == Send(text=text)


class TestInNoRoom:
    @pytest.mark.parametrize(
        "line", ["hello", "//etc", "/leave", "/names", "/topic x", "/set slow off", "/kick sis"]
    )
    def test_a_line_for_a_room_is_refused(self, line):
        assert is_refused_with(read(line, room=None), "you are in no room")

    def test_a_private_message_goes_to_its_recipients_and_never_to_a_room(self):
        assert read("hi @sis", room=None) == Send(text="hi @sis", to=["sis"])
        assert read("/msg sis hi", room=None) == Send(text="hi", to=["sis"])

    def test_a_command_that_names_its_room_works(self):
        assert read("/join dev", room=None) == Join(room="dev", history=EARLIER)
        assert read("/names dev", room=None) == ListMembers(room="dev")
        assert read("/rooms", room=None) == ListRooms()


def is_refused_with(meaning, why):
    return isinstance(meaning, Show) and meaning.wrong and why in meaning.lines[0]


def test_help_of_one_command():
    assert read("/help") == Help()
    assert read("/help /Kick") == Show(("/kick NAME [REASON]: put them out",))
    assert is_refused("/help kikc")


def test_the_help_for_one_command_says_what_its_arguments_are_and_how_to_undo_it():
    ban, time = read("/help ban").lines
    assert ban.endswith("; undo: /unban")
    assert time == "TIME is like 30m, 2h or 7d. Without it there is no end"
    _, modes = read("/help set").lines
    assert all(mode in modes for mode in ("invite-only", "secret", "slow", "key", "history"))


def test_the_shown_signs_of_a_room_are_no_part_of_its_name():
    assert {room_named(word) for word in ("dev", "#dev", "DEV", "##Dev", "dev,")} == {"dev"}
    assert room_named("stra\u00dfe") == room_named("STRASSE") == "strasse"


class TestWhenEverythingIsForTheSamePeople:
    TO = ("sis", "mom")

    @pytest.mark.parametrize("line", ["secret", "secret @dad", "//etc", "two\nlines"])
    def test_every_message_goes_to_them(self, line):
        meaning = read(line, self.TO)
        assert meaning.to == ["sis", "mom"]
        assert meaning.text == line.replace("//", "/")

    @pytest.mark.parametrize("line", ["/msg dad hi", "/mgs", "!msg dad hi"])
    def test_other_recipients_are_refused(self, line):
        assert is_refused(line, self.TO)

    def test_questions_are_still_asked(self):
        assert read("/who", self.TO) == Who()


@pytest.mark.parametrize(
    ("text", "names", "rest"),
    [
        ("sis hello, mom", ["sis"], " hello, mom"),
        ("妈妈 hi", ["妈妈"], " hi"),
        ("d.k-2 hi", ["d.k-2"], " hi"),
        ("sis!hi", ["sis"], "!hi"),
        ("", [], ""),
        ("!", [], "!"),
        ("...", [], ""),
    ],
)
def test_the_names_that_a_text_begins_with(text, names, rest):
    assert names_in(text) == (names, rest)


blank = st.text(st.sampled_from(" \t\n\u00a0\u200b\u2060\ufeff\u3000"), max_size=4)


@given(blank, st.sampled_from("/／⁄"), st.text())
def test_a_line_with_a_slash_never_becomes_public_by_mistake(before, slash, text):
    meaning = read(f"{before}{slash}{text}")
    if isinstance(meaning, Send):
        assert meaning.to or text.startswith(tuple("/／⁄∕"))


@given(st.text(), st.sampled_from(["/", " /", "/\u200b", "／"]), st.sampled_from(list(COMMANDS)))
def test_a_known_command_in_any_line_never_becomes_a_public_message(before, slash, name):
    for text in (f"{before}\n{slash}{name} sis secret", f"{slash}{name} sis {before}"):
        meaning = read(text)
        # What somebody does is said in the room, as it is meant.
        assert not isinstance(meaning, Send) or meaning.to or meaning.kind == "me"


@given(st.text())
def test_with_fixed_recipients_nothing_becomes_public(text):
    meaning = read(text, ["sis"])
    assert not isinstance(meaning, Send) or meaning.to == ["sis"]
