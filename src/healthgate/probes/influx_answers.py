"""What an InfluxDB answers to a statement: series with their rows, or why there are none."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Measured
from healthgate.printable import printable
from healthgate.probes.http_answer import Answer

TIME = "time"
"""The column that holds the time of a row, in nanoseconds since 1970, as it is asked for."""

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Series:
    """One series of a result: its measurement (or what a SHOW lists), its tags, and its rows by column."""

    name: str
    tags: Mapping[str, str]
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Facts], ...]

    def __str__(self) -> str:
        inside = ",".join(f"{key}={value}" for key, value in self.tags.items())
        return printable(f"{self.name or 'series'}{{{inside}}}", 120)


class Rows:
    """What a statement brought, maybe nothing: InfluxDB gives no series where there is no point to count.

    A measurement that does not exist looks the same as one without points. `at` is when the answer came, in seconds
    since 1970.
    """

    def __init__(self, statement: str, series: tuple[Series, ...], at: float) -> None:
        self.statement = statement
        self.series = series
        self.at = at

    @property
    def is_empty(self) -> bool:
        """Whether there is no row in any series."""
        return not any(one.rows for one in self.series)

    def row(self, **tags: str) -> Mapping[str, Facts]:
        """Return the only row of the only series with these tags; NoData where there is none or more than one."""
        having = [one for one in self.series if tags.items() <= one.tags.items()]
        found = [row for one in having for row in one.rows]
        if len(found) == 1:
            return found[0]
        seen = f"{len(found)} rows where one is expected" if found else "nothing"
        raise NoData(f"{printable(self.statement, 120)} gives {seen}")

    def number(self, column: str | None = None, **tags: str) -> float:
        """Return a finite number of the only row: of a column, or of the only one beside the time."""
        row = self.row(**tags)
        name = column or _only(row)
        if name not in row:
            raise NoData(f"there is no column {printable(name, 60)}; there are {', '.join(row)}")
        return row[name].number()

    def moment(self, **tags: str) -> float:
        """Return the time of the only row in seconds since 1970."""
        row = self.row(**tags)
        if TIME not in row:
            raise NoData(f"{printable(self.statement, 120)} gives rows without a time")
        return row[TIME].integer() / NANOSECONDS

    def age(self, **tags: str) -> Measured:
        """Return how old the only row was when the answer came, in seconds; below 0 where it lies ahead."""
        moment = self.moment(**tags)
        return Measured(round(self.at - moment, 3), time.strftime("of %Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)))

    def texts(self, column: str = "name") -> list[str]:
        """Return what a column says in every row, as SHOW DATABASES lists names."""
        rows = [row for one in self.series for row in one.rows]
        if any(column not in row for row in rows):
            raise NoData(f"{printable(self.statement, 120)} gives rows without a column {printable(column, 60)}")
        return [row[column].text() for row in rows]


def _only(row: Mapping[str, Facts]) -> str:
    columns = [name for name in row if name != TIME]
    if len(columns) != 1:
        raise NoData(f"there are the columns {', '.join(columns) or 'of no value'}; which of them is read is not said")
    return columns[0]


def rows_of(observation: Observation, statement: str, explained_by: str | None = None) -> Rows:
    """Return what a statement brought; NoData where it was refused, or came in part, or is no answer of an InfluxDB.

    An InfluxDB answers 200 with an error in the body where the database does not exist: that is no data, never
    nothing. `explained_by` is told where there is no answer of an InfluxDB, and where it refuses.
    """
    answer = Answer(observation)
    if answer.status != "answered":
        raise NoData(answer.error, explained_by)
    content = answer.content
    if refusal := _refusal(content):
        raise NoData(f"InfluxDB answered {answer.code} and says: {refusal}", explained_by)
    try:
        results = answer.body().elements("results")
    except NoData as nothing:
        raise NoData(str(nothing), explained_by) from None
    if len(results) != 1:
        raise NoData(f"the answer has {len(results)} results to one statement", explained_by)
    (result,) = results
    if refusal := _refusal(result.raw):
        raise NoData(f"InfluxDB says: {refusal}", explained_by)
    series = result.elements("series") if result.has("series") else []
    if any(node.has("partial") and node.boolean("partial") for node in (result, *series)):
        raise NoData("InfluxDB says that the answer is partial: it gives no more rows than its max-row-limit")
    return Rows(statement, tuple(_series(one) for one in series), answer.at)


def _refusal(content: Any) -> str:
    """Return the error in a body: `error` of 1.x, `message` beside a `code` of 2.x; empty where there is none."""
    if not isinstance(content, dict):
        return ""
    told = content.get("error") or (content.get("message") if "code" in content else "")
    return printable(told, 200) if told else ""


def _series(node: Facts) -> Series:
    columns = tuple(one.text() for one in node.elements("columns"))
    tags = {name: one.text() for name, one in node.members("tags").items()} if node.has("tags") else {}
    name = node.text("name") if node.has("name") else ""
    rows = [one.elements() for one in node.elements("values")] if node.has("values") else []
    if any(len(row) != len(columns) for row in rows):
        raise NoData(f"the answer has rows of another length than its {len(columns)} columns")
    named = [{column: Facts(cell.raw, column) for column, cell in zip(columns, row, strict=True)} for row in rows]
    return Series(name, tags, columns, tuple(named))
