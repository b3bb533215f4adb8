"""CloudWatch: the newest data of one metric, asked for with a GET of its query API, signed where there are credentials.

The signature (AWS Signature Version 4) stands in the query: the key it is made with is never sent. Python's hmac makes
it in a dozen lines; botocore would take longer to import than a run takes in all.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

from healthgate.claim.facts import NoData, iso_moment
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Probe, Scene
from healthgate.claim.system import System
from healthgate.printable import printable
from healthgate.probes.http import HttpRequest
from healthgate.probes.http_answer import Answer
from healthgate.secret import Redactor, Secret

if TYPE_CHECKING:
    from healthgate.wire.connection import Response

VERSION = "2010-08-01"
SERVICE = "monitoring"
VALID_FOR = 300
"""Seconds a signature holds."""

PERIODS_BACK = 60
"""Periods whose data are asked for; CloudWatch gives 1 440 at most."""

LARGEST = 1_000_000
"""Bytes of an answer that are parsed; data of 60 periods have 20 000."""


@dataclass(frozen=True)
class Datum:
    """One datum: the beginning of its period in seconds since 1970, the average in it, and its unit."""

    at: float
    value: float
    unit: str


class MetricData:
    """The data of a metric, the newest first, maybe none; `asked_at` is when they were asked for (since 1970)."""

    def __init__(self, observation: Observation) -> None:
        self.asked_at = observation.at
        self.data = [Datum(*one) for one in observation.facts["data"]]


class CloudWatchMetric(Probe):
    """The data of one metric that has no dimensions, one a `period` (seconds, or the setting that holds them).

    The other names are those of settings: the address of the API, and where it asks for signatures, the region, the id
    of the access key, the key, and the token of a session.
    """

    def __init__(
        self,
        system: type[System],
        *,
        namespace: str,
        metric: str,
        period: float | str,
        url: str = "cloudwatch_url",
        region: str = "cloudwatch_region",
        key_id: str = "cloudwatch_key_id",
        key: str = "cloudwatch_key",
        session: str = "cloudwatch_session",
        proven_by: str | None = None,
    ) -> None:
        super().__init__(system, proven_by)
        self.namespace = namespace
        self.metric = metric
        self.period = period
        self.url = url
        self.region = region
        self.key_id = key_id
        self.key = key
        self.session = session

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} {self.url.removesuffix('_url')} {self.namespace} {self.metric}"

    def requests(self, settings: Any) -> list[Request]:
        period = float(getattr(settings, self.period) if isinstance(self.period, str) else self.period)
        asked = {"Action": "GetMetricStatistics", "Version": VERSION, "Namespace": self.namespace}
        asked |= {"MetricName": self.metric, "Period": f"{max(1, round(period))}", "Statistics.member.1": "Average"}
        needed = {name: getattr(settings, name, None) for name in (self.key_id, self.key, self.region)}
        missing = [name for name, value in needed.items() if value is None]
        return [
            CloudWatchRequest(
                self.id,
                "GET",
                getattr(settings, self.url),
                f"/?{urlencode(asked, quote_via=quote)}",
                None,
                settings.deadline,
                settings.body_limit,
                back=PERIODS_BACK * period,
                key_id=needed[self.key_id],
                key=needed[self.key],
                region=str(needed[self.region] or ""),
                session=getattr(settings, self.session, None),
                lacking=f"{self.system.name}.{missing[0]}" if missing and len(missing) < len(needed) else "",
            )
        ]

    def value(self, scene: Scene) -> MetricData:
        observation = scene.observation(self.id)
        answer = Answer(observation)
        if answer.status != "answered":
            raise NoData(answer.error)
        if answer.flaw:
            raise NoData(answer.flaw)
        return MetricData(observation)

    def where(self, systems: Mapping[str, System]) -> str:
        return f"metric {self.namespace} {self.metric} at {getattr(self.settings(systems), self.url)}"


@dataclass(frozen=True)
class CloudWatchRequest(HttpRequest):
    """One request for the data of the last `back` seconds. `lacking` names the setting it cannot be made without."""

    back: float
    key_id: Secret | None
    key: Secret | None
    region: str
    session: Secret | None
    lacking: str = ""

    accept: ClassVar[str] = "text/xml, application/xml"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What it is signed with, whether it is sent or not."""
        return tuple(secret for secret in (self.key_id, self.key, self.session) if secret is not None)

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:
        if self.lacking:
            words = f"requests are signed with key id, key and region together, and {self.lacking} is not set"
            return Observation(self.id, "broken", time.time(), 0.0, error=words), connection
        return super().make(connection, redactor)

    def target(self) -> str:
        now = time.time()
        path, _, asked = self.path.partition("?")
        span = {"StartTime": utc(now - self.back), "EndTime": utc(now + 1)}
        query = f"{asked}&{urlencode(span, quote_via=quote)}"
        if self.key_id is None or self.key is None:
            return f"{path}?{query}"
        base = self.url.partition("://")[2].partition("/")[2]
        whole = (f"/{base}" if base else "") + path
        return f"{path}?{signed(self.netloc, whole, query, self.region, self.key_id, self.key, self.session, now)}"

    @property
    def netloc(self) -> str:
        """Host and port as the Host header tells them."""
        from healthgate.wire import bounded  # noqa: PLC0415 (only a run that needs it pays for it)

        scheme, _, rest = self.host.partition("://")
        usual = 443 if scheme == "https" else 80
        host, port = bounded.host_and_port(rest, usual)
        host = f"[{host}]" if ":" in host else host
        return host if port == usual else f"{host}:{port}"

    def read(self, body: bytes, response: "Response", redactor: Redactor) -> dict[str, Any]:
        try:
            return {"data": data_in(redactor.bytes(body).decode(), response.status, redactor)}
        except UnicodeDecodeError as problem:
            return {"flaw": f"the answer is not UTF-8 text (byte {problem.start})"}
        except NoData as nothing:
            return {"flaw": str(nothing)}


def utc(moment: float) -> str:
    """Return a moment (seconds since 1970) as CloudWatch takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def signed(
    host: str, path: str, query: str, region: str, key_id: Secret, key: Secret, session: Secret | None, now: float
) -> str:
    """Return the query of a GET with its signature (AWS Signature Version 4); `now` in seconds since 1970."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{moment[:8]}/{region}/{SERVICE}/aws4_request"
    added = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{key_id.reveal()}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(VALID_FOR),
        "X-Amz-SignedHeaders": "host",
    } | ({"X-Amz-Security-Token": session.reveal()} if session is not None else {})
    parts = [*query.split("&"), *(f"{quote(name, safe='~')}={quote(told, safe='~')}" for name, told in added.items())]
    canonical = "&".join(sorted(parts, key=lambda part: part.partition("=")[::2]))
    nothing = hashlib.sha256(b"").hexdigest()
    request = f"GET\n{path}\n{canonical}\nhost:{host}\n\nhost\n{nothing}"
    told = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    derived = f"AWS4{key.reveal()}".encode()
    for part in (*scope.split("/"), told):
        derived = hmac.digest(derived, part.encode(), "sha256")
    return f"{canonical}&X-Amz-Signature={derived.hex()}"


def data_in(text: str, code: int, redactor: Redactor) -> list[list[Any]]:
    """Return the data in an answer, the newest first, as moment, average and unit; NoData where it is none."""
    from xml.etree import ElementTree  # noqa: PLC0415 (only runs that ask pay for it)

    if len(text) > LARGEST:
        raise NoData(f"the answer has {len(text)} characters, more than the {LARGEST} that are read")
    if "<!" in text:
        raise NoData("the answer has declarations in its XML, which CloudWatch never sends")
    try:
        top = ElementTree.fromstring(text)  # noqa: S314 (there is no declaration in it, so no entity)
    except (ElementTree.ParseError, ValueError):
        wrong = f"it answered {code} and " if code != 200 else "the answer is "
        raise NoData(f"{wrong}no XML") from None
    for element in top.iter():
        element.tag = redactor.text(element.tag.rpartition("}")[2])
        element.text = redactor.text(element.text or "")  # XML may write a secret in other letters
    if code != 200:
        kind, words = (printable(top.findtext(f".//{name}") or "", 100) for name in ("Code", "Message"))
        raise NoData(f"CloudWatch answered {code} and {kind or 'no reason'}: {words}")
    if top.tag != "GetMetricStatisticsResponse" or top.find(".//Datapoints") is None:
        raise NoData(f"the answer is XML, but none of CloudWatch: it begins with {printable(top.tag, 60)}")
    return sorted((_datum(member) for member in top.findall(".//Datapoints/member")), reverse=True)


def _datum(member: Any) -> list[Any]:
    told = {name: (member.findtext(name) or "").strip() for name in ("Timestamp", "Average", "Unit")}
    at = iso_moment(told["Timestamp"])
    try:
        value = float(told["Average"])
    except ValueError:
        value = float("nan")
    if at is None or value - value != 0:
        seen = printable(f"{told['Timestamp']} {told['Average']}", 80)
        raise NoData(f"a datum is {seen!r}, not a time and a number")
    return [at, value, printable(told["Unit"], 40)]
