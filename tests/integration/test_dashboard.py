"""The dashboard and the alert rules ask for metrics, labels and values that a gateway has, and for nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import yaml

from gateway.service.services import DESCRIPTORS
from gateway.telemetry.rpc_metrics import CODES
from tests.support.promql import Asked, asked_by
from tests.support.scrape import Scrape, scraped_from
from tests.support.serving import Watch
from tests.support.streaming import open_world

PLACE = Path(__file__).resolve().parents[2] / "deploy" / "observability"
OF_PROMETHEUS = {"up"}
"""Metrics that Prometheus makes itself."""
OF_THE_SCRAPE = {"instance", "job"}
"""Labels that Prometheus adds."""


def dashboard() -> Any:
    """The dashboard as Grafana reads it."""
    return json.loads((PLACE / "grafana-dashboard.json").read_text())


def rules() -> list[Any]:
    """The rules of all groups."""
    groups = yaml.safe_load((PLACE / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> Iterator[Any]:
    """The panels that show something."""
    return (panel for panel in dashboard()["panels"] if panel["type"] != "row")


def expressions() -> dict[str, str]:
    """All expressions, by where they stand."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return {place: text.replace("$__rate_interval", "5m") for place, text in found.items()}


@pytest.fixture(scope="module")
def asked() -> dict[str, Asked]:
    """What each expression asks for."""
    return {place: asked_by(text) for place, text in expressions().items()}


@pytest.fixture
async def scrape(tmp_path: Path) -> Scrape:
    """The metrics of a gateway that had a call, a stream that runs, one that was refused, and a watch."""
    path = tmp_path / "operations.sock"
    async with open_world(tmp_path, ops_listen=f"unix:{path}") as world:
        call = await world.call()
        watch = Watch(world.client, bookmark_interval={"seconds": 1})
        await watch.opened()
        await watch.until("bookmark")
        await world.stream(call)
        await watch.until("events")
        with pytest.raises(grpc.aio.AioRpcError):
            await world.starting(call, "refused", codec="NOTHING")
        found = await scraped_from(path)
        watch.call.cancel()
    return found


async def test_every_metric_and_label_exists(asked: dict[str, Asked], scrape: Scrape) -> None:
    """As a scrape shows them."""
    for place, wanted in asked.items():
        for metric, labels in wanted.metrics.items():
            assert metric in scrape.names | OF_PROMETHEUS, f"{place}: there is no {metric}"
            if metric not in OF_PROMETHEUS:
                known = scrape.label_names(metric) | OF_THE_SCRAPE
                assert labels <= known, f"{place}: {metric} has no {labels - known}"
        known = set().union(*(scrape.label_names(metric) for metric in wanted.metrics)) | OF_THE_SCRAPE
        assert wanted.groups <= known, f"{place}: groups by {wanted.groups - known}"


async def test_every_value_that_is_asked_for_can_occur(asked: dict[str, Asked], scrape: Scrape) -> None:
    """A slip of the pen in a value would make an alert that never fires."""
    codes = {"200", "unknown", "unsent", "abandoned"}
    for place, wanted in asked.items():
        for (metric, label), values in wanted.values.items():
            if label in OF_THE_SCRAPE:
                continue
            known = {"grpc_code": set(CODES.values()), "code": codes}.get(label) or scrape.labels(metric, label)
            assert values <= known, f"{place}: {label} of {metric} is never {values - known}"


async def test_every_metric_of_the_gateway_is_shown(asked: dict[str, Asked], scrape: Scrape) -> None:
    """What nobody looks at need not be there. Sums and counts of histograms come with their buckets."""
    shown = {re.sub(r"_(bucket|sum|count)$", "", metric) for wanted in asked.values() for metric in wanted.metrics}
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in scrape.names if name.startswith("callstream_")}
    for_queries = {
        "callstream_build_info",
        "callstream_journal_backlog_bytes",
        "callstream_journal_events",
        "callstream_journal_head_sequence",
        "callstream_relay_session_state_timestamp_seconds",
    }
    assert own - shown == for_queries


async def test_every_metric_is_in_the_documentation(scrape: Scrape) -> None:
    """And every one that is there exists."""
    text = (PLACE.parents[1] / "gateway" / "telemetry" / "README.md").read_text()
    documented = set(re.findall(r"`((?:callstream|grpc_server)_[a-z_]+)`", text))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in scrape.names}
    assert documented == {name for name in families if not name.startswith("process_")}


def test_rules_are_what_prometheus_takes() -> None:
    """Unlike names, an expression, how long, how bad; and what to look at, in words."""
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"Callstream[A-Z]\w+", rule["alert"])
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        assert set(rule["annotations"]) == {"summary", "description"}
        for template in re.findall(r"\{\{(.*?)\}\}", str(rule["annotations"])):
            assert re.fullmatch(r" \$(labels\.\w+|value)( \| humanize\w*)? ", template), rule["alert"]


def test_summaries_name_labels_that_the_rule_has(asked: dict[str, Asked]) -> None:
    """An aggregation drops all labels that it does not group by."""
    for rule in rules():
        named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        groups = asked[f"alert {rule['alert']}"].groups
        if "sum" in rule["expr"]:
            assert named <= groups, rule["alert"]


def test_the_dashboard_is_in_order() -> None:
    """Unlike ids, no panels over others, a data source that is chosen, and legends of labels that there are."""
    shown = dashboard()
    ids = [panel["id"] for panel in shown["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in shown["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["description"], panel["title"]
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in target["expr"] or "session_state" in target["expr"], panel["title"]


def test_all_methods_have_names_of_their_own() -> None:
    """The dashboard tells RPCs apart by method alone."""
    methods = [method.name for service in DESCRIPTORS for method in service.methods]
    assert len(set(methods)) == len(methods)
