"""healthgate: production health assertions as pytest checks. These are the names checks are written with."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from healthgate.version import __version__

if TYPE_CHECKING:
    from healthgate.claim.check import check, each
    from healthgate.claim.facts import Facts, NoData, Violated
    from healthgate.claim.limit import (
        Limit,
        Tier,
        Unit,
        above,
        at_least,
        at_most,
        bare,
        below,
        equals,
        exactly,
        lasting,
        megabytes,
        ms,
        none,
        over,
        percent,
        reaching,
        rising,
        seconds,
        shown,
    )
    from healthgate.claim.source import TIME_SCALE, FromProfile, Later, Measured, Observation, Source, measure, tried
    from healthgate.claim.system import (
        Address,
        Date,
        Duration,
        FilePath,
        FilePattern,
        IpAddress,
        StreamUrl,
        System,
        Url,
    )
    from healthgate.claim.tally import Growth
    from healthgate.probes.cloudwatch import CloudWatchMetric, Datum, MetricData
    from healthgate.probes.counted import counter, falling, together
    from healthgate.probes.documents import Document, DocumentFolder, Documents
    from healthgate.probes.event_format import Comment, Event
    from healthgate.probes.event_stream import EventStream, Followed, Resumed
    from healthgate.probes.exposition import Exposition, Page, fallen, growth
    from healthgate.probes.files import FileFact, Files, Listing
    from healthgate.probes.http import Answer, Credential, bearer, get, head
    from healthgate.probes.log import Line, Log, LogLines
    from healthgate.probes.port import Port
    from healthgate.probes.prometheus import (
        Alerts,
        Prometheus,
        Rule,
        Rules,
        Target,
        Targets,
        Vector,
        prometheus_seconds,
    )
    from healthgate.probes.redis import NodeAnswer, RedisNodes
    from healthgate.probes.stream import Heard, Message, Stream
    from healthgate.probes.tls import Handshake, Tls
    from healthgate.probes.token import Claims, Token
    from healthgate.secret import Secret

__all__ = [
    "TIME_SCALE",
    "Address",
    "Alerts",
    "Answer",
    "Claims",
    "CloudWatchMetric",
    "Comment",
    "Credential",
    "Date",
    "Datum",
    "Document",
    "DocumentFolder",
    "Documents",
    "Duration",
    "Event",
    "EventStream",
    "Exposition",
    "Facts",
    "FileFact",
    "FilePath",
    "FilePattern",
    "Files",
    "Followed",
    "FromProfile",
    "Growth",
    "Handshake",
    "Heard",
    "IpAddress",
    "Later",
    "Limit",
    "Line",
    "Listing",
    "Log",
    "LogLines",
    "Measured",
    "Message",
    "MetricData",
    "NoData",
    "NodeAnswer",
    "Observation",
    "Page",
    "Port",
    "Prometheus",
    "RedisNodes",
    "Resumed",
    "Rule",
    "Rules",
    "Secret",
    "Source",
    "Stream",
    "StreamUrl",
    "System",
    "Target",
    "Targets",
    "Tier",
    "Tls",
    "Token",
    "Unit",
    "Url",
    "Vector",
    "Violated",
    "__version__",
    "above",
    "at_least",
    "at_most",
    "bare",
    "bearer",
    "below",
    "check",
    "counter",
    "each",
    "equals",
    "exactly",
    "fallen",
    "falling",
    "get",
    "growth",
    "head",
    "lasting",
    "measure",
    "megabytes",
    "ms",
    "none",
    "over",
    "percent",
    "prometheus_seconds",
    "reaching",
    "rising",
    "seconds",
    "shown",
    "together",
    "tried",
]

_HOMES = {
    "claim.check": ("check", "each"),
    "claim.facts": ("Facts", "NoData", "Violated"),
    "claim.limit": (
        "Limit", "Tier", "Unit", "above", "at_least", "at_most", "bare", "below", "equals", "exactly",
        "lasting", "megabytes", "ms", "none", "over", "percent", "reaching", "rising", "seconds", "shown",
    ),
    "probes.cloudwatch": ("CloudWatchMetric", "Datum", "MetricData"),
    "probes.counted": ("counter", "falling", "together"),
    "probes.documents": ("Document", "DocumentFolder", "Documents"),
    "probes.event_format": ("Comment", "Event"),
    "probes.event_stream": ("EventStream", "Followed", "Resumed"),
    "probes.exposition": ("Exposition", "Page", "fallen", "growth"),
    "probes.files": ("FileFact", "Files", "Listing"),
    "probes.http": ("Answer", "Credential", "bearer", "get", "head"),
    "probes.log": ("Line", "Log", "LogLines"),
    "probes.port": ("Port",),
    "probes.prometheus": (
        "Alerts", "Prometheus", "Rule", "Rules", "Target", "Targets", "Vector", "prometheus_seconds",
    ),
    "probes.redis": ("NodeAnswer", "RedisNodes"),
    "probes.stream": ("Heard", "Message", "Stream"),
    "probes.tls": ("Handshake", "Tls"),
    "probes.token": ("Claims", "Token"),
    "secret": ("Secret",),
    "claim.source": ("FromProfile", "Later", "Measured", "Observation", "Source", "TIME_SCALE", "measure", "tried"),
    "claim.system": (
        "Address", "Date", "Duration", "FilePath", "FilePattern", "IpAddress", "StreamUrl", "System", "Url",
    ),
    "claim.tally": ("Growth",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: an installed plugin must not slow unrelated test runs."""
    if name not in _HOME:
        raise AttributeError(f"module 'healthgate' has no attribute {name!r}")
    return getattr(import_module(f"healthgate.{_HOME[name]}"), name)
