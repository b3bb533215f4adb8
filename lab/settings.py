"""What one start of the lab is made of: ports, secrets, directories, time scale."""

from dataclasses import dataclass
from pathlib import Path

from lab.clock import TimeScale
from lab.ports import HOST, Ports

NODES = ("redis-node-1", "redis-node-2", "redis-node-3")
SSE_REDIS = "redis-sse"
"""The Redis of the event streams, which is no node of the cluster."""
SERVERS = (*NODES, SSE_REDIS)
"""Every Redis."""
SERVICES = (
    *("feed", "market", "gateway", "wsmanager_staging", "wsmanager", "ingress"),
    *("cloudwatch", "sse", "sse_clients"),
)
"""Services in the order in which they are started: what a service asks stands before it."""


INSTANCES = {"wsmanager": "production", "wsmanager_staging": "staging"}
"""Instances of the WebSocket manager, and the environment each calls itself."""


@dataclass(frozen=True)
class Settings:
    """Everything the processes of one lab share; handed to them by fork."""

    ports: Ports
    directory: Path
    control_key: str
    """Value of the X-Lab-Key header that opens the control plane."""
    internal_key: str
    """Value of the X-Lab-Internal header by which lab services recognise each other's calls."""
    jwt_secret: str
    seed: int
    time_scale: TimeScale
    sse_clients: int = 8
    """Clients that always have an event stream open."""

    @property
    def logs(self) -> Path:
        """Directory of the services' log files."""
        return self.directory / "logs"

    @property
    def app(self) -> Path:
        """Directory of what the WebSocket manager's team keeps: monitoring files, manifests, exported dashboards."""
        return self.directory / "app"

    @property
    def prometheus(self) -> Path:
        """Directory of the Prometheus: its configuration, the rules it has loaded, what it has scraped."""
        return self.directory / "prometheus"

    def environment(self, service: str) -> dict[str, str]:
        """Environment variables of one service, as an operator would set them."""
        ports = self.ports
        common = {"LOG_DIR": str(self.logs), "LAB_TIME_SCALE": f"{self.time_scale.factor:g}"}
        if service == "gateway":
            return common | {
                "PORT": str(ports["gateway"]),
                "PYTHON_SERVICE_URL": ports.url("market"),
                "UPSTREAM_TIMEOUT_MS": "30000",
                "JWT_SECRET": self.jwt_secret,
                "SUMMARY_CACHE_SECONDS": "15",
                "QUICK_HEALTH_PUBLIC": "false",
                "REQUEST_LOG": str(self.logs / "gateway.log"),
            }
        if service == "market":
            return common | {
                "PORT": str(ports["market"]),
                "REDIS_NODES": ",".join(f"{HOST}:{port}" for port in ports.redis),
                "MARKET_WS_BINARY_URL": ports.url("feed", "ws") + "/binary",
                "MARKET_WS_JSON_URL": ports.url("feed", "ws") + "/json",
                "REDIS_POOL_MAX": "50",
                "FRESH_THRESHOLD_SECONDS": "30",
                "HEALTH_MONITOR_INTERVAL": "300",
                "SHUTDOWN_TIMEOUT": "10",
                "REDIS_START_TIMEOUT": "15",
                "PREREQUISITES": "blocking",
            }
        if service in INSTANCES:
            return common | {
                "PORT": str(ports[service]),
                "EXCHANGE_WS_URL": ports.url("feed", "ws") + "/streams",
                "ENVIRONMENT": INSTANCES[service],
                "USE_NEW_WS_MANAGER": "true" if service == "wsmanager_staging" else "false",
                "JWT_SECRET": self.jwt_secret,
                "APP_LOG": str(self.logs / ("app.log" if service == "wsmanager" else "app-staging.log")),
            }
        if service == "ingress":
            return common | {
                "PORT": str(ports["ingress"]),
                "PRODUCTION_URL": ports.url("wsmanager"),
                "STAGING_URL": ports.url("wsmanager_staging"),
                "CANARY_MANIFEST": str(self.app / "k8s" / "staging-canary.yaml"),
                "CERTIFICATES": str(self.directory / "tls"),
                "ALLOWED_CLIENTS": HOST,
                "INGRESS_LOG": str(self.logs / "ingress.log"),
            }
        if service == "sse":
            return common | {
                "PORT": str(ports["sse"]),
                "REDIS_URL": f"redis://{HOST}:{ports[SSE_REDIS]}/1",
                "JWT_SECRET": self.jwt_secret,
                "SSE_LOG": str(self.logs / "sse.log"),
                "CLEANUP_INTERVAL_SECONDS": "60",
                "CLEANUP_BATCH_SIZE": "10",
                "STALE_CONNECTION_THRESHOLD_SECONDS": "300",
                "PING_INTERVAL_SECONDS": "15",
                "PERIODIC_CLEANUP_ENABLED": "true",
                "CONFIG_VALIDATION": "documented",
                "MAX_CONNECTIONS": "5000",
                "AWS_ENDPOINT_URL_CLOUDWATCH": ports.url("cloudwatch"),
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "lab",
                "AWS_SECRET_ACCESS_KEY": "of-no-account",
            }
        if service == "sse_clients":
            return common | {"SSE_URL": ports.url("sse"), "CLIENTS": str(self.sse_clients)}
        if service == "cloudwatch":
            return common | {"PORT": str(ports["cloudwatch"])}
        return common | {"PORT": str(ports["feed"]), "LAB_SEED": str(self.seed)}
