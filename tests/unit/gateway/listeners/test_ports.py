import errno
import logging
import socket

import pytest

from gateway.listeners import ports as module
from gateway.listeners.ports import open_port, place
from network.connecting import connected
from tests.support.network import link_local

V4, V6 = socket.AF_INET, socket.AF_INET6
NOWHERE = "192.0.2.1"
"""An address that no machine has."""

needs_v6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")


@pytest.fixture
def means(monkeypatch):
    """Have a host mean these addresses of IPv4."""

    def means(*addresses):
        async def found(host, port):
            return [(V4, (address, port)) for address in addresses]

        monkeypatch.setattr(module, "_addresses", found)

    return means


@pytest.fixture
def opened():
    """Opens ports, and closes them with the test."""
    sockets = []

    async def opened(host, port=0, *, reuse=False):
        found = await open_port(host, port, reuse=reuse)
        sockets.extend(found)
        return found

    yield opened
    for each in sockets:
        each.close()


def comes_in(host, port):
    with socket.create_connection((host, port), timeout=5):
        return True


def fields(caplog):
    return [record.fields for record in caplog.records]


async def test_of_two_one_gets_a_port(opened):
    [one] = await opened("127.0.0.1")
    with pytest.raises(OSError) as caught:
        await opened("127.0.0.1", one.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE


async def test_several_may_share_one_if_all_say_so(opened):
    [one] = await opened("127.0.0.1", reuse=True)
    port = one.getsockname()[1]
    with pytest.raises(OSError):
        await opened("127.0.0.1", port)
    await opened("127.0.0.1", port, reuse=True)


@pytest.mark.parametrize(
    "addresses", [(NOWHERE, "127.0.0.1"), ("127.0.0.1", NOWHERE), (NOWHERE, "127.0.0.1", NOWHERE)]
)
async def test_what_can_be_had_is_listened_on_and_the_rest_is_told(
    opened, means, caplog, addresses
):
    caplog.set_level(logging.WARNING)
    means(*addresses)
    [one] = await opened("h", 0)
    assert one.getsockname()[0] == "127.0.0.1"
    assert comes_in(*one.getsockname())
    told = fields(caplog)
    assert len(told) == addresses.count(NOWHERE)
    assert all(each["address"].startswith(NOWHERE) and each["why"] for each in told)


async def test_where_none_can_be_had_it_fails(means):
    means(NOWHERE, NOWHERE)
    with pytest.raises(OSError) as caught:
        await open_port("h", 0, reuse=False)
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_a_port_that_somebody_has_on_one_of_the_addresses_is_taken(opened, means):
    [one] = await opened("127.0.0.2")
    port = one.getsockname()[1]
    means("127.0.0.1", "127.0.0.2")
    with pytest.raises(OSError) as caught:
        await opened("h", port)
    assert caught.value.errno == errno.EADDRINUSE
    means("127.0.0.1")
    await opened("h", port)  # nothing was left open


async def test_any_free_port_is_the_same_one_on_all_addresses(opened, means):
    means("127.0.0.1", "127.0.0.2", "127.0.0.3")
    sockets = await opened("h")
    assert len({each.getsockname()[1] for each in sockets}) == 1
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


async def test_a_free_port_that_another_address_lacks_is_looked_for_again(
    opened, means, monkeypatch
):
    means("127.0.0.1", "127.0.0.2")
    taken, real = [2], module._open

    def open_(family, address, reuse):
        if address[0] == "127.0.0.2" and taken[0]:
            taken[0] -= 1
            raise OSError(errno.EADDRINUSE, "in use")
        return real(family, address, reuse)

    monkeypatch.setattr(module, "_open", open_)
    assert len(await opened("h")) == 2
    taken[0] = module.ATTEMPTS
    with pytest.raises(OSError):
        await opened("h")


@needs_v6
async def test_every_interface_is_so_by_both_families(opened):
    [one] = await opened("::")
    port = one.getsockname()[1]
    assert comes_in("127.0.0.1", port)
    assert comes_in("::1", port)


@needs_v6
async def test_one_address_of_ipv6_is_of_ipv6_alone(opened):
    [one] = await opened("::1")
    port = one.getsockname()[1]
    with pytest.raises(OSError):
        comes_in("127.0.0.1", port)


@pytest.mark.parametrize("host", ["::ffff:127.0.0.1", "::ffff:7f00:1"])
async def test_an_address_of_ipv4_that_is_dressed_as_ipv6_is_what_it_is(opened, host):
    [one] = await opened(host)
    assert place(one)[0] == "127.0.0.1"


@needs_v6
async def test_a_scope_is_kept_and_told(opened):
    if (host := link_local()) is None:
        pytest.skip("this machine has no link-local address")
    [one] = await opened(host)
    assert place(one)[0] == host
    with await connected(*place(one)) as link:
        assert link.getpeername() == one.getsockname()


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", ".a", "x" * 64])
async def test_a_host_that_cannot_be(host):
    with pytest.raises(socket.gaierror):
        await open_port(host, 0, reuse=False)
