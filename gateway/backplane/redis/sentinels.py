"""Asking Sentinels which Redis is the master now."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import Any

import hiredis

from gateway.backplane.url import RedisUrl
from wire.connecting import certificate_name, open_socket, staggered

ANSWER_TIMEOUT = 1.0
"""Seconds to wait for a Sentinel's answer; the next one is asked long before that."""

_QUESTION = b"*2\r\n$8\r\nSENTINEL\r\n$7\r\nMASTERS\r\n"
_NOT_YET = object()


async def master(url: RedisUrl, tls: ssl.SSLContext | None) -> tuple[str, int]:
    """The address of a URL's master, from the first Sentinel that knows it.

    They are asked one after the other, but without waiting long for a silent one: four dead
    Sentinels must not keep a gateway from its Redis.

    Args:
        url: the URL with the Sentinels and the name of the master.
        tls: the TLS context; None for no TLS.

    Raises:
        OSError: no Sentinel knows the master; this is the last one's failure.
        LookupError: the same.
        ValueError: the same.
    """
    asking = [partial(_ask, host, port, url.master or "", tls) for host, port in url.hosts]
    return await staggered(asking)


async def _ask(host: str, port: int, name: str, tls: ssl.SSLContext | None) -> tuple[str, int]:
    async with asyncio.timeout(ANSWER_TIMEOUT):
        reader, writer = await asyncio.open_connection(
            sock=await open_socket(host, port),
            ssl=tls,
            server_hostname=certificate_name(host) if tls else None,
        )
        try:
            writer.write(_QUESTION)
            reply = await _reply(reader)
        finally:
            writer.transport.abort()
    if isinstance(reply, hiredis.ReplyError):
        raise ValueError(str(reply).partition(", with args")[0])
    if found := _master(reply, name):
        return found
    raise LookupError(f"its Sentinels know no master named {name!r} that is up")


async def _reply(reader: asyncio.StreamReader) -> Any:
    parser = hiredis.Reader(encoding="utf-8", errors="replace", notEnoughData=_NOT_YET)
    while data := await reader.read(65536):
        parser.feed(data)
        try:
            reply = parser.gets()
        except hiredis.ProtocolError:
            raise ValueError("the server there is not a Sentinel") from None
        if reply is not _NOT_YET:
            return reply
    raise ConnectionResetError("the Sentinel closed the connection")


def _master(reply: object, name: str) -> tuple[str, int] | None:
    """The master's address, if the reply has it; another kind of server may reply anything."""
    for fields in reply if isinstance(reply, list) else ():
        words = (
            [each for each in fields if isinstance(each, str)] if isinstance(fields, list) else []
        )
        known = dict(zip(words[::2], words[1::2], strict=False))
        flags, port = known.get("flags", "").split(","), known.get("port", "")
        up = "master" in flags and not {"s_down", "o_down"}.intersection(flags)
        if known.get("name") == name and up and known.get("ip") and port.isdecimal():
            return known["ip"], int(port)
    return None
