"""Facts as a server gave them, read so that a missing or odd one is *no data* and never a default."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from healthgate.claim.path import EACH, Step, joined, pattern, steps
from healthgate.printable import finite, shown

LARGEST = 2**63
"""The largest whole number that is believed; JSON has no bound, and arithmetic with floats does."""


class NoData(Exception):
    """A reading cannot be had; the text says why, in words that end a sentence beginning 'no data: '.

    `explained_by` names a check that is about just that: if it is not ok, the reading's own check is blocked by
    it instead of unknown, so that one dead dependency is told once.
    """

    def __init__(self, text: str = "", explained_by: str | None = None) -> None:
        super().__init__(text)
        self.explained_by = explained_by


class Violated(NoData):
    """There is no value, and just that proves the claim wrong: judged as the worst its limit can say.

    For what a value cannot express: nothing listens where a response time is asked for.
    """


class LeftOut(NoData):
    """A member that is missing, and need not be here: the profile says so."""


class NotExpected(Exception):
    """What a claim is about is not expected at the moment of the look; the text says why, and what is there instead.

    Such a look is ok and brings no value: no line is crossed by it, and none is judged by it later. It is raised only
    by who has read what is there: what is missing is NoData at any time.
    """


class Facts:
    """One node of a JSON document that knows its own path, so that every complaint can name it.

    The accessors return plain values of the promised type or raise NoData; none substitutes a default. `lacks` returns
    of a path why nothing need stand there; what is missing for such a reason is LeftOut.
    """

    __slots__ = ("lacks", "path", "raw")

    def __init__(self, raw: Any, path: str = "", lacks: Callable[[str], Any] | None = None) -> None:
        self.raw = raw
        self.path = path
        self.lacks = lacks

    def __repr__(self) -> str:
        return f"<facts at {self.path or 'the top'}>"

    def __getitem__(self, step: str | int) -> "Facts":
        """Return the member or element `step`; NoData if there is none."""
        path = joined(self.path, step)
        try:
            if isinstance(self.raw, dict) and isinstance(step, str):
                return Facts(self.raw[step], path, self.lacks)
            if isinstance(self.raw, list) and isinstance(step, int):
                return Facts(self.raw[step], path, self.lacks)
        except KeyError:
            absence = self.lacks(path) if self.lacks else None
            if absence is not None:
                raise LeftOut(f"{path} is absent here ({absence.position})") from None
            raise NoData(f"{path} is missing") from None
        except IndexError:
            raise NoData(f"{path} is missing, since {self.path or 'the body'} has {len(self.raw)} elements") from None
        place = f"; its elements are written [{step}]" if isinstance(self.raw, list) and str(step).isdecimal() else ""
        raise NoData(f"{path} is missing, since {self.path or 'the body'} is {shown(self.raw)}{place}")

    def at(self, path: str) -> "Facts":
        """Return what stands at a path below this node, as in `nodes[0].name`; an empty path is the node itself.

        A name with a dot, a blank or a bracket in it is quoted: `components["redis.cluster"].status`. ValueError for
        what is no path.
        """
        node = self
        for step in steps(path):
            node = node[step]
        return node

    def has(self, path: str) -> bool:
        """Whether there is anything at `path`."""
        try:
            self.at(path)
        except NoData:
            return False
        return True

    def _expect(self, path: str, kind: type | tuple[type, ...], wanted: str) -> Any:
        node = self.at(path)
        if not isinstance(node.raw, kind) or (isinstance(node.raw, bool) and kind is not bool):
            raise NoData(f"{node.path or 'the body'} is {shown(node.raw)}, not {wanted}")
        if kind is not bool and isinstance(node.raw, int) and abs(node.raw) > LARGEST:
            raise NoData(f"{node.path or 'the body'} is {shown(node.raw)}, which is too large to be {wanted}")
        return node.raw

    def number(self, path: str = "") -> float:
        """Return a finite number."""
        value = self._expect(path, (int, float), "a number")
        if not finite(value):
            raise NoData(f"{self.at(path).path or 'the body'} is {shown(value)}, not a finite number")
        return float(value)

    def integer(self, path: str = "") -> int:
        """Return a whole number."""
        return int(self._expect(path, int, "a whole number"))

    def boolean(self, path: str = "") -> bool:
        """Return true or false."""
        return bool(self._expect(path, bool, "true or false"))

    def text(self, path: str = "") -> str:
        """Return a text."""
        return str(self._expect(path, str, "text"))

    def elements(self, path: str = "") -> list["Facts"]:
        """Return the elements of a list."""
        node = self.at(path)
        self._expect(path, list, "a list")
        return [Facts(value, joined(node.path, i), self.lacks) for i, value in enumerate(node.raw)]

    def members(self, path: str = "") -> dict[str, "Facts"]:
        """Return the members of an object, by name."""
        node = self.at(path)
        self._expect(path, dict, "an object")
        return {str(k): Facts(v, joined(node.path, str(k)), self.lacks) for k, v in node.raw.items()}

    def moment(self, path: str = "") -> float:
        """Return an ISO 8601 time with its zone as seconds since 1970."""
        text = self.text(path)
        moment = iso_moment(text)
        if moment is None:
            raise NoData(f"{self.at(path).path} is {shown(text)}, not a time such as 2026-03-02T09:15:00Z")
        return moment

    def matches(self, path: str, missing: Callable[[NoData], object] | None = None) -> Iterator["Facts"]:
        """Yield every node that a path leads to, where `*` stands for each element or member.

        What is missing on the way is handed to `missing`, and the others go on; without it, that is no data.
        """
        yield from self._matches(pattern(path), missing)

    def _matches(self, way: tuple[Step, ...], missing: Callable[[NoData], object] | None) -> Iterator["Facts"]:
        if not way:
            yield self
            return
        try:
            if way[0] is not EACH:
                found = [self[way[0]]]
            else:
                found = self.elements() if isinstance(self.raw, list) else list(self.members().values())
        except NoData as nothing:
            if missing is None:
                raise
            missing(nothing)
            return
        for node in found:
            yield from node._matches(way[1:], missing)  # noqa: SLF001


def iso_moment(text: str) -> float | None:
    """Return an ISO 8601 time that names its zone as seconds since 1970, else None."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
