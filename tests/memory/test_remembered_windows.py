"""One table of windows and three ways to know: a history, a real Prometheus that remembers, and a run that watches.

For a gauge, and for how fast a counter grows.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from healthgate.claim.observation import Observation
from healthgate.claim.state import State
from healthgate.claim.tally import Tally
from healthgate.claim.window import Sample
from healthgate.memory.history import History
from healthgate.memory.prometheus import EARLIER, by_check
from tests.memory.test_history import VERDICT
from tests.parts.project import Outcome, Project
from tests.parts.prometheus_server import Server, running
from tests.parts.target import Target, closed_port
from tests.tools import program

TOKEN = "planted-token-0123456789"
CHECKS = '''\
"""Is the pressure too high for too long?"""

from checks.boiler import Boiler, STATE
from healthgate import Exposition, below, check, lasting, percent

METRICS = Exposition(Boiler, "/metrics")
TOLD = dict(cause="c", action="a", runbook="r", every="30s")


@check(
    "boiler.retries",
    METRICS["retries_total"].per_second(over="2s"),
    stays=below(0.5, critical=lasting(0.5, "2m")),
    name="r",
    **TOLD,
)
def test_retries(verdict):
    """There are not too many retries for two minutes."""
    assert verdict.healthy, verdict


@check("boiler.pressure[0]", STATE["pressure"], stays=below(80, percent, critical=lasting(80, "2m")), name="p", **TOLD)
@check("boiler.never", STATE["pressure"], stays=below(80, critical=lasting(99, "2m")), name="n", **TOLD)
def test_pressure(verdict):
    """The pressure is not too high for two minutes."""
    assert verdict.healthy, verdict
'''
APART = 30
"""Seconds between runs."""
LAST = 5
"""Seconds since the last of them: it must not be further away than two runs when the case is tried."""
SCRAPED = 5
"""Seconds between scrapes: each look is scraped again and again."""

UNKNOWN = "unknown"
Looks = list[float | str | None]


@dataclass(frozen=True)
class Case:
    """What earlier runs found (None: there was none; the last of them `LAST` ago), what is found now, the verdict."""

    looks: Looks
    state: str
    now: float = 90
    seams: tuple[int, ...] = ()


CASES = {
    "violating-throughout": Case([90] * 5, "critical"),
    "healthy-throughout": Case([50] * 5, "ok", now=50),
    "healthy-now": Case([90] * 5, "ok", now=50),
    "healthy-until-now": Case([50] * 5, "pending"),
    "one-healthy": Case([90, 90, 90, 50, 90, 90], "pending"),
    "healthy-first": Case([50, 90, 90, 90, 90, 90], "critical"),
    "one-missing": Case([90, 90, None, 90], "pending"),
    "one-missing-but-enough": Case([90, 90, 90, None, 90, 90], "critical"),
    "one-unknown": Case([90, 90, UNKNOWN, 90], "pending"),
    "gap": Case([90, 90, 90, None, None, 90, 90], "pending"),
    "unknown-gap": Case([90, 90, 90, UNKNOWN, UNKNOWN, 90, 90], "pending"),
    "restart": Case([90] * 6, "critical", seams=(3,)),
    "restart-with-a-gap": Case([90, 90, 90, None, None, 90, 90], "pending", seams=(4,)),
    "on-the-line": Case([80] * 5, "missed", now=80),
    "too-short": Case([90], "pending"),
    "nothing": Case([], "pending"),
}
"""By environment. At a seam another instance goes on telling: what scraped the runner before was begun anew."""

LINES = ("boiler.pressure[0]", "boiler.retries")
RATES = {90: 0.8, 50: 0.2, 80: 0.45}
"""Retries a second where the pressure is so high; on the line itself no rate that is measured ever lies."""

WATCHED: dict[str, tuple[Looks, tuple[int, ...], str]] = {
    "violating-throughout": ([90] * 20, (), "5s"),
    "healthy-throughout": ([50] * 20, (), "5s"),
    "healthy-now": ([90, 90, 50, 90], (), "5s"),
    "gap": ([90, 90, None, None, 90, 90], (), "5s"),
    "restart": ([90] * 20, (2,), "5s"),
    "too-short": ([90] * 20, (), "1s"),
}
"""Looks that a run takes itself that may watch for so long: the first, and those that follow; restarts before some."""

FASTER = 30
"""How much faster time passes where a run watches: two minutes are four seconds."""

HALVES = {
    "both-know-all": ([90] * 5, [90] * 5, "critical"),
    "each-knows-some": ([90, None, 90, None, 90], [None, 90, None, 90, None], "critical"),
    "twice-the-same-is-once": ([90, None, 90, None, 90], [90, None, 90, None, 90], "pending"),
    "one-knows-a-healthy-look": ([90] * 6, [None, None, None, 50, None, None], "pending"),
}
"""Looks that the Prometheus knows, looks that the history knows, the verdict."""


def read_as(line: str, value: float | str | None) -> float | None:
    """Return what a look at a line read where the pressure was so high; None where it brought nothing."""
    if value is None or isinstance(value, str):
        return None
    return value if line == LINES[0] else RATES[int(value)]


def told(page: str, began: float, environment: str, case: Case, line: str) -> Iterator[tuple[str, str, float, float]]:
    """Yield family, labels, value and time of everything that was scraped, in the form of a page of a real run."""
    families = ("healthgate_reading", "healthgate_observed_timestamp_seconds")
    labels = {
        family: re.findall(rf'^{family}\{{(check="{re.escape(line)}".*)\}} ', page, re.MULTILINE) for family in families
    }
    instance = 0
    shown: tuple[float, float] | None = None
    first = began - LAST - APART * (len(case.looks) - 1)
    for number, value in enumerate(case.looks):
        if number in case.seams:
            instance += 1
        looked = first + APART * number
        if value is not None:
            reading = read_as(line, value)
            shown = None if reading is None else (reading, looked)
        for scrape in range(APART // SCRAPED):
            at = looked + 1 + scrape * SCRAPED
            if shown is not None and at < began:
                for family, seen in zip(families, shown, strict=True):
                    (inside,) = labels[family]
                    inside = inside.replace('environment="works"', f'environment="{environment}"')
                    yield family, f'{inside},instance="{instance}",job="runs"', seen, at


def past(page: str, began: float) -> str:
    """Return what Prometheus has scraped in all cases, as text for promtool."""
    cases = CASES | {name: Case(known, state) for name, (known, _, state) in HALVES.items()}
    lines: dict[str, list[str]] = {}
    for environment, case in cases.items():
        for line in LINES:
            for family, labels, value, at in told(page, began, environment, case, line):
                lines.setdefault(family, []).append(f"{family}{{{labels}}} {value!r} {at:.3f}")
    pages = (f"# TYPE {family} gauge\n" + "\n".join(several) for family, several in lines.items())
    return "\n".join(pages) + "\n# EOF\n"


@dataclass
class Table:
    """The same looks judged from either, in one run each."""

    project: Project
    prometheus: Server
    remembered: Outcome
    kept: Outcome
    merged: Outcome
    replayed: Outcome
    watched: dict[str, str]


def record(project: Project, file: str, began: float, environment: str, case: Case) -> None:
    """Let a history know these looks, and the counter that they read."""
    history = History(project.root / file)
    counter = Counter(began, case)
    for number, value in enumerate(case.looks):
        if value is None:
            continue
        at = began - LAST - APART * (len(case.looks) - 1 - number)
        verdicts = [
            replace(VERDICT, id=line, environment=environment, state=State.PENDING, value=read_as(line, value),
                    observed_at=at)
            for line in LINES
        ]  # fmt: skip
        seen = [] if isinstance(value, str) else [Tally(at, *counter.before(number))]
        history.record(verdicts, began, {environment: {"boiler GET /metrics · retries_total{}": seen}})
    history.close()


class Counter:
    """The retries of a case: between two looks as many a second as the later of them reads, from nothing at a seam."""

    def __init__(self, began: float, case: Case) -> None:
        self.case = case
        self.last = began - LAST
        self.values: list[tuple[float, float]] = []
        value, start = 1000.0, self.last - 10_000
        for number, look in enumerate(case.looks):
            if number in case.seams:
                value, start = 0.0, self.last - APART * (len(case.looks) - number)
            value += APART * (read_as(LINES[1], look) or 0.0)
            self.values.append((value, start))

    def before(self, number: int) -> tuple[float, float]:
        """Return the value at a look, and the start of its process."""
        return self.values[number]

    def __call__(self, handler: Any) -> None:
        """Answer with a page of now."""
        value, start = self.values[-1] if self.values else (1000.0, self.last - 10_000)
        counted(handler, value + RATES[int(self.case.now)] * (time.time() - self.last), start)


def counted(handler: Any, value: float, start: float) -> None:
    """Answer with a page of one counter."""
    text = (
        f"# TYPE retries_total counter\nretries_total {value:.6f}\n"
        f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {start:.3f}\n"
    ).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain; version=0.0.4")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)


class Watched:
    """A target that is looked at again and again, and what it tells from one look to the next."""

    def __init__(self, looks: Looks, seams: tuple[int, ...]) -> None:
        self.looks = looks
        self.seams = seams
        self.number = -1
        self.last = time.time()
        self.value, self.start = 1000.0, self.last - 10_000

    def _next(self, handler: Any) -> float | None:
        self.number += 1
        value = read_as(LINES[0], self.looks[min(self.number, len(self.looks) - 1)])
        now = time.time()
        if self.number in self.seams:
            self.value, self.start, handler.close_connection = 0.0, (self.last + now) / 2, True
        self.value += FASTER * RATES[int(value or 90)] * (now - self.last)
        self.last = now
        if value is None:
            handler.reply(503, {"error": "starting"})
        return value

    def state(self, handler: Any) -> None:
        """Answer the next look with a gauge."""
        value = self._next(handler)
        if value is not None:
            handler.reply(200, {"pressure": value})

    def metrics(self, handler: Any) -> None:
        """Answer the next look with a counter."""
        if self._next(handler) is not None:
            counted(handler, self.value, self.start)


def watched(project: Project, target: Target) -> dict[str, str]:
    """Return the verdicts on both lines of runs that know nothing of the past and watch, by case and line."""
    found = {}
    for span in dict.fromkeys(span for _, _, span in WATCHED.values()):
        names = [name for name, (_, _, lasting) in WATCHED.items() if lasting == span]
        for name in names:
            looks, seams, _ = WATCHED[name]
            target.answers[f"/watched/{name}/state"] = Watched(looks, seams).state
            target.answers[f"/watched/{name}/metrics"] = Watched(looks, seams).metrics
            boiler = {"url": f"{target.url}/watched/{name}"}
            project.environment(f"watched-{name}", boiler=boiler, time_scale=FASTER)
        for line in ("pressure", "retries"):
            named = [f"watched-{name}" for name in names]
            run = run_of(project, f"watched-{line}", named, "--sample", span, "-k", line)
            alone = f"{named[0]}:" if len(named) == 1 else ""
            found |= {f"{alone}{name}": state for name, state in run.states.items()}
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    program("prometheus")
    program("promtool")
    folder = tmp_path_factory.mktemp("table")
    target = Target()
    project = Project(folder / "project")
    project.write("checks/boiler/test_boiler.py", CHECKS)
    boiler = project.root / "checks/boiler/__init__.py"
    boiler.write_text(boiler.read_text().replace(', proven_by="boiler.reachable"', ""))
    for now in (50, 80, 90):
        target.answers[f"/{now}/state"] = {"pressure": now}
        target.answers[f"/{now}/metrics"] = Counter(time.time(), Case([], "", now))
    project.environment("works", boiler={"url": f"{target.url}/90"})
    project.check("--metrics", "page.prom")
    page = (project.root / "page.prom").read_text()
    began = time.time()
    with running(folder / "prometheus", {}, past(page, began)) as server:
        for name, case in CASES.items():
            target.answers[f"/{name}/state"] = {"pressure": case.now}
            target.answers[f"/{name}/metrics"] = Counter(began, case)
            settings = {"boiler": {"url": f"{target.url}/{name}"}}
            project.environment(name, **settings, samples={"prometheus": server.url})
            project.environment(f"kept-{name}", **settings)
            record(project, "h.db", began, f"kept-{name}", case)
        for name, (_, kept, state) in HALVES.items():
            project.environment(name, boiler={"url": f"{target.url}/90"}, samples={"prometheus": server.url})
            record(project, "halves.db", began, name, Case(kept, state))
        yield Table(
            project,
            server,
            remembered=run_of(project, "remembered", CASES, "--snapshot-out", "s.json", "--sample", "1s"),
            kept=run_of(project, "kept", [f"kept-{name}" for name in CASES], "--history", "h.db"),
            merged=run_of(project, "merged", HALVES, "--history", "halves.db", "-k", "pressure"),
            replayed=run_of(project, "replayed", CASES, "--snapshot-in", "s.json"),
            watched=watched(project, target),
        )
    target.close()


def run_of(project: Project, what: str, environments: Any, *arguments: str) -> Outcome:
    """Run the checks in several environments at once."""
    named = [word for name in environments for word in ("--env", name)]
    outcome = project.run("checks", *named, *arguments, "--results", f"{what}.json")
    return replace(outcome, results_file=project.root / f"{what}.json")


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", CASES)
def test_the_same_looks_give_the_same_verdict_however_they_are_known(table: Table, name: str, line: str) -> None:
    states = {
        "remembered": table.remembered.states[f"{name}:{line}"],
        "kept": table.kept.states[f"kept-{name}:{line}"],
        "replayed": table.replayed.states[f"{name}:{line}"],
    }
    if name in WATCHED:
        states["watched"] = table.watched[f"watched-{name}:{line}"]
    expected = "ok" if (name, line) == ("on-the-line", LINES[1]) else CASES[name].state
    assert set(states.values()) == {expected}, states


@pytest.mark.parametrize("name", HALVES)
def test_a_history_and_a_prometheus_complete_each_other(table: Table, name: str) -> None:
    assert table.merged.states[f"{name}:boiler.pressure[0]"] == HALVES[name][2]


def test_it_is_asked_once_an_environment(table: Table) -> None:
    """Before it is known how fast a counter grows: what is remembered is what a line is judged by then."""
    asked = [probe["environment"] for probe in table.remembered.results["probes"] if probe["id"] == EARLIER]

    assert sorted(asked) == sorted(CASES)


def test_a_prometheus_that_knows_nothing_is_named_and_nothing_else_is(table: Table) -> None:
    words = "windows were judged without what Prometheus remembers"

    assert f"nothing: {words}: healthgate_reading with healthgate_observed_timestamp_seconds gives no series" in (
        table.remembered.text
    )
    assert table.remembered.text.count(words) == 1


# -- one that cannot be used --------------------------------------------------------------------------------


def success(data: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": data, **more}


def matrix(ago: float = 150, number: int = 6) -> dict[str, object]:
    """Return what a Prometheus says that has seen the pressure too high for long enough."""
    labels = {"check": "boiler.pressure[0]", "environment": "whole"}
    now = time.time()
    times = [now - ago + APART * n for n in range(number)]
    readings = [[at + 1, "90"] for at in times]
    moments = [[at + 1, repr(at)] for at in times]
    series = [
        {"metric": {"__name__": name, **labels}, "values": values}
        for name, values in (
            ("healthgate_reading", readings),
            ("healthgate_observed_timestamp_seconds", moments),
        )
    ]
    return {"resultType": "matrix", "result": series}


def page_to_log_in(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", "6")
    handler.end_headers()
    handler.wfile.write(b"log in")


def test_what_cannot_be_used_leaves_a_window_open_and_says_why(project: Project, target: Target) -> None:
    """Whatever is wrong with it: never healthy, never critical, never a wait, never the token in a message."""
    project.write("checks/boiler/test_boiler.py", CHECKS)
    boiler = project.root / "checks/boiler/__init__.py"
    boiler.write_text(boiler.read_text().replace(', proven_by="boiler.reachable"', ""))
    target.answers["/state"] = {"pressure": 90}
    no_moments = matrix()
    no_moments["result"] = no_moments["result"][:1]  # type: ignore[index]
    later = matrix(ago=-3600)
    bad: dict[str, tuple[Any, str]] = {
        "warning": (success(matrix(), warnings=["remote store: no answer"]), "may be partial: remote store: no answer"),
        "partial": (success(matrix(), isPartial=True), "says that the answer is partial"),
        "error": ({"status": "error", "errorType": "timeout", "error": "too slow"}, "200 and timeout: too slow"),
        "login": (page_to_log_in, "is text/html, not JSON"),
        "denied": (lambda handler: handler.reply(401, {"no": TOKEN}), "it answered 401, not 200"),
        "late": (lambda _: time.sleep(2), "no complete answer within 300 ms"),
        "vector": (success({"resultType": "vector", "result": []}), "gives a vector, not a matrix"),
        "old": (success(no_moments), "it knows no healthgate_reading with its healthgate_observed_timestamp_seconds"),
        "ahead": (success(later), ""),
        "whole": (success(matrix()), ""),
    }
    query: list[str] = []

    def answering(answer: Any) -> Any:
        def give(handler: Any) -> None:
            query.append(handler.path)
            answer(handler) if callable(answer) else handler.reply(200, answer)

        return give

    servers = {name: Target() for name in bad}
    for name, (answer, _) in bad.items():
        servers[name].answers = Anything(answering(answer))  # type: ignore[assignment]
        settings = {"prometheus": servers[name].url, "token": "${TOKEN}", "deadline": "300ms"}
        settings["deadline"] = "300ms" if name == "late" else "20s"
        project.environment(name, boiler={"url": target.url}, samples=settings)
    project.environment(
        "refused", boiler={"url": target.url}, samples={"prometheus": f"http://127.0.0.1:{closed_port()}"}
    )
    bad["refused"] = (None, "connection refused")
    named = [word for name in bad for word in ("--env", name)]
    run = project.run("checks", *named, "-n", "1", "-k", "pressure", TOKEN=TOKEN)

    states = {name: run.states[f"{name}:boiler.pressure[0]"] for name in bad}
    assert states == dict.fromkeys(bad, "pending") | {"whole": "critical"}, run.text
    words = "windows were judged without what Prometheus remembers"
    for name, (_, reason) in bad.items():
        lines = [line for line in run.out.splitlines() if line.startswith(f"{name}: {words}: ")]
        assert (len(lines), reason in "".join(lines)) == (1 if reason else 0, True), (name, lines)
    assert TOKEN not in run.text
    assert len(query) == len(servers)
    assert all("boiler.never" not in path for path in query)
    assert {headers.get("Authorization") for server in servers.values() for headers in server.headers} == {
        f"Bearer {TOKEN}"
    }
    for server in servers.values():
        server.close()


class Anything(dict[str, Any]):
    """Answers every path in one way."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def get(self, path: str, default: Any = None) -> Any:
        return self.answer


def test_a_look_that_is_scraped_many_times_is_one_look() -> None:
    """It is new where its moment is new, in whatever series it is told."""
    labels = {"check": "boiler.pressure[0]"}

    def series(name: str, instance: str, *values: tuple[float, str]) -> dict[str, object]:
        return {"metric": {"__name__": name, **labels, "instance": instance}, "values": [list(v) for v in values]}

    reading, observed = "healthgate_reading", "healthgate_observed_timestamp_seconds"
    result = [
        series(reading, "a", (10, "90"), (15, "90"), (20, "NaN"), (25, "91"), (30, "92")),
        series(observed, "a", (10, "9.5"), (15, "9.5"), (20, "19"), (25, "24.5"), (31, "30")),
        series(reading, "b", (12, "90"), (27, "70")),
        series(observed, "b", (12, "9.5"), (27, "24.5")),
        series(reading, "c", (12, "1")),
    ]
    content = json.loads(json.dumps(success({"resultType": "matrix", "result": result})))
    seen = Observation("it", "answered", 40, 1, 1, None, {"code": 200, "json": content})

    found = by_check(seen, ["boiler.pressure[0]", "boiler.other"])
    assert list(found) == ["boiler.pressure[0]"]
    assert set(found["boiler.pressure[0]"]) == {Sample(9.5, 90), Sample(24.5, 91), Sample(24.5, 70)}
