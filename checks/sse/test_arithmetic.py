"""Do the cleanup figures agree with each other, and do counters only grow?"""

from checks.findings import Findings, listed
from checks.sse import METRICS, MONITORING
from checks.sse.written import PROCESS_START
from healthgate import WARNING, Facts, Measured, NoData, Source, check, each, equals, falling, measure, share, tried
from healthgate.readings import Answer, Page

STATS = MONITORING.at("cleanup_stats")
PERFORMANCE = MONITORING.at("performance_metrics")

COUNTERS = ("total_cleanups", "total_connections_cleaned", "cleanup_errors", "failed_connections")


def derived(stats: Facts) -> dict[str, Measured]:
    """Return what each derived figure should be, and what of."""
    cleanups, cleaned, errors, failed = (stats.integer(name) for name in COUNTERS)
    per_cleanup = cleaned / cleanups if cleanups else 0.0
    return {
        "error_rate": share(errors, cleanups, "cleanups failed", of_nothing=0),
        "connection_failure_rate": share(failed, cleaned + failed, "connections failed", of_nothing=0),
        "connections_per_cleanup": Measured(per_cleanup, f"{cleaned} cleaned in {cleanups} cleanups"),
        "cleanup_efficiency_rate": share(cleaned, cleaned + failed, "connections cleaned", of_nothing=100),
    }


def follows(figure: Source, name: str, tolerated: float) -> Source:
    """Return whether a figure follows from the counters."""

    @measure(figure, STATS)
    def agrees(told: Facts, stats: Facts) -> Measured:
        said, of = told.number(), derived(stats)[name]
        expected = float(of.value)
        words = f"{name} is {said:g}; {of.detail} make {expected:.5g}"
        return Measured(round(abs(said - expected), 6) <= tolerated, words)

    return agrees


@each(
    check(
        f"sse.cleanup.arithmetic[{parameter}]",
        follows(block[name], name, tolerated),
        stays=equals(True, otherwise=WARNING),
        name=f"{title} against the counters",
        cause="the formula changed, or the figure is of another moment than the counters",
        action="file a bug for this service with both figures; believe the counters until then",
        runbook="broken-contract",
        every="5m",
    )
    for parameter, block, name, title, tolerated in (
        ("error_rate", STATS, "error_rate", "Error rate of the cleanups", 0.1),
        ("connection_failure_rate", STATS, "connection_failure_rate", "Failure rate of the connections", 0.1),
        ("per_cleanup", STATS, "connections_per_cleanup", "Connections per cleanup", 0.01),
        ("efficiency", PERFORMANCE, "cleanup_efficiency_rate", "Efficiency of the cleanups", 0.1),
    )
)
def test_derived_figures(verdict):
    """What is derived follows from what is counted."""
    assert verdict.healthy, verdict


TWINS = {"cleanup_error_rate": "error_rate", "connections_cleaned_per_operation": "connections_per_cleanup"}
"""Figures of the performance block, and where they stand in the cleanup block."""


@measure(STATS, PERFORMANCE)
def blocks_agree(stats: Facts, performance: Facts) -> Measured:
    """Whether the performance block repeats the figures of the cleanup block."""
    found = Findings()
    for there, here in TWINS.items():
        with found.examining():
            said, told = performance.number(there), stats.number(here)
            found.expect(round(abs(said - told), 6) <= 0.05, f"{there} is {said:g}, {here} is {told:g}")
    if found.doubts and not found.offenders:
        raise NoData(listed(found.doubts))
    return Measured(not found.offenders, listed(found.offenders))


EXPOSED = ("sse_cleanup_total", "sse_total_connections_cleaned", "sse_cleanup_errors_total")
"""The same counters on the metrics page, which says when the process began that counts."""

FELL = falling(*(METRICS[name] for name in EXPOSED), over="5m")


@measure(MONITORING, MONITORING.again, tried(METRICS), tried(METRICS.again), tried(FELL))
def counters_only_grow(
    first: Answer, second: Answer, page: Page | NoData, later: Page | NoData, fell_since: Measured | NoData
) -> Measured:
    """Whether no counter fell without a restart: between two looks, and on the metrics page in five minutes."""
    before, after = (answer.body().at("cleanup_stats") for answer in (first, second))
    fell = [name for name in COUNTERS if after.integer(name) < before.integer(name)]
    words = listed([f"{name} fell from {before.integer(name)} to {after.integer(name)}" for name in fell])
    if not fell:
        said = f"in {second.at - first.at:.1f} s"
        earlier = fell_since.detail if isinstance(fell_since, Measured) else ""
        return Measured(not earlier, earlier or said)
    if isinstance(page, NoData) or isinstance(later, NoData) or not {PROCESS_START} <= page.names & later.names:
        raise NoData(f"{words}, and nobody says whether the service was restarted", "sse.prometheus.valid")
    restarted = page.number(PROCESS_START) != later.number(PROCESS_START)
    return Measured(restarted, f"{words}, {'after' if restarted else 'without'} a restart")


@check(
    "sse.cleanup.performance_block",
    blocks_agree,
    stays=equals(True, otherwise=WARNING),
    name="Performance block against cleanup block",
    cause="the same figures are computed in two places",
    action="file a bug for this service with both figures",
    runbook="broken-contract",
    every="5m",
)
@check(
    "sse.counters.monotonic",
    counters_only_grow,
    stays=equals(True, otherwise=WARNING),
    name="The cleanup counters only grow",
    cause="counters are reset by code: every rate of them is wrong",
    action="file a bug for this service with both figures; believe no rate until then",
    runbook="broken-contract",
    every="2m",
)
def test_figures(verdict):
    """The same figure is the same everywhere, and counters count upward."""
    assert verdict.healthy, verdict
