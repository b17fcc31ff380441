from gateway.backplane.operators import room_checks as checks
from gateway.backplane.operators.room_contents import RoomContents


def test_rooms_without_a_fault_are_counted():
    for total, says in ((1, "1 room"), (3, "3 rooms")):
        [found] = checks.rooms(RoomContents(total, [], [], [], []))
        assert (found.level, found.what, found.text) == ("ok", "rooms", says)


def test_each_fault_is_named_with_what_to_do():
    many = [f"r{n}" for n in range(5)]
    contents = RoomContents(9, many, ["dev"], [("dev", "sis")], [("art", "mom")])
    found = list(checks.rooms(contents))
    assert {each.level for each in found} == {"warning"}
    unlisted, endless, absent, unreadable = [each.text for each in found]
    assert unlisted.startswith("5 are missing from the list of rooms: r0, r1, r2 and 2 more")
    assert "chatctl room ROOM create" in unlisted
    assert "dev. `chatctl room ROOM delete`" in endless
    assert "sis in dev" in absent
    assert "chatctl room ROOM kick NAME" in absent
    assert "'mom' in art" in unreadable


def test_rooms_that_may_not_be_read_are_a_warning():
    [found] = checks.rooms(None)
    assert (found.level, "not allowed" in found.text) == ("warning", True)
