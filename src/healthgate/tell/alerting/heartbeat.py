"""Two alerts that tell when runs stop: one that the next run must renew, and one that it holds back meanwhile.

`HealthgateHeartbeat` ends after the duration that was asked for, unless the next run renews it. As long as it fires,
Alertmanager inhibits `HealthgateRunsStopped`. Once runs stop, the first ends, and the second is told to people.

When runs resume, those people must be told that it is over. An inhibited alert is told to nobody, resolved or not, so
the new heartbeat must not hold back the old alert: each pair has a label of its own, `armed`.
"""

from collections.abc import Iterable, Iterator, Mapping

from healthgate import duration
from healthgate.duration import spoken
from healthgate.judge.series import bounded
from healthgate.tell.account import ALL
from healthgate.tell.alerting.alert import FAR, JOB, Alert
from healthgate.tell.alerting.concern import RUNS
from healthgate.tell.alerting.plan import Holding, Parcel
from healthgate.tell.results import moment

HEARTBEAT, STOPPED = "HealthgateHeartbeat", "HealthgateRunsStopped"

CURE = f"it needs the inhibit rule {HEARTBEAT} of monitoring/alertmanager.yaml"

LONGEST = 365 * 86400.0
"""The longest duration, in seconds, after which runs may be missed."""

MARGIN = 10.0
"""Seconds before its end in which a heartbeat is taken for ended: by the time it is renewed, it might be."""


def problem(text: str) -> str | None:
    """Say what is wrong with the duration of a heartbeat, or None."""
    try:
        found = duration.seconds(text)
    except ValueError as error:
        return str(error)
    if not 0 < found <= LONGEST:
        return f"{text}: expected more than nothing and at most 365d"
    return None


def is_one(alert: Alert) -> bool:
    """Whether an alert is one of the pair."""
    return alert.labels.get("alertname") in {HEARTBEAT, STOPPED}


def parcel(environment: str, selection: str, lasting: float, holdings: Iterable[Holding], now: float) -> list[Parcel]:
    """Return for each Alertmanager what keeps the alarm about this environment and selection from going off.

    `lasting` is how long, in seconds, runs may be silent.
    """
    several = [_narrowed(holding, environment, selection) for holding in holdings]
    armed = _armed(several, lasting, now)
    labels = {
        "job": JOB,
        "environment": bounded(environment),
        "selection": bounded(selection),
        "armed": armed,
        "system": RUNS,
    }
    made = []
    for mine in several:
        beat = Alert({"alertname": HEARTBEAT, "severity": "none", **labels}, now, now + lasting)
        of_alert = {"alertname": STOPPED, "severity": "critical", "state": "unknown", "root": STOPPED, **labels}
        # What has fired for longer than group_wait, Alertmanager tells at once after a restart, perhaps before it has
        # seen the heartbeat: so the alert begins anew with every run.
        stopped = Alert(of_alert, now, now + lasting + FAR, _said(environment, selection, lasting, now))
        over = [one for one in mine.open if one.labels["alertname"] == STOPPED and one.key != stopped.key]
        said = {"summary": f"[ok] the checks of {environment} run again"}
        made.append(Parcel((beat, stopped), tuple(one.resolved(now, said, None) for one in over)))
    return made


def held_back(held: Iterable[Alert]) -> Iterator[Alert]:
    """Yield the alerts that a living heartbeat does not hold back although it should: the inhibit rule is missing."""
    found = [one for one in held if is_one(one)]
    beats = {_pair(one) for one in found if one.labels["alertname"] == HEARTBEAT}
    yield from (
        one for one in found if one.labels["alertname"] == STOPPED and _pair(one) in beats and not one.inhibited
    )


def _pair(one: Alert) -> tuple[str | None, ...]:
    return tuple(one.labels.get(name) for name in ("environment", "selection", "armed"))


def _narrowed(holding: Holding, environment: str, selection: str) -> Holding:
    scope = (bounded(environment), bounded(selection))

    def ours(alerts: Iterable[Alert]) -> list[Alert]:
        found = [one for one in alerts if is_one(one) and "armed" in one.labels]
        return [one for one in found if (one.labels.get("environment"), one.labels.get("selection")) == scope]

    return Holding(ours(holding.told), None if holding.held is None else ours(holding.held))


def _armed(several: Iterable[Holding], lasting: float, now: float) -> str:
    """Return since when the pair is armed: as before where it lived on, wherever it is held, else now.

    A heartbeat that ends later than the new one would is left to end: Alertmanager does not let it be shortened.
    """
    ends, longest = now + min(MARGIN, lasting / 10), now + lasting + MARGIN
    alive: set[str] = set()
    dead: set[str] = set()
    for mine in several:
        held = list(mine.held or ())
        # What an Alertmanager holds counts for more than what it was told, unless it has forgotten the whole pair.
        known = [*held, *(one for one in mine.told if one.labels["armed"] not in _of(STOPPED, held))]
        beats = _of(HEARTBEAT, (one for one in known if ends < one.ends < longest))
        alive |= beats
        dead |= _of(STOPPED, known) - beats
    return max(alive - dead, default=str(moment(now)))


def _of(name: str, alerts: Iterable[Alert]) -> set[str]:
    """Return since when the alerts of this name are armed."""
    return {one.labels["armed"] for one in alerts if one.labels["alertname"] == name}


def _said(environment: str, selection: str, lasting: float, now: float) -> Mapping[str, str]:
    confined = "" if selection == ALL else f" ({selection})"
    return {
        "summary": f"[unknown] the checks of {environment} no longer run",
        "description": f"the last run{confined} was at {moment(now)}; there should be one every {spoken(lasting)}",
        "cause": "what starts the runs, the machine they run on, or its way to Alertmanager",
        "action": "see whether runs still start, and how the last one ended",
    }
