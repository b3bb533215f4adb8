"""The files the WebSocket manager's team keeps: truncated, edited by hand."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import yaml

from lab import artefacts
from lab.faults.catalogue import BadParametersError, Fault, choice, text

if TYPE_CHECKING:
    from lab.control import Infrastructure

CANARY_WEIGHT: Final = "nginx.ingress.kubernetes.io/canary-weight"
FLAG: Final = "USE_NEW_WS_MANAGER"
METRIC: Final = "ws_manager_retry_count_total"


def _truncated(before: str, _to: str) -> str:
    return before[: len(before) // 2]


def _emptied(_before: str, _to: str) -> str:
    return ""


def _panel_removed(before: str, to: str) -> str:
    board = json.loads(before)
    titles = [panel["title"] for panel in board["panels"]]
    if to not in titles:
        raise BadParametersError(f"F.file.edit: {to} is no panel; there is {', '.join(titles)}")
    return artefacts.without_panel(before, to)


def _metric_renamed(before: str, to: str) -> str:
    if METRIC not in before:
        raise BadParametersError(f"F.file.edit: the file does not ask for {METRIC}")
    return before.replace(METRIC, to)


def _weight_changed(before: str, to: str) -> str:
    documents = list(yaml.safe_load_all(before))
    for document in documents:
        annotations = document["metadata"].get("annotations", {})
        if CANARY_WEIGHT in annotations:
            annotations[CANARY_WEIGHT] = to
    return yaml.safe_dump_all(documents, sort_keys=False)


def _flag_changed(before: str, to: str) -> str:
    documents = list(yaml.safe_load_all(before))
    for document in documents:
        for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
            for variable in container["env"]:
                if variable["name"] == FLAG:
                    variable["value"] = to
    return yaml.safe_dump_all(documents, sort_keys=False)


def _scraped_otherwise(before: str, to: str) -> str:
    document = yaml.safe_load(before)
    for job in document["scrape_configs"]:
        job["scrape_interval"] = to
    return artefacts.dumped(document)


def _unrouted(before: str, to: str) -> str:
    document = yaml.safe_load(before)
    document["receivers"].append({"name": "nobody"})
    if to == "default":
        document["route"]["receiver"] = "nobody"
    for route in document["route"]["routes"]:
        if route["matchers"] == [f'severity="{to}"']:
            route["receiver"] = "nobody"
    return artefacts.dumped(document)


CHANGES: Final[dict[str, Callable[[str, str], str]]] = {
    "truncate": _truncated,
    "empty": _emptied,
    "remove_panel": _panel_removed,
    "rename_metric": _metric_renamed,
    "weight": _weight_changed,
    "flag": _flag_changed,
    "scrape_interval": _scraped_otherwise,
    "route_to_nobody": _unrouted,
}

EDIT = Fault(
    "F.file.edit",
    "infrastructure",
    "Change one of the files of the monitoring or the canary's manifest; what has been loaded or applied stays.",
    (
        choice("file", "the file", list(artefacts.FILES)),
        choice("change", "what is done to it", list(CHANGES)),
        text(
            "to",
            "the panel, the new name, the weight, the flag, the interval, or the severity that is told nobody, or"
            " default for what has no route of its own",
            default="",
        ),
    ),
    lambda values: (
        f"{values['change']} needs `to`" if not values["to"] and values["change"] not in ("truncate", "empty") else None
    ),
)


@EDIT.on("control")
@asynccontextmanager
async def file_edited(infrastructure: "Infrastructure", *, file: str, change: str, to: str) -> AsyncIterator[None]:
    """Edit the file; it is as it was on exit."""
    path = infrastructure.settings.app / artefacts.FILES[file]
    before: Any = path.read_text("utf-8")
    path.write_text(CHANGES[change](before, to), "utf-8")
    try:
        yield
    finally:
        path.write_text(before, "utf-8")
