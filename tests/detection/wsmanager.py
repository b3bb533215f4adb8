"""The fault of every check of the WebSocket manager."""

from healthgate.claim.state import State
from tests.detection.cell import Cell, Fault, cell, fault

MISSED, WARNING, CRITICAL = State.MISSED, State.WARNING, State.CRITICAL

PAGE, JSON, DEFAULT = (f"/api/ws/metrics{query}" for query in ("?format=prometheus", "?format=json", ""))
GAUGES = ("active_connections", "active_connections_hwm")
COUNTERS = ("retry_count_total", "stream_creations_total", "stream_cleanups_total")
ALERTS = {
    "WSManagerServiceDown": CRITICAL,
    "WSManagerConnectionLeak": CRITICAL,
    "WSManagerHighRetryRate": WARNING,
    "WSManagerCleanupLag": WARNING,
    "WSManagerCanaryRetryRegression": WARNING,
    "WSManagerCanaryRollback": CRITICAL,
}
"""The alerts, and what the check on each says while it fires."""

OF_PRODUCTION = tuple(name for name in ALERTS if name != "WSManagerServiceDown" and "Rollback" not in name)
"""Alerts that cannot fire where production is not scraped, but for the one that fires for just that."""

READERS_OF_THE_PAGE = [
    "wsmanager.prometheus.families",
    "wsmanager.consistency.*",
    "wsmanager.connections.leak",
    "wsmanager.retry.rate",
    "wsmanager.cleanup.lag",
    "wsmanager.counters.monotonic",
    "wsmanager.streams.balance",
    "wsmanager.hwm.bounds",
    "wsmanager.canary.retry_ratio",
    "wsmanager.canary.error_rate",
    "wsmanager.grafana.queries_resolve",
]
READERS_OF_THE_JSON = [
    "wsmanager.canary.flag",
    "wsmanager.consistency.*",
    "wsmanager.contract.json",
    "wsmanager.head.agrees_with_get",
]

ONE_ROUTE = "the lab has no cause that spoils one route alone"
ONE_VIEW = "the lab's page and body are made of the same counters, so one has to be altered on its way"
PAGE_IS_SOUND = "the page of the lab is sound, so it has to be spoilt on its way"


def firing(*names: str) -> dict[str, State]:
    return {f"wsmanager.prom.alerts_quiet[{name}]": ALERTS[name] for name in names}


def quiet(*names: str) -> list[str]:
    return [f"wsmanager.prom.alerts_quiet[{name}]" for name in names]


def edited(file: str, change: str, to: str = "") -> Fault:
    return fault("F.file.edit", file=file, change=change, **({"to": to} if to else {}))


def on_page(name: str, **parameters: object) -> Fault:
    return fault(name, service="wsmanager", **parameters)


def answering_500(path: str) -> Fault:
    return fault("F.http.status", service="wsmanager", path=path, status=500)


CELLS: dict[str, Cell] = {
    "wsmanager.head.healthy": cell(fault("F.wsm.unhealthy"), turns=CRITICAL),
    "wsmanager.head.agrees_with_get": cell(
        fault("F.json.set", service="wsmanager", path=JSON, pointer="/status", value="degraded"),
        turns=WARNING,
        why=ONE_VIEW,
    ),
    "wsmanager.service.down": cell(
        fault("F.http.down", service="wsmanager"),
        turns=CRITICAL,
        collateral={
            "wsmanager.head.healthy": CRITICAL,
            **{f"wsmanager.endpoint.formats[{name}]": CRITICAL for name in ("prometheus", "json", "default")},
            "wsmanager.prom.target": CRITICAL,
            **firing("WSManagerServiceDown"),
        },
        blocked=[
            "wsmanager.prometheus.valid",
            *READERS_OF_THE_PAGE,
            *READERS_OF_THE_JSON,
            *quiet(*OF_PRODUCTION),
        ],
    ),
    "wsmanager.endpoint.formats[prometheus]": cell(
        answering_500(PAGE),
        turns=CRITICAL,
        collateral={"wsmanager.service.down": CRITICAL},
        blocked=["wsmanager.prometheus.valid", *READERS_OF_THE_PAGE],
        why=f"{ONE_ROUTE}; a page that answers 500 for a minute counts as a service that is down",
    ),
    "wsmanager.endpoint.formats[json]": cell(
        answering_500(JSON), turns=CRITICAL, blocked=READERS_OF_THE_JSON, why=ONE_ROUTE
    ),
    "wsmanager.endpoint.formats[default]": cell(answering_500(DEFAULT), turns=CRITICAL, why=ONE_ROUTE),
    "wsmanager.contract.json": cell(
        fault("F.json.drop", service="wsmanager", path=JSON, pointer="/metrics/uptimeSeconds"),
        turns=CRITICAL,
        why=ONE_VIEW,
    ),
    "wsmanager.prometheus.valid": cell(
        on_page("F.prom.garble", kind="duplicate_series"),
        turns=CRITICAL,
        blocked=READERS_OF_THE_PAGE,
        why=PAGE_IS_SOUND,
    ),
    **{
        f"wsmanager.prometheus.families[{name}]": cell(
            on_page("F.prom.retype", family=f"ws_manager_{name}"),
            turns=CRITICAL,
            blocked=blocked,
            why=PAGE_IS_SOUND,
        )
        for name, blocked in (
            *((name, []) for name in GAUGES),
            *((name, ["wsmanager.counters.monotonic"]) for name in COUNTERS[1:]),
            (COUNTERS[0], ["wsmanager.counters.monotonic", "wsmanager.retry.rate"]),
        )
    },
    "wsmanager.consistency.json_vs_prometheus": cell(
        fault("F.json.offset", service="wsmanager", path=JSON, pointer="/metrics/streamCleanups", add=400),
        turns=WARNING,
        why=ONE_VIEW,
    ),
    "wsmanager.connections.leak": cell(
        fault("F.wsm.leak", connections=120), turns=CRITICAL, collateral=firing("WSManagerConnectionLeak")
    ),
    "wsmanager.retry.rate": cell(
        fault("F.wsm.retry", per_second=1.5, log=False), turns=WARNING, collateral=firing("WSManagerHighRetryRate")
    ),
    "wsmanager.cleanup.lag": cell(
        fault("F.wsm.cleanup_skip", streams=30),
        turns=WARNING,
        collateral=firing("WSManagerCleanupLag"),
        shows_within_s=90,
    ),
    "wsmanager.counters.monotonic": cell(
        on_page("F.prom.decrease", family="ws_manager_stream_cleanups_total", json_follows=True),
        turns=WARNING,
        why="counters of the lab only grow, so that one has to be told lower than it is",
    ),
    "wsmanager.streams.balance": cell(fault("F.wsm.double_cleanup", streams=60), turns=WARNING),
    "wsmanager.hwm.bounds": cell(
        on_page("F.prom.set", family="ws_manager_active_connections_hwm", value=5, json_follows=True),
        turns=WARNING,
        why="the mark of the lab follows what is open, so that it has to be told lower than it is",
    ),
    "wsmanager.prom.target": cell(
        fault("F.mp.target_drop", job="cryptrade-ws-metrics"),
        fault("F.wsm.staging", error_percent=0),
        turns=CRITICAL,
        collateral=firing("WSManagerServiceDown"),
        blocked=quiet(*OF_PRODUCTION, "WSManagerCanaryRollback"),
        why="that nothing is scraped is what the alert fires for as well; clients come, so that a run has streams to"
        " count where Prometheus has none",
    ),
    **{
        f"wsmanager.prom.rules_loaded[{name}]": cell(
            fault("F.mp.rule_drop", rule=name), turns=CRITICAL, blocked=quiet(name)
        )
        for name in ALERTS
    },
    **{
        f"wsmanager.prom.alerts_quiet[{name}]": cell(
            fault("F.mp.force_alert", alert=name),
            turns=state,
            collateral={f"wsmanager.prom.rules_loaded[{name}]": CRITICAL},
            shows_within_s=40,
            why="its cause turns the check it stands for red as well: that is the cell of that check; what always fires"
            " is loaded as something else than it should be",
        )
        for name, state in ALERTS.items()
    },
    "wsmanager.prom.reload": cell(fault("F.mp.bad_config"), turns=WARNING),
    "wsmanager.prom.retention": cell(fault("F.mp.flag", **{"storage.tsdb.retention.time": "15d"}), turns=WARNING),
    "wsmanager.artifacts.files[grafana-dashboard.json]": cell(
        edited("grafana-dashboard.json", "truncate"),
        turns=WARNING,
        blocked=["wsmanager.grafana.panels", "wsmanager.grafana.queries_resolve"],
    ),
    "wsmanager.artifacts.files[prometheus-config.yml]": cell(
        edited("prometheus-config.yml", "empty"), turns=WARNING, blocked=["wsmanager.artifacts.scrape_job"]
    ),
    "wsmanager.artifacts.files[ws-manager-rules.yml]": cell(
        edited("ws-manager-rules.yml", "empty"), turns=WARNING, blocked=["wsmanager.grafana.queries_resolve"]
    ),
    "wsmanager.artifacts.scrape_job": cell(edited("prometheus-config.yml", "scrape_interval", "1s"), turns=WARNING),
    "wsmanager.artifacts.files[README.md]": cell(edited("README.md", "empty"), turns=WARNING),
    "wsmanager.grafana.panels": cell(edited("grafana-dashboard.json", "remove_panel", "Error Analysis"), turns=WARNING),
    "wsmanager.grafana.queries_resolve": cell(
        edited("grafana-dashboard.json", "rename_metric", "ws_manager_retries_total"), turns=WARNING
    ),
    "wsmanager.grafana.backup_age": cell(fault("F.file.age", dir="grafana_backup_dir", days=40), turns=MISSED),
    "wsmanager.canary.staging_up": cell(
        fault("F.http.down", service="wsmanager_staging"),
        turns=WARNING,
        blocked=[
            "wsmanager.canary.flag",
            "wsmanager.canary.retry_ratio",
            "wsmanager.canary.error_rate",
            "wsmanager.canary.rollback",
            *quiet("WSManagerCanaryRetryRegression", "WSManagerCanaryRollback"),
        ],
    ),
    "wsmanager.canary.flag": cell(fault("F.wsm.flag", env="staging", value=False), turns=WARNING),
    "wsmanager.canary.weight": cell(edited("staging-canary.yaml", "weight", "50"), turns=WARNING),
    "wsmanager.canary.retry_ratio": cell(
        fault("F.wsm.staging", retry_factor=2.5),
        turns=WARNING,
        collateral=firing("WSManagerCanaryRetryRegression"),
        shows_within_s=40,
    ),
    "wsmanager.canary.error_rate": cell(
        fault("F.wsm.staging", error_percent=4),
        turns=WARNING,
        shows_within_s=40,
        passes=True,  # 4 % of the 15 streams that come in five minutes of production: for 3 s of 8 none of them failed
    ),
    "wsmanager.canary.rollback": cell(
        fault("F.wsm.staging", error_percent=25, rollback_disabled=True),
        turns=CRITICAL,
        collateral={"wsmanager.canary.error_rate": WARNING, **firing("WSManagerCanaryRollback")},
        shows_within_s=40,
    ),
    "wsmanager.log.retry": cell(
        fault(
            "F.log.emit",
            log="app_log",
            line="WSManager: stream btcusdt@kline_1m retry attempt 3 in 4000 ms",
            times=80,
            every_s=1,
        ),
        turns=WARNING,
        why="streams that really break off this often turn the rate of retries red as well",
    ),
    "wsmanager.security.https": cell(fault("F.wsm.http_plain"), turns=CRITICAL),
    "wsmanager.security.access": cell(fault("F.wsm.acl_off"), turns=WARNING),
    "wsmanager.tls.chain": cell(
        fault("F.wsm.certificate", kind="other_authority"),
        turns=CRITICAL,
        collateral={"wsmanager.security.https": CRITICAL},
        blocked=["wsmanager.security.access"],
    ),
    "wsmanager.tls.expiry": cell(fault("F.wsm.certificate", kind="ending", days=14), turns=WARNING),
    "wsmanager.routing.receivers": cell(edited("alertmanager.yml", "route_to_nobody", "critical"), turns=WARNING),
}
