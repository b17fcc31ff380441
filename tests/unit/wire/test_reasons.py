import pytest

from wire import reasons
from wire.reasons import REASONS, ErrorCode, NoticeCode, Reason, WireError


def test_every_reason_is_listed_once():
    defined = [value for value in vars(reasons).values() if isinstance(value, Reason)]
    assert sorted(defined) == sorted(REASONS)
    assert len({reason.code for reason in REASONS}) == len(REASONS)


def test_idle_people_are_told_bye_and_do_not_come_back_by_themselves():
    assert reasons.IDLE == ("idle", "Bye!", False)


def test_a_client_that_did_nothing_wrong_comes_back():
    comes_back = {reason.code for reason in REASONS if reason.reconnect}
    assert comes_back == {
        "hung_up", "name_lost", "slow", "interrupted", "shutdown", "rebalance", "crowded",
        "connection_lost", "gateway_lost",
    }  # fmt: skip


def test_no_text_is_empty():
    assert all(reason.text for reason in REASONS)


def test_the_reasons_are_the_ones_in_the_protocol(protocol):
    told = {code: reconnect for code, reconnect, _ in protocol.table("code", "reconnect")}
    assert told == {reason.code: str(reason.reconnect).lower() for reason in REASONS}


@pytest.mark.parametrize("codes", [ErrorCode, NoticeCode])
def test_the_codes_are_the_ones_in_the_protocol(protocol, codes):
    assert {code.value for code in codes} in protocol.codes()


def test_a_refusal_says_what_was_wrong():
    error = WireError(ErrorCode.BAD_NAME, "the name is empty", 7)
    assert (error.code, error.text, error.seq, str(error)) == (
        ErrorCode.BAD_NAME, "the name is empty", 7, "the name is empty",
    )  # fmt: skip
