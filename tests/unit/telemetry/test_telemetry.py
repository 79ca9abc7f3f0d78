"""What the operations port says of a gateway."""

import json
from http import HTTPStatus
from typing import Any

from gateway.telemetry.telemetry import Telemetry
from tests.support.running import running_emulator
from tests.support.scrape import Scrape
from tests.support.serving import Served, served, wait_until


def readiness(gateway: Served) -> tuple[HTTPStatus, dict[str, Any]]:
    """What readiness says now."""
    answer = Telemetry().pages(gateway.engine)["/readyz"]()
    assert answer.content_type == "application/json"
    said: dict[str, Any] = json.loads(answer.body)
    return answer.status, said


async def test_readiness() -> None:
    """With every obstacle there is, until there is none; again when the process leaves."""
    async with running_emulator() as emulator, served(relay_host=emulator.host) as gateway:
        status, said = readiness(gateway)
        assert (status, said["ready"]) == (HTTPStatus.SERVICE_UNAVAILABLE, False)
        assert "the RELAY session is CONNECTING" in said["obstacles"]
        await wait_until(lambda: readiness(gateway) == (HTTPStatus.OK, {"ready": True, "obstacles": []}))
        gateway.journal.on_failed("disk full")
        await gateway.engine.drain(0)
        obstacles = ["the journal can't be written: disk full", "the process is shutting down"]
        assert readiness(gateway)[1]["obstacles"] == obstacles


async def test_liveness_asks_for_nothing_but_the_loop() -> None:
    """A process that can't reach RELAY or its disk is not made better by a restart."""
    async with served() as gateway:
        gateway.journal.on_failed("disk full")
        answer = Telemetry().pages(gateway.engine)["/livez"]()
    assert (answer.status, answer.body) == (HTTPStatus.OK, b"alive\n")


async def test_metrics_show_what_happens_and_what_is() -> None:
    """Events as they are recorded, and the state at the time of the scrape."""
    telemetry = Telemetry()
    async with served() as gateway:
        telemetry.attach(gateway.engine, gateway.services)
        pages = telemetry.pages(gateway.engine)
        await gateway.written(*gateway.others(2))
        answer = pages["/metrics"]()
    found = Scrape(answer.body.decode())
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert found("callstream_events_total", type="relay_other") == found("callstream_journal_head_sequence") == 2
