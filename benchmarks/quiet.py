"""Does it stay quiet while all is well? Healthy runs in a row against one lab, with busy loops beside them.

`make soak` runs it: any check that is not ok in any run fails it and is printed with its reason.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.suite import Suite
from tests.lab_process import RunningLab

BUSY = "while True: pass"


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep `count` processes computing for the length of the block."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main() -> int:
    """Run the checks again and again; 0 if every check was ok every time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="healthy runs in a row")
    parser.add_argument("--load", type=int, default=1, help="busy loops beside them")
    parser.add_argument("--sse-clients", type=int, default=990, help="event streams that are open all the time")
    arguments = parser.parse_args()
    seen: Counter[str] = Counter()
    walls: list[float] = []
    clients = str(arguments.sse_clients)
    with (
        RunningLab("--sse-clients", clients) as lab,
        tempfile.TemporaryDirectory() as folder,
        busy_loops(arguments.load),
    ):
        suite = Suite(Path(folder), lab)
        for number in range(1, arguments.runs + 1):
            began = time.monotonic()
            outcome = suite.once()
            walls.append(time.monotonic() - began)
            seen[str(outcome.code)] += 1
            if outcome.code or outcome.not_ok:
                print(f"run {number}: exit {outcome.code}")
                for check in outcome.results.get("checks", []):
                    if check["state"] != "ok":
                        seen[check["state"]] += 1
                        print(f"  {check['state']:<8} {check['id']}: {check['reason']}")
                if not outcome.results:
                    print(outcome.output)
            elif number % 20 == 0:
                print(f"run {number}: quiet so far" if seen["0"] == number else f"run {number}", flush=True)
    print(
        f"{arguments.runs} runs beside {arguments.load} busy loops, {clients} event streams open: "
        f"{seen['0']} without a finding, "
        f"{seen['critical'] + seen['warning'] + seen['missed']} red, {seen['unknown']} unknown, "
        f"{seen['blocked']} blocked; {statistics.median(walls):.1f} s a run (median), {max(walls):.1f} s at most"
    )
    return 0 if seen["0"] == arguments.runs else 1


if __name__ == "__main__":
    sys.exit(main())
