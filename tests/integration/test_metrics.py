"""A gateway's metrics as Prometheus reads them: real traffic, a real scrape, a real parser."""

import asyncio
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.backplane.records import GatewayInfo
from gateway.config import AddressLimits, Certificate
from gateway.fleet import presence
from gateway.meters import CLAIMS, DOORSTEP, RESUMES
from tests.support.certificates import authority
from tests.support.deadlines import within
from tests.support.fixtures import Connect, Join, Running, StartGateway
from tests.support.http import ask
from tests.support.servers import Server
from wire.reasons import REASONS, ErrorCode

NAMES = {
    "chat_connections": "gauge",
    "chat_sessions": "gauge",
    "chat_rooms": "gauge",
    "chat_frames_received": "counter",
    "chat_frames_sent": "counter",
    "chat_deliveries": "counter",
    "chat_bytes_received": "counter",
    "chat_bytes_sent": "counter",
    "chat_frames_per_flush": "histogram",
    "chat_publish_to_deliver_seconds": "histogram",
    "chat_backplane_roundtrip_seconds": "histogram",
    "chat_outbox_bytes": "gauge",
    "chat_gaps_found": "counter",
    "chat_gaps_repaired": "counter",
    "chat_claims": "counter",
    "chat_resumes": "counter",
    "chat_ends": "counter",
    "chat_refusals": "counter",
    "chat_doorstep_refusals": "counter",
    "chat_loop_lag_seconds": "histogram",
    "chat_evictions": "counter",
    "chat_redis_full": "counter",
    "chat_swept_users": "counter",
    "chat_backplane_up": "gauge",
    "chat_draining": "gauge",
    "chat_ready": "gauge",
    "chat_info": "gauge",
}
KINDS = {
    "chat_claims": ("outcome", set(CLAIMS)),
    "chat_resumes": ("outcome", set(RESUMES)),
    "chat_ends": ("reason", {reason.code for reason in REASONS}),
    "chat_refusals": ("code", {code.value for code in ErrorCode}),
    "chat_doorstep_refusals": ("reason", set(DOORSTEP)),
}


class Scrape:
    """One scrape of a gateway."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {each.name: each for each in text_string_to_metric_families(text)}

    def value(self, sample: str, **labels: str) -> float:
        """The value of one series, by its full name."""
        (found,) = [
            each.value
            for family in self.families.values()
            for each in family.samples
            if each.name == sample and each.labels == labels
        ]
        return float(found)

    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {
            (each.name, tuple(sorted(each.labels.items())))
            for name, family in self.families.items()
            if name.startswith("chat_")
            for each in family.samples
        }


async def scrape(running: Running) -> Scrape:
    assert running.gateway.http is not None
    got = await ask(running.gateway.http, "/metrics")
    assert got.status == 200
    assert got.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Scrape(got.body)


async def until(running: Running, sample: str, value: float, **labels: str) -> Scrape:
    """Scrape until a series has reached this value."""
    try:
        async with asyncio.timeout(within()):
            while True:
                found = await scrape(running)
                if found.value(sample, **labels) >= value:
                    assert found.value(sample, **labels) == value
                    return found
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{sample} {labels} is not {value}") from None


@pytest.fixture
async def one(start_gateway: StartGateway) -> Running:
    return await start_gateway(http=("127.0.0.1", 0))


@pytest.fixture
async def two(start_gateway: StartGateway) -> Running:
    return await start_gateway(http=("127.0.0.1", 0))


async def test_every_metric_is_there_before_anything_has_happened(one: Running) -> None:
    found = await scrape(one)
    types = {name: each.type for name, each in found.families.items() if name.startswith("chat_")}
    assert types == NAMES
    assert all(each.documentation for each in found.families.values())
    for name, (label, kinds) in KINDS.items():
        assert {each.labels[label] for each in found.families[name].samples} == kinds
    assert found.value("chat_info", gateway=one.gateway.id, version="1.2.3") == 1
    assert found.value("chat_backplane_up") == 1
    assert found.value("chat_draining") == 0
    assert found.value("chat_ready") == 1
    assert found.value("process_cpu_seconds_total") > 0


async def test_rooms_are_counted_while_somebody_here_is_in_them(one: Running, join: Join) -> None:
    assert (await scrape(one)).value("chat_rooms") == 0
    sis = await join(one, "sis")
    await sis.say(op="join", room="dev")
    await sis.expect(op="entered", room="dev")
    assert (await scrape(one)).value("chat_rooms") == 2
    await sis.say(op="leave", room="dev")
    await sis.expect(op="out", room="dev")
    assert (await scrape(one)).value("chat_rooms") == 1


async def test_traffic_is_counted_to_the_byte(one: Running, join: Join) -> None:
    sis, mom, dad = await join(one, "sis"), await join(one, "mom"), await join(one, "dad")
    for peer in (sis, mom):
        await peer.expect(op="joined", name="dad")
    await dad.caught_up()
    before = await scrape(one)
    assert before.value("chat_sessions") == before.value("chat_connections") == 3
    sent = [b'{"op":"send","text":"hi","seq":1}\n', b'{"op":"send","text":"there","seq":2}\n']
    for seq, line in enumerate(sent, 1):
        await sis.throw(line)
        await sis.expect(op="ack", seq=seq)
    for peer in (sis, mom, dad):
        await peer.collect(2, op="msg")
    after = await scrape(one)

    def more(sample: str, **labels: str) -> float:
        return after.value(sample, **labels) - before.value(sample, **labels)

    assert more("chat_frames_received_total") == 2
    assert more("chat_bytes_received_total") == sum(map(len, sent))
    assert more("chat_deliveries_total") == 2 * 3
    assert more("chat_frames_sent_total") == 2 * 3 + 2  # the acks
    assert more("chat_frames_per_flush_sum") == 2 * 3 + 2
    assert more("chat_publish_to_deliver_seconds_count") == 2
    assert more("chat_backplane_roundtrip_seconds_count") >= 2
    assert after.value("chat_outbox_bytes") == 0


async def test_the_bytes_that_peers_read_are_counted(one: Running, connect: Connect) -> None:
    peer = await connect(one)
    await peer.throw(b'{"op":"hello","v":1,"name":"sis"}\n{"op":"quit"}\n')
    got = await asyncio.wait_for(peer._reader.read(), within())
    found = await until(one, "chat_connections", 0)
    assert found.value("chat_bytes_sent_total") == len(got)
    assert found.value("chat_frames_sent_total") == got.count(b"\n")
    assert found.value("chat_ends_total", reason="quit") == 1


async def test_a_private_message_is_delivered_to_two(one: Running, join: Join) -> None:
    sis, mom = await join(one, "sis"), await join(one, "mom")
    await sis.expect(op="joined", name="mom")
    await mom.caught_up()
    before = await scrape(one)
    await sis.say(op="send", text="psst", to=["mom"], seq=1)
    await sis.expect(op="ack")
    await mom.expect(op="msg")
    after = await scrape(one)
    assert after.value("chat_deliveries_total") - before.value("chat_deliveries_total") == 2


async def test_a_gateway_without_listeners_delivers_and_times_nothing(
    one: Running, two: Running, join: Join
) -> None:
    sis, mom = await join(one, "sis"), await join(two, "mom")
    await sis.say(op="send", text="hi", seq=1)
    await mom.expect(op="msg")
    await until(one, "chat_publish_to_deliver_seconds_count", 1)
    found = await scrape(two)
    assert found.value("chat_publish_to_deliver_seconds_count") == 0
    assert found.value("chat_frames_received_total") == 1  # the hello


async def test_claims_resumes_and_ends_are_counted_by_outcome(
    one: Running, connect: Connect, join: Join
) -> None:
    sis = await join(one, "sis")
    await (rival := await connect(one)).say(op="hello", v=1, name="sis", resume="nonsense")
    await rival.expect(op="error", code="name_taken")
    again = await join(one, "sis", **sis.way_back)
    await sis.ended(code="replaced")
    again.vanish()
    await until(one, "chat_ends_total", 1, reason="connection_lost")
    third = await join(one, "sis", **again.way_back)
    await third.say(op="quit")
    await third.ended(code="quit")
    found = await until(one, "chat_ends_total", 1, reason="quit")
    for outcome in ("granted", "taken", "resumed", "returned"):
        assert found.value("chat_claims_total", outcome=outcome) == 1
    for outcome in ("resumed", "returned", "stranger"):
        assert found.value("chat_resumes_total", outcome=outcome) == 1
    assert found.value("chat_ends_total", reason="replaced") == 1
    assert found.value("chat_refusals_total", code="name_taken") == 1


async def test_refusals_are_counted_by_their_code(one: Running, join: Join) -> None:
    sis = await join(one, "sis")
    await sis.throw(b'nonsense\n{"op":"dance"}\n{"op":"send","text":""}\n')
    await sis.collect(3, op="error")
    found = await scrape(one)
    for code in ("bad_json", "unknown_op", "empty_text"):
        assert found.value("chat_refusals_total", code=code) == 1


async def test_an_eviction_is_counted(start_gateway: StartGateway, join: Join) -> None:
    one = await start_gateway(http=("127.0.0.1", 0), idle=0.2)
    sis = await join(one, "sis")
    await sis.ended(code="idle")
    found = await scrape(one)
    assert found.value("chat_evictions_total") == 1
    assert found.value("chat_ends_total", reason="idle") == 1


@pytest.fixture
def swept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LEASE_EVERY", 0.05)
    monkeypatch.setattr(presence, "SWEEP_AFTER", 0.0)


@pytest.mark.usefixtures("swept_at_once")
async def test_users_of_a_dead_gateway_are_counted_by_the_gateway_that_sweeps_them(
    one: Running,
    two: Running,
    join: Join,
    valkey: Server,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await join(one, "sis"), await join(one, "mom")
    alive = asyncio.Event()
    renew_lease = one.gateway.backplane.renew_lease

    async def renewed_when_alive() -> bool:
        await alive.wait()
        return await renew_lease()

    with valkey.client() as client:
        await one.gateway.presence.verify()  # no renewal is under way
        one.gateway.presence.doubt()
        monkeypatch.setattr(one.gateway.backplane, "renew_lease", renewed_when_alive)
        client.delete(f"{prefix}:{{users}}:lease:{one.gateway.id}")
        await until(two, "chat_swept_users_total", 2)
    alive.set()


async def test_a_repaired_hole_is_counted_as_found_and_as_repaired(
    one: Running, join: Join, valkey: Server, prefix: str
) -> None:
    sis = await join(one, "sis")
    with valkey.client() as client:
        channel = f"{prefix}:{{room:lobby}}:live"
        # As another gateway would publish it, after a message that this one has not heard.
        await sis.say(op="send", text="first", seq=1)
        id = (await sis.expect(op="ack"))["id"]
        epoch, n = id.split("-")
        client.xadd(f"{prefix}:{{room:lobby}}:log", {"d": _line("lost"), "t": "1"}, f"{epoch}-*")
        client.xadd(f"{prefix}:{{room:lobby}}:log", {"d": _line("next"), "t": "1"}, f"{epoch}-*")
        n1, n2 = f"{epoch}-{int(n) + 1}", f"{epoch}-{int(n) + 2}"
        client.execute_command("SPUBLISH", channel, f"{n1} {n2}\n{{}}\n")
    await sis.expect(op="msg", text="lost")
    await sis.expect(op="msg", text="next")
    found = await until(one, "chat_gaps_repaired_total", 1)
    assert found.value("chat_gaps_found_total") == 1


def _line(text: str) -> str:
    return f'{{"op":"msg","from":"dad","room":"lobby","text":"{text}"}}\n'


async def test_a_refusal_at_a_crowded_door_is_counted(
    start_gateway: StartGateway, connect: Connect
) -> None:
    limits = AddressLimits(connections=1, connects=None, exempt=())
    one = await start_gateway(http=("127.0.0.1", 0), address_limits=limits)
    await connect(one)
    await (await connect(one)).ended(code="crowded")
    found = await scrape(one)
    assert found.value("chat_doorstep_refusals_total", reason="crowded") == 1
    assert found.value("chat_connections") == 1


async def test_a_missing_proxy_header_is_counted(
    start_gateway: StartGateway, connect: Connect
) -> None:
    networks = (ip_network("127.0.0.0/8"),)
    one = await start_gateway(http=("127.0.0.1", 0), proxies=networks)
    peer = await connect(one)
    await peer.say(op="hello", v=1, name="sis")
    await peer.disconnected()
    await until(one, "chat_doorstep_refusals_total", 1, reason="proxy")


async def test_a_failed_handshake_is_counted(
    start_gateway: StartGateway, connect: Connect, tmp_path: Path
) -> None:
    chain, key = authority(tmp_path).issue()
    one = await start_gateway(http=("127.0.0.1", 0), certificate=Certificate(str(chain), str(key)))
    peer = await connect(one)
    await peer.say(op="hello", v=1, name="sis")
    await peer.disconnected()
    await until(one, "chat_doorstep_refusals_total", 1, reason="tls")


async def test_the_lag_of_the_loop_is_measured(one: Running) -> None:
    before = await scrape(one)
    async with asyncio.timeout(within()):
        while True:
            after = await scrape(one)
            counts = [each.value("chat_loop_lag_seconds_count") for each in (before, after)]
            if counts[1] > counts[0]:
                break
            await asyncio.sleep(0.05)


async def test_the_metrics_show_that_redis_is_away_and_that_the_gateway_drains(
    one: Running, valkey: Server
) -> None:
    one.gateway.shutdown.draining = True
    one.gateway.backplane._store.give_up()  # type: ignore[attr-defined]
    one.gateway.backplane._store._lost()  # type: ignore[attr-defined]
    found = await scrape(one)
    assert found.value("chat_draining") == 1
    assert found.value("chat_ready") == 0
    assert found.value("chat_backplane_up") == 0
    one.gateway.shutdown.draining = False
    await until(one, "chat_backplane_up", 1)


async def test_people_and_rooms_do_not_make_series(one: Running, join: Join) -> None:
    before = (await scrape(one)).series()
    for number in range(20):
        peer = await join(one, f"somebody-{number}")
        await peer.say(op="send", text="hi", seq=1)
        await peer.say(op="send", text="hi", room=f"room-{number}", seq=2)
        await peer.say(op=f"dance-{number}")
        await peer.collect(2, op="error")
    found = await scrape(one)
    assert found.series() == before
    assert len(before) < 250
    assert "somebody" not in found.text
    assert "127.0.0.1" not in found.text


async def test_promtool_finds_nothing_wrong(one: Running) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("this machine has no promtool")
    found = await scrape(one)
    own = "\n".join(line for line in found.text.splitlines() if "chat_" in line) + "\n"
    done = await asyncio.to_thread(
        subprocess.run,
        [promtool, "check", "metrics"],
        input=own,
        capture_output=True,
        text=True,
        timeout=within(30),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_the_lease_has_the_gateways_status(
    one: Running, join: Join, valkey: Server, prefix: str
) -> None:
    await join(one, "sis")
    await one.gateway.backplane.renew_lease()
    with valkey.client() as client:
        key = f"{prefix}:{{users}}:lease:{one.gateway.id}"
        value: Any = client.get(key)
    info = msgspec.json.decode(value, type=GatewayInfo)
    assert info.listen == f"127.0.0.1:{one.port}"
    assert (info.connections, info.sessions, info.received) == (1, 1, 1)
    assert info.delivered >= 1
    assert info.at >= info.since > 0
    assert (info.version, info.draining) == ("1.2.3", False)
    assert info.host
