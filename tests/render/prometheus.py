"""Debian's Prometheus and its promtool, as tests use them."""

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from tests.tools import program

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Promtool:
    """`promtool`, on files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check(self, rules: str) -> str:
        """Check rules and return what was said; AssertionError if anything is wrong with them."""
        (self.folder / "alerts.yaml").write_text(rules)
        return self._run("check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml")

    def test(self, rules: str, tests: str) -> str:
        """Run tests of the rules in `alerts.yaml`; AssertionError with what promtool says if one fails."""
        (self.folder / "alerts.yaml").write_text(rules)
        (self.folder / "alerts_test.yaml").write_text(tests)
        return self._run("test", "rules", "alerts_test.yaml")

    def firing(self, rules: str, *cases: tuple[dict[str, str], str]) -> list[set[tuple[str, str, str]]]:
        """Return what fires in each case, as (alert, state, environment).

        A case is series with a value a minute, and the moment they are looked at.
        """
        # No alert has the labels that are said to be expected, so that promtool lists those that fire.
        query = {
            "expr": 'count by (alertname, state, environment) (ALERTS{alertstate="firing"})',
            "exp_samples": [{"labels": '{no="such"}', "value": 1}],
        }
        tests = [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [query | {"eval_time": moment}],
            }
            for series, moment in cases
        ]
        tried = {"rule_files": ["alerts.yaml"], "evaluation_interval": "1m", "tests": tests}
        said = self.failing(rules, json.dumps(tried))
        answers = said.split("got:")[1:]
        assert len(answers) == len(cases), said
        return [
            {(one["alertname"], one["state"], one.get("environment", "")) for one in _label_sets(answer)}
            for answer in (answer.partition("expr:")[0] for answer in answers)
        ]

    def failing(self, rules: str, tests: str) -> str:
        """Run tests of the rules that must fail, and return what promtool says."""
        with pytest.raises(AssertionError) as failed:
            self.test(rules, tests)
        return str(failed.value)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [program("promtool"), *arguments], cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )
        said = done.stdout + done.stderr
        if done.returncode:
            raise AssertionError(said)
        return said


def _label_sets(text: str) -> list[dict[str, str]]:
    return [dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', inside)) for inside in re.findall(r"\{([^{}]*)\}", text)]


class Prometheus:
    """A Prometheus on loopback that scrapes one page, which a test may change, and judges by rules.

    What fires is sent to the Alertmanager at an address, where one is given.
    """

    def __init__(self, folder: Path, rules: dict[str, str], alertmanager: str | None = None) -> None:
        self.folder = folder
        self.page = ""
        folder.mkdir()
        owner = self

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = owner.page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        for name, text in rules.items():
            (folder / f"{name}.yaml").write_text(text)
        # A scrape may take as long as the time between two: short ones fail where the machine is busy.
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "250ms"},
            "rule_files": [f"{name}.yaml" for name in rules],
            "scrape_configs": [
                {
                    "job_name": "healthgate",
                    "honor_labels": True,
                    "static_configs": [{"targets": [f"127.0.0.1:{self._server.server_port}"]}],
                }
            ],
        }
        if alertmanager is not None:
            config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{taken.getsockname()[1]}"
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder}/prometheus.yaml",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address={self._address}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.until(self._ready, "it is ready")

    def _ready(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            with urlopen(f"http://{self._address}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def api(self, path: str) -> Any:
        """Return the data of an answer of its API."""
        with urlopen(f"http://{self._address}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)["data"]

    def alerts(self, state: str = "firing") -> dict[tuple[str, str, str], dict[str, str]]:
        """Return the annotations of all alerts in a state, by name, state of the check and environment."""
        return {
            (one["labels"]["alertname"], one["labels"]["state"], one["labels"].get("environment", "")): one[
                "annotations"
            ]
            for one in self.api("alerts")["alerts"]
            if one["state"] == state
        }

    def until(self, true: Callable[[], Any], what: str, seconds: float = 45) -> Any:
        """Wait until something holds and return it."""
        ends = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < ends, f"waited {seconds} s until {what}"
            time.sleep(0.1)
        return found

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
        self._server.shutdown()
        self._server.server_close()
