"""Environment profiles: what is where, by which limits it is judged there, and what its settings are filled from.

A profile is checked in two steps. Reading (`reader`) finds all that is wrong with the file as it stands. Resolving
fills `${NAME}` from the environment (and from what `launch` prints) and finds what only then is wrong.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from healthgate.claim.check import Check, Terms
from healthgate.claim.here import AS_DOCUMENTED, Here
from healthgate.claim.limit import Limit
from healthgate.claim.state import Floor
from healthgate.claim.system import Duration, Setting, System, Url, convert, is_group
from healthgate.environment.maintenance import KnownIssue, Window, issue_at, window_at
from healthgate.nearest import hint
from healthgate.printable import printable
from healthgate.secret import SHORTEST, Secret

VARIABLE = re.compile(r"\$\{([^}]*)\}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class ProfileError(Exception):
    """One or more problems; the text has one `file:line:column: problem` a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class Samples(System):
    """The Prometheus that scrapes what runs tell it, asked for earlier looks where a line needs time."""

    name = "samples"
    prometheus: Url
    token: Secret | None = None
    deadline: Duration = Duration(5)


@dataclass(frozen=True)
class Override:
    """A threshold an environment judges by instead of the check's own, and why."""

    values: Mapping[str, float]
    because: str
    position: str

    def __str__(self) -> str:
        changed = ", ".join(f"{name} {value:g}" for name, value in self.values.items())
        return f"here {changed}, because {self.because}"


@dataclass
class Profile:
    """One environment. `systems` is filled by `resolve`; absent systems are in none of the mappings.

    `time_scale` is how many seconds of production pass in one second here: 1 everywhere but in a lab that runs
    its clocks faster.
    """

    name: str
    path: Path
    description: str = ""
    launch: str | None = None
    time_scale: float = 1.0
    fail_on: Floor | None = None
    labels: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)
    maintenance: list[Window] = field(default_factory=list)
    known_issues: list[KnownIssue] = field(default_factory=list)
    written: dict[str, dict[str, "Written"]] = field(default_factory=dict)
    declared: dict[str, type[System]] = field(default_factory=dict)
    here: dict[str, Here] = field(default_factory=dict)
    systems: dict[str, System] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """What this environment is: its label `stage`, else its name. `production` is what production is."""
        return self.labels.get("stage", self.name)

    def present(self) -> dict[str, System]:
        """Return what is known before variables are filled: enough to say which settings are there at all."""
        return {
            name: self.declared[name](**dict.fromkeys(settings, _PRESENT), here=self.here_of(name))
            for name, settings in self.written.items()
        }

    def here_of(self, system: str) -> Here:
        """Return how a system differs here from its documents."""
        return self.here.get(system, AS_DOCUMENTED)

    def override_of(self, check_id: str) -> Override | None:
        """Return the override of a check, by its id or by that of its row."""
        return self.overrides.get(check_id) or self.overrides.get(check_id.partition("[")[0])

    def limit_of(self, check_id: str, limit: Limit) -> Limit:
        """Return the limit a check is judged by here."""
        override = self.override_of(check_id)
        return limit.moved(override.values) if override else limit

    def terms_of(self, check: Check, at: float) -> Terms:
        """Return what is said here of a check at `at`, in seconds since 1970."""
        override = self.override_of(check.id)
        return Terms(
            self.limit_of(check.id, check.stays),
            str(override) if override else None,
            window_at(self.maintenance, check.id, at),
            issue_at(self.known_issues, check.id, at),
        )

    def variables(self) -> set[str]:
        """Return the names of all variables the settings are filled from."""
        return {
            name for settings in self.written.values() for written in settings.values() for name in written.variables()
        }

    def resolve(self, variables: Mapping[str, str]) -> None:
        """Fill `systems`; ProfileError lists every unset variable and every value of the wrong kind."""
        problems: list[str] = []
        for system, settings in self.written.items():
            values = {name: written.filled(variables, problems) for name, written in settings.items()}
            if not problems:
                problems += [f"{position}: {text}" for position, text in self.amiss(system, values)]
                self.systems[system] = self.declared[system](
                    **values, time_scale=self.time_scale, here=self.here_of(system)
                )
        if problems:
            raise ProfileError(problems)

    def begin(self, at: float) -> None:
        """Let every system know when the run began that looks at it, in seconds since 1970."""
        for system in self.systems.values():
            vars(system)["run_at"] = at

    def amiss(self, system: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return what is wrong with settings of a system beside others: where, and what."""
        written = self.written[system]
        found = []
        for one in self.declared[system].amiss(values):
            name, *steps = one.place
            keys = ".".join(str(step) for step in one.place if isinstance(step, str))
            found.append((written[str(name)].position(*steps), f"{system}.{keys} {one.text}"))
        return found

    def secrets(self) -> list[Secret]:
        """Return every secret among the resolved settings."""
        return [
            value for system in self.systems.values() for value in vars(system).values() if isinstance(value, Secret)
        ]


_PRESENT = object()


@dataclass(frozen=True)
class Written:
    """A setting as it stands in the file: its declaration, its value, where it stands."""

    setting: Setting
    full_name: str
    value: Any
    positions: Any

    def leaves(self) -> list["Written"]:
        """Return the setting itself, or in the place of a group its keys."""
        if is_group(self.setting.kind):
            return [leaf for written in self.value.values() for leaf in written.leaves()]
        return [self]

    def scalars(self) -> list[tuple[Any, str]]:
        """Return every scalar of the value with its position."""
        if is_group(self.setting.kind):
            return [one for leaf in self.leaves() for one in leaf.scalars()]
        if isinstance(self.value, list):
            return list(zip(self.value, self.positions, strict=True))
        if isinstance(self.value, dict):
            return [(self.value[k], self.positions[k]) for k in self.value]
        return [(self.value, self.positions)]

    def variables(self) -> list[str]:
        """Return the names of the variables the setting is filled from."""
        return [name for text, _ in self.scalars() if isinstance(text, str) for name in VARIABLE.findall(text)]

    def filled(self, variables: Mapping[str, str], problems: list[str]) -> Any:
        """Return the value with its variables filled and its kind checked; problems are added to the list."""
        kind = self.setting.kind
        if is_group(kind):
            return kind({name: written.filled(variables, problems) for name, written in self.value.items()})
        inner = self.setting.inner
        done = [self._scalar(inner, value, position, variables, problems) for value, position in self.scalars()]
        if isinstance(self.value, list):
            return done
        if isinstance(self.value, dict):
            return dict(zip(self.value, done, strict=True))
        return done[0]

    def position(self, *steps: str | int) -> str:
        """Return where the setting begins, or what `steps` lead to in it (keys, numbers in a list)."""
        if is_group(self.setting.kind):
            return str(self.value[steps[0]].position(*steps[1:])) if steps else str(self.positions)
        if isinstance(self.value, list):
            return str(self.positions[steps[0] if steps else 0])
        if isinstance(self.value, dict):
            return str(self.positions[steps[0] if steps else next(iter(self.positions))])
        return str(self.positions)

    def _scalar(self, kind: Any, value: Any, position: str, variables: Mapping[str, str], problems: list[str]) -> Any:
        if isinstance(value, str) and "${" in value:
            unset = unset_in(value, variables)
            problems += [f"{position}: {needs(self.full_name, name)}" for name in unset]
            if unset:
                return None
            value = _plain(kind, VARIABLE.sub(lambda match: variables[match[1]], value))
        try:
            converted = convert(kind, value)
        except ValueError as wrong:
            problems.append(
                f"{position}: {self.full_name} is filled from a variable that holds something else; {wrong}"
            )
            return None
        if isinstance(converted, Secret) and len(converted.reveal()) < SHORTEST:
            problems.append(f"{position}: {self.full_name} is shorter than {SHORTEST} characters; that is no secret")
        return converted


def unset_in(text: str, variables: Mapping[str, str]) -> list[str]:
    """Return the variables in `text` that have no value."""
    return [name for name in VARIABLE.findall(text) if not variables.get(name)]


def needs(full_name: str, variable: str) -> str:
    """Say that a setting cannot be filled."""
    return f"{full_name} needs the environment variable {variable}, which is not set; export it"


def _plain(kind: Any, text: str) -> Any:
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    if kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def find(name: str, folder: Path, relative_to: Path) -> Path:
    """Return the file of the environment called `name`, or at that path; ProfileError names what there is."""
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
        path = path if path.is_absolute() else relative_to / path
        if path.is_file():
            return path
        raise ProfileError([f"--env {name}: there is no such file"])
    path = folder / f"{name}.yaml"
    if NAME.fullmatch(name) and path.is_file():
        return path
    raise ProfileError([f"--env {printable(name, 60)}: there is no such environment{hint(name, known(folder))}"])


def known(folder: Path) -> list[str]:
    """Return the names of the environments in `folder`."""
    return sorted(path.stem for path in folder.glob("*.yaml"))
