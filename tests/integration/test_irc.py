"""Clients of IRC in the same chat as everybody else."""

import asyncio
import base64
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import pytest

from gateway.backplane.operators.accounts import put_account
from gateway.backplane.records import Ban
from gateway.config import Certificate
from gateway.door.passwords import hash_password
from gateway.irc.lines import Line
from gateway.irc.rendering import iso
from tests.support.certificates import Authority
from tests.support.deadlines import eventually
from tests.support.fixtures import Join, Running, StartGateway
from tests.support.irc import IrcPeer
from tests.support.servers import Server

Enter = Callable[..., Awaitable[IrcPeer]]
Account = Callable[[str], Awaitable[None]]

PASSWORD = "correct horse"


@pytest.fixture
async def irc(start_gateway: StartGateway) -> Running:
    """A gateway with an IRC door, where nobody is in a room at the start."""
    return await start_gateway(irc=("127.0.0.1", 0), lobby=False)


@pytest.fixture
async def second(start_gateway: StartGateway, irc: Running) -> Running:
    """Another one of the same chat."""
    return await start_gateway(irc=("127.0.0.1", 0), lobby=False)


@pytest.fixture
async def dial() -> AsyncIterator[Enter]:
    """Connects clients of IRC that have not said anything yet."""
    peers: list[IrcPeer] = []

    async def dial(running: Running) -> IrcPeer:
        peers.append(await IrcPeer.connect(*running.gateway.irc[0]))
        return peers[-1]

    yield dial
    for peer in peers:
        await peer.close()


@pytest.fixture
def enter(dial: Enter) -> Enter:
    """Connects a client, logs it in, and lets it into rooms."""

    async def enter(
        running: Running, nick: str, *capabilities: str, rooms: str = "#dev", password: str = ""
    ) -> IrcPeer:
        peer = await dial(running)
        await peer.register(nick, *capabilities, password=password)
        if rooms:
            await peer.say(f"JOIN {rooms}")
            await peer.caught_up()
        return peer

    return enter


@pytest.fixture
def account(valkey: Server, prefix: str) -> Account:
    """Registers names."""
    hash = hash_password(PASSWORD)

    async def account(name: str) -> None:
        await asyncio.to_thread(put_account, valkey.url, prefix, "add", name, hash, "")

    return account


class TestComingIn:
    async def test_the_welcome_has_the_usual_order(self, irc: Running, dial: Enter) -> None:
        dana = await dial(irc)
        await dana.say("NICK dana", "USER u 0 * :Dana")
        await dana.expect("422")
        numerics = [line.command for line in dana.seen]
        assert numerics[:4] == ["001", "002", "003", "004"]
        assert numerics[4:].count("005") == len([n for n in numerics if n == "005"])
        assert numerics.index("005") < numerics.index("251") < numerics.index("422")
        assert dana.seen[0].params[0] == "dana"

    async def test_nothing_comes_before_the_welcome(
        self, irc: Running, enter: Enter, dial: Enter, account: Account
    ) -> None:
        await account("dana")
        await enter(irc, "dana", password=f":{PASSWORD}")
        phone = await dial(irc)
        await phone.say(f"PASS :{PASSWORD}", "NICK dana", "USER u 0 * :Dana")
        await phone.expect("366")
        commands = [line.command for line in phone.seen]
        assert commands[0] == "001"
        assert commands.index("422") < commands.index("JOIN")
        assert commands.count("JOIN") == 1

    async def test_everything_may_come_in_one_packet(self, irc: Running, dial: Enter) -> None:
        dana = await dial(irc)
        await dana.say(
            *("CAP LS 302", "CAP REQ :echo-message", "CAP REQ :batch", "NICK dana"),
            *("USER u 0 * :Dana", "CAP END", "JOIN #dev", "PRIVMSG #dev :hello"),
        )
        echo = await dana.expect("PRIVMSG")
        assert echo.params == ["#dev", "hello"]

    async def test_it_waits_for_the_end_of_the_negotiation(self, irc: Running, dial: Enter) -> None:
        dana = await dial(irc)
        await dana.say("CAP LS 302", "NICK dana", "USER u 0 * :Dana", "PING x")
        await dana.expect("PONG")
        assert "001" not in [line.command for line in dana.seen]
        await dana.say("CAP END")
        await dana.expect("001")

    async def test_an_unknown_capability_is_refused_with_all_that_came_with_it(
        self, irc: Running, dial: Enter
    ) -> None:
        dana = await dial(irc)
        await dana.say("CAP REQ :batch no-such-thing", "CAP LIST")
        assert (await dana.expect("CAP")).params[1:] == ["NAK", "batch no-such-thing"]
        assert (await dana.expect("CAP")).params[1:] == ["LIST", ""]

    async def test_a_taken_name_can_be_tried_again(
        self, irc: Running, enter: Enter, dial: Enter
    ) -> None:
        await enter(irc, "dana")
        other = await dial(irc)
        await other.say("NICK Dana", "USER u 0 * :x")
        assert (await other.expect("433")).params[:2] == ["Dana", "Dana"]
        await other.say("NICK dana_2")
        assert (await other.expect("001")).params[0] == "dana_2"

    @pytest.mark.parametrize(
        ("line", "numeric"),
        [
            *(("NICK", "431"), ("NICK a.b", "432"), ("NICK :a b", "432"), ("NICK -x", "432")),
            *(("USER u", "461"), ("PASS", "461"), ("JOIN #dev", "451"), ("NOSUCH", "451")),
            *(("JOIN :", "451"), ("CAP", "410"), ("CAP NONE", "410"), ("AUTHENTICATE", "461")),
        ],
    )
    async def test_what_is_wrong_before_the_welcome_is_said(
        self, irc: Running, dial: Enter, line: str, numeric: str
    ) -> None:
        dana = await dial(irc)
        await dana.say(line)
        await dana.expect(numeric)
        await dana.say("NICK dana", "USER u 0 * :Dana")
        if line == "CAP":
            return
        await dana.expect("001")

    async def test_who_says_nothing_is_let_go(
        self, start_gateway: StartGateway, dial: Enter
    ) -> None:
        running = await start_gateway(irc=("127.0.0.1", 0), limits={"hello": 0.2})
        dana = await dial(running)
        assert "No hello came in time" in await dana.ended()

    async def test_the_lobby_is_joined_where_everybody_is_in_it(
        self, start_gateway: StartGateway, dial: Enter
    ) -> None:
        running = await start_gateway(irc=("127.0.0.1", 0))
        dana = await dial(running)
        await dana.register("dana")
        assert [line.params for line in dana.seen if line.command == "JOIN"] == [["#lobby"]]
        assert [line.params for line in dana.seen if line.command == "353"] == [
            ["dana", "=", "#lobby", "dana"]
        ]


class TestAccounts:
    async def test_sasl_proves_one_before_the_welcome(
        self, irc: Running, dial: Enter, account: Account
    ) -> None:
        await account("Dana")
        dana = await dial(irc)
        assert (await dana.sasl("dana", PASSWORD)).command == "903"
        await dana.say("NICK other", "USER u 0 * :x", "CAP END")
        # A person has one name for everybody.
        assert (await dana.expect("001")).params[0] == "Dana"

    async def test_a_wrong_password_is_refused_and_another_one_may_be_tried(
        self, irc: Running, dial: Enter, account: Account
    ) -> None:
        await account("dana")
        dana = await dial(irc)
        for name, password in (("dana", "wrong"), ("nobody", PASSWORD)):
            assert (await dana.sasl(name, password)).command == "904"
        assert (await dana.sasl("dana", PASSWORD)).command == "903"

    @pytest.mark.parametrize("response", ["=", "a", "*" * 3, "", base64.b64encode(b"x").decode()])
    async def test_nonsense_in_its_place(self, irc: Running, dial: Enter, response: str) -> None:
        dana = await dial(irc)
        await dana.say("CAP REQ sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {response}")
        await dana.expect("904", "461")

    async def test_it_is_aborted_and_too_long_and_of_an_unknown_kind(
        self, irc: Running, dial: Enter
    ) -> None:
        dana = await dial(irc)
        await dana.say("CAP REQ sasl", "AUTHENTICATE SCRAM-SHA-1024")
        assert (await dana.expect("908")).params[1] == "PLAIN"
        await dana.say("AUTHENTICATE PLAIN", "AUTHENTICATE *")
        await dana.expect("906")
        await dana.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {'x' * 401}")
        await dana.expect("905")

    @pytest.mark.parametrize("password", [PASSWORD, f"dana:{PASSWORD}"])
    async def test_the_server_password_is_another_way(
        self, irc: Running, enter: Enter, account: Account, password: str
    ) -> None:
        await account("dana")
        dana = await enter(irc, "dana", password=f":{password}")
        mom = await enter(irc, "mom", "account-tag", "extended-join")
        await dana.say("PRIVMSG #dev :hi")
        assert (await mom.expect("PRIVMSG")).tags["account"] == "dana"

    async def test_a_registered_name_is_not_for_everybody(
        self, irc: Running, dial: Enter, account: Account
    ) -> None:
        await account("dana")
        thief = await dial(irc)
        await thief.say("NICK dana", "USER u 0 * :x")
        await thief.expect("433")
        await thief.say("PASS wrong", "NICK dana")
        await thief.expect("464")
        await thief.say("NICK guest")
        await thief.expect("001")


class TestTalking:
    async def test_both_kinds_of_people_are_in_one_room(
        self, irc: Running, second: Running, enter: Enter, join: Join
    ) -> None:
        mom = await join(second, "Mom")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered", room="dev")
        dana = await enter(irc, "dana")
        await mom.expect(op="joined", room="dev", name="dana")
        await dana.say("PRIVMSG #dev :hello there")
        await mom.expect(op="msg", room="dev", text="hello there", **{"from": "dana"})
        await mom.say(op="send", room="dev", text="hi\nand two lines", seq=1)
        assert (await dana.expect("PRIVMSG", source="Mom")).params == ["#dev", "hi"]
        assert (await dana.expect("PRIVMSG", source="Mom")).params == ["#dev", "and two lines"]
        await mom.say(op="send", room="dev", text="waves", kind="me", seq=2)
        assert (await dana.expect("PRIVMSG")).params[1] == "\x01ACTION waves\x01"
        await dana.say("PRIVMSG #dev :\x01ACTION nods\x01", "PRIVMSG #dev :\x02bold\x0f \x0304red")
        await mom.expect(op="msg", text="nods", kind="me")
        await mom.expect(op="msg", text="bold red")

    async def test_nobody_hears_themselves_without_asking_for_it(
        self, irc: Running, enter: Enter
    ) -> None:
        dana, mom = await enter(irc, "dana"), await enter(irc, "mom")
        await dana.say("PRIVMSG #dev :one", "PRIVMSG mom :two", "NOTICE #dev :three")
        for text in ("one", "two", "three"):
            assert (await mom.expect("PRIVMSG", "NOTICE")).params[1] == text
        await mom.say("PRIVMSG #dev :four")
        await dana.expect("PRIVMSG", source="mom")
        assert not [
            line for line in dana.seen if line.source.startswith("dana!") and line.command != "JOIN"
        ]

    async def test_what_one_says_to_oneself_arrives(self, irc: Running, enter: Enter) -> None:
        dana = await enter(irc, "dana")
        await dana.say("PRIVMSG dana :note to self")
        assert (await dana.expect("PRIVMSG")).params == ["dana", "note to self"]
        mom = await enter(irc, "mom", "echo-message", "labeled-response", "batch")
        await mom.say("@label=x PRIVMSG mom :twice")
        assert (await mom.expect("PRIVMSG")).tags == {"label": "x"}
        assert (await mom.expect("PRIVMSG")).tags == {}

    async def test_a_text_is_passed_on_whole_or_refused(self, irc: Running, enter: Enter) -> None:
        dana, mom = await enter(irc, "dana"), await enter(irc, "mom")
        room = 512 - len(":dana!~u@chat PRIVMSG #dev :\r\n")
        await dana.say(f"PRIVMSG #dev :{'x' * room}")
        assert (await mom.expect("PRIVMSG")).params[1] == "x" * room
        await dana.say(f"PRIVMSG #dev :{'x' * (room + 1)}")
        await dana.expect("417")

    async def test_an_echo_has_its_label_and_its_place_in_the_order(
        self, irc: Running, enter: Enter
    ) -> None:
        capabilities = ("echo-message", "labeled-response", "batch", "message-tags", "server-time")
        dana = await enter(irc, "dana", *capabilities)
        mom = await enter(irc, "mom", *capabilities)
        await dana.say(*(f"@label=l{n} PRIVMSG #dev :{n}" for n in range(20)))
        await mom.say(*(f"PRIVMSG #dev :m{n}" for n in range(20)))
        await dana.caught_up()
        await mom.caught_up()
        await dana.expect("PRIVMSG", p1="m19") if "m19" not in _texts(dana) else None
        await mom.expect("PRIVMSG", p1="19") if "19" not in _texts(mom) else None
        assert _texts(dana) == _texts(mom)
        said = {line.params[1]: line.tags for line in dana.seen if line.command == "PRIVMSG"}
        assert [said[str(n)]["label"] for n in range(20)] == [f"l{n}" for n in range(20)]
        heard = {line.params[1]: line.tags for line in mom.seen if line.command == "PRIVMSG"}
        assert {text: tags["msgid"] for text, tags in heard.items()} == {
            text: tags["msgid"] for text, tags in said.items()
        }
        assert heard["3"]["time"] == said["3"]["time"]
        assert all("label" not in tags for text, tags in heard.items() if not text.startswith("m"))

    async def test_a_pong_comes_after_all_that_was_asked_before(
        self, irc: Running, enter: Enter
    ) -> None:
        dana = await enter(irc, "dana", "echo-message")
        await dana.say("PRIVMSG #dev :hi", "NAMES #dev", "PING last")
        await dana.expect("PONG", p1="last")
        commands = [line.command for line in dana.seen[-4:]]
        assert commands == ["PRIVMSG", "353", "366", "PONG"]

    async def test_names_at_the_end_make_it_private_and_the_sender_is_told(
        self, irc: Running, enter: Enter
    ) -> None:
        dana, mom, dad = [await enter(irc, name) for name in ("dana", "mom", "dad")]
        await dana.say("PRIVMSG #dev :psst @mom")
        assert (await mom.expect("PRIVMSG")).params == ["mom", "psst @mom"]
        assert (await dana.expect("NOTICE")).params == ["#dev", "only mom got this"]
        assert [line for line in await dad.caught_up() if line.command == "PRIVMSG"] == []

    async def test_a_long_text_comes_in_lines_that_fit(
        self, irc: Running, enter: Enter, join: Join
    ) -> None:
        dana, mom = await enter(irc, "dana"), await join(irc, "mom")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered")
        text = " ".join(["wörd"] * 500)
        await mom.say(op="send", room="dev", text=text, seq=1)
        parts: list[str] = []
        while len(" ".join(parts)) < len(text):
            line = await dana.expect("PRIVMSG")
            assert len(f":{line.source} PRIVMSG #dev :{line.params[1]}\r\n".encode()) <= 512
            parts.append(line.params[1])
        assert " ".join(parts) == text

    @pytest.mark.parametrize(
        ("line", "numeric", "params"),
        [
            ("PRIVMSG", "411", []),
            ("PRIVMSG #dev", "412", []),
            ("PRIVMSG #dev :", "412", []),
            ("PRIVMSG nobody :hi", "401", ["nobody"]),
            ("PRIVMSG #elsewhere :hi", "404", ["#elsewhere"]),
            ("PRIVMSG #dev :\x01VERSION\x01", "404", ["#dev"]),
            ("KICK #dev nobody", "482", ["#dev"]),
            ("TOPIC #dev :mine", "482", ["#dev"]),
            ("MODE #dev +s", "482", ["#dev"]),
            ("MODE #dev +Z", "472", ["Z"]),
            ("PART #elsewhere", "442", ["#elsewhere"]),
            ("JOIN dev", "403", ["dev"]),
            ("NICK", "431", []),
            ("NICK a.b", "432", ["a.b"]),
            ("USER a b c d", "462", []),
            ("WHOIS nobody", "401", ["nobody"]),
            ("NOSUCH", "421", ["NOSUCH"]),
            ("MODE mom", "502", []),
        ],
    )
    async def test_what_is_wrong_is_said(
        self, irc: Running, enter: Enter, line: str, numeric: str, params: list[str]
    ) -> None:
        dana = await enter(irc, "dana")
        await dana.say(line)
        refusal = await dana.expect(numeric)
        assert refusal.params[1 : 1 + len(params)] == params


def _texts(peer: IrcPeer) -> list[str]:
    return [line.params[1] for line in peer.seen if line.command == "PRIVMSG"]


class TestRooms:
    async def test_one_learns_the_topic_and_who_is_there(
        self, irc: Running, enter: Enter, account: Account
    ) -> None:
        await account("boss")
        boss = await enter(irc, "boss", password=f":{PASSWORD}")
        await boss.say("TOPIC #dev :the plan")
        await boss.expect("TOPIC")
        dana = await enter(irc, "dana", rooms="")
        await dana.say("JOIN #dev")
        assert (await dana.expect("332")).params == ["dana", "#dev", "the plan"]
        assert (await dana.expect("333")).params[1:3] == ["#dev", "boss"]
        assert (await dana.expect("353")).params[1:] == ["=", "#dev", "@boss dana"]
        await dana.expect("366")

    async def test_operators_moderate_from_here_and_from_there(
        self,
        irc: Running,
        second: Running,
        enter: Enter,
        join: Join,
        account: Account,
    ) -> None:
        await account("boss")
        await account("dana")
        boss = await enter(irc, "boss", password=f":{PASSWORD}")
        dana = await enter(second, "dana", password=f":{PASSWORD}")
        mom = await join(second, "mom")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered")
        await boss.say("MODE #dev +v dana", "MODE #dev +m")
        assert (await dana.expect("MODE")).params == ["#dev", "+v", "dana"]
        assert (await dana.expect("MODE")).params == ["#dev", "+m"]
        await mom.say(op="send", room="dev", text="may I?", seq=1)
        await mom.expect(op="error", code="read_only")
        await boss.say("KICK #dev mom :enough", "KICK #dev dana :you too")
        await mom.expect(op="out", room="dev", code="kicked")
        assert (await dana.expect("KICK", p1="mom")).params == ["#dev", "mom", "enough"]
        assert (await dana.expect("KICK", p1="dana")).params == ["#dev", "dana", "you too"]
        await dana.say("PRIVMSG #dev :hello?")
        await dana.expect("404")

    async def test_a_key_an_invitation_and_a_ban(
        self, irc: Running, enter: Enter, account: Account
    ) -> None:
        await account("boss")
        boss = await enter(irc, "boss", password=f":{PASSWORD}")
        dana = await enter(irc, "dana", rooms="")
        await boss.say("MODE #dev +k secret")
        await boss.caught_up()
        await dana.say("JOIN #dev")
        await dana.expect("475")
        await dana.say("JOIN #dev secret")
        await dana.expect("366")
        await dana.say("PART #dev")
        await boss.say("MODE #dev -k *", "MODE #dev +i")
        await boss.caught_up()
        await dana.say("JOIN #dev")
        await dana.expect("473")
        await boss.say("INVITE dana #dev")
        assert (await boss.expect("341")).params[1:] == ["dana", "#dev"]
        assert (await dana.expect("INVITE", source="boss")).params == ["dana", "#dev"]
        await dana.say("JOIN #dev")
        await dana.expect("366")
        await boss.say("MODE #dev +b dana", "MODE #dev +b")
        assert (await boss.expect("367")).params[1:3] == ["#dev", "dana!*@*"]
        await dana.expect("KICK", p1="dana")
        await dana.say("JOIN #dev")
        await dana.expect("474")

    async def test_the_end_of_a_session_is_told_once_for_all_rooms(
        self, irc: Running, second: Running, enter: Enter
    ) -> None:
        dana = await enter(irc, "dana", rooms="#a,#b,#c")
        mom = await enter(second, "mom", rooms="#a,#b,#c")
        await mom.say("NICK mum")
        await dana.expect("NICK", source="mom")
        await mom.say("QUIT :bye")
        await dana.expect("QUIT", source="mum")
        await eventually(
            lambda: "mum" not in {m.registration.name for m in second.gateway.online.values()}
        )
        rest = await dana.caught_up()
        assert [line for line in rest if line.command in ("QUIT", "NICK", "PART")] == []

    async def test_one_is_seen_in_lists(self, irc: Running, enter: Enter) -> None:
        dana = await enter(irc, "dana", "multi-prefix")
        mom = await enter(irc, "mom")
        await mom.say("AWAY :lunch")
        await mom.expect("306")
        await dana.say("WHOIS mom")
        assert (await dana.expect("319")).params[2] == "#dev"
        assert (await dana.expect("301")).params[2] == "lunch"
        await dana.expect("318")
        await dana.say("PRIVMSG mom :back soon?")
        assert (await dana.expect("301")).params[1:] == ["mom", "lunch"]
        await dana.say("USERHOST mom", "ISON mom nobody", "LIST #dev")
        assert (await dana.expect("302")).params[1].startswith("mom=-")
        assert (await dana.expect("303")).params[1] == "mom"
        assert (await dana.expect("322")).params[1:3] == ["#dev", "2"]
        await dana.say("WHO #dev %tcnfa,77")
        rows = [(await dana.expect("354")).params[1:4] for _ in range(2)]
        assert sorted(row[2] for row in rows) == ["dana", "mom"]
        assert {row[0] for row in rows} == {"77"}

    async def test_what_was_said_before_is_read(self, irc: Running, enter: Enter) -> None:
        dana = await enter(irc, "dana")
        for n in range(5):
            await dana.say(f"PRIVMSG #dev :{n}")
        await dana.caught_up()
        capabilities = ("batch", "draft/chathistory", "message-tags", "server-time")
        mom = await enter(irc, "mom", *capabilities)
        await mom.say("CHATHISTORY LATEST #dev * 3")
        start = await mom.expect("BATCH")
        assert start.params[1:] == ["chathistory", "#dev"]
        await mom.expect("BATCH", p0=f"-{start.params[0][1:]}")
        assert _texts(mom) == ["2", "3", "4"]
        oldest = next(line for line in mom.seen if line.params[1:] == ["2"])
        await mom.say(f"CHATHISTORY BEFORE #dev msgid={oldest.tags['msgid']} 10")
        await mom.expect("BATCH")
        await mom.expect("BATCH")
        assert _texts(mom)[3:] == ["0", "1"]
        await mom.say("CHATHISTORY LATEST #elsewhere * 3", "CHATHISTORY NONSENSE #dev * 3")
        assert (await mom.expect("FAIL")).params[:2] == ["CHATHISTORY", "INVALID_TARGET"]
        assert (await mom.expect("FAIL")).params[:2] == ["CHATHISTORY", "INVALID_PARAMS"]
        newest = next(line for line in mom.seen if line.params[1:] == ["4"])
        ends = f"msgid={oldest.tags['msgid']} msgid={newest.tags['msgid']}"
        await mom.say(f"CHATHISTORY BETWEEN #dev {ends} 10")
        await mom.expect("BATCH")
        await mom.expect("BATCH")
        assert _texts(mom)[5:] == ["3"]

    async def test_a_client_that_cannot_ask_is_shown_the_last_messages(
        self, irc: Running, enter: Enter
    ) -> None:
        dana = await enter(irc, "dana")
        for n in range(30):
            await dana.say(f"PRIVMSG #dev :{n}")
        await dana.caught_up()
        mom = await enter(irc, "mom", "server-time")
        assert _texts(mom) == [str(n) for n in range(10, 30)]
        assert all(line.tags["time"] for line in mom.seen if line.command == "PRIVMSG")
        # Without the time they would look new.
        assert _texts(await enter(irc, "dad")) == []

    async def test_a_message_is_deleted_and_reacted_to(
        self, irc: Running, enter: Enter, join: Join
    ) -> None:
        capabilities = ("message-tags", "draft/message-redaction", "standard-replies")
        dana = await enter(irc, "dana", *capabilities, "echo-message")
        mom = await join(irc, "mom")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered")
        await dana.say("PRIVMSG #dev :oops")
        echo = await dana.expect("PRIVMSG")
        said = await mom.expect(op="msg", text="oops")
        await mom.say(op="react", room="dev", id=said["id"], emoji="👍", seq=1)
        reaction = await dana.expect("TAGMSG", source="mom")
        assert reaction.tags["+draft/react"] == "👍"
        assert reaction.tags["+reply"] == echo.tags["msgid"]
        await dana.say(f"@+draft/react=❤;+reply={echo.tags['msgid']} TAGMSG #dev")
        await mom.expect(op="reacted", emoji="❤", **{"from": "dana"})
        await dana.say(f"REDACT #dev {echo.tags['msgid']} :wrong room")
        assert (await dana.expect("REDACT")).params[:2] == ["#dev", echo.tags["msgid"]]
        await mom.expect(op="deleted", targets=[said["id"]])
        await dana.say(f"REDACT #dev {echo.tags['msgid']}", "REDACT #dev nonsense")
        for _ in range(2):
            assert (await dana.expect("FAIL")).params[:2] == ["REDACT", "UNKNOWN_MSGID"]

    async def test_how_far_one_has_read_never_goes_back(self, irc: Running, enter: Enter) -> None:
        dana = await enter(irc, "dana", "draft/read-marker")
        assert [line.params for line in dana.seen if line.command == "MARKREAD"] == [["#dev", "*"]]
        later, earlier = "timestamp=2026-06-01T12:00:00.000Z", "timestamp=2025-01-01T00:00:00.000Z"
        for stamp in (later, earlier):
            await dana.say(f"MARKREAD #dev {stamp}")
            assert (await dana.expect("MARKREAD")).params == ["#dev", later]
        await dana.say("MARKREAD", "MARKREAD #dev timestamp=soon")
        assert (await dana.expect("FAIL")).params[1] == "NEED_MORE_PARAMS"
        assert (await dana.expect("FAIL")).params[1] == "INVALID_PARAMS"


class TestMultiline:
    CAPABILITIES = ("batch", "draft/multiline", "message-tags", "server-time")

    async def test_several_lines_are_one_message_for_everybody(
        self, irc: Running, second: Running, enter: Enter, join: Join
    ) -> None:
        mom = await join(second, "mom")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered")
        dana = await enter(irc, "dana", *self.CAPABILITIES, "echo-message", "labeled-response")
        sis, dad = await enter(irc, "sis", *self.CAPABILITIES), await enter(irc, "dad")
        await dana.say("@label=l BATCH +1 draft/multiline #dev", "@batch=1 PRIVMSG #dev :a list:")
        await dana.say("@batch=1 PRIVMSG #dev :", "@batch=1 PRIVMSG #dev :\t1. \x02bo")
        await dana.say("@batch=1;draft/multiline-concat PRIVMSG #dev :ld", "BATCH -1")
        said = await mom.expect(op="msg", **{"from": "dana"})
        assert said["text"] == "a list:\n\n\t1. bold"
        begin, *lines = await _batch(dana)
        heard, *same = await _batch(sis)
        assert begin.tags.pop("label") == "l"
        assert (
            begin.tags == heard.tags == {"msgid": f"dev/{said['id']}", "time": begin.tags["time"]}
        )
        assert begin.params[1:] == ["draft/multiline", "#dev"]
        assert lines == same
        assert [line.params for line in lines] == [
            *(["#dev", "a list:"], ["#dev", ""], ["#dev", "\t1. bold"])
        ]
        assert all(set(line.tags) == {"batch"} for line in lines)
        await dad.caught_up()
        assert _texts(dad) == ["a list:", "\t1. bold"]

    async def test_a_private_one_and_one_to_oneself(self, irc: Running, enter: Enter) -> None:
        dana = await enter(irc, "dana", *self.CAPABILITIES, "echo-message", "labeled-response")
        mom = await enter(irc, "mom", *self.CAPABILITIES)
        for name, copies in (("mom", 1), ("dana", 2)):
            await dana.say(f"@label={name} BATCH +1 draft/multiline {name}")
            # What shows nothing at the end is not a part of a message of the chat.
            await dana.say(*(f"@batch=1 PRIVMSG {name} :{text}" for text in ("a", "b", "")))
            await dana.say("BATCH -1")
            for number in range(copies):
                begin, *lines = await _batch(dana)
                assert begin.params[2] == name
                assert begin.tags.get("label") == (None if number else name)
                assert [line.params for line in lines] == [[name, "a"], [name, "b"]]
        begin, *lines = await _batch(mom)
        assert begin.params[2] == "mom"
        assert [line.params for line in lines] == [["mom", "a"], ["mom", "b"]]

    async def test_long_lines_and_several_lines_of_other_programs_come_as_batches(
        self, irc: Running, enter: Enter, join: Join
    ) -> None:
        dana, mom = await enter(irc, "dana", *self.CAPABILITIES), await join(irc, "mom")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered")
        texts = (" ".join(["wörd"] * 500), "one\ntwo", "\none", "x" * 1000 + "\n\ny")
        for seq, text in enumerate(texts):
            await mom.say(op="send", room="dev", text=text, seq=seq)
            _, *lines = await _batch(dana)
            whole = "".join(
                ("" if "draft/multiline-concat" in line.tags else "\n") + line.params[1]
                for line in lines
            )
            assert whole[1:] == text
            for line in lines:
                assert len(f":{line.source} PRIVMSG #dev :{line.params[1]}\r\n".encode()) <= 512
        # What somebody does is marked in each line.
        await mom.say(op="send", room="dev", text="waves\nand nods", kind="me", seq=9)
        assert (await dana.expect("PRIVMSG", "BATCH")).params[1] == "\x01ACTION waves\x01"

    async def test_in_a_history_it_is_a_batch_in_the_batch(
        self, irc: Running, enter: Enter
    ) -> None:
        more = ("draft/chathistory", "labeled-response")
        dana = await enter(irc, "dana", *self.CAPABILITIES, *more)
        await dana.say("PRIVMSG #dev :before", "BATCH +x draft/multiline #dev")
        await dana.say("@batch=x PRIVMSG #dev one", "@batch=x PRIVMSG #dev two", "BATCH -x")
        await dana.caught_up()
        await dana.say("@label=h CHATHISTORY LATEST #dev * 10")
        outer = await dana.expect("BATCH")
        assert outer.params[1:] == ["labeled-response"]
        history = await dana.expect("BATCH")
        assert history.params[1:] == ["chathistory", "#dev"]
        assert history.tags == {"batch": outer.params[0][1:]}
        line = await dana.expect("PRIVMSG")
        assert (line.params[1], line.tags["batch"]) == ("before", history.params[0][1:])
        begin, *lines = await _batch(dana)
        assert begin.tags["batch"] == history.params[0][1:]
        assert [line.params[1] for line in lines] == ["one", "two"]
        assert {line.tags["batch"] for line in lines} == {begin.params[0][1:]}
        await dana.expect("BATCH", p0=f"-{history.params[0][1:]}")
        await dana.expect("BATCH", p0=f"-{outer.params[0][1:]}")

    async def test_what_is_wrong_is_said_and_nothing_of_it_is_passed_on(
        self, irc: Running, enter: Enter
    ) -> None:
        dana = await enter(irc, "dana", *self.CAPABILITIES, "labeled-response")
        mom = await enter(irc, "mom")
        await dana.say("@label=l BATCH +1 draft/multiline #dev")
        await dana.say("@batch=1 PRIVMSG #dev no", "@batch=1 PRIVMSG #b no")
        fail = await dana.expect("FAIL")
        assert fail.params[:4] == ["BATCH", "MULTILINE_INVALID_TARGET", "#dev", "#b"]
        assert fail.tags == {"label": "l"}
        await dana.say("@batch=1 PRIVMSG #dev no", "BATCH -1", "@batch=1 PRIVMSG #dev no")
        assert (await dana.expect("FAIL")).params[1] == "MULTILINE_INVALID"
        await dana.say("@label=m BATCH +2 draft/multiline #elsewhere")
        await dana.say("@batch=2 PRIVMSG #elsewhere no", "BATCH -2")
        assert (await dana.expect("404")).tags == {"label": "m"}
        await dana.say("PRIVMSG #dev :and yes")
        await mom.expect("PRIVMSG", p1="and yes")
        assert _texts(mom) == ["and yes"]
        await mom.say("BATCH +1 draft/multiline #dev")
        await mom.expect("421")

    async def test_a_batch_is_one_message_for_the_pace(
        self, start_gateway: StartGateway, enter: Enter
    ) -> None:
        # After five messages the next one waits for an hour.
        running = await start_gateway(
            irc=("127.0.0.1", 0), lobby=False, limits={"burst": 5, "rate": 1 / 3600}
        )
        dana, mom = await enter(running, "dana", *self.CAPABILITIES), await enter(running, "mom")
        for n in range(4):
            await dana.say(f"BATCH +{n} draft/multiline #dev")
            await dana.say(*(f"@batch={n} PRIVMSG #dev {n}.{line}" for line in range(5)))
            await dana.say(f"BATCH -{n}")
        await mom.expect("PRIVMSG", p1="3.4")
        assert len(_texts(mom)) == 20


class TestHistory:
    CAPABILITIES = ("batch", "draft/chathistory", "message-tags", "server-time", "echo-message")

    async def test_private_messages_have_one_id_for_everybody_and_it_is_a_reference(
        self, irc: Running, second: Running, enter: Enter, account: Account
    ) -> None:
        await account("dana")
        await account("mom")
        dana = await enter(irc, "dana", *self.CAPABILITIES, password=f":{PASSWORD}")
        mom = await enter(second, "mom", *self.CAPABILITIES, password=f":{PASSWORD}")
        dad = await enter(second, "dad", rooms="")
        for n in range(0, 8, 2):
            # The logs of two people do not count alike.
            await dad.say("PRIVMSG dana :in between", "PRIVMSG dana,mom :both")
            await dad.caught_up()
            await dana.say(f"PRIVMSG mom :{n}")
            await mom.expect("PRIVMSG", p1=str(n))
            await mom.say(f"PRIVMSG dana :{n + 1}")
            await dana.expect("PRIVMSG", p1=str(n + 1))
        await mom.caught_up()
        ids = {line.params[1]: line.tags["msgid"] for line in dana.seen if "msgid" in line.tags}
        assert ids == {
            line.params[1]: line.tags["msgid"] for line in mom.seen if "msgid" in line.tags
        } | {"in between": ids["in between"]}
        for peer, target in ((dana, "mom"), (mom, "DANA")):

            async def asked(query: str, peer: IrcPeer = peer, target: str = target) -> list[str]:
                way, rest = query.split(" ", 1)
                return await _history(peer, target, f"CHATHISTORY {way} {target} {rest}")

            assert await asked("LATEST * 100") == [*"01234567"]
            assert await asked("LATEST * 3") == [*"567"]
            assert await asked(f"LATEST msgid={ids['4']} 100") == [*"567"]
            assert await asked(f"BEFORE msgid={ids['4']} 2") == [*"23"]
            assert await asked(f"AFTER msgid={ids['4']} 2") == [*"56"]
            assert await asked(f"AROUND msgid={ids['4']} 1") == [*"4"]
            assert await asked(f"AROUND msgid={ids['4']} 4") == [*"2345"]
            assert await asked(f"AROUND msgid={ids['0']} 4") == [*"0123"]
            assert await asked(f"BETWEEN msgid={ids['1']} msgid={ids['6']} 3") == [*"234"]
            assert await asked(f"BETWEEN msgid={ids['6']} msgid={ids['1']} 3") == [*"345"]
            ends = f"timestamp=2020-01-01T00:00:00.000Z msgid={ids['2']}"
            assert await asked(f"BETWEEN {ends} 9") == [*"01"]
        for reference in ("@/nonsense", "dev/1-1", ids["4"].removeprefix("@/")):
            await dana.say(f"CHATHISTORY BEFORE mom msgid={reference} 5")
            assert (await dana.expect("FAIL")).params[1] == "INVALID_PARAMS"
        await mom.say(f"REDACT dana {ids['5']}")
        await mom.caught_up()
        assert await _history(dana, "mom", "CHATHISTORY LATEST mom * 3") == [*"467"]

    async def test_what_one_says_to_oneself_is_a_history_of_its_own(
        self, irc: Running, enter: Enter
    ) -> None:
        dana, mom = await enter(irc, "dana", *self.CAPABILITIES), await enter(irc, "mom")
        for n in range(30):
            await dana.say(f"PRIVMSG dana :note {n}", f"PRIVMSG mom :{n}")
        await mom.expect("PRIVMSG", p1="29")
        await dana.caught_up()
        found = await _history(dana, "dana", "CHATHISTORY LATEST dana * 20")
        assert found == [f"note {n}" for n in range(10, 30)]

    async def test_what_is_not_shown_does_not_count(
        self, irc: Running, enter: Enter, account: Account
    ) -> None:
        await account("boss")
        boss = await enter(irc, "boss", *self.CAPABILITIES, password=f":{PASSWORD}")
        more = await enter(irc, "more", *self.CAPABILITIES, "draft/event-playback")
        for n in range(12):
            await boss.say(f"PRIVMSG #dev :{n}", f"TOPIC #dev :topic {n}", "MODE #dev +m-m")
            await more.expect("TOPIC", p1=f"topic {n}")
        last = await boss.expect("TOPIC", p1="topic 11")
        for query, found in (
            ("LATEST #dev * 10", range(2, 12)),
            (f"BEFORE #dev msgid={last.tags['msgid']} 10", range(2, 12)),
            ("AFTER #dev timestamp=2020-01-01T00:00:00.000Z 10", range(10)),
        ):
            texts = await _history(boss, "#dev", f"CHATHISTORY {query}")
            assert texts == [str(n) for n in found]
        texts = await _history(more, "#dev", "CHATHISTORY LATEST #dev * 4")
        assert texts == ["10", "topic 10", "11", "topic 11"]

    async def test_targets_are_in_the_order_of_what_was_said_last(
        self, irc: Running, enter: Enter, account: Account
    ) -> None:
        await account("dana")
        dana = await enter(
            irc, "dana", *self.CAPABILITIES, rooms="#a,#b,#quiet", password=f":{PASSWORD}"
        )
        mom = await enter(irc, "mom", rooms="#a,#b")
        times = {}
        for by, target in ((dana, "#a"), (mom, "dana"), (dana, "#b"), (dana, "dad"), (dana, "#a")):
            if target == "dad":
                await enter(irc, "dad", rooms="")
            await by.say(f"PRIVMSG {target} :hello")
            line = await dana.expect("PRIVMSG")
            times["mom" if by is mom else target] = line.tags["time"]
            # The next message has a later time.
            await eventually(lambda stamp=line.tags["time"]: iso(int(time.time() * 1000)) > stamp)

        async def targets(query: str) -> list[list[str]]:
            await dana.say(f"CHATHISTORY TARGETS {query}")
            return [
                line.params[1:] for line in await dana.caught_up() if line.command == "CHATHISTORY"
            ]

        everything = [[name, times[name]] for name in ("mom", "#b", "dad", "#a")]
        never, always = "timestamp=2020-01-01T00:00:00.000Z", "timestamp=2262-01-01T00:00:00.000Z"
        assert await targets(f"{never} {always} 10") == everything
        assert await targets(f"{never} {always} 2") == everything[:2]
        assert await targets(f"{always} {never} 2") == everything[2:]
        assert await targets(f"timestamp={times['mom']} {always} 10") == everything[1:]
        inside = f"timestamp={times['mom']} timestamp={times['#a']}"
        assert await targets(f"{inside} 10") == everything[1:3]
        await dana.say(f"CHATHISTORY TARGETS msgid=x {always} 5", f"CHATHISTORY TARGETS {never} 5")
        for _ in range(2):
            assert (await dana.expect("FAIL")).params[1] == "INVALID_PARAMS"


class TestPlayback:
    async def test_on_joining_it_is_a_batch_and_nothing_in_it_happens_again(
        self, irc: Running, enter: Enter, account: Account
    ) -> None:
        await account("boss")
        boss = await enter(irc, "boss", password=f":{PASSWORD}")
        mom = await enter(irc, "mom", "server-time", "batch")
        for n in range(30):
            await boss.say(f"PRIVMSG #dev :{n}")
        await boss.say("TOPIC #dev :new", "MODE #dev +m", "KICK #dev mom :enough", "MODE #dev -m")
        await mom.expect("KICK")
        await boss.caught_up()
        start = len(mom.seen)
        await mom.say("JOIN #dev")
        await mom.expect("366")
        commands = [line.command for line in mom.seen[start:]]
        assert commands[:2] == ["JOIN", "BATCH"]
        begin, *lines, end = mom.seen[start + 1 : -4]
        assert begin.params[1:] == ["chathistory", "#dev"]
        assert end.params == [f"-{begin.params[0][1:]}"]
        assert [line.params[1] for line in lines] == [str(n) for n in range(10, 30)]
        assert {line.tags["batch"] for line in lines} == {begin.params[0][1:]}
        assert commands[22:] == ["BATCH", "332", "333", "353", "366"]
        # It is still in the channel.
        await boss.say("PRIVMSG #dev :31")
        assert (await mom.expect("PRIVMSG", p1="31")).tags.get("batch") is None
        await mom.say("PRIVMSG #dev :yes")
        await boss.expect("PRIVMSG", source="mom")

    async def test_with_a_mark_it_begins_there(
        self, irc: Running, second: Running, enter: Enter, join: Join, account: Account
    ) -> None:
        await account("dana")
        mom = await join(second, "mom")
        await mom.say(op="join", room="dev")
        await mom.expect(op="entered")
        said = []
        for n in range(50):
            await mom.say(op="send", room="dev", text=str(n), seq=n)
            said.append(await mom.expect(op="msg", text=str(n)))
        laptop = await join(second, "dana", password=PASSWORD)
        await laptop.say(op="join", room="dev")
        await laptop.expect(op="entered", room="dev")
        await laptop.say(op="mark", room="dev", id=said[9]["id"], seq=1)
        await laptop.expect(op="ack", seq=1)
        # The rooms of a person are the same in all sessions.
        phone = await enter(irc, "dana", "server-time", rooms="", password=f":{PASSWORD}")
        await phone.say("PART #dev", "JOIN #dev")
        await phone.expect("PART")
        await phone.expect("366")
        assert _texts(phone) == [str(n) for n in range(10, 50)]

    async def test_marks_of_programs_of_both_kinds_are_the_same(
        self, irc: Running, enter: Enter, join: Join, account: Account
    ) -> None:
        await account("dana")
        laptop = await join(irc, "dana", password=PASSWORD)
        await laptop.say(op="join", room="dev")
        await laptop.expect(op="entered", room="dev")
        said = []
        for n in range(3):
            await laptop.say(op="send", room="dev", text=str(n), seq=n)
            said.append(await laptop.expect(op="msg", text=str(n)))
            await eventually(lambda: int(time.time() * 1000) > said[-1]["ts"])
        phone = await enter(irc, "dana", "draft/read-marker", password=f":{PASSWORD}")
        await laptop.say(op="mark", room="dev", id=said[0]["id"], seq=10)
        mark = await phone.expect("MARKREAD", p1=f"timestamp={iso(said[0]['ts'])}")
        assert mark.params[0] == "#dev"
        stamp = iso(said[2]["ts"] - 1)
        await phone.say(f"MARKREAD #dev timestamp={stamp}")
        assert (await phone.expect("MARKREAD")).params == ["#dev", f"timestamp={stamp}"]
        await laptop.expect(op="marks", marks={"dev": said[1]["id"]})
        assert [line for line in await phone.caught_up() if line.command != "PONG"] == []

    async def test_a_client_asks_for_what_it_missed_as_it_would_ask_znc(
        self, irc: Running, enter: Enter
    ) -> None:
        mom = await enter(irc, "mom", "echo-message", "server-time", rooms="#a,#ab,#b")
        # A guest has no private messages from before.
        dana = await enter(irc, "dana", "znc.in/playback", "batch", rooms="#a,#ab,#b")
        assert [line for line in dana.seen if line.command == "BATCH"] == []
        targets = ("#a", "#ab", "#b", "dana", "#a", "dana")
        times = []
        for n, target in enumerate(targets):
            await mom.say(f"PRIVMSG {target} :{n}")
            times.append((await mom.expect("PRIVMSG")).tags["time"])
            heard = await dana.expect("PRIVMSG", p1=str(n))
            assert heard.tags["time"] == times[-1]
            await eventually(lambda: iso(int(time.time() * 1000)) > times[-1])
        await dana.say("PRIVMSG mom :6")
        await dana.caught_up()

        async def played(question: str) -> dict[str, list[str]]:
            await dana.say(f"PRIVMSG *playback :{question}")
            found: dict[str, list[str]] = {}
            for line in await dana.caught_up():
                if line.command == "BATCH" and line.params[0].startswith("+"):
                    assert line.params[1] == "znc.in/playback"
                    batch, texts = line.params[0][1:], found.setdefault(line.params[2], [])
                elif line.command == "PRIVMSG":
                    assert line.tags["batch"] == batch
                    assert "time" in line.tags
                    texts.append(line.params[1])
            return found

        def seconds(stamp: str, more: str = "") -> str:
            return f"{datetime.fromisoformat(stamp).timestamp():.3f}{more}"

        everything = {"#a": ["0", "4"], "#ab": ["1"], "#b": ["2"], "mom": ["3", "5", "6"]}
        assert await played("PLAY *") == everything
        assert await played("play * 0") == everything
        assert await played("PLAY #a*") == {"#a": ["0", "4"], "#ab": ["1"]}
        assert await played("PLAY #b,MOM") == {"#b": ["2"], "mom": ["3", "5", "6"]}
        assert await played("PLAY m?m,#B") == {"#b": ["2"], "mom": ["3", "5", "6"]}
        assert await played(f"PLAY * {seconds(times[2])}") == {"#a": ["4"], "mom": ["3", "5", "6"]}
        inside = f"PLAY * {seconds(times[0], '999')} {seconds(times[3])}"
        assert await played(inside) == {"#ab": ["1"], "#b": ["2"]}
        assert await played("PLAY #elsewhere,nobody 0") == {}
        for wrong in ("PLAY", "PLAY * soon", "PLAY * nan", "PLAY * 1 2 3", "LIST", "hello", " "):
            await dana.say(f"PRIVMSG *playback :{wrong}")
            assert (await dana.expect("NOTICE")).source.startswith("*playback!")
        await dana.say("PRIVMSG *playback :PLAY * -1e99999999 1e99999999")
        await dana.caught_up()

    async def test_a_question_to_it_is_never_a_message(self, irc: Running, enter: Enter) -> None:
        mom = await enter(irc, "mom")
        dana = await enter(irc, "dana", "batch", "draft/multiline")
        await dana.say("PRIVMSG *PLAYBACK,mom,#dev :PLAY *", "NOTICE *playback,#dev :PLAY *")
        await dana.say("BATCH +1 draft/multiline *playback,#dev")
        await dana.say("@batch=1 PRIVMSG *playback,#dev x", "BATCH -1", "PRIVMSG #dev :after")
        await mom.expect("PRIVMSG", p1="after")
        assert _texts(mom) == ["after"]


async def _history(peer: IrcPeer, target: str, query: str) -> list[str]:
    """The texts that a question about history is answered with."""
    await peer.say(query)
    begin = await peer.expect("BATCH", "FAIL")
    assert begin.params[1:] == ["chathistory", target]
    texts = []
    while (line := await peer.expect("BATCH", "PRIVMSG", "TOPIC")).command != "BATCH":
        texts.append(line.params[1])
    return texts


async def _batch(peer: IrcPeer) -> list[Line]:
    """The next batch of one message: what opens it, and its lines."""
    begin = await peer.expect("BATCH")
    assert begin.params[1] == "draft/multiline"
    lines = [begin]
    while (line := await peer.expect("BATCH", "PRIVMSG")).command != "BATCH":
        assert line.tags["batch"] == begin.params[0][1:]
        lines.append(line)
    assert line.params == [f"-{begin.params[0][1:]}"]
    return lines


class TestTrouble:
    async def test_what_is_too_long_or_no_text_costs_one_line(
        self, irc: Running, enter: Enter
    ) -> None:
        dana = await enter(irc, "dana", "standard-replies")
        await dana.throw(b"PRIVMSG #dev :" + b"x" * 600 + b"\r\n")
        await dana.expect("417")
        await dana.throw(b"PRIVMSG #dev :\xff\xfe\r\n")
        assert (await dana.expect("FAIL")).params[1] == "INVALID_UTF8"
        await dana.throw(b"\r\n\r\n   \r\n@tag\r\n:source\r\n\0\r\n")
        await dana.caught_up()

    async def test_names_of_the_doors_own_work_are_no_commands(
        self, irc: Running, enter: Enter
    ) -> None:
        dana = await enter(irc, "dana")
        await dana.say("_GREET #dev", "? #dev", "_WATCH")
        for _ in range(3):
            await dana.expect("421")

    async def test_who_hangs_up_has_all_carried_out_that_was_sent(
        self, irc: Running, enter: Enter
    ) -> None:
        mom, dana = await enter(irc, "mom"), await enter(irc, "dana")
        await dana.say(*(f"PRIVMSG #dev :{n}" for n in range(20)), "NAMES #dev")
        dana.send_no_more()
        await mom.expect("PRIVMSG", p1="19")
        await dana.expect("366")
        await dana.ended()

    async def test_an_away_may_come_before_the_welcome(
        self, irc: Running, enter: Enter, dial: Enter
    ) -> None:
        mom, dana = await enter(irc, "mom"), await dial(irc)
        await dana.say("CAP REQ draft/pre-away", "AWAY :on a phone", "NICK dana", "USER u 0 * :x")
        await dana.say("CAP END")
        await dana.expect("422")
        await dana.caught_up()
        await mom.say("WHOIS dana")
        assert (await mom.expect("301")).params[2] == "on a phone"

    async def test_a_client_that_is_too_fast_has_to_wait_and_loses_nothing(
        self, start_gateway: StartGateway, enter: Enter
    ) -> None:
        running = await start_gateway(
            irc=("127.0.0.1", 0), lobby=False, limits={"burst": 5, "rate": 50.0}
        )
        dana, mom = await enter(running, "dana"), await enter(running, "mom")
        await dana.say(*(f"PRIVMSG #dev :{n}" for n in range(40)))
        await mom.expect("PRIVMSG", p1="39")
        assert _texts(mom) == [str(n) for n in range(40)]

    async def test_somebody_who_only_listens_stays_and_is_away(
        self, start_gateway: StartGateway, enter: Enter
    ) -> None:
        running = await start_gateway(irc=("127.0.0.1", 0), lobby=False, idle=1.0)
        dana = await enter(running, "dana", "away-notify")
        mom = await enter(running, "mom")
        assert (await dana.expect("AWAY", source="mom")).params == ["idle"]
        await mom.say("PRIVMSG #dev :here I am")
        await dana.expect("AWAY", source="mom")
        await dana.expect("PRIVMSG", source="mom")
        assert (await mom.caught_up()) == []

    async def test_a_banned_network_is_told_in_its_own_language(
        self, irc: Running, dial: Enter
    ) -> None:
        ban = Ban(subject="127.0.0.0/8", kind="network", since=0)
        irc.gateway.bans.set([ban], 0, irc.gateway.monotonic())
        dana = await dial(irc)
        assert "You are banned" in await dana.ended()

    async def test_a_gateway_that_stops_says_so(self, irc: Running, enter: Enter) -> None:
        dana = await enter(irc, "dana")
        await irc.stop()
        assert "shutting down" in await dana.ended()

    async def test_people_on_the_other_gateway_go_on(
        self, irc: Running, second: Running, enter: Enter
    ) -> None:
        await enter(irc, "dana")
        mom = await enter(second, "mom")
        await irc.stop()
        await mom.expect("QUIT", source="dana")
        again = await enter(second, "dana")
        await mom.say("PRIVMSG #dev :welcome back")
        await again.expect("PRIVMSG", p1="welcome back")

    async def test_after_a_drain_one_has_ones_name_at_once(
        self, start_gateway: StartGateway, second: Running, enter: Enter
    ) -> None:
        leaving = await start_gateway(irc=("127.0.0.1", 0), lobby=False, drain=0.2)
        dana, mom = await enter(leaving, "dana"), await enter(second, "mom")
        await leaving.stop()
        await dana.ended()
        await mom.expect("QUIT", source="dana")
        again = await enter(second, "dana")
        await mom.expect("JOIN", source="dana")
        await again.say("PRIVMSG #dev :here I am")
        await mom.expect("PRIVMSG", source="dana")

    async def test_it_is_encrypted_on_a_port_of_its_own(
        self, start_gateway: StartGateway, ca: Authority
    ) -> None:
        chain, key = ca.issue()
        running = await start_gateway(
            irc_tls=("127.0.0.1", 0), certificate=Certificate(str(chain), str(key)), lobby=False
        )
        host, port = running.gateway.irc[0]
        context = ssl.create_default_context(cafile=str(ca.ca))
        dana = await IrcPeer.connect(host, port, ssl=context, server_hostname="localhost")
        await dana.register("dana")
        await dana.close()

    async def test_many_half_open_registrations_hurt_nobody(
        self, start_gateway: StartGateway, enter: Enter
    ) -> None:
        running = await start_gateway(irc=("127.0.0.1", 0), lobby=False)
        crowd = [await IrcPeer.connect(*running.gateway.irc[0]) for _ in range(200)]
        for each in crowd:
            await each.say("CAP LS 302", "NICK x")
        dana = await enter(running, "dana")
        await dana.caught_up()
        await asyncio.gather(*(each.close() for each in crowd))
