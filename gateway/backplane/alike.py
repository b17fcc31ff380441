"""The settings that all gateways of a chat should share, and finding differences. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.backplane.records import AS_IDLE, ChatSettings
from gateway.config import GatewayConfig

OPTIONS = {
    "auth": "auth",
    "tls": "tls-cert",
    "fallback": "fallback",
    "history": "history",
    "history_age": "history-age",
    "idle": "idle",
    "away_idle": "away-idle",
    "resume_within": "resume-within",
    "text": "max-text",
    "rate": "rate",
    "burst": "burst",
    "rooms": "rooms",
    "lobby": "lobby",
    "quiet_room": "quiet-room",
    "rooms_per_person": "rooms-per-person",
    "sessions_per_account": "sessions-per-account",
    "accounts": "accounts",
}
"""The command-line option of each setting."""

_UNITS = {"history_age": "s", "idle": "s", "away_idle": "s", "resume_within": "s", "rate": "/s"}


def settings_of(config: GatewayConfig) -> ChatSettings:
    """The settings that a gateway shows to the others."""
    return ChatSettings(
        auth=config.auth,
        tls=config.certificate is not None,
        fallback=config.fallback,
        history=config.history,
        history_age=config.history_age,
        idle=config.idle,
        away_idle=AS_IDLE if config.away_idle == config.idle else config.away_idle,
        resume_within=config.resume_within,
        text=config.limits.text,
        rate=config.limits.rate,
        burst=config.limits.burst,
        rooms=config.rooms,
        lobby=config.lobby,
        quiet_room=config.limits.quiet_room,
        rooms_per_person=config.limits.rooms,
        sessions_per_account=config.limits.sessions,
        accounts=config.accounts,
    )


def differences(gateways: Mapping[str, ChatSettings]) -> list[str]:
    """The settings that differ, one text for each: ``--auth: open at g-1; required at g-2``.

    Args:
        gateways: for each gateway, its id or another label, and its settings.
    """
    found = []
    for name, option in OPTIONS.items():
        values: dict[str, list[str]] = {}
        for gateway, settings in gateways.items():
            values.setdefault(_shown(name, getattr(settings, name)), []).append(gateway)
        if len(values) > 1:
            who = "; ".join(f"{value} at {', '.join(of)}" for value, of in values.items())
            found.append(f"--{option}: {who}")
    return found


def _shown(name: str, value: Any) -> str:
    if name == "away_idle" and value == AS_IDLE:
        return "as --idle"
    if value is None or value is False:
        return "off"
    if value is True:
        return "on"
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value
    return f"{value}{_UNITS.get(name, '')}"


assert set(OPTIONS) == {field.name for field in msgspec.structs.fields(ChatSettings)}
