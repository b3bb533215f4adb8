"""Log files: read once, backward from the end, no further than needed, for lines that mean something.

A line begins with its moment in ISO 8601, zone included, or with a name and it, as logfmt (`ts=…`) and JSON
(`{"time":"…"`) have it; a line without one has the moment of the line above it. What cannot be said for certain is no
data: an empty log, one that nobody writes any more, one that does not reach back far enough.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Scene
from healthgate.claim.system import System
from healthgate.duration import spoken
from healthgate.probes.at_path import AtPath
from healthgate.probes.log_files import LogRequest

LITERAL = re.compile(r"[^\\^$.|?*+()\[\]{}]+")


class LogLines(AtPath):
    """The lines of the log at the path in a setting, current and rotated files together.

    `kinds` are the lines looked for: a regular expression by name, each beginning with plain text. Reading goes
    back `reach` seconds, and further until a line of kind `since` was found, if one is named (the first line of
    a process). `explained_by` is the check that tells best that the log cannot be read.
    """

    asks_for = ""
    noun = "log"

    def __init__(
        self,
        system: type[System],
        *,
        path: str,
        kinds: Mapping[str, str],
        reach: float,
        since: str | None = None,
        explained_by: str | None = None,
    ) -> None:
        super().__init__(system, path=path, explained_by=explained_by)
        self.kinds = {name: (literal_of(pattern), pattern) for name, pattern in kinds.items()}
        self.reach = reach
        self.since = since

    def requests(self, settings: Any) -> list[Request]:
        pattern = getattr(settings, self.path)
        return [LogRequest(self.id, pattern, self.kinds, self.reach, self.since, settings.deadline)]

    def value(self, scene: Scene) -> "Log":
        return Log(self.answered(scene))


def literal_of(pattern: str) -> str:
    """Return the plain text `pattern` begins with; ValueError if it is too short to find lines by."""
    re.compile(pattern)
    found = LITERAL.match(pattern)
    literal = found[0] if found else ""
    if found and pattern[found.end() : found.end() + 1] in set("?*{"):
        literal = literal[:-1]
    if len(literal) < 4 or "|" in outside_groups(pattern):
        raise ValueError(f"{pattern!r} does not begin with plain text that lines could be found by")
    return literal


def outside_groups(pattern: str) -> str:
    """Return what of an expression stands outside of all its groups."""
    kept, depth = [], 0
    for c in re.sub(r"\\.", "", pattern):
        depth += (c == "(") - (c == ")")
        kept.append(c if depth == 0 else "")
    return "".join(kept)


@dataclass(frozen=True)
class Line:
    """One line of a kind: when it was written (seconds since 1970), and the named groups of its expression."""

    at: float
    groups: Mapping[str, str]


class Log:
    """What was read of a log. `status` and `error` as in Observation."""

    def __init__(self, observation: Observation) -> None:
        self.status = observation.status
        self.error = observation.error or ""
        self.at = observation.at
        self.facts = observation.facts

    @property
    def newest(self) -> float:
        """When the newest line was written, in seconds since 1970."""
        return float(self.facts["newest"])

    @property
    def oldest(self) -> float:
        """When the oldest line that was read was written, in seconds since 1970."""
        return float(self.facts["oldest"])

    def count(self, kind: str) -> int:
        """How many lines of a kind there are as far back as was read."""
        return int(self.facts["kinds"][kind]["count"])

    def lines(self, kind: str) -> list[Line]:
        """Return the newest lines of a kind (at most 500), the newest first."""
        return [Line(at, groups) for at, groups in self.facts["kinds"][kind]["lines"]]

    def since(self, kind: str, moment: float) -> list[Line]:
        """Return those of `lines` written since `moment`, the oldest first and those of one moment as they stand."""
        return sorted((line for line in reversed(self.lines(kind)) if line.at >= moment), key=lambda line: line.at)

    def within(self, kind: str, seconds: float) -> int:
        """Return how many lines of a kind are at most `seconds` old; NoData if the log cannot tell.

        Lines that were found are a proof whatever the rest of the log may hold; none found is only believed
        of a log that reaches back that far.
        """
        since = self.at - seconds
        lines = self.lines(kind)
        found = sum(line.at >= since for line in lines)
        if found == len(lines) and self.count(kind) > found:
            return self.count(kind)
        if not found:
            self.reaches(since)
        return found

    def reaches(self, moment: float) -> None:
        """Pass if everything since `moment` was read; NoData says how far back the log reaches."""
        if self.oldest > moment and not self.facts["from_birth"]:
            reason = self.facts["stopped"] or f"the log begins {spoken(round(self.at - self.oldest))} ago"
            raise NoData(f"{reason}, which does not reach back {spoken(round(self.at - moment))}")

    def written_within(self, seconds: float) -> None:
        """Pass if some line is at most `seconds` old; NoData if nobody seems to write this log any more."""
        age = self.at - self.newest
        if age > seconds:
            raise NoData(f"the newest line of the log is {spoken(round(age))} old: nobody seems to write it any more")
