from gateway.backplane.contract import Attendance
from gateway.backplane.records import Member
from gateway.rooms.roster import Roster
from wire.codec import encode
from wire.frames import Joined, Left, Renamed


def came(*names: str, account: bool = False) -> bytes:
    return b"".join(
        encode(Joined(room="dev", name=name, account=name.casefold() if account else ""))
        for name in names
    )


def left(*names: str) -> bytes:
    return b"".join(encode(Left(room="dev", name=name, code="quit")) for name in names)


def page(moves: int, *names: str, cursor: str = "0") -> Attendance:
    members = {
        name.lower(): [Member(name=name, session=f"of {name}", gateway="g-1", origin="")]
        for name in names
    }
    return Attendance(cursor, moves, members)


def read(moves: int, *names: str) -> Roster:
    roster = Roster()
    roster.begin()
    roster.page(page(moves, *names))
    assert roster.finish() is not None
    return roster


def names(roster: Roster) -> list[str]:
    return sorted(member.name for member in roster.members.values())


def test_the_members_are_those_that_were_read() -> None:
    roster = read(7, "Anna", "ben")
    assert names(roster) == ["Anna", "ben"]
    assert roster.moves == 7


def test_arrivals_and_departures_change_the_members() -> None:
    roster = read(7, "anna", "ben")
    assert roster.hear(9, came("Cleo", account=True) + left("ANNA"))
    assert names(roster) == ["Cleo", "ben"]
    assert roster.members["cleo"].account


def test_a_jump_in_the_count_says_that_moves_were_lost() -> None:
    roster = read(7, "anna")
    assert not roster.hear(9, came("ben"))
    assert roster.hear(10, came("cleo"))


def test_moves_from_before_the_members_were_read_change_nothing() -> None:
    roster = read(7, "anna")
    assert roster.hear(7, left("anna"))
    assert names(roster) == ["anna"]


def test_what_happens_while_the_members_are_read_counts_in_the_end() -> None:
    roster = Roster()
    roster.begin()
    roster.page(page(7, "anna", "ben", cursor="5"))
    assert roster.hear(8, came("cleo"))
    assert roster.hear(9, left("anna"))
    roster.page(page(9, "cleo"))
    assert roster.finish() is not None
    assert names(roster) == ["ben", "cleo"]
    assert roster.moves == 9


def test_a_member_who_is_read_before_their_arrival_is_heard_counts_once() -> None:
    roster = Roster()
    roster.begin()
    roster.page(page(7, "anna", cursor="5"))
    roster.page(page(8, "ben"))
    assert roster.finish() is not None
    assert roster.hear(8, came("ben"))
    assert names(roster) == ["anna", "ben"]


def test_the_members_have_to_be_read_again_if_moves_were_lost_meanwhile() -> None:
    roster = Roster()
    roster.begin()
    roster.page(page(7, "anna", cursor="5"))
    assert roster.hear(9, came("ben"))
    roster.page(page(9))
    assert roster.finish() is None


def test_the_old_members_stay_if_they_cannot_be_read_again() -> None:
    roster = read(7, "anna")
    roster.begin()
    assert roster.reading
    roster.give_up()
    assert not roster.reading
    assert names(roster) == ["anna"]


def test_moves_heard_during_a_failed_read_are_not_forgotten() -> None:
    roster = read(7, "anna")
    roster.begin()
    roster.hear(8, came("ben"))
    roster.give_up()
    assert names(roster) == ["anna", "ben"]


def test_a_count_that_goes_back_says_that_redis_has_forgotten_moves() -> None:
    roster = read(7, "anna")
    assert roster.hear(8, came("ben"))
    assert not roster.hear(1, came("cleo"))


def test_who_takes_another_name_is_there_under_that_one_only() -> None:
    roster = read(7, "anna", "ben")
    assert roster.hear(8, encode(Renamed("anna", "Anne", room="dev", account="anna")))
    assert names(roster) == ["Anne", "ben"]
    assert roster.members["anne"].account == "anna"
