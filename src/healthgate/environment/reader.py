"""A profile as it stands in its file: what it says, and all that is wrong with it at once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Any, get_origin

import yaml

from healthgate import week
from healthgate.claim.catalogue import Catalogue
from healthgate.claim.state import Floor
from healthgate.claim.system import (
    DIFFERENCES,
    Date,
    Group,
    Setting,
    Several,
    StreamUrl,
    System,
    Url,
    convert,
    describe,
    is_group,
    settings_of,
)
from healthgate.environment import maintenance
from healthgate.environment.differences import Differences
from healthgate.environment.maintenance import KnownIssue, Window
from healthgate.environment.nodes import LARGEST, YAML_TAG, Nodes, in_words
from healthgate.environment.profile import (
    VARIABLE,
    VARIABLE_NAME,
    Override,
    Profile,
    ProfileError,
    Samples,
    Written,
    needs,
    unset_in,
)
from healthgate.nearest import hint
from healthgate.printable import printable
from healthgate.secret import Secret

ABSENT = "absent"
TIERS = ("objective", "warning", "critical", "expected")
TOP_KEYS = (
    *("description", "launch", "time_scale", "samples", "thresholds", "maintenance", "known_issues", "fail_on"),
    "labels",
)


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
        valid = {*catalogue.systems, *catalogue.rows, *catalogue.checks, *catalogue.comparisons}
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
            if name not in week.DAYS:
                expected = ", ".join(week.DAYS)
                self.reader.complain(node, f'{self.place}: "{printable(name, 40)}" is no day; expected {expected}')
        return frozenset(week.DAYS.index(name) for name, _ in found if name in week.DAYS)


class _Reader(Nodes):
    def __init__(self, label: str, catalogue: Catalogue) -> None:
        super().__init__(label)
        self.catalogue = catalogue

    def unset(self, profile: Profile, variables: Mapping[str, str]) -> None:
        """Add a problem for every variable of the settings that has no value."""
        for settings in profile.written.values():
            for written in (leaf for setting in settings.values() for leaf in setting.leaves()):
                for text, position in written.scalars():
                    for name in unset_in(text, variables) if isinstance(text, str) else ():
                        if VARIABLE_NAME.fullmatch(name):
                            self.add(position, needs(written.full_name, name))

    def profile(self, path: Path) -> Profile:
        profile = Profile(name=path.stem, path=path, declared=dict(self.catalogue.systems))
        top = self.mapping_at_top(path)
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
                floor = self.scalar(node)
                if isinstance(floor, str) and floor in set(Floor):
                    profile.fail_on = Floor(floor)
                else:
                    self.complain(node, f"fail_on is {in_words(floor)}; expected one of {', '.join(Floor)}")
            elif key == "time_scale":
                scale = self.scalar(node)
                if isinstance(scale, int | float) and not isinstance(scale, bool) and 1 <= scale <= LARGEST:
                    profile.time_scale = float(scale)
                else:
                    self.complain(node, f"time_scale is {in_words(scale)}; expected a number, 1 or more")
            elif key in {"description", "launch"}:
                text = self.scalar(node)
                if isinstance(text, str) and text.strip():
                    setattr(profile, key, text)
                else:
                    self.complain(node, f"{key} is {in_words(text)}; expected text")
            else:
                self.complain(key_node, f"{printable(key, 60)} is not a key of a profile{hint(key, keys)}")
        missing = [name for name in self.catalogue.systems if name not in self.mentioned]
        for name in missing:
            self.complain(None, f"{name} is not mentioned; give its settings, or write `{name}: {ABSENT}`")
        return profile

    def _system(self, profile: Profile, name: str, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            if self.scalar(node) != ABSENT:
                seen = in_words(self.scalar(node))
                self.complain(node, f"{name} is {seen}; expected a mapping of settings, or the word {ABSENT}")
            return
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, f"{name} is a list; expected a mapping of settings, or the word {ABSENT}")
            return
        before = len(self.problems)
        given = self.members(node)
        profile.here[name] = Differences(self, self.catalogue, profile.declared[name]).read(given)
        profile.written[name] = self._settings(profile.declared[name], name, node, given)
        if len(self.problems) == before:
            plain = {key: one for key, one in profile.written[name].items() if not one.variables()}
            for position, text in profile.amiss(name, {key: one.filled({}, []) for key, one in plain.items()}):
                self.add(position, text)

    def _settings(
        self,
        owner: type[System] | type[Group],
        name: str,
        node: yaml.MappingNode,
        given: Mapping[str, tuple[yaml.Node, yaml.Node]],
    ) -> dict[str, Written]:
        """Return the settings of a system, or the keys of a group, that a mapping gives."""
        declared = settings_of(owner)
        others = () if is_group(owner) else DIFFERENCES
        found: dict[str, Written] = {}
        for key, (key_node, value_node) in given.items():
            if key in others:
                continue
            if key not in declared:
                seen = f"{name}.{printable(key, 60)}"
                self.complain(key_node, f"{seen} is not a setting{hint(key, {*declared, *others})}")
                continue
            one = self._written(declared[key], f"{name}.{key}", value_node)
            if one is not None:
                found[key] = one
        for setting_name, setting in declared.items():
            if setting.required and setting_name not in {k.value for k, _ in node.value}:
                self.complain(node, f"{name}.{setting_name} is missing; expected {describe(setting.kind)}")
        return found

    def _written(self, setting: Setting, full_name: str, node: yaml.Node) -> Written | None:
        wanted, kind = get_origin(setting.kind), setting.kind
        expected = f"expected {describe(kind)}"
        value: Any
        positions: Any
        if is_group(kind):
            if not isinstance(node, yaml.MappingNode) or not node.value:
                self.complain(node, f"{full_name} is {self.kind_of(node)}; {expected}")
                return None
            keys = self._settings(kind, full_name, node, self.members(node))
            return Written(setting, full_name, keys, self.position(node.start_mark))
        if wanted is Several and isinstance(node, yaml.ScalarNode):
            value, positions = [self.scalar(node)], [self.position(node.start_mark)]
        elif wanted is dict:
            if not isinstance(node, yaml.MappingNode) or not node.value:
                self.complain(node, f"{full_name} is {self.kind_of(node)}; {expected}")
                return None
            members = self.members(node)
            value = {k: self.scalar(v) for k, (_, v) in members.items()}
            positions = {k: self.position(v.start_mark) for k, (_, v) in members.items()}
        elif wanted in (list, Several):
            if not isinstance(node, yaml.SequenceNode) or not node.value:
                self.complain(node, f"{full_name} is {self.kind_of(node)}; {expected}")
                return None
            value = [self.scalar(v) for v in node.value]
            positions = [self.position(v.start_mark) for v in node.value]
        elif not isinstance(node, yaml.ScalarNode):
            self.complain(node, f"{full_name} is {self.kind_of(node)}; {expected}")
            return None
        else:
            value, positions = self.scalar(node), self.position(node.start_mark)
        written = Written(setting, full_name, value, positions)
        for scalar, position in written.scalars():
            self._check_scalar(setting.inner, full_name, scalar, position)
        return written

    def _check_scalar(self, kind: Any, full_name: str, value: Any, position: str) -> None:
        names = VARIABLE.findall(value) if isinstance(value, str) else []
        bad = [name for name in names if not VARIABLE_NAME.fullmatch(name)]
        if bad:
            self.add(position, f"{full_name}: ${{{printable(bad[0], 40)}}} is not a variable name")
        elif isinstance(value, str) and VARIABLE.sub("", value).count("${"):
            self.add(position, f"{full_name}: a `${{` is opened and not closed")
        elif kind is Secret and names and isinstance(value, str) and not VARIABLE.fullmatch(value):
            self.add(position, f"{full_name} has text around its variable; write ${{{names[0]}}} and nothing else")
        elif kind is Secret and not names:
            self.add(
                position,
                f"{full_name} is written out; a secret stands in the environment: write ${{NAME}} and export NAME",
            )
        elif not names and kind is not Secret:
            try:
                convert(kind, value)
            except ValueError as wrong:
                hidden = kind in (Url, StreamUrl) and set("@?") & set(str(value))
                seen = "text that is not shown" if hidden else in_words(value)
                self.add(position, f"{full_name} is {seen}; {wrong}")

    def _thresholds(self, profile: Profile, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, f"thresholds is {self.kind_of(node)}; expected check ids, each with its values")
            return
        for check_id, (key_node, value_node) in self.members(node).items():
            concerned = [c for c in self.catalogue.checks.values() if check_id in {c.id, c.row}]
            if not concerned:
                valid = self.catalogue.rows | set(self.catalogue.checks)
                seen = printable(check_id, 80)
                self.complain(key_node, f"thresholds: there is no check {seen}{hint(check_id, valid)}")
                continue
            override = self._override(check_id, value_node)
            if override is None:
                continue
            profile.overrides[check_id] = override
            try:
                for check in concerned:
                    check.stays.moved(override.values)
            except ValueError as wrong:
                self.complain(value_node, f"thresholds: {check_id}: {wrong}")

    def _override(self, check_id: str, node: yaml.Node) -> Override | None:
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, f"thresholds: {check_id} is {self.kind_of(node)}; expected values and `because`")
            return None
        values: dict[str, float] = {}
        because = ""
        sound = True
        for key, (key_node, value_node) in self.members(node).items():
            value = self.scalar(value_node)
            if key == "because":
                because = value.strip() if isinstance(value, str) else ""
            elif key not in TIERS:
                self.complain(
                    key_node,
                    f"thresholds: {check_id}: {printable(key, 60)} is no line{hint(key, (*TIERS, 'because'))}",
                )
                sound = False
            elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                self.complain(
                    value_node, f"thresholds: {check_id}: {key} is {in_words(value)}; expected a finite number"
                )
                sound = False
            else:
                values[key] = value
        if not because:
            self.complain(node, f"thresholds: {check_id} has no `because`; say why this environment differs")
            sound = False
        if sound and not values:
            self.complain(node, f"thresholds: {check_id} changes nothing; give one of {', '.join(TIERS)}")
            sound = False
        return Override(values, because, self.position(node.start_mark)) if sound else None

    def _entries(self, node: yaml.Node, name: str, read_one: Callable[["_Entry"], Any]) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            self.complain(node, f"{name} is {self.kind_of(node)}; expected a list, each entry with its `because`")
            return []
        found = []
        for number, one in enumerate(node.value, start=1):
            place = f"{name} {number}"
            if not isinstance(one, yaml.MappingNode):
                self.complain(one, f"{place} is {self.kind_of(one)}; expected a mapping with its `because`")
                continue
            before = len(self.problems)
            entry = read_one(_Entry(self, place, one, self.members(one)))
            found += [entry] if len(self.problems) == before else []
        return found

    def _window(self, entry: "_Entry") -> Window | None:
        weekly = "days" in entry.members or "zone" in entry.members
        entry.refuse_all_but("from", "until", "because", "checks", *(("days", "zone") if weekly else ()))
        because, names = entry.text("because"), entry.names()
        kind: Callable[[str], Any] = week.clock if weekly else maintenance.moment
        begins, ends = entry.converted("from", kind), entry.converted("until", kind)
        zone = entry.converted("zone", week.zone) if "zone" in entry.members else UTC
        days = entry.days() if weekly else frozenset[int]()
        if begins is None or ends is None or not because:
            return None
        if weekly:
            return maintenance.Weekly(days, begins, ends, zone or UTC, because, names)
        try:
            return maintenance.once(begins, ends, because, names)
        except ValueError as wrong:
            self.complain(entry.node, f"{entry.place}: {wrong}")
            return None

    def _known_issue(self, entry: "_Entry") -> KnownIssue | None:
        entry.refuse_all_but("issue", "link", "because", "until", "checks")
        if "checks" not in entry.members:
            self.complain(entry.node, f"{entry.place} has no `checks`; name what is known to fail")
        issue, because, names = entry.text("issue"), entry.text("because"), entry.names()
        until = entry.converted("until", lambda text: convert(Date, text))
        link = entry.converted("link", lambda text: convert(Url, text)) if "link" in entry.members else ""
        if not issue or not because or until is None:
            return None
        return KnownIssue(issue, because, date.fromisoformat(until), str(link or ""), names)

    def _scalars(self, node: yaml.Node, name: str, kind: Any) -> dict[str, tuple[Any, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, f"{name} is {self.kind_of(node)}; expected a mapping, each value {describe(kind)}")
            return {}
        found = {}
        for key, (_, value_node) in self.members(node).items():
            value = self.scalar(value_node)
            if not isinstance(value, kind):
                self.complain(
                    value_node, f"{name}.{printable(key, 60)} is {in_words(value)}; expected {describe(kind)}"
                )
            else:
                found[key] = (value, value_node)
        return found
