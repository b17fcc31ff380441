from dataclasses import replace

import pytest

from gateway.backplane.alike import settings_of
from gateway.backplane.contract import Log
from gateway.backplane.records import GatewayInfo
from gateway.fleet.neighbours import Neighbours
from tests.support.settings import settings
from tests.unit.gateway.fakes import FakeBackplane, Memory

CONFIG = settings("redis://nowhere.invalid", "test", history=100, history_age=60.0)
OWN = settings_of(CONFIG)
LOGS = [Log("lobby"), Log("@", "dana")]


@pytest.fixture
def redis():
    return FakeBackplane(Memory(), "g-1", None)


@pytest.fixture
def neighbours(redis):
    return Neighbours(redis, OWN, lambda: LOGS)


def other(**fields):
    told = settings_of(replace(CONFIG, **fields)) if fields else None
    return GatewayInfo(listen="h:1", host="h", version="1", since=0, at=0, settings=told)


async def test_equal_settings_are_not_logged(redis, neighbours, caplog):
    redis.others = {"g-2": other(port=9), "g-old": other()}
    await neighbours.meet()
    assert caplog.records == []


async def test_different_settings_are_logged_in_one_line(redis, neighbours, caplog):
    redis.others = {"g-2": other(auth="required", history=10), "g-3": other(auth="required")}
    await neighbours.meet()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.fields == {
        "settings": "--auth: open at this one; required at g-2, g-3 | "
        "--history: 100 at this one, g-3; 10 at g-2"
    }


@pytest.mark.parametrize("method", ["meet", "trim"])
async def test_the_gateway_that_keeps_the_most_decides_what_logs_keep(redis, neighbours, method):
    redis.others = {"g-2": other(history=10, history_age=86400.0), "g-3": other(history=7000)}
    await getattr(neighbours, method)()
    assert redis.asked("keep") == [(7000, 86400.0)]
    redis.others = {}
    await getattr(neighbours, method)()
    assert redis.asked("keep")[-1] == (100, 60.0)


async def test_logs_are_trimmed_accordingly(redis, neighbours):
    await neighbours.trim()
    assert [method for method, _ in redis.calls] == ["neighbours", "keep", "trim"]
    assert redis.asked("trim") == [LOGS]
