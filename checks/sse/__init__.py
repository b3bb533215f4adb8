"""The SSE service: holds event streams open, counts them here and in Redis, and clears stale ones away (spec 5)."""

from checks.bodies import sse as bodies
from checks.sse.stream import MOST_EVENTS, two_pings
from checks.sse.written import KINDS, REACH
from healthgate import (
    Address,
    CloudWatchMetric,
    Date,
    Duration,
    EventStream,
    Exposition,
    FilePattern,
    Files,
    FromProfile,
    LogLines,
    Prometheus,
    RedisNodes,
    Secret,
    Source,
    System,
    Url,
    get,
    measure,
)


class Sse(System):
    """How to reach the SSE service, its Redis, its log and what it publishes (spec 5.2 to 5.9).

    `url` is the address of the service, with scheme and port, without a path. `stream_url` is the event stream as its
    clients open it, path and all; each run opens one, for `stream_listen` at most. `redis` is where the counter of the
    connections is kept, `redis_db` the number of the database, `redis_password` what it asks for, if anything.

    `log` are the log files of the service, current and rotated, and `installed` is the day since when it has written
    them. `configuration` is what it should have been started with, as its monitoring route names it. `strict_levels`
    says that every listed warning makes the service degraded, also one that is not beyond its own line.

    `prometheus_url` is a Prometheus that scrapes the service, `prometheus_token` what it asks for, if anything.
    `cloudwatch_url` is the API of the CloudWatch it publishes to, every `cloudwatch_period`; region, key and session
    are for those that ask for signatures.

    What is left out here leaves out the checks that need it, and nothing else.
    """

    name = "sse"
    url: Url
    stream_url: Url | None = None
    stream_listen: Duration = Duration(35)
    redis: Address | None = None
    redis_db: int | None = None
    redis_password: Secret | None = None
    log: FilePattern | None = None
    installed: Date | None = None
    configuration: dict[str, int] | None = None
    strict_levels: bool = False
    prometheus_url: Url | None = None
    prometheus_token: Secret | None = None
    cloudwatch_url: Url | None = None
    cloudwatch_period: Duration = Duration(60)
    cloudwatch_region: str | None = None
    cloudwatch_key_id: Secret | None = None
    cloudwatch_key: Secret | None = None
    cloudwatch_session: Secret | None = None


MONITORING = get(Sse, "/api/sse/monitoring", proven_by="sse.endpoint.monitoring", body=bodies.BODY, origin="chosen")
HEALTH = get(Sse, "/api/sse/health", origin="chosen")
METRICS = Exposition(
    Sse, "/api/sse/metrics", proven_by="sse.prometheus.valid", families=bodies.FAMILIES, origin="chosen"
)

STREAM = EventStream(
    Sse,
    url="stream_url",
    listen="stream_listen",
    most=MOST_EVENTS,
    enough=two_pings,
    explained_by="sse.stream.connect",
)

COUNTER = "GET sse:connections:count"
REDIS = RedisNodes(
    Sse,
    nodes="redis",
    database="redis_db",
    password="redis_password",  # noqa: S106 (the name of the setting)
    commands=("PING", COUNTER),
    proven_by="sse.redis.reachable",
)

LOG = LogLines(Sse, path="log", kinds=KINDS, reach=REACH, since="validation", explained_by="sse.log.periodic_cycle")
LOG_FILES = Files(Sse, path="log", explained_by="sse.log.periodic_cycle")

PUBLISHED = {
    "ActiveConnections": CloudWatchMetric(
        Sse, namespace="SSE/ConnectionManager", metric="ActiveConnections", period="cloudwatch_period"
    ),
    "CleanupErrorRate": CloudWatchMetric(
        Sse, namespace="SSE/ConnectionManager", metric="CleanupErrorRate", period="cloudwatch_period"
    ),
}
"""What is published, by the name of the metric."""


FALLING = "sse.counters.monotonic"
"""The check on counters that fall, which leave rates without data."""

SERVER = Prometheus(
    Sse,
    url="prometheus_url",
    token="prometheus_token",  # noqa: S106 (the name of the setting)
)


@measure()
def nothing() -> None:
    """Stand for a setting that an environment may leave out."""


STRICT_LEVELS = FromProfile(Sse, "strict_levels")
DECLARED: Source = FromProfile(Sse, "configuration").otherwise(nothing)
INSTALLED: Source = FromProfile(Sse, "installed").otherwise(nothing)
