"""The JSON Schema of environment profiles, for editors: what they may complete and underline."""

from typing import Any, get_args, get_origin

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.state import Floor
from healthgate.claim.system import (
    DIFFERENCES,
    Date,
    Duration,
    Group,
    Several,
    System,
    Url,
    WeekTime,
    describe,
    is_group,
    settings_of,
)
from healthgate.environment.profile import Samples
from healthgate.environment.reader import ABSENT, TIERS
from healthgate.week import DAYS

VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
PLAIN = {bool: "boolean", int: "integer", float: "number"}


def schema(catalogue: Catalogue) -> dict[str, Any]:
    """Return the schema of a profile for the systems and checks of `catalogue`."""
    tiers: dict[str, Any] = {tier: {"type": "number"} for tier in TIERS}
    override = {
        "type": "object",
        "properties": tiers | {"because": {"type": "string", "minLength": 1}},
        "required": ["because"],
        "minProperties": 2,
        "additionalProperties": False,
    }
    ids = sorted(catalogue.rows | set(catalogue.checks))
    named = {"type": "array", "minItems": 1, "items": {"enum": sorted({*ids, *catalogue.systems})}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "healthgate environment profile",
        "type": "object",
        "additionalProperties": False,
        "required": sorted(catalogue.systems),
        "properties": {
            "description": {"type": "string"},
            "launch": {"type": "string", "description": "starts the target; prints one JSON object of variables"},
            "time_scale": {
                "type": "number",
                "minimum": 1,
                "description": "seconds of production that pass in one second here",
            },
            Samples.name: _system(Samples),
            "fail_on": {"enum": [floor.value for floor in Floor]},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "thresholds": {
                "type": "object",
                "additionalProperties": False,
                "properties": {check_id: {"$ref": "#/$defs/override"} for check_id in ids},
            },
            "maintenance": {"type": "array", "items": {"$ref": "#/$defs/window"}},
            "known_issues": {"type": "array", "items": {"$ref": "#/$defs/known_issue"}},
            **{name: _system(system) for name, system in sorted(catalogue.systems.items())},
        },
        "$defs": {
            "override": override,
            "window": _window(named),
            "known_issue": _known_issue(named),
            **_differences(),
        },
    }


def _window(named: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    clock = {"type": "string", "pattern": r"^\d{1,2}:\d{2}$"}
    both = {"because": text, "checks": named}
    required = ["from", "until", "because"]
    return {
        "description": "failing checks do not fail the run and alert nobody; no checks named means all",
        "oneOf": [
            {
                "type": "object",
                "description": "once: moments with their offsets",
                "additionalProperties": False,
                "required": required,
                "properties": {"from": text, "until": text, **both},
                "not": {"anyOf": [{"required": ["days"]}, {"required": ["zone"]}]},
            },
            {
                "type": "object",
                "description": "every week: times of day",
                "additionalProperties": False,
                "required": required,
                "anyOf": [{"required": ["days"]}, {"required": ["zone"]}],
                "properties": {
                    "from": clock,
                    "until": clock,
                    "days": {"type": "array", "minItems": 1, "items": {"enum": list(DAYS)}},
                    "zone": {"type": "string", "description": "as in Europe/Berlin; UTC if left out"},
                    **both,
                },
            },
        ],
    }


def _known_issue(named: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "description": "what is known to fail: it stays red, and is told with its issue",
        "additionalProperties": False,
        "required": ["checks", "issue", "because", "until"],
        "properties": {
            "checks": named,
            "issue": text,
            "because": text,
            "until": {"type": "string", "description": describe(Date)},
            "link": {"type": "string", "description": describe(Url)},
        },
    }


def _system(system: type[System]) -> dict[str, Any]:
    return {
        "description": (system.__doc__ or "").partition("\n")[0],
        "oneOf": [{"const": ABSENT}, _mapping(system, {name: {"$ref": f"#/$defs/{name}"} for name in DIFFERENCES})],
    }


def _mapping(owner: type[System] | type[Group], others: dict[str, Any]) -> dict[str, Any]:
    settings = settings_of(owner)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, setting in settings.items() if setting.required],
        "properties": {name: _setting(setting.kind) for name, setting in settings.items()} | others,
    }


def _differences() -> dict[str, Any]:
    """Return the keys that say how a system differs here from its documents."""
    path = {"type": "string", "pattern": "^/(?!/)"}
    by_route: dict[str, Any] = {"type": "object", "minProperties": 1, "propertyNames": path}
    names = {"type": "array", "minItems": 1, "items": {"type": "string"}}
    place = {"oneOf": [{"type": "string"}, _scaled()]}
    places = {"type": "object", "minProperties": 1, "additionalProperties": place}
    absence = {
        "type": "object",
        "additionalProperties": False,
        "required": ["because"],
        "anyOf": [{"required": ["checks"]}, {"required": ["members"]}, {"required": ["metrics"]}],
        "properties": {
            "because": {"type": "string", "minLength": 1},
            "checks": names,
            "metrics": names,
            "members": by_route | {"additionalProperties": names},
        },
    }
    texts: dict[str, tuple[str, dict[str, Any]]] = {
        "routes": ("the path here by the path of the documents", by_route | {"additionalProperties": path}),
        "deadlines": ("how long one path may take, by that of the documents", by_route),
        "members": ("where a member stands here, by path and member of the documents",
                    by_route | {"additionalProperties": places}),
        "metrics": ("what a metric is called here", places),
        "labels": ("what a label is called here, and what it says by what the documents have",
                   {"type": "object", "additionalProperties": {"oneOf": [{"type": "string"}, _label()]}}),
        "absent": ("what this place does not have, and why", {"type": "array", "minItems": 1, "items": absence}),
    }  # fmt: skip
    return {name: {"description": words, **kind} for name, (words, kind) in texts.items()}


def _label() -> dict[str, Any]:
    values = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}}
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"name": {"type": "string"}, "values": values},
    }


def _scaled() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {"path": {"type": "string"}, "times": {"type": "number"}},
    }


def _setting(kind: Any) -> dict[str, Any]:
    if is_group(kind):
        return {"description": (kind.__doc__ or "").partition("\n")[0]} | _mapping(kind, {})
    if get_origin(kind) is Several:
        one = _setting(get_args(kind)[0])
        return {"oneOf": [one, {"type": "array", "minItems": 1, "items": one}]}
    if get_origin(kind) is list:
        return {"type": "array", "minItems": 1, "items": _setting(get_args(kind)[0])}
    if get_origin(kind) is dict:
        return {"type": "object", "minProperties": 1, "additionalProperties": _setting(get_args(kind)[1])}
    if kind in PLAIN:
        return {"description": describe(kind), "oneOf": [{"type": PLAIN[kind]}, VARIABLE]}
    found: dict[str, Any] = {"type": "string", "description": describe(kind)}
    if kind is WeekTime:
        days = "|".join(f"[{day[0].upper()}{day[0]}]{day[1:]}" for day in DAYS)
        found["pattern"] = rf"^\s*({days})\s+\d{{1,2}}:\d{{2}}\s*$|\$\{{"
    if kind is Duration:
        found["pattern"] = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$|\$\{"
    return found
