"""Checks that tests declare by themselves, without a folder to import them from."""

from collections.abc import Iterable
from typing import Any

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.check import Check
from healthgate.claim.limit import Limit, below, percent
from healthgate.claim.system import System, Url
from healthgate.probes.http import get
from healthgate.render import alerts


class Boiler(System):
    """A boiler."""

    name = "boiler"
    url: Url


STATUS = get(Boiler, "/status", proven_by=None)


def check(check_id: str, limit: Limit = below(80, percent, warning=80, critical=90), **members: Any) -> Check:  # noqa: B008
    """Return a check of the boiler."""
    told = {
        "id": check_id,
        "reading": STATUS.at("value"),
        "stays": limit,
        "name": f"Claim {check_id}",
        "cause": "a cause",
        "action": "an action",
        "runbook": "page",
        "cadence": 60.0,
        "requires": (),
        "attempts": 1,
        "file": __file__,
        "line": 1,
    }
    return Check(**told | members)


def catalogue(checks: Iterable[Check]) -> Catalogue:
    """Return a catalogue of these checks of the boiler."""
    return Catalogue({"boiler": Boiler}, {one.id: one for one in checks})


def rules_of(found: Catalogue, **elsewhere: dict[str, Limit]) -> str:
    """Return the alert rules of a catalogue; `elsewhere` are limits of environments, by check id."""
    limits: dict[str, alerts.Limits] = {
        one.id: {None: one.stays} | {name: its[one.id] for name, its in elsewhere.items() if one.id in its}
        for one in found.checks.values()
    }
    return alerts.text(alerts.groups(found, limits, "docs/runbooks/{name}.md"), "rules of a test")
