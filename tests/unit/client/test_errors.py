import pytest

from client.errors import Refused
from wire.reasons import ErrorCode


@pytest.mark.parametrize("code", list(ErrorCode))
def test_only_some_refusals_may_pass(code):
    passing = {
        ErrorCode.NAME_TAKEN,
        ErrorCode.UNAVAILABLE,
        ErrorCode.OUTBOX_FULL,
        ErrorCode.SLOW_DOWN,
        ErrorCode.TOO_MANY_ATTEMPTS,
    }
    assert Refused(code.value, "text").may_pass == (code in passing)
