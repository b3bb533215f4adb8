"""What a canary is compared by: each comparison is well beside a twin, and rolls back its own fault and no other."""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts import warm
from tests.parts.instances import chance
from tests.parts.target import Target

ROOT = Path(__file__).parents[2]
PATIENCE = 120
TOKEN = "a-token-of-no-power"

MEANS = {"retries": 20.0, "errors": 15.0, "created": 120.0, "failed_cleanups": 18.0, "cleanups": 90.0, "messages": 50.0}
"""What happens between two looks, on average."""


class Instance:
    """One version of all four systems, which answers as the documents have it."""

    def __init__(self, seed: int) -> None:
        self.target = Target()
        self.lot = random.Random(seed)
        self.means = dict(MEANS)
        self.totals = dict.fromkeys(MEANS, 100.0)
        self.utilization = 60.0
        self.fresh = 80.0
        self.target.answers |= {
            "/api/ws/metrics?format=prometheus": self.page(
                ws_manager_retry_count_total="retries",
                ws_manager_stream_creations_total="created",
                ws_manager_errors_total="errors",
            ),
            "/api/sse/metrics": self.page(sse_cleanup_errors_total="failed_cleanups", sse_cleanup_total="cleanups"),
            "/api/python-health/debug/redis-cluster": self.body(
                lambda: {"data": {"connection_pool": {"utilization_percent": self.drawn(self.utilization)}}}
            ),
            "/api/debug/websocket": self.body(
                lambda: {"performance": {"messages_processed": int(self.grown("messages"))}}
            ),
            "/api/debug/market-data": self.body(
                lambda: {"data_freshness": {"freshness_rate": 100 - self.drawn(100 - self.fresh)}}
            ),
        }

    def grown(self, name: str) -> float:
        self.totals[name] += chance(self.means[name], self.lot)
        return self.totals[name]

    def drawn(self, value: float) -> float:
        return round(value * self.lot.uniform(0.95, 1.05), 3)

    def page(self, **counters: str) -> Any:
        def answer(handler: Any) -> None:
            lines = [f"# TYPE {metric} counter\n{metric} {self.grown(name):g}\n" for metric, name in counters.items()]
            send(handler, "".join(lines), "text/plain; version=0.0.4")

        return answer

    def body(self, content: Any) -> Any:
        return lambda handler: send(handler, json.dumps(content()), "application/json")

    def profile(self) -> dict[str, Any]:
        url = self.target.url
        return {
            "gateway": {"url": url, "superadmin_token": "${TOKEN}", "admin_token": "${TOKEN}"},
            "market": {"url": url, "symbols": ["EURUSD"]},
            "wsmanager": {"url": url},
            "sse": {"url": url},
        }


def send(handler: Any, text: str, kind: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text.encode())


@pytest.fixture
def twins() -> Iterator[tuple[Instance, Instance]]:
    both = Instance(3), Instance(4)
    yield both
    for one in both:
        one.target.close()


def tried(twins: tuple[Instance, Instance], folder: Path) -> dict[str, str]:
    """Return what each comparison of this repository decides, by its id."""
    for name, one in zip(("old", "new"), twins, strict=True):
        (folder / f"{name}.yaml").write_text(json.dumps(one.profile()))
    words = ["-p", "healthgate.plugin", "-p", "no:cacheprovider", "checks", "-k", "rollout"]
    words += [f"--baseline={folder}/old.yaml", f"--canary={folder}/new.yaml", "--for=40s", "--every=50ms"]
    words += [f"--verdict={folder}/canary.json", f"--results={folder}/results.json"]
    variables = {"TOKEN": TOKEN, "PYTHONPATH": ":".join(sys.path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = warm.run(words, ROOT, variables, PATIENCE)
    assert done.code in {0, 1, 12}, done.out.decode() + done.err.decode()
    found = json.loads((folder / "canary.json").read_text())
    assert found["exit"] == done.code
    return {one["id"]: one["decision"] for one in found["comparisons"]}


FAULTS: dict[str, dict[str, float]] = {
    "wsmanager.rollout.retries": {"retries": 60.0},
    "wsmanager.rollout.errors": {"errors": 50.0},
    "sse.rollout.cleanup_errors": {"failed_cleanups": 60.0},
    "market.rollout.messages": {"messages": 20.0},
    "gateway.rollout.pool_utilization": {"utilization": 95.0},
    "market.rollout.stale_symbols": {"fresh": 40.0},
}


def test_twins_pass_in_all_that_is_compared(twins: tuple[Instance, Instance], tmp_path: Path) -> None:
    assert tried(twins, tmp_path) == dict.fromkeys(FAULTS, "pass")


@pytest.mark.parametrize("name", FAULTS)
def test_each_comparison_rolls_back_its_own_fault(twins: tuple[Instance, Instance], tmp_path: Path, name: str) -> None:
    for key, value in FAULTS[name].items():
        if key in MEANS:
            twins[1].means[key] = value
        else:
            setattr(twins[1], key, value)
    found = tried(twins, tmp_path)
    assert [one for one, decision in found.items() if decision == "rollback"] == [name]
