import errno
import logging
import socket

import pytest

from gateway.listeners import ports as module
from gateway.listeners.ports import listening_on, open_port
from tests.support.network import link_local
from wire.connecting import open_socket

V4, V6 = socket.AF_INET, socket.AF_INET6
NOWHERE = "192.0.2.1"
"""An address that no machine has."""

needs_v6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")


@pytest.fixture
def resolves_to(monkeypatch):
    """Make every host resolve to these IPv4 addresses."""

    def resolves_to(*addresses):
        async def found(host, port):
            return [(V4, (address, port)) for address in addresses]

        monkeypatch.setattr(module, "_addresses", found)

    return resolves_to


@pytest.fixture
def opened():
    """Opens ports, and closes them after the test."""
    sockets = []

    async def opened(host, port=0, *, reuse=False):
        found = await open_port(host, port, reuse=reuse)
        sockets.extend(found)
        return found

    yield opened
    for each in sockets:
        each.close()


def can_connect(host, port):
    with socket.create_connection((host, port), timeout=5):
        return True


def fields(caplog):
    return [record.fields for record in caplog.records]


async def test_a_port_that_is_in_use_is_refused(opened):
    [one] = await opened("127.0.0.1")
    with pytest.raises(OSError) as caught:
        await opened("127.0.0.1", one.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE


async def test_a_port_is_shared_only_if_all_its_users_ask_for_that(opened):
    [one] = await opened("127.0.0.1", reuse=True)
    port = one.getsockname()[1]
    with pytest.raises(OSError):
        await opened("127.0.0.1", port)
    await opened("127.0.0.1", port, reuse=True)


@pytest.mark.parametrize(
    "addresses", [(NOWHERE, "127.0.0.1"), ("127.0.0.1", NOWHERE), (NOWHERE, "127.0.0.1", NOWHERE)]
)
async def test_addresses_of_other_machines_are_left_out_and_logged(
    opened, resolves_to, caplog, addresses
):
    caplog.set_level(logging.WARNING)
    resolves_to(*addresses)
    [one] = await opened("h", 0)
    assert one.getsockname()[0] == "127.0.0.1"
    assert can_connect(*one.getsockname())
    logged = fields(caplog)
    assert len(logged) == addresses.count(NOWHERE)
    assert all(each["address"].startswith(NOWHERE) and each["why"] for each in logged)


async def test_it_fails_if_no_address_is_on_this_machine(resolves_to):
    resolves_to(NOWHERE, NOWHERE)
    with pytest.raises(OSError) as caught:
        await open_port("h", 0, reuse=False)
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_a_port_that_is_in_use_on_one_of_the_addresses_is_refused(opened, resolves_to):
    [one] = await opened("127.0.0.2")
    port = one.getsockname()[1]
    resolves_to("127.0.0.1", "127.0.0.2")
    with pytest.raises(OSError) as caught:
        await opened("h", port)
    assert caught.value.errno == errno.EADDRINUSE
    resolves_to("127.0.0.1")
    await opened("h", port)  # nothing was left open


async def test_port_0_opens_the_same_free_port_on_all_addresses(opened, resolves_to):
    resolves_to("127.0.0.1", "127.0.0.2", "127.0.0.3")
    sockets = await opened("h")
    assert len({each.getsockname()[1] for each in sockets}) == 1
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


async def test_another_free_port_is_tried_if_one_address_has_it_in_use(
    opened, resolves_to, monkeypatch
):
    resolves_to("127.0.0.1", "127.0.0.2")
    taken, real = [2], module._open

    def open_(family, address, *how):
        if address[0] == "127.0.0.2" and taken[0]:
            taken[0] -= 1
            raise OSError(errno.EADDRINUSE, "in use")
        return real(family, address, *how)

    monkeypatch.setattr(module, "_open", open_)
    assert len(await opened("h")) == 2
    taken[0] = module.ATTEMPTS
    with pytest.raises(OSError):
        await opened("h")


@needs_v6
async def test_every_interface_means_ipv4_and_ipv6(opened):
    [one] = await opened("::")
    port = one.getsockname()[1]
    assert can_connect("127.0.0.1", port)
    assert can_connect("::1", port)


@needs_v6
async def test_an_ipv6_address_takes_no_ipv4_connections(opened):
    [one] = await opened("::1")
    port = one.getsockname()[1]
    with pytest.raises(OSError):
        can_connect("127.0.0.1", port)


@pytest.mark.parametrize("host", ["::ffff:127.0.0.1", "::ffff:7f00:1"])
async def test_an_ipv4_address_written_as_ipv6_is_opened_as_ipv4(opened, host):
    [one] = await opened(host)
    assert listening_on(one)[0] == "127.0.0.1"


@needs_v6
async def test_a_scope_is_kept_and_returned(opened):
    if (host := link_local()) is None:
        pytest.skip("this machine has no link-local address")
    [one] = await opened(host)
    assert listening_on(one)[0] == host
    with await open_socket(*listening_on(one)) as link:
        assert link.getpeername() == one.getsockname()


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", ".a", "x" * 64])
async def test_an_impossible_host_name_is_an_error(host):
    with pytest.raises(socket.gaierror):
        await open_port(host, 0, reuse=False)
