import os
import stat

import pytest

from client.typed_history import MOST_LINES, TypedHistory


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "chatctl" / "typed"


def kept(path):
    return list(TypedHistory(path).load_history_strings())


def test_what_was_typed_comes_back_at_the_next_start_the_latest_first(path):
    history = TypedHistory(path)
    for line in ("one", "two\nlines", "back\\slash \\n", "ünd 你好"):
        history.store_string(line)
    assert kept(path) == ["ünd 你好", "back\\slash \\n", "two\nlines", "one"]


def test_only_its_owner_can_read_it(path):
    TypedHistory(path).store_string("secret plan")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("line", ["/join dev s3cret", " /JOIN #dev s3cret", "/set key s3cret"])
def test_keys_of_rooms_are_not_kept(path, line):
    history = TypedHistory(path)
    history.store_string(line)
    history.store_string("/join dev")
    assert kept(path) == ["/join dev"]


def test_it_does_not_grow_without_end(path):
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"line {n}\n" for n in range(3 * MOST_LINES)))
    assert len(kept(path)) == MOST_LINES
    assert len(path.read_text().splitlines()) == MOST_LINES
    assert kept(path)[0] == f"line {3 * MOST_LINES - 1}"


def test_a_damaged_file_or_none_does_no_harm(path):
    assert kept(path) == []
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe\x00 bad\nfine\n")
    assert kept(path)[0] == "fine"


def test_a_place_that_cannot_be_written_does_no_harm(tmp_path):
    (tmp_path / "file").write_text("")
    TypedHistory(tmp_path / "file" / "typed").store_string("hello")


def test_a_link_is_not_followed(path, tmp_path):
    path.parent.mkdir(parents=True)
    os.symlink(tmp_path / "elsewhere", path)
    TypedHistory(path).store_string("hello")
    assert not (tmp_path / "elsewhere").exists()
