"""What a Redis URL means, and what it shows."""

import pytest

from gateway.backplane.url import (
    RedisUrl,
    has_password,
    parse_url,
    with_password,
    without_password,
    without_secrets,
)
from tests.unit.gateway.backplane.secret_urls import SECRETS


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("redis://h", {"hosts": (("h", 6379),)}),
        ("redis://h:1/3", {"hosts": (("h", 1),), "db": 3}),
        ("redis://h?db=4", {"hosts": (("h", 6379),), "db": 4}),
        ("redis://[::1]:7", {"hosts": (("::1", 7),)}),
        ("redis://:a%2Fb@h", {"hosts": (("h", 6379),), "password": "a/b"}),
        ("redis://d%40na:w@h", {"hosts": (("h", 6379),), "username": "d@na", "password": "w"}),
        ("redis://h?username=u&password=w", {"hosts": (("h", 6379),), "username": "u",
                                             "password": "w"}),
        ("unix:///tmp/s?db=2", {"path": "/tmp/s", "db": 2}),
        ("unix://u:w@/tmp/s", {"path": "/tmp/s", "username": "u", "password": "w"}),
        ("rediss://h", {"hosts": (("h", 6379),), "tls": True}),
        ("rediss://h?ssl_ca_certs=/ca.pem&ssl_cert_reqs=none",
         {"hosts": (("h", 6379),), "tls": True,
          "tls_options": {"ssl_ca_certs": "/ca.pem", "ssl_cert_reqs": "none"}}),
        ("redis+sentinel://h:1/name", {"hosts": (("h", 1),), "master": "name"}),
        ("redis+sentinel://d:a%2Fb@h:1,[::1]:2/name",
         {"hosts": (("h", 1), ("::1", 2)), "master": "name", "username": "d", "password": "a/b"}),
        ("REDIS://h:1", {"hosts": (("h", 1),)}),
        ("Redis+Sentinel://h:1/name", {"hosts": (("h", 1),), "master": "name"}),
        ("RediSS://h?ssl_cert_reqs=none",
         {"hosts": (("h", 6379),), "tls": True, "tls_options": {"ssl_cert_reqs": "none"}}),
        ("UNIX:///tmp/s", {"path": "/tmp/s"}),
        ("valkey://h/2", {"hosts": (("h", 6379),), "db": 2}),
        ("valkeys://h?ssl_ca_certs=/ca.pem",
         {"hosts": (("h", 6379),), "tls": True, "tls_options": {"ssl_ca_certs": "/ca.pem"}}),
        ("redis+sentinel://h:1/name?db=3", {"hosts": (("h", 1),), "master": "name", "db": 3}),
        ("rediss+sentinel://h:1/name?ssl_ca_certs=/ca.pem",
         {"hosts": (("h", 1),), "master": "name", "tls": True,
          "tls_options": {"ssl_ca_certs": "/ca.pem"}}),
    ],
)  # fmt: skip
def test_a_url_is_taken_apart(url, parts):
    assert parse_url(url) == RedisUrl(**parts)


@pytest.mark.parametrize(
    ("url", "flaw"),
    [
        ("", "write redis://HOST:6379/0"),
        ("127.0.0.1:6379", "write redis://HOST:6379/0"),
        ("http://127.0.0.1", "write redis://HOST:6379/0"),
        ("sentinel://h:1/name", "write redis://HOST:6379/0"),
        ("redis://h:port", "write redis://HOST:6379/0"),
        ("redis://h:99999", "write redis://HOST:6379/0"),
        ("redis://[h", "write redis://HOST:6379/0"),
        ("redis://", "the host is missing"),
        ("redis://:word@", "the host is missing"),
        ("unix://", "the path is missing"),
        ("unix://run/redis.sock", "begins with a slash"),
        ("unix://~/redis.sock", "begins with a slash"),
        ("unix://dana:word@run/redis.sock", "begins with a slash"),
        ("redis://h:0/0", "ports are 1 to 65535"),
        ("redis+sentinel://h:0/name", "ports are 1 to 65535"),
        ("redis+sentinel://h:1,i:65536/name", "ports are 1 to 65535"),
        ("redis://h/0#x", "# that has no meaning"),
        ("unix:///tmp/s#x", "# that has no meaning"),
        ("redis://h/x", "database must be a number"),
        ("redis://h?db=x", "database must be a number"),
        ("redis://h?ssl_ca_certs=/ca.pem", "write rediss://"),
        ("redis://h?timeout=1", "known options are db, username, password$"),
        ("rediss://h?ssl_ca_cert=/ca.pem", "known options are .*ssl_ca_certs"),
        ("rediss://h?ssl_cert_reqs=optional", "ssl_cert_reqs must be required or none"),
        ("rediss://h?ssl_check_hostname=no", "ssl_check_hostname must be true or false"),
        ("rediss://h?ssl_keyfile=/key.pem", "no ssl_certfile"),
        ("redis+sentinel://", "written like"),
        ("redis+sentinel://h/name", "written like"),
        ("redis+sentinel://h:port/name", "write redis"),
        ("redis+sentinel://h:1,/name", "written like"),
        ("redis+sentinel://h:1,i/name", "written like"),
        ("redis+sentinel://h:1", "master's name"),
        ("redis+sentinel://h:1/", "master's name"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_in_words(url, flaw):
    with pytest.raises(ValueError, match=flaw):
        parse_url(url)


@pytest.mark.parametrize("url", SECRETS)
def test_nothing_shows_a_password(url):
    assert has_password(url)
    assert "heim" not in without_password(url)
    try:
        parsed = repr(parse_url(url))
    except ValueError as error:
        parsed = str(error)
    assert "heim" not in parsed


def test_a_password_that_may_lack_its_escapes_is_asked_for():
    with pytest.raises(ValueError, match="%-encoded"):
        parse_url("redis://dana:ge/heim@h:1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://dana@h:6379/0", "redis://dana@h:6379/0"),
        ("redis://:secret@h:6379/0", "redis://:***@h:6379/0"),
        ("redis://ann:se@cret@h/0", "redis://ann:***@h/0"),
        ("redis://:1/se@cret@h/0", "redis://:***@h/0"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
        ("unix:///r.sock?db=1&password=secret&x=1", "unix:///r.sock?db=1&password=***&x=1"),
        ("redis://h?password=secret", "redis://h?password=***"),
        ("redis+sentinel://dana:secret@h:1,i:2/n", "redis+sentinel://dana:***@h:1,i:2/n"),
        ("rediss://:secret@h?ssl_ca_certs=/ca.pem", "rediss://:***@h?ssl_ca_certs=/ca.pem"),
    ],
)
def test_the_rest_of_a_url_is_shown(url, shown):
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://geheim@h/0", "redis://***@h/0"),
        ("redis://u%3Ageheim@h/0", "redis://***@h/0"),
        ("redis://geheim/geheim@h/0", "redis://***@h/0"),
        ("redis+sentinel://geheim@h:1,i:2/name", "redis+sentinel://***@h:1,i:2/name"),
        ("unix://geheim@/tmp/s", "unix://***@/tmp/s"),
        ("redis://dana:geheim@h", "redis://dana:***@h"),
        ("redis://h:1?password=geheim", "redis://h:1?password=***"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("rediss://h?ssl_ca_certs=/a@b.pem", "rediss://h?ssl_ca_certs=/a@b.pem"),
        ("unix:///tmp/a@b/s", "unix:///tmp/a@b/s"),
    ],
)
def test_where_something_is_wrong_a_user_without_a_password_is_hidden_too(url, shown):
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:1/3",
        "redis://dana@h:1",
        "redis://d%40na@[::1]:1/0",
        "rediss://h?ssl_ca_certs=/a@b.pem",
        "unix:///tmp/s?db=2",
        "unix://dana@/tmp/s",
        "redis+sentinel://h:1,i:2/name",
        "redis+sentinel://dana@h:1,i:2/name",
    ],
)
@pytest.mark.parametrize("password", ["word", "a/b@c:d?e#f%2F g", "日本"])
def test_a_password_is_put_into_a_url_and_changes_nothing_else(url, password):
    assert not has_password(url)
    before, after = parse_url(url), parse_url(with_password(url, password))
    assert after.password == password
    assert {**vars(after), "password": None} == vars(before)
    assert without_password(with_password(url, password)).count("***") == 1
