"""Windows over what nobody should believe: whatever a long past says, bad data now is neither green nor proof."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from healthgate.claim.state import State
from healthgate.claim.tally import Tally
from healthgate.memory.history import History
from tests.memory.test_history import VERDICT
from tests.parts.project import Outcome, Project
from tests.parts.target import Target

CHECKS = '''\
"""Has the boiler been ill for two minutes?"""

from checks.boiler import Boiler
from healthgate import Exposition, Prometheus, below, check, falling, lasting, none, Unit

METRICS = Exposition(Boiler, "/metrics")
SERVER = Prometheus(Boiler, url="url", token="token")
TOLD = dict(cause="c", action="a", runbook="r", every="30s", name="n")
RATE = METRICS["retries_total"].per_second("boiler.falling", over="2m")
DEPTH = SERVER.query("depth").labelled(side="left")


@check("boiler.active", METRICS["active"], stays=below(80, critical=lasting(80, "2m")), **TOLD)
@check("boiler.retries", RATE, stays=below(0.5, critical=lasting(0.5, "2m")), **TOLD)
@check("boiler.depth", DEPTH, stays=below(80, critical=lasting(80, "2m")), **TOLD)
def test_boiler(verdict):
    """It is well."""
    assert verdict.healthy, verdict


@check("boiler.falling", falling(METRICS["retries_total"], over="2m"), stays=none(Unit("counters")), **TOLD)
def test_falling(verdict):
    """No counter falls."""
    assert verdict.healthy, verdict
'''
LINES = ("boiler.active", "boiler.retries", "boiler.depth")
BEGAN = 1_000_000_000.0
KEY = "boiler GET /metrics · retries_total{}"


def page(active: str = "90", retries: str = "1000", more: str = "") -> str:
    return (
        f"# TYPE active gauge\nactive {active}\n# TYPE retries_total counter\nretries_total {retries}\n"
        f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {BEGAN}\n{more}"
    )


def vector(*series: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(series)}, **more}


def depth(value: str = "90", **labels: str) -> dict[str, object]:
    return {"metric": {"__name__": "depth", "side": "left", **labels}, "value": [time.time(), value]}


def flood() -> bytes:
    line = b'series{path="/api/v1/some/where/or/other/that/is/rather/long",number="%07d"} 12345.678\n'
    return b"".join(line % number for number in range(50_000_000 // len(line % 0)))


@dataclass(frozen=True)
class Case:
    """What is answered now, and what comes of it: the state of the three lines, and a word of the reason."""

    states: tuple[str, str, str]
    reason: str
    text: str | Callable[[], bytes] = ""
    result: object = None
    past: str = "ill"
    settings: tuple[tuple[str, object], ...] = ()


ILL = ("critical", "critical", "critical")
PAGE = ("unknown", "blocked", "critical")  # by the check on falling counters, which is unknown with the reason
SERVER = ("critical", "critical", "unknown")

CASES = {
    "as-before": Case(ILL, ""),
    "cut-off": Case(PAGE, "cut off: its last line has no end", page()[:-4]),
    "twice": Case(PAGE, "a series of active stands twice", page(more="active 90\nretries_total 1000\n")),
    "nan": Case(PAGE, "active is NaN, not a finite number", page("NaN", "NaN")),
    "infinite": Case(PAGE, "retries_total is +Inf", page("+Inf", "+Inf")),
    "no-counter": Case(
        ("critical", "blocked", "critical"), "retries_total is a gauge, not a counter",
        page().replace("retries_total counter", "retries_total gauge"),
    ),
    "garbled": Case(PAGE, "is not Prometheus text", page().replace("active 90", "<html>")),
    "gone": Case(PAGE, "active is missing", "# TYPE other gauge\nother 1\n"),
    "flood": Case(PAGE, "bytes, more than the", flood, settings=(("body_limit", 60_000_000),)),
    "too-much": Case(PAGE, "the answer is larger than 100000 bytes", flood),
    "negative": Case(("critical", "blocked", "critical"), "which no counter can be", page("90", "-1")),
    "fallen": Case(("critical", "blocked", "critical"), "fell from", page("90", "1")),
    "fallen-before": Case(("critical", "blocked", "critical"), "fell from 4900 to 928", past="fallen"),
    "set-back": Case(("pending", "pending", "pending"), "", past="ahead"),
    "set-forward": Case(("pending", "pending", "pending"), "", past="behind"),
    "partial": Case(SERVER, "says that the answer is partial", result=vector(depth(), isPartial=True)),
    "warning": Case(SERVER, "may be partial: remote store: no answer",
                    result=vector(depth(), warnings=["remote store: no answer"])),
    "lacking": Case(SERVER, "depth gives no series", result=vector()),
    "another": Case(SERVER, 'depth gives no series {side="left"}', result=vector(depth(side="right"))),
    "several": Case(SERVER, "2 series where one is expected", result=vector(depth(job="a"), depth(job="b"))),
    "not-a-number": Case(SERVER, "is nan, not a finite number", result=vector(depth("NaN"))),
    "refusing": Case(SERVER, "too slow", result={"status": "error", "errorType": "timeout", "error": "too slow"}),
}  # fmt: skip
"""By environment. Where nothing else is said, what is read is as bad as it was for two minutes and more."""


def past(project: Project, environment: str, kind: str, began: float) -> None:
    """Let earlier runs have found it ill for as long as it takes, at moments that may be none of our clock."""
    history = History(project.root / "h.db")
    shift = {"ahead": 3600.0, "behind": -3600.0}.get(kind, 0.0)
    for ago in (150, 120, 90, 60, 30, 5):
        at = began + shift - ago
        value = 1000 - 0.8 * ago
        tally = Tally(at, 4900.0 if kind == "fallen" and ago > 90 else value, BEGAN)
        pending = replace(VERDICT, environment=environment, state=State.PENDING, observed_at=at)
        found = [replace(pending, id=line, value=0.8 if line == LINES[1] else 90) for line in LINES]
        history.record(found, at, {environment: {KEY: [tally]}})
    history.close()


def served(text: str | Callable[[], bytes], began: float) -> Callable[[Any], None]:
    """Return an answer with a page: one that goes on as before where nothing else is said."""

    def answer(handler: Any) -> None:
        now = page("90", f"{1000 + 0.8 * (time.time() - began):.4f}")
        data = text() if callable(text) else (text or now).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; version=0.0.4")
        whole = data.endswith(b"\n")
        handler.send_header(*(("Content-Length", str(len(data))) if whole else ("Connection", "close")))
        handler.end_headers()
        try:
            handler.wfile.write(data)
        except OSError:
            handler.close_connection = True  # it need not be read

    return answer


@dataclass(frozen=True)
class Judged:
    """One run in all environments, and what was said of each."""

    run: Outcome

    def of(self, environment: str) -> dict[str, dict[str, Any]]:
        found = (one for one in self.run.results["checks"] if one["environment"] == environment)
        return {one["id"]: one for one in found}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    project, target = Project(tmp_path_factory.mktemp("bad") / "project"), Target()
    project.write("checks/boiler/test_boiler.py", CHECKS)
    began = time.time()
    for name, case in CASES.items():
        target.answers[f"/{name}/metrics"] = served(case.text, began)
        target.answers[f"/{name}/api/v1/query?query=depth"] = case.result or vector(depth())
        settings = {"url": f"{target.url}/{name}", "deadline": "20s", **dict(case.settings)}
        project.environment(name, boiler=settings)
        past(project, name, case.past, began)
    named = [word for name in CASES for word in ("--env", name)]
    run = project.run("checks", *named, "--history", "h.db", "--sample", "500ms")
    target.close()
    return Judged(run)


@pytest.mark.parametrize("name", CASES)
def test_bad_data_now_is_neither_green_nor_proof(judged: Judged, name: str) -> None:
    found, case = judged.of(name), CASES[name]
    assert tuple(found[line]["state"] for line in LINES) == case.states, judged.run.text
    assert case.reason in " ".join(one["reason"] for one in found.values())
    if "blocked" in case.states:
        assert found["boiler.falling"]["state"] == ("missed" if name.startswith("fallen") else "unknown")


def test_moments_of_another_clock_do_not_help(judged: Judged) -> None:
    for name in ("set-back", "set-forward"):
        assert "not known yet" in judged.of(name)["boiler.retries"]["reason"]


def test_none_of_it_is_a_traceback(judged: Judged) -> None:
    assert "Traceback" not in judged.run.text
    assert judged.run.code == 1
