"""The Prometheus that scrapes the WebSocket manager: its files, its command line, what faults change about it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import yaml

from lab import artefacts
from lab.calls import Caller, NoAnswerError
from lab.clock import TimeScale
from lab.ports import HOST, Ports
from lab.settings import Settings

PROCESS: Final = "prometheus"
RETENTION: Final = "RETENTION"
"""Variable that says how long metrics are kept when the process is started."""
KEPT_FOR: Final = "30d"
LOOKBACK: Final = "5m"
"""For how long a series is believed after its last sample: what a Prometheus does by itself, in production's time."""
RULES: Final = Path("rules") / artefacts.RULES
CONFIGURATION: Final = "prometheus.yml"
Change = Callable[[Any], None]


def binary() -> str | None:
    """Path of the server's binary, if it is installed."""
    return shutil.which("prometheus")


def install(settings: Settings) -> None:
    """Put configuration and rules where the server reads them, as copied from the monitoring files."""
    (settings.prometheus / "rules").mkdir(parents=True)
    monitoring = settings.app / "monitoring"
    shutil.copyfile(monitoring / artefacts.CONFIGURATION, settings.prometheus / CONFIGURATION)
    shutil.copyfile(monitoring / artefacts.RULES, settings.prometheus / RULES)


def command_line(path: str, ports: Ports, folder: Path, retention: str, scale: TimeScale) -> list[str]:
    """Command that runs the server with its state under `folder`."""
    return [
        path,
        f"--config.file={folder / CONFIGURATION}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--storage.tsdb.retention.time={retention}",
        f"--web.listen-address={HOST}:{ports[PROCESS]}",
        "--web.enable-lifecycle",
        f"--query.lookback-delta={artefacts.shortened(LOOKBACK, scale)}",
        "--log.level=error",
    ]


class PrometheusServer:
    """The running server, its configuration and its rules changed and loaded anew."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._caller = Caller(settings.ports[PROCESS])

    async def change_configuration(self, change: Change) -> None:
        """Change the configuration and load it."""
        await self._change(self._settings.prometheus / CONFIGURATION, change)

    async def change_rules(self, change: Change) -> None:
        """Change the rules and load them."""
        await self._change(self._settings.prometheus / RULES, change)

    async def restore(self) -> None:
        """Load configuration and rules as the monitoring files have them."""
        for kept, name in ((artefacts.CONFIGURATION, Path(CONFIGURATION)), (artefacts.RULES, RULES)):
            shutil.copyfile(self._settings.app / "monitoring" / kept, self._settings.prometheus / name)
        await self.reload()

    async def spoil_configuration(self) -> None:
        """Put a configuration in place that cannot be loaded, and have it loaded."""
        (self._settings.prometheus / CONFIGURATION).write_text("scrape_configs: [{job_name: 1, no_such_key: 2}]\n")
        await self.reload()

    async def reload(self) -> bool:
        """Ask for a reload; whether it succeeded."""
        try:
            return (await self._caller.ask("POST", "/-/reload")).status == 200
        except NoAnswerError:
            return False

    async def _change(self, path: Path, change: Change) -> None:
        document = yaml.safe_load(path.read_text("utf-8"))
        change(document)
        path.write_text(artefacts.dumped(document), "utf-8")
        await self.reload()

    async def scrapes(self) -> bool:
        """Whether everything it is to scrape is up, and streams are seen to be opened in both environments."""
        targets = (await self._asked("/api/v1/targets", state="active")).get("activeTargets", [])
        if len(targets) < 2 or any(target["health"] != "up" for target in targets):
            return False
        opened = await self._asked("/api/v1/query", query="ws_manager:creation_rate_5m > 0")
        return len(opened.get("result", [])) >= 2

    async def _asked(self, path: str, **parameters: str) -> dict[str, Any]:
        try:
            answer = (await self._caller.ask("GET", f"{path}?{urlencode(parameters)}")).json()
        except (NoAnswerError, ValueError):
            return {}
        return answer.get("data", {}) if isinstance(answer, dict) else {}
