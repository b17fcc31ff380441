import pytest

from gateway.backplane.operators import checks
from gateway.backplane.operators.checks import Server
from gateway.backplane.operators.contents import Misplaced, Records, Seen
from gateway.backplane.operators.leftovers import Leftovers

GOOD = {
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "appendonly": "yes",
    "save": "",
    "timeout": "0",
    "client-output-buffer-limit": "normal 0 0 0 slave 1 1 1 pubsub 33554432 8388608 60",
}


def server(trip=0.001, info=None, **config):
    names = {name.replace("_", "-"): value for name, value in config.items()}
    return Server(trip, info or {"redis_version": "7.2.4"}, GOOD | names)


def levels(findings):
    return {each.what: each.level for each in findings}


def text(findings, what):
    [found] = [each.text for each in findings if each.what == what]
    return found


def test_a_good_redis_gives_only_ok():
    found = [*checks.server(server()), *checks.settings(server())]
    assert set(levels(found).values()) == {"ok"}


@pytest.mark.parametrize(
    ("info", "shown", "level"),
    [
        ({"redis_version": "7.0.15"}, "redis 7.0.15", "ok"),
        ({"redis_version": "6.2.14"}, "redis 6.2.14", "failure"),
        (
            {"server_name": "valkey", "valkey_version": "9.1.2", "redis_version": "7.2.4"},
            "valkey 9.1.2",
            "ok",
        ),
        ({"redis_version": "?"}, "redis ?", "failure"),
    ],
)
def test_the_version_decides_whether_it_can_be_used(info, shown, level):
    found = list(checks.server(server(info=info)))
    assert levels(found)["version"] == level
    assert shown in text(found, "version")


@pytest.mark.parametrize(
    ("used", "level", "says"),
    [
        (None, "ok", "100 MiB, noeviction"),
        (50, "ok", "50% used"),
        (79, "ok", "79% used"),
        (80, "warning", "80% of 100 MiB"),
        (99, "failure", "full: 100 MiB"),
        (120, "failure", "full"),
    ],
)
def test_the_level_depends_on_how_full_it_is(used, level, says):
    info = {} if used is None else {"used_memory": used * 1024**2}
    found = list(checks.settings(server(info=info, maxmemory=str(100 * 1024**2))))
    assert levels(found)["memory"] == level
    assert says in text(found, "memory")


def test_a_replica_is_a_failure():
    found = list(checks.server(server(info={"redis_version": "7.2.4", "role": "slave"})))
    assert levels(found)["role"] == "failure"


def test_a_slow_redis_is_reported():
    assert levels(checks.server(server(trip=0.03)))["Redis"] == "warning"


@pytest.mark.parametrize(
    ("config", "what", "level", "says"),
    [
        ({"maxmemory": "1048576"}, "memory", "ok", "1 MiB, noeviction"),
        (
            {"maxmemory": "1048576", "maxmemory_policy": "allkeys-lru"},
            "memory",
            "failure",
            "Set it to noeviction",
        ),
        ({"maxmemory_policy": "allkeys-lru"}, "memory", "ok", "no limit"),
        ({"appendonly": "no"}, "persistence", "warning", "Set appendonly yes"),
        ({"appendonly": "no", "save": "60 1"}, "persistence", "warning", "snapshots only"),
        ({"timeout": "3"}, "timeout", "warning", "Set timeout 0"),
        ({"timeout": "300"}, "timeout", "ok", "300"),
        (
            {"client_output_buffer_limit": "pubsub 1000000 0 60"},
            "subscribers",
            "warning",
            "1000000 bytes",
        ),
        ({"client_output_buffer_limit": "pubsub 0 0 0"}, "subscribers", "ok", ""),
    ],
)
def test_settings_that_can_lose_data_say_what_to_do(config, what, level, says):
    found = list(checks.settings(server(**config)))
    assert levels(found)[what] == level
    assert says in text(found, what)


def test_a_command_that_is_not_allowed_is_a_warning():
    found = [
        *checks.server(Server(0.001, None, None)),
        *checks.settings(Server(0.001, None, None)),
        *checks.scripts(None),
        *checks.leftovers(None),
    ]
    assert levels(found) == {
        "Redis": "ok",
        "version": "warning",
        "settings": "warning",
        "scripts": "warning",
        "leftovers": "warning",
    }
    assert all("not allowed" in each.text for each in found if each.level == "warning")


def test_missing_scripts_are_named():
    assert levels(checks.scripts([]))["scripts"] == "ok"
    found = list(checks.scripts(["a", "b", "c", "d", "e"]))
    assert levels(found)["scripts"] == "warning"
    assert "a, b, c and 2 more not loaded" in text(found, "scripts")


def test_orphaned_keys_are_counted_with_what_to_do():
    found = [
        *checks.leftovers(Leftovers([f"k{n}" for n in range(5)], ["sis"], [], [], "users", False))
    ]
    texts = [each.text for each in found]
    assert [each.level for each in found] == ["warning"] * 3
    assert texts[0].startswith(
        "5 signs of life of users that belong to nobody: k0, k1, k2 and 2 more"
    )
    assert "redis-cli HDEL 'users' NAME" in texts[1]
    assert "too many keys" in texts[2]
    assert levels(checks.leftovers(Leftovers([], [], [], [], "users", True))) == {"leftovers": "ok"}


def test_keys_of_the_wrong_type_are_named_with_what_to_do():
    wrong = [Misplaced(f"chat:{n}", "list", "hash") for n in range(9)]
    found = list(checks.types(Seen({}, wrong, set())))
    assert len(found) == 3
    assert {each.level for each in found} == {"failure"}
    assert "chat:0 is a list and should be a hash" in found[0].text
    assert "redis-cli DEL 'chat:0'" in found[0].text
    assert list(checks.types(Seen({}, [], set()))) == list(checks.types(None)) == []


def test_damaged_records_are_named():
    unreadable = [("chat:{users}", "sis"), ("chat:{users}:accounts", "dana")]
    found = list(checks.records(Records(unreadable, ["mom"])))
    assert [each.level for each in found] == ["warning"] * 2
    assert "2 cannot be read: 'sis' in chat:{users}, 'dana' in" in found[0].text
    assert "mom. `chatctl kick NAME`" in found[1].text
    assert levels(checks.records(Records([], []))) == {"records": "ok"}
    assert levels(checks.records(None)) == {"records": "warning"}


def test_other_chats_are_named_in_case_this_is_the_wrong_one():
    info = {"redis_version": "7.2.4", "db0": {"keys": 3}, "db1": {"keys": 1}, "dbx": 1}
    found = list(
        checks.chats(Seen({"our:family": 2, "a": 0, "b": 1}, [], set()), server(info=info))
    )
    assert {each.level for each in found} == {"ok"}
    assert "a (no gateway alive), b (1 gateway), our:family (2 gateways)" in found[0].text
    assert "db0, db1" in found[1].text
    assert list(checks.chats(Seen({}, [], set()), server(info={"db0": {}}))) == []
    assert list(checks.chats(None, Server(0.1, None, None))) == []
