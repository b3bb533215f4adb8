"""The alert rules of the manager: for how long each waits, how bad it is, and what it stands for (spec 4.5)."""

from dataclasses import dataclass

from checks.wsmanager import PRODUCTION, STAGING


@dataclass(frozen=True)
class AlertRule:
    """One alert. `lasting` is its `for` in seconds of production, `of` the instances that must be scraped for it.

    `stands_for` are the checks that judge the same without a Prometheus.
    """

    lasting: float
    severity: str
    stands_for: tuple[str, ...]
    of: tuple[str, ...] = (PRODUCTION,)


ALERTS = {
    # it watches the scrape itself: that nothing is scraped is what it fires for
    "WSManagerServiceDown": AlertRule(60, "critical", ("wsmanager.service.down",), of=()),
    "WSManagerConnectionLeak": AlertRule(300, "critical", ("wsmanager.connections.leak",)),
    "WSManagerHighRetryRate": AlertRule(120, "warning", ("wsmanager.retry.rate",)),
    "WSManagerCleanupLag": AlertRule(900, "warning", ("wsmanager.cleanup.lag",)),
    "WSManagerCanaryRetryRegression": AlertRule(
        300, "warning", ("wsmanager.canary.retry_ratio",), of=(PRODUCTION, STAGING)
    ),
    "WSManagerCanaryRollback": AlertRule(
        180, "critical", ("wsmanager.canary.rollback", "wsmanager.canary.error_rate"), of=(STAGING,)
    ),
}
