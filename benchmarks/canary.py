"""How often the canary judge is wrong, and how soon it is right: `python -m benchmarks.canary [--write]`.

Plays canaries of which it is known what they are, ten minutes of ticks of 5 s each, and counts what is said of them.
Healthy ones are played to the end, whatever was said before. Rows that are done are kept in --results, so that it can
be interrupted; --write puts the tables into docs/canary.md.
"""

import argparse
import compileall
import json
import math
import random
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median

from healthgate.canary import Trial, share, together

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/canary.md"
TICKS, EVERY_S = 120, 5.0
Tick = tuple[float | list[float | None] | None, float | None]
Stream = Iterator[Tick]


@cache
def table(mean: float, clump: float) -> list[float]:
    """Return the probabilities of at most 0, 1, 2 … events: Poisson, or negative binomial of variance clump · mean."""
    size = mean / (clump - 1) if clump > 1 else 0.0
    lose = 1 - 1 / clump
    part, total, found = (1 - lose) ** size if size else math.exp(-mean), 0.0, []
    while total < 1 - 1e-12 and (part > 1e-300 or len(found) < mean):
        total += part
        found.append(total)
        many = len(found)
        part *= (many - 1 + size) / many * lose if size else mean / many
    return found


def events(rng: random.Random, mean: float, clump: float = 1.0) -> float:
    """Return how many events come in a tick."""
    return float(bisect_left(table(mean, clump), rng.random()))


def flat(rng: random.Random) -> list[float]:
    """Return a rate that stays."""
    del rng
    return [1.0] * TICKS


def up(rng: random.Random) -> list[float]:
    """Return a rate that grows to three times what it began with, of the same mean."""
    del rng
    return [round(0.5 + tick / (TICKS - 1), 2) for tick in range(TICKS)]


def drift(rng: random.Random) -> list[float]:
    """Return a rate that grows or falls by three times, with a minute of twice as much somewhere."""
    ramp = up(rng) if rng.random() < 0.5 else up(rng)[::-1]
    burst = rng.randrange(TICKS - 12)
    return [round(one * (2 if burst <= tick < burst + 12 else 1) / 1.1, 2) for tick, one in enumerate(ramp)]


def counts(
    rate: float,
    ratio: float = 1.0,
    *,
    clump: float = 1.0,
    shape: Callable[[random.Random], list[float]] = flat,
    instances: int = 1,
    late: int = 0,
) -> Callable[[random.Random], Stream]:
    """Return events of `rate` a second on each instance, `ratio` times as many on the canary from tick `late` on."""

    def stream(rng: random.Random) -> Stream:
        for tick, level in enumerate(shape(rng)):
            mean = round(rate * EVERY_S * level, 4)
            baseline = [events(rng, mean, clump) for _ in range(instances)]
            worse = ratio if tick >= late else 1.0
            yield (baseline if instances > 1 else baseline[0]), events(rng, round(mean * worse, 4), clump)

    return stream


def gauges(ratio: float = 1.0, *, sigma: float = 0.4, freaks: float = 0.0) -> Callable[[random.Random], Stream]:
    """Return latencies: lognormal, some of them twenty times as long."""

    def one(rng: random.Random) -> float:
        return 20 * math.exp(rng.gauss(0, sigma)) * (20 if rng.random() < freaks else 1)

    def stream(rng: random.Random) -> Stream:
        for _ in range(TICKS):
            yield one(rng), ratio * one(rng)

    return stream


def moods(rate: float | None, ticks: int = TICKS) -> Callable[[random.Random], Stream]:
    """Return two sides, each with a mood of its own that lasts for half a minute: of events, or (None) of a gauge."""

    def stream(rng: random.Random) -> Stream:
        moods = [rng.gauss(0, 1), rng.gauss(0, 1)]
        for _ in range(ticks):
            moods = [0.8 * mood + 0.6 * rng.gauss(0, 1) for mood in moods]
            if rate is None:
                yield tuple(50 * math.exp(0.4 * mood) for mood in moods)  # type: ignore[misc]
            else:
                yield tuple(drawn(rng, rate * EVERY_S * math.exp(0.3 * mood - 0.045)) for mood in moods)  # type: ignore[misc]

    return stream


def drawn(rng: random.Random, mean: float) -> float:
    """Return how many events come, of a mean that is another one each time (Knuth)."""
    left, part, count = math.exp(-mean), rng.random(), 0
    while part > left:
        part *= rng.random()
        count += 1
    return float(count)


def gaps(stream: Callable[[random.Random], Stream]) -> Callable[[random.Random], Stream]:
    """Return the same with every fifth tick of the canary missing, at random."""

    def with_gaps(rng: random.Random) -> Stream:
        missing = set(rng.sample(range(TICKS), TICKS // 5))
        for tick, (baseline, canary) in enumerate(stream(rng)):
            yield baseline, None if tick in missing else canary

    return with_gaps


def restarts(stream: Callable[[random.Random], Stream]) -> Callable[[random.Random], Stream]:
    """Return the same with counters that go back, on either side, every two minutes or so."""

    def with_restarts(rng: random.Random) -> Stream:
        for baseline, canary in stream(rng):
            yield -3000.0 if rng.random() < 0.04 else baseline, -3000.0 if rng.random() < 0.04 else canary

    return with_restarts


@dataclass(frozen=True)
class Row:
    """Canaries of one kind, and what must be said of them: least and most per cent, the latest median in seconds."""

    name: str
    stream: Callable[[random.Random], Stream]
    truth: float = 1.0
    plan: dict[str, object] = field(default_factory=dict)
    past: Callable[[random.Random], Stream] | None = None
    beside: int = 0
    until: str = "decision"
    runs: float = 1.0
    rolled: tuple[float, float] = (0.0, 100.0)
    rolled_by_s: float = math.inf
    passed: tuple[float, float] = (0.0, 100.0)
    passed_by_s: float = math.inf


def healthy() -> list[Row]:
    """Return canaries that are as good as their baseline."""
    rows, gauge, soon = [], {"kind": "gauge"}, {"passed": (99.0, 100.0), "passed_by_s": 60.0}
    for rate in (0.05, 0.3, 2.0, 20.0):
        rows += [
            Row(f"Poisson, {rate:g}/s", counts(rate), rolled=(0, 1), **(soon if rate == 2.0 else {})),  # type: ignore[arg-type]
            Row(f"clumps of 3, {rate:g}/s", counts(rate, clump=3.0), rolled=(0, 1)),
            Row(f"clumps of 6, {rate:g}/s", counts(rate, clump=6.0), rolled=(0, 1)),
            Row(f"drift, {rate:g}/s", counts(rate, shape=drift), rolled=(0, 1)),
        ]
    rows += [
        Row("20 % gaps, 2/s", gaps(counts(2.0)), rolled=(0, 1)),
        Row("restarts, 2/s", restarts(counts(2.0)), rolled=(0, 1)),
        Row("latency", gauges(), plan=gauge, rolled=(0, 1)),
        Row("latency with freaks", gauges(freaks=0.02), plan=gauge, rolled=(0, 1)),
        Row("9 instances, clumps of 3, 0.3/s", counts(0.3, clump=3.0, instances=9), runs=0.2, rolled=(0, 1)),
        Row("moods, 2/s, with history", moods(2.0), past=moods(2.0, 720), runs=0.1, rolled=(0, 2)),
        Row("moods, latency, with history", moods(None), 1.0, gauge, moods(None, 720), runs=0.1, rolled=(0, 2)),
        Row("always 1.2 ×, 2/s, with history", counts(2.0, 1.2), past=always, runs=0.1, rolled=(0, 1)),
        Row("12 comparisons together, 0.3/s", counts(0.3, clump=3.0), beside=11, runs=0.1, rolled=(0, 1)),
    ]
    return rows


def always(rng: random.Random) -> Stream:
    """Return an hour of two sides of which one has 1.2 times the errors on one version already."""
    for _ in range(6):
        yield from counts(2.0, 1.2)(rng)


def worse() -> list[Row]:
    """Return canaries that are worse than their baseline."""
    few = {"runs": 0.2}
    moon = {"runs": 0.2, "rolled": (98, 100), "rolled_by_s": 180}
    gauge = {"kind": "gauge"}
    strict = {"kind": "gauge", "worse_by": 1.1, "tolerates": 1.2}
    return [
        Row("Poisson, 0.05/s", counts(0.05, 1.5), 1.5, passed=(0, 5), **few),
        Row("Poisson, 0.05/s", counts(0.05, 2.0), 2.0, **few),
        Row("Poisson, 0.05/s", counts(0.05, 4.0), 4.0, rolled=(99, 100), rolled_by_s=170, **few),
        Row("Poisson, 0.3/s", counts(0.3, 1.5), 1.5, rolled=(94, 100), passed=(0, 5)),
        Row("Poisson, 0.3/s", counts(0.3, 2.0), 2.0, rolled=(99, 100), rolled_by_s=150, **few),
        Row("Poisson, 0.3/s", counts(0.3, 4.0), 4.0, rolled=(99, 100), rolled_by_s=80, **few),
        Row("Poisson, 2/s", counts(2.0, 1.5), 1.5, rolled_by_s=105, passed=(0, 5), **few),
        Row("Poisson, 2/s", counts(2.0, 2.0), 2.0, **few),
        Row("Poisson, 2/s", counts(2.0, 4.0), 4.0, **few),
        Row("Poisson, 20/s", counts(20.0, 1.5), 1.5, passed=(0, 5), **few),
        Row("Poisson, 20/s", counts(20.0, 2.0), 2.0, **few),
        Row("Poisson, 20/s", counts(20.0, 4.0), 4.0, **few),
        Row("clumps of 3, 0.3/s", counts(0.3, 1.5, clump=3.0), 1.5, passed=(0, 5), **few),
        Row("clumps of 3, 0.3/s", counts(0.3, 2.0, clump=3.0), 2.0, rolled=(95, 100), **few),
        Row("drift, 0.3/s", counts(0.3, 1.5, shape=drift), 1.5, passed=(0, 5), **few),
        Row("9 instances, 0.3/s", counts(0.3, 1.5, instances=9), 1.5, **moon),
        Row("9 instances, drift, 0.3/s", counts(0.3, 1.5, shape=drift, instances=9), 1.5, **moon),
        Row("9 instances, growing to 3 ×, 0.3/s", counts(0.3, 1.5, shape=up, instances=9), 1.5, **few),
        Row("bad only from 5 min on, 0.3/s", counts(0.3, 2.0, late=60), 2.0, until="end", **few),
        Row("latency", gauges(1.5), 1.5, gauge, rolled=(99, 100), rolled_by_s=150, passed=(0, 5), **few),
        Row("latency, strict", gauges(1.2), 1.2, strict, rolled=(80, 100), passed=(0, 5), **few),
        Row("latency with freaks", gauges(1.5, freaks=0.02), 1.5, gauge, passed=(0, 5), **few),
        Row("a twentieth more, 20/s", counts(20.0, 1.05), 1.05, rolled=(0, 1), runs=0.05),
        Row("one of 12 comparisons, 0.3/s", counts(0.3, 2.0), 2.0, beside=11, runs=0.05),
    ]


@dataclass(frozen=True)
class Said:
    """What was said of one canary: seconds until it was rolled back and until it passed; whether the band held."""

    rolled_s: float
    passed_s: float
    held: bool


def play(row: Row, number: int) -> Said:
    """Play one canary; the same number plays the same one."""
    rng = random.Random(f"{row.name} {row.truth} {number}")
    several = 1 + row.beside
    alpha = share(0.01, several)
    history = list(row.past(rng)) if row.past else None
    trials = [Trial(alpha=alpha, every_s=EVERY_S, history=history, seed=number, **row.plan) for _ in range(several)]  # type: ignore[arg-type]
    first = trials[0]
    beside = counts(0.3, clump=3.0)
    streams = [row.stream(rng), *(beside(rng) for _ in range(row.beside))]
    rolled = passed = math.inf
    held, truth = True, row.truth
    for tick, values in enumerate(zip(*streams, strict=True), 1):
        for trial, (baseline, canary) in zip(trials, values, strict=True):
            trial.tick(baseline, canary)
        if tick == TICKS:
            for trial in trials:
                trial.finish()
        decision = first.decision if several == 1 else together(trials).decision
        if several == 1 and tick % 4 == 0 and first.low is not None:
            held = held and first.low <= truth <= (first.high or math.inf)
        if decision == "rollback":
            rolled = tick * EVERY_S
            break
        if decision == "pass" and passed == math.inf:
            passed = tick * EVERY_S
            if row.until == "decision" and row.truth != 1.0:
                break
    return Said(rolled, passed, held)


def measure(row: Row, runs: int) -> dict[str, float]:
    """Play so many canaries, and return what was said of them, in per cent and in seconds."""
    said = [play(row, number) for number in range(runs)]
    return {
        "runs": runs,
        "rolled": 100 * sum(one.rolled_s < math.inf for one in said) / runs,
        "rolled_by_s": median(one.rolled_s for one in said),
        "passed": 100 * sum(one.passed_s < math.inf and one.rolled_s == math.inf for one in said) / runs,
        "passed_by_s": median(one.passed_s for one in said),
        "held": 100 * sum(one.held for one in said) / runs,
    }


def misses(row: Row, found: dict[str, float]) -> list[str]:
    """Return which bars of a row are missed, by more than two standard errors of so many runs."""
    missed = []
    for name in ("rolled", "passed"):
        least, most = (bar / 100 for bar in getattr(row, name))
        low, high = (200 * math.sqrt(bar * (1 - bar) / found["runs"]) for bar in (least, most))
        if not 100 * least - low <= found[name] <= 100 * most + high:
            missed.append(f"{name} {found[name]:.2f} %")
        if found[f"{name}_by_s"] > getattr(row, f"{name}_by_s"):
            missed.append(f"{name} after {found[f'{name}_by_s']:g} s")
    return missed


def cost() -> tuple[float, float]:
    """Return what a tick costs in µs of CPU, and what importing the judge costs in ms, beside that of `healthgate`."""
    rng, each = random.Random(1), []
    pairs = list(counts(2.0, 1.2)(rng))
    for _ in range(30):
        trial, began = Trial(), time.thread_time()
        for pair in pairs:
            trial.tick(*pair)
        each.append((time.thread_time() - began) / len(pairs))
    program = (
        "import time, healthgate; began = time.process_time(); import healthgate.canary; "
        "print(time.process_time() - began)"
    )
    compileall.compile_dir(ROOT / "src/healthgate/canary", quiet=1)
    imports = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(9)]
    return 1e6 * median(each), 1e3 * median(imports)


def percent(value: float, runs: float) -> str:
    """Return per cent with the digits that so many runs tell."""
    return f"{value:.2f}" if runs >= 5000 else f"{value:.1f}"


def seconds(value: float) -> str:
    """Return a median, or that there is none."""
    return f"{value:g} s" if value < math.inf else "–"


def bars(row: Row) -> str:
    """Return what was to be reached."""
    said = []
    for name, word in (("rolled", "rolled back"), ("passed", "passed")):
        least, most = getattr(row, name)
        latest = getattr(row, f"{name}_by_s")
        said += [f"{word} ≤ {most:g} %"] if most < 100 else []
        said += [f"{word} ≥ {least:g} %"] if least > 0 else []
        said += [f"median ≤ {latest:g} s"] if latest < math.inf else []
    return ", ".join(said) or "–"


def durations(done: dict[str, dict[str, float]]) -> str:
    """Return how long a decision takes at which rate."""

    def told(name: str, share: str) -> str:
        found = done[name]
        return f"{seconds(found[f'{share}_by_s'])} ({found[share]:.0f} %)"

    lines = [
        "| events on the baseline | healthy: pass | 1.5 ×: rollback | 2 ×: rollback | 4 ×: rollback |",
        "|---|---|---|---|---|",
    ]
    for rate, spoken in ((0.05, "3 a minute"), (0.3, "18 a minute"), (2.0, "2 a second"), (20.0, "20 a second")):
        name = f"Poisson, {rate:g}/s"
        worse = " | ".join(told(f"{name} {ratio:g}", "rolled") for ratio in (1.5, 2, 4))
        lines.append(f"| {spoken} | {told(f'{name} 1', 'passed')} | {worse} |")
    return "\n".join(lines)


def page(done: dict[str, dict[str, float]]) -> str:
    """Return the tables."""
    lines = ["| healthy canary | runs | rolled back | passed | median to pass | bar |", "|---|---|---|---|---|---|"]
    for row in healthy():
        found = done[key(row)]
        many = int(found["runs"])
        lines.append(
            f"| {row.name} | {many} | {percent(found['rolled'], many)} % | {found['passed']:.1f} % | "
            f"{seconds(found['passed_by_s'])} | {bars(row)} |"
        )
    lines += [
        "",
        "| worse canary | ratio | runs | rolled back | median to rollback | passed | bar |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in worse():
        found = done[key(row)]
        many = int(found["runs"])
        lines.append(
            f"| {row.name} | {row.truth:g} × | {many} | {percent(found['rolled'], many)} % | "
            f"{seconds(found['rolled_by_s'])} | {percent(found['passed'], many)} % | {bars(row)} |"
        )
    missed = [f"{row.name} {row.truth:g} ×: {one}" for row in rows() for one in misses(row, done[key(row)])]
    tick, load = done["cost"]["tick_us"], done["cost"]["import_ms"]
    plain = [done[key(row)]["held"] for row in rows() if not row.beside and row.name.startswith(("Poisson", "latency"))]
    lines += [
        "",
        f"A tick costs {tick:.0f} µs of CPU, importing the judge {load:.1f} ms. In Poisson and latency rows the band "
        f"held the true ratio at every fourth look in {min(plain):.0f} to {max(plain):.0f} % of the runs. "
        + (
            f"Missed: {'; '.join(missed)}."
            if missed
            else "Every bar is reached, to within two standard errors of so many runs."
        ),
    ]
    return "\n".join(lines)


def rows() -> list[Row]:
    """Return every row."""
    return [*worse(), *healthy()]


def key(row: Row) -> str:
    """Return the name of a row in the results."""
    return f"{row.name} {row.truth:g}"


def main() -> int:
    """Play every row that is not done yet; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="of each healthy canary; others take a part of it")
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("--results", type=Path, default=ROOT / "reports/canary-bench.json")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/canary.md")
    options = parser.parse_args()
    done = json.loads(options.results.read_text()) if options.results.exists() else {}
    for row in rows():
        runs = max(20, int(options.runs * row.runs))
        if options.only not in row.name or done.get(key(row), {}).get("runs", 0) >= runs:
            continue
        began = time.process_time()
        done[key(row)] = measure(row, runs)
        print(f"{key(row):46} {done[key(row)]} {time.process_time() - began:.0f} s", flush=True)
        options.results.parent.mkdir(exist_ok=True)
        options.results.write_text(json.dumps(done, indent=1))
    if options.only:
        return 0
    done["cost"] = dict(zip(("tick_us", "import_ms"), cost(), strict=True))
    tables = page(done)
    print(tables)
    if options.write:
        text = PAGE.read_text()
        for name, made in (("durations", durations(done)), ("benchmark", tables)):
            before, _, rest = text.partition(f"<!-- {name} -->\n")
            _, found, after = rest.partition(f"<!-- /{name} -->\n")
            if not found:
                raise SystemExit(f"{PAGE} has no line <!-- {name} --> with <!-- /{name} --> below it")
            text = f"{before}<!-- {name} -->\n{made}\n<!-- /{name} -->\n{after}"
        PAGE.write_text(text)
    return int(any(misses(row, done[key(row)]) for row in rows()))


if __name__ == "__main__":
    sys.exit(main())
