"""How far a chat is from its limits, told from two looks at it."""

import msgspec
import pytest

from gateway.backplane.operators.capacity import LINES_PER_SECOND, Look, headroom
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.records import GatewayInfo

INFO = GatewayInfo(
    listen="h:1", host="h", version="1", since=1, at=0, connections=10, most_connections=1000
)
REDIS = {
    "used_cpu_sys": "1.0",
    "used_cpu_user": "2.0",
    "used_memory": 10 * 2**20,
    "maxmemory": 0,
    "total_system_memory": 1000 * 2**20,
    "connected_clients": 6,
    "maxclients": 10_000,
}


def look(at, *gateways, **redis):
    records = [
        GatewayRecord(f"g-{number}", msgspec.structs.replace(INFO, **told), 9.0, 0)
        for number, told in enumerate(gateways)
    ]
    return Look(at, REDIS | redis, records)


def found(before, after):
    return {each.what: each for each in headroom(before, after)}


def test_a_quiet_chat_is_far_from_every_limit():
    told = found(look(0.0, {}), look(10.0, {"at": 10_000}))
    assert {each.level for each in told.values()} == {"ok"}
    assert told["connections"].text == "10 of 1,000 at h:1"
    assert told["lines"].text == f"0 of about {LINES_PER_SECOND:,} a second at h:1"
    assert told["Redis: CPU"].text == "0% of a core"
    assert told["Redis: memory"].text == "10 of 1,000 MiB"
    assert told["Redis: connections"].text == "6 of 10,000"


@pytest.mark.parametrize(
    ("what", "gateway", "redis", "text"),
    [
        ("connections", {"connections": 800}, {}, "800 of 1,000 at h:2: raise its limit"),
        ("lines", {"delivered": 1_500_000}, {}, "150,000 of about 200,000 a second at h:2: add"),
        ("Redis: CPU", {}, {"used_cpu_user": "10.0"}, "80% of a core: "),
        ("Redis: memory", {}, {"maxmemory": 12 * 2**20}, "10 of 12 MiB: keep less"),
        ("Redis: connections", {}, {"connected_clients": 9000}, "9,000 of 10,000: raise"),
    ],
)
def test_what_is_near_its_limit_says_what_to_do(what, gateway, redis, text):
    other = {"at": 10_000, "listen": "h:2"}
    told = found(look(0.0, {}, {}), look(10.0, {"at": 10_000}, other | gateway, **redis))
    assert [each.what for each in told.values() if each.level == "warning"] == [what]
    assert told[what].text.startswith(text)


def test_a_gateway_that_has_just_come_has_no_rate():
    assert "lines" not in found(look(0.0), look(10.0, {"at": 10_000}))
