import re

import pytest

from gateway.backplane.contract import Log
from gateway.backplane.keys import Keys
from wire.frames import PRIVATE

keys = Keys("chat")

OF_USERS = [
    keys.users,
    keys.gateways,
    keys.users_epoch,
    keys.user_log("dana"),
    keys.waiting("dana"),
    keys.alive("dana"),
    keys.lease("g-1"),
    keys.held("g-1"),
    keys.user_channel("dana"),
    keys.control_channel("g-1"),
]
OF_THE_LOBBY = [
    keys.room_log("lobby"),
    keys.room_epoch("lobby"),
    keys.room_channel("lobby"),
    keys.room_posted("lobby"),
]


def tag(key):
    """What a Redis Cluster hashes: what is between the first { and the next }."""
    return re.search(r"\{([^}]+)\}", key)[1]


def test_every_name_begins_with_the_prefix():
    for name in [*OF_USERS, *OF_THE_LOBBY]:
        assert name.startswith("chat:")


def test_no_two_are_the_same():
    names = [*OF_USERS, *OF_THE_LOBBY, keys.alive("g-1"), keys.held("dana")]
    assert len(set(names)) == len(names)


def test_all_that_is_of_users_is_in_one_slot():
    assert {tag(name) for name in OF_USERS} == {"users"}


def test_all_that_is_of_a_room_is_in_one_slot_and_rooms_are_in_others():
    assert {tag(name) for name in OF_THE_LOBBY} == {"room:lobby"}
    assert tag(keys.room_log("cellar")) != tag(keys.room_log("lobby"))


def test_two_prefixes_share_nothing():
    other = Keys("test")
    assert not {*OF_USERS, *OF_THE_LOBBY} & {
        other.users,
        other.gateways,
        other.user_log("dana"),
        other.alive("dana"),
        other.room_log("lobby"),
    }


def test_two_databases_share_no_channel_of_what_is_said():
    # To pub/sub all databases are one.
    one, other = Keys("chat"), Keys("chat", 1)
    for log in (Log("lobby"), Log(PRIVATE, "dana")):
        assert one.log(log) == other.log(log)
        assert one.channel(log) != other.channel(log)
        assert other.channel(log).startswith("chat:"), "the rights of a Redis user name the prefix"
        assert tag(one.channel(log)) == tag(other.channel(log))
    assert one.probe("g-1").room_channel("lobby") != other.probe("g-1").room_channel("lobby")


def test_a_database_is_no_prefix():
    assert Keys("chat", 1).users_channel not in {Keys("chat:1").users, Keys("chat1").users}


@pytest.mark.parametrize("log", [Log("lobby"), Log(PRIVATE, "dana")])
def test_a_log_its_epochs_and_its_channel_are_in_one_slot(log):
    assert len({tag(keys.log(log)), tag(keys.epoch(log)), tag(keys.channel(log))}) == 1


@pytest.mark.parametrize("name", ["dana", "妈妈", "d.k-2", "x" * 96])
def test_a_name_is_a_part_of_its_keys_as_it_is(name):
    assert keys.alive(name).endswith(f":{name}")
    assert keys.user_channel(name).endswith(f":{name}")


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("lease", keys.lease("g-1")),
        ("alive", keys.alive("g-1")),
        ("held", keys.held("g-1")),
        ("control", keys.control_channel("g-1")),
        ("log", keys.user_log("g-1")),
        ("waiting", keys.waiting("g-1")),
        ("to", keys.user_channel("g-1")),
    ],
)
def test_the_scripts_may_put_together_what_is_of_users(script, what):
    # They are given what those keys begin with.
    assert what == f"{keys.users}:{script}:g-1"
