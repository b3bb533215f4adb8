"""What happened in one cleanup after the other, up to now: they failed, or they filled their batch."""

from checks.sse import FALLING, LOG, MONITORING
from healthgate import TIME_SCALE, Facts, Measured, NoData, Source, counter, measure, together, tried
from healthgate.duration import roughly
from healthgate.readings import Growth, Line, Log

STATS = MONITORING.at("cleanup_stats")

SILENT_AFTER = 900.0
"""Seconds without a line after which a log says nothing of now."""

OVER = "11m"
"""Time over which counters are followed: ten cleanups of the documented interval, and one that is late."""


@measure()
def no_log() -> NoData:
    """Stand for a log that an environment may leave out."""
    return NoData("there is no log")


WRITTEN: Source = tried(LOG).otherwise(no_log)
"""The log, or why there is none."""

CLEANUPS, ERRORS, CLEANED = (
    counter(STATS[name]) for name in ("total_cleanups", "cleanup_errors", "total_connections_cleaned")
)


@measure(LOG, TIME_SCALE)
def failures_in_the_log(log: Log, scale: float) -> Measured:
    """Cleanups that failed since the last one that did not, as the log has them."""
    log.written_within(SILENT_AFTER / scale)
    cycles = log.lines("cycle")
    if not cycles:
        raise NoData("the log has no line about a cycle of the cleanup", "sse.log.periodic_cycle")
    failed = [line for line in log.lines("error") if line.at > cycles[0].at]
    return Measured(len(failed), f"since the cleanup {roughly(log.at - cycles[0].at)} ago, as logged")


@measure(together(ERRORS, CLEANUPS, over=OVER, explained_by=FALLING))
def failures_counted(grown: tuple[Growth, Growth]) -> Measured:
    """Cleanups of a while if all of them failed, else none: one that did not ends the row."""
    errors, cleanups = (round(one.increase) for one in grown)
    if cleanups < 1:
        raise NoData(f"no cleanup was counted ({grown[1]}), so none can have failed after another")
    return Measured(errors if errors >= cleanups else 0, f"{errors} of {grown[1]}")


@measure(STATS, tried(failures_in_the_log.otherwise(no_log)), tried(failures_counted))
def failed_in_a_row(stats: Facts, logged: Measured | NoData, counted: Measured | NoData) -> Measured:
    """Cleanups that failed one after the other: as the service says, else as it logs, else as it counts."""
    if stats.has("consecutive_errors"):
        return Measured(stats.integer("consecutive_errors"))
    return first(logged, counted)


@measure(LOG, TIME_SCALE)
def full_in_the_log(log: Log, scale: float) -> Measured:
    """The newest cleanups that took as many connections as they may, up to one that did not."""
    log.written_within(SILENT_AFTER / scale)
    newest = log.lines("cleanup")
    if not newest:
        raise NoData("the log has no line about a cleanup", "sse.log.periodic_cycle")
    row = next((number for number, line in enumerate(newest) if not is_full(line)), len(newest))
    last = newest[0].groups
    return Measured(row, f"the last took {last['cleaned']} of {last['batch']}, with {last['stale']} stale before it")


def is_full(line: Line) -> bool:
    """Whether a cleanup took as many connections as its batch holds."""
    return float(line.groups["cleaned"]) >= float(line.groups["batch"])


@measure(together(CLEANED, CLEANUPS, over=OVER, explained_by=FALLING), MONITORING.at("configuration"))
def full_as_counted(grown: tuple[Growth, Growth], configuration: Facts) -> Measured:
    """Cleanups of a while if all together took what so many batches hold, else none."""
    cleaned, cleanups = (round(one.increase) for one in grown)
    batch = configuration.integer("cleanup_batch_size")
    if cleanups < 1:
        raise NoData(f"no cleanup was counted ({grown[1]}), so none can have been full")
    said = f"{cleaned} connections in {cleanups} cleanups of {batch} each"
    return Measured(cleanups if cleaned >= cleanups * batch else 0, said)


@measure(tried(full_in_the_log.otherwise(no_log)), tried(full_as_counted))
def full_in_a_row(logged: Measured | NoData, counted: Measured | NoData) -> Measured:
    """Cleanups that filled their batch one after the other: as logged, else as counted."""
    return first(logged, counted)


def first(logged: Measured | NoData, counted: Measured | NoData) -> Measured:
    """Return what is logged, else what is counted; NoData where neither is known."""
    if not isinstance(logged, NoData):
        return logged
    if isinstance(counted, NoData):
        raise counted
    return counted
