"""Compare the suite with three other ways of asking 12 endpoints and judging 100 thresholds.

`python benchmarks/compare.py [--rounds N] [--write]` starts the endpoints on loopback, runs every way as a
whole process, in turns, and prints medians of wall and CPU seconds and ratios. `--write` puts the table into
docs/benchmarks.md. Needs curl, jq and bc for the shell scripts, and httpx.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENDPOINTS, THRESHOLDS = 12, 100
LATENCIES = (0, 50, 500)
SLOW, SLOW_ROUNDS = 20.0, 2
BIN = Path(sys.executable).parent


class Endpoints(BaseHTTPRequestHandler):
    """Answers /LATENCY/N with 9 numbers after LATENCY milliseconds."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer after the latency named in the path."""
        _, latency, number = self.path.split("/")
        time.sleep(int(latency) / 1000)
        body = json.dumps({"pool": {f"m{i}": 10 + i + int(number) for i in range(9)}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """A server whose queue holds all connections of ten environments."""

    request_queue_size = 256
    daemon_threads = True


def members() -> list[tuple[int, int]]:
    """Return (endpoint, member) of every threshold."""
    return [(i % ENDPOINTS, i // ENDPOINTS) for i in range(THRESHOLDS)]


def suite_project(folder: Path, base: str) -> None:
    """Write a project of checks and one environment for each latency, and ten of the 50 ms one."""
    package = folder / "checks" / "bench"
    package.mkdir(parents=True)
    (folder / "checks" / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\nstrict = true\naddopts = ["-p", "no:anyio"]\n')
    (package / "__init__.py").write_text(
        "from healthgate import System, Url, get\n\n\n"
        'class Bench(System):\n    """The endpoints."""\n\n    name = "bench"\n    url: Url\n\n\n'
        f'ROUTES = [get(Bench, f"/{{i}}") for i in range({ENDPOINTS})]\n'
    )
    (package / "test_bench.py").write_text(
        "from checks.bench import ROUTES\nfrom healthgate import below, check, each, percent\n\n"
        f"MEMBERS = {members()!r}\n\n\n"
        "LIMIT = below(80, percent, warning=80, critical=90)\n\n\n"
        "@each(\n    check(\n"
        '        f"bench.pool.use[{i}-{j}]", ROUTES[i].at(f"pool.m{j}"), stays=LIMIT,\n'
        '        name=f"use {i}-{j}", cause="load", action="look", runbook="bench",\n'
        "    )\n    for i, j in MEMBERS\n)\n"
        "def test_bench(verdict):\n    assert verdict.healthy, verdict\n"
    )
    (folder / "environments").mkdir()
    for latency in LATENCIES:
        (folder / "environments" / f"l{latency}.yaml").write_text(f"bench:\n  url: {base}/{latency}\n")
    for i in range(10):
        (folder / "environments" / f"e{i}.yaml").write_text(f"bench:\n  url: {base}/50\n")


def shell_idiom(folder: Path, base: str) -> None:
    """Write the script of the documented monitors, extended: curl an endpoint, jq a value, bc a comparison."""
    lines = ["#!/bin/bash", 'failed=0; base="$1"']
    for i in range(ENDPOINTS):
        lines.append(f'body=$(curl -s "$base/{i}")')
        for j in [j for e, j in members() if e == i]:
            lines += [
                f"value=$(echo \"$body\" | jq -r '.pool.m{j}')",
                'if (( $(echo "$value >= 80" | bc -l) )); then echo "high: $value"; failed=1; fi',
            ]
    (folder / "idiom.sh").write_text("\n".join([*lines, "exit $failed"]) + "\n")
    lean = ["#!/bin/bash", 'failed=0; base="$1"']
    for i in range(ENDPOINTS):
        terms = " and ".join(f".pool.m{j} < 80" for e, j in members() if e == i)
        lean.append(f'curl -s "$base/{i}" | jq -e "{terms}" >/dev/null || failed=1')
    (folder / "lean.sh").write_text("\n".join([*lean, "exit $failed"]) + "\n")
    (folder / "base").write_text(base)


def httpx_ways(folder: Path) -> None:
    """Write one request a test with pytest and httpx, and a bare script that asks all at once."""
    (folder / "test_plain.py").write_text(
        "import os\n\nimport httpx\nimport pytest\n\n"
        f"@pytest.mark.parametrize(('i', 'j'), {members()!r})\n"
        "def test_use(i, j):\n"
        "    body = httpx.get(f\"{os.environ['BASE']}/{i}\").json()\n    assert body['pool'][f'm{j}'] < 80\n"
    )
    (folder / "bare.py").write_text(
        "import asyncio, sys\n\nimport httpx\n\n\nasync def main(base):\n"
        "    async with httpx.AsyncClient() as client:\n"
        f"        answers = await asyncio.gather(*(client.get(f'{{base}}/{{i}}') for i in range({ENDPOINTS})))\n"
        "    bodies = [a.json() for a in answers]\n"
        f"    return all(bodies[i]['pool'][f'm{{j}}'] < 80 for i, j in {members()!r})\n\n\n"
        "sys.exit(0 if asyncio.run(main(sys.argv[1])) else 1)\n"
    )


def timed(command: list[str], folder: Path, variables: dict[str, str]) -> tuple[float, float]:
    """Run a command to its end; return wall and CPU seconds. It must succeed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env={**os.environ, **variables}, capture_output=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout.decode()}{done.stderr.decode()}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(ways: dict[str, Callable[[], tuple[float, float]]], rounds: int) -> dict[str, tuple[float, float]]:
    """Run all ways in turns, after one round to warm up; return medians of wall and CPU by name.

    A way that takes longer than `SLOW` seconds takes part in the first rounds only.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for i in range(rounds + 1):
        for name, way in ways.items():
            if i > SLOW_ROUNDS and found[name][-1][0] > SLOW:
                continue
            figures = way()
            if i:
                found[name].append(figures)
    return {
        name: (statistics.median(w for w, _ in figures), statistics.median(c for _, c in figures))
        for name, figures in found.items()
    }


def tables(folder: Path, base: str, rounds: int) -> str:
    """Measure everything and return the tables as Markdown."""
    python, pytest = sys.executable, str(BIN / "pytest")
    suite = [str(BIN / "healthgate"), "run", "-q", "--env"]
    idiom, lean = "shell: curl, jq and bc, one by one", "shell: curl and one jq an endpoint"
    lines = [
        "| way | " + " | ".join(f"{ms} ms: wall s (CPU s)" for ms in LATENCIES) + " | ÷ shell at 50 ms |",
        "|---|" + "---|" * (len(LATENCIES) + 1),
    ]
    by_latency = {}
    for latency in LATENCIES:
        at = f"{base}/{latency}"
        env = {"BASE": at}
        ways = {
            "**healthgate run**": [*suite, f"l{latency}"],
            "pytest checks --env": [pytest, "-p", "healthgate.plugin", "checks", "-q", "--env", f"l{latency}"],
            idiom: ["bash", "idiom.sh", at],
            lean: ["bash", "lean.sh", at],
            "pytest + httpx, a request a test": [pytest, "test_plain.py", "-q"],
            "bare httpx script, all at once": [python, "bare.py", at],
        }
        by_latency[latency] = measure(
            {name: lambda command=command, env=env: timed(command, folder, env) for name, command in ways.items()},
            rounds,
        )
        print(f"measured {latency} ms", file=sys.stderr)
    for name in by_latency[0]:
        cells = [f"{by_latency[ms][name][0]:.2f} ({by_latency[ms][name][1]:.2f})" for ms in LATENCIES]
        ratio = by_latency[50][name][0] / by_latency[50][idiom][0]
        lines.append(f"| {name} | {' | '.join(cells)} | {ratio:.3f} |")
    other = measure(
        {
            "one": lambda: timed([*suite, "e0"], folder, {}),
            "ten": lambda: timed([*suite[:-1], *(w for i in range(10) for w in ("--env", f"e{i}"))], folder, {}),
        },
        rounds,
    )
    mine = by_latency[500]["**healthgate run**"][0] - by_latency[0]["**healthgate run**"][0]
    times = other["ten"][0] / other["one"][0]
    walls = f"{other['ten'][0]:.2f} s against {other['one'][0]:.2f} s, 50 ms endpoints"
    lines += [
        "",
        f"- 500 ms endpoints cost {mine:.2f} s more than 0 ms ones.",
        f"- Ten environments (120 endpoints, 1000 thresholds) take {times:.2f} × one ({walls}).",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each way (median of them), at least 7 to quote")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    missing = [name for name in ("curl", "jq", "bc") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)}; install them to compare with the shell scripts")
    server = Server(("127.0.0.1", 0), Endpoints)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite_project(folder, base)
        shell_idiom(folder, base)
        httpx_ways(folder)
        table = tables(folder, base, given.rounds)
    server.shutdown()
    head = (
        f"Medians of {given.rounds} runs of each way as a whole process, in turns, on the same loopback services: "
        f"{ENDPOINTS} endpoints, {THRESHOLDS} thresholds (ways slower than {SLOW:g} s: {SLOW_ROUNDS} runs), "
        f"Python {platform.python_version()}, {os.cpu_count()} cores.\n"
    )
    print(head + "\n" + table)
    if given.write:
        page = ROOT / "docs" / "benchmarks.md"
        page.write_text(f"# How fast\n\nMade by `make bench`.\n\n{head}\n{table}\n")
        readme = ROOT / "README.md"
        start, end = "<!-- benchmark -->\n", "<!-- /benchmark -->"
        before, _, rest = readme.read_text().partition(start)
        if rest:
            readme.write_text(before + start + head + "\n" + table + "\n" + end + rest.partition(end)[2])


if __name__ == "__main__":
    main()
