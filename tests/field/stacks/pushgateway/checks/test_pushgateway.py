"""Pushgateway: it answers, no push was refused, and the nightly backup has pushed lately and well."""

from healthgate import (
    Exposition,
    Measured,
    NoData,
    System,
    Unit,
    Url,
    above,
    at_most,
    check,
    equals,
    exactly,
    get,
    measure,
    none,
)
from healthgate.readings import Page


class Pushgateway(System):
    """`url` is its address."""

    name = "pushgateway"
    url: Url


READY = get(Pushgateway, "/-/ready")
METRICS = Exposition(Pushgateway, "/metrics", proven_by="pushgateway.ready")

jobs = Unit("jobs")
hours = Unit("h")
files = Unit("files")


@measure(METRICS)
def refused(page: Page) -> Measured:
    """Jobs whose last push was refused: what they pushed before still stands there, and looks well."""
    last = {one.labels["job"]: one.value for one in page.series("push_time_seconds")}
    failed = {one.labels["job"]: one.value for one in page.series("push_failure_time_seconds")}
    names = sorted(job for job, moment in failed.items() if moment > last.get(job, 0.0))
    return Measured(len(names), ", ".join(names))


def hours_since(name: str):
    """Return how many hours ago the backup's metric of that name says."""

    @measure(METRICS)
    def age(page: Page) -> float:
        moment = page.number(name, job="backup")
        if moment > page.at:
            raise NoData(f"{name} lies in the future")
        return round((page.at - moment) / 3600, 1)

    return age


@check(
    "pushgateway.ready",
    READY.code,
    stays=equals(200),
    name="Pushgateway",
    cause="it was stopped, or its file of kept metrics cannot be read",
    action="systemctl restart prometheus-pushgateway; what it did not keep comes with the next pushes",
    runbook="pushgateway",
    every="30s",
)
@check(
    "pushgateway.refused",
    refused,
    stays=none(jobs, warning=0),
    name="Jobs whose last push was refused",
    cause="two jobs push one metric with different types, or a job pushes what is no metric",
    action="the log names the metric; delete the group of the job that is wrong, and let it push again",
    runbook="pushgateway",
)
def test_it_takes_pushes(verdict):
    """It answers, and refused nobody."""
    assert verdict.healthy, verdict


@check(
    "pushgateway.backup.pushed",
    hours_since("push_time_seconds"),
    stays=at_most(26, hours, warning=26),
    name="Hours since the backup pushed",
    cause="the backup does not run any more, or does not reach the Pushgateway: what stands there is old",
    action="see when the job last ran, and what it said",
    runbook="pushgateway",
)
@check(
    "pushgateway.backup.succeeded",
    hours_since("backup_last_success_timestamp_seconds"),
    stays=at_most(26, hours, critical=26),
    name="Hours since the backup succeeded",
    cause="the backup runs and fails",
    action="run it by hand, and read what it says",
    runbook="pushgateway",
)
@check(
    "pushgateway.backup.files",
    METRICS["backup_files"].labelled(job="backup"),
    stays=above(0, files, critical=exactly(0)),
    name="Files in the backup",
    cause="what should be saved was not mounted",
    action="mount it, and run the backup again",
    runbook="pushgateway",
)
def test_the_backup_ran(verdict):
    """Last night's backup succeeded, and holds something."""
    assert verdict.healthy, verdict
