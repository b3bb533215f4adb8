"""A run as its users start it: what is broken turns exactly its own checks red, with the right exit code, and heals.

Every check with its own fault is in tests/detection; here are the ways in which an answer can be bad.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.detection.bench import Bench
from tests.end_to_end.suite import WITHIN_S, Suite
from tests.lab_process import RunningLab

POOL_ROUTE = "/api/python-health/debug/redis-cluster"
POOL_PROOF = "gateway.endpoint.debug[redis_cluster]"
UTILIZATION = "/data/connection_pool/utilization_percent"
ROLLUPS = {"gateway.summary.system_health", "market.system_health"}
C, W, U = "critical", "warning", "unknown"

UNREADABLE_UTILIZATION = {
    "gateway.pool.utilization": U,
    "gateway.pool.arithmetic[utilization]": U,
    "gateway.summary.matches_detail[utilization]": U,
    "gateway.consistency.pool": U,
    "gateway.contract.redis_cluster": C,
}


def on_pool_route(kind: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return f"F.http.{kind}", {"service": "gateway", "path": POOL_ROUTE, **more}


def utilization(value: Any) -> tuple[str, dict[str, Any]]:
    return "F.json.set", {"service": "gateway", "path": POOL_ROUTE, "pointer": UTILIZATION, "value": value}


# name: (fault and its parameters, what turns red, the exit code)
FAULTS: dict[str, tuple[tuple[str, dict[str, Any]], dict[str, str], int]] = {
    "pool held, warning": (("F.mkt.pool", {"max_connections": 20, "active": 17}), {"gateway.pool.utilization": W}, 10),
    "pool held, critical": (("F.mkt.pool", {"max_connections": 20, "active": 19}), {"gateway.pool.utilization": C}, 1),
    "gateway down": (("F.http.down", {"service": "gateway"}), {"gateway.reachable": C}, 1),
    "market service down": (("F.http.down", {"service": "market"}), {"market.endpoint.debug[comprehensive]": C}, 1),
    "clients refused": (("F.stream.refuse", {}), {"market.ws.client_stream": C}, 1),
    "client stream says nothing": (("F.stream.silent", {}), {"market.ws.client_stream": C}, 1),
    "client stream says garbage": (("F.stream.garbage", {}), {"market.ws.client_stream": C}, 1),
    "client stream closes at once": (("F.stream.close", {}), {"market.ws.client_stream": C}, 1),
    "feed never answers a ping": (("F.mkt.feed_refuse", {"step": "ping"}), {"market.ws.upstream[ping]": C}, 1),
    "route hangs": (on_pool_route("hang"), {POOL_PROOF: U}, 11),
    "route trickles": (on_pool_route("trickle"), {POOL_PROOF: U}, 11),
    "route returns 500": (on_pool_route("status", status=500), {POOL_PROOF: C}, 1),
    "route returns HTML": (on_pool_route("html"), {POOL_PROOF: C}, 1),
    "route returns 200 MB": (on_pool_route("flood", mb=200), {POOL_PROOF: U}, 11),
    "route resets": (on_pool_route("reset"), {POOL_PROOF: C}, 1),
    "route redirects to itself": (on_pool_route("redirect"), {POOL_PROOF: C}, 1),
    "route returns broken UTF-8": (on_pool_route("encoding"), {POOL_PROOF: U}, 11),
    "route returns deep JSON": (on_pool_route("deep"), {POOL_PROOF: U}, 11),
    "field dropped": (
        ("F.json.drop", {"service": "gateway", "path": POOL_ROUTE, "pointer": UTILIZATION}),
        UNREADABLE_UTILIZATION,
        1,
    ),
    "number turned into text": (utilization("18"), UNREADABLE_UTILIZATION, 1),
    "number turned into NaN": (utilization("NaN"), UNREADABLE_UTILIZATION, 1),
    "number turned into null": (utilization(None), UNREADABLE_UTILIZATION, 1),
    "number turned into true": (utilization(value=True), UNREADABLE_UTILIZATION, 1),
}
OF_EACH_KIND = frozenset({"pool held, warning", "market service down", "route hangs", "field dropped"})
"""A warning, an outage with all that rests on it, an answer that does not come, one that cannot be read: every code.

The others are left to `make detection`: what a probe makes of each is tested without a lab in tests/probes.
"""
BLOCKING = {
    POOL_PROOF,
    "gateway.reachable",
    "market.endpoint.debug[comprehensive]",
    "market.ws.client_stream",
}
"""Roots whose readers are blocked, and blocked only by them."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in OF_EACH_KIND else [pytest.mark.whole]) for name in FAULTS]
)
def test_a_fault_turns_exactly_its_own_checks_red(lab: RunningLab, suite: Suite, tmp_path: Path, name: str) -> None:
    """The one before has healed, or more would be red than is expected."""
    (fault, parameters), expected, code = FAULTS[name]
    handle = lab.fault(fault, **parameters)
    until_they_show(expected, lab, tmp_path)
    seen = suite.until(lambda run: without_rollup(run.not_ok) == expected and run.code == code)
    assert without_rollup(seen.not_ok) == expected, seen.output
    assert seen.code == code, seen.output
    assert set(seen.blocked_by) == BLOCKING & set(expected)
    assert seen.results["run"]["executed"] == seen.results["run"]["selected"] == len(seen.states)
    assert "Traceback" not in seen.output
    lab.heal(handle)


def until_they_show(expected: dict[str, str], lab: RunningLab, folder: Path) -> None:
    """Look at some checks alone until they are in these states, if ever: that costs a tenth of a run of all."""
    own = folder / "bench"
    own.mkdir()
    bench = Bench(lab, own)
    bench.until(lambda look: look.states == expected, bench.patience(WITHIN_S), only=expected)


@pytest.mark.whole
def test_all_is_well_again_once_faults_are_lifted(lab: RunningLab, suite: Suite) -> None:
    faults = [FAULTS[name][0] for name in ("gateway down", "client stream says nothing")]
    handles = [lab.fault(fault, **parameters) for fault, parameters in faults]
    expected = FAULTS["gateway down"][1] | FAULTS["client stream says nothing"][1]
    assert suite.until(lambda run: without_rollup(run.not_ok) == expected).code == 1
    for handle in handles:
        lab.heal(handle)
    healed = suite.until(lambda run: run.code == 0)
    assert (healed.code, healed.not_ok) == (0, {}), healed.output


def without_rollup(states: dict[str, str]) -> dict[str, str]:
    """Leave out what summaries say of everything, which follows whatever is wrong."""
    return {check: state for check, state in states.items() if check not in ROLLUPS}


def test_one_stale_symbol_is_seen_and_is_below_every_line(lab: RunningLab, suite: Suite) -> None:
    lab.fault("F.mkt.feed", op="stop_symbols", count=1)
    seen = suite.until(lambda run: run.reason("market.data.stale_symbols").startswith("1 "))
    assert (seen.code, seen.not_ok) == (0, {}), seen.output
    assert seen.reason("market.data.stale_symbols").startswith("1 symbol")


def test_a_wrong_token_is_an_access_failure_with_everything_else_blocked_by_it(suite: Suite) -> None:
    seen = suite.once(LAB_SUPERADMIN_TOKEN="not-the-right-token-at-all")
    roots = {f"gateway.endpoint.debug[{route}]" for route in ("comprehensive", "redis_cluster", "websocket_to_redis")}
    assert {check for check in seen.not_ok if check.startswith("gateway.endpoint.")} == roots
    assert all("401" in seen.reason(root) for root in roots)
    assert seen.code == 1
    assert set(seen.blocked_by) == roots


def test_a_missing_token_ends_the_run_before_anything_is_asked(lab: RunningLab, suite: Suite) -> None:
    lab.reset_requests()
    seen = suite.run(LAB_SUPERADMIN_TOKEN="")
    assert seen.code == 4
    assert "gateway.superadmin_token needs the environment variable LAB_SUPERADMIN_TOKEN" in seen.output
    assert lab.requests()["gateway"] == {}
    assert lab.requests()["market"] == {}
