"""Which checks a run is about: what was chosen, what an environment leaves out, what brought no verdict."""

import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.check import Check
from healthgate.observe.plan import left_out
from healthgate.run.run import Run

KEPT = "selected.json"
"""The file by which a worker tells the process that owns the outcome what it has chosen."""


class Selection:
    """The tests of one run that are checks: their node ids, where each looks, and which check it is."""

    def __init__(self, run: Run, option: Any, cadence: float | None) -> None:
        self.run = run
        self.option = option
        self.cadence = cadence
        self.nodeids: list[str] = []
        self.places: dict[str, str] = {}
        self.claims: dict[str, str] = {}
        self.left_out: dict[str, list[str]] = {}
        self.is_of_workers = False

    def confine(self, items: Iterable[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
        """Return the tests to keep, and those that an environment leaves out or the options exclude."""
        present = {name: one.present() for name, one in self.run.profiles.items()}
        keep: list[pytest.Item] = []
        drop: list[pytest.Item] = []
        for item in items:
            named = self.named(item)
            if named is None:
                keep.append(item)
                continue
            environment, check = named
            item.extra_keyword_matches.update({check.system, environment, check.id, check.row})
            compared = check.id in self.run.catalogue.comparisons
            read = [(name, one) for name, one in present.items() if compared or name == environment]
            environment, missing = next(
                ((name, lack) for name, one in read if (lack := left_out(check, one))), ("", None)
            )
            if missing:
                self.left_out.setdefault(f"{environment}: {missing}", []).append(check.id)
            (drop if missing or self._excludes(check) else keep).append(item)
        return keep, drop

    def choose(self, named: Iterable[tuple[pytest.Item, str, Check]]) -> None:
        """Keep what is left once everybody has chosen."""
        for item, environment, check in named:
            self.nodeids.append(item.nodeid)
            self.places[item.nodeid] = environment
            self.claims[item.nodeid] = check.id

    def save(self, folder: Path) -> None:
        """Tell the process that owns the outcome."""
        told = {"nodeids": self.nodeids, "places": self.places, "claims": self.claims, "left_out": self.left_out}
        (folder / KEPT).write_text(json.dumps(told))

    def load(self, folder: Path) -> None:
        """Take what workers have told, where there are any."""
        with suppress(OSError, ValueError):
            told = json.loads((folder / KEPT).read_text())
            self.nodeids, self.places, self.claims = told["nodeids"], told["places"], told["claims"]
            self.left_out = told["left_out"]
            self.is_of_workers = True

    def _excludes(self, check: Check) -> bool:
        option = self.option
        return bool(
            (option.system and check.system not in option.system)
            or (option.severity and check.stays.severity != option.severity)
            or (self.cadence is not None and check.cadence != self.cadence)
        )

    def named(self, item: pytest.Item) -> tuple[str, Check] | None:
        """Return the environment and the check an item is about, or None for an ordinary test."""
        params = getattr(getattr(item, "callspec", None), "params", {})
        check_id, _, environment = str(params.get("verdict") or getattr(item, "about", "")).partition("|")
        check = self.run.catalogue.find(check_id)
        return (environment, check) if check is not None else None

    def left_out_lines(self) -> list[str]:
        """Return a line for everything an environment leaves out, members that no check asks for included."""
        lacking = {
            f"{name}: {system} lacks {absence}": list[str]()
            for name, profile in self.run.profiles.items()
            for system, here in profile.here.items()
            for absence in here.absent
        }
        return [f"not in {what} ({len(ids)} checks)" for what, ids in sorted((lacking | self.left_out).items())]

    def lost(self, verdicts: Collection[str]) -> list[str]:
        """Return the node ids of chosen checks that brought no verdict; `verdicts` are the node ids of those."""
        return [nodeid for nodeid in self.nodeids if nodeid not in verdicts]

    def words(self) -> str:
        """Return what confined this run, as in `cadence=30s,system=boiler`; `all` where nothing did."""
        option, checks = self.option, self.run.catalogue.checks
        words = [f"cadence={self.cadence:g}s"] if self.cadence is not None else []
        words += [f"system={name}" for name in sorted(option.system)]
        words += [f"severity={option.severity}"] if option.severity else []
        there = len(self.run.profiles) * sum(not self._excludes(check) for check in checks.values())
        missing = [name for several in self.left_out.values() for name in several if name in checks]
        absent = sum(not self._excludes(checks[name]) for name in missing)
        made = sum(name in checks for name in self.claims.values())
        return ",".join([*words, *(["part"] if made < there - absent else [])]) or "all"
