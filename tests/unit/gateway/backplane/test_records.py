"""Releases that share a Redis read each other's records, and skip what they do not know."""

import json
from pathlib import Path

import msgspec
import pytest

from gateway.backplane import readable as module
from gateway.backplane.readable import readable
from gateway.backplane.records import (
    Account,
    Audited,
    Ban,
    GatewayInfo,
    Member,
    Registration,
)
from gateway.chat.rooms import Invitation, Sanction

KINDS = (Registration, Member, Account, Ban, Audited, GatewayInfo, Sanction, Invitation)
EXAMPLES = Path(__file__).parents[3] / "records"
VERSIONS = {int(path.stem): json.loads(path.read_text()) for path in EXAMPLES.glob("*.json")}


def each(*, newest=False):
    """All examples, or only the examples of the version that is written."""
    return [
        pytest.param(kind, version, kinds[kind.__name__], id=f"{kind.__name__}-{version}")
        for kind in KINDS
        for version, kinds in VERSIONS.items()
        if kind.__name__ in kinds and (not newest or version == kind.__struct_config__.tag)
    ]


def test_of_each_kind_there_is_an_example_of_each_version():
    for kind in KINDS:
        for version in range(1, kind.__struct_config__.tag + 1):
            assert kind.__name__ in VERSIONS[version], f"{kind.__name__}, version {version}"


@pytest.mark.parametrize(("kind", "version", "example"), each())
def test_a_record_of_an_earlier_version_or_this_one_is_read(kind, version, example):
    record = msgspec.json.decode(json.dumps(example), type=kind)
    assert record == msgspec.convert(example, kind)


@pytest.mark.parametrize(("kind", "version", "example"), each(newest=True))
def test_the_example_has_every_field_that_is_written(kind, version, example):
    assert set(example) == {"v", *kind.__struct_fields__}
    record = msgspec.json.decode(json.dumps(example), type=kind)
    assert json.loads(msgspec.json.encode(record)).items() <= example.items()


@pytest.mark.parametrize(("kind", "version", "example"), each(newest=True))
def test_a_later_release_may_add_a_field(kind, version, example):
    later = example | {"mood": {"of": ["a", "later", "release"]}}
    assert msgspec.convert(example, kind) == msgspec.json.decode(json.dumps(later), type=kind)


@pytest.mark.parametrize(("kind", "version", "example"), each(newest=True))
def test_a_field_that_came_later_may_be_missing(kind, version, example):
    needed = {field.encode_name for field in msgspec.structs.fields(kind) if field.required}
    earlier = {name: value for name, value in example.items() if name in needed}
    assert isinstance(msgspec.json.decode(json.dumps(earlier), type=kind), kind)


@pytest.mark.parametrize(("kind", "version", "example"), each(newest=True))
def test_a_version_that_nobody_knows_costs_itself_only(kind, version, example, caplog):
    unknown = json.dumps(example | {"v": kind.__struct_config__.tag + 1}).encode()
    known = json.dumps(example).encode()
    decoder = msgspec.json.Decoder(kind)
    assert readable(decoder, [unknown, known], "it") == [msgspec.convert(example, kind)]
    assert "it cannot be read" in caplog.text


def test_every_kind_that_redis_has_is_among_them():
    decoders = [each for each in vars(module).values() if isinstance(each, msgspec.json.Decoder)]
    assert {decoder.type for decoder in decoders} <= set(KINDS)
