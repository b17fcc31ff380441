import pytest

from client.errors import Refused
from wire.reasons import ErrorCode


@pytest.mark.parametrize("code", list(ErrorCode))
def test_only_some_refusals_are_worth_another_try(code):
    passing = {
        ErrorCode.NAME_TAKEN,
        ErrorCode.UNAVAILABLE,
        ErrorCode.OUTBOX_FULL,
        ErrorCode.SLOW_DOWN,
        ErrorCode.TOO_MANY_ATTEMPTS,
    }
    assert Refused(code.value, "text").may_pass == (code in passing)
