"""The page about IRC names exactly what the code has."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.irc.capabilities import CAPABILITIES
from gateway.irc.commands import COMMANDS, MORE
from gateway.irc.numerics import Err, Rpl
from gateway.irc.welcome import isupport
from wire.limits import Limits

PAGE = Path(__file__).parents[4] / "docs/irc.md"

CLIENT = SimpleNamespace(
    welcomed=SimpleNamespace(limits=Limits()), shared=SimpleNamespace(network="chat")
)

HAS = {
    "capabilities": set(CAPABILITIES),
    "commands": {*COMMANDS, *MORE},
    "tokens": {token.partition("=")[0] for token in isupport(CLIENT)},
    "numerics": {numeric.value for numeric in (*Rpl, *Err)},
}


@pytest.mark.parametrize("part", HAS)
def test_a_list_of_the_page_is_whole(part):
    text = PAGE.read_text().partition(f"<!-- {part} -->")[2].partition("<!-- end -->")[0]
    assert set(re.findall("`([^`]+)`", text)) == HAS[part]
