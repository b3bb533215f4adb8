"""Who can read the metrics route, and how safely? As callers from outside reach it."""

from checks.findings import Findings
from checks.wsmanager import FROM_OUTSIDE, IN_PLAIN, PUBLIC_TLS
from healthgate import DOWN, WARNING, Measured, NoData, Unit, at_least, check, equals, measure, tried
from healthgate.readings import Answer, Handshake

days = Unit("days")

OLDEST_TLS = "TLSv1.2"
NO_TLS = DOWN | {"plain"}
"""How a handshake ends that proves that TLS cannot be had."""

MOVED = frozenset({301, 308})
"""Redirects that last: a client learns not to ask in plain again."""

REFUSALS = frozenset({401, 403, 404})
"""Codes with which the route is closed to a caller."""

PLAIN_REFUSALS = REFUSALS | {426}
HTTPS, CHAIN = "wsmanager.security.https", "wsmanager.tls.chain"
"""The check that says best that nothing serves at the front."""

CLOSED = frozenset({"refused", "reset", "late"})
"""How an attempt ends where connections are refused, or dropped by a firewall."""


def flaws(handshake: Handshake) -> list[str]:
    """Return what is wrong with a handshake: chain, name, version."""
    found = [words for words in (handshake.chain, handshake.name) if words]
    if not handshake.at_least(OLDEST_TLS):
        found.append(f"{handshake.version} is older than {OLDEST_TLS}")
    return found


@measure(PUBLIC_TLS)
def trusted(handshake: Handshake) -> Measured:
    """Whether chain, name and protocol version are as they should be."""
    found = flaws(handshake)
    return Measured(not found, "; ".join(found) or f"{handshake.version}, issued by {handshake.issuer}")


@measure(PUBLIC_TLS.outcome, IN_PLAIN.outcome)
def only_encrypted(handshake: Handshake, plain: Answer) -> Measured:
    """Whether the route is had over TLS and in no other way; that nothing speaks TLS there proves the contrary."""
    found = Findings()
    with found.examining():
        if handshake.status in NO_TLS:
            found.offenders.append(handshake.error)
        elif handshake.status != "answered":
            raise NoData(handshake.error)
        else:
            found.offenders += flaws(handshake)
    with found.examining():
        served = served_in_plain(plain)
        found.expect(not served, served)
    offenders = found.measured()
    return Measured(not offenders.value, offenders.detail or f"{handshake.version}, and plain HTTP is turned away")


def served_in_plain(plain: Answer) -> str:
    """Return in words what plain HTTP gives; empty where it redirects or refuses, NoData where that is not proven."""
    if "code" not in plain.facts:
        if plain.status in {"refused", "reset"}:
            return ""
        raise NoData(plain.error)
    to = str(plain.facts.get("location", ""))
    if (plain.code in MOVED and to.startswith("https://")) or plain.code in PLAIN_REFUSALS:
        return ""
    if plain.code == 429 or plain.code >= 500:
        raise NoData(f"plain HTTP answered {plain.code}, which says nothing of what it serves")
    return f"plain HTTP answered {plain.spoken_code}"


@measure(PUBLIC_TLS)
def days_left(handshake: Handshake) -> Measured:
    """Days until the certificate ends; below 0 where it has ended."""
    return Measured(handshake.days_left, f"{handshake.subject}, {handshake.ending}")


@measure(FROM_OUTSIDE.outcome, tried(PUBLIC_TLS))
def closed(answer: Answer, handshake: Handshake | NoData) -> Measured:
    """Whether the route turns away a caller from outside."""
    if "code" in answer.facts:
        if answer.code in REFUSALS:
            return Measured(True, f"answered {answer.code}")
        if 200 <= answer.code < 300:
            return Measured(False, f"answered {answer.code} to a caller from outside")
        raise NoData(f"it answered {answer.spoken_code}, which does not say who is let in")
    if answer.status not in CLOSED:
        raise NoData(answer.error, CHAIN if answer.status == "tls" else None)
    if isinstance(handshake, NoData):
        raise NoData("the front answers nobody, so it proves nothing that it does not answer here", HTTPS)
    return Measured(True, "no connection from outside")


@check(
    "wsmanager.security.https",
    only_encrypted,
    stays=equals(True),
    name="The metrics route is served over HTTPS only",
    cause="TLS is not terminated in front of the service, or the certificate is wrong",
    action="fix the ingress: certificate, chain, and the redirect from plain HTTP",
    runbook="exposure",
    every="1h",
)
@check(
    "wsmanager.tls.chain",
    trusted,
    stays=equals(True),
    name="Certificate of the metrics route is trusted",
    cause="an intermediate certificate is missing, the name changed, or the server allows old protocols",
    action="deploy the whole chain for this name; switch off everything before TLS 1.2",
    runbook="exposure",
    every="1h",
)
@check(
    "wsmanager.tls.expiry",
    days_left,
    stays=at_least(21, days, warning=21, critical=7),
    name="Time left on the certificate of the metrics route",
    cause="the renewal failed, or nobody renews it",
    action="renew the certificate and see why it was not renewed by itself",
    runbook="exposure",
    every="1h",
)
def test_encryption(verdict):
    """The route is served over TLS, with a certificate that is trusted and lasts."""
    assert verdict.healthy, verdict


@check(
    "wsmanager.security.access",
    closed,
    stays=equals(True, otherwise=WARNING),
    name="The metrics route is closed to the outside",
    cause="the allow-list of the ingress was lost: the metrics are public",
    action="limit the route to the allowed networks at the ingress; HEAD may stay open for load balancers",
    runbook="exposure",
    every="1h",
)
def test_access(verdict):
    """Callers from outside the allowed networks are turned away."""
    assert verdict.healthy, verdict
