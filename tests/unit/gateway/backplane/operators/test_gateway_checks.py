import msgspec
import pytest

from gateway.backplane.alike import settings_of
from gateway.backplane.operators import gateway_checks as checks
from gateway.backplane.operators.gateway_checks import Probed
from gateway.backplane.operators.gateways import GatewayRecord
from gateway.backplane.records import GatewayInfo
from tests.support.settings import settings

NOW = 1_795_428_000_000
INFO = GatewayInfo(listen="h:1", host="box", version="1", since=1, at=NOW - 1000, connections=7)


def levels(findings):
    return {each.what: each.level for each in findings}


def text(findings, what):
    [found] = [each.text for each in findings if each.what == what]
    return found


@pytest.mark.parametrize(
    ("ahead", "says"), [(4.9, None), (-4.9, None), (60.2, "60 s ahead of"), (-7.0, "7 s behind")]
)
def test_clocks_that_differ_give_a_warning(ahead, says):
    [found] = checks.clock(ahead)
    assert found.level == ("warning" if says else "ok")
    assert (says or "") in found.text


def gateway(lease=9.0, names=2, **fields):
    return GatewayRecord("g-1", msgspec.structs.replace(INFO, **fields), lease, names)


@pytest.mark.parametrize(
    ("record", "level", "says"),
    [
        (gateway(), "ok", "h:1 on box, 7 connections"),
        (gateway(lease=2.5), "warning", "2.5 s left of its lease"),
        (gateway(lag=3.0), "warning", "3.0 s late"),
        (gateway(most_connections=48), "warning", "7 connections of 48 that its limit"),
        (gateway(most_connections=1000), "ok", "7 connections"),
        (gateway(most_connections=1000, connections=901), "warning", "901 connections of 1000"),
        (gateway(draining=True), "ok", "drains"),
        (
            gateway(lease=None, names=5),
            "warning",
            "the next gateway that starts removes its 5 names",
        ),
        (GatewayRecord("g-1", None, 9.0, 0), "warning", "another version"),
    ],
)
def test_each_state_of_a_gateway(record, level, says):
    found = list(checks.gateways([record], NOW))
    assert levels(found)["gateway g-1"] == level
    assert says in text(found, "gateway g-1")


def test_a_dead_gateway_is_swept_by_the_others_if_there_are_any():
    other = GatewayRecord("g-2", INFO, 9.0, 0)
    found = list(checks.gateways([gateway(lease=None, names=5), other], NOW))
    assert "the others remove its 5 names" in text(found, "gateway g-1")


def test_without_a_living_gateway_it_fails():
    assert levels(checks.gateways([], NOW)) == {"gateways": "failure"}
    assert levels(checks.gateways([gateway(lease=None)], NOW))["gateways"] == "failure"
    assert "gateways" not in levels(checks.gateways([gateway()], NOW))


@pytest.mark.parametrize(("wrong", "level"), [(0, "ok"), (4, "ok"), (60, "warning")])
def test_a_gateways_clock_is_checked_by_the_time_in_its_lease(wrong, level):
    # Nine of the ten seconds are left: it was written a second ago.
    found = checks.gateways([gateway(at=NOW - 1000 - wrong * 1000)], NOW)
    assert levels(found)["clock of g-1"] == level


def like(id, lease=9.0, **fields):
    own = settings_of(settings("redis://nowhere.invalid", "test", **fields)) if fields else None
    return GatewayRecord(id, msgspec.structs.replace(INFO, settings=own), lease, 0)


def test_gateways_that_differ_are_named_setting_by_setting():
    found = list(checks.alike([like("g-1", history=10, idle=5.0), like("g-2", auth="required")]))
    assert {(each.level, each.what) for each in found} == {("warning", "gateways' settings")}
    assert [each.text.partition(":")[0] for each in found] == ["--auth", "--history", "--idle"]
    assert "open at g-1; required at g-2" in found[0].text


@pytest.mark.parametrize(
    ("others", "count"),
    [
        ([like("g-2", history=1000)], 1),
        ([], 0),
        ([like("g-dead", lease=None, history=10)], 0),
        ([like("g-old")], 0),
        ([GatewayRecord("g-new", None, 9.0, 0)], 0),
    ],
)
def test_equal_settings_are_ok_and_gateways_without_a_report_do_not_count(others, count):
    found = list(checks.alike([like("g-1", history=1000), *others]))
    assert [each.level for each in found] == ["ok"] * count


@pytest.mark.parametrize(
    ("probed", "level", "says"),
    [
        (Probed("g", True, {"ok": True, "seconds": 0.0042, "text": ""}), "ok", "4 ms"),
        (Probed("g", True, {"ok": False, "seconds": 1, "text": "lost"}), "failure", "lost"),
        (Probed("g", True, None), "failure", "no answer"),
        (Probed("g", False, None), "failure", "does not listen"),
    ],
)
def test_a_frame_through_a_gateway(probed, level, says):
    found = checks.probed(probed)
    assert (found.level, found.what) == (level, "frame through g")
    assert says in found.text
