"""The catalogue of faults, one module a family; importing this package fills the catalogue."""

from lab.faults import (
    catalogue,
    feed,
    gateway,
    http,
    json_body,
    log_files,
    log_lines,
    market_data,
    pool,
    redis,
    reports,
    services,
    start,
    stream,
)

__all__ = [
    "catalogue",
    "feed",
    "gateway",
    "http",
    "json_body",
    "log_files",
    "log_lines",
    "market_data",
    "pool",
    "redis",
    "reports",
    "services",
    "start",
    "stream",
]
