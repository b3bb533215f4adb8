"""Does the suite leave behind what it looks for? Runs that open event streams, some killed in the middle.

After each run the service must count as many connections as before it, within one cleanup cycle of its end. `make
leftovers` runs it: any connection that stays longer fails it and is printed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.end_to_end.suite import Suite
from tests.lab_process import RunningLab, wait_until

MONITORING = "/api/sse/monitoring"
SELECTED = ("--system", "sse")
OPEN_WITHIN_S = 20.0
ASKED_EVERY_S = 0.02


def counts(lab: RunningLab) -> tuple[int, int]:
    """Return how many connections there are as the service says, and as Redis has them."""
    told: dict[str, Any] = lab.get("sse", MONITORING)[1]["connection_stats"]
    return told["active_connections"], told["redis_connection_counters"]


def killed_in_the_middle(suite: Suite, lab: RunningLab, start: tuple[int, int]) -> bool:
    """Start a run and kill it with SIGKILL as soon as its stream is open; False if it ended before."""
    run = subprocess.Popen(suite.words(*SELECTED), **suite.surroundings(), stdout=subprocess.DEVNULL)
    try:
        wait_until(
            lambda: counts(lab)[0] > start[0] or run.poll() is not None, OPEN_WITHIN_S, "a stream", ASKED_EVERY_S
        )
        return run.poll() is None
    finally:
        run.kill()
        run.wait()


def main() -> int:
    """Run the checks again and again, killing some; 0 if no connection ever stayed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="runs in a row")
    parser.add_argument("--killed", type=int, default=50, help="how many of them are killed in the middle")
    arguments = parser.parse_args()
    if not 0 <= arguments.killed <= arguments.runs:
        parser.error("--killed must be from 0 to --runs")
    left, red, killed = 0, 0, 0
    returned: list[float] = []
    with RunningLab() as lab, tempfile.TemporaryDirectory() as folder:
        suite = Suite(Path(folder), lab)
        told = lab.get("sse", MONITORING)[1]["configuration"]
        cycle_s = told["cleanup_interval_seconds"] / suite.time_scale
        start = counts(lab)
        for number in range(1, arguments.runs + 1):
            if number * arguments.killed // arguments.runs > killed:
                killed += 1
                if not killed_in_the_middle(suite, lab, start):
                    print(f"run {number}: it ended before it could be killed")
                    red += 1
            elif (outcome := suite.once(*SELECTED)).code:
                print(f"run {number}: exit {outcome.code}; {outcome.not_ok}")
                red += 1
            ended = time.monotonic()
            try:
                wait_until(lambda: counts(lab) == start, cycle_s, "as at the start", ASKED_EVERY_S)
            except AssertionError:
                left += 1
                print(f"run {number}: {counts(lab)} counted at the service and in Redis, {start} at the start")
            returned.append(time.monotonic() - ended)
            if number % 20 == 0:
                print(f"run {number}: {left} left something", flush=True)
        end = counts(lab)
    print(
        f"{arguments.runs} runs, {killed} of them killed with SIGKILL while their stream was open: {left} left a "
        f"connection for longer than one cleanup cycle ({cycle_s:g} s); {start[0]} connections at the start, {end[0]} "
        f"at the end; back at the start value {1000 * statistics.median(returned):.0f} ms after the end of a run "
        f"(median), {1000 * max(returned):.0f} ms at most; {red} runs did not end as they should"
    )
    return 0 if not left and not red and end == start else 1


if __name__ == "__main__":
    sys.exit(main())
