"""The WebSocket manager: keeps streams to the exchanges open, in production and as a canary in staging (spec 4)."""

from checks.bodies import wsmanager as bodies
from healthgate import (
    Document,
    Documents,
    Exposition,
    FilePath,
    FilePattern,
    Files,
    FromProfile,
    IpAddress,
    LogLines,
    Prometheus,
    Secret,
    Source,
    System,
    Tls,
    Url,
    get,
    head,
    perhaps,
    together,
)


class WsManager(System):
    """How to reach the WebSocket manager, its canary, and what watches both (spec 4.2 to 4.9).

    `url` is the address of the production instance from inside, `staging_url` that of the canary in staging, with
    scheme and port, without a path. `public_url` is the https front as callers reach it, `public_ca` a PEM file of the
    certificates that are trusted for it instead of the machine's, `plain_url` the http address of the same front.
    `outside` is the address of this machine that callers from outside the allowed networks would have.

    `default_format` is what the metrics route answers where no format is asked for, json or prometheus;
    `cleanup_lag_raw` counts open streams among the uncleaned ones. `log` is the application's log.

    `monitoring` is the folder of the dashboard, the scrape job, the rules and their README, `alertmanager` the
    configuration that says who is told, `dashboard_backups` the files that the dashboard is exported to, of which the
    newest counts (with `*`), `canary_manifest` what declares the canary. `canary_url` is the controller that
    carries out rollbacks, where there is one. `prometheus_url` is the Prometheus that scrapes both instances, and
    `prometheus_token` what it asks for, if anything.

    What is left out here leaves out the checks that need it, and nothing else.
    """

    name = "wsmanager"
    url: Url
    staging_url: Url | None = None
    public_url: Url | None = None
    public_ca: FilePath | None = None
    plain_url: Url | None = None
    outside: IpAddress | None = None
    default_format: str = "json"
    cleanup_lag_raw: bool = False
    log: FilePattern | None = None
    monitoring: FilePath | None = None
    alertmanager: FilePath | None = None
    dashboard_backups: FilePattern | None = None
    canary_manifest: FilePath | None = None
    canary_url: Url | None = None
    prometheus_url: Url | None = None
    prometheus_token: Secret | None = None


PRODUCTION, STAGING = perhaps("production"), perhaps("staging")
"""What the label `environment` says on the page of each instance; no document asks for it, so a page may be without."""

JOB = "cryptrade-ws-metrics"
"""The job that scrapes them."""

ROUTE = "/api/ws/metrics"
PROMETHEUS_ROUTE = f"{ROUTE}?format=prometheus"
JSON_ROUTE = f"{ROUTE}?format=json"

ACTIVE = "ws_manager_active_connections"
HIGH_WATER = "ws_manager_active_connections_hwm"
RETRIES = "ws_manager_retry_count_total"
CREATED = "ws_manager_stream_creations_total"
CLEANED = "ws_manager_stream_cleanups_total"
ERRORS = "ws_manager_errors_total"

FALLING = "wsmanager.counters.monotonic"
"""The check on counters that fall, which leave rates without data."""

HEALTH = head(WsManager, ROUTE)
DEFAULT = get(WsManager, ROUTE)
JSON = get(WsManager, JSON_ROUTE, proven_by="wsmanager.endpoint.formats[json]", body=bodies.BODY)
METRICS = Exposition(WsManager, PROMETHEUS_ROUTE, proven_by="wsmanager.prometheus.valid", families=bodies.FAMILIES)

CANARY = Exposition(
    WsManager,
    PROMETHEUS_ROUTE,
    url="staging_url",
    proven_by="wsmanager.canary.staging_up",
    families=bodies.FAMILIES,
)
CANARY_HEALTH = head(WsManager, ROUTE, url="staging_url")
CANARY_JSON = get(WsManager, JSON_ROUTE, url="staging_url", proven_by="wsmanager.canary.staging_up", body=bodies.BODY)
CANARY_CONTROL = get(WsManager, "/canary", url="canary_url", origin="chosen")
CANARY_MANIFEST = Document(WsManager, path="canary_manifest")

PUBLIC_TLS = Tls(WsManager, url="public_url", trust="public_ca", explained_by="wsmanager.security.https")
FROM_OUTSIDE = get(WsManager, ROUTE, url="public_url", source="outside", trust="public_ca")
IN_PLAIN = get(WsManager, ROUTE, url="plain_url")

LOG = LogLines(WsManager, path="log", kinds={"retry": "WSManager.*retry"}, reach=120)
DEFAULT_FORMAT = FromProfile(WsManager, "default_format")
CLEANUP_LAG_RAW = FromProfile(WsManager, "cleanup_lag_raw")

FILES = ("grafana-dashboard.json", "prometheus-config.yml", "ws-manager-rules.yml", "README.md")
DASHBOARD, SCRAPE_JOB, RULES_FILE, README = FILES
MONITORING = Documents(WsManager, folder="monitoring")
ALERTMANAGER = Document(WsManager, path="alertmanager")
BACKUPS = Files(WsManager, path="dashboard_backups")

SERVER = Prometheus(
    WsManager,
    url="prometheus_url",
    token="prometheus_token",  # noqa: S106 (the name of the setting)
    explained_by="wsmanager.prom.target",
)


def of(page: Exposition, counter: str, environment: str) -> Source:
    """Return the value of a metric of the instance whose page it is; no data on the page of another one."""
    return page[counter].labelled(environment=environment)


def grown(page: Exposition, environment: str, *counters: str, over: str) -> Source:
    """Return a Growth for each of these counters of an instance, all over that time of production."""
    several = [page[counter].labelled(environment=environment) for counter in counters]
    return together(*several, over=over, explained_by=FALLING)
