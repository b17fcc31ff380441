"""``chatctl rooms`` and ``chatctl room`` with stand-ins for what they read and change in Redis."""

import json
from datetime import datetime

import pytest

from chatctl import modes
from chatctl.failure import Misuse
from gateway.backplane.operators.rooms import RoomDetails, RoomSummary
from gateway.backplane.records import Member
from gateway.chat.rooms import Invitation, RoomState, Sanction
from gateway.errors import NoSuchRoom, RedisUnreachable, RoomChanged
from wire.frames import Moderate, Modes, SetModes, SetTopic
from wire.reasons import ErrorCode, WireError

REDIS = ("--redis", "redis://h", "--prefix", "family")
AT = ("redis://h", "family")
NOW = 1_795_428_000_123

DEV = RoomState(
    room="dev",
    version="7",
    topic="release\x1b[2J",
    topic_by="*",
    topic_at=NOW,
    modes=Modes(invite_only=True, key=True, slow=10, history="joined"),
    key="sesame",
    operators={"mom": "Mom"},
    voices={"dad": "Dad"},
    bans={
        "name:mallory": Sanction("mallory", "Mom", "adverts", NOW + 3_600_000),
        "name:trudy": Sanction("trudy", "Mom", "", NOW - 1),
    },
    muted={"sis": Sanction("sis", "*", "", None)},
    invited={"zoe": Invitation("Zoe", "")},
)
MEMBERS = {
    "mom": [Member(name="Mom", session="s1", gateway="g-aa", origin="o1", account="mom")],
    "sis": [Member(name="sis", session="s2", gateway="g-ab", origin="o2")],
}
DETAILS = RoomDetails(now=NOW, state=DEV, members=MEMBERS, kept=True, last=NOW)


@pytest.fixture
def stand_in(monkeypatch):
    """Replace a function of `operators.rooms`; returns what it was asked."""

    def stand_in(name, answer):
        asked = []

        def function(*given):
            asked.append(given)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(f"gateway.backplane.operators.rooms.{name}", function)
        return asked

    return stand_in


def failed(result, code, says):
    assert result.exit_code == code
    assert result.stderr.startswith("chatctl: ") or code == 2
    assert says in result.stderr


class TestList:
    def test_a_table_for_people(self, chatctl, stand_in):
        lobby = RoomSummary(RoomState(room="lobby"), 0, 0, None)
        asked = stand_in("list_rooms", [RoomSummary(DEV, 12, 1, NOW), lobby])
        head, dev, last = chatctl("rooms", *REDIS).stdout.splitlines()
        assert head.split() == ["ROOM", "PEOPLE", "OPERATORS", "LAST", "MESSAGE", "MODES", "TOPIC"]
        assert dev.split()[:3] == ["dev", "12", "1"]
        assert dev.endswith(r"invite-only key slow=10s history=joined  release\x1b[2J")
        assert last.split() == ["lobby", "0", "0", "-", "-"]
        assert asked == [AT]

    def test_json_has_everything(self, chatctl, stand_in):
        stand_in("list_rooms", [RoomSummary(DEV, 12, 1, NOW)])
        [dev] = json.loads(chatctl("rooms", "--json", *REDIS).stdout)
        assert (dev["room"], dev["people"], dev["operators"], dev["last"]) == (
            "dev",
            12,
            1,
            "2026-11-23T10:00:00.123Z",
        )
        assert dev["modes"]["slow"] == 10
        assert dev["topic"] == DEV.topic

    def test_no_redis(self, chatctl, stand_in):
        stand_in("list_rooms", RedisUnreachable("redis://h: no answer"))
        failed(chatctl("rooms", *REDIS), 1, "Redis cannot be reached")


class TestShow:
    @pytest.mark.parametrize("words", [[], ["show"]])
    def test_all_that_is_known_for_people(self, chatctl, stand_in, words):
        asked = stand_in("read_room", DETAILS)
        result = chatctl("room", "#Dev", *words, env={"CHATCTL_REDIS": AT[0]})
        assert (result.exit_code, asked) == (0, [(AT[0], "chat", "dev")])
        rows = [line.split() for line in result.stdout.splitlines()]
        assert ["mom", "operator", "mom", "g-aa"] in [[w.casefold() for w in row] for row in rows]
        assert ["sis", "-", "-", "g-ab"] in rows
        assert ["key", "sesame"] in rows
        assert ["invited", "Zoe"] in rows
        assert r"release\x1b[2J" in result.stdout
        assert "mallory" in result.stdout
        assert "trudy" not in result.stdout  # the ban has ended
        assert "\x1b" not in result.stdout

    def test_options_may_follow_the_name_of_the_room(self, chatctl, stand_in):
        asked = stand_in("read_room", DETAILS)
        found = json.loads(chatctl("room", "dev", "--json", *REDIS).stdout)
        assert asked == [(*AT, "dev")]
        assert [each["name"] for each in found["bans"]] == ["mallory"]
        assert [(each["name"], each["role"]) for each in found["members"]] == [
            ("Mom", "operator"),
            ("sis", ""),
        ]
        assert (found["kept"], found["key"], found["invited"]) == (True, "sesame", ["Zoe"])

    def test_there_is_no_such_room(self, chatctl, stand_in):
        stand_in("read_room", None)
        failed(chatctl("room", "dev", *REDIS), 1, "there is no room dev: `chatctl rooms`")

    @pytest.mark.parametrize("name", ["", "a b", "@", "*", "x" * 51])
    def test_a_room_cannot_have_such_a_name(self, chatctl, name):
        failed(chatctl("room", name, *REDIS), 2, "cannot be a room")

    def test_help_works_after_the_name_of_a_room_too(self, chatctl):
        for words in (["room", "--help"], ["room", "dev", "--help"]):
            assert "Commands:" in chatctl(*words).stdout

    def test_a_command_that_does_not_exist_is_misuse(self, chatctl):
        failed(chatctl("room", "dev", "bna", "sis"), 2, "No such command 'bna'")


class TestCreateAndDelete:
    @pytest.mark.parametrize(("new", "says"), [(True, "dev was made"), (False, "is kept")])
    def test_create(self, chatctl, stand_in, new, says):
        asked = stand_in("create_room", new)
        assert says in chatctl("room", "Dev", "create", *REDIS).stdout
        assert asked == [(*AT, "dev")]
        found = json.loads(chatctl("room", "dev", "create", "--json", *REDIS).stdout)
        assert found == {"room": "dev", "new": new}

    @pytest.mark.parametrize(
        ("people", "says"), [(0, "nobody was in it"), (1, "1 person"), (2, "2 people")]
    )
    def test_delete(self, chatctl, stand_in, people, says):
        asked = stand_in("delete_room", people)
        assert says in chatctl("room", "dev", "delete", *REDIS).stdout
        assert asked == [(*AT, "dev")]

    def test_deleting_a_room_that_does_not_exist_fails(self, chatctl, stand_in):
        stand_in("delete_room", None)
        failed(chatctl("room", "dev", "delete", *REDIS), 1, "there is no room dev")

    def test_the_lobby_stays(self, chatctl, stand_in):
        asked = stand_in("delete_room", 3)
        failed(chatctl("room", "Lobby", "delete", *REDIS), 1, "always a lobby")
        assert asked == []


class TestChange:
    @pytest.fixture
    def asked(self, stand_in):
        return stand_in("change_room", "7-3")

    def test_a_topic(self, chatctl, asked):
        result = chatctl("room", "dev", "topic", "release\ton Friday".replace("\t", " "), *REDIS)
        assert result.stdout == "the topic of dev is now: release on Friday\n"
        assert asked == [(*AT, SetTopic(room="dev", topic="release on Friday"))]

    def test_no_topic(self, chatctl, asked):
        assert chatctl("room", "dev", "topic", "", *REDIS).stdout == "dev has no topic now\n"
        assert asked == [(*AT, SetTopic(room="dev", topic=""))]

    def test_modes(self, chatctl, asked):
        words = ("invite-only=on", "secret=off", "slow=2m", "key=sesame", "history=joined")
        assert chatctl("room", "dev", "set", *words, *REDIS).exit_code == 0
        wanted = SetModes(
            room="dev", invite_only=True, secret=False, slow=120, key="sesame", history="joined"
        )
        assert asked == [(*AT, wanted)]

    @pytest.mark.parametrize("action", ["op", "deop", "voice", "devoice", "invite", "uninvite"])
    def test_rights_and_invitations(self, chatctl, asked, action):
        found = json.loads(chatctl("room", "dev", action, "Sis", "--json", *REDIS).stdout)
        assert found == {"room": "dev", "id": "7-3", "action": action, "name": "Sis"}
        assert asked == [(*AT, Moderate(room="dev", action=action, name="Sis"))]

    @pytest.mark.parametrize("action", ["ban", "mute"])
    def test_a_ban_or_a_mute_may_have_an_end(self, chatctl, asked, action):
        words = (action, "sis", "--for", "1h", "--reason", " too loud ")
        assert "for 1h" in chatctl("room", "dev", *words, *REDIS).stdout
        wanted = Moderate(room="dev", action=action, name="sis", reason="too loud", seconds=3600)
        assert asked == [(*AT, wanted)]

    def test_a_network(self, chatctl, asked):
        assert "192.0.2.7/32 is banned" in chatctl("room", "dev", "ban", "192.0.2.7", *REDIS).stdout
        assert asked[0][-1].name == "192.0.2.7/32"

    def test_a_setting_may_come_from_the_config_file(self, chatctl, configure, asked):
        configure('[room.ban]\nfor = "1h"\nreason = "adverts"\n')
        assert chatctl("room", "dev", "ban", "sis", *REDIS).exit_code == 0
        assert (asked[0][-1].seconds, asked[0][-1].reason) == (3600, "adverts")

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("topic", "a\nb"), "control character"),
            (("topic", "x" * 10_000), "topic is too long"),
            (("set", "slow=2d"), "at most 24h"),
            (("set", "key=" + "x" * 65), "at most 64 characters"),
            (("set", "key="), "key=off"),
            (("set", "key=a\nb"), "control character"),
            (("set", "loud=on"), "the modes are invite-only"),
            (("set", "secret"), "write MODE=VALUE"),
            (("set", "secret=yes"), "write on or off"),
            (("set", "history=none"), "write all or joined"),
            (("set",), "Missing argument 'MODE=VALUE...'"),
            (("kick", "a b"), "cannot be a name"),
            (("kick", "sis", "--reason", "x" * 301), "reason is too long"),
        ],
    )
    def test_a_wrong_value_changes_nothing(self, chatctl, asked, words, says):
        failed(chatctl("room", "dev", *words, *REDIS), 2, says)
        assert asked == []

    def test_the_answer_says_if_nothing_had_to_be_changed(self, chatctl, stand_in):
        stand_in("change_room", None)
        result = chatctl("room", "dev", "op", "sis", *REDIS)
        assert (result.exit_code, result.stdout) == (0, "nothing to change in dev\n")

    @pytest.mark.parametrize(
        ("error", "says"),
        [
            (NoSuchRoom("dev"), "there is no room dev"),
            (RoomChanged("dev"), "try again"),
            (WireError(ErrorCode.NO_SUCH_PERSON, "sis is not in the room dev"), "sis is not in"),
            (RedisUnreachable("redis://h: no answer"), "Redis cannot be reached"),
        ],
    )
    def test_what_is_refused_is_a_failure(self, chatctl, stand_in, error, says):
        stand_in("change_room", error)
        failed(chatctl("room", "dev", "kick", "sis", *REDIS), 1, says)


def test_modes_are_written_as_they_are_set():
    held = Modes(invite_only=True, secret=True, read_only=True, slow=5, history="joined")
    words = list(modes.written(held))
    assert modes.read([word if "=" in word else f"{word}=on" for word in words]) == {
        "invite_only": True,
        "secret": True,
        "read_only": True,
        "slow": 5,
        "history": "joined",
    }
    assert list(modes.written(Modes())) == []


def test_the_name_of_a_mode_may_have_an_underscore():
    assert modes.read(["invite_only=on"]) == {"invite_only": True}
    with pytest.raises(Misuse):
        modes.read(["invite only=on"])


def test_a_table_shows_times_by_the_clock_of_this_machine(chatctl, stand_in):
    stand_in("read_room", DETAILS)
    shown = f"{datetime.fromtimestamp(NOW / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
    assert f"an operator of the chat, {shown}" in chatctl("room", "dev", *REDIS).stdout
