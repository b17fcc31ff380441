import asyncio
import errno
import socket

import pytest

from client.dial import Dialer, _explained, connect
from client.errors import CannotConnect, Ended, Refused
from tests.support.deadlines import within
from tests.support.network import names, silent
from tests.unit.client.fake_gateway import FakeGateway
from wire.frames import Bye, Error, Hello
from wire.reasons import CROWDED, FOREIGN, IDLE, REPLACED, SHUTDOWN


async def dial(gateway, **arguments):
    return asyncio.create_task(connect(gateway.host, gateway.port, name="dana", **arguments))


async def test_the_hello_is_the_first_thing_said(gateway, join):
    connecting = await dial(gateway)
    peer = await gateway.peer()
    hello = await peer.welcome()
    assert hello == Hello(v=1, name="dana", client=hello.client, seq=1)
    assert hello.client.startswith("chatctl")
    chat = await connecting
    assert (chat.name, chat.welcome.gateway, chat.ended) == ("dana", "g1", None)
    chat.end(IDLE)


async def test_a_silent_address_is_not_waited_for(gateway, monkeypatch):
    with silent() as nobody:
        names(monkeypatch, two=[nobody, None])
        connecting = asyncio.create_task(connect("two.test", gateway.port, name="dana"))
        async with asyncio.timeout(within(3)):
            await (await gateway.peer()).welcome()
        (await connecting).end(IDLE)


async def test_a_resumed_session_shows_its_token_and_counts_on(join):
    first, peer = await join()
    sending = asyncio.create_task(first.send("one"))
    one = await peer.acknowledge()
    await sending
    first.end(IDLE)

    connecting = asyncio.create_task(join(resume=first))
    second, peer = await connecting
    sending = asyncio.create_task(second.send("two"))
    two = await peer.acknowledge()
    assert one.seq < peer.hello.seq < two.seq
    await sending
    assert second.session is first.session


async def test_a_session_that_is_no_longer_known_is_a_new_one(join):
    first, _ = await join()
    first.end(IDLE)
    second, _ = await join(resume=first, welcome={"resumed": False})
    assert second.session is not first.session


async def test_the_token_of_the_earlier_connection_is_in_the_hello(gateway, join):
    first, _ = await join()
    first.end(IDLE)
    connecting = await dial(gateway, resume=first, seen={"lobby": "1-7"})
    hello = await (await gateway.peer()).welcome(resume="token-2")
    assert (hello.resume, hello.seen) == ("token-1", {"lobby": "1-7"})
    second = await connecting
    assert second.welcome.resume == "token-2"
    second.end(IDLE)


async def test_a_refused_hello_is_raised(gateway):
    connecting = await dial(gateway)
    peer = await gateway.peer()
    await peer.expect(Hello)
    peer.tell(Error(code="name_taken", text="somebody is dana already"))
    with pytest.raises(Refused, match="already") as refused:
        await connecting
    assert refused.value.code == "name_taken"
    assert refused.value.may_pass
    assert await peer.request() is None


async def test_a_goodbye_in_place_of_a_welcome(gateway):
    connecting = await dial(gateway)
    (await gateway.peer()).tell(Bye(code="shutdown", text="later", reconnect=True))
    with pytest.raises(Ended, match="later") as ended:
        await connecting
    assert ended.value.reason.reconnect
    assert ended.value.after is None


async def test_a_goodbye_in_place_of_a_welcome_says_when_to_come_back(gateway):
    connecting = await dial(gateway)
    (await gateway.peer()).tell(Bye(*CROWDED, after=7.5))
    with pytest.raises(Ended) as ended:
        await connecting
    assert (ended.value.reason, ended.value.after) == (CROWDED, 7.5)


async def test_the_password_is_in_every_hello(dialer, gateway, second_gateway):
    connecting = asyncio.create_task(dialer())
    assert (await (await gateway.peer()).welcome()).password == "s3cret"
    first = await connecting
    first.end(IDLE)
    connecting = asyncio.create_task(dialer(first))
    hello = await (await second_gateway.peer()).welcome()
    assert (hello.password, hello.resume) == ("s3cret", "token-1")
    (await connecting).end(IDLE)


async def test_a_port_where_nobody_listens_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(CannotConnect) as error:
        await connect("127.0.0.1", port, name="dana")
    assert f"nobody answers at 127.0.0.1:{port} (Connection refused)" in str(error.value)
    assert "chatctl gateway" in str(error.value)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "cannot find the host of chat:1",
        ),
        (OSError(errno.ENETUNREACH, "x"), "nobody answers at chat:1 (Network is unreachable): is"),
        # Where a name has several addresses, asyncio makes one error without a number of all.
        (OSError("Multiple exceptions: [Errno 111], [Errno 111]"), "nobody answers at chat:1: is"),
    ],
)
def test_network_errors_are_explained_in_words(error, text):
    explained = _explained(error, "chat:1", 10.0)
    assert isinstance(explained, CannotConnect)
    assert text in str(explained)


async def test_a_name_that_cannot_be_a_host_is_an_error():
    with pytest.raises(CannotConnect, match="cannot find the host of"):
        await connect("a" * 70 + ".example", 2428, name="dana")


async def test_no_answer_in_time_is_an_error(gateway):
    connecting = await dial(gateway, within=0.05)
    with pytest.raises(CannotConnect, match=r"within 0\.05 s: check the address"):
        await connecting
    peer = await gateway.peer()
    assert isinstance(await peer.request(), Hello)
    assert await peer.request() is None


async def test_a_gateway_that_wants_another_protocol_is_not_the_last_to_be_tried(gateway):
    # TLS, say: another server of the list may be had as it is.
    connecting = await dial(gateway)
    peer = await gateway.peer()
    peer.tell(Bye(FOREIGN.code, "This port speaks TLS, so you must too.", False))
    with pytest.raises(CannotConnect, match="This port speaks TLS"):
        await connecting


async def test_a_server_that_hangs_up_is_not_a_gateway(gateway):
    connecting = await dial(gateway)
    (await gateway.peer()).hang_up()
    with pytest.raises(CannotConnect, match="hung up without a word"):
        await connecting


async def test_after_a_return_a_server_that_hangs_up_may_be_a_load_balancer(gateway, join):
    first, _ = await join()
    first.end(IDLE)
    coming_back = await dial(gateway, resume=first)
    (await gateway.peer()).hang_up()
    with pytest.raises(CannotConnect, match="no gateway is ready there yet"):
        await coming_back


async def test_a_server_with_another_protocol_is_not_a_gateway(gateway):
    connecting = await dial(gateway)
    (await gateway.peer()).write(b"SSH-2.0-OpenSSH_9.6\r\n")
    with pytest.raises(CannotConnect, match="not a chat gateway"):
        await connecting


async def test_giving_up_leaves_no_connection_open(gateway):
    connecting = await dial(gateway)
    peer = await gateway.peer()
    await peer.expect(Hello)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert await peer.request() is None


async def test_a_name_from_a_broken_locale_does_not_break_us(gateway):
    connecting = asyncio.create_task(connect(gateway.host, gateway.port, name="d\udce4na"))
    hello = await (await gateway.peer()).welcome()
    assert hello.name == "d?na"
    (await connecting).end(IDLE)


@pytest.fixture
async def second_gateway():
    async with FakeGateway() as gateway:
        yield gateway


@pytest.fixture
def dialer(gateway, second_gateway):
    return Dialer(
        [(each.host, each.port) for each in (gateway, second_gateway)], "dana", password="s3cret"
    )


async def test_the_first_server_that_answers_is_taken(dialer, gateway, second_gateway):
    connecting = asyncio.create_task(dialer())
    await (await gateway.peer()).welcome()
    (await connecting).end(IDLE)
    await gateway.close()
    connecting = asyncio.create_task(dialer())
    await (await second_gateway.peer()).welcome()
    (await connecting).end(IDLE)


async def test_coming_back_begins_with_the_next_server(dialer, gateway, second_gateway):
    connecting = asyncio.create_task(dialer())
    await (await gateway.peer()).welcome()
    first = await connecting
    first.end(IDLE)
    coming_back = asyncio.create_task(dialer(first, {"lobby": "1-7"}))
    (await second_gateway.peer()).tell(Bye(*SHUTDOWN))  # not there either: so the first again
    hello = await (await gateway.peer()).welcome()
    assert (hello.name, hello.resume, hello.seen) == ("dana", "token-1", {"lobby": "1-7"})
    (await coming_back).end(IDLE)


async def test_after_a_refusal_the_next_server_is_not_asked(dialer, gateway):
    connecting = asyncio.create_task(dialer())
    (await gateway.peer()).tell(Bye(*REPLACED))
    with pytest.raises(Ended):
        await connecting


async def test_if_no_server_answers_the_error_is_about_the_last_one(
    dialer, gateway, second_gateway
):
    await gateway.close()
    await second_gateway.close()
    with pytest.raises(CannotConnect, match=f"nobody answers at 127.0.0.1:{second_gateway.port}"):
        await dialer()


async def test_a_silent_server_is_not_waited_for(gateway, second_gateway, monkeypatch):
    with silent() as nobody:
        dialer = Dialer([nobody, (gateway.host, gateway.port)], "dana")
        connecting = asyncio.create_task(dialer())
        async with asyncio.timeout(within(3)):
            await (await gateway.peer()).welcome()
        first = await connecting
        first.end(IDLE)
        # A client that comes back does not begin with this server: it comes after the last one.
        coming_back = asyncio.create_task(dialer(first))
        async with asyncio.timeout(within(3)):
            await (await gateway.peer()).welcome()
        (await coming_back).end(IDLE)


async def test_an_address_of_ipv6_is_shown_as_it_is_written():
    with pytest.raises(CannotConnect, match=r"\[::1\]:1"):
        await connect("::1", 1, name="dana")


async def test_an_empty_list_of_servers_is_an_error():
    with pytest.raises(ValueError, match="no server"):
        await Dialer([], "dana")()
