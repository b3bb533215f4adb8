"""Earlier looks at checks, as a Prometheus remembers them that scrapes what runs tell it: one request a run.

A run tells each reading together with the moment it is of. A scrape repeats both until the next run, so that a look is
new where its moment is new, and what is scraped a hundred times is one look. The readings are asked for as they were
scraped, never as a query repeats them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from healthgate.claim.facts import NoData
from healthgate.claim.window import Sample, reach
from healthgate.environment.profile import Samples
from healthgate.judge.series import OBSERVED, READING, bounded, selector

if TYPE_CHECKING:
    from healthgate.claim.check import Check
    from healthgate.claim.observation import Observation
    from healthgate.probes.http import HttpRequest
    from healthgate.probes.prometheus_answers import Line

LONGEST = 6_000
"""Characters of a query that names its checks; a longer one asks for those of the whole environment."""

SLACK = 60.0
"""Seconds that are asked for beyond the longest window: what was seen is scraped some time later."""

EARLIER = "samples of earlier looks"
"""The name of the request within an environment."""


def request(settings: Samples, environment: str, checks: Iterable["Check"], time_scale: float) -> "HttpRequest":
    """Return the request for what is remembered of `checks`, as far back as their windows reach."""
    from healthgate.probes.prometheus import Prometheus  # noqa: PLC0415

    asked = list(checks)
    back = max(reach(check.stays, check.cadence) for check in asked) / time_scale + SLACK
    server = Prometheus(Samples, url="prometheus", token="token")  # noqa: S106 (the name of a setting)
    return replace(server.raw(_selector(environment, asked), back=f"{back:.3f}s").request(settings), id=EARLIER)


def _selector(environment: str, checks: list["Check"]) -> str:
    names = ("__name__", "=~", f"{READING}|{OBSERVED}")
    place = ("environment", "=", bounded(environment))
    each = "|".join(re.escape(bounded(check.id)) for check in checks)
    matchers = (names, place, ("check", "=~", each)) if len(each) <= LONGEST else (names, place)
    return selector("", *matchers)


def looks(observation: "Observation") -> Mapping[str, tuple[Sample, ...]]:
    """Return the looks at each check, by its label, the oldest first; NoData where the answer is not whole."""
    from healthgate.probes.prometheus_answers import data_of, result_of  # noqa: PLC0415

    lines = result_of(data_of(observation), f"{READING} with {OBSERVED}", "matrix")
    readings: dict[frozenset[tuple[str, str]], Line] = {}
    moments: dict[frozenset[tuple[str, str]], Line] = {}
    for line in lines:
        labels = dict(line.labels)
        kinds = readings if labels.pop("__name__", "") == READING else moments
        kinds[frozenset(labels.items())] = line
    found: dict[str, set[Sample]] = {}
    for key, line in readings.items():
        taken = dict(moments[key].points) if key in moments else {}
        several = found.setdefault(dict(key).get("check", ""), set())
        several |= {Sample(taken[at], value) for at, value in line.points if at in taken and value - value == 0}
    if not any(found.values()):
        raise NoData(f"it knows no {READING} with its {OBSERVED}")
    return {name: tuple(sorted(several, key=lambda sample: sample.at)) for name, several in found.items()}


def by_check(observation: "Observation", checks: Iterable[str]) -> Mapping[str, tuple[Sample, ...]]:
    """Return the looks at each of these checks, by its id; NoData as `looks` has it."""
    found = looks(observation)
    return {check: found[bounded(check)] for check in checks if bounded(check) in found}
