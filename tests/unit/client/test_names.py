from client.names import KnownNames


def known(*names):
    known = KnownNames("Dana")
    known.are(names)
    return known


def test_names_are_in_alphabetical_order_while_nobody_has_spoken():
    assert known("sis", "Bro", "dad").matching("") == ["Bro", "dad", "sis"]


def test_the_latest_speaker_comes_first():
    names = known("bro", "dad", "sis")
    names.spoke("sis")
    names.spoke("dad")
    assert names.matching("") == ["dad", "sis", "bro"]
    names.spoke("sis")
    assert names.matching("") == ["sis", "dad", "bro"]


def test_names_match_by_their_beginning_in_any_case():
    assert known("sis", "Simon", "mom").matching("SI") == ["Simon", "sis"]


def test_our_own_name_is_never_offered():
    assert known("dana", "sis").matching("") == ["sis"]


def test_an_announcement_adds_no_name():
    names = known("sis")
    names.spoke("*")
    assert names.matching("") == ["sis"]


def test_coming_and_going():
    names = known("sis")
    names.spoke("sis")
    names.joined("mom")
    assert names.matching("") == ["sis", "mom"]
    names.left("SIS")
    assert names.matching("") == ["mom"]


def test_a_new_list_drops_missing_people_and_keeps_the_order_of_speakers():
    names = known("bro", "dad", "sis")
    names.spoke("sis")
    names.spoke("dad")
    names.are(["abe", "bro", "sis"])
    assert names.matching("") == ["sis", "abe", "bro"]


def test_who_speaks_without_coming_in_is_not_counted():
    names = KnownNames("dana")
    names.are(["dana", "sis"])
    names.spoke("cron")
    assert names.count == 2
    assert names.matching("c") == []
    names.doubt()
    names.spoke("mom")
    assert names.count is None
    assert names.matching("m") == ["mom"]
