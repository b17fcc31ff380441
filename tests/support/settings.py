"""Settings for gateways under test; the defaults here do not get in a test's way."""

from collections.abc import Callable
from typing import Any

from gateway.backplane.contract import Events
from gateway.backplane.redis.backplane import RedisBackplane
from gateway.config import AddressLimits, GatewayConfig
from gateway.meters import Meters
from wire.limits import Limits


def settings(
    redis: str, prefix: str, limits: dict[str, Any] | None = None, **given: Any
) -> GatewayConfig:
    """The settings of a gateway; settings and limits can be changed by name."""
    return GatewayConfig(
        **{
            "host": "127.0.0.1",
            "port": 0,
            "redis": redis,
            "prefix": prefix,
            "idle": None,
            "away_idle": given.get("idle"),
            "fallback": "public",
            "rooms": "open",
            "accounts": "operators",
            "lobby": True,
            "history": 1000,
            "history_age": 3600.0,
            "resume_within": 60.0,
            "outbox": 1024 * 1024,
            "drain": 0.0,
            "auth": "open",
            "address_limits": AddressLimits(connections=None, connects=None, exempt=()),
            "http": None,
            "irc": None,
            "irc_tls": None,
            "irc_name": "chat.example.net",
            "certificate": None,
            "proxies": (),
            "rebalance": None,
            "reuse_port": False,
            "version": "1.2.3",
            # No rate limit, because tests talk faster than people.
            "limits": Limits(**{"rate": None, **(limits or {})}),
            **given,
        }
    )


def redis_backplane(
    config: GatewayConfig, gateway: str, info: Callable[[], bytes], events: Events
) -> RedisBackplane:
    """A backplane with the settings of a gateway."""
    return RedisBackplane(
        gateway,
        info,
        events,
        Meters(),
        url=config.redis,
        prefix=config.prefix,
        idle=config.idle,
        away_idle=config.away_idle,
        resume_within=config.resume_within,
        history=config.history,
        history_age=config.history_age,
        sessions=config.limits.sessions,
    )
