"""Gateways of one chat with different settings."""

import logging

import pytest
import redis

from gateway.backplane.contract import Outgoing
from gateway.backplane.keys import Keys
from gateway.chat.rooms import NEVER
from tests.contract.household import message
from tests.support.fixtures import StartGateway


async def test_a_gateway_with_less_history_does_not_cut_what_another_keeps(
    start_gateway: StartGateway, look: redis.Redis, prefix: str
) -> None:
    await start_gateway(history=1000)
    small = (await start_gateway(history=1)).gateway.backplane
    for _ in range(4):
        await small.publish("lobby", NEVER, [Outgoing(message("kept"))] * 100)
    assert look.xlen(Keys(prefix).room_log("lobby")) == 400


async def test_a_gateway_alone_keeps_its_own_history(
    start_gateway: StartGateway, look: redis.Redis, prefix: str
) -> None:
    small = (await start_gateway(history=1)).gateway.backplane
    for _ in range(4):
        await small.publish("lobby", NEVER, [Outgoing(message("not kept"))] * 100)
    assert look.xlen(Keys(prefix).room_log("lobby")) < 250


async def test_a_gateway_with_other_settings_logs_it_in_one_line(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    one = await start_gateway(fallback="refuse")
    with caplog.at_level(logging.WARNING):
        await start_gateway(fallback="refuse")
        assert "different settings" not in caplog.text
        await start_gateway(fallback="public", idle=99.5)
    (logged,) = (r for r in caplog.records if "different settings" in r.getMessage())
    assert "--idle: 99.5s at this one; off at" in logged.fields["settings"]  # type: ignore[attr-defined]
    assert "--fallback: public at this one; refuse at" in logged.fields["settings"]  # type: ignore[attr-defined]
    assert one.gateway.id in logged.fields["settings"]  # type: ignore[attr-defined]
