"""docs/detection.md: what turns every check red, as it was seen."""

from collections.abc import Iterable, Mapping
from itertools import groupby

from healthgate.claim.state import State
from tests.detection.bench import CATALOGUE, ROOT
from tests.detection.cell import PROFILE, ROLLUPS
from tests.detection.evidence import Evidence
from tests.detection.matrix import CELLS, Round
from tests.detection.mutation import EXPLAINED
from tests.detection.proofs import PROOFS
from tests.detection.scenario import SCENARIOS, Scenario

PAGE = ROOT / "docs" / "detection.md"

TITLES = {
    "gateway": "The gateway",
    "market": "The market service",
    "wsmanager": "The WebSocket manager",
    "sse": "The event streams",
}

INTRODUCTION = """\
# What turns every check red

A green check is worth what its ability to turn red is worth. Each of them has a fault here that is really caused in
a running lab: healthy, fault, healthy again. A fault is exact: every check that is not named beside it stays `ok`,
and what is named beside it follows by logic, since it is another view of the same fact. Faults that act on different
things, and of which different checks have to tell, are caused at the same time; where not every check is then as
declared, each of them is caused alone. This page is what was seen; `python -m tests.detection --write` sees it anew,
and a test fails if it says anything else.
"""

LAYERS = """\
The layer says how real the fault is: *infrastructure* (a node killed, a port shut), *behaviour* (the service really
stalls, drops, drifts), *report* (a figure is reported wrongly in every view), *response* (one answer is altered on its
way), *profile* (the run is given something else). `warning` and `critical` are alarms; `missed`, `unknown` and
`blocked` are none, and are listed as well where they come with it."""

LESS_REAL = """\
## Less real than a cause

These checks are shown to react, but not to something that really goes wrong, because nothing in the lab that does
would trip them and little else."""

CHANGED_LIMITS = """\
## Limits made wrong on purpose

Everything that was seen is judged again with one limit changed: each comparison flipped, each bound moved a hundredth
to either side (by one where readings are counted), alone and together with the bound it shares. To see moves this
small, values just inside and just outside every line are sent too. A change is *noticed* if a declared state does not
hold any more, *refused* if the limit contradicts itself, *the same* if no value there can be is judged differently.
What is left is too fine for the lab to see:"""


def written(evidence: Evidence) -> str:
    """Return the page."""
    parts = [
        INTRODUCTION,
        table(("", ""), [(name, figure) for name, figure in evidence.figures().items()]),
        "![Checks down, faults across: which fault turns which checks red](detection.svg)",
        LAYERS,
    ]
    for system, title in TITLES.items():
        parts += [f"## {title}", _cells(evidence, system)]
    parts += [LESS_REAL, _less_real(evidence)]
    parts += ["## Whole incidents", _scenarios()]
    parts += [
        "## Proofs that break the system",
        "Each holds, fails with its fault, and holds again; times are real.",
        _proofs(evidence),
    ]
    parts += [CHANGED_LIMITS, _explained(evidence)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; a cell's bars are escaped."""
    lines = [list(head), *map(list, rows)]
    told = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([told[0], "|---" * len(lines[0]) + "|", *told[1:]])


def _cells(evidence: Evidence, system: str) -> str:
    rows = []
    for check in CATALOGUE.checks.values():
        if check.system == system and check.id in CELLS:
            cell, one = CELLS[check.id], evidence.of_check[check.id]
            seen = str(one.during.states.get(check.id, "not judged"))
            state = seen if one.detected(check.id) else f"**{seen}**, not {cell.state}"
            rows.append((f"`{check.id}`", f"`{cell.injection}`", evidence.layer(cell), state, _beside(one, check.id)))
    return table(("check", "fault", "layer", "state", "beside it"), rows)


def _beside(one: Round, check: str) -> str:
    seen = {name: state for name, state in one.not_ok.items() if name != check}
    blocked = [name for name, state in seen.items() if state is State.BLOCKED]
    others = {name: state for name, state in seen.items() if state is not State.BLOCKED}
    rollups = sorted({str(state) for name, state in others.items() if name in ROLLUPS})
    told = [f"`{name}` {state}" for name, state in sorted(others.items()) if name not in ROLLUPS]
    told += [f"roll-up {state}" for state in rollups]
    told += [f"{len(blocked)} blocked"] if blocked else []
    return ", ".join(told) or "–"


def _less_real(evidence: Evidence) -> str:
    told: dict[tuple[str, str], list[str]] = {}
    for check in CATALOGUE.checks:
        if check in CELLS and evidence.layer(CELLS[check]) in {"response", "report", PROFILE}:
            told.setdefault((evidence.layer(CELLS[check]), CELLS[check].why), []).append(check)
    return table(("checks", "layer", "why"), ((_named(checks), layer, why) for (layer, why), checks in told.items()))


def _named(checks: Iterable[str]) -> str:
    rows = groupby(checks, key=lambda check: check.partition("[")[0])
    told = {row: [name.partition("[")[2].rstrip("]") for name in names] for row, names in rows}
    return ", ".join(f"`{row}`" + (f" ({', '.join(names)})" if names != [""] else "") for row, names in told.items())


def _scenarios() -> str:
    def deviations(one: Scenario) -> str:
        told = [f"`{check}` also trips: {why}" for check, why in one.also.items()]
        told += [f"`{check}` is {state}: {why}" for check, (state, why) in one.otherwise.items()]
        return "; ".join(told) or "–"

    return table(
        ("", "incident", "caused by", "must trip", "well again", "other than specified"),
        (
            (
                one.id,
                one.title,
                f"`{one.injection}`",
                _codes(one.must_trip),
                f"within {one.recovers_within_s:g} s: {one.recovery}",
                deviations(one),
            )
            for one in SCENARIOS.values()
        ),
    )


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _proofs(evidence: Evidence) -> str:
    proven: Mapping[str, str] = {one.id: one.complaint or "yes" for one in evidence.proven}
    return table(
        ("row", "claim", "limit", "fails with", "shown"),
        ((f"`{name}`", one.claim, one.limit, f"`{one.fails_with}`", proven[name]) for name, one in PROOFS.items()),
    )


def _explained(evidence: Evidence) -> str:
    explained = evidence.mutations.explained
    # in the order of the explanations: which changes were noticed this time is a matter of chance
    count = {why: times for why in EXPLAINED.values() if (times := sum(one == why for one in explained.values()))}
    patterns = {why: [pattern for pattern, told in EXPLAINED.items() if told == why] for why in count}
    rows = [(str(count[why]), "<br>".join(f"`{pattern}`" for pattern in patterns[why]), why) for why in count]
    rows += [("1", f"`{name}`", "**nobody knows**") for name in evidence.mutations.unexplained]
    return table(("changes", "which", "why they cannot be seen"), rows)
