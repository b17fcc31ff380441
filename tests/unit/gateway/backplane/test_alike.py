import pytest

from chatctl.gateway import gateway
from gateway.backplane.alike import OPTIONS, differences, settings_of
from gateway.config import Certificate
from tests.support.settings import settings


def settings_with(**fields):
    return settings_of(settings("redis://nowhere.invalid", "test", **fields))


def test_gateways_with_equal_settings_do_not_differ():
    # The port, and settings that gateways do not share, may differ.
    assert (
        differences({"g-1": settings_with(), "g-2": settings_with(port=9, outbox=1, drain=3.0)})
        == []
    )
    assert differences({"g-1": settings_with()}) == differences({}) == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"auth": "required"}, "--auth: open at g-1; required at g-2"),
        ({"certificate": Certificate("c", "k")}, "--tls-cert: off at g-1; on at g-2"),
        ({"fallback": "refuse"}, "--fallback: public at g-1; refuse at g-2"),
        ({"history": 10}, "--history: 1000 at g-1; 10 at g-2"),
        ({"history_age": 86400.0}, "--history-age: 3600s at g-1; 86400s at g-2"),
        ({"idle": 1.5}, "--idle: off at g-1; 1.5s at g-2"),
        ({"away_idle": 9.0}, "--away-idle: as --idle at g-1; 9s at g-2"),
        ({"resume_within": 600.0}, "--resume-within: 60s at g-1; 600s at g-2"),
        ({"limits": {"text": 100}}, "--max-text: 4000 at g-1; 100 at g-2"),
        ({"limits": {"rate": 5.0}}, "--rate: off at g-1; 5/s at g-2"),
        ({"limits": {"burst": 9}}, "--burst: 20 at g-1; 9 at g-2"),
        ({"rooms": "closed"}, "--rooms: open at g-1; closed at g-2"),
        ({"lobby": False}, "--lobby: on at g-1; off at g-2"),
        ({"limits": {"quiet_room": 9}}, "--quiet-room: 200 at g-1; 9 at g-2"),
        ({"limits": {"rooms": 9}}, "--rooms-per-person: 50 at g-1; 9 at g-2"),
    ],
)
def test_each_difference_says_who_has_what(fields, text):
    assert differences({"g-1": settings_with(), "g-2": settings_with(**fields)}) == [text]


def test_gateways_that_agree_are_named_together():
    auth = settings_with(auth="required")
    found = differences({"g-1": settings_with(), "g-2": auth, "g-3": settings_with()})
    assert found == ["--auth: open at g-1, g-3; required at g-2"]


def test_the_settings_are_options_of_the_gateway():
    known = {parameter.name for parameter in gateway.params}
    assert {name.replace("-", "_") for name in OPTIONS.values()} <= known
