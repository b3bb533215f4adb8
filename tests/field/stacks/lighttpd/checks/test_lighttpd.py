"""lighttpd: it answers, has the file that it is there for, and room."""

import re

from healthgate import (
    Measured,
    NoData,
    System,
    Url,
    below,
    check,
    equals,
    get,
    head,
    measure,
    percent,
    share,
)


class Lighttpd(System):
    """`url` serves mod_status at /server-status."""

    name = "lighttpd"
    url: Url


STATUS = get(Lighttpd, "/server-status?auto", proven_by="lighttpd.answers")
RELEASE = head(Lighttpd, "/release.tar.gz")


def figure(page: str, name: str) -> int:
    """Return a number of the status page."""
    found = re.search(rf"(?m)^{name}: (\d+)", page)
    if found is None:
        raise NoData(f"/server-status?auto does not say {name}")
    return int(found[1])


@measure(STATUS.text)
def busy(page: str) -> Measured:
    """Connections in use, in % of those there are."""
    used = figure(page, "BusyServers")
    return share(used, used + figure(page, "IdleServers"), "connections")


@check(
    "lighttpd.answers",
    STATUS.code,
    stays=equals(200),
    name="lighttpd",
    cause="it was stopped, or does not start with its configuration",
    action="lighttpd -tt -f /etc/lighttpd/lighttpd.conf; then systemctl start lighttpd",
    runbook="lighttpd",
    every="30s",
)
@check(
    "lighttpd.release",
    RELEASE.code,
    stays=equals(200),
    name="The release that is downloaded",
    cause="the file was moved away, or may not be read",
    action="ls -l in the folder of downloads; publish the release again",
    runbook="lighttpd",
    requires=["lighttpd.answers"],
)
@check(
    "lighttpd.busy",
    busy,
    stays=below(80, percent, warning=80, critical=95),
    name="Connections in use",
    cause="many slow downloads at a time",
    action="raise server.max-connections, or take slow clients off earlier (server.max-write-idle)",
    runbook="lighttpd",
)
def test_it_serves(verdict):
    """It answers, has the release, and has room."""
    assert verdict.healthy, verdict
