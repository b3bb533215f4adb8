"""healthgate: production health assertions as pytest checks. These are the names checks are written with."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from healthgate.version import __version__

if TYPE_CHECKING:
    from healthgate.claim import check, each
    from healthgate.facts import Facts, NoData, Violated
    from healthgate.limit import (
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
        megabytes,
        ms,
        none,
        over,
        percent,
        reaching,
        seconds,
        shown,
    )
    from healthgate.probes.http import Answer, Credential, bearer, get
    from healthgate.probes.redis import NodeAnswer, RedisNodes
    from healthgate.secret import Secret
    from healthgate.source import FromProfile, Later, Measured, Source, measure
    from healthgate.system import Address, Duration, System, Url

__all__ = [
    "Address",
    "Answer",
    "Credential",
    "Duration",
    "Facts",
    "FromProfile",
    "Later",
    "Limit",
    "Measured",
    "NoData",
    "NodeAnswer",
    "RedisNodes",
    "Secret",
    "Source",
    "System",
    "Tier",
    "Unit",
    "Url",
    "Violated",
    "__version__",
    "above",
    "at_least",
    "at_most",
    "bare",
    "bearer",
    "below",
    "check",
    "each",
    "equals",
    "exactly",
    "get",
    "measure",
    "megabytes",
    "ms",
    "none",
    "over",
    "percent",
    "reaching",
    "seconds",
    "shown",
]

_HOMES = {
    "claim": ("check", "each"),
    "facts": ("Facts", "NoData", "Violated"),
    "limit": (
        "Limit", "Tier", "Unit", "above", "at_least", "at_most", "bare", "below", "equals", "exactly",
        "megabytes", "ms", "none", "over", "percent", "reaching", "seconds", "shown",
    ),
    "probes.http": ("Answer", "Credential", "bearer", "get"),
    "probes.redis": ("NodeAnswer", "RedisNodes"),
    "secret": ("Secret",),
    "source": ("FromProfile", "Later", "Measured", "Source", "measure"),
    "system": ("Address", "Duration", "System", "Url"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: an installed plugin must not slow unrelated test runs."""
    if name not in _HOME:
        raise AttributeError(f"module 'healthgate' has no attribute {name!r}")
    return getattr(import_module(f"healthgate.{_HOME[name]}"), name)
