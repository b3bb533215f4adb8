"""The scrape job of the manager as the file of the monitoring has it (spec 4.4)."""

from checks.wsmanager import JOB, ROUTE
from healthgate import Facts, prometheus_seconds, shown
from healthgate.duration import spoken

EVERY = 30.0
"""Seconds of production between two scrapes."""

BY_DEFAULT = "1m"
"""How often a Prometheus scrapes where nothing says so."""


def job_of(configuration: Facts) -> Facts | None:
    """Return the scrape job of a configuration, or of a list of jobs; None where it is not there."""
    jobs = configuration.elements() if isinstance(configuration.raw, list) else configuration.elements("scrape_configs")
    return next((one for one in jobs if one.has("job_name") and one.at("job_name").raw == JOB), None)


def job_deviations(job: Facts, configuration: Facts, scale: float) -> list[str]:
    """Return in what ways a job does not scrape as documented: path, parameter, interval."""
    path = job.text("metrics_path") if job.has("metrics_path") else "/metrics"
    asked = [one.raw for one in job.elements("params.format")] if job.has("params.format") else []
    every = interval(job, configuration) * scale
    found = []
    if path != ROUTE:
        found.append(f"it asks for {path}, not {ROUTE}")
    if asked != ["prometheus"]:
        found.append(f"it asks for format {', '.join(map(shown, asked)) or 'as the route likes'}, not for prometheus")
    if round(every, 3) != EVERY:
        found.append(f"it scrapes every {spoken(round(every, 3))}, not every {spoken(EVERY)}")
    return found


def interval(job: Facts, configuration: Facts) -> float:
    """Return how often a job scrapes, in seconds: as it says itself, else as is said for all, else by default."""
    for node, path in ((job, "scrape_interval"), (configuration, "global.scrape_interval")):
        if isinstance(node.raw, dict) and node.has(path):
            return prometheus_seconds(node.text(path))
    return prometheus_seconds(BY_DEFAULT)
