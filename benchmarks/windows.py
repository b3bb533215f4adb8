"""Ten windows of two minutes: how long a run takes that watches them, that finds all well, and that has a history.

`python -m benchmarks.windows` starts a target on loopback, runs the checks as whole processes and prints figures. It
takes somewhat more than two minutes; `--window 4s` is a try.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from healthgate import duration

WINDOWS = 10
LONGER, WELL, AGAIN = 10.0, 2.0, 2.0
"""Seconds that runs may take: beyond the window, where all is well, and where a history knows."""

CHECKS = '''\
"""Is the pressure too high for too long, or do retries keep coming?"""

from checks.boiler import METRICS, STATE
from healthgate import at_most, below, check, each, lasting, percent

TOLD = dict(cause="c", action="a", runbook="r", every="EVERY", name="n")
LASTING = below(80, percent, critical=lasting(80, "WINDOW"))


@each(check(f"boiler.pressure[{n}]", STATE["pressure"], stays=LASTING, **TOLD) for n in range(WINDOWS))
def test_pressure(verdict):
    """The pressure is not too high for long."""
    assert verdict.healthy, verdict


RATE = METRICS["retries_total"].per_second(over="WINDOW")


@check("boiler.retries", RATE, stays=at_most(0.5, critical=lasting(0.5, "WINDOW")), **TOLD)
def test_retries(verdict):
    """They do not come too often for long."""
    assert verdict.healthy, verdict
'''
SYSTEM = '''\
"""A boiler."""

from healthgate import Exposition, System, Url, get


class Boiler(System):
    """It has pressure and retries."""

    name = "boiler"
    url: Url


STATE = get(Boiler, "/state")
METRICS = Exposition(Boiler, "/metrics")
'''


@dataclass
class Boiler:
    """What is served: a pressure, and retries that come so often a second."""

    pressure: int = 90
    rate: float = 0.8
    asked: int = 0
    began: float = field(default_factory=time.time)

    def answer(self, path: str) -> tuple[str, bytes]:
        """Return type and body of an answer."""
        self.asked += 1
        if path == "/state":
            return "application/json", json.dumps({"pressure": self.pressure}).encode()
        count = self.rate * (time.time() - self.began)
        started = f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {self.began}\n"
        return "text/plain; version=0.0.4", f"# TYPE retries_total counter\nretries_total {count}\n{started}".encode()


@contextmanager
def serving(boiler: Boiler) -> Iterator[str]:
    """Serve a boiler on loopback for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            kind, body = boiler.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def project(folder: Path, url: str, window: str, every: str) -> None:
    """Write the checks and one environment."""
    words = {"WINDOWS": str(WINDOWS), "WINDOW": window, "EVERY": every}
    text = CHECKS
    for name, value in words.items():
        text = text.replace(name, value)
    for path, content in {
        "checks/__init__.py": "",
        "checks/boiler/__init__.py": SYSTEM,
        "checks/boiler/test_boiler.py": text,
        "environments/here.yaml": f"boiler:\n  url: {url}\n",
        "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)


def run(folder: Path, *arguments: str) -> tuple[float, dict[str, str]]:
    """Run the checks once as a process of its own; return its seconds and the states."""
    command = [str(Path(sys.executable).parent / "healthgate"), "run", "--env", "here", *arguments]
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    try:
        found = json.loads((folder / "reports/results.json").read_text())
    except OSError:
        raise SystemExit(done.stdout + done.stderr) from None
    return took, {check["id"]: check["state"] for check in found["checks"]}


def main() -> int:
    """Print figures; 0 where every run took no longer than it may and found what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--window", default="2m", help="how long what is wrong must last (2m)")
    window = parser.parse_args().window
    seconds = duration.seconds(window)
    boiler, right = Boiler(), True

    def told(what: str, found: tuple[float, dict[str, str]], most: float, state: str, asked: int) -> None:
        nonlocal right
        took, states = found
        fine = took <= most and set(states.values()) == {state}
        right = right and fine
        seen = ", ".join(sorted(set(states.values())))
        print(f"{what:<58} {took:7.2f} s (at most {most:g}), {boiler.asked - asked:3} requests, {len(states)} {seen}")

    with tempfile.TemporaryDirectory() as name, serving(boiler) as url:
        folder = Path(name)
        project(folder, url, window, f"{seconds / 4:g}s")
        asked = boiler.asked
        gauges = ("-k", "pressure")
        found = run(folder, *gauges, "--history", "h.db", "--sample", window)
        told(f"{WINDOWS} windows of {window}, watched", found, seconds + LONGER, "critical", asked)
        asked = boiler.asked
        found = run(folder, *gauges, "--history", "h.db", "--sample", window)
        told("the same again, with that history", found, AGAIN, "critical", asked)
        boiler.pressure, asked = 50, boiler.asked
        found = run(folder, *gauges, "--sample", window)
        told("the same where all is well, without a history", found, WELL, "ok", asked)
        boiler.pressure = 90
        asked = boiler.asked
        found = run(folder, "-k", "retries", "--history", "r.db", "--sample", window)
        told(f"a rate over {window}, for {window}, watched", found, seconds + LONGER, "critical", asked)
        asked = boiler.asked
        found = run(folder, "--history", "r.db", "-k", "retries", "--sample", window)
        told("the same again, with that history", found, AGAIN, "critical", asked)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
