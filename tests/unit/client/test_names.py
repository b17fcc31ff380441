from client.names import KnownNames


def known(*names):
    known = KnownNames("Dana")
    known.are(names)
    return known


def test_in_the_order_of_the_alphabet_while_nobody_has_spoken():
    assert known("sis", "Bro", "dad").matching("") == ["Bro", "dad", "sis"]


def test_who_spoke_last_comes_first():
    names = known("bro", "dad", "sis")
    names.spoke("sis")
    names.spoke("dad")
    assert names.matching("") == ["dad", "sis", "bro"]
    names.spoke("sis")
    assert names.matching("") == ["sis", "dad", "bro"]


def test_only_those_that_begin_so_without_regard_to_case():
    assert known("sis", "Simon", "mom").matching("SI") == ["Simon", "sis"]


def test_oneself_is_never_offered():
    assert known("dana", "sis").matching("") == ["sis"]


def test_an_announcement_is_nobodys():
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


def test_a_new_list_forgets_who_is_gone_and_remembers_who_spoke():
    names = known("bro", "dad", "sis")
    names.spoke("sis")
    names.spoke("dad")
    names.are(["abe", "bro", "sis"])
    assert names.matching("") == ["sis", "abe", "bro"]
