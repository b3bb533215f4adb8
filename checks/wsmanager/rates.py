"""How often something happens at an instance: as Prometheus has recorded it, else as its page was seen (spec 4.5)."""

from contextlib import suppress

from checks.wsmanager import CREATED, ERRORS, RETRIES, SERVER, grown
from healthgate import Exposition, Measured, NoData, Source, measure, tried
from healthgate.readings import Growth, Page, Vector

RECORDED = {RETRIES: "retry_rate", ERRORS: "error_rate", CREATED: "creation_rate"}
"""What Prometheus records of each counter, a second of production, for each instance (spec 4.5)."""

Rates = tuple[float, float]
"""How often something happens in a second, and how often a stream is created."""


def rates(page: Exposition, environment: str, counter: str, over: str) -> Source:
    """Return the Rates of an instance: over the whole time as Prometheus has recorded them, else as far as was seen."""
    seen = grown(page, environment, counter, CREATED, over=over)
    recorded = [
        tried(SERVER.recent(f"ws_manager:{RECORDED[name]}_{over}", within="90s")) for name in (counter, CREATED)
    ]

    @measure(seen)
    def as_seen(grown_by: tuple[Growth, Growth]) -> Rates:
        counted, created = grown_by
        return counted.rate, created.rate

    @measure(*recorded, tried(as_seen))
    def known(counted: Vector | NoData, created: Vector | NoData, looked: Rates | NoData) -> Rates:
        if isinstance(counted, Vector) and isinstance(created, Vector):
            with suppress(NoData):
                return counted.number(environment=environment), created.number(environment=environment)
        if isinstance(looked, NoData):
            raise looked
        return looked

    return known.otherwise(as_seen)


def with_errors_counted(by_errors: Source, by_signals: Source, *pages: Exposition) -> Source:
    """Return what is read of errors, or of the documents' own signals where a page counts no errors.

    No document names a metric of errors; what they name is how often streams retry, and the health check.
    """

    @measure(tried(by_errors), tried(by_signals), *map(tried, pages))
    def told(errors: Measured | NoData, signals: Measured | NoData, *seen: Page | NoData) -> Measured:
        if not isinstance(errors, NoData):
            return errors
        if not any(isinstance(page, Page) and ERRORS not in page.names for page in seen):
            raise errors
        if isinstance(signals, NoData):
            raise signals
        return signals

    return told.otherwise(by_signals)
