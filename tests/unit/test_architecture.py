"""Rules about the layout of the code that linters cannot check."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest

from gateway.chat.room_records import PARTS

ROOT = Path(__file__).parents[2]
PACKAGES = ("wire", "gateway", "client", "chatctl")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
SCRIPTS = sorted((ROOT / "gateway/backplane/scripts").glob("*_*.lua"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_it_takes_and_returns_and_why_it_is_one(path):
    lines = path.read_text().splitlines()
    head = "\n".join(itertools.takewhile(lambda line: line.startswith("--"), lines))
    body = "\n".join(lines[head.count("\n") + 1 :])
    assert "Returns" in head
    assert re.search(r"^-- (Atomic,|A script, because) ", head, re.M)
    for taken in ("KEYS[", "ARGV["):
        assert (taken in head) is (taken in body)


def test_keys_of_redis_are_named_in_the_backplane_only():
    for path in MODULES:
        if "backplane" not in path.parts:
            assert "{users}" not in path.read_text()


def test_the_map_shows_every_folder_with_code_and_no_other():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    [tree] = re.findall(r"^## The folders\n+```\n(.*?)```", text, re.M | re.S)
    shown, above = set(), []
    for indent, name in re.findall(r"^( *)([a-z_]+)/(?: |$)", tree, re.M):
        above = [*above[: len(indent) // 2], name]
        shown.add("/".join(above))
    code = {path.parent.relative_to(ROOT) for path in MODULES}
    folders = {str(folder) for folder in code} | {"deploy", "tests"}
    assert shown == folders


def test_the_layers_of_the_gateway_are_drawn_as_they_are_checked():
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [layers] = [each["layers"] for each in checked["contracts"] if "containers" in each]
    drawn = "\n".join(layer.replace(" |", ",") for layer in layers)
    assert f"```\n{drawn}\n```" in (ROOT / "ARCHITECTURE.md").read_text()


def test_every_kind_of_key_in_redis_is_explained():
    source = (ROOT / "gateway/backplane/keys.py").read_text()
    kinds = {*re.findall(r"(?:users\}|room\}\}\}):([a-z]+)", source), *PARTS}
    text = (ROOT / "ARCHITECTURE.md").read_text().partition("## What is in Redis")[2]
    explained = re.findall(r"[:`]([a-z]+)(?=[:`])", text.partition("\n## ")[0])
    assert kinds <= set(explained)
