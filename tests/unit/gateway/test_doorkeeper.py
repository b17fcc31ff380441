from ipaddress import ip_address

import pytest

from gateway.backplane.records import Ban
from gateway.config import AddressLimits
from gateway.doorkeeper import Doorkeeper, JsonRoom
from gateway.listeners.accepting import NotAdmitted
from gateway.listeners.tcp import TcpLink
from wire.limits import Limits

HOME = ip_address("192.0.2.7")


@pytest.fixture
async def gateway(house):
    return await house.open(
        address_limits=AddressLimits(connections=1, connects=None, exempt=()),
    )


def doorkeeper_of(gateway):
    room = JsonRoom(gateway.connect, Limits(), gateway.meters)
    return Doorkeeper(gateway.door, gateway.bans, room, gateway.meters, gateway.monotonic)


def refusal(doorkeeper, address=HOME):
    with pytest.raises(NotAdmitted) as raised:
        doorkeeper.admit(address)
    return raised.value


async def test_a_crowded_address_is_told_when_to_come_back_and_counted(gateway):
    doorkeeper = doorkeeper_of(gateway)
    visit = doorkeeper.admit(HOME)
    refused = refusal(doorkeeper)
    assert (refused.reason.code, refused.after) == ("crowded", 60.0)
    assert counted(gateway) == {"crowded": 1}
    visit.over()
    doorkeeper.admit(HOME)


def counted(gateway):
    return {why: count for why, count in gateway.meters.doorstep.items() if count}


async def test_a_banned_address_is_told_not_to_come_back_and_leaves_no_trace(gateway):
    doorkeeper = doorkeeper_of(gateway)
    ban = Ban(subject="192.0.2.0/24", kind="network", since=0)
    gateway.bans.set([ban], 0, gateway.monotonic())
    for _ in range(3):
        refused = refusal(doorkeeper)
        assert (refused.reason.code, refused.reason.reconnect, refused.after) == (
            *("banned", False),
            None,
        )
    assert gateway.meters.doorstep["banned"] == 3
    gateway.bans.set([], 0, gateway.monotonic())
    doorkeeper.admit(HOME)


async def test_refusals_elsewhere_are_counted_too(gateway):
    doorkeeper = doorkeeper_of(gateway)
    for why in ("proxy", "tls", "tls"):
        doorkeeper.refused(why)
    assert counted(gateway) == {"proxy": 1, "tls": 2}


async def test_a_connection_becomes_a_link_with_its_address(gateway):
    doorkeeper = doorkeeper_of(gateway)
    link = doorkeeper.protocol(HOME, "192.0.2.7:5", doorkeeper.admit(HOME))
    assert isinstance(link, TcpLink)
    assert (link.ip, link.address) == (HOME, "192.0.2.7:5")
