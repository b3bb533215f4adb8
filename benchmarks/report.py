"""How long `healthgate report` takes: `python -m benchmarks.report [--checks 500] [--rounds 5]`.

Every check has three attachments as a run writes them, and fifty runs before it.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

BARS = "<rect x='1' y='2'/>" * 120
PICTURE = f"<svg xmlns='http://www.w3.org/2000/svg' width='640' height='200'>{BARS}</svg>"
FACTS = {"numbers": list(range(200))}
EARLIER = 50


def main() -> None:
    """Render the same results several times and print the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "results", options.checks)
        command = [sys.executable, "-m", "healthgate", "report", "results"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)  # installs Allure where it is not there
        history = folder / "reports/allure-history.jsonl"
        row = json.loads(history.read_text())
        rows = [
            row | {"healthgate_run": str(n), "timestamp": row["timestamp"] - 60_000 * n} for n in range(1, EARLIER + 1)
        ]
        history.write_text("".join(json.dumps(one) + "\n" for one in [*reversed(rows), row]))
        took = []
        for _ in range(options.rounds):
            began = time.perf_counter()
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
            took.append(time.perf_counter() - began)
        print(f"{done.stdout.splitlines()[0]}\nmedian of {len(took)}: {statistics.median(took):.1f} s")


def write(folder: Path, checks: int) -> None:
    """Write the results of a run of so many checks."""
    folder.mkdir()
    for number in range(checks):
        check, state = f"works.area{number % 20}.check{number}", "critical" if number % 50 == 0 else "ok"
        contents = {
            "svg": PICTURE + f"<!--{number}-->",
            "json": json.dumps(FACTS | {"n": number}),
            "txt": f"said {number}",
        }
        kinds = {"svg": "image/svg+xml", "json": "application/json", "txt": "text/plain"}
        attachments = []
        for extension, text in contents.items():
            source = f"{uuid.uuid4()}-attachment.{extension}"
            (folder / source).write_text(text)
            attachments.append({"name": extension, "source": source, "type": kinds[extension]})
        labels = {"epic": "works", "feature": f"area{number % 20}", "env": "production", "stage": "production"}
        labels |= {"state": state, "check_id": check, "severity": "critical"}
        result = {
            "uuid": str(uuid.uuid4()),
            "testCaseId": check,
            "name": f"check {number}",
            "fullName": check,
            "status": "failed" if state == "critical" else "passed",
            "statusDetails": {"message": f"[{state}] check {number} in production: 7", "trace": "x" * 400},
            "description": "**limit:** below 80 %\n\n**do now:** " + "words " * 30,
            "parameters": [{"name": "environment", "value": "production"}],
            "labels": [{"name": name, "value": value} for name, value in labels.items()],
            "links": [{"type": "link", "name": "runbook", "url": "https://wiki.example/x"}],
            "attachments": attachments,
            "start": 1795341600000,
            "stop": 1795341600001,
        }
        (folder / f"{result['uuid']}-result.json").write_text(json.dumps(result))
    environment = {"name": "production", "stage": "production", "description": "", "expected": checks}
    run = {"schema": 1, "run": "r", "started": "2026-11-22T10:00:00Z", "environments": [environment], "link": None}
    (folder / "healthgate-run.json").write_text(json.dumps(run))


if __name__ == "__main__":
    main()
