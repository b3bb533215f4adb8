"""A real Prometheus on loopback, with what it scrapes, its rules and a past, as a test gives them."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.parts.target import closed_port
from tests.tools import program

PATIENCE = 60
"""Seconds anything may take on a loaded machine."""


class Server:
    """A Prometheus that answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def api(self, path: str) -> Any:
        """Return the data of an answer of its API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=PATIENCE) as answer:
            return json.load(answer)["data"]

    def until(self, true: Callable[["Server"], Any]) -> Any:
        """Wait until something holds and return it."""
        ends = time.monotonic() + PATIENCE
        while not (found := true(self)):
            assert time.monotonic() < ends, self.api("targets")
            time.sleep(0.1)
        return found


@contextmanager
def running(folder: Path, configuration: Mapping[str, Any], past: str = "", *options: str) -> Iterator[Server]:
    """Start a Prometheus that knows `past` (OpenMetrics text with time stamps) already; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yaml").write_text(json.dumps(configuration))
    if past:
        (folder / "past.txt").write_text(past)
        command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "past.txt", "data"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
    address = f"127.0.0.1:{closed_port()}"
    files = ["--config.file=prometheus.yaml", "--storage.tsdb.path=data", f"--web.listen-address={address}"]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([program("prometheus"), *files, *options], cwd=folder, stdout=log, stderr=log)
        try:
            server = Server(f"http://{address}")
            ends = time.monotonic() + PATIENCE
            while not _ready(server):
                assert process.poll() is None, (folder / "log.txt").read_text()[-2000:]
                assert time.monotonic() < ends, (folder / "log.txt").read_text()[-2000:]
                time.sleep(0.05)
            yield server
        finally:
            process.kill()
            process.wait()


def _ready(server: Server) -> bool:
    with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{server.url}/-/ready", timeout=5) as answer:
        return bool(answer.status == 200)
    return False
