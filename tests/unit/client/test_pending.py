from client.pending import Pending
from wire.frames import Msg


def said(id, key=None):
    return Msg(id=id, from_="dana", room="lobby", text="hello", key=key)


def test_a_message_is_on_its_way_until_it_is_stored_and_shown():
    pending = Pending()
    number = pending.add("hello")
    assert pending.rows(80) == ["… hello"]
    pending.stored(number, "1-5")
    assert pending.rows(80) == ["… hello"]
    pending.shown(said("1-5"))
    assert pending.rows(80) == []


def test_it_may_be_shown_before_the_gateway_says_that_it_is_stored():
    pending = Pending()
    number = pending.add("hello")
    pending.shown(said("9-9", key="k1"))
    pending.stored(number, "k1")
    assert pending.rows(80) == []


def test_after_another_connection_only_what_is_not_stored_is_on_its_way():
    pending = Pending()
    pending.stored(pending.add("stored"), "1-5")
    pending.add("not stored")
    pending.forget_stored()
    assert pending.rows(80) == ["… not stored"]


def test_of_many_messages_some_are_shown_and_the_others_counted():
    pending = Pending()
    for number in range(9):
        pending.add(f"message {number}\nwith two lines")
    assert len(rows := pending.rows(20)) == 3
    assert rows[-1] == "… 7 more on their wa"
    assert rows[0] == "… message 0\ufffdwith two"
