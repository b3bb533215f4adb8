"""A feed that falls silent, looked at once, and judged as of a weekend and as of five minutes after the opening."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.end_to_end.suite import Outcome, Suite
from tests.lab_process import RunningLab
from tests.parts.moved import moved

pytestmark = pytest.mark.whole

HOURS = "  market_hours: {zone: UTC, open: Mon 00:00, close: Fri 22:00}\n"
ABOUT_PRICES = ("--system", "gateway", "--system", "market")
OLD = {
    "gateway.market.freshness",
    "gateway.market.fresh_symbols",
    "gateway.quick_health.freshness",
    "gateway.summary.system_health",
    "market.data.fresh_symbols",
    "market.data.freshness_rate",
    "market.system_health",
    "market.ws.client_stream",
    "market.ws.last_message_age",
}
"""What is critical of a feed that is dead."""


def critical(outcome: Outcome) -> set[str]:
    """Return the checks that are critical."""
    return {check for check, state in outcome.states.items() if state == "critical"}


def test_a_silent_feed_is_no_alarm_on_a_weekend_and_one_on_monday(
    lab: RunningLab, suite: Suite, tmp_path: Path
) -> None:
    lab.fault("F.mkt.feed", op="stop")
    taken = tmp_path / "taken.json"
    now = suite.until(lambda run: critical(run) >= OLD, *ABOUT_PRICES, "--snapshot-out", str(taken))
    assert critical(now) >= OLD, now.output
    suite.profile.write_text(suite.profile.read_text().replace("\nmarket:\n", f"\nmarket:\n{HOURS}"))
    record = json.loads(taken.read_text())

    def as_of(moment: str) -> Outcome:
        path = tmp_path / "moved.json"
        by = datetime.fromisoformat(moment).timestamp() - record["taken"]
        path.write_text(json.dumps(moved(record, by, record["taken"])))
        return suite.once(*ABOUT_PRICES, "--snapshot-in", str(path))

    for moment in ("2026-03-06T22:01:00Z", "2026-03-07T12:00:00Z", "2026-03-08T12:00:00Z", "2026-03-08T23:59:50Z"):
        seen = as_of(moment)
        assert (seen.code, seen.not_ok) == (0, {}), f"{moment}: {seen.output}"
        assert "markets are closed since Fri 22:00 UTC" in seen.reason("market.data.freshness_rate")
    monday = as_of("2026-03-09T00:05:00Z")
    assert monday.code == 1
    assert critical(monday) >= OLD, monday.output
