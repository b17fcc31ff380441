"""The first lines of a gateway: how to join, list people, and add another gateway."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys

import click
from click.core import ParameterSource

from chatctl import __version__
from chatctl.units import DEFAULT_PORT, Address
from gateway.backplane.url import without_password

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that mean every interface, each with one that reaches it from the same machine."""


def greeting(
    context: click.Context,
    listening: Address,
    redis: str,
    embedded: str | None,
    http: Address | None,
) -> str:
    """Return the lines, without a newline at their end.

    Args:
        context: of ``chatctl gateway``: its flags are repeated where they matter.
        listening: the real address.
        redis: URL of the Redis in use.
        embedded: a description of the Redis, if it is the gateway's own.
        http: where the health pages are.
    """
    from gateway.backplane.alike import OPTIONS

    chatctl = called_as(context)
    here = reachable(listening)
    server = "" if here == ("127.0.0.1", DEFAULT_PORT) else f" --server {here}"
    if context.params["tls_cert"]:
        server += " --tls"
    beside = listening._replace(port=listening.port + 1)
    shared = ("redis", "redis_password_file", "prefix")
    same = _given(context, *shared, *OPTIONS.values(), "tls-key")
    shown = without_password(redis)
    if embedded:
        same = f" --redis {shlex.quote(shown)}{same}"
        shown = f"{embedded} at {shown}"
    health = [f"  health      http://{reachable(http)}/readyz"] if http else []
    return "\n".join(
        (
            f"chatctl {__version__} listening on {listening}",
            f"  Redis       {shown}",
            f"  join        {chatctl} client NAME{server}",
            f"  who's here  {chatctl} users{_given(context, *shared, 'run_dir')}",
            f"  add one     {chatctl} gateway --listen {beside}{same}",
            *health,
        )
    )


def reachable(listening: Address) -> Address:
    """The address at which a gateway is reached from the same machine."""
    return listening._replace(host=_EVERYWHERE.get(listening.host, listening.host))


def called_as(context: click.Context) -> str:
    """How to call this program, in commands that people copy: a path if it is not in PATH."""
    name = context.find_root().info_name or "chatctl"
    if name.startswith("python"):  # python -m chatctl
        return name
    on_path = shutil.which(name)
    if on_path and os.path.realpath(on_path) == os.path.realpath(sys.argv[0]):
        return name
    return shlex.quote(sys.argv[0])


def _given(context: click.Context, *names: str) -> str:
    """The options that were given as flags, as they were written."""
    flags = ""
    for name in names:
        parameter = name.replace("-", "_")
        if context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE:
            value = _written(context.params[parameter])
            text = without_password(value) if name == "redis" else value
            flags += f" --{name.replace('_', '-')} {shlex.quote(text)}"
    return flags


def _written(value: object) -> str:
    """A value as the options take it."""
    if value is None or value == math.inf:
        return "off"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
