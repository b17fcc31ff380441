"""``python -m chatctl.healthy``: whether the gateway of a container lives; its image asks so.

It asks at the address in ``CHATCTL_HTTP``, which is the gateway's own setting, too. With ``off``,
or with any free port (0), there is nobody to ask, and the answer is yes.
"""

from __future__ import annotations

import http.client
import os
import sys

import click

from chatctl.given import without_frame
from chatctl.greeting import reachable
from chatctl.units import address_or_off

ANSWER_WITHIN = 4.0
"""Seconds, less than the image gives this check."""


def main() -> int:
    """Return the exit code, with a line about what is wrong."""
    try:
        at = address_or_off(without_frame(os.environ.get("CHATCTL_HTTP", "")) or "off")
        if at is None or at.port == 0:
            return 0
        # Not by urllib, which would ask the proxy that an HTTP_PROXY names.
        connection = http.client.HTTPConnection(*reachable(at), timeout=ANSWER_WITHIN)
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (click.BadParameter, OSError, http.client.HTTPException) as error:
        click.echo(f"the gateway does not answer: {error}")
        return 1
    click.echo(f"the gateway answers with {status}")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
