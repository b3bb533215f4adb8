"""A sink with the door of CloudWatch: takes what is published, in the protocols the library speaks, and shows it.

`GET /metrics-published` (with `?namespace=`) lists the newest datum of each metric.
"""

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from lab.clock import iso, now
from lab.host import Host, quiet, stop_signal
from lab.settings import Settings

TARGET: Final = re.compile(r"\w+\.PutMetricData")
MEMBER: Final = re.compile(r"MetricData\.member\.(\d+)\.(MetricName|Value|Unit|Timestamp)")
UNITS: Final = frozenset({"Count", "Percent", "Milliseconds", "Seconds", "Count/Second", "None"})
PUBLISHED: Final = "/metrics-published"


class NotTakenError(ValueError):
    """What was published cannot be; the text says why."""


class Sink:
    """The newest datum of every metric."""

    host: Host

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the sink call its own routes."""
        return []

    def routes(self) -> Starlette:
        """The door for publishers, and what was published."""
        return Starlette(
            routes=[
                Route("/", self._take, methods=["POST"]),
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
            {
                "namespace": namespace,
                "metric": str(datum["MetricName"]),
                "value": float(datum["Value"]),
                "unit": str(datum.get("Unit", "None")),
                "timestamp": _moment(datum.get("Timestamp"), moment),
                "received_at": iso(moment),
            }
            for datum in published["MetricData"]
        ]
        for one in data:
            if one["unit"] not in UNITS:
                raise NotTakenError(f"{one['unit']} is no unit")
        self._newest |= {(namespace, one["metric"]): one for one in data}

    async def _published(self, request: Request) -> Response:
        wanted = request.query_params.get("namespace")
        return JSONResponse({"metrics": [one for (name, _), one in self._newest.items() if wanted in (None, name)]})

    def refuses(self, _scope: Scope) -> bool:
        """Turn nobody away."""
        return False

    async def renew(self) -> None:
        """Do nothing: what was published stays."""

    def forget_since(self, moment: float) -> None:
        """Keep everything: only the newest datum is kept as it is."""


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


def _moment(given: float | str | None, otherwise: float) -> str:
    if given is None:
        return iso(otherwise)
    if isinstance(given, str):
        return iso(datetime.fromisoformat(given).astimezone(UTC).timestamp())
    return iso(float(given))


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
    asyncio.run(serve(settings))
