"""Environment profiles: YAML in, settings out, and every problem at once as file:line:column.

A profile is checked in two steps. Reading finds all that is wrong with the file as it stands. Resolving fills
`${NAME}` from the environment (and from what `launch` prints) and finds what only then is wrong.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.limit import Limit
from healthgate.claim.state import Floor
from healthgate.claim.system import Date, Setting, StreamUrl, System, Url, convert, describe, settings_of
from healthgate.environment import maintenance
from healthgate.environment.maintenance import KnownIssue, Window
from healthgate.memory.prometheus import Samples
from healthgate.nearest import hint
from healthgate.printable import printable
from healthgate.secret import SHORTEST, Secret

VARIABLE = re.compile(r"\$\{([^}]*)\}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ABSENT = "absent"
LARGEST = 1_000_000
TIERS = ("objective", "warning", "critical", "expected")
YAML_TAG = "tag:yaml.org,2002:"
TAGS = {
    YAML_TAG + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge", "value")
}
TOP_KEYS = (
    *("description", "launch", "time_scale", "samples", "thresholds", "maintenance", "known_issues", "fail_on"),
    "labels",
)


class ProfileError(Exception):
    """One or more problems; the text has one `file:line:column: problem` a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


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
    systems: dict[str, System] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """What this environment is: its label `stage`, else its name. `production` is what production is."""
        return self.labels.get("stage", self.name)

    def present(self) -> dict[str, System]:
        """Return what is known before variables are filled: enough to say which settings are there at all."""
        return {
            name: self.declared[name](**dict.fromkeys(settings, _PRESENT)) for name, settings in self.written.items()
        }

    def override_of(self, check_id: str) -> Override | None:
        """Return the override of a check, by its id or by that of its row."""
        return self.overrides.get(check_id) or self.overrides.get(check_id.partition("[")[0])

    def limit_of(self, check_id: str, limit: Limit) -> Limit:
        """Return the limit a check is judged by here."""
        override = self.override_of(check_id)
        return limit.moved(override.values) if override else limit

    def variables(self) -> set[str]:
        """Return the names of all variables the settings are filled from."""
        return {
            name
            for settings in self.written.values()
            for written in settings.values()
            for text, _ in written.scalars()
            if isinstance(text, str)
            for name in VARIABLE.findall(text)
        }

    def resolve(self, variables: Mapping[str, str]) -> None:
        """Fill `systems`; ProfileError lists every unset variable and every value of the wrong kind."""
        problems: list[str] = []
        for system, settings in self.written.items():
            values = {name: written.filled(variables, problems) for name, written in settings.items()}
            if not problems:
                self.systems[system] = self.declared[system](**values, time_scale=self.time_scale)
        if problems:
            raise ProfileError(problems)

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

    def scalars(self) -> list[tuple[Any, str]]:
        """Return every scalar of the value with its position."""
        if isinstance(self.value, list):
            return list(zip(self.value, self.positions, strict=True))
        if isinstance(self.value, dict):
            return [(self.value[k], self.positions[k]) for k in self.value]
        return [(self.value, self.positions)]

    def filled(self, variables: Mapping[str, str], problems: list[str]) -> Any:
        """Return the value with its variables filled and its kind checked; problems are added to the list."""
        kind = self.setting.kind
        inner = get_args(kind)[-1] if get_origin(kind) in (list, dict) else kind
        done = [self._scalar(inner, value, position, variables, problems) for value, position in self.scalars()]
        if isinstance(self.value, list):
            return done
        if isinstance(self.value, dict):
            return dict(zip(self.value, done, strict=True))
        return done[0]

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


def _seen(value: Any) -> str:
    if isinstance(value, str):
        return f'text "{printable(value, 60)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else printable(value, 60)


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


def read(path: Path, catalogue: Catalogue, label: str, variables: Mapping[str, str] | None = None) -> Profile:
    """Return the profile at `path`; ProfileError lists everything that is wrong with the file as it stands.

    Where `variables` are given, every one that is not among them is a problem too, unless a launched target
    may still print it.
    """
    reader = _Reader(label, catalogue)
    profile = reader.profile(path)
    if variables is not None and profile.launch is None:
        reader.unset(profile, variables)
    if reader.problems:
        raise ProfileError(problem for _, problem in sorted(reader.problems))
    return profile


def _not_yaml(error: yaml.MarkedYAMLError) -> tuple[Any, str]:
    """Return where and what is wrong, in words that say what to mend."""
    context, problem = error.context or "", error.problem or ""
    mark = error.problem_mark or error.context_mark
    if "scanning a quoted scalar" in context:
        return error.context_mark, "this is not YAML: a quote is opened here and not closed"
    if "parsing a flow" in context and error.context_mark is not None:
        return error.context_mark, "this is not YAML: a bracket is opened here and not closed"
    if "another document" in problem:
        return mark, "a second document begins here; expected one profile a file"
    if "'\\t'" in problem:
        return mark, "this is not YAML: a tab stands here; indent with spaces"
    if "mapping values are not allowed" in problem:
        return (
            mark,
            "this is not YAML: no `key: value` can stand here; look at the indentation, and quote text with a colon",
        )
    if "undefined alias" in problem:
        return mark, f"this is not YAML: {printable(problem)}; quote a text that begins with *"
    return mark, f"this is not YAML: {printable(problem)}"


@dataclass(frozen=True)
class _Entry:
    """One entry of a list of mappings, `place` its name in messages."""

    reader: "_Reader"
    place: str
    node: yaml.MappingNode
    members: Mapping[str, tuple[yaml.Node, yaml.Node]]

    def refuse_all_but(self, *keys: str) -> None:
        for key, (node, _) in self.members.items():
            if key not in keys:
                self.reader.complain(node, f"{self.place}: {printable(key, 60)} is no key of it{hint(key, keys)}")

    def text(self, key: str) -> str:
        """Return the text of a key that must be there, as it is written; a problem and nothing where it is not."""
        if key not in self.members:
            self.reader.complain(self.node, f"{self.place} has no `{key}`")
            return ""
        node = self.members[key][1]
        written = node.value.strip() if isinstance(node, yaml.ScalarNode) else ""
        if not written or node.tag == f"{YAML_TAG}null":
            self.reader.complain(node, f"{self.place}: {key} is empty or no text; expected text")
            return ""
        return printable(written, 400)

    def converted(self, key: str, kind: Callable[[str], Any]) -> Any:
        written = self.text(key)
        try:
            return kind(written) if written else None
        except ValueError as wrong:
            seen = f'{self.place}: {key} is "{printable(written, 60)}"'
            self.reader.complain(self.members[key][1], f"{seen}; {wrong}")
            return None

    def listed(self, key: str) -> list[tuple[str, yaml.Node]]:
        if key not in self.members:
            return []
        node = self.members[key][1]
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.reader.complain(node, f"{self.place}: {key} is no list; expected a list with one entry or more")
            return []
        return [(one.value if isinstance(one, yaml.ScalarNode) else "", one) for one in node.value]

    def names(self) -> frozenset[str]:
        catalogue = self.reader.catalogue
        valid = {*catalogue.systems, *catalogue.rows, *catalogue.checks}
        found = self.listed("checks")
        for name, node in found:
            if name not in valid:
                seen = printable(name, 80)
                self.reader.complain(node, f"{self.place}: there is no check or system {seen}{hint(name, valid)}")
        return frozenset(name for name, _ in found)

    def days(self) -> frozenset[int]:
        found = self.listed("days")
        if "days" not in self.members:
            return frozenset(range(7))
        for name, node in found:
            if name not in maintenance.DAYS:
                expected = ", ".join(maintenance.DAYS)
                self.reader.complain(node, f'{self.place}: "{printable(name, 40)}" is no day; expected {expected}')
        return frozenset(maintenance.DAYS.index(name) for name, _ in found if name in maintenance.DAYS)


class _Reader:
    def __init__(self, label: str, catalogue: Catalogue) -> None:
        self.label = label
        self.catalogue = catalogue
        self.problems: list[tuple[tuple[int, int], str]] = []
        self.mentioned: set[str] = set()
        self.visited: set[int] = set()

    def unset(self, profile: Profile, variables: Mapping[str, str]) -> None:
        """Add a problem for every variable of the settings that has no value."""
        for settings in profile.written.values():
            for written in settings.values():
                for text, position in written.scalars():
                    for name in unset_in(text, variables) if isinstance(text, str) else ():
                        if VARIABLE_NAME.fullmatch(name):
                            self._add(position, needs(written.full_name, name))

    def profile(self, path: Path) -> Profile:
        profile = Profile(name=path.stem, path=path, declared=dict(self.catalogue.systems))
        top = self._mapping_at_top(path)
        if top is None:
            return profile
        keys = (*TOP_KEYS, *self.catalogue.systems)
        for key, (key_node, node) in top.items():
            if key in self.catalogue.systems:
                self._system(profile, key, node)
            elif key == Samples.name:
                profile.declared[key] = Samples
                self._system(profile, key, node)
            elif key == "thresholds":
                self._thresholds(profile, node)
            elif key == "maintenance":
                profile.maintenance = self._entries(node, "maintenance", self._window)
            elif key == "known_issues":
                profile.known_issues = self._entries(node, "known_issues", self._known_issue)
            elif key == "labels":
                profile.labels = {k: str(v) for k, (v, _) in self._scalars(node, "labels", str).items()}
            elif key == "fail_on":
                floor = self._scalar(node)
                if isinstance(floor, str) and floor in set(Floor):
                    profile.fail_on = Floor(floor)
                else:
                    self._problem(node, f"fail_on is {_seen(floor)}; expected one of {', '.join(Floor)}")
            elif key == "time_scale":
                scale = self._scalar(node)
                if isinstance(scale, int | float) and not isinstance(scale, bool) and 1 <= scale <= LARGEST:
                    profile.time_scale = float(scale)
                else:
                    self._problem(node, f"time_scale is {_seen(scale)}; expected a number, 1 or more")
            elif key in {"description", "launch"}:
                text = self._scalar(node)
                if isinstance(text, str) and text.strip():
                    setattr(profile, key, text)
                else:
                    self._problem(node, f"{key} is {_seen(text)}; expected text")
            else:
                self._problem(key_node, f"{printable(key, 60)} is not a key of a profile{hint(key, keys)}")
        missing = [name for name in self.catalogue.systems if name not in self.mentioned]
        for name in missing:
            self._problem(None, f"{name} is not mentioned; give its settings, or write `{name}: {ABSENT}`")
        return profile

    def _mapping_at_top(self, path: Path) -> dict[str, tuple[yaml.Node, yaml.Node]] | None:
        try:
            data = path.read_bytes()
            if len(data) > LARGEST:
                self._problem(None, f"the file is larger than {LARGEST} bytes; expected a profile")
                return None
            node = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
        except OSError as error:
            self._problem(None, f"the file cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError as error:
            self._problem(None, f"the file is not UTF-8 text (byte {error.start})")
            return None
        except yaml.MarkedYAMLError as error:
            self._problem(*_not_yaml(error))
            return None
        except yaml.reader.ReaderError as error:
            character = f"{error.character:#04x}" if isinstance(error.character, int) else printable(error.character)
            line = data.decode(errors="replace").count("\n", 0, error.position) + 1
            self._add(f"{self.label}:{line}:1", f"this line holds the control character {character}; take it out")
            return None
        except yaml.YAMLError as error:
            self._problem(None, f"this is not YAML: {printable(error)}")
            return None
        except RecursionError:
            self._problem(None, "the file is nested too deeply; expected a profile")
            return None
        if node is None:
            self._problem(None, "the file is empty; expected a profile")
            return None
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, "the file holds no mapping; expected `key: value` lines")
            return None
        self._refuse_tags(node)
        self.mentioned = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        return self._members(node)

    def _refuse_tags(self, top: yaml.Node) -> None:
        seen: set[int] = set()
        todo: list[yaml.Node] = [top]
        while todo:
            node = todo.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.tag not in TAGS:
                tag = printable(node.tag.replace(YAML_TAG, "!!"), 60)
                self._problem(node, f"the tag {tag} means nothing here; write the plain value")
            if isinstance(node, yaml.SequenceNode):
                todo += node.value
            elif isinstance(node, yaml.MappingNode):
                todo += [one for pair in node.value for one in pair]

    def _system(self, profile: Profile, name: str, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            if self._scalar(node) != ABSENT:
                seen = _seen(self._scalar(node))
                self._problem(node, f"{name} is {seen}; expected a mapping of settings, or the word {ABSENT}")
            return
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, f"{name} is a list; expected a mapping of settings, or the word {ABSENT}")
            return
        declared = settings_of(profile.declared[name])
        written: dict[str, Written] = {}
        for key, (key_node, value_node) in self._members(node).items():
            if key not in declared:
                seen = f"{name}.{printable(key, 60)}"
                self._problem(key_node, f"{seen} is not a setting{hint(key, declared)}")
                continue
            one = self._written(declared[key], f"{name}.{key}", value_node)
            if one is not None:
                written[key] = one
        for setting_name, setting in declared.items():
            if setting.required and setting_name not in {k.value for k, _ in node.value}:
                self._problem(node, f"{name}.{setting_name} is missing; expected {describe(setting.kind)}")
        profile.written[name] = written

    def _written(self, setting: Setting, full_name: str, node: yaml.Node) -> Written | None:
        wanted, kind = get_origin(setting.kind), setting.kind
        expected = f"expected {describe(kind)}"
        value: Any
        positions: Any
        if wanted is dict:
            if not isinstance(node, yaml.MappingNode) or not node.value:
                self._problem(node, f"{full_name} is {self._kind_of(node)}; {expected}")
                return None
            members = self._members(node)
            value = {k: self._scalar(v) for k, (_, v) in members.items()}
            positions = {k: self._position(v.start_mark) for k, (_, v) in members.items()}
        elif wanted is list:
            if not isinstance(node, yaml.SequenceNode) or not node.value:
                self._problem(node, f"{full_name} is {self._kind_of(node)}; {expected}")
                return None
            value = [self._scalar(v) for v in node.value]
            positions = [self._position(v.start_mark) for v in node.value]
        elif not isinstance(node, yaml.ScalarNode):
            self._problem(node, f"{full_name} is {self._kind_of(node)}; {expected}")
            return None
        else:
            value, positions = self._scalar(node), self._position(node.start_mark)
        written = Written(setting, full_name, value, positions)
        inner = get_args(kind)[-1] if wanted in (list, dict) else kind
        for scalar, position in written.scalars():
            self._check_scalar(inner, full_name, scalar, position)
        return written

    def _check_scalar(self, kind: Any, full_name: str, value: Any, position: str) -> None:
        names = VARIABLE.findall(value) if isinstance(value, str) else []
        bad = [name for name in names if not VARIABLE_NAME.fullmatch(name)]
        if bad:
            self._add(position, f"{full_name}: ${{{printable(bad[0], 40)}}} is not a variable name")
        elif isinstance(value, str) and VARIABLE.sub("", value).count("${"):
            self._add(position, f"{full_name}: a `${{` is opened and not closed")
        elif kind is Secret and names and isinstance(value, str) and not VARIABLE.fullmatch(value):
            self._add(position, f"{full_name} has text around its variable; write ${{{names[0]}}} and nothing else")
        elif kind is Secret and not names:
            self._add(
                position,
                f"{full_name} is written out; a secret stands in the environment: write ${{NAME}} and export NAME",
            )
        elif not names and kind is not Secret:
            try:
                convert(kind, value)
            except ValueError as wrong:
                hidden = kind in (Url, StreamUrl) and set("@?") & set(str(value))
                seen = "text that is not shown" if hidden else _seen(value)
                self._add(position, f"{full_name} is {seen}; {wrong}")

    def _thresholds(self, profile: Profile, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, f"thresholds is {self._kind_of(node)}; expected check ids, each with its values")
            return
        for check_id, (key_node, value_node) in self._members(node).items():
            concerned = [c for c in self.catalogue.checks.values() if check_id in {c.id, c.row}]
            if not concerned:
                valid = self.catalogue.rows | set(self.catalogue.checks)
                seen = printable(check_id, 80)
                self._problem(key_node, f"thresholds: there is no check {seen}{hint(check_id, valid)}")
                continue
            override = self._override(check_id, value_node)
            if override is None:
                continue
            profile.overrides[check_id] = override
            try:
                for check in concerned:
                    check.stays.moved(override.values)
            except ValueError as wrong:
                self._problem(value_node, f"thresholds: {check_id}: {wrong}")

    def _override(self, check_id: str, node: yaml.Node) -> Override | None:
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, f"thresholds: {check_id} is {self._kind_of(node)}; expected values and `because`")
            return None
        values: dict[str, float] = {}
        because = ""
        sound = True
        for key, (key_node, value_node) in self._members(node).items():
            value = self._scalar(value_node)
            if key == "because":
                because = value.strip() if isinstance(value, str) else ""
            elif key not in TIERS:
                self._problem(
                    key_node,
                    f"thresholds: {check_id}: {printable(key, 60)} is no line{hint(key, (*TIERS, 'because'))}",
                )
                sound = False
            elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                self._problem(value_node, f"thresholds: {check_id}: {key} is {_seen(value)}; expected a finite number")
                sound = False
            else:
                values[key] = value
        if not because:
            self._problem(node, f"thresholds: {check_id} has no `because`; say why this environment differs")
            sound = False
        if sound and not values:
            self._problem(node, f"thresholds: {check_id} changes nothing; give one of {', '.join(TIERS)}")
            sound = False
        return Override(values, because, self._position(node.start_mark)) if sound else None

    def _entries(self, node: yaml.Node, name: str, read_one: Callable[["_Entry"], Any]) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            self._problem(node, f"{name} is {self._kind_of(node)}; expected a list, each entry with its `because`")
            return []
        found = []
        for number, one in enumerate(node.value, start=1):
            place = f"{name} {number}"
            if not isinstance(one, yaml.MappingNode):
                self._problem(one, f"{place} is {self._kind_of(one)}; expected a mapping with its `because`")
                continue
            before = len(self.problems)
            entry = read_one(_Entry(self, place, one, self._members(one)))
            found += [entry] if len(self.problems) == before else []
        return found

    def _window(self, entry: "_Entry") -> Window | None:
        weekly = "days" in entry.members or "zone" in entry.members
        entry.refuse_all_but("from", "until", "because", "checks", *(("days", "zone") if weekly else ()))
        because, names = entry.text("because"), entry.names()
        kind: Callable[[str], Any] = maintenance.clock if weekly else maintenance.moment
        begins, ends = entry.converted("from", kind), entry.converted("until", kind)
        zone = entry.converted("zone", maintenance.zone) if "zone" in entry.members else UTC
        days = entry.days() if weekly else frozenset[int]()
        if begins is None or ends is None or not because:
            return None
        if weekly:
            return maintenance.Weekly(days, begins, ends, zone or UTC, because, names)
        try:
            return maintenance.once(begins, ends, because, names)
        except ValueError as wrong:
            self._problem(entry.node, f"{entry.place}: {wrong}")
            return None

    def _known_issue(self, entry: "_Entry") -> KnownIssue | None:
        entry.refuse_all_but("issue", "link", "because", "until", "checks")
        if "checks" not in entry.members:
            self._problem(entry.node, f"{entry.place} has no `checks`; name what is known to fail")
        issue, because, names = entry.text("issue"), entry.text("because"), entry.names()
        until = entry.converted("until", lambda text: convert(Date, text))
        link = entry.converted("link", lambda text: convert(Url, text)) if "link" in entry.members else ""
        if not issue or not because or until is None:
            return None
        return KnownIssue(issue, because, date.fromisoformat(until), str(link or ""), names)

    def _scalars(self, node: yaml.Node, name: str, kind: Any) -> dict[str, tuple[Any, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, f"{name} is {self._kind_of(node)}; expected a mapping, each value {describe(kind)}")
            return {}
        found = {}
        for key, (_, value_node) in self._members(node).items():
            value = self._scalar(value_node)
            if not isinstance(value, kind):
                self._problem(value_node, f"{name}.{printable(key, 60)} is {_seen(value)}; expected {describe(kind)}")
            else:
                found[key] = (value, value_node)
        return found

    def _members(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, "a key is not plain text")
                continue
            key = key_node.value
            if key in found:
                first = found[key][0].start_mark.line + 1
                self._problem(key_node, f"{printable(key, 60)} is given twice (first in line {first}); keep one")
                continue
            if id(value_node) in self.visited and not isinstance(value_node, yaml.ScalarNode):
                self._problem(value_node, "an alias repeats a block; write the values out, so that each has one place")
                continue
            self.visited.add(id(value_node))
            found[key] = (key_node, value_node)
        return found

    def _scalar(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return {} if isinstance(node, yaml.MappingNode) else []
        tag = node.tag.rpartition(":")[2]
        if tag in {"int", "float", "bool", "null", "str"}:
            try:
                constructor = yaml.constructor.SafeConstructor()
                return constructor.construct_object(node)
            except (ValueError, yaml.YAMLError):
                return node.value
        return node.value

    def _kind_of(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.MappingNode):
            return "a mapping" if node.value else "an empty mapping"
        if isinstance(node, yaml.SequenceNode):
            return "a list" if node.value else "an empty list"
        return _seen(self._scalar(node))

    def _position(self, mark: Any) -> str:
        return f"{self.label}:{mark.line + 1}:{mark.column + 1}" if mark else f"{self.label}:1:1"

    def complain(self, node: yaml.Node, text: str) -> None:
        """Add a problem at a node."""
        self._problem(node, text)

    def _problem(self, where: Any, text: str) -> None:
        mark = where.start_mark if isinstance(where, yaml.Node) else where
        self._add(self._position(mark), text)

    def _add(self, position: str, text: str) -> None:
        line, column = position.rsplit(":", 2)[1:]
        self.problems.append(((int(line), int(column)), f"{position}: {text}"))
