"""nginx: it answers, has room, what stands behind it answers too, and its certificate will not run out."""

import re

from healthgate import (
    FilePath,
    Measured,
    NoData,
    System,
    Tls,
    Unit,
    Url,
    at_least,
    below,
    check,
    equals,
    get,
    measure,
    none,
)
from healthgate.readings import Handshake


class Nginx(System):
    """`url` serves `stub_status` at /status, `public_url` is what clients use.

    `public_ca` is a file of certificates to trust there instead of the machine's.
    """

    name = "nginx"
    url: Url
    public_url: Url
    public_ca: FilePath | None = None


STATUS = get(Nginx, "/status", proven_by="nginx.answers")
APP = get(Nginx, "/app/state", url="public_url", trust="public_ca")
FRONT = Tls(Nginx, explained_by="nginx.answers")

connections = Unit("connections")
days = Unit("days", floor=None)

WORKER_CONNECTIONS = 64
"""What nginx.conf allows; one that waits for an answer of the application takes two."""


@check(
    "nginx.answers",
    STATUS.code,
    stays=equals(200),
    name="nginx",
    cause="it was stopped, or it does not start with its configuration",
    action="nginx -t says what is wrong with the configuration; then systemctl start nginx",
    runbook="nginx",
    every="30s",
)
@check(
    "nginx.app",
    APP.code,
    stays=equals(200),
    name="The application behind nginx",
    cause="502: nothing listens where nginx passes requests on; 504: what listens does not answer in time",
    action="the error log names the upstream: see that it runs",
    runbook="nginx",
    every="30s",
    requires=["nginx.answers"],
)
def test_it_serves(verdict):
    """It answers, and so does what it passes requests on to."""
    assert verdict.healthy, verdict


@measure(STATUS.text)
def open_connections(page: str) -> int:
    """Connections that are open now, those of clients that wait included."""
    return _counts(page)["active"]


@measure(STATUS.text)
def dropped(page: str) -> int:
    """Connections that were accepted since the start and had to be closed unserved."""
    counts = _counts(page)
    return counts["accepts"] - counts["handled"]


def _counts(page: str) -> dict[str, int]:
    found = re.match(r"Active connections: (\d+)\D+(\d+) (\d+) (\d+)", page)
    if found is None:
        raise NoData("/status is no page of stub_status")
    return dict(zip(("active", "accepts", "handled", "requests"), map(int, found.groups()), strict=True))


@check(
    "nginx.connections.open",
    open_connections,
    stays=below(WORKER_CONNECTIONS // 2, connections, warning=WORKER_CONNECTIONS // 2, critical=WORKER_CONNECTIONS - 8),
    name="Open connections",
    cause="clients that do not hang up, or an application so slow that requests pile up",
    action="see who holds them (ss -tn state established); raise worker_connections if they are welcome",
    runbook="nginx",
)
@check(
    "nginx.connections.dropped",
    dropped,
    stays=none(connections, warning=0),
    name="Dropped connections",
    cause="worker_connections or the limit of open files was reached",
    action="raise the limit, and restart nginx: the count begins anew",
    runbook="nginx",
)
def test_there_is_room(verdict):
    """No client is turned away, and none will be soon."""
    assert verdict.healthy, verdict


@measure(FRONT)
def trusted(handshake: Handshake) -> Measured:
    """Whether clients trust the certificate."""
    problems = [words for words in (handshake.chain, handshake.name) if words]
    return Measured(not problems, "; ".join(problems) or f"issued by {handshake.issuer}")


@measure(FRONT)
def days_left(handshake: Handshake) -> float:
    """Days until the certificate runs out."""
    return round(handshake.days_left, 1)


@check(
    "nginx.certificate.trusted",
    trusted,
    stays=equals(True),
    name="Certificate",
    cause="it has run out, is for another name, or was sent without those between it and its authority",
    action="renew it (certbot renew), and reload nginx: it reads certificates only then",
    runbook="nginx",
)
@check(
    "nginx.certificate.days",
    days_left,
    stays=at_least(21, days, warning=21, critical=7),
    name="Days of the certificate",
    cause="the renewal does not run, or nginx was not reloaded after it",
    action="renew it (certbot renew), and reload nginx: it reads certificates only then",
    runbook="nginx",
)
def test_certificate(verdict):
    """Clients trust it, and will next week."""
    assert verdict.healthy, verdict
