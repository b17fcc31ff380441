"""What operators type, and what they read; what it does to a chat is in the contract's tests."""

import json
import time
from contextlib import contextmanager
from ipaddress import ip_network

import msgspec
import pytest

from chatctl.answers import rfc3339
from gateway.backplane.alike import settings_of
from gateway.backplane.operators.bans import BanChange
from gateway.backplane.operators.checks import Finding
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.operators.kick import KickResult
from gateway.backplane.records import Account, Ban, GatewayInfo
from gateway.errors import NoSuchRoom, RedisUnreachable
from gateway.outcomes import Put
from tests.support.settings import settings
from wire.names import fold

AT = ("redis://h", "family")
REDIS = ("--redis", "redis://h", "--prefix", "family")
NOW = round(time.time() * 1000)
INFO = GatewayInfo(
    listen="10.0.0.7:2428", host="box", version="1.2", since=NOW, at=NOW, connections=3, sessions=2
)
UP = GatewayRecord("g-aa", INFO, 8.2, 2)
DRAINING = GatewayRecord("g-ab", msgspec.structs.replace(INFO, draining=True), 9.0, 0)
DEAD = GatewayRecord("g-b\x1b", None, None, 7)


@pytest.fixture
def stand_in(monkeypatch):
    """Put a function in the place of one of the backplane's; returns what it is asked."""

    def stand_in(name, answer):
        asked = []

        def function(*arguments):
            asked.append(arguments)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(f"gateway.backplane.operators.{name}", function)
        return asked

    return stand_in


def failed(result, code, *says):
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("chatctl: ")
    assert result.stderr.count("\n") == 1
    for each in says:
        assert each in result.stderr


class TestGateways:
    def test_a_table_for_people(self, chatctl, stand_in):
        asked = stand_in("gateways.list_gateways", (NOW, [UP, DRAINING, DEAD]))
        result = chatctl("gateways", *REDIS)
        assert asked == [AT]
        head, *rows = [line.split() for line in result.stdout.splitlines()]
        assert head[:4] == ["GATEWAY", "LISTEN", "HOST", "VERSION"]
        assert rows[0][:4] == ["g-aa", "10.0.0.7:2428", "box", "1.2"]
        assert rows[0][5:] == ["3", "2", "8s", "up"]
        assert rows[1][-2:] == ["9s", "draining"]
        assert rows[2] == [r"g-b\x1b", *"??????", "gone", "dead"]

    def test_json_has_everything(self, chatctl, stand_in):
        stand_in("gateways.list_gateways", (NOW, [UP, DEAD]))
        up, dead = json.loads(chatctl("gateways", *REDIS, "--json").stdout)
        assert (up["id"], up["state"], up["lease"], up["names"]) == ("g-aa", "up", 8.2, 2)
        assert up["connections"] == 3
        assert dead == {"id": "g-b\x1b", "state": "dead", "lease": None, "names": 7}

    @pytest.mark.parametrize("command", [["gateways"], ["top", "--count", "1"]])
    def test_json_of_one_that_tells_its_settings(self, chatctl, stand_in, command):
        told = settings_of(settings("redis://h", "family"))
        info = msgspec.structs.replace(INFO, settings=told)
        stand_in("gateways.list_gateways", (NOW, [GatewayRecord("g-aa", info, 8.2, 2)]))
        found = json.loads(chatctl(*command, *REDIS, "--json").stdout)
        [up] = found if command == ["gateways"] else found["gateways"]
        assert up["settings"] == msgspec.to_builtins(told)

    def test_none(self, chatctl, stand_in):
        stand_in("gateways.list_gateways", (NOW, []))
        assert chatctl("gateways", *REDIS).stdout == "there is no gateway\n"

    def test_no_redis(self, chatctl, stand_in):
        stand_in("gateways.list_gateways", RedisUnreachable("redis://h: no answer"))
        failed(chatctl("gateways", *REDIS), 1, "Redis cannot be reached")


def test_a_failure_is_one_line_whatever_redis_says(chatctl, stand_in):
    stand_in("kick.kick_user", RedisUnreachable("redis://h: no\x1b[2J\nanswer"))
    failed(chatctl("kick", "sis", *REDIS), 1, r"no\x1b[2J\nanswer")


class TestKick:
    GONE = KickResult("Sis", "s1", "g-aa", heard=True, ended=True)

    def test_the_person_and_the_gateway_are_named(self, chatctl, stand_in, audited):
        asked = stand_in("kick.kick_user", [self.GONE])
        result = chatctl("kick", "SIS", "--reason", " too loud ", *REDIS)
        assert (result.exit_code, result.stdout) == (0, "Sis was disconnected from g-aa\n")
        assert asked == [(*AT, "sis", "An operator disconnected you: too loud", "")]
        assert audited == [("kick", "", "SIS", "too loud")]
        found = json.loads(chatctl("kick", "SIS", "--json", *REDIS).stdout)
        ended = [{"session": "s1", "gateway": "g-aa"}]
        assert found == {"name": "Sis", "sessions": ended}
        assert asked[1][-2] == "An operator disconnected you."

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            ([], "nobody named sis is here"),
            ([GONE._replace(heard=False, ended=False)], "does not listen"),
            ([GONE._replace(ended=False)], "has not done so yet"),
        ],
    )
    def test_what_was_not_done_is_a_failure(self, chatctl, stand_in, answer, says):
        stand_in("kick.kick_user", answer)
        failed(chatctl("kick", "sis", *REDIS), 1, says)

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("a b",), "cannot be a name"),
            (("x" * 33,), "32 are allowed"),
            (("sis", "--reason", "a\nb"), "one line"),
            (("sis", "--reason", "a\x1bb"), "control character"),
        ],
    )
    def test_a_wrong_argument_changes_nothing(self, chatctl, stand_in, arguments, says):
        asked = stand_in("kick.kick_user", [])
        failed(chatctl("kick", *arguments, *REDIS), 2, says)
        assert asked == []

    def test_the_name_to_kick_cannot_come_from_the_environment_or_the_file(
        self, chatctl, configure
    ):
        configure("[client]\nname = 'dana'")
        result = chatctl("kick", *REDIS, env={"CHATCTL_NAME": "dana"})
        assert result.exit_code == 2
        assert "Missing argument 'NAME'" in result.stderr

    @pytest.mark.parametrize(
        "name", ["sis.", "all", "-1", "\u05e9\u05bc\u05c1" * 32, "\u0915\u093c" * 32]
    )
    def test_a_person_with_a_name_that_is_reserved_now_can_be_kicked(self, chatctl, stand_in, name):
        asked = stand_in("kick.kick_user", [self.GONE])
        assert chatctl("kick", *REDIS, "--", name).exit_code == 0
        assert fold(asked[0][-3]) == fold(name)


class TestBans:
    BAN = Ban(subject="Sis", kind="name", since=NOW, until=NOW + 7_200_000, reason="too loud")

    @pytest.mark.parametrize(
        ("arguments", "kind", "subject"),
        [
            (("Sis",), "name", "Sis"),
            (("192.0.2.7",), "network", "192.0.2.7/32"),
            (("192.0.2.0/24",), "network", "192.0.2.0/24"),
            (("2001:DB8::/32",), "network", "2001:db8::/32"),
            (("::1",), "network", "::1/128"),
            (("::ffff:192.0.2.7",), "network", "192.0.2.7/32"),
            (("10.0.0.1", "--by-name"), "name", "10.0.0.1"),
            (("10.0.0",), "name", "10.0.0"),
            (("123",), "name", "123"),
        ],
    )
    def test_what_is_written_like_a_network_is_one(
        self, chatctl, stand_in, arguments, kind, subject
    ):
        asked = stand_in("bans.put_ban", BanChange(self.BAN, 0))
        lifted = stand_in("bans.lift_ban", BanChange(self.BAN, 0))
        result = chatctl("ban", *arguments, "--reason", "too loud", *REDIS)
        assert (result.exit_code, result.stderr) == (0, "")
        [(*at, wanted, seconds)] = asked
        assert (tuple(at), seconds) == (AT, None)
        assert (wanted.kind, wanted.subject, wanted.reason) == (kind, subject, "too loud")
        assert f"{subject} ({kind}) is banned forever" in result.stdout
        assert kind == "name" or ip_network(wanted.subject)
        assert chatctl("unban", *arguments, *REDIS).exit_code == 0
        assert lifted == [(*AT, wanted.key)]

    def test_a_ban_of_one_ipv6_address_warns_about_its_network(self, chatctl, stand_in):
        stand_in("bans.put_ban", BanChange(self.BAN, 0))
        warned = chatctl("ban", "2001:db8:0:1::7", *REDIS)
        assert warned.exit_code == 0
        assert "`chatctl ban 2001:db8:0:1::/64`" in warned.stderr
        assert warned.stderr.count("\n") == 1
        for enough in ("2001:db8::/64", "2001:db8::/32", "::1", "192.0.2.7", "sis"):
            assert chatctl("ban", enough, *REDIS).stderr == ""

    @pytest.mark.parametrize(("given", "seconds"), [("2h", 7200), ("7d", 604_800), ("90", 90)])
    def test_it_may_end(self, chatctl, stand_in, given, seconds):
        asked = stand_in("bans.put_ban", BanChange(self.BAN, 0))
        assert "is banned for " in chatctl("ban", "sis", "--for", given, *REDIS).stdout
        assert asked[0][-1] == seconds

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("192.0.2.7/24",), "host bits"),
            (("192.0.2.0/33",), "is not a network"),
            (("a/b",), "is not a network"),
            (("fe80::1%eth0",), "is not a network"),
            (("192.0.2.300",), "If it is a name, add --by-name"),
            (("a b",), "cannot be a name"),
            (("192.0.2.0/24", "--by-name"), "cannot be a name"),
        ],
    )
    @pytest.mark.parametrize("command", ["ban", "unban"])
    def test_a_subject_that_is_neither_name_nor_network_is_refused(
        self, chatctl, command, arguments, says
    ):
        failed(chatctl(command, *arguments, *REDIS), 2, says)

    @pytest.mark.parametrize(("command", "run"), [("ban", "put_ban"), ("unban", "lift_ban")])
    def test_it_warns_about_gateways_that_do_not_listen(self, chatctl, stand_in, command, run):
        stand_in(f"bans.{run}", BanChange(self.BAN, 2))
        result = chatctl(command, "sis", *REDIS)
        assert result.exit_code == 0
        assert "2 gateways do not listen" in result.stderr

    def test_lifting_a_ban_that_does_not_exist_is_a_failure(self, chatctl, stand_in):
        stand_in("bans.lift_ban", None)
        failed(chatctl("unban", "sis", *REDIS), 1, "sis (name) is not banned")

    def test_a_table_of_them(self, chatctl, stand_in):
        ever = Ban(subject="192.0.2.0/24", kind="network", since=NOW)
        stand_in("bans.list_bans", (NOW, [self.BAN, ever]))
        head, *rows = [line.split() for line in chatctl("bans", *REDIS).stdout.splitlines()]
        assert head == ["SUBJECT", "KIND", "SINCE", "LEFT", "REASON"]
        assert rows[0][:2] == ["Sis", "name"]
        assert rows[0][-3:] == ["2h", "too", "loud"]
        assert rows[1][-1:] == ["forever"]
        found = json.loads(chatctl("bans", *REDIS, "--json").stdout)
        assert found[0] == {
            "subject": "Sis",
            "kind": "name",
            "since": rfc3339(NOW),
            "until": rfc3339(NOW + 7_200_000),
            "reason": "too loud",
        }

    def test_none(self, chatctl, stand_in):
        stand_in("bans.list_bans", (NOW, []))
        assert chatctl("bans", *REDIS).stdout == "nobody is banned\n"
        assert json.loads(chatctl("bans", *REDIS, "--json").stdout) == []


@pytest.mark.parametrize(
    "command", [("bans",), ("account", "list"), ("users",), ("kick", "sis"), ("unban", "sis")]
)
def test_unreadable_data_in_redis_is_a_failure_in_one_line(chatctl, monkeypatch, command):
    @contextmanager
    def reaching(url):
        raise msgspec.ValidationError("Object missing required field `name`")
        yield

    for module in ("bans", "accounts", "users", "kick"):
        monkeypatch.setattr(f"gateway.backplane.operators.{module}.reaching", reaching)
    failed(chatctl(*command, *REDIS), 1, "cannot be read", "field `name`")


class TestAnnounce:
    def test_its_id_is_said(self, chatctl, stand_in):
        asked = stand_in("announce.publish_announcement", "7-3")
        assert "7-3" in chatctl("announce", "größe\nDinge", *REDIS).stdout
        assert asked == [(*AT, "lobby", "größe\nDinge")]
        found = json.loads(chatctl("announce", "hi", "--room", "#Dev", "--json", *REDIS).stdout)
        assert found == {"id": "7-3", "room": "dev", "text": "hi"}

    def test_there_is_no_such_room(self, chatctl, stand_in):
        stand_in("announce.publish_announcement", NoSuchRoom("dev"))
        failed(chatctl("announce", "hi", "--room", "dev", *REDIS), 1, "there is no room dev")

    @pytest.mark.parametrize(
        ("text", "says"), [("", "empty"), (" ", "empty"), ("a\x1b", "U+001B"), ("x" * 4001, "4000")]
    )
    def test_texts_that_cannot_be_sent_are_refused(self, chatctl, text, says):
        failed(chatctl("announce", text, *REDIS), 2, says)

    def test_without_a_living_gateway_it_fails(self, chatctl, stand_in):
        stand_in("announce.publish_announcement", None)
        failed(chatctl("announce", "hi", *REDIS), 1, "are --redis and --prefix right?")


class TestDrain:
    @pytest.fixture
    def gateways(self, stand_in):
        stand_in("gateways.list_gateways", (NOW, [UP, DRAINING, DEAD]))

    @pytest.mark.usefixtures("gateways")
    @pytest.mark.parametrize("given", ["g-aa", "g-ab"])
    def test_by_its_id(self, chatctl, stand_in, given):
        asked = stand_in("drain.drain_gateway", True)
        result = chatctl("drain", given, *REDIS)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"{given} drains")
        assert asked == [(*AT, given)]

    @pytest.mark.usefixtures("gateways")
    @pytest.mark.parametrize(
        ("given", "code", "says"),
        [
            ("g-a", 2, "could be g-aa, g-ab"),
            ("g-c", 1, "there is no gateway"),
            ("g-b", 1, "is dead already"),
        ],
    )
    def test_a_gateway_that_cannot_be_drained_is_a_failure(self, chatctl, given, code, says):
        failed(chatctl("drain", given, *REDIS), code, says)

    def test_the_beginning_of_an_id_is_enough_and_draining_the_only_gateway_gives_a_warning(
        self, chatctl, stand_in
    ):
        stand_in("gateways.list_gateways", (NOW, [UP, DEAD]))
        stand_in("drain.drain_gateway", True)
        result = chatctl("drain", "g-a", "--json", *REDIS)
        assert json.loads(result.stdout) == {"id": "g-aa", "state": "draining"}
        assert "the only gateway" in result.stderr

    @pytest.mark.usefixtures("gateways")
    @pytest.mark.parametrize(
        ("answer", "says"), [(None, "does not listen"), (False, "has not begun")]
    )
    def test_a_gateway_that_does_not_drain_is_a_failure(self, chatctl, stand_in, answer, says):
        stand_in("drain.drain_gateway", answer)
        failed(chatctl("drain", "g-aa", *REDIS), 1, says)


class TestDoctor:
    FINDINGS = (
        Finding("ok", "Redis", "answers"),
        Finding("warning", "memory", "little\x1b"),
        Finding("failure", "gateways", "none"),
    )

    def test_each_line_begins_with_its_level(self, chatctl, stand_in):
        asked = stand_in("doctor.examine", list(self.FINDINGS))
        result = chatctl("doctor", *REDIS)
        assert asked == [AT]
        assert result.stdout.splitlines() == [
            "ok    Redis: answers",
            r"!     memory: little\x1b",
            "FAIL  gateways: none",
        ]
        assert result.exit_code == 1

    def test_json(self, chatctl, stand_in):
        stand_in("doctor.examine", list(self.FINDINGS))
        result = chatctl("doctor", "--json", *REDIS)
        assert [each["level"] for each in json.loads(result.stdout)] == ["ok", "warning", "failure"]
        assert result.exit_code == 1

    def test_warnings_do_not_fail(self, chatctl, stand_in):
        stand_in("doctor.examine", list(self.FINDINGS[:2]))
        assert chatctl("doctor", *REDIS).exit_code == 0


class TestAccount:
    @pytest.fixture
    def put(self, stand_in):
        return stand_in("accounts.put_account", (Put.DONE, []))

    @pytest.fixture
    def types(self, monkeypatch):
        """What somebody answers; gives the questions, and whether the answers are hidden."""

        def types(*answers):
            coming, asked = iter(answers), []

            async def ask(question, *, hidden=False):
                asked.append((question, hidden))
                if (answer := next(coming, None)) is None:
                    raise EOFError
                return answer

            monkeypatch.setattr("client.ask.ask", ask)
            return asked

        return types

    def test_the_password_is_asked_for_twice_and_not_shown(self, chatctl, put, types):
        arguments = ["account", "add", "Dana", *REDIS]
        types(*["correct horse", "wrong horse"] * 2)
        result = chatctl(*arguments)
        assert result.exit_code == 1
        assert put == []
        assert result.stderr.count("the two differ") == 2
        asked = types("correct horse", "correct horse")
        result = chatctl(*arguments)
        assert asked == [("Password for Dana: ", True), ("The same again: ", True)]
        assert result.exit_code == 0, result.stderr
        assert result.stdout == "Dana is registered\n"
        [(url, prefix, how, name, hash, text)] = put
        assert ((url, prefix), how, name) == (AT, "add", "Dana")
        assert hash.startswith("$argon2id$")
        assert "needs its password" in text
        assert "horse" not in result.output

    def test_the_answer_says_which_file_or_variable_had_the_password(self, chatctl, put, tmp_path):
        from gateway.door.passwords import verify

        file = tmp_path / "secret"
        file.write_text("from the file\nand more\n")
        env = {"CHATCTL_PASSWORD": "from the environment"}
        result = chatctl("account", "add", "dana", "--password-file", str(file), *REDIS, env=env)
        assert str(file) in result.stdout
        assert verify(put[0][4], "from the file")
        result = chatctl("account", "passwd", "dana", *REDIS, env=env)
        assert "CHATCTL_PASSWORD" in result.stdout
        assert put[1][2] == "change"
        assert verify(put[1][4], "from the environment")

    @pytest.mark.parametrize(
        ("password", "says"), [("1234567", "at least 8"), ("x" * 257, "at most 256")]
    )
    def test_a_password_that_cannot_be_used_is_refused(self, chatctl, put, password, says):
        result = chatctl("account", "add", "dana", *REDIS, env={"CHATCTL_PASSWORD": password})
        failed(result, 2, "CHATCTL_PASSWORD: ", says)
        assert put == []

    def test_a_file_that_cannot_be_read(self, chatctl, put, tmp_path):
        failed(
            chatctl("account", "add", "dana", "--password-file", str(tmp_path / "no"), *REDIS),
            2,
            "cannot be read",
        )
        assert put == []

    def test_without_an_answer_to_the_prompt_it_fails(self, chatctl, put):
        result = chatctl("account", "add", "dana", *REDIS)
        assert result.exit_code == 1
        assert "no password was given" in result.stderr
        assert put == []

    @pytest.mark.parametrize(
        ("command", "says"), [("add", "is registered already: "), ("passwd", "is not registered")]
    )
    def test_an_account_that_exists_or_does_not_exist_is_a_failure(
        self, chatctl, stand_in, command, says
    ):
        put = Put.EXISTS if command == "add" else Put.NONE
        stand_in("accounts.put_account", (put, []))
        env = {"CHATCTL_PASSWORD": "correct horse"}
        failed(chatctl("account", command, "dana", *REDIS, env=env), 1, says)

    def test_the_holder_of_the_name_is_mentioned(self, chatctl, stand_in):
        env = {"CHATCTL_PASSWORD": "correct horse"}
        stand_in("accounts.put_account", (Put.DONE, [TestKick.GONE]))
        assert "was disconnected" in chatctl("account", "add", "sis", *REDIS, env=env).stdout
        stand_in("accounts.put_account", (Put.DONE, [TestKick.GONE._replace(ended=False)]))
        result = chatctl("account", "add", "sis", *REDIS, "--json", env=env)
        assert result.exit_code == 0
        assert "is still connected to g-aa" in result.stderr
        assert json.loads(result.stdout) == {"name": "sis", "sent_away": False}

    def test_remove(self, chatctl, stand_in):
        asked = stand_in("accounts.remove_account", ["dana", "danny"])
        assert "with it danny" in chatctl("account", "remove", "dana", *REDIS).stdout
        assert asked == [(*AT, "dana")]
        stand_in("accounts.remove_account", [])
        failed(chatctl("account", "remove", "dana", *REDIS), 1, "is not registered")

    def test_a_list_without_hashes(self, chatctl, stand_in):
        stand_in("accounts.list_accounts", [Account(name="Dana", hash="$argon2id$x", since=NOW)])
        result = chatctl("account", "list", *REDIS)
        assert result.stdout.splitlines()[1].startswith("Dana  ")
        found = chatctl("account", "list", "--json", *REDIS)
        [dana] = json.loads(found.stdout)
        assert dana == {"name": "Dana", "since": rfc3339(NOW), "of": None, "names": []}
        assert "argon2" not in result.stdout + found.stdout
        stand_in("accounts.list_accounts", [])
        assert chatctl("account", "list", *REDIS).stdout == "no name is registered\n"
