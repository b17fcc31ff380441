"""What the linters cannot see about how the code is laid out."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("wire", "network", "display", "gateway", "client", "chatctl")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
SCRIPTS = sorted((ROOT / "gateway/backplane/scripts").glob("*_*.lua"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_it_takes_and_returns_and_why_it_is_one(path):
    lines = path.read_text().splitlines()
    head = "\n".join(itertools.takewhile(lambda line: line.startswith("--"), lines))
    body = "\n".join(lines[head.count("\n") + 1 :])
    assert "Returns" in head
    assert re.search(r"^-- (Atomic,|A script, since) ", head, re.M)
    for taken in ("KEYS[", "ARGV["):
        assert (taken in head) is (taken in body)


def test_no_key_of_redis_is_named_outside_of_its_room():
    for path in MODULES:
        if "backplane" not in path.parts:
            assert "{users}" not in path.read_text()
