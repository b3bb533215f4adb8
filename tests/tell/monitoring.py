"""A real Prometheus, a real node_exporter and a real Pushgateway on loopback, and what they say when they are asked."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.parts.target import Target, closed_port

PROGRAMS = ("prometheus", "prometheus-node-exporter", "prometheus-pushgateway")
PATIENCE = 60
"""Seconds anything may take on a loaded machine."""

CONFIGURATION = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - {{job_name: textfile, static_configs: [{{targets: ['{exporter}']}}]}}
  - {{job_name: served, metrics_path: /openmetrics, static_configs: [{{targets: ['{served}']}}]}}
  - {{job_name: pushed, honor_labels: true, static_configs: [{{targets: ['{gateway}']}}]}}
"""


@dataclass(frozen=True)
class Monitoring:
    """Three servers and a page that a test may change: `served` is what is scraped as OpenMetrics."""

    prometheus: str
    gateway: str
    textfiles: Path
    served: Target

    def serve(self, page: str) -> None:
        """Have Prometheus scrape `page` as OpenMetrics."""

        def answer(handler: Any) -> None:
            body = page.encode()
            handler.send_response(200)
            handler.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        self.served.answers["/openmetrics"] = answer

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series an expression gives now."""
        asked = urllib.parse.urlencode({"query": expression})
        found = json.loads(text(f"{self.prometheus}/api/v1/query?{asked}"))
        result: list[dict[str, Any]] = found["data"]["result"]
        return result

    def until(self, expression: str, number: int) -> list[dict[str, Any]]:
        """Return what an expression gives once it gives `number` series."""
        ends = time.monotonic() + PATIENCE
        while len(found := self.query(expression)) != number:
            assert time.monotonic() < ends, f"{expression} gives {found}; {self.query('up')}"
            time.sleep(0.1)
        return found


def text(url: str) -> str:
    """Return what is at `url`."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        found: str = answer.read().decode()
        return found


@contextmanager
def serving(folder: Path) -> Iterator[Monitoring]:
    """Start the servers; they end with the block."""
    served = Target()
    textfiles = folder / "textfiles"
    textfiles.mkdir()
    exporter, gateway, prometheus = (f"127.0.0.1:{closed_port()}" for _ in range(3))
    configuration = folder / "prometheus.yml"
    configuration.write_text(
        CONFIGURATION.format(exporter=exporter, gateway=gateway, served=f"127.0.0.1:{served.port}")
    )
    commands = [
        [
            *("prometheus-node-exporter", f"--web.listen-address={exporter}", "--collector.disable-defaults"),
            *("--collector.textfile", f"--collector.textfile.directory={textfiles}"),
        ],
        ["prometheus-pushgateway", f"--web.listen-address={gateway}", "--persistence.file="],
        [
            *("prometheus", f"--web.listen-address={prometheus}", f"--config.file={configuration}"),
            f"--storage.tsdb.path={folder / 'tsdb'}",
        ],
    ]
    log = (folder / "log.txt").open("w")
    processes = [subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) for command in commands]
    try:
        for url in (f"http://{exporter}/", f"http://{gateway}/-/ready", f"http://{prometheus}/-/ready"):
            _until_it_answers(url, folder)
        yield Monitoring(f"http://{prometheus}", f"http://{gateway}", textfiles, served)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        served.close()
        log.close()


def _until_it_answers(url: str, folder: Path) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with suppress(urllib.error.URLError, OSError):
            text(url)
            return
        time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer: {(folder / 'log.txt').read_text()[-2000:]}")
