import contextlib

import pytest
import redis

from gateway.backplane.operators import drain


class EndsWithItsGateway:
    """A Redis that hears an order, and is gone."""

    def spublish(self, channel, what):
        return 1

    def get(self, key):
        raise redis.ConnectionError("No such file or directory")


class Gone(EndsWithItsGateway):
    """A Redis that is not there in the first place."""

    def spublish(self, channel, what):
        raise redis.ConnectionError("Connection refused")


@pytest.fixture
def redis_is(monkeypatch):
    def redis_is(there):
        monkeypatch.setattr(drain, "reaching", lambda _: contextlib.nullcontext(there))

    return redis_is


def test_a_gateway_whose_embedded_redis_ends_has_drained(redis_is):
    redis_is(EndsWithItsGateway())
    assert drain.drain_gateway("unix:///gone", "chat", "g-aa") is True


def test_an_order_to_a_redis_that_is_not_there_fails(redis_is):
    redis_is(Gone())
    with pytest.raises(redis.ConnectionError):
        drain.drain_gateway("unix:///gone", "chat", "g-aa")
