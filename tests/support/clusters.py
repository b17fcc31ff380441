"""A real Redis Cluster: three masters, and a replica of each."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.support.deadlines import within
from tests.support.servers import Server, free_ports, running

MASTERS = 3

NODE_TIMEOUT_MS = 1500
"""Milliseconds after which a server counts as dead, and its replica takes over."""


@dataclass(frozen=True)
class ClusterOfServers:
    """A running cluster.

    Attributes:
        servers: its servers; the first three were its masters at the start.
        encrypted: ports with TLS of three of them, if they have some.
        drop: as in `Server`, which it can stand in for.
    """

    servers: list[Server]
    encrypted: list[int] = field(default_factory=list)
    drop: None = None

    @property
    def url(self) -> str:
        """A URL that names three of its servers."""
        return "redis+cluster://" + ",".join(
            each.url.partition("://")[2] for each in self.servers[:3]
        )

    def client(self) -> redis.Redis:
        """A client for commands with keys, on whichever server."""
        nodes = [redis.cluster.ClusterNode("127.0.0.1", _port(each)) for each in self.servers]
        client = redis.RedisCluster(startup_nodes=nodes, protocol=2, decode_responses=True)
        everywhere = redis.RedisCluster.PRIMARIES
        client.keys = partial(client.keys, target_nodes=everywhere)
        client.scan_iter = partial(client.scan_iter, target_nodes=everywhere)
        return client

    def masters(self) -> list[Server]:
        """The servers that are masters now, and answer."""
        return [each for each in self.servers if _role(each) == "master"]

    def replica_of(self, master: Server) -> Server:
        """The replica of a master."""
        with master.client() as client:
            own = client.execute_command("CLUSTER", "MYID")
            [line] = client.execute_command("CLUSTER", "REPLICAS", own)
        port = int(line.split()[1].partition("@")[0].rpartition(":")[2])
        return next(each for each in self.servers if _port(each) == port)

    def server_of(self, key: str) -> Server:
        """The master that has a key."""
        slot = key_slot(key.encode())
        for master in self.masters():
            with master.client() as client:
                own = client.execute_command("CLUSTER", "MYID")
                for first, last, (_, _, id, *_), *_ in client.execute_command("CLUSTER", "SLOTS"):
                    if first <= slot <= last and id == own:
                        return master
        raise AssertionError(f"no server has {key}")

    def kill_connections(self, *names: str) -> None:
        """End the connections that have these client names, on every server."""
        for server in self.servers:
            with server.client() as client:
                for each in client.client_list():
                    if each["name"] in names:
                        client.client_kill_filter(_id=each["id"])

    def move(self, key: str, pause: Callable[[], None] = lambda: None) -> None:
        """Carry the slot of a key to another master, one key after the other.

        Args:
            key: the key.
            pause: called when the move has begun, and after each key that was carried over.
        """
        slot = key_slot(key.encode())
        source = self.server_of(key)
        target = next(each for each in self.masters() if each is not source)
        with source.client() as old, target.client() as new:
            ids = [each.execute_command("CLUSTER", "MYID") for each in (old, new)]
            new.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
            old.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
            pause()
            while keys := old.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
                old.migrate("127.0.0.1", _port(target), keys, 0, 5000)
                pause()
            new.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
            old.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
            for each in self.masters():
                with each.client() as client:
                    client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])

    def fail_over(self, master: Server) -> None:
        """Let the replica of a master take over from it, without losing anything."""
        replica = self.replica_of(master)
        with replica.client() as client:
            client.execute_command("CLUSTER", "FAILOVER")
        _until(lambda: (_role(replica), _role(master)) == ("master", "slave"))

    def kill(self, server: Server) -> None:
        """End a server, as if its machine had gone."""
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)


@contextlib.contextmanager
def cluster(binary: str, *options: str, tls: Sequence[str] = ()) -> Iterator[ClusterOfServers]:
    """Run a cluster of six servers of Redis or Valkey.

    Args:
        binary: the program.
        options: more options for each server.
        tls: options for TLS; then each server has a port with TLS, too.
    """
    ports = free_ports(4 * MASTERS)
    encrypted = free_ports(2 * MASTERS) if tls else [0] * 2 * MASTERS
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(
                running(
                    binary,
                    *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
                    *("--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
                    *("--repl-diskless-sync-delay", "0", "--cluster-allow-replica-migration", "no"),
                    *options,
                    *(("--tls-port", str(own), "--tls-cluster", "yes", *tls) if tls else ()),
                    port=port,
                )
            )
            for port, bus, own in zip(ports[::2], ports[1::2], encrypted, strict=True)
        ]
        _join(servers, encrypted[0] or ports[0], ports[1])
        yield ClusterOfServers(servers, encrypted[:MASTERS])


def _join(servers: list[Server], port: int, bus: int) -> None:
    clients = [server.client() for server in servers]
    size = REDIS_CLUSTER_HASH_SLOTS // MASTERS
    for number, client in enumerate(clients):
        client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        if number:
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        if number < MASTERS:
            last = (
                REDIS_CLUSTER_HASH_SLOTS - 1 if number == MASTERS - 1 else (number + 1) * size - 1
            )
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * size, last)
    for client in clients:
        _until(lambda client=client: _knows_all(client))
    for number, client in enumerate(clients[MASTERS:]):
        client.execute_command(
            "CLUSTER", "REPLICATE", clients[number].execute_command("CLUSTER", "MYID")
        )
    for client in clients:
        _until(lambda client=client: _is_ready(client))
        client.close()


def _knows_all(client: redis.Redis) -> bool:
    known = client.execute_command("CLUSTER", "NODES")
    lines = known.splitlines() if isinstance(known, str) else known
    return len(lines) == 2 * MASTERS


def _is_ready(client: redis.Redis) -> bool:
    state = client.execute_command("CLUSTER", "INFO")
    info = client.info("replication")
    linked = info["role"] == "master" or info["master_link_status"] == "up"
    replicas = sum(len(found) - 3 for found in client.execute_command("CLUSTER", "SLOTS"))
    return bool("cluster_state:ok" in state and linked and replicas == MASTERS)


def _role(server: Server) -> str:
    try:
        with server.client() as client:
            return str(client.info("replication")["role"])
    except redis.ConnectionError:
        return "dead"


def _port(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + within(20)
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
