"""Everything that is shown in the lab, gathered in one go: the matrix, its edges, the scenarios, the proofs."""

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from tests.detection.bench import CATALOGUE, LABS, Bench, Lost, carry_out
from tests.detection.cell import PROFILE, SHOWS_WITHIN_S, Cell, Injection
from tests.detection.edges import EDGES, Edge, Sighting, visits
from tests.detection.matrix import CELLS, Round, alone, by_check, doubtful, split, together, trials, unhealed
from tests.detection.mutation import Kept, Mutations, mutate
from tests.detection.proof import Proven, demonstrations
from tests.detection.proofs import OF_A_PART, PROOFS
from tests.detection.scenario import SCENARIOS, Play, Played, Scenario

if TYPE_CHECKING:
    from healthgate.claim.state import State

SPECIFICATION = Path(__file__).with_name("rows.yaml")
ROWS: dict[str, dict[str, list[str]]] = yaml.load(SPECIFICATION.read_text("utf-8"), yaml.CSafeLoader)
"""Rows of the specification by priority, with their parameters."""

MOST_ACCIDENTS = 2
"""Injections that are tried once more though they were not as declared alone: more of them are no accident."""

T = TypeVar("T")


@dataclass
class Evidence:
    """What was seen. `layers` says of every fault of the lab how real it is, in the lab's own words.

    `alone` are the injections that were tried again alone, since not all was as declared when others were caused too;
    `lost` are jobs that no lab lived to see done.
    """

    rounds: list[Round]
    alone: list[Injection]
    sightings: list[Sighting]
    played: list[Played]
    proven: list[Proven]
    mutations: Mutations
    lost: list[Lost]
    layers: dict[str, str]

    @cached_property
    def of_check(self) -> dict[str, Round]:
        """The round in which each check's own fault was caused."""
        return by_check(self.rounds)

    def complaint_of_check(self, check: str) -> str:
        """Say how a check's own fault was seen other than declared; empty if it was not."""
        return self.of_check[check].complaint(check) if check in self.of_check else self._not_there

    def complaints_at(self, edge: Edge) -> list[str]:
        """Say how a value at a line was judged other than declared."""
        return next((one.complaints for one in self.sightings if one.edge == edge), [self._not_there])

    def complaints_of_scenario(self, name: str) -> list[str]:
        """Say how a scenario went other than declared."""
        return next((one.complaints for one in self.played if one.scenario.id == name), [self._not_there])

    def complaint_of_proof(self, name: str) -> str:
        """Say what did not come out as it should when a claim was put to the test."""
        return next((one.complaint for one in self.proven if one.id == name), self._not_there)

    @property
    def _not_there(self) -> str:
        return "not tried: " + ("; ".join(one.why for one in self.lost) or "nobody knows why")

    def layer(self, cell: Cell) -> str:
        """Return how real a cell's injection is: the least real of its faults."""
        found = {self.layers.get(fault.id) for fault in cell.injection.faults}
        return next(
            (layer for layer in ("response", "report", "behaviour", "infrastructure") if layer in found), PROFILE
        )

    def figures(self) -> dict[str, str]:
        """Return what it comes to, as words and figures."""
        covered = {
            priority: sum(all(self._covered(one) for one in instances(row, names)) for row, names in rows.items())
            for priority, rows in ROWS.items()
        }
        detected = [check for check, one in self.of_check.items() if one.detected(check)]
        at_edges = sum(len(one.edge.expected) for one in self.sightings)
        right = at_edges - sum(len(one.wrong) for one in self.sightings)
        found = self.mutations
        killed = len(set(found.killed) - set(found.explained))
        return {
            "rows covered": ", ".join(f"{covered[p]} of {len(ROWS[p])} {p}" for p in ROWS),
            "checks detected": f"{len(detected)} of {len(CATALOGUE.checks)}, by {len(self.rounds)} injections",
            "unexpected trips": str(sum(len(one.unexpected) + len(one.strays) for one in self.rounds)),
            "declared and not seen": str(sum(len(one.absent) for one in self.rounds)),
            "missed heals": str(sum(not one.healed for one in self.rounds)),
            "values at the lines": f"{right} of {at_edges} judged as declared",
            "scenarios": f"{sum(not one.deviations and one.recovered for one in self.played)} of {len(SCENARIOS)}",
            "proofs": f"{sum(not one.complaint for one in self.proven)} of {len(PROOFS)}",
            "changed limits": f"{killed} noticed, {len(found.refused)} refused at import, {len(found.equivalent)} the"
            f" same for every value, {len(found.explained)} too fine to see, {len(found.unexplained)} missed",
        }

    def _covered(self, name: str) -> bool:
        if name in self.of_check:
            return not self.of_check[name].complaint(name)
        return any(one.id == name and not one.complaint for one in self.proven)

    def took(self) -> dict[str, float]:
        """Return the seconds that each claim took, and each injection, or the first of those caused together."""
        first = {id(one.during): one for one in reversed(self.rounds)}.values()
        alone = {one.key for one in self.alone}
        return {
            **{f"{one.injection}{', alone' * (one.injection.key in alone)}": one.took_s for one in first},
            **{one.id: one.took_s for one in self.proven},
        }

    def complaints(self) -> list[str]:
        """Return everything that is not as it was declared, a sentence each."""
        found = [one.complaint(check) for one in self.rounds for check in one.checks]
        found += [f"{one.edge.injection}: {words}" for one in self.sightings for words in one.complaints]
        found += [f"{one.scenario.id}: {words}" for one in self.played for words in one.complaints]
        found += [f"{one.id}: {one.complaint}" for one in self.proven if one.complaint]
        found += [f"nobody noticed: {name}" for name in self.mutations.unexplained]
        found += [f"not done, {one.why}: {one.job}" for one in self.lost]
        return [words for words in found if words]


def instances(row: str, parameters: list[str]) -> list[str]:
    """Return the ids of a row with its parameters."""
    return [f"{row}[{name}]" for name in parameters] if parameters else [row]


@dataclass(frozen=True)
class Listing:
    """A job: what the lab says about its faults."""

    def __call__(self, bench: Bench) -> dict[str, str]:
        """Ask it."""
        return {fault["id"]: fault["layer"] for fault in bench.lab.control("GET", "/__lab/faults")}


def gather(
    edges: Sequence[Edge], scenarios: Iterable[Scenario], told: Callable[[str], object] = lambda _: None
) -> Evidence:
    """Cause everything that is declared in running labs, the longest first, and return what was seen.

    Of the values at the lines only those of `edges`, of the incidents only `scenarios`; limits are changed where there
    are any edges, since without them most changes are too fine to see.
    """
    tried = together(trials(CELLS))
    jobs: list[Callable[[Bench], Any]] = [
        Listing(),
        *(job for job in tried if job.shows_within_s > SHOWS_WITHIN_S),
        *(Play(scenario) for scenario in sorted(scenarios, key=lambda one: -one.shows_within_s)),
        *visits(edges),
        *(job for job in tried if job.shows_within_s <= SHOWS_WITHIN_S),
        *demonstrations(OF_A_PART, LABS),
    ]
    done = carry_out(jobs, told=told, more=lambda result: doubtful(of_kind(Round, [result])))
    sightings = sorted(of_kind(Sighting, done), key=lambda one: EDGES.index(one.edge))
    newest = {one.injection.key: one for one in of_kind(Round, done)}
    refused = [one.job for one in of_kind(Lost, done)]
    again = carry_out([*unhealed(newest.values()), *split(refused)], told=told)
    newest |= {one.injection.key: one for one in of_kind(Round, again)}
    wrong = [one for one in newest.values() if not one.exact]
    if len(wrong) <= MOST_ACCIDENTS:
        newest |= {one.injection.key: one for one in of_kind(Round, carry_out(alone(wrong), told=told))}
    rounds = list(newest.values())
    in_company = {one.injection.key for job in tried if len(job.trials) > 1 for one in job.trials}
    return Evidence(
        rounds,
        [one.injection for one in rounds if not one.beside and one.injection.key in in_company],
        sightings,
        of_kind(Played, done),
        of_kind(Proven, done),
        mutate(kept(rounds, sightings) if edges else []),
        [one for one in of_kind(Lost, [*done, *again]) if one.job not in refused or not split([one.job])],
        next((one for one in done if isinstance(one, dict)), {}),
    )


def of_kind(kind: type[T], done: list[Any]) -> list[T]:
    """Return the results of one kind, of jobs that came to one and of jobs that came to several."""
    each = (one for several in done for one in (several if isinstance(several, list) else [several]))
    return [one for one in each if isinstance(one, kind)]


def kept(rounds: list[Round], sightings: list[Sighting]) -> list[Kept]:
    """Return every look with what was declared of it, for judging it again."""
    together: dict[int, dict[str, State]] = {}
    for one in rounds:
        together.setdefault(id(one.during), {}).update(one.expected)
    return [
        *{id(one.during): Kept(one.during, together[id(one.during)], all_others_ok=True) for one in rounds}.values(),
        *(Kept(one.during, one.edge.expected, all_others_ok=False) for one in sightings),
        *{
            id(one.after): Kept(one.after, {}, all_others_ok=True) for one in rounds if one.after and not one.meanwhile
        }.values(),
    ]


def save(evidence: Evidence, path: Path) -> None:
    """Keep the evidence for another process of the same test run."""
    path.write_bytes(pickle.dumps(evidence))


def load(path: Path) -> Evidence:
    """Return evidence that another process of the same test run kept."""
    found = pickle.loads(path.read_bytes())
    assert isinstance(found, Evidence)
    return found
