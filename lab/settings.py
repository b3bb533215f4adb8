"""What one start of the lab is made of: ports, secrets, directories, time scale."""

from dataclasses import dataclass
from pathlib import Path

from lab.clock import TimeScale
from lab.ports import HOST, Ports

NODES = ("redis-node-1", "redis-node-2", "redis-node-3")
SERVICES = ("feed", "market", "gateway")


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

    @property
    def logs(self) -> Path:
        """Directory of the services' log files."""
        return self.directory / "logs"

    def environment(self, service: str) -> dict[str, str]:
        """Environment variables of one service, as an operator would set them."""
        ports = self.ports
        common = {"LOG_DIR": str(self.logs), "LAB_TIME_SCALE": f"{self.time_scale.factor:g}"}
        if service == "gateway":
            return common | {
                "PORT": str(ports.gateway),
                "PYTHON_SERVICE_URL": f"http://{HOST}:{ports.market}",
                "UPSTREAM_TIMEOUT_MS": "30000",
                "JWT_SECRET": self.jwt_secret,
                "SUMMARY_CACHE_SECONDS": "15",
                "QUICK_HEALTH_PUBLIC": "false",
                "REQUEST_LOG": str(self.logs / "gateway.log"),
            }
        if service == "market":
            return common | {
                "PORT": str(ports.market),
                "REDIS_NODES": ",".join(f"{HOST}:{port}" for port in ports.redis),
                "MARKET_WS_BINARY_URL": f"ws://{HOST}:{ports.feed}/binary",
                "MARKET_WS_JSON_URL": f"ws://{HOST}:{ports.feed}/json",
                "REDIS_POOL_MAX": "50",
                "FRESH_THRESHOLD_SECONDS": "30",
                "HEALTH_MONITOR_INTERVAL": "300",
                "SHUTDOWN_TIMEOUT": "10",
                "REDIS_START_TIMEOUT": "15",
                "PREREQUISITES": "blocking",
            }
        return common | {"PORT": str(ports.feed), "LAB_SEED": str(self.seed)}
