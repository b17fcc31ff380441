import re

import pytest

from gateway.backplane.keys import Keys

keys = Keys("chat")

OF_USERS = [
    keys.users,
    keys.gateways,
    keys.private_log,
    keys.alive("dana"),
    keys.lease("g-1"),
    keys.held("g-1"),
    keys.last("dana"),
    keys.user_channel("dana"),
    keys.control_channel("g-1"),
]
OF_THE_LOBBY = [keys.room_log("lobby"), keys.room_channel("lobby"), keys.room_posted("lobby")]


def tag(key):
    """What a Redis Cluster hashes: what is between the first { and the next }."""
    return re.search(r"\{([^}]+)\}", key)[1]


def test_every_name_begins_with_the_prefix():
    for name in [keys.epoch, *OF_USERS, *OF_THE_LOBBY]:
        assert name.startswith("chat:")


def test_no_two_are_the_same():
    names = [keys.epoch, *OF_USERS, *OF_THE_LOBBY, keys.alive("g-1"), keys.held("dana")]
    assert len(set(names)) == len(names)


def test_all_that_is_of_users_is_in_one_slot():
    assert {tag(name) for name in OF_USERS} == {"users"}


def test_all_that_is_of_a_room_is_in_one_slot_and_rooms_are_in_others():
    assert {tag(name) for name in OF_THE_LOBBY} == {"room:lobby"}
    assert tag(keys.room_log("cellar")) != tag(keys.room_log("lobby"))


def test_two_prefixes_share_nothing():
    other = Keys("test")
    assert not {keys.epoch, *OF_USERS, *OF_THE_LOBBY} & {
        other.epoch,
        other.users,
        other.gateways,
        other.private_log,
        other.alive("dana"),
        other.room_log("lobby"),
    }


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
        ("last", keys.last("g-1")),
        ("to", keys.user_channel("g-1")),
    ],
)
def test_the_scripts_may_put_together_what_is_of_users(script, what):
    # They are given what those keys begin with.
    assert what == f"{keys.users}:{script}:g-1"
