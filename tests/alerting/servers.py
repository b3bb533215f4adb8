"""Debian's Alertmanager on loopback, the receiver it notifies, and how long tests wait for either."""

import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.parts.target import closed_port
from tests.tools import program

EXAMPLE = Path(__file__).parents[2] / "monitoring/alertmanager.yaml"
PATIENCE = 45
"""Seconds anything may take on a loaded machine."""


def until(true: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until something holds and return it."""
    ends = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < ends, f"waited {seconds} s until {what}"
        time.sleep(0.02)
    return found


class Webhook:
    """An HTTP server that keeps what it is sent, in the order it came; `answers` may refuse what comes next."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self.answers: list[int] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = owner.answers.pop(0) if owner.answers else 200
                if code == 200:
                    owner.came.append({**json.loads(body), "path": self.path})
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def said(self) -> list[tuple[str, str]]:
        """Return what each notification said of each alert: `firing` or `resolved`, and its name and state."""
        return [
            (alert["status"], f"{alert['labels']['alertname']} {alert['labels'].get('state', '')}".strip())
            for notification in self.came
            for alert in notification["alerts"]
        ]

    def until(self, number: int) -> list[tuple[str, str]]:
        """Return what was said once it is as many alerts."""
        until(lambda: len(self.said()) >= number, f"{number} alerts came, of which {self.said()}")
        return self.said()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class Alertmanager:
    """One by the example of this repository, in a hurry, which notifies a webhook instead of people.

    What a receiver gets is posted to its name below `url`.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        folder.mkdir()
        config = yaml.safe_load(EXAMPLE.read_text())
        config["route"] |= {"group_wait": "150ms", "group_interval": "100ms", "repeat_interval": "1h"}
        for receiver in config["receivers"]:
            for hook in receiver.get("webhook_configs", ()):
                hook["url"] = f"{url}/{receiver['name']}"
        (folder / "alertmanager.yaml").write_text(yaml.safe_dump(config))
        self.address = f"127.0.0.1:{closed_port()}"
        self.url = f"http://{self.address}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [
            program("prometheus-alertmanager"),
            f"--config.file={self.folder / 'alertmanager.yaml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._ready, "it is ready")

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with suppress(OSError):
            self.api("status")
            return True
        return False

    def stop(self) -> None:
        """End it as a service is ended: what it told whom is kept, the alerts are not."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def forget(self) -> None:
        """Have it remember nothing when it starts again."""
        shutil.rmtree(self.folder / "data")

    def api(self, path: str, body: object = None) -> Any:
        """Return what its API answers; `body` is posted."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v2/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Return what it holds, by name and state."""
        return {
            f"{one['labels']['alertname']} {one['labels'].get('state', '')}".strip(): one for one in self.api("alerts")
        }

    def silence(self, **labels: str) -> None:
        """Silence alerts with these labels for an hour."""
        now = datetime.now(UTC)
        matchers = [{"name": name, "value": value, "isRegex": False} for name, value in labels.items()]
        ends = (now + timedelta(hours=1)).isoformat()
        silence = {"matchers": matchers, "startsAt": now.isoformat(), "endsAt": ends}
        self.api("silences", silence | {"createdBy": "a test", "comment": "a test"})

    def received(self) -> int:
        """Return how many alerts it was ever sent, firing or resolved."""
        return self._counted("alertmanager_alerts_received_total")

    def settle(self) -> None:
        """Wait until it has noted whom it notified: each group has looked into its notes once more since."""
        before = self._counted("alertmanager_nflog_queries_total")
        until(lambda: self._counted("alertmanager_nflog_queries_total") > before + 5, "it has noted whom it notified")

    def _counted(self, name: str) -> int:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        return int(sum(float(line.split()[-1]) for line in lines if line.startswith(name)))
