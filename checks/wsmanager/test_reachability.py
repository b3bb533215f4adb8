"""Does the WebSocket manager answer, in every form its readers ask for, and does it call itself healthy?"""

from checks.wsmanager import DEFAULT, DEFAULT_FORMAT, HEALTH, JSON, METRICS
from healthgate import (
    DOWN,
    WARNING,
    Facts,
    Measured,
    NoData,
    Source,
    Tier,
    answered,
    check,
    each,
    equals,
    exactly,
    lasting,
    measure,
    shown,
)
from healthgate.readings import Answer

TYPES = {"prometheus": "text/plain; version=0.0.4", "json": "application/json"}
"""The content type of each format; a version that is not stated is the usual one."""

NO_ANSWER = 0
"""Stands for the status code where nothing serves: what lasts for a minute has to be a value."""

ANSWERED = equals(200, warning=Tier("!=", 200), critical=lasting(200, "60s"))
"""A route that should answer 200. One failed request pages nobody: only what is down for a minute does (C-34)."""


@measure(HEALTH.outcome)
def health_code(answer: Answer) -> Measured:
    """The status code of a HEAD, after which nothing may follow."""
    if answer.status in DOWN:
        return Measured(NO_ANSWER, answer.error)
    code = answered(answer).code
    stray = f"{answer.length} bytes followed where there should be no body" if answer.length else ""
    return Measured(code, answer.spoken_code if code != 200 else "", stray)


@measure(HEALTH.outcome, JSON.at("status"))
def views_agree(answer: Answer, status: Facts) -> Measured:
    """Whether HEAD and JSON both call the manager healthy, or both do not."""
    if answer.status != "answered":
        raise NoData(answer.error, "wsmanager.head.healthy")
    said = f"HEAD answered {answer.spoken_code}, the JSON says {shown(status.text())}"
    return Measured((answer.code == 200) is (status.text() == "healthy"), said)


@check(
    "wsmanager.head.healthy",
    health_code,
    stays=ANSWERED,
    name="WebSocket manager, as a load balancer asks it",
    cause="the manager calls itself unavailable, or is gone",
    action="repeat the HEAD by hand, then read the JSON metrics; page the on-call if it stays so for a minute",
    runbook="websocket-manager-down",
    every="30s",
)
@check(
    "wsmanager.head.agrees_with_get",
    views_agree,
    stays=equals(True, otherwise=WARNING),
    name="HEAD and JSON tell the same health",
    cause="the health check and the metrics are computed in two places",
    action="find which of the two is right, and derive the other from it",
    runbook="websocket-manager-down",
    every="60s",
    attempts=3,
)
def test_health(verdict):
    """The manager calls itself healthy, to whoever asks."""
    assert verdict.healthy, verdict


@measure(METRICS.outcome)
def reachable(answer: Answer) -> Measured:
    """Whether the metrics page can be reached: an answer below 500 proves it, a refusal or a 5xx the contrary."""
    if answer.status in DOWN:
        return Measured(False, answer.error)
    if "code" not in answer.facts:
        raise NoData(answer.error)
    return Measured(answer.code < 500, f"it answered {answer.spoken_code}")


@check(
    "wsmanager.service.down",
    reachable,
    stays=equals(True, critical=lasting(exactly(False), "60s")),
    name="The metrics page can be reached",
    cause="the service is down",
    action="page the on-call SRE; look at the process, its host and its log",
    runbook="websocket-manager-down",
    every="15s",
)
def test_service(verdict):
    """The metrics page is never out of reach for a minute."""
    assert verdict.healthy, verdict


def answered_as(probe: Source, form: str | None = None) -> Source:
    """Return the status code of a route; the type of another format, or of the one the profile names, contradicts."""

    @measure(probe, DEFAULT_FORMAT)
    def coded(answer: Answer, default: str) -> Measured:
        if answer.status in DOWN:
            return Measured(NO_ANSWER, answer.error)
        code = answered(answer).code
        if code != 200:
            return Measured(code, answer.spoken_code)
        wanted = TYPES.get(form or default)
        if wanted is None:
            raise NoData(f"the profile calls {shown(default)} the default format, which is none of {', '.join(TYPES)}")
        told = answer.content_type
        kind, *said = parts(told)
        version = {part for part in said if part.startswith("version=")}
        same = kind == parts(wanted)[0] and version <= set(parts(wanted))
        return Measured(code, told, "" if same else f"the type is {shown(told)}, not {wanted}")

    return coded


def parts(content_type: str) -> list[str]:
    """Return the media type and the parameters of a Content-Type header."""
    return [part.strip().replace('"', "").lower() for part in content_type.split(";")]


@each(
    check(
        f"wsmanager.endpoint.formats[{name}]",
        answered_as(probe.outcome, form),
        stays=ANSWERED,
        name=f"Metrics route, {words}",
        cause="the service does not answer, or the choice of the format is broken",
        action="make all three calls by hand and compare code and content type",
        runbook="websocket-manager-down",
        every="60s",
    )
    for name, probe, form, words in (
        ("prometheus", METRICS, "prometheus", "asked for Prometheus text"),
        ("json", JSON, "json", "asked for JSON"),
        ("default", DEFAULT, None, "asked for no format"),
    )
)
def test_formats(verdict):
    """Each format answers 200 with its own content type."""
    assert verdict.healthy, verdict
