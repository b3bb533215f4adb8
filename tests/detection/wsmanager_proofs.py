"""Claims about the WebSocket manager that break it to be proven, measured from outside as everything is."""

import re
import socket
import time
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import connect

from tests.detection.cell import Fault, fault
from tests.detection.proof import Measure, Measurement, Proof, beside
from tests.detection.wsmanager import DEFAULT, PAGE
from tests.lab_process import RunningLab, wait_until

QUIET_WITHIN_S = 20.0
TOLD_WITHIN_S = 5.0
"""Half a minute of production, and time to ask on a machine that is busy, s."""
COUNTED_WITHIN_S = 5.0
PATIENCE_S = 15.0
HOPELESS_S = 4.0
"""How much longer than its time an alert is waited for: usually, and where it should not fire, s."""
EVALUATIONS_S = 2.0
"""How much later than its time an alert may fire: two evaluations, a scrape, and a machine that is busy, s."""


def head(lab: RunningLab) -> int:
    return lab.send("HEAD", lab.url("wsmanager") + DEFAULT)[0]


def told_by_head(lab: RunningLab) -> Measurement:
    """The manager becomes unhealthy and well again: what HEAD answers."""
    handle = lab.fault("F.wsm.unhealthy")
    ill = _reached(lambda: head(lab) == 503, TOLD_WITHIN_S)
    lab.heal(handle)
    well = _reached(lambda: head(lab) == 200, TOLD_WITHIN_S)
    return Measurement(
        ill and well, f"{'503' if ill else 'no 503'} while ill, {'200' if well else 'no 200'} afterwards"
    )


def _reached(condition: Callable[[], bool], within_s: float) -> bool:
    try:
        wait_until(condition, within_s, "it is so")
    except AssertionError:
        return False
    return True


def counts(lab: RunningLab) -> tuple[int, int, int]:
    """Streams active, created and cleaned up."""
    text = str(lab.get("wsmanager", PAGE)[1])
    names = ("active_connections", "stream_creations_total", "stream_cleanups_total")
    active, created, cleaned = (re.search(rf"(?m)^ws_manager_{name}\{{.*\}} (\d+)$", text) for name in names)
    assert active
    assert created
    assert cleaned
    return int(active[1]), int(created[1]), int(cleaned[1])


def lifecycle(lab: RunningLab) -> Measurement:
    """While nobody else comes, one stream is opened and closed: what is counted."""
    handle = lab.fault("F.wsm.no_clients")
    try:
        seen: list[tuple[int, int, int]] = []

        def is_quiet() -> bool:
            seen.append(counts(lab))
            return len(seen) > 20 and len(set(seen[-20:])) == 1

        wait_until(is_quiet, QUIET_WITHIN_S, "nobody comes or goes")
        active, created, cleaned = seen[-1]
        with connect(f"{lab.variables['LAB_WSMANAGER_STREAM_URL']}?stream=btcusdt@kline_1m", proxy=None):
            opened = _reached(lambda: counts(lab) == (active + 1, created + 1, cleaned), COUNTED_WITHIN_S)
        closed = opened and _reached(lambda: counts(lab) == (active, created + 1, cleaned + 1), COUNTED_WITHIN_S)
    finally:
        lab.heal(handle)
    words = [f"{'' if held else 'not '}counted when {when}" for held, when in ((opened, "opened"), (closed, "closed"))]
    return Measurement(opened and closed, ", ".join(words))


def rules(lab: RunningLab) -> dict[str, Any]:
    answer = lab.send("GET", lab.variables["LAB_PROMETHEUS_URL"] + "/api/v1/rules")[1]
    return {rule["name"]: rule for group in answer["data"]["groups"] for rule in group["rules"]}


def alert_fires(lab: RunningLab, broken: Fault | None, *, name: str, cause: Fault) -> Measurement:
    """What an alert warns of lasts for its time: whether it is pending, then fires, not too early, and ends."""
    lasting = float(rules(lab)[name]["duration"])
    handles = [lab.fault(broken.id, **broken.parameters)] if broken else []
    states: list[tuple[float, str]] = []

    def state() -> str:
        states.append((time.monotonic(), str(rules(lab)[name]["state"])))
        return states[-1][1]

    try:
        wait_until(lambda: state() == "inactive", 20, "the alert rests")
        states.clear()
        handles.append(lab.fault(cause.id, **cause.parameters))
        fired = _reached(lambda: state() == "firing", lasting + (HOPELESS_S if broken else PATIENCE_S))
    finally:
        for handle in reversed(handles):
            lab.heal(handle)
    if not fired:
        return Measurement(False, f"it was {', then '.join(dict.fromkeys(one for _, one in states))}, and did not fire")
    ended = _reached(lambda: state() == "inactive", 60)
    order = [one for one, _ in groupby(one for _, one in states)]
    pending = next((at for at, one in states if one == "pending"), states[-1][0])
    firing = next(at for at, one in states if one == "firing")
    waited = firing - pending
    timely = lasting - 1.0 <= waited <= lasting + EVALUATIONS_S
    seen = f"{', then '.join(order)}; pending for {waited:.0f} s"
    right = order[-3:] == ["pending", "firing", "inactive"]
    return Measurement(right and timely and ended, seen)


BURST, SCRAPES = 90, 5


def rate_limit(lab: RunningLab) -> Measurement:
    """A second client asks too often, while the first goes on asking as a scraper does."""
    refused = statuses(lab, "127.0.0.5", BURST).count(429)
    scraped = statuses(lab, "127.0.0.1", SCRAPES)
    seen = f"{refused} of {BURST} refused, the scraper got {', '.join(map(str, dict.fromkeys(scraped)))}"
    return Measurement(refused > 0 and set(scraped) == {200}, seen if refused else f"none of {BURST} refused")


def statuses(lab: RunningLab, source: str, requests: int) -> list[int]:
    """Send requests one behind the other on one connection; returns the status of each."""
    parts = urlsplit(lab.url("wsmanager"))
    found = []
    with socket.create_connection((str(parts.hostname), parts.port or 0), 10, (source, 0)) as connection:
        connection.sendall(f"HEAD {PAGE} HTTP/1.1\r\nHost: lab\r\n\r\n".encode() * requests)
        stream = connection.makefile("rb")
        for _ in range(requests):
            found.append(int(stream.readline().split()[1]))
            while stream.readline().strip():
                pass
    return found


CAUSES = {
    "WSManagerServiceDown": fault("F.http.down", service="wsmanager"),
    "WSManagerConnectionLeak": fault("F.wsm.leak", connections=110),
    "WSManagerHighRetryRate": fault("F.wsm.retry", per_second=1.5, log=False),
    "WSManagerCleanupLag": fault("F.wsm.cleanup_skip", streams=30),
    "WSManagerCanaryRollback": fault("F.wsm.staging", error_percent=25, rollback_disabled=True),
}
"""What each alert warns of, really caused."""


def _of_alert(name: str, cause: Fault) -> Measure:
    return partial(alert_fires, name=name, cause=cause)


PROOFS: dict[str, Proof] = {
    "wsmanager.head.unhealthy_503": Proof(
        "when the manager is unhealthy, HEAD says so, and no longer once it is well",
        "503 within half a minute of production, then 200 within another",
        beside(told_by_head),
        fault("F.wsm.head_stuck_200"),
    ),
    "wsmanager.live.lifecycle": Proof(
        "a stream that is opened and closed is counted when it is opened, open and cleaned up",
        "within 5 s each",
        beside(lifecycle),
        fault("F.wsm.no_count"),
    ),
    **{
        f"wsmanager.prom.rules_fire[{name}]": Proof(
            f"{name} fires when what it warns of lasts, not before, and ends with it",
            "pending, then firing after its time and two evaluations at most, then inactive",
            _of_alert(name, cause),
            fault("F.mp.rule_expr", rule=name),
        )
        for name, cause in CAUSES.items()
    },
    "wsmanager.security.rate_limit": Proof(
        "a client that asks too often is refused, and a scraper is not",
        "429 for some of a burst, 200 for every scrape",
        beside(rate_limit),
        fault("F.wsm.limit_off"),
    ),
}
"""The P3 rows of the WebSocket manager."""
