"""Prometheus, its alerts, and the dashboard."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import Metric

from gateway.core import Gateway
from gateway.http.metrics import Metrics
from tests.deploy.files import ALERTS, DASHBOARD, PROMETHEUS, expressions, load, tool
from tests.support.settings import settings

SCENES = Path(__file__).with_name("alerts_test.yml")
RULES = [rule for group in load(ALERTS)["groups"] for rule in group["rules"]]
BOARD = json.loads(DASHBOARD.read_text())
OTHERS_LABELS = {"job", "instance"}
"""Those that Prometheus adds."""


async def families() -> list[Metric]:
    return list(Metrics(Gateway(settings("unix:///nowhere", "none"))).collect())


FAMILIES = asyncio.run(families())
SAMPLES = [sample for family in FAMILIES for sample in family.samples]


def promtool(*arguments: str) -> None:
    done = subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_configuration_and_the_rules():
    promtool("check", "config", str(PROMETHEUS))
    promtool("check", "rules", str(ALERTS))


def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    shutil.copy(ALERTS, tmp_path)
    shutil.copy(SCENES, tmp_path)
    promtool("test", "rules", str(tmp_path / SCENES.name))


def test_every_alert_is_tested():
    _, bad_day, _ = load(SCENES)["tests"]
    tried = [each["labels"] for each in bad_day["promql_expr_test"][0]["exp_samples"]]
    assert tried == sorted(f'{{alertname="{rule["alert"]}"}}' for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_happened_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"] and rule["annotations"]["description"]


def test_prometheus_accepts_every_expression_of_the_dashboard(tmp_path):
    wanted = [each for each in expressions() if not each.startswith("label_values(")]
    filled = [each.replace("$__rate_interval", "1m").replace("$gateway", ".+") for each in wanted]
    rules = [{"record": f"tried:{n}", "expr": each} for n, each in enumerate(filled)]
    file = tmp_path / "rules.json"  # JSON is YAML too
    file.write_text(json.dumps({"groups": [{"name": "tried", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_the_panels_of_the_dashboard_do_not_overlap():
    panels = BOARD["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (each["gridPos"] for each in panels):
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert columns.stop <= 24 and not cells & taken
        taken |= cells


def test_every_panel_says_what_it_shows():
    for panel in BOARD["panels"]:
        assert panel["title"]
        assert panel["type"] == "row" or (panel["description"] and panel["targets"])


def test_the_alerts_and_the_dashboard_use_the_job_that_prometheus_scrapes():
    (scrape,) = load(PROMETHEUS)["scrape_configs"]
    jobs = {job for each in expressions() for job in re.findall(r'job="([^"]+)"', each)}
    assert jobs == {scrape["job_name"]}


def test_every_metric_used_is_one_that_the_gateway_has():
    used = {name for each in expressions() for name in re.findall(r"\bchat_\w+", each)}
    assert used and used <= {sample.name for sample in SAMPLES}


def test_the_dashboard_shows_every_metric():
    shown = " ".join(
        target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())
    )
    assert [family.name for family in FAMILIES if family.name not in shown] == []


def test_every_label_and_value_used_exists_in_its_metric():
    for each in expressions():
        for name, picked in re.findall(r"\b(chat_\w+)(?:\{([^}]*)\})?", each):
            labels = [sample.labels for sample in SAMPLES if sample.name == name]
            known = {label for each in labels for label in each} | OTHERS_LABELS
            by = ",".join(re.findall(r"by \(([^)]*)\)", each))
            assert {label.strip() for label in by.split(",") if label} <= known, each
            for label, value in re.findall(r'(\w+)="([^"]*)"', picked):
                assert label in OTHERS_LABELS or value in {had.get(label) for had in labels}, each
