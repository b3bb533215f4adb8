"""A sink with the door of CloudWatch: takes what is published, in the protocols the library speaks, and shows it.

`GET /?Action=GetMetricStatistics&…` answers as CloudWatch's query API does; it asks for no signature and believes any.
`GET /metrics-published` (with `?namespace=`) lists the newest datum of each metric.
"""

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from lab.clock import iso, now
from lab.host import Host, quiet, run_until_done, stop_signal
from lab.settings import Settings

TARGET: Final = re.compile(r"\w+\.PutMetricData")
MEMBER: Final = re.compile(r"MetricData\.member\.(\d+)\.(MetricName|Value|Unit|Timestamp)")
UNITS: Final = frozenset({"Count", "Percent", "Milliseconds", "Seconds", "Count/Second", "None"})
PUBLISHED: Final = "/metrics-published"
KEPT: Final = 4000
"""Data of a metric that are kept; at one a second that is more than an hour."""
MOST_ANSWERED: Final = 1440
"""Data in one answer, as in CloudWatch's."""
SHORT_PERIODS_S: Final = frozenset({1, 5, 10, 30})
"""Periods that are no whole minutes and may be asked for."""
SPACE: Final = "http://monitoring.amazonaws.com/doc/2010-08-01/"


class NotTakenError(ValueError):
    """What was published, or asked for, cannot be; the text says why."""


@dataclass(frozen=True)
class Datum:
    """What was published of a metric; moments in seconds since 1970."""

    at: float
    received_at: float
    value: float
    unit: str


class Sink:
    """The data of every metric, the newest last."""

    host: Host

    def __init__(self) -> None:
        self._data: defaultdict[tuple[str, str], deque[Datum]] = defaultdict(lambda: deque(maxlen=KEPT))

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the sink call its own routes."""
        return []

    def routes(self) -> Starlette:
        """The door for publishers and for who asks, and what was published."""
        return Starlette(
            routes=[
                Route("/", self._take, methods=["POST"]),
                Route("/", self._statistics, methods=["GET"]),
                Route(PUBLISHED, self._published, methods=["GET"]),
            ]
        )

    async def _take(self, request: Request) -> Response:
        body = (await request.body()).decode()
        as_json = request.headers.get("Content-Type", "").startswith("application/x-amz-json")
        try:
            if as_json and TARGET.fullmatch(request.headers.get("X-Amz-Target", "")):
                published = json.loads(body)
            else:
                published = _of_query(body)
            self._keep(published)
        except (ValueError, KeyError, TypeError) as error:
            told = {"__type": "InvalidParameterValueException", "message": f"{type(error).__name__}: {error}"}
            return JSONResponse(told, 400, media_type="application/x-amz-json-1.0")
        if as_json:
            return Response("{}", media_type="application/x-amz-json-1.0")
        return Response("<PutMetricDataResponse/>", media_type="text/xml")

    def _keep(self, published: dict[str, Any]) -> None:
        namespace, moment = str(published["Namespace"]), now()
        data = [
            (
                str(datum["MetricName"]),
                Datum(
                    _moment(datum.get("Timestamp"), moment),
                    moment,
                    float(datum["Value"]),
                    str(datum.get("Unit", "None")),
                ),
            )
            for datum in published["MetricData"]
        ]
        for _, one in data:
            if one.unit not in UNITS:
                raise NotTakenError(f"{one.unit} is no unit")
        for name, one in data:
            self._data[namespace, name].append(one)

    async def _statistics(self, request: Request) -> Response:
        asked = request.query_params
        try:
            if asked.get("Action") != "GetMetricStatistics":
                raise NotTakenError("only GetMetricStatistics is offered to GET")
            told = self._answer(asked)
        except (ValueError, KeyError) as error:
            words = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            problem = f"<Type>Sender</Type><Code>InvalidParameterValue</Code><Message>{escape(words)}</Message>"
            told = f'<ErrorResponse xmlns="{SPACE}"><Error>{problem}</Error></ErrorResponse>'
            return Response(told, 400, media_type="text/xml")
        return Response(told, media_type="text/xml")

    def _answer(self, asked: Mapping[str, str]) -> str:
        name, period_s = asked["MetricName"], int(asked["Period"])
        if asked["Statistics.member.1"] != "Average":
            raise NotTakenError("only Average is offered")
        if period_s not in SHORT_PERIODS_S and (period_s < 1 or period_s % 60):
            raise NotTakenError(f"a period is 1, 5, 10, 30 or whole minutes, not {period_s} s")
        begins, ends = (_moment(asked[which], 0.0) for which in ("StartTime", "EndTime"))
        if begins >= ends:
            raise NotTakenError("StartTime must be before EndTime")
        if (ends - begins) / period_s > MOST_ANSWERED:
            raise NotTakenError(f"these are more than {MOST_ANSWERED} periods")
        wanted = (one for one in self._data.get((asked["Namespace"], name), ()) if begins <= one.at < ends)
        members = "".join(
            f"<member><Timestamp>{iso(at)}</Timestamp><Average>{value}</Average><Unit>{unit}</Unit></member>"
            for (at, unit), value in _averages(wanted, period_s).items()
        )
        told = f"<Label>{escape(name)}</Label><Datapoints>{members}</Datapoints>"
        return (
            f'<GetMetricStatisticsResponse xmlns="{SPACE}">'
            f"<GetMetricStatisticsResult>{told}</GetMetricStatisticsResult></GetMetricStatisticsResponse>"
        )

    async def _published(self, request: Request) -> Response:
        wanted = request.query_params.get("namespace")
        newest = [
            {
                "namespace": namespace,
                "metric": name,
                "value": data[-1].value,
                "unit": data[-1].unit,
                "timestamp": iso(data[-1].at),
                "received_at": iso(data[-1].received_at),
            }
            for (namespace, name), data in self._data.items()
            if wanted in (None, namespace)
        ]
        return JSONResponse({"metrics": newest})

    def refuses(self, _scope: Scope) -> bool:
        """Turn nobody away."""
        return False


def _of_query(body: str) -> dict[str, Any]:
    """Read what libraries before the JSON protocol send."""
    fields = dict(parse_qsl(body, strict_parsing=True))
    if fields.get("Action") != "PutMetricData":
        raise NotTakenError("only PutMetricData is offered")
    data: dict[str, dict[str, str]] = {}
    for name, value in fields.items():
        if found := MEMBER.fullmatch(name):
            data.setdefault(found[1], {})[found[2]] = value
    return {"Namespace": fields["Namespace"], "MetricData": list(data.values())}


def _averages(data: Iterable[Datum], period_s: int) -> dict[tuple[float, str], float]:
    """Return the average of each period by its beginning (seconds since 1970) and unit."""
    found: defaultdict[tuple[float, str], list[float]] = defaultdict(list)
    for one in data:
        found[one.at - one.at % period_s, one.unit].append(one.value)
    return {key: sum(values) / len(values) for key, values in found.items()}


def _moment(given: float | str | None, otherwise: float) -> float:
    if given is None:
        return otherwise
    if isinstance(given, str):
        return datetime.fromisoformat(given).astimezone(UTC).timestamp()
    return float(given)


async def serve(settings: Settings) -> None:
    """Run the sink until told to stop."""
    sink = Sink()
    host = Host("cloudwatch", sink.routes(), sink, settings)
    for port in (host.private, host.public):
        await port.open()
    await stop_signal()
    await asyncio.gather(*(port.shut() for port in (host.public, host.private)))


def run(settings: Settings) -> None:
    """Process body of the sink."""
    quiet()
    run_until_done(serve(settings))
