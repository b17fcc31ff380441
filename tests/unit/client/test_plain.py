import asyncio
import os
import signal

import pytest

from client.errors import Ended
from client.plain import PlainClient
from tests.unit.client.rejoin import Rejoin, close, lasting_chat
from tests.unit.client.written import Written
from wire.frames import (
    Ack,
    Bye,
    Changed,
    Entered,
    Error,
    Gap,
    Join,
    ListRooms,
    Notice,
    Out,
    Quit,
    Room,
    RoomList,
    Send,
    User,
    Users,
    Who,
)
from wire.limits import Limits
from wire.reasons import BANNED, CROWDED, FLOOD, IDLE, KICKED, SHUTDOWN


class Running:
    """A plain client that runs, and all around it."""

    def __init__(self, join, gateway):
        self.join = join
        self.gateway = gateway
        self.source, self._into = os.pipe()
        self.out, self.err = Written(), Written()

    async def start(self, *, typed=False, limits=None, to=None, rooms=("lobby",)):
        welcome = {"limits": limits, "rooms": list(rooms)}
        connection, self.peer = await self.join("bob", welcome=welcome)
        self.rejoin = Rejoin(self.join)
        self.chat = await lasting_chat(connection, self.rejoin).__aenter__()
        self.client = PlainClient(
            self.chat,
            source=self.source,
            typed=typed,
            to=to,
            room=rooms[0] if rooms else None,
            out=self.out,
            err=self.err,
        )
        self.running = asyncio.create_task(self.client.run())

    def type(self, text):
        os.write(self._into, text.encode())

    def end(self):
        if self._into is not None:
            os.close(self._into)
            self._into = None


@pytest.fixture
async def plain(join, gateway):
    plain = Running(join, gateway)
    yield plain
    plain.running.cancel()
    await asyncio.gather(plain.running, return_exceptions=True)
    await close(plain.chat)
    plain.end()
    os.close(plain.source)


async def test_echo_hi_sends_it_and_leaves(plain):
    await plain.start()
    plain.type("hi\n")
    plain.end()
    assert (await plain.peer.acknowledge()).text == "hi"
    await plain.peer.farewell()
    assert await plain.running == 0
    assert plain.out.getvalue() == plain.err.getvalue() == ""


async def test_it_does_not_leave_before_the_last_line_is_acknowledged(plain):
    await plain.start()
    plain.type("hi\n")
    plain.end()
    send = await plain.peer.expect(Send)
    plain.peer.say("meanwhile", sender="sis")
    await plain.out.shows("meanwhile")
    assert not plain.running.done()
    plain.peer.tell(Error(code="bad_text", text="not like this", seq=send.seq))
    await plain.peer.farewell()
    assert await plain.running == 1
    assert plain.err.getvalue() == "! not like this\n· not sent: hi\n"


async def test_a_file_is_sent_whole_and_in_order_however_slow_the_gateway(plain):
    await plain.start()
    lines = [f"line {number}" for number in range(100)]
    plain.type("\n".join(lines))
    plain.end()
    sent, attempts = [], 0
    while len(sent) < len(lines):
        send = await plain.peer.expect(Send)
        attempts += 1
        if attempts % 3 == 0:
            plain.peer.tell(Error(code="slow_down", text="!", seq=send.seq, retry_after=0.0))
        else:
            sent.append(send.text)
            plain.peer.tell(Ack(seq=send.seq, id="1-1", room="lobby"))
    assert sent == lines
    await plain.peer.farewell()
    assert await plain.running == 0


async def test_events_go_to_stdout_and_notices_and_errors_to_stderr(plain):
    await plain.start()
    plain.peer.say("hello \x1b[31m", sender="sis")
    plain.peer.tell(Notice(code="redis_away", text="wait"), Error(code="bad_json", text="what?"))
    await plain.err.shows("what?")
    assert plain.out.getvalue().endswith(" sis: hello \ufffd[31m\n")
    assert plain.err.getvalue() == "· wait\n! what?\n"


async def test_blank_lines_are_nothing_to_say(plain):
    await plain.start()
    plain.type("\n  \n\u200b\nhi\n")
    plain.end()
    assert (await plain.peer.acknowledge()).text == "hi"
    await plain.peer.farewell()
    assert await plain.running == 0


async def test_in_a_pipe_a_private_message_is_private_and_two_slashes_are_one(plain):
    await plain.start()
    plain.type("/msg sis secret\n//etc\n")
    plain.end()
    send = await plain.peer.acknowledge(to=["sis"])
    assert (send.text, send.to) == ("secret", ["sis"])
    send = await plain.peer.acknowledge()
    assert (send.text, send.to) == ("/etc", None)
    await plain.peer.farewell()
    assert await plain.running == 0


@pytest.mark.parametrize(
    "line",
    [
        "/quit",
        "/who",
        "/help",
        "/nick bob",
        "/etc",
        "!msg sis hi",
        "/msg sis",
        "/go dev",
        "/delete",
        "/reply yes",
        "/react :+1:",
        "/history",
        "/away",
    ],
)
async def test_in_a_pipe_every_other_command_is_refused_and_given_back(plain, line):
    await plain.start()
    plain.type(f"{line}\nhi\n")
    plain.end()
    assert (await plain.peer.acknowledge()).text == "hi"
    await plain.peer.farewell()
    assert await plain.running == 1
    assert f"· not sent: {line}\n" in plain.err.getvalue()


async def test_with_fixed_recipients_every_line_goes_to_them_only(plain):
    await plain.start(to=("sis", "mom"))
    plain.type("secret @dad\n//etc\n/msg dad hi\n")
    plain.end()
    for text in ("secret @dad", "/etc"):
        send = await plain.peer.acknowledge(to=["sis"])
        assert (send.text, send.to) == (text, ["sis", "mom"])
    await plain.peer.farewell()
    assert await plain.running == 1
    assert "! everything goes to sis, mom only: not sent" in plain.err.getvalue()


async def test_a_person_may_type_commands(plain):
    await plain.start(typed=True)
    plain.type("/msg sis hi\n")
    assert (await plain.peer.acknowledge(to=["sis"])).to == ["sis"]
    plain.type("/who\n")
    who = await plain.peer.request()
    assert isinstance(who, Who)
    sis = User(name="sis", gateway="g1", since=0, idle=0.0)
    plain.peer.tell(Users(users=[sis], seq=who.seq))
    await plain.out.shows("· 1 here: sis\n")
    plain.type("/nonsense\n")
    await plain.err.shows("there is no /nonsense")
    plain.type("/quit\n")
    await plain.peer.farewell()
    assert await plain.running == 0


async def test_a_sender_is_told_who_was_absent(plain):
    await plain.start()
    plain.type("hi @mmo\n")
    await plain.peer.acknowledge(room="lobby", absent=["mmo"])
    await plain.err.shows("nobody named @mmo is here: sent to everyone")


async def test_an_idle_goodbye_is_shown_and_is_not_a_failure(plain):
    await plain.start()
    plain.peer.tell(Bye(*IDLE))
    assert await plain.running == 0
    assert plain.out.getvalue() == "Bye!\n"


@pytest.mark.parametrize("reason", [FLOOD, KICKED, BANNED])
async def test_a_bad_goodbye_is_a_failure(plain, reason):
    await plain.start()
    plain.peer.tell(Bye(*reason))
    assert await plain.running == 1
    assert plain.err.getvalue() == f"! {reason.text}\n"
    assert plain.rejoin.earlier == []


async def test_when_a_gateway_is_crowded_it_waits_as_long_as_it_was_told(plain):
    await plain.start()
    plain.rejoin.failures = [Ended(CROWDED, 12.0)]
    plain.type("hi\n")
    plain.end()
    await plain.peer.expect(Send)
    plain.peer.hang_up()
    peer = await plain.rejoin.peers.get()
    assert (await peer.acknowledge()).text == "hi"
    await peer.farewell()
    assert await plain.running == 0
    assert f"· {CROWDED.text} Trying again in 12 s.\n" in plain.err.getvalue()


async def test_a_goodbye_with_something_unsent_is_a_failure(plain):
    await plain.start()
    plain.type("one\ntwo\n")
    await plain.peer.expect(Send)
    plain.peer.tell(Bye(*IDLE))
    assert await plain.running == 1
    assert "not confirmed, may not have been sent: one" in plain.err.getvalue()


async def test_it_comes_back_and_nothing_is_lost_or_told_twice(plain):
    await plain.start()
    plain.type("one\ntwo\n")
    plain.end()
    plain.peer.say("hello", id="1-7")
    sent = await plain.peer.expect(Send)
    plain.peer.tell(Bye(*SHUTDOWN))
    peer = await plain.rejoin.peers.get()
    peer.say("hello", id="1-7")
    peer.tell(Gap(room="lobby", after="1-7", text="-"))
    peer.say("you missed this", id="1-9")
    assert await peer.acknowledge() == sent
    assert (await peer.acknowledge()).text == "two"
    await peer.farewell()
    assert await plain.running == 0
    assert plain.err.getvalue().splitlines() == [
        f"· {SHUTDOWN.text} Reconnecting...",
        "· back again, on g1",
    ]
    hello, gap, missed = plain.out.getvalue().splitlines()
    assert hello.endswith("sis: hello")
    assert gap == "··· some messages are missing here ···"
    assert missed.endswith("sis: you missed this")


async def test_a_line_that_is_too_long_is_told_and_the_others_are_sent(plain):
    await plain.start(limits=Limits(line=300))
    plain.type("x" * 400 + "\nshort\n")
    plain.end()
    assert (await plain.peer.acknowledge()).text == "short"
    await plain.peer.farewell()
    assert await plain.running == 1
    assert "too long" in plain.err.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_leaves_cleanly(plain, number):
    await plain.start()
    plain.type("hi\n")
    await plain.peer.acknowledge()
    os.kill(os.getpid(), number)
    assert isinstance(await plain.peer.request(), Quit)
    plain.peer.hang_up()
    assert await plain.running == 128 + number


async def test_output_that_nobody_reads_ends_it(plain):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as out:
        plain.out = out
        await plain.start()
        os.close(reader)
        plain.peer.say("hello")
        await plain.peer.farewell()
        assert await plain.running == 1


async def test_output_that_cannot_be_written_is_a_failure_but_everything_is_sent(plain):
    with os.fdopen(os.open("/dev/full", os.O_WRONLY), "w") as out:
        plain.out = out
        await plain.start()
        plain.peer.say("hello")
        await plain.err.shows("cannot write the output: No space left on device")
        plain.type("one\n")
        plain.end()
        assert (await plain.peer.acknowledge()).text == "one"
        await plain.peer.farewell()
        assert await plain.running == 1


async def test_input_that_cannot_be_read_is_a_failure(plain):
    os.close(plain.source)
    plain.source = os.open(os.devnull, os.O_WRONLY)
    await plain.start()
    await plain.peer.farewell()
    assert await plain.running == 1
    assert "cannot read the input: Bad file descriptor" in plain.err.getvalue()


async def test_lines_that_are_pasted_are_not_sent_before_an_enter_that_comes_alone(plain):
    await plain.start(typed=True)
    plain.type("dear sis,\nmy pin is 1234\n")
    await plain.err.shows(
        "· 2 lines at once: Enter sends them as one message, anything else drops them\n"
    )
    plain.type("@sis\nand so on\n")
    await plain.err.shows("· 4 lines at once")
    plain.type("\n")
    assert (await plain.peer.acknowledge()).text == "dear sis,\nmy pin is 1234\n@sis\nand so on"


async def test_lines_that_were_pasted_by_mistake_are_dropped(plain):
    await plain.start(typed=True)
    plain.type("my pin\nis 1234\n")
    await plain.err.shows("· 2 lines at once")
    plain.type("no\n")
    await plain.err.shows("· dropped\n")
    plain.type("hello\n")
    assert (await plain.peer.acknowledge()).text == "hello"


async def test_lines_that_were_pasted_are_not_sent_by_the_end_of_the_input(plain):
    await plain.start(typed=True)
    plain.type("my pin\nis 1234\n")
    await plain.err.shows("· 2 lines at once")
    plain.end()
    await plain.peer.farewell()
    assert await plain.running == 1
    assert plain.err.getvalue().endswith("! the pasted lines were not sent\n")


async def test_of_many_lines_that_are_too_long_the_first_and_their_number_are_reported(plain):
    await plain.start(limits=Limits(line=100))
    for _ in range(1234):
        plain.type("x" * 101 + "\n")
        await asyncio.sleep(0)
    plain.end()
    await plain.peer.farewell()
    assert await plain.running == 1
    assert plain.err.getvalue() == (
        "! a line is too long: not sent\n! 1,234 lines were too long: not sent\n"
    )


async def test_a_long_refused_text_is_quoted_in_part(plain):
    await plain.start()
    plain.type("x" * 4001 + "\n")
    send = await plain.peer.expect(Send)
    plain.peer.tell(Error(code="text_too_long", text="too long", seq=send.seq))
    await plain.err.shows("! too long\n· not sent: ")
    assert plain.err.getvalue().endswith("x" * 200 + "…\n")


async def test_of_many_lines_that_look_like_commands_ten_and_their_number_are_reported(plain):
    await plain.start()
    plain.type("/etc/passwd\n" * 1234)
    plain.end()
    await plain.peer.farewell()
    assert await plain.running == 1
    told = plain.err.getvalue()
    assert told.count("· not sent: /etc/passwd\n") == 10
    assert told.endswith("! 1,224 more lines looked like commands: not sent\n")


class TestRooms:
    async def test_lines_go_to_the_first_room_and_messages_are_marked_with_theirs(self, plain):
        await plain.start(rooms=("dev", "lobby"))
        plain.type("hi\n")
        assert (await plain.peer.acknowledge(room="dev")).room == "dev"
        plain.peer.say("ho", room="dev")
        plain.peer.say("hey")
        await plain.out.shows("sis: hey")
        first, second = plain.out.getvalue().splitlines()
        assert first.endswith(" #dev sis: ho")
        assert "#" not in second

    async def test_after_being_put_out_no_line_goes_elsewhere(self, plain):
        await plain.start(rooms=("dev", "lobby"))
        plain.peer.tell(Out(room="dev", code="kicked", text="You were kicked out."))
        await plain.out.shows("You were kicked out.")
        plain.type("secret\n")
        plain.end()
        send = await plain.peer.expect(Send)
        assert send.room == "dev"
        plain.peer.tell(Error(code="not_in_room", text="you are not in dev", seq=send.seq))
        await plain.peer.farewell()
        assert await plain.running == 1
        assert plain.err.getvalue() == "! you are not in dev\n· not sent: secret\n"

    async def test_nor_does_a_line_that_a_person_types(self, plain):
        await plain.start(rooms=("dev", "lobby"), typed=True)
        plain.peer.tell(Changed(id="1-1", room="dev", by="mom", change="kick", name="bob"))
        plain.peer.tell(Out(room="dev", code="kicked", text="You were kicked out."))
        await plain.err.shows("/join ROOM says where what you type goes now")
        assert plain.out.getvalue() == "· mom kicked you out of #dev\n"
        plain.type("secret\n")
        await plain.err.shows("you are in no room")
        plain.type("/join lobby\n")
        await plain.err.shows("what you type goes to #lobby now")
        plain.type("hi\n")
        assert (await plain.peer.acknowledge()).text == "hi"

    async def test_a_person_joins_and_asks(self, plain):
        await plain.start(typed=True)
        plain.type("/join dev\n")
        request = await plain.peer.expect(Join)
        plain.peer.tell(Entered(room="dev", seen="1-0", people=2, seq=request.seq))
        await plain.out.shows("· you are in #dev (2 people)")
        plain.type("hi\n")
        assert (await plain.peer.acknowledge(room="dev")).room == "dev"
        plain.type("/rooms\n")
        asked = await plain.peer.expect(ListRooms)
        plain.peer.tell(RoomList(rooms=[Room(room="dev", people=2)], seq=asked.seq))
        await plain.out.shows("#dev  2")

    async def test_a_refusal_to_let_us_in_is_shown(self, plain):
        await plain.start(typed=True)
        plain.type("/join dev\n")
        request = await plain.peer.expect(Join)
        plain.peer.tell(Error(code="bad_key", text="join it with its key", seq=request.seq))
        await plain.err.shows("! join it with its key")
        plain.type("hi\n")
        assert (await plain.peer.acknowledge()).room == "lobby"

    async def test_in_a_pipe_a_slow_room_is_waited_for(self, plain):
        await plain.start(rooms=("dev",))
        plain.type("one\n")
        plain.end()
        send = await plain.peer.expect(Send)
        plain.peer.tell(Error(code="slow_down", text="slowly", seq=send.seq, retry_after=10.01))
        await plain.err.shows("! slowly")
        plain.chat.over.set()  # so nobody has to wait that long
        assert (await plain.peer.acknowledge(room="dev")).text == "one"

    async def test_in_a_pipe_commands_about_rooms_are_refused(self, plain):
        await plain.start()
        plain.type("/join dev\n!kick sis\n")
        plain.end()
        await plain.peer.farewell()
        assert await plain.running == 1
        assert plain.err.getvalue().count("· not sent: ") == 2
