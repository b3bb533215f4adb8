"""A Grafana dashboard as it was exported: its panels, what they ask, and whom (spec 4.7)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from healthgate import Facts

PROMETHEUS = "prometheus"


@dataclass(frozen=True)
class Panel:
    """One panel. `asks_prometheus` says whether every query of it, of which there is one, goes to a Prometheus."""

    title: str
    queries: tuple[str, ...]
    asks_prometheus: bool


def panels(exported: Facts) -> list[Panel]:
    """Return all panels, those in rows too; NoData where the file is no dashboard."""
    dashboard = exported.at("dashboard") if exported.has("dashboard.panels") else exported
    sources = _named_sources(dashboard)
    return [_panel(node, sources) for node in _nodes(dashboard)]


def _nodes(parent: Facts) -> Iterator[Facts]:
    for node in parent.elements("panels"):
        node.members()  # anything else is no panel
        if node.has("type") and node.at("type").raw == "row":
            yield from node.elements("panels") if node.has("panels") else ()
        else:
            yield node


def _panel(node: Facts, sources: Mapping[str, str]) -> Panel:
    targets = [one for one in (node.elements("targets") if node.has("targets") else []) if one.has("expr")]
    asked = [one for one in targets if one.text("expr").strip()]
    own = node.at("datasource").raw if node.has("datasource") else None
    kinds = {_kind(one.at("datasource").raw if one.has("datasource") else own, sources) for one in asked}
    title = node.text("title") if node.has("title") else ""
    return Panel(title.strip(), tuple(one.text("expr") for one in asked), kinds == {PROMETHEUS})


def _kind(source: object, sources: Mapping[str, str]) -> str:
    """Return the kind of a data source: told by itself, by the input or variable it names, or by its name."""
    if isinstance(source, dict):
        told = source.get("type")
        return str(told).casefold() if told else _kind(source.get("uid"), sources)
    if not isinstance(source, str):
        return ""
    return sources.get(source.strip("${}"), source).casefold()


def _named_sources(dashboard: Facts) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, kind in (("__inputs", "pluginId"), ("templating.list", "query")):
        for one in dashboard.elements(path) if dashboard.has(path) else []:
            if one.has("name") and one.has(kind) and isinstance(one.at(kind).raw, str):
                found[one.text("name")] = one.text(kind)
    return found
