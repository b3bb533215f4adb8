"""What the WebSocket manager's team keeps in files: written out for one lab, with its clocks and its addresses."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from lab.clock import TimeScale, now

SOURCE: Final = Path(__file__).parent / "app"
RULES: Final = "ws-manager-rules.yml"
CONFIGURATION: Final = "prometheus-config.yml"
DASHBOARD: Final = "grafana-dashboard.json"
FILES: Final = {
    name: f"monitoring/{name}" for name in (DASHBOARD, CONFIGURATION, RULES, "README.md", "alertmanager.yml")
} | {"staging-canary.yaml": "k8s/staging-canary.yaml"}
"""The files by name, and where each is in the folder of the application."""
BACKUPS: Final = "backups/grafana"
LONG_AGO: Final = (30, 30.2, 45)
"""Days ago from which exported dashboards are left over."""
DAY_S: Final = 86_400.0
UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}
SPAN: Final = re.compile(r"\[(\d+)(ms|s|m|h|d)\]")
WRITTEN: Final = re.compile(r"(\d+)(ms|s|m|h|d)")
PER_SECOND: Final = re.compile(r"rate_\w+$")


def write(folder: Path, scale: TimeScale, targets: Mapping[str, str]) -> None:
    """Write all files; `targets` has the host and port of the scraped instance of each environment."""
    shutil.copytree(SOURCE, folder)
    monitoring = folder / "monitoring"
    rules = yaml.safe_load((SOURCE / "monitoring" / RULES).read_text("utf-8"))
    (monitoring / RULES).write_text(dumped(scaled_rules(rules, scale)), "utf-8")
    configuration = yaml.safe_load((SOURCE / "monitoring" / CONFIGURATION).read_text("utf-8"))
    (monitoring / CONFIGURATION).write_text(dumped(_configured(configuration, scale, targets)), "utf-8")
    _export(folder / BACKUPS, monitoring / DASHBOARD)


def dumped(document: Any) -> str:
    """Spell a document as YAML, in the order it is in."""
    return yaml.safe_dump(document, sort_keys=False, width=200)


def scaled_rules(rules: Any, scale: TimeScale) -> Any:
    """Shorten every window of a rules document; what is told by the second is told by a second of production."""
    for group in rules["groups"]:
        group["interval"] = shortened(group["interval"], scale)
        for rule in group["rules"]:
            rule["expr"] = SPAN.sub(lambda span: f"[{shortened(span[0][1:-1], scale)}]", rule["expr"])
            if "for" in rule:
                rule["for"] = shortened(rule["for"], scale)
            if PER_SECOND.search(rule.get("record", "")) and scale.factor != 1:
                rule["expr"] += f" / {scale.factor:g}"
    return rules


def shortened(duration: str, scale: TimeScale) -> str:
    """Spell the lab's share of a duration of production as Prometheus does."""
    found = WRITTEN.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration} is no duration with one unit")
    ms = round(scale.window(int(found[1]) * UNITS[found[2]]) * 1000)
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms}ms"


def _configured(configuration: Any, scale: TimeScale, targets: Mapping[str, str]) -> Any:
    for settings in (configuration["global"], *configuration["scrape_configs"]):
        for name in ("scrape_interval", "scrape_timeout", "evaluation_interval"):
            if name in settings:
                settings[name] = shortened(settings[name], scale)
    for job in configuration["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = [targets[group["labels"]["environment"]]]
    return configuration


def _export(folder: Path, dashboard: Path) -> None:
    """Leave exported dashboards of the last weeks, one every two days, the newest a day old, and some of long ago."""
    folder.mkdir(parents=True)
    for days in (*range(1, 15, 2), *LONG_AGO):
        path = folder / f"ws-manager-{days:02}-days-ago.json"
        path.write_text(dashboard.read_text("utf-8"), "utf-8")
        moment = now() - days * DAY_S
        os.utime(path, (moment, moment))


def without_panel(text: str, title: str) -> str:
    """Return a dashboard without the panel of that title."""
    board = json.loads(text)
    board["panels"] = [panel for panel in board["panels"] if panel["title"] != title]
    return json.dumps(board, indent=2)
