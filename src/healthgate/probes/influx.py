"""InfluxDB over its 1.x API, which 2.x has as well: whether it is there, and one SELECT or SHOW at a time.

Everything is a GET, and a statement that could write is refused where it is declared and once more before it is sent.
"""

import base64
import functools
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Derived, Probe, Scene, Source
from healthgate.claim.system import System, settings_of
from healthgate.printable import printable
from healthgate.probes.http import HttpProbe, HttpRequest
from healthgate.probes.http_answer import Answer
from healthgate.probes.influx_answers import Rows, rows_of
from healthgate.secret import Redactor, Secret

READS = re.compile(r"(?i)\s*(?:select|show)\b")
"""How a statement begins that may be sent."""

WRITES = re.compile(r"(?i)into(?![a-z0-9_])|;|--|/\*")
"""What makes a SELECT write (INTO), begins another statement, or may hide either (a comment)."""

FILLED = re.compile(r"\{(\w+)\}")
"""The name of a setting in a statement, in the place of a measurement or a field."""

WINDOW = re.compile(r"(?i)(now\(\)\s*[-+]\s*|\btime\(\s*)([0-9]+)(ms|s|m|h|d|w)\b")
"""A time back from now, or the length of a group, in a statement."""

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


class Influx:
    """An InfluxDB named by settings of a system: its address `url`, the `database` that is asked.

    It is asked with `token`, or with `user` and `password`, where these settings are given. `proven_by` is the check
    that says whether it answers and has the database, for what is read by `query`. `explained_by` is the one that
    tells best why it cannot be asked.
    """

    def __init__(
        self,
        system: type[System],
        *,
        url: str = "influx_url",
        database: str = "influx_database",
        token: str = "influx_token",  # noqa: S107 (the name of a setting)
        user: str = "influx_user",
        password: str = "influx_password",  # noqa: S107 (the name of a setting)
        proven_by: str | None = None,
        explained_by: str | None = None,
    ) -> None:
        self.system = system
        self.url = url
        self.database = database
        self.token = token
        self.user = user
        self.password = password
        self.proven_by = proven_by
        self.explained_by = explained_by
        self._statements: dict[str, Statement] = {}

    @property
    def label(self) -> str:
        """What requests to this server are called."""
        return self.url.removesuffix("_url")

    @functools.cached_property
    def ping(self) -> "Route":
        """GET /ping: an Answer, 204 where it takes queries."""
        return Route(self, "/ping", (200, 204))

    @functools.cached_property
    def health(self) -> "Route":
        """GET /health, which 1.8 and later have: JSON with `status` and `message`, of a 200 and of a 503."""
        return Route(self, "/health", (200, 503))

    @functools.cached_property
    def databases(self) -> Source:
        """The names of all databases that may be seen."""
        return Derived(Rows.texts, (Statement(self, "SHOW DATABASES", None),))

    def query(self, statement: str) -> "Statement":
        """Return one SELECT or SHOW, for Rows; the same statement asked for twice is one request.

        A setting in braces, as in `SELECT last({field}) FROM {measurement}`, stands for the quoted name it holds.
        Times in it, as in `now() - 5m`, are those of production: where time passes faster, shorter ones are asked for.
        """
        return self._statements.setdefault(statement, Statement(self, statement, self.proven_by))

    def request(self, name: str, path: str, settings: Any, statement: str = "") -> "InfluxRequest":
        """Return a request that identifies itself as the settings say."""
        token, user, password = (getattr(settings, one, None) for one in (self.token, self.user, self.password))
        missing = [one for one, value in ((self.user, user), (self.password, password)) if value is None]
        return InfluxRequest(
            name, "GET", getattr(settings, self.url), path, token, settings.deadline, settings.body_limit,
            statement=statement, database=str(getattr(settings, self.database, None) or ""), user=str(user or ""),
            password=password, lacking=f"{self.system.name}.{missing[0]}" if len(missing) == 1 else "",
        )  # fmt: skip


class Route(HttpProbe):
    """One of the paths that say how the InfluxDB is. They are its own: no profile calls them otherwise."""

    def __init__(self, server: Influx, path: str, codes: tuple[int, ...]) -> None:
        super().__init__(server.system, path, url=server.url, codes=codes)
        self.route = ""
        self.server = server

    def requests(self, settings: Any) -> list[Request]:
        return [self.server.request(self.id, self.path, settings)]

    def where(self, systems: Mapping[str, System]) -> str:
        return f"GET {getattr(self.settings(systems), self.url)}{self.path}"

    def answer(self, scene: Scene) -> Answer:
        return Answer(scene.observation(self.id), self.codes)

    def member(self, path: str, systems: Mapping[str, System]) -> None:
        """Return None: no document of a system has what an InfluxDB says of itself."""


class Statement(Probe):
    """One statement: Rows. `number`, `moment` and `age` read the only row of it."""

    def __init__(self, server: Influx, statement: str, proven_by: str | None) -> None:
        readable(statement)
        known = settings_of(server.system)
        if unknown := [name for name in FILLED.findall(statement) if name not in known]:
            raise ValueError(f"{statement!r} names {unknown[0]}, which is no setting of {server.system.name}")
        super().__init__(server.system, proven_by)
        self.server = server
        self.statement = statement

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.server.url, *FILLED.findall(self.statement))

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} {self.server.label} {self.statement}"

    def spelt(self, settings: Any) -> str:
        """Return the statement as it is asked with these settings."""
        scaled = WINDOW.sub(lambda found: _scaled(found, settings.time_scale), self.statement)
        return FILLED.sub(lambda found: quoted(getattr(settings, found[1])), scaled)

    def requests(self, settings: Any) -> list[Request]:
        return [self.server.request(self.id, "/query", settings, self.spelt(settings))]

    def value(self, scene: Scene) -> Rows:
        return rows_of(scene.observation(self.id), self.statement, self.server.explained_by)

    def where(self, systems: Mapping[str, System]) -> str:
        settings: Any = self.settings(systems)
        return f"query {self.spelt(settings)} at {getattr(settings, self.server.url)}"

    @property
    def number(self) -> Source:
        """The number in the only row."""
        return Derived(Rows.number, (self,))

    @property
    def moment(self) -> Source:
        """The time of the only row, in seconds since 1970."""
        return Derived(Rows.moment, (self,))

    @property
    def age(self) -> Source:
        """How old the only row was when the answer came, in `seconds_old`."""
        return Derived(Rows.age, (self,))


def readable(statement: str) -> None:
    """Raise ValueError for what is not one SELECT or SHOW that only reads."""
    if not READS.match(statement) or WRITES.search(statement):
        raise ValueError(
            f"a check may not ask an InfluxDB {statement!r}; allowed is one statement that begins with SELECT or SHOW,"
            " without INTO, semicolon or comment"
        )


def quoted(name: str) -> str:
    """Return a measurement or a field as InfluxQL quotes names."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _scaled(found: re.Match[str], time_scale: float) -> str:
    if time_scale == 1:
        return found[0]
    return f"{found[1]}{max(1, round(int(found[2]) * UNITS[found[3]] * 1000 / time_scale))}ms"


@dataclass(frozen=True)
class InfluxRequest(HttpRequest):
    """One GET of an InfluxDB. `secret` is its token; `lacking` names the setting it cannot be made without."""

    statement: str
    database: str
    user: str
    password: Secret | None
    lacking: str = ""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The token, the password, and what the two of user and password look like where they are sent."""
        both = () if self.password is None else (self.password, Secret(self._basic()))
        return (*super().secrets, *both)

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:
        if wrong := self._wrong():
            return Observation(self.id, "broken", time.time(), 0.0, error=redactor.text(wrong)), connection
        return super().make(connection, redactor)

    def _wrong(self) -> str:
        """Return why the request cannot be made, with nothing sent; empty where it can."""
        if self.lacking:
            return f"an InfluxDB is asked with user and password together, and {self.lacking} is not set"
        try:
            if self.statement:
                readable(self.statement)
        except ValueError as problem:
            return printable(problem, 400)
        return ""

    def target(self) -> str:
        if not self.statement:
            return self.path
        where = {"db": self.database} if self.database else {}
        return f"{self.path}?{urlencode({**where, 'epoch': 'ns', 'q': self.statement})}"

    def authorization(self) -> str:
        if self.secret is not None:
            return f"Token {self.secret.reveal()}"
        return f"Basic {self._basic()}" if self.password is not None else ""

    def _basic(self) -> str:
        assert self.password is not None
        return base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()
