"""What one run observes of a WebSocket manager, its canary and its Prometheus when all of them are well."""

import copy
from datetime import UTC, datetime
from typing import Any

from healthgate.claim.observation import Observation

NOW = 1772442900.0
AGAIN = " (again)"
BEGAN = NOW - 86_400

W = "wsmanager"
ROUTE = "/api/ws/metrics"
HEALTH = f"{W} HEAD {ROUTE}"
DEFAULT = f"{W} GET {ROUTE}"
JSON = f"{W} GET {ROUTE}?format=json"
METRICS = f"{W} GET {ROUTE}?format=prometheus"
CANARY = f"{W} staging GET {ROUTE}?format=prometheus"
CANARY_HEALTH = f"{W} staging HEAD {ROUTE}"
CANARY_JSON = f"{W} staging GET {ROUTE}?format=json"
CONTROL = f"{W} canary GET /canary"
OUTSIDE = f"{W} public GET {ROUTE} from outside"
PLAIN = f"{W} plain GET {ROUTE}"
TLS = f"{W} tls public"
LOG = f"{W} log"
RULES, TARGETS, ALERTS, FLAGS = (f"{W} prometheus {what}" for what in ("rules", "targets", "alerts", "flags"))
OWN_PAGE = f"{W} prometheus GET /metrics"
CREATED, FAILED = (
    f"{W} prometheus query sum by (environment) "
    f'(increase(ws_manager_{counter}_total{{environment=~"production|staging"}}[1h]))'
    for counter in ("stream_creations", "errors")
)
RECORDED_RATES = {
    series: f"{W} prometheus query ws_manager:{series} and timestamp(ws_manager:{series}) >= time() - 90"
    for series in ("retry_rate_5m", "creation_rate_5m", "error_rate_1m", "creation_rate_1m")
}
"""What Prometheus has recorded of both instances, by the name of the series."""

TEXT = "text/plain; version=0.0.4; charset=utf-8"

PRODUCTION_FIGURES = {
    "active_connections": 37,
    "retry_count_total": 214,
    "stream_creations_total": 5120,
    "stream_cleanups_total": 5081,
    "active_connections_hwm": 64,
    "errors_total": 11,
}
STAGING_FIGURES = {
    "active_connections": 4,
    "retry_count_total": 24,
    "stream_creations_total": 569,
    "stream_cleanups_total": 565,
    "active_connections_hwm": 8,
    "errors_total": 1,
}
MEMBERS = {
    "activeConnections": "active_connections",
    "retryCount": "retry_count_total",
    "streamCreations": "stream_creations_total",
    "streamCleanups": "stream_cleanups_total",
    "activeConnectionsHwm": "active_connections_hwm",
    "errors": "errors_total",
}

PRODUCTION_UP = 'up{job="cryptrade-ws-metrics",environment="production"}'
RATIO = "ws_manager:retries_per_creation_5m"

ALERT_RULES = {
    "WSManagerServiceDown": (60, "critical", f"{PRODUCTION_UP} == 0 or absent({PRODUCTION_UP})"),
    "WSManagerConnectionLeak": (300, "critical", "ws_manager_active_connections > 100"),
    "WSManagerHighRetryRate": (120, "warning", "ws_manager:retry_rate_2m > 0.5"),
    "WSManagerCleanupLag": (900, "warning", "ws_manager:uncleaned_streams >= 20"),
    "WSManagerCanaryRetryRegression": (
        300,
        "warning",
        f'{RATIO}{{environment="staging"}} / on() {RATIO}{{environment="production"}} > 1.5',
    ),
    "WSManagerCanaryRollback": (180, "critical", 'ws_manager:error_percent_1m{environment="staging"} > 5'),
}
RECORDED = {
    "ws_manager:retry_rate_2m": "rate(ws_manager_retry_count_total[2m])",
    "ws_manager:uncleaned_streams": (
        "ws_manager_stream_creations_total - ws_manager_stream_cleanups_total - ws_manager_active_connections"
    ),
    "ws_manager:retries_per_creation_5m": (
        "rate(ws_manager_retry_count_total[5m]) / rate(ws_manager_stream_creations_total[5m])"
    ),
    "ws_manager:error_percent_1m": (
        "100 * rate(ws_manager_errors_total[1m]) / rate(ws_manager_stream_creations_total[1m])"
    ),
}


def moment(ago: float) -> str:
    """A moment so many seconds before everything was looked at, as Prometheus writes it."""
    return datetime.fromtimestamp(NOW - ago, UTC).isoformat().replace("+00:00", "Z")


def page_text(environment: str, figures: dict[str, float], began: float | None = BEGAN) -> str:
    """The metrics page of an instance."""
    lines = []
    for name, value in figures.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines.append(f"# TYPE ws_manager_{name} {kind}")
        lines.append(f'ws_manager_{name}{{environment="{environment}"}} {value:g}')
    if began is not None:
        lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {began:.3f}"]
    return "\n".join(lines) + "\n"


def page(text: str, second: bool = False) -> dict[str, Any]:
    """The facts of a metrics page, as the first or the second look brought it."""
    return {
        "code": 200,
        "type": "text/plain",
        "content_type": TEXT,
        "request_id": "0123456789abcdef",
        "clock": 1002.0 if second else 1000.0,
        "date": "",
        "text": text,
        "form": "Prometheus",
    }


def json_body(environment: str, figures: dict[str, float]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "status": "healthy",
        "timestamp": "2026-03-02T09:14:59.950Z",
        "environment": environment,
        "config": {"useNewWsManager": environment == "staging"},
        "metrics": {**{member: figures[name] for member, name in MEMBERS.items()}, "uptimeSeconds": 86_400},
        "prometheus": {f"ws_manager_{name}": value for name, value in figures.items()},
    }


def answer(body: Any, code: int = 200, **facts: Any) -> dict[str, Any]:
    """The facts of a JSON answer."""
    kind = "application/json"
    return {"code": code, "type": kind, "content_type": kind, "request_id": "0123456789abcdef", "json": body, **facts}


def of_prometheus(data: Any) -> dict[str, Any]:
    """The facts of an answer of a Prometheus."""
    return answer({"status": "success", "data": data})


def rules() -> list[dict[str, Any]]:
    """All rules as a Prometheus tells them."""
    recorded = [
        {"type": "recording", "name": name, "query": query, "health": "ok", "lastEvaluation": moment(12)}
        for name, query in RECORDED.items()
    ]
    alerts = [
        {
            "type": "alerting",
            "name": name,
            "query": query,
            "duration": lasting,
            "labels": {"severity": severity},
            "annotations": {},
            "alerts": [],
            "health": "ok",
            "state": "inactive",
            "lastEvaluation": moment(12),
        }
        for name, (lasting, severity, query) in ALERT_RULES.items()
    ]
    return [*recorded, *alerts]


def target(environment: str, host: str) -> dict[str, Any]:
    """One target as a Prometheus tells it."""
    return {
        "labels": {"job": "cryptrade-ws-metrics", "environment": environment, "instance": host},
        "scrapePool": "cryptrade-ws-metrics",
        "scrapeUrl": f"http://{host}{ROUTE}?format=prometheus",
        "lastError": "",
        "lastScrape": moment(11),
        "health": "up",
        "scrapeInterval": "30s",
    }


def vector(**values: float) -> dict[str, Any]:
    """What a query brings: one number an environment."""
    found = [{"metric": {"environment": name}, "value": [NOW, str(value)]} for name, value in values.items()]
    return {"resultType": "vector", "result": found}


def own_page(reloaded: float) -> str:
    """The page of the Prometheus itself."""
    name = "prometheus_config_last_reload_successful"
    return f"# TYPE {name} gauge\n{name} {reloaded:g}\n"


def panel(title: str, *queries: str) -> dict[str, Any]:
    """One panel of the dashboard."""
    source = {"type": "prometheus", "uid": "prometheus"}
    targets = [{"expr": query, "refId": letter} for query, letter in zip(queries, "ABC", strict=False)]
    return {"type": "timeseries", "title": title, "datasource": source, "targets": targets}


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    created, cleaned = (f"rate(ws_manager_stream_{name}_total[5m])" for name in ("creations", "cleanups"))
    return {
        "title": "WebSocket manager",
        "panels": [
            panel("Active Connections", "ws_manager_active_connections"),
            panel("Retry Rate", "ws_manager:retry_rate_2m"),
            panel("Stream Lifecycle", created, cleaned),
            panel("High Water Mark", "ws_manager_active_connections_hwm"),
            panel("Health Status", 'up{job="cryptrade-ws-metrics"}'),
            panel("Error Analysis", "rate(ws_manager_errors_total[5m])", "ws_manager:retry_rate_2m"),
        ],
    }


def rules_file() -> dict[str, Any]:
    """The rules file."""
    return {
        "groups": [
            {
                "name": "ws_manager_derived",
                "rules": [{"record": name, "expr": expression} for name, expression in RECORDED.items()],
            },
            {
                "name": "ws_manager_alerts",
                "rules": [
                    {"alert": name, "expr": expression, "for": f"{lasting}s", "labels": {"severity": severity}}
                    for name, (lasting, severity, expression) in ALERT_RULES.items()
                ],
            },
        ]
    }


def scrape_file() -> dict[str, Any]:
    """The file of the scrape job."""
    job = {
        "job_name": "cryptrade-ws-metrics",
        "metrics_path": ROUTE,
        "params": {"format": ["prometheus"]},
        "scrape_interval": "30s",
        "static_configs": [{"targets": ["app:3000"]}],
    }
    return {"global": {"scrape_interval": "15s"}, "scrape_configs": [{"job_name": "other"}, job]}


def alertmanager() -> dict[str, Any]:
    """The routes of the Alertmanager."""
    return {
        "route": {
            "receiver": "slack-migration",
            "routes": [
                {"receiver": "pagerduty-oncall", "matchers": ['severity="critical"']},
                {"receiver": "slack-alerts", "matchers": ['severity="warning"']},
            ],
        },
        "receivers": [
            {"name": "pagerduty-oncall", "pagerduty_configs": [{"routing_key": "secret"}]},
            {"name": "slack-alerts", "slack_configs": [{"channel": "#alerts"}]},
            {"name": "slack-migration", "slack_configs": [{"channel": "#ws-migration"}]},
        ],
    }


def manifest() -> list[dict[str, Any]]:
    """The manifest of the canary."""
    new = [{"name": "USE_NEW_WS_MANAGER", "value": "true"}]
    containers = [{"name": "app", "env": new}]
    weight = {"nginx.ingress.kubernetes.io/canary-weight": "10"}
    return [
        {"kind": "Deployment", "metadata": {"name": "app"}, "spec": {"template": {"spec": {"containers": containers}}}},
        {"kind": "Ingress", "metadata": {"name": "app-canary", "annotations": weight}},
    ]


MANIFEST, ALERTMANAGER = f"{W} document canary_manifest", f"{W} document alertmanager"
MONITORING = f"{W} documents monitoring"
BACKUPS = f"{W} files of dashboard_backups"

SETTINGS: dict[str, Any] = {
    "url": "http://app.example.com:3000",
    "staging_url": "http://canary.example.com:3000",
    "public_url": "https://app.example.com",
    "plain_url": "http://app.example.com",
    "outside": "192.0.2.7",
    "log": "/var/log/app.log",
    "monitoring": "/srv/app/monitoring",
    "alertmanager": "/srv/app/monitoring/alertmanager.yml",
    "dashboard_backups": "/srv/backups/grafana/*.json",
    "canary_manifest": "/srv/app/k8s/staging-canary.yaml",
    "canary_url": "http://canary-control.example.com",
    "prometheus_url": "http://prometheus.example.com:9090",
}


FILES = {
    "grafana-dashboard.json": dashboard(),
    "prometheus-config.yml": scrape_file(),
    "ws-manager-rules.yml": rules_file(),
    "README.md": "What these files are.",
}


def read(name: str, content: Any) -> dict[str, Any]:
    """How reading a document that is well went."""
    return {"name": name, "status": "answered", "error": "", "written": NOW - 3600, "content": content}


def exports(*days: float) -> dict[str, Any]:
    """Exported dashboards of so many days ago."""
    return {"files": [[f"{ago:g}.json", 4000, NOW - ago * 86_400] for ago in days], "folder_size": 9000}


def handshake(days: float = 62, **facts: Any) -> dict[str, Any]:
    """What a handshake with the front shows; its certificate ends in so many days."""
    return {
        "version": "TLSv1.3",
        "chain": "",
        "name": "",
        "begins": NOW - 28 * 86_400,
        "expires": NOW + days * 86_400,
        "subject": "CN=app.example.com",
        "issuer": "CN=Authority",
        **facts,
    }


def facts() -> dict[str, dict[str, Any]]:
    """What each request brought."""
    production, staging = PRODUCTION_FIGURES, STAGING_FIGURES
    later = staging | {"stream_creations_total": 571, "stream_cleanups_total": 567}
    later_there = production | {"stream_creations_total": 5140, "stream_cleanups_total": 5101}
    told = json_body("production", production)
    retried = {"count": 2, "lines": [[NOW - 40, {}], [NOW - 100, {}]]}
    whole = {"newest": NOW - 1, "oldest": NOW - 130, "from_birth": False, "stopped": None}
    groups = [{"name": "all", "rules": rules()}]
    targets = [target("production", "app:3000"), target("staging", "canary:3000")]
    flags = {"storage.tsdb.retention.time": "30d", "storage.tsdb.retention": "0s"}
    control = {"state": "running", "weight": 10, "flag": {"staging": True, "production": False}}
    return {
        HEALTH: {"code": 200, "type": "text/plain", "content_type": "", "flaw": "the answer to a HEAD has no body"},
        DEFAULT: answer(told),
        JSON: answer(told),
        METRICS: page(page_text("production", production)),
        METRICS + AGAIN: page(page_text("production", later_there), second=True),
        CANARY: page(page_text("staging", staging)),
        CANARY + AGAIN: page(page_text("staging", later), second=True),
        CANARY_HEALTH: {
            "code": 200,
            "type": "text/plain",
            "content_type": "",
            "flaw": "the answer to a HEAD has no body",
        },
        CANARY_JSON: answer(json_body("staging", staging)),
        CONTROL: answer(control),
        OUTSIDE: answer({"error": "forbidden"}, 403),
        PLAIN: {"code": 308, "type": "text/plain", "location": f"https://app.example.com{ROUTE}"},
        TLS: handshake(),
        LOG: {**whole, "kinds": {"retry": retried}},
        RULES: of_prometheus({"groups": groups}),
        TARGETS: of_prometheus({"activeTargets": targets}),
        ALERTS: of_prometheus({"alerts": []}),
        FLAGS: of_prometheus(flags),
        OWN_PAGE: page(own_page(1)),
        CREATED: of_prometheus(vector(staging=24, production=216)),
        FAILED: of_prometheus(vector(staging=0, production=1)),
        **{
            query: of_prometheus(
                vector(staging=0.006, production=0.06) if "creation" in name else vector(staging=0, production=0)
            )
            for name, query in RECORDED_RATES.items()
        },
        MANIFEST: {"document": read("staging-canary.yaml", manifest())},
        BACKUPS: exports(1, 3, 5),
        ALERTMANAGER: {"document": read("alertmanager.yml", alertmanager())},
        MONITORING: {
            "folder": "/srv/app/monitoring",
            "names": sorted([*FILES, "alertmanager.yml"]),
            "read": {name: read(name, content) for name, content in FILES.items()},
        },
    }


def observations() -> dict[str, Observation]:
    """What one run observed, by the name of the request."""
    found = {}
    for name, content in facts().items():
        at = NOW + 2 if name.endswith(AGAIN) else NOW
        found[name] = Observation(name, "answered", at, 4.0, facts=copy.deepcopy(content))
    return found


def set_file(seen: dict[str, Observation], name: str, content: Any) -> None:
    """Let a file of the monitoring hold something else."""
    seen[MONITORING].facts["read"][name] = read(name, content)


def lose_file(seen: dict[str, Observation], name: str) -> None:
    """Let a file of the monitoring not be there."""
    del seen[MONITORING].facts["read"][name]
    seen[MONITORING].facts["names"].remove(name)


def break_file(seen: dict[str, Observation], name: str, problem: str) -> None:
    """Let a file of the monitoring be one that cannot be read as what it is."""
    broken = {"name": name, "status": "malformed", "error": problem, "written": NOW - 3600}
    seen[MONITORING].facts["read"][name] = broken


def set_document(seen: dict[str, Observation], request: str, content: Any) -> None:
    """Let another file hold something else."""
    seen[request].facts["document"]["content"] = content
