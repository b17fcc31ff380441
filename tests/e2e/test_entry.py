"""Signals: a new certificate and a drain. Also several gateways on one port."""

import asyncio
import json
import shutil
import signal
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis

from gateway.backplane.keys import Keys
from tests.e2e.processes import GatewayProcess, StartGateway
from tests.support.certificates import Authority
from tests.support.deadlines import eventually, within
from tests.support.peer import Peer
from tests.support.servers import Server


@pytest.fixture
def look(valkey: Server) -> Iterator[redis.Redis]:
    with valkey.client() as client:
        yield client


class TestCertificates:
    @pytest.fixture
    def files(self, ca: Authority, tmp_path: Path) -> tuple[Path, Path]:
        """The paths of the gateway's certificate and key."""
        files = tmp_path / "chain.pem", tmp_path / "key.pem"
        self.put(ca.issue(), files)
        return files

    def put(self, made: tuple[Path, Path], files: tuple[Path, Path]) -> None:
        for source, target in zip(made, files, strict=True):
            shutil.copy(source, target)

    async def until_logged(self, log: Path, text: str) -> None:
        await eventually(lambda: text in log.read_text())

    @pytest.fixture
    async def connect(
        self, ca: Authority
    ) -> Callable[[GatewayProcess], Awaitable[tuple[Peer, int]]]:
        async def connect(gateway: GatewayProcess) -> tuple[Peer, int]:
            """Connect; also returns the serial number of the certificate."""
            context = ssl.create_default_context(cafile=str(ca.ca))
            reader, writer = await asyncio.open_connection(
                gateway.host, gateway.port, ssl=context, server_hostname="localhost"
            )
            gateway.peers.append(peer := Peer(reader, writer))
            shown = writer.get_extra_info("ssl_object").getpeercert()
            return peer, int(shown["serialNumber"], 16)

        return connect

    @pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
    async def test_new_connections_get_a_new_certificate_and_nobody_is_disconnected(
        self,
        start_gateway: StartGateway,
        ca: Authority,
        files: tuple[Path, Path],
        connect: Callable[[GatewayProcess], Awaitable[tuple[Peer, int]]],
        tmp_path: Path,
        loop: str,
    ) -> None:
        log = tmp_path / "log"
        gateway = await start_gateway(
            *("--loop", loop, "--tls-cert", str(files[0]), "--tls-key", str(files[1])), log=log
        )
        dana, first = await connect(gateway)
        await dana.hello("dana")
        self.put(ca.issue(), files)
        # It is read only when told to.
        assert (await connect(gateway))[1] == first
        gateway.signal(signal.SIGHUP)
        await self.until_logged(log, "certificate reloaded")
        sis, second = await connect(gateway)
        assert second != first
        await sis.hello("sis")
        await sis.say(op="send", text="do you hear me? @dana", seq=1)
        await dana.expect(op="msg", text="do you hear me? @dana")

        files[0].write_text("no certificate")
        gateway.signal(signal.SIGHUP)
        await self.until_logged(log, "certificate not reloaded")
        assert str(files[0]) in log.read_text()
        mom, third = await connect(gateway)
        assert third == second
        await mom.hello("mom")
        await dana.expect(op="joined", name="mom")

    async def test_without_a_certificate_there_is_nothing_to_reload(
        self, start_gateway: StartGateway
    ) -> None:
        gateway = await start_gateway("--drain", "off")
        dana = await gateway.join("dana")
        gateway.signal(signal.SIGHUP)
        await dana.caught_up()
        gateway.signal(signal.SIGTERM)
        await dana.ended(code="shutdown")
        assert await gateway.exit_code() == 0


class TestDraining:
    NAMES = tuple(f"n{number}" for number in range(6))

    async def full(self, gateway: GatewayProcess, watcher: Peer) -> list[Peer]:
        people = [await gateway.join(name) for name in self.NAMES]
        for name in self.NAMES:
            await watcher.expect(op="joined", name=name)
        return people

    async def test_people_go_one_by_one_and_the_others_go_on_talking(
        self, start_gateway: StartGateway, look: redis.Redis, prefix: str
    ) -> None:
        one, two = await start_gateway("--drain", "1h"), await start_gateway()
        watcher = await two.join("watcher")
        people = await self.full(one, watcher)
        one.signal(signal.SIGTERM)
        # The first goes at once, the second after ten minutes.
        endings = [asyncio.create_task(each.ended(code="shutdown")) for each in people]
        async with asyncio.timeout(within()):
            await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        [gone] = [peer for peer, end in zip(people, endings, strict=True) if end.done()]
        assert (gone.seen[-1]["reconnect"], gone.seen[-1]["after"]) == (True, 0.0)
        with pytest.raises(OSError):
            await Peer.connect(one.host, one.port)
        await watcher.say(op="send", text="who is left?", seq=1)
        await eventually(lambda: all(p.told(op="msg") for p in people if p is not gone))
        id = people[0].seen[0]["gateway"]
        assert json.loads(str(look.get(Keys(prefix).lease(id))))["draining"] is True
        again = await two.join(gone.name, **gone.way_back)
        await again.caught_up()
        # A second signal ends the drain at once.
        one.signal(signal.SIGTERM)
        await asyncio.gather(*endings)
        assert await one.exit_code() == 0
        for peer in people:
            if peer is not gone:
                await two.join(peer.name, **peer.way_back)
        await watcher.caught_up()
        assert watcher.told(op="left") == []
        assert len(watcher.told(op="joined", name=gone.name)) == 1

    async def test_an_operators_order_does_the_same(
        self, start_gateway: StartGateway, look: redis.Redis, prefix: str
    ) -> None:
        one, two = await start_gateway("--drain", "200ms"), await start_gateway()
        watcher = await two.join("watcher")
        people = await self.full(one, watcher)
        channel = Keys(prefix).control_channel(people[0].seen[0]["gateway"])
        assert look.execute_command("SPUBLISH", channel, "drain ") == 1
        for peer in people:
            await peer.ended(code="shutdown", reconnect=True)
        assert await one.exit_code() == 0
        for peer in people:
            await two.join(peer.name, **peer.way_back)
        await watcher.caught_up()
        assert watcher.told(op="left") == []


class TestOnePort:
    async def test_gateways_share_a_port_if_all_ask_for_it(
        self, start_gateway: StartGateway
    ) -> None:
        one = await start_gateway("--reuse-port")
        two = await start_gateway("--reuse-port", "--listen", one.address)
        assert two.address == one.address
        gateways = set()
        for number in range(200):  # the kernel chooses
            peer = await Peer.connect(one.host, one.port)
            one.peers.append(peer)
            gateways.add((await peer.hello(f"n{number}"))["gateway"])
            if len(gateways) == 2:
                break
        assert len(gateways) == 2
        # When one has ended, the other gets all connections.
        one.signal(signal.SIGINT)
        assert await one.exit_code() == 0
        for number in range(10):
            await two.join(f"later{number}")
