"""A monitored system as the checks declare it: its name, and the settings an environment must give."""

import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from healthgate import authority, duration, week
from healthgate.claim.here import AS_DOCUMENTED, Here
from healthgate.secret import Secret

T = TypeVar("T")


class Url(str):
    """An http or https address without credentials, query or trailing slash."""

    __slots__ = ()


class StreamUrl(str):
    """A ws or wss address without credentials, query or trailing slash."""

    __slots__ = ()


class FilePattern(str):
    """The path of files on this machine, where `*` stands for any part of a name."""

    __slots__ = ()


class FilePath(str):
    """The path of one file or folder on this machine."""

    __slots__ = ()


class IpAddress(str):
    """An IPv4 or IPv6 address of this machine's own or of another, as text in its shortest form."""

    __slots__ = ()


class Date(str):
    """A day, written as 2026-03-02."""

    __slots__ = ()


class Address(str):
    """A `host:port` pair."""

    __slots__ = ()


class Duration(float):
    """Seconds, written as 500ms, 2s, 5m or 1h."""

    __slots__ = ()


DIFFERENCES = ("routes", "deadlines", "members", "metrics", "labels", "absent")
"""Keys of every system in a profile that say how it differs there from its documents: no settings."""


class Zone(str):
    """The name of a time zone, such as Europe/Berlin, or UTC."""

    __slots__ = ()


class WeekTime(str):
    """A time of the week, written as Sun 17:00."""

    __slots__ = ()


class Several(list[T]):
    """A list that may be written without brackets where it has one element."""


class Group(dict[str, Any]):
    """A setting with keys of its own, which a subclass declares as a System does its settings; none is a secret.

    It holds what the profile gives, by key.
    """


@dataclass(frozen=True)
class Amiss:
    """What is wrong with a setting beside others.

    `place` leads to it: the setting, then keys of it, then a number in a list. `text` goes on after its name, as in
    "is empty".
    """

    place: tuple[str | int, ...]
    text: str


class System:
    """Base of all systems. A subclass declares settings as annotations; one with a default may be left out.

    Every system has `deadline`, the longest one request to it may take in all, from looking up its name to
    the last byte, and `body_limit`, the largest answer in bytes that is read.
    """

    name: ClassVar[str]
    deadline: Duration = Duration(10)
    body_limit: int = 8_000_000
    time_scale: ClassVar[float] = 1.0
    """Seconds of production that pass in one second where it runs: no setting, its profile has one for all systems."""
    here: ClassVar[Here] = AS_DOCUMENTED
    """How it differs from its documents where it runs: no setting, its profile says it in keys of their own."""
    run_at: ClassVar[float] = 0.0
    """When the run that looks at it began, in seconds since 1970; of a kept snapshot, when that was taken.

    What a run draws by lot it draws by this, so that whoever judges it later draws the same.
    """

    asked: ClassVar[list[Any]] = []
    """The probes that are declared for it, in the order of declaration."""

    def __init_subclass__(cls) -> None:
        cls.asked = []

    def __init__(self, **settings: Any) -> None:
        for key, value in settings.items():
            setattr(self, key, value)

    @classmethod
    def amiss(cls, given: Mapping[str, Any]) -> Iterable[Amiss]:  # noqa: ARG003
        """Return what settings contradict each other, of those that are `given`: each is of its kind."""
        return ()


@dataclass(frozen=True)
class Setting:
    """One declared setting of a system, or key of a group."""

    name: str
    kind: Any
    required: bool

    @property
    def inner(self) -> Any:
        """The kind of each scalar: of the elements of a list, of the values of a mapping, or of the setting itself."""
        return get_args(self.kind)[-1] if get_origin(self.kind) in (list, Several, dict) else self.kind


def settings_of(system: type[System] | type[Group]) -> dict[str, Setting]:
    """Return the declared settings of a system, or keys of a group, by name, in order of declaration."""
    found = {}
    bases = [base for base in system.__mro__ if base not in (dict, object)]
    for name, kind in get_type_hints(system).items():
        if get_origin(kind) is ClassVar:
            continue
        if get_origin(kind) in (Union, UnionType):
            kind = next(arg for arg in get_args(kind) if arg is not type(None))  # noqa: PLW2901
        if kind is Secret and issubclass(system, Group):
            raise TypeError(f"{system.__name__}.{name} is a secret; only a setting of a system can be one")
        found[name] = Setting(name, kind, required=not any(name in vars(base) for base in bases))
    return found


def is_group(kind: Any) -> bool:
    """Whether settings of this kind have keys of their own."""
    return isinstance(kind, type) and issubclass(kind, Group)


def describe(kind: Any) -> str:
    """Return what a setting of this kind looks like, for messages."""
    if is_group(kind):
        return f"a mapping with {', '.join(settings_of(kind))}"
    if get_origin(kind) is Several:
        return f"{describe(get_args(kind)[0])}, or a list of such"
    if get_origin(kind) is list:
        return f"a list, each {describe(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"a mapping, each value {describe(get_args(kind)[1])}"
    return {
        Url: "an address such as https://service.example.com",
        StreamUrl: "an address such as wss://service.example.com/stream",
        FilePattern: "the path of files, such as /var/log/service/service.log*",
        FilePath: "the path of a file or folder, such as /etc/service/service.yaml",
        IpAddress: "an IP address such as 192.0.2.7 or 2001:db8::7",
        Date: "a day such as 2026-03-02",
        Address: "host:port",
        Zone: "a time zone such as Europe/Berlin, or UTC",
        WeekTime: "a day and a time of day such as Sun 17:00",
        Duration: "a duration such as 500ms, 2s or 5m",
        Secret: "a secret from the environment, written ${NAME}",
        str: "text",
        int: "a whole number above 0",
        float: "a finite number above 0",
        bool: "true or false",
    }[kind]


def convert(kind: Any, value: Any) -> Any:
    """Return a scalar from YAML as `kind`; ValueError says what was expected."""
    wrong = ValueError(f"expected {describe(kind)}")
    if kind is bool:
        if isinstance(value, bool):
            return value
    elif kind in (int, float):
        if isinstance(value, kind | int) and not isinstance(value, bool) and 0 < value <= sys.float_info.max:
            return kind(value)
    elif kind is Duration:
        if isinstance(value, str):
            try:
                length = duration.seconds(value)
            except ValueError:
                raise wrong from None
            if 0 < length < math.inf:
                return Duration(length)
    elif not isinstance(value, str) or not value.strip():
        raise wrong
    elif kind is str:
        return value
    elif kind is Secret:
        return Secret(value)
    elif kind is Url:
        return Url(_url(value, kind, {"http", "https"}))
    elif kind is StreamUrl:
        return StreamUrl(_url(value, kind, {"ws", "wss"}))
    elif kind in (FilePattern, FilePath) and value.isprintable():
        return kind(value)
    elif kind is IpAddress:
        return IpAddress(_ip_address(value))
    elif kind is Zone:
        week.zone(value)
        return Zone(value)
    elif kind is WeekTime:
        week.day_and_clock(value)
        return WeekTime(value)
    elif kind is Date and _is_day(value):
        return Date(value)
    elif kind is Address:
        return Address(_host_and_port(value))
    raise wrong


def _host_and_port(value: str) -> str:
    expected = f"expected {describe(Address)}"
    if reason := authority.flaw(value):
        raise ValueError(f"{expected}: {reason}")
    if not re.search(r":[0-9]+\Z", value):
        raise ValueError(expected)
    return value


def _ip_address(value: str) -> str:
    import ipaddress  # noqa: PLC0415 (only a run that needs it pays for it)

    wrong = ValueError(f"expected {describe(IpAddress)}")
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        raise wrong from None
    if found.is_unspecified or found.is_multicast or "%" in value:
        raise wrong
    return str(found)


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _url(value: str, kind: Any, schemes: set[str]) -> str:
    """Return an address with its scheme in small letters, without an empty port and without a slash at its end."""
    wrong = ValueError(f"expected {describe(kind)}")
    scheme, separator, rest = value.partition("://")
    if not value.isascii() or not value.isprintable() or " " in value or not separator or scheme.lower() not in schemes:
        raise wrong
    netloc = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if "@" in netloc:
        raise ValueError("expected an address without credentials; give them as a secret")
    if "?" in rest or "#" in rest:
        raise ValueError("expected an address that ends before any ? or #")
    if not netloc or "\\" in rest:
        raise wrong
    if reason := authority.flaw(netloc):
        raise ValueError(f"expected {describe(kind)}: {reason}")
    path = rest.removeprefix(netloc)
    return f"{scheme.lower()}://{netloc.removesuffix(':')}{path}".rstrip("/")
