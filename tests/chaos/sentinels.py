"""A Redis, its replica, and three Sentinels that watch over them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import redis

from tests.chaos.processes import STARTED_WITHIN, Process
from tests.support import servers

MASTER = "chat"

QUORUM = 2
SENTINELS = 3

SETTINGS = """
bind 127.0.0.1
port {port}
dir {folder}
sentinel monitor {name} 127.0.0.1 {master} {quorum}
sentinel down-after-milliseconds {name} 1000
sentinel failover-timeout {name} 3000
"""


class Watched:
    """The servers.

    Attributes:
        url: the URL for a gateway.
        master: the process that is the master at first.
    """

    def __init__(self, url: str, master: Process, ports: tuple[int, int]) -> None:
        self.url = url
        self.master = master
        self._ports = ports

    async def leave_replica_behind(self) -> None:
        """Let the replica catch up, and then cut it off from the master."""
        with contextlib.ExitStack() as stack:
            master, replica = (
                stack.enter_context(redis.Redis(port=port, protocol=2, socket_timeout=1))
                for port in self._ports
            )
            offset = master.info("replication")["master_repl_offset"]
            async with asyncio.timeout(STARTED_WITHIN):
                while replica.info("replication")["slave_repl_offset"] < offset:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            master.acl_setuser("default", enabled=True, commands=["-psync", "-sync"])
            master.execute_command("CLIENT", "KILL", "TYPE", "replica")


@contextlib.asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Watched]:
    """Start them; returns when the replica can take over."""
    master_port, replica_port, *ports = servers.free_ports(2 + SENTINELS)
    with contextlib.ExitStack() as stack:

        def start(name: str, *arguments: str) -> Process:
            process = Process(servers.valkey(), *arguments, log=folder / f"{name}.log")
            stack.callback(process.kill)
            return process

        alike = ("--bind", "127.0.0.1", "--dir", str(folder), "--save", "")
        # Without this a replica would wait for others before its first sync, and be late.
        alike += ("--repl-diskless-sync-delay", "0")
        master = start("master", "--port", str(master_port), *alike)
        await _until(master_port, redis.Redis.ping)
        follow = ("--replicaof", f"127.0.0.1 {master_port}")
        start("replica", "--port", str(replica_port), *alike, *follow)
        await _until(replica_port, _is_in_step)
        for port in ports:
            settings = folder / f"sentinel-{port}.conf"
            settings.write_text(
                SETTINGS.format(
                    port=port, folder=folder, name=MASTER, master=master_port, quorum=QUORUM
                )
            )
            start(f"sentinel-{port}", str(settings), "--sentinel")
        for port in ports:
            await _until(port, _could_fail_over)
        addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield Watched(f"redis+sentinel://{addresses}/{MASTER}", master, (master_port, replica_port))


def _is_in_step(replica: redis.Redis) -> bool:
    return replica.info("replication")["master_link_status"] == "up"


def _could_fail_over(sentinel: redis.Redis) -> bool:
    master = sentinel.sentinel_master(MASTER)
    replicas = sentinel.sentinel_slaves(MASTER)
    return (
        master["num-other-sentinels"] == SENTINELS - 1
        and len(replicas) == 1
        and replicas[0]["flags"] == "slave"
        and replicas[0]["master-link-status"] == "ok"
    )


async def _until(port: int, met: Callable[[redis.Redis], bool]) -> None:
    async with asyncio.timeout(STARTED_WITHIN):
        with redis.Redis(port=port, protocol=2, socket_timeout=1) as there:
            while True:
                with contextlib.suppress(redis.RedisError):  # it does not answer yet
                    if met(there):
                        return
                await asyncio.sleep(0.05)
