"""Values just inside and just outside every line, sent as the systems would send them.

The cells prove that a check turns red; edges prove that it does so at its line and nowhere else. Only the state
of the named checks is looked at: what else an altered member contradicts is the cells' business.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from healthgate.claim.state import State
from tests.detection.bench import DEADLINE, Bench, Look
from tests.detection.cell import SHOWS_WITHIN_S, Fault, Injection, Token, fault
from tests.detection.gateway import QUICK_HEALTH, ROUTES, SUMMARY
from tests.detection.market import COMPREHENSIVE, MARKET_DATA, REDIS_CLUSTER, SAMPLE, WEBSOCKET
from tests.detection.sse import MONITORING, STREAM, listed, set_to, shifted

OK, MISSED, WARNING, CRITICAL = State.OK, State.MISSED, State.WARNING, State.CRITICAL


LASTS_WITHIN_S = 90.0
"""Seconds within which what has to last for a quarter of an hour of production, 15 s here, has lasted."""

SSE = frozenset({"sse"})

BRIEF_S = 0.65
"""Seconds a brief fault lasts: there at the first read of a run and gone at the second, which is 0.7 s later."""

COUNTED_S = 1.2
"""Seconds a brief fault lasts that only the first read has to find; over before the next look."""

SHOWN_WITHIN_S = 60.0
"""Seconds within which some look has seen each edge of a visit as declared: each may be missed by a look that is late,
and what is counted in a log is so for a quarter of an hour of production, 15 s here."""

HEALS_WITHIN_S = 90.0
"""Seconds within which all is well again after several edges: what is counted in a log is so for an hour, a minute
here."""


@dataclass(frozen=True)
class Edge:
    """An injection and the states it brings these checks to; `brief` faults are lifted while the run still looks.

    `between` are bounds the value of every check has to lie between, for figures that cannot be set exactly.
    `disturbs` are the systems no other figure of which can be relied on meanwhile.
    """

    injection: Injection
    expected: Mapping[str, State]
    brief: tuple[Fault, ...] = ()
    brief_s: float = BRIEF_S
    between: tuple[float, float] | None = None
    disturbs: frozenset[str] = frozenset()
    shows_within_s: float = SHOWS_WITHIN_S

    @property
    def touches(self) -> set[str]:
        """What its faults act on: a figure, a log, a certificate."""
        return self.injection.touches | {one.place for one in self.brief}

    def disturbed_by(self, other: "Edge") -> bool:
        """Whether this edge and another cannot be seen at the same time."""
        systems, others = ({check.partition(".")[0] for check in edge.expected} for edge in (self, other))
        return bool(
            self.touches & other.touches
            or set(self.expected) & set(other.expected)
            or self.disturbs & (others | other.disturbs)
            or other.disturbs & systems
        )

    def as_declared(self, look: Look) -> bool:
        """Whether every check is in its state, and its value between the bounds."""
        return all(look.states[check] is state for check, state in self.expected.items()) and all(
            self.between is None or self.between[0] < cast("float", look.values[check]) < self.between[1]
            for check in self.expected
        )


@dataclass
class Sighting:
    """What was seen at an edge."""

    edge: Edge
    during: Look
    healed: bool
    took_s: float = field(compare=False, default=0.0)

    @property
    def wrong(self) -> list[str]:
        """Checks that were in another state than declared."""
        return [check for check, state in self.edge.expected.items() if self.during.states[check] is not state]

    @property
    def complaints(self) -> list[str]:
        """Say what was not as declared, a sentence each."""
        found = [
            f"{check} should be {self.edge.expected[check]} and is {self.during.states[check]}:"
            f" {self.during.reasons[check]}"
            for check in self.wrong
        ]
        return found if self.healed else [*found, "it did not heal"]


@dataclass(frozen=True)
class Visit:
    """A job: bring the lab to several edges that have nothing to do with each other, look, and bring it back.

    Each edge is seen in the first look that shows it as declared.
    """

    edges: tuple[Edge, ...]

    def __call__(self, bench: Bench) -> list[Sighting]:
        """Visit them."""
        began = time.monotonic()
        faults = tuple(one for edge in self.edges for one in edge.injection.faults)
        given = {name: value for edge in self.edges for name, value in edge.injection.given.items()}
        within_s = max(SHOWN_WITHIN_S, *(edge.shows_within_s for edge in self.edges))
        asked_for = {check for edge in self.edges for check in edge.expected}
        seen: dict[int, Look] = {}
        bench.settle(asked_for)

        def all_seen(look: Look) -> bool:
            for number, edge in enumerate(self.edges):
                if number not in seen and edge.as_declared(look):
                    seen[number] = look
            return len(seen) == len(self.edges)

        with bench.suffering(Injection(faults)):
            last = bench.until(
                all_seen, bench.patience(within_s), given, before=self.cause_briefly(bench), only=asked_for
            )
        healed = not bench.recovered(bench.patience(HEALS_WITHIN_S), asked_for).not_ok
        took_s = time.monotonic() - began
        return [Sighting(edge, seen.get(number, last), healed, took_s) for number, edge in enumerate(self.edges)]

    def cause_briefly(self, bench: Bench) -> Callable[[], None]:
        """Return what causes the brief faults before a look."""

        def cause() -> None:
            for edge in self.edges:
                for one in edge.brief:
                    wanted = {"id": one.id, "params": dict(one.parameters), "ttl_s": edge.brief_s}
                    bench.lab.control("POST", "/__lab/faults", wanted)

        return cause


def visits(edges: Iterable[Edge]) -> list[Visit]:
    """Return as few visits as edges can be seen in without disturbing each other."""
    found: list[list[Edge]] = []
    for edge in edges:
        company = next((some for some in found if not any(edge.disturbed_by(one) for one in some)), None)
        if company is None:
            found.append([edge])
        else:
            company.append(edge)
    return [Visit(tuple(some)) for some in found]


@dataclass(frozen=True)
class Figure:
    """A number in a body, and the state of its check at each value."""

    service: str
    path: str
    pointer: str
    states: Mapping[float, State]

    def set(self, value: float) -> Fault:
        """Return the fault that sends this value."""
        return put(self.service, self.path, self.pointer, value)


def put(service: str, path: str, pointer: str, value: object) -> Fault:
    return fault("F.json.set", service=service, path=path, pointer=pointer, value=value)


POOL = "/data/connection_pool"
FRESHNESS = "/data/market_data_diagnostics/data_freshness"

ABOVE_95_80_50 = (
    {95.4: OK, 95: MISSED, 94.6: MISSED}
    | {80.4: MISSED, 80: MISSED, 79.6: WARNING}
    | {50.2: WARNING, 50: WARNING, 49.8: CRITICAL}
)
UPTIME = {99.4: OK, 99: WARNING, 98.6: WARNING}

FIGURES: dict[str, Figure] = {
    "gateway.pool.utilization": Figure(
        "gateway",
        ROUTES["redis_cluster"],
        f"{POOL}/utilization_percent",
        {79.6: OK, 80: MISSED, 80.4: WARNING, 89.6: WARNING, 90: WARNING, 90.4: CRITICAL},
    ),
    "gateway.pool.active_connections": Figure(
        "gateway", ROUTES["redis_cluster"], f"{POOL}/active_connections", {39: OK, 40: WARNING, 41: WARNING}
    ),
    "gateway.pool.success_rate": Figure(
        "gateway",
        ROUTES["redis_cluster"],
        f"{POOL}/connection_success_rate",
        {95.4: OK, 95: MISSED, 94.6: WARNING},
    ),
    "gateway.redis.response_time": Figure(
        "gateway",
        ROUTES["redis_cluster"],
        f"{POOL}/avg_response_time_ms",
        {49.8: OK, 50: MISSED, 50.2: MISSED, 99.6: MISSED, 100: MISSED, 100.4: WARNING},
    ),
    "gateway.market.freshness": Figure(
        "gateway", ROUTES["comprehensive"], f"{FRESHNESS}/freshness_rate", ABOVE_95_80_50
    ),
    "gateway.market.fresh_symbols": Figure(
        "gateway", ROUTES["comprehensive"], f"{FRESHNESS}/fresh_symbols", {1: OK, 0: CRITICAL}
    ),
    "gateway.quick_health.freshness": Figure(
        "gateway", QUICK_HEALTH, "/data/market_data/freshness_rate", {50.3: OK, 50: OK, 49.7: CRITICAL}
    ),
    "gateway.system.memory": Figure(
        "gateway", ROUTES["comprehensive"], "/data/system_resources/memory_mb", {510: OK, 512: WARNING, 514: WARNING}
    ),
    "gateway.system.cpu": Figure(
        "gateway", ROUTES["comprehensive"], "/data/system_resources/cpu_percent", {69.7: OK, 70: WARNING, 70.3: WARNING}
    ),
    "gateway.websocket.uptime": Figure(
        "gateway", ROUTES["websocket_to_redis"], "/data/websocket_status/uptime_percent", UPTIME
    ),
    "gateway.websocket.parse_error_rate": Figure(
        "gateway",
        ROUTES["websocket_to_redis"],
        "/data/websocket_status/parse_error_rate",
        {0.996: OK, 1: WARNING, 1.004: WARNING},
    ),
    "market.redis.ping_time": Figure(
        "market",
        REDIS_CLUSTER,
        "/cluster_health/ping_time_ms",
        {49.8: OK, 50: MISSED, 50.2: WARNING, 99.6: WARNING, 100: CRITICAL, 100.4: CRITICAL},
    ),
    "market.ws.last_message_age": Figure(
        "market", WEBSOCKET, "/connection_status/last_message_age", {29.9: OK, 30: CRITICAL, 30.1: CRITICAL}
    ),
    "market.ws.success_rate": Figure(
        "market",
        WEBSOCKET,
        "/connection_history/success_rate",
        {95.4: OK, 95: MISSED, 94.6: WARNING, 80.4: WARNING, 80: WARNING, 79.6: CRITICAL},
    ),
    "market.ws.connection_failures": Figure(
        "market", WEBSOCKET, "/connection_history/connection_failures", {4: OK, 5: WARNING, 6: WARNING}
    ),
    "market.ws.uptime": Figure("market", WEBSOCKET, "/connection_status/uptime_percent", UPTIME),
    "market.ws.parse_error_rate": Figure(
        "market",
        WEBSOCKET,
        "/performance/parse_error_rate",
        {0.996: OK, 1: MISSED, 1.004: MISSED}
        | {4.98: MISSED, 5: MISSED, 5.02: WARNING}
        | {9.96: WARNING, 10: WARNING, 10.04: CRITICAL},
    ),
    "market.data.freshness_rate": Figure("market", MARKET_DATA, "/data_freshness/freshness_rate", ABOVE_95_80_50),
    "market.data.fresh_symbols": Figure("market", MARKET_DATA, "/data_freshness/fresh_symbols", {1: OK, 0: CRITICAL}),
    "market.data.missing_symbols": Figure(
        "market", MARKET_DATA, "/data_freshness/missing_symbols", {0: OK, 1: WARNING}
    ),
    "market.data.stale_symbols": Figure(
        "market", MARKET_DATA, "/data_freshness/stale_symbols", {1: OK, 2: WARNING, 3: WARNING}
    ),
    "market.system.memory_percent": Figure(
        "market", COMPREHENSIVE, "/system_resources/memory_percent", {79.6: OK, 80: WARNING, 80.4: WARNING}
    ),
    "market.system.memory_rss": Figure(
        "market",
        COMPREHENSIVE,
        "/system_resources/memory_mb",
        {510: OK, 512: MISSED, 514: MISSED, 1019: MISSED, 1024: MISSED, 1029: WARNING},
    ),
    "market.system.cpu": Figure(
        "market",
        COMPREHENSIVE,
        "/system_resources/cpu_percent",
        {69.7: OK, 70: MISSED, 70.3: MISSED, 79.6: MISSED, 80: MISSED, 80.4: WARNING},
    ),
    "market.system.connection_count": Figure(
        "market", COMPREHENSIVE, "/system_resources/connection_count", {199: OK, 200: WARNING, 201: WARNING}
    ),
    "sse.connections.count": Figure(
        "sse", MONITORING, "/connection_stats/active_connections", {1000: OK, 1001: WARNING}
    ),
    "sse.connections.stale": Figure("sse", MONITORING, "/cleanup_stats/stale", {50: OK, 51: WARNING}),
    "sse.connections.very_old": Figure("sse", MONITORING, "/cleanup_stats/very_old", {10: OK, 11: WARNING}),
    "sse.cleanup.error_rate": Figure(
        "sse",
        MONITORING,
        "/cleanup_stats/error_rate",
        {4.98: OK, 5: OK, 5.02: WARNING, 9.98: WARNING, 10: WARNING, 10.05: CRITICAL},
    ),
    "sse.cleanup.consecutive_errors": Figure(
        "sse",
        MONITORING,
        "/cleanup_stats/consecutive_errors",
        {0: OK, 1: MISSED, 2: MISSED, 3: WARNING, 9: WARNING, 10: CRITICAL},
    ),
    "sse.cleanup.efficiency": Figure(
        "sse",
        MONITORING,
        "/performance_metrics/cleanup_efficiency_rate",
        {95.5: OK, 95: OK, 94.5: WARNING, 90.5: WARNING, 90: WARNING, 89.5: CRITICAL},
    ),
    "sse.cleanup.duration": Figure(
        "sse", MONITORING, "/cleanup_stats/last_cleanup_duration_ms", {99.5: OK, 100: OK, 100.5: WARNING}
    ),
    "sse.config.cleanup_interval": Figure(
        "sse",
        MONITORING,
        "/configuration/cleanup_interval_seconds",
        {10: OK, 300: OK, 9.95: WARNING, 301: WARNING},
    ),
    "sse.config.batch_size": Figure(
        "sse", MONITORING, "/configuration/cleanup_batch_size", {1: OK, 100: OK, 0: WARNING, 101: WARNING}
    ),
    "sse.config.stale_vs_ping": Figure(
        "sse", MONITORING, "/configuration/stale_threshold_seconds", {45: OK, 44: WARNING}
    ),
}
"""Rows that read one number: all of them are set at once, the first value of each, then the second, and so on."""


def one_check(check: str, state: State, *faults: Fault, brief: tuple[Fault, ...] = (), disturbs: str = "") -> Edge:
    """Return an edge of one check, during which nothing else of the systems in `disturbs` is looked at."""
    return Edge(Injection(faults), {check: state}, brief, disturbs=frozenset(disturbs.split()))


def _swept() -> list[Edge]:
    found = []
    for number in range(max(len(figure.states) for figure in FIGURES.values())):
        values = {
            check: list(figure.states)[number] for check, figure in FIGURES.items() if number < len(figure.states)
        }
        faults = tuple(FIGURES[check].set(value) for check, value in values.items())
        found.append(Edge(Injection(faults), {check: FIGURES[check].states[value] for check, value in values.items()}))
    return found


def _gaps() -> list[Edge]:
    # each figure beside the one it is compared with, both set, so that the gap is exact to the last digit
    found = []
    for beyond, state in ((-0.005, OK), (0.0, OK), (0.005, WARNING)):
        share = {points: points * (1 + beyond) for points in (0.1, 0.5, 2, 5)}
        utilization, freshness, uptime = 18 + share[0.5], 100 - share[5], 99.8
        found.append(
            Edge(
                Injection(
                    (
                        put("gateway", ROUTES["redis_cluster"], f"{POOL}/active_connections", 9),
                        put("gateway", ROUTES["redis_cluster"], f"{POOL}/max_connections", 50),
                        put("gateway", ROUTES["redis_cluster"], f"{POOL}/utilization_percent", utilization),
                        put("gateway", ROUTES["redis_cluster"], f"{POOL}/connection_success_rate", 100 - share[0.5]),
                        put("gateway", ROUTES["comprehensive"], f"{FRESHNESS}/freshness_rate", freshness),
                        put("gateway", ROUTES["websocket_to_redis"], "/data/websocket_status/uptime_percent", uptime),
                        put("gateway", SUMMARY, "/data/connection_pool_utilization", f"{utilization + share[5]:.6f}%"),
                        put("gateway", SUMMARY, "/data/market_data_freshness", f"{freshness - share[2]:.6f}%"),
                        put("gateway", SUMMARY, "/data/websocket_uptime", f"{uptime - share[0.1]:.6f}%"),
                    )
                ),
                {
                    "gateway.pool.arithmetic[utilization]": state,
                    "gateway.pool.arithmetic[success_rate]": state,
                    "gateway.summary.matches_detail[utilization]": state,
                    "gateway.summary.matches_detail[freshness]": state,
                    "gateway.summary.matches_detail[uptime]": state,
                    "gateway.consistency.freshness": state,
                },
                disturbs=frozenset({"gateway"}),
            )
        )
    return found


def _ages() -> list[Edge]:
    # a request takes some time, so that an age is not exact to the second
    moments = {"summary": (SUMMARY, "/data/last_updated")} | {
        name: (route, "/data/timestamp") for name, route in ROUTES.items()
    }
    return [
        Edge(
            Injection(tuple(put("gateway", *place, f"now - {age}") for place in moments.values())),
            {f"gateway.data_age[{name}]": state for name in moments},
            between=between,
        )
        for age, state, between in (
            (59.5, OK, (59.4, 60)),
            (60.2, WARNING, (60, 60.6)),
            (298, WARNING, (297, 300)),
            (301.5, CRITICAL, (300, 303)),
        )
    ]


def _waits() -> list[Edge]:
    # the answer takes a little longer than it is held back, and on a busy machine more than a little
    return [
        Edge(
            Injection((fault("F.http.delay", service="gateway", path=SUMMARY, ms=ms),), {DEADLINE: "40s"}),
            {"gateway.reachable": state},
            disturbs=frozenset({"gateway", "market", "wsmanager"}),
        )
        for ms, state in ((28_500, OK), (30_010, CRITICAL))
    ]


def _spreads() -> list[Edge]:
    return [
        one_check(
            "gateway.consistency.freshness",
            state,
            put("gateway", ROUTES["comprehensive"], f"{FRESHNESS}/freshness_rate", rate),
            disturbs="gateway market",
        )
        for rate, state in ((80.1, WARNING), (80, WARNING), (79.9, CRITICAL))
    ]


def _steps() -> list[Edge]:
    # the counter stands still, and is told too high or too low at the first of two reads only
    return [
        one_check(
            "gateway.websocket.messages_progress",
            state,
            fault("F.mkt.feed", op="throttle", rate=0),
            brief=(
                fault(
                    "F.json.offset",
                    service="gateway",
                    path=ROUTES["websocket_to_redis"],
                    pointer="/data/websocket_status/messages_processed",
                    add=add,
                ),
            ),
            disturbs="gateway market",
        )
        for add, state in ((-1, OK), (1, CRITICAL))
    ]


def _prices() -> list[Edge]:
    pairs = {"redis": ("ws_vs_redis", "redis_vs_api"), "api": ("ws_vs_api",)}
    return [
        Edge(
            Injection((fault("F.mkt.price_skew", leg=leg, symbols=list(SAMPLE), bps=bps),)),
            {f"market.price.{pair}": state for pair in rows},
            between=between,
        )
        for leg, rows in pairs.items()
        for bps, state, between in ((19.9, WARNING, (19.8, 20.0)), (20.1, CRITICAL, (20.0, 20.2)))
    ]


def _tokens() -> list[Edge]:
    return [
        Edge(
            Injection(given={"LAB_SUPERADMIN_TOKEN": Token("superadmin", holds_s)}),
            {"gateway.auth.token_hygiene": state},
            disturbs=frozenset() if holds_s > 0 else frozenset({"gateway"}),
        )
        for holds_s, state in ((86_832, OK), (86_400, WARNING), (85_968, WARNING), (432, WARNING), (-432, CRITICAL))
    ]


def closes(times: int) -> Fault:
    return fault("F.log.emit", line="🔌 WebSocket connection closed", times=times, followed_by_warmup=True)


def _pages() -> list[Edge]:
    # figures of the manager's metrics page at their lines; what must last is watched for its time
    counted = {"stream_creations_total": 1000, "active_connections": 24}
    return [
        *(
            one_check("wsmanager.connections.leak", state, on_page("active_connections", value))
            for value, state in ((100, OK), (101, CRITICAL))
        ),
        *(
            replace(
                one_check(
                    "wsmanager.cleanup.lag",
                    state,
                    *(on_page(name, value) for name, value in counted.items()),
                    on_page("stream_cleanups_total", 1000 - 24 - lag),
                ),
                shows_within_s=LASTS_WITHIN_S,
            )
            for lag, state in ((19, OK), (20, WARNING))
        ),
    ]


def on_page(name: str, value: float) -> Fault:
    return fault("F.prom.set", service="wsmanager", family=f"ws_manager_{name}", value=value)


def _certificates() -> list[Edge]:
    return [
        one_check("wsmanager.tls.expiry", state, fault("F.wsm.certificate", kind="ending", days=days))
        for days, state in ((21.1, OK), (20.9, WARNING), (7.03, WARNING), (6.97, CRITICAL))
    ]


def _expressions() -> list[Edge]:
    return [
        one_check(
            "wsmanager.prom.rules_loaded[WSManagerConnectionLeak]",
            state,
            fault("F.mp.rule_expr", rule="WSManagerConnectionLeak", expr=expression),
        )
        for expression, state in (
            ("(ws_manager_active_connections) > 1e2", OK),
            ("ws_manager_active_connections > 101", CRITICAL),
        )
    ]


def _manifests() -> list[Edge]:
    unrouted = fault("F.file.edit", file="alertmanager.yml", change="route_to_nobody", to="default")
    return [
        one_check("wsmanager.routing.receivers", WARNING, unrouted),
        *(
            one_check(
                "wsmanager.canary.flag",
                state,
                fault("F.file.edit", file="staging-canary.yaml", change="flag", to=to),
            )
            for to, state in (("TRUE", OK), ("false", WARNING))
        ),
    ]


def _retry_lines() -> list[Edge]:
    # the lines are counted for a minute, a second here, so that a run may come too late for some of them
    line = "WSManager: stream btcusdt@kline_1m retry attempt 3 in 4000 ms"
    return [
        Edge(
            Injection(),
            {"wsmanager.log.retry": state},
            brief=(fault("F.log.emit", log="app_log", line=line, times=times),),
            brief_s=COUNTED_S,
            between=(times - 1, times + 1),
        )
        for times, state in ((60, OK), (61, WARNING))
    ]


def _accounts() -> list[Edge]:
    # figures of the event streams beside those they are compared with, all of them set, at what is tolerated and beyond
    return [
        Edge(
            Injection(
                (
                    *(
                        put("sse", MONITORING, pointer, value)
                        for pointer, value in {
                            "/connection_stats/active_connections": 100,
                            "/connection_stats/redis_connection_counters": 90 - beyond,
                            "/cleanup_stats/stale": 5,
                            "/cleanup_stats/active": 93 - beyond,
                            "/configuration/stale_threshold_seconds": 120 - beyond,
                            "/cleanup_stats/total_cleanups": 100,
                            "/cleanup_stats/cleanup_errors": 5,
                            "/cleanup_stats/total_connections_cleaned": 90,
                            "/cleanup_stats/failed_connections": 10,
                            "/cleanup_stats/error_rate": 5.1 + beyond / 100,
                            "/performance_metrics/cleanup_error_rate": 5.15 + beyond / 40,
                            "/cleanup_stats/connection_failure_rate": 10.1 + beyond / 100,
                            "/cleanup_stats/connections_per_cleanup": 0.91 + beyond / 1000,
                            "/performance_metrics/connections_cleaned_per_operation": 0.91 + beyond / 1000,
                            "/performance_metrics/cleanup_efficiency_rate": 89.9 - beyond / 100,
                        }.items()
                    ),
                )
            ),
            {
                "sse.connections.mismatch": mismatch,
                "sse.connections.partition": other,
                "sse.config.stale_vs_interval": other,
                "sse.cleanup.performance_block": other,
            }
            | {
                f"sse.cleanup.arithmetic[{name}]": other
                for name in ("error_rate", "connection_failure_rate", "per_cleanup", "efficiency")
            },
            disturbs=SSE,
        )
        for beyond, mismatch, other in ((0, OK, OK), (1, CRITICAL, WARNING))
    ]


def _second_views() -> list[Edge]:
    # eight clients are counted at the service, in Redis and on the page, and none of them is stale
    return [
        Edge(
            Injection(
                (
                    shifted("/connection_stats/redis_connection_counters", apart),
                    fault("F.prom.set", service="sse", family="sse_stale_connections", value=apart),
                )
            ),
            {"sse.connections.redis_direct": state, "sse.prometheus.agrees": state},
            disturbs=SSE,
        )
        for apart, state in ((2, OK), (3, WARNING))
    ]


def _old_data() -> list[Edge]:
    return [
        Edge(
            Injection((put("sse", MONITORING, "/timestamp", f"now - {age}"),)),
            {"sse.monitoring.age": state},
            between=between,
        )
        for age, state, between in (
            (59.7, OK, (59.4, 60)),
            (60.2, WARNING, (60, 60.6)),
            (897, WARNING, (891, 900)),
            (902, CRITICAL, (900, 909)),
        )
    ]


CYCLE = "Periodic cleanup cycle: cleaned=0 connections, cycle_duration_ms=7777"
"""A line of a cycle that is told from the true ones by how long the cycle took."""


def _cycles() -> list[Edge]:
    # instead of the true lines one that is so many seconds old, again and again: half a second of lateness is left out
    return [
        one_check(
            "sse.log.periodic_cycle",
            state,
            fault("F.log.mute", log="sse_log", pattern="Periodic cleanup cycle: .*cycle_duration_ms=(?!7777)"),
            fault(
                "F.log.emit",
                log="sse_log",
                line=f"{CYCLE}, total_cleanups=9, total_cleaned=0, error_rate=0.0%",
                age_s=age_s,
                every_s=0.1,
            ),
            disturbs="sse",
        )
        for age_s, state in ((1.9, OK), (2.6, WARNING), (4.8, WARNING), (5.7, CRITICAL))
    ]


FULL = (
    "SSE cleanup completed: cleaned=10, failed=0, total_before=84, total_after=74, duration_ms=9.10, "
    "efficiency=100.0%, batch_size=10, threshold_seconds=300, "
    "stale_connections=31, active_connections=53, long_lived_connections=22"
)
"""A line of a cleanup that filled its batch."""


def _full_batches() -> list[Edge]:
    # of the true lines some may tell of a full batch that a fault left behind: these alone are there
    return [
        one_check(
            "sse.cleanup.backlog",
            state,
            fault("F.log.mute", log="sse_log", pattern=r"SSE cleanup completed: (?!.*duration_ms=9\.10)"),
            fault("F.log.emit", log="sse_log", line=FULL, times=times),
            disturbs="sse",
        )
        for times, state in ((4, OK), (5, WARNING))
    ]


def _exports() -> list[Edge]:
    return [
        one_check("wsmanager.grafana.backup_age", state, fault("F.file.age", dir="grafana_backup_dir", days=days))
        for days, state in ((20, OK), (30.1, MISSED))
    ]


def _pings() -> list[Edge]:
    # half a minute of production by which a ping is late is left out, since a machine may be busy for half a second
    return [
        one_check("sse.stream.ping", state, set_to(PING_INTERVAL_SECONDS=every_s), disturbs="sse")
        for every_s, state in ((47, OK), (52, WARNING), (61, WARNING), (68, CRITICAL))
    ]


def _first_signs() -> list[Edge]:
    # the stream takes a little longer than it is held back
    return [
        Edge(
            Injection((fault("F.http.delay", service="sse", path=STREAM, ms=ms),), {DEADLINE: "40s"}),
            {"sse.stream.connect": state},
            disturbs=SSE,
        )
        for ms, state in ((4700, OK), (5010, CRITICAL))
    ]


EDGES: list[Edge] = [
    *_accounts(),
    *_second_views(),
    *_old_data(),
    *_cycles(),
    *_full_batches(),
    *_exports(),
    *_pings(),
    *_first_signs(),
    *(
        one_check("sse.health.level", state, fault("F.sse.health_level", force=level))
        for level, state in (("unhealthy", CRITICAL), ("asleep", CRITICAL))
    ),
    one_check("sse.health.alerts_empty", CRITICAL, listed("alerts", "one", 1), listed("alerts", "another", 1)),
    *(
        one_check(
            "sse.log.no_errors",
            state,
            fault("F.log.emit", log="sse_log", line="Error during periodic SSE cleanup: TimeoutError", times=times),
        )
        for times, state in ((4, WARNING), (5, CRITICAL))
    ),
    one_check("sse.log.retention", WARNING, fault("F.file.age", dir="sse_log_dir", remove_older_than_days=30)),
    *_pages(),
    *_certificates(),
    *_expressions(),
    *_manifests(),
    *_retry_lines(),
    *(
        one_check("wsmanager.prom.retention", state, fault("F.mp.flag", **{"storage.tsdb.retention.time": kept}))
        for kept, state in (("29d", WARNING), ("31d", OK))
    ),
    *_waits(),
    *_swept(),
    *_gaps(),
    *_ages(),
    *_spreads(),
    *_steps(),
    *_prices(),
    *_tokens(),
    one_check(
        "market.redis.nodes_healthy",
        CRITICAL,
        fault("F.mkt.redis_node_flag", node="redis-node-1"),
        fault("F.mkt.redis_node_flag", node="redis-node-2"),
    ),
    one_check(
        "market.services.running",
        CRITICAL,
        fault("F.mkt.service_crash", name="provider_pending_monitor", no_restart=True),
        fault("F.mkt.service_crash", name="autocutoff_watcher", no_restart=True),
    ),
    one_check(
        "market.data.arithmetic",
        WARNING,
        put("market", MARKET_DATA, "/missing_data_symbols", ["NZDCHF"]),
        disturbs="market",
    ),
    one_check(
        "market.data.reported_consistency",
        CRITICAL,
        put("market", MARKET_DATA, "/price_consistency/inconsistent_symbols", ["EURUSD"]),
        disturbs="market",
    ),
    one_check("gateway.consistency.pool", WARNING, fault("F.gw.view_bias", active_connections=30), disturbs="gateway"),
    one_check(
        "market.startup.prerequisites", CRITICAL, fault("F.log.rewrite", pattern="100.0% passed", with_="99.5% passed")
    ),
    one_check("market.log.ws_closed", OK, closes(4)),
    one_check("market.log.ws_closed", WARNING, closes(5)),
    one_check(
        "market.log.message_errors", CRITICAL, fault("F.log.emit", line="❌ Message processing error", times=120)
    ),
    Edge(
        Injection((fault("F.mkt.feed", op="garble", percent=5, to="checker"),)),
        {"market.ws.protocol[binary]": WARNING, "market.ws.protocol[json]": WARNING},
    ),
]
