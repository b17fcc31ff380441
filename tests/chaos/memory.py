"""Redis loses data while it runs, or comes back with less or none."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from random import Random

from gateway.backplane.keys import Keys
from tests.chaos.lab import PREFIX, Lab
from tests.chaos.lapses import COURT, PEOPLE, PLAZA, VAULT
from wire.frames import LOBBY, PRIVATE

Happen = Callable[[Lab, Random], AbstractAsyncContextManager[None]]

EVERYTHING = (LOBBY, PLAZA, COURT, VAULT, PRIVATE, PEOPLE)

KEYS = Keys(PREFIX)

ROOM_LOG = KEYS.room_log(LOBBY)
PRIVATE_LOGS = f"{KEYS.users}:log*"

# Each is one script, so that no message is posted in the middle of it.
DELETE = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end"
SPOIL = (
    "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do"
    " redis.call('DEL', key) redis.call('RPUSH', key, 'x') end"
)
CLEAR = (
    "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do"
    " if redis.call('TYPE', key).ok == 'list' then redis.call('DEL', key) end end"
)
TRIM = (
    "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('XTRIM', key, 'MAXLEN', 3) end"
)


def forget(script: str, keys: str, *of: str) -> Happen:
    """A fault: a script is run on the keys of a pattern, and data is lost."""

    @contextlib.asynccontextmanager
    async def happen(lab: Lab, dice: Random) -> AsyncIterator[None]:
        with lab.lapse(*of), lab.server.client() as client:
            client.eval(script, 0, keys)
        yield

    return happen


def spoil(keys: str, *of: str) -> Happen:
    """A fault: keys have the wrong type, until somebody deletes them."""

    @contextlib.asynccontextmanager
    async def happen(lab: Lab, dice: Random) -> AsyncIterator[None]:
        with lab.lapse(*of), lab.server.client() as client:
            client.eval(SPOIL, 0, keys)
            try:
                yield
            finally:
                client.eval(CLEAR, 0, keys)

    return happen


@contextlib.asynccontextmanager
async def forget_everything(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """Somebody types FLUSHALL."""
    with lab.lapse(*EVERYTHING), lab.server.client() as client:
        client.flushall()
    yield


@contextlib.asynccontextmanager
async def empty_server(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """Redis is killed, and comes back empty."""
    with lab.lapse(*EVERYTHING):
        lab.server.kill()
        lab.server.forget()
        try:
            yield
        finally:
            await lab.server.start()


@contextlib.asynccontextmanager
async def older_server(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """Redis is killed, and comes back with older data."""
    with lab.lapse(*EVERYTHING):
        lab.server.kill()
        lab.server.go_back()
        try:
            yield
        finally:
            await lab.server.start()
    lab.server.remember()


@contextlib.asynccontextmanager
async def full_server(lab: Lab, dice: Random) -> AsyncIterator[None]:
    """Redis has no memory left, and evicts nothing."""
    with lab.server.client() as client:
        client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        with lab.server.client() as client:
            client.config_set("maxmemory", 0)
