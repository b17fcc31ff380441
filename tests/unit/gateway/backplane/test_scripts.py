import re
from hashlib import sha1
from pathlib import Path

import pytest

from gateway.backplane import scripts
from gateway.backplane.scripts import Script, all_scripts, needed_by

ALL = all_scripts()
USERS = sorted(Path(scripts.__file__).parents[1].rglob("*.py"))


def header(script):
    lines = script.own.splitlines()
    return "\n".join(line for line in lines[: lines.index(_first_code(lines))])


def _first_code(lines):
    return next(line for line in lines if not line.startswith("--"))


def code(script):
    return re.sub(r"--.*", "", script.own)


def test_every_file_is_a_script_and_named_noun_verb():
    files = {path.stem for path in Path(scripts.__file__).parent.glob("*.lua")} - {scripts.SHARED}
    assert {script.name for script in ALL} == files
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in files)


def test_every_script_is_used_and_every_used_one_is_there():
    source = "".join(path.read_text() for path in USERS)
    nouns = "user|room|gateway|log|run|ban|password|account"
    used = set(re.findall(rf'"((?:{nouns})(?:_[a-z]+)+)"', source))
    assert used == {script.name for script in ALL}


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_the_sha_is_what_redis_calls_it(script):
    assert script.sha == sha1(script.source.encode()).hexdigest()


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_the_header_says_what_goes_in_and_what_comes_out(script):
    said = header(script)
    keys = {int(number) for number in re.findall(r"KEYS\[(\d+)\]", code(script))}
    assert {int(number) for number in re.findall(r"KEYS\[(\d+)\]", said)} == keys
    assert keys == set(range(1, len(keys) + 1))
    for number in re.findall(r"ARGV\[(\d+)\]", code(script)):
        assert f"ARGV[{number}" in said
    assert "Returns" in said
    assert re.search("Atomic|A script, because", said)


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_channels_are_no_keys(script):
    # On a Redis Cluster a key has a slot of its own, and a channel is published to by its name.
    for call in re.findall(r"'S?PUBLISH'\s*,\s*([^,]+)", code(script)):
        assert "KEYS" not in call


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_only_sharded_channels_are_published_to(script):
    assert "'PUBLISH'" not in code(script)


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_no_script_sets_a_global(script):
    # A real Redis refuses it; fakeredis takes it, and refuses every script after it.
    names = set(re.findall(r"(?:local|for|function)\s+(?:function\s+)?([\w, ]+)", code(script)))
    known = {name.strip() for group in names for name in group.split(",")}
    known |= {name for group in names for name in re.findall(r"\w+", group)}
    known |= set(re.findall(r"\w+", " ".join(re.findall(r"function \w+\(([^)]*)\)", code(script)))))
    assigned = set(re.findall(r"^\s*(?!local)(\w+)\s*=[^=]", code(script), re.MULTILINE))
    assert assigned <= known


def test_a_script_that_is_missing_is_an_error():
    with pytest.raises(FileNotFoundError):
        Script("user_dance")


SHARED_FILE = """-- What others need.
local A, B = 1, 2

-- Uses nothing: b, c.
local function a(x)
  return x
end

local function b(x)
  return a(x) + B
end

local function c() return 'a' end
"""


def test_in_front_of_a_script_is_only_what_it_needs():
    for script, names in (
        ("return b(1)", "A B a b"),
        ("return c()", "a c"),
        ("-- b\nreturn 1", ""),
    ):
        source = needed_by(script, SHARED_FILE)
        found = re.findall(r"local (?:function )?([\w, ]+)", source)
        assert re.findall(r"\w+", " ".join(found)) == names.split()
    assert "sessions" not in {script.name: script.source for script in ALL}["room_made"]
