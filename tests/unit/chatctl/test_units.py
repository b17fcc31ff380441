from datetime import UTC, datetime, timedelta

import click
import pytest

from chatctl.units import (
    Address,
    address,
    address_or_off,
    count_or_off,
    duration,
    duration_or_off,
    moment,
    prefix_word,
    rate_or_off,
    redis_url,
    room_name,
    size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("1.5s", 1.5),
        ("500ms", 0.5),
        ("15m", 900),
        ("2h", 7200),
        ("7d", 604_800),
        ("60", 60),
        ("2 H", 7200),
    ],
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-1s", "1w", "s", "1e9", "inf", "nan", "1m30s", "٣s"]
)
def test_the_error_says_how_to_write_a_duration(text):
    with pytest.raises(click.BadParameter, match=r"write 60s, 1\.5s, 15m, 2h or 7d\.$"):
        duration(text)


def test_off_is_a_duration_only_where_that_is_allowed():
    assert duration_or_off("off") is duration_or_off(" OFF ") is None
    assert duration_or_off("15m") == 900
    with pytest.raises(click.BadParameter, match=r"'never' .* or 7d, or off\.$"):
        duration_or_off("never")
    with pytest.raises(click.BadParameter):
        duration("off")


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("1.5 H", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("0s", timedelta()),
    ],
)
def test_times_before_now(text, ago):
    earliest = datetime.now(UTC) - ago
    assert earliest <= moment(text) <= datetime.now(UTC) - ago


@pytest.mark.parametrize(
    ("text", "hour", "minute", "second"),
    [("14:30", 14, 30, 0), ("9:05", 9, 5, 0), ("00:00:07", 0, 0, 7)],
)
def test_a_time_without_a_date_is_today_by_local_time(text, hour, minute, second):
    before, found = datetime.now(), moment(text)
    assert (found.hour, found.minute, found.second) == (hour, minute, second)
    assert found.utcoffset() is not None
    assert before.date() <= found.date() <= datetime.now().date()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23", datetime(2026, 11, 23)),
        ("2026-11-23T14:30", datetime(2026, 11, 23, 14, 30)),
        ("2026-11-23 14:30:05", datetime(2026, 11, 23, 14, 30, 5)),
        ("2026-11-23T14:30:00Z", datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("2026-11-23T14:30:00.5+02:00", datetime(2026, 11, 23, 12, 30, 0, 500_000, UTC)),
    ],
)
def test_times_without_an_offset_are_local(text, expected):
    assert moment(text) == expected.astimezone()


@pytest.mark.parametrize(
    "text",
    ["", "soon", "10", "1430", "25:00", "9:5", "-5m", "5w", "2026-02-30", "9999999999d"],
)
def test_the_error_says_how_to_write_a_time(text):
    with pytest.raises(
        click.BadParameter, match=r"write 10m or 2h .* 14:30 .* 2026-11-23"
    ) as caught:
        moment(text)
    assert caught.value.message.startswith(f"{text!r} is not a time")


def test_the_address_of_the_health_pages_needs_a_port():
    assert address_or_off("off") is None
    assert address_or_off("[::1]:8080") == Address("::1", 8080)
    for text, hint in [("0.0.0.0", "write 0.0.0.0:8080"), ("[::1]", r"write \[::1\]:8080")]:
        with pytest.raises(click.BadParameter, match=f"has no port: {hint}, or off"):
            address_or_off(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("5/s", 5), ("0.5/s", 0.5), ("30/m", 0.5), ("5", 5), ("off", None)]
)
def test_rates(text, rate):
    assert rate_or_off(text) == rate


@pytest.mark.parametrize("text", ["0/s", "5/d", "fast", "/s", ""])
def test_the_error_says_how_to_write_a_rate(text):
    with pytest.raises(click.BadParameter, match="write 5/s, 30/m, or off"):
        rate_or_off(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("16KiB", 16384), ("1 MiB", 1048576), ("1.5kib", 1536), ("16384", 16384), ("2048B", 2048)],
)
def test_sizes(text, count):
    assert size(text) == count


@pytest.mark.parametrize("text", ["16KB", "1M", "-1", "big", ""])
def test_the_error_says_how_to_write_a_size(text):
    with pytest.raises(click.BadParameter, match="write 16KiB, 1MiB"):
        size(text)


def test_a_size_that_is_too_small_for_a_frame_is_refused():
    assert size("1KiB") == 1024
    with pytest.raises(click.BadParameter, match="at least 1KiB"):
        size("1023")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:2428", "127.0.0.1", 2428),
        ("chat.example.org:0", "chat.example.org", 0),
        ("chat.example.org", "chat.example.org", 2428),
        ("[::1]:80", "::1", 80),
        ("[fe80::1%eth0]", "fe80::1%eth0", 2428),
    ],
)
def test_addresses(text, host, port):
    assert address(text) == Address(host, port)
    assert address(str(address(text))) == Address(host, port)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2428", "write 127.0.0.1:2428"),
        (":2428", "0.0.0.0:2428 for every interface"),
        ("::1", "write 127.0.0.1"),
        ("fe80::1", "[::1]:2428"),
        ("host:", "HOST:PORT"),
        ("host:x", "HOST:PORT"),
        ("a b:1", "HOST:PORT"),
        ("http://host:1", "HOST:PORT"),
        ("", "HOST:PORT"),
        ("host:65536", "65535 is the last"),
    ],
)
def test_the_error_says_how_to_write_an_address(text, hint):
    with pytest.raises(click.BadParameter) as caught:
        address(text)
    assert hint in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://u:pw@h:6379/0",
        "rediss://u:pw@h:6379/0?ssl_ca_certs=/ca.pem",
        "redis+sentinel://h:1,i:2/mm",
        "rediss+sentinel://h:1,i:2/mm",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_redis_urls_stay_as_they_are(url):
    assert redis_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://:secret@h",
        "redis://",
        "redis://:secret@h:port",
        "redis://[:secret",
        "",
    ],
)
def test_a_malformed_redis_url_is_not_repeated_since_it_may_hold_a_password(url):
    with pytest.raises(click.BadParameter, match="write redis://HOST:6379/0") as caught:
        redis_url(url)
    assert "secret" not in caught.value.message


def test_a_room_has_one_name_however_it_is_written():
    assert room_name("家族") == "家族"
    assert {room_name(text) for text in ("dev", "Dev", "#dev", "#DEV")} == {"dev"}
    for text in ("", "#", "##dev", "a b", "a\x1bb", "a\nb", "a\udcffb", "a\u202eb", "@", "x" * 51):
        with pytest.raises(click.BadParameter, match="cannot be a room") as caught:
            room_name(text)
        assert caught.value.message.isprintable()


@pytest.mark.parametrize("text", ["chat", "chat:2", "Our_chat-2.0", "a" * 64])
def test_prefixes(text):
    assert prefix_word(text) == text


@pytest.mark.parametrize(
    "text", ["", " ", "chat ", "chat\n", "a\tb", "a" * 65, "a" * 2000, "{chat}", "чат", "chat*"]
)
def test_a_wrong_prefix_is_refused_in_few_words(text):
    with pytest.raises(click.BadParameter, match="is not a prefix") as refusal:
        prefix_word(text)
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize("unit", [duration, duration_or_off, rate_or_off, size, count_or_off])
@pytest.mark.parametrize("digits", [13, 30, 400, 5000])
def test_numbers_that_are_too_large_are_refused_in_few_words(unit, digits):
    with pytest.raises(click.BadParameter) as refusal:
        unit("9" * digits)
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize("host", ["a..b", ".a", "a" * 64, "ü" * 64])
def test_a_wrong_host_is_refused(host):
    for text in (host, f"{host}:1"):
        with pytest.raises(click.BadParameter, match="is not an address"):
            address(text)


@pytest.mark.parametrize("host", ["localhost.", "bücher.example", "a" * 63])
def test_a_possible_host_is_accepted(host):
    assert address(f"{host}:1") == Address(host, 1)
