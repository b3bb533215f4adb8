"""What a fault is: a name, its parameters, and what it does in each process it touches."""

import difflib
import json
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from lab.universe import INDEX

Layer = Literal["behaviour", "infrastructure", "response", "report"]
Place = Literal[
    "control",
    "feed",
    "market",
    "gateway",
    "wsmanager",
    "wsmanager_staging",
    "ingress",
    "cloudwatch",
    "sse",
    "sse_clients",
    "service",
]
"""Where a part of a fault acts; `service` is the process named by the parameter `service`."""
Values = dict[str, Any]
Action = Callable[..., AbstractAsyncContextManager[None]]
Read = Callable[[Any], Any]


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Final = _Required()
NOT_GIVEN: Final = None


class UnknownFaultError(LookupError):
    """No fault has that name."""


class BadParametersError(ValueError):
    """A parameter is missing, unknown, or out of range."""


@dataclass(frozen=True)
class Parameter:
    """One named value of a fault; `read` turns a given value into the wanted type or raises ValueError."""

    name: str
    kind: str
    meaning: str
    read: Read
    default: Any = REQUIRED

    def describe(self) -> str:
        """Spell the parameter as shown in messages: name, kind and default."""
        if self.default is REQUIRED:
            return f"{self.name} ({self.kind}, required)"
        if self.default is NOT_GIVEN:
            return f"{self.name} ({self.kind}, optional)"
        return f"{self.name} ({self.kind}, default {json.dumps(self.default)})"


def whole(name: str, meaning: str, *, at_least: int, at_most: int, default: Any = REQUIRED) -> Parameter:
    """Describe a whole number between two bounds, both included."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
            raise ValueError(f"a whole number from {at_least} to {at_most}")
        return value

    return Parameter(name, f"whole number {at_least}..{at_most}", meaning, read, default)


def number(name: str, meaning: str, *, at_least: float, at_most: float, default: Any = REQUIRED) -> Parameter:
    """Describe a number between two bounds, both included."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not at_least <= value <= at_most:
            raise ValueError(f"a number from {at_least:g} to {at_most:g}")
        return float(value)

    return Parameter(name, f"number {at_least:g}..{at_most:g}", meaning, read, default)


def text(name: str, meaning: str, *, default: Any = REQUIRED) -> Parameter:
    """Describe any text."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError("a text")
        return value

    return Parameter(name, "text", meaning, read, default)


def choice(
    name: str,
    meaning: str,
    options: Sequence[str],
    *,
    default: Any = REQUIRED,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> Parameter:
    """Describe one word out of a few; words of `elsewhere` are refused with what to do instead."""

    def read(value: Any) -> str:
        if value not in options:
            instead = elsewhere.get(str(value))
            raise ValueError("one of " + ", ".join(options) + (f" ({instead})" if instead else ""))
        return str(value)

    return Parameter(name, " | ".join(options), meaning, read, default)


def truth(name: str, meaning: str, *, default: Any = REQUIRED) -> Parameter:
    """Describe true or false."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError("true or false")
        return value

    return Parameter(name, "true | false", meaning, read, default)


def words(name: str, meaning: str, *, default: Any = REQUIRED) -> Parameter:
    """Describe a list of texts; a single text may be given bare, several with commas."""

    def read(value: Any) -> list[str]:
        found = value.split(",") if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise TypeError("a list of texts")
        return [word.strip() for word in found if word.strip()]

    return Parameter(name, "list of texts", meaning, read, default)


def numbers(name: str, meaning: str, *, at_least: float, at_most: float, default: Any = REQUIRED) -> Parameter:
    """Describe a list of numbers between two bounds, both included; it may be given as text, with commas."""

    def read(value: Any) -> list[float]:
        found = value.split(",") if isinstance(value, str) else value
        fitting = isinstance(found, list) and not any(isinstance(one, bool) for one in found)
        result = [float(one) for one in found] if fitting else []
        if not result or not all(at_least <= one <= at_most for one in result):
            raise ValueError(f"a list of numbers from {at_least:g} to {at_most:g}")
        return result

    return Parameter(name, f"list of numbers {at_least:g}..{at_most:g}", meaning, read, default)


def symbols(name: str, meaning: str, *, default: Any = REQUIRED) -> Parameter:
    """Describe a list of traded symbols."""
    listed = words(name, meaning).read

    def read(value: Any) -> list[str]:
        found: list[str] = listed(value)
        if unknown := [symbol for symbol in found if symbol not in INDEX]:
            near = difflib.get_close_matches(unknown[0], INDEX, 1)
            raise ValueError(f"traded symbols; {unknown[0]} is not one" + (f", {near[0]} is" if near else ""))
        return found

    return Parameter(name, "list of symbols", meaning, read, default)


def anything(name: str, meaning: str, *, default: Any = REQUIRED) -> Parameter:
    """Describe any JSON value."""
    return Parameter(name, "any JSON value", meaning, lambda value: value, default)


@dataclass
class Fault:
    """One fault of the catalogue and what it does where."""

    id: str
    layer: Layer
    what: str
    parameters: tuple[Parameter, ...] = ()
    objection: Callable[[Values], str | None] = lambda _values: None
    """Says what is wrong with a combination of values, or None."""
    actions: list[tuple[Place, Action]] = field(default_factory=list)
    """What is done where, in this order; undone in the opposite order."""

    def __post_init__(self) -> None:
        CATALOGUE[self.id] = self

    def on(self, place: Place) -> Callable[[Action], Action]:
        """Register an async context manager `(target, **parameters)` that causes the fault at `place`."""

        def register(action: Action) -> Action:
            self.actions.append((place, action))
            return action

        return register

    def values(self, given: Mapping[str, Any]) -> Values:
        """Check given parameters and fill in defaults, or raise BadParametersError."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1, 0.4)
                hint = f"; did you mean {near[0]}?" if near else "."
                raise BadParametersError(f"{self.id}: {name} is not a parameter{hint} {self.accepts()}")
        result: Values = {}
        for name, parameter in known.items():
            if name in given and given[name] is not None:
                try:
                    result[name] = parameter.read(given[name])
                except (ValueError, TypeError) as error:
                    shown = json.dumps(given[name])
                    raise BadParametersError(f"{self.id}: {name} must be {error}, not {shown}") from None
            elif name in given and parameter.kind == "any JSON value":
                result[name] = None
            elif parameter.default is REQUIRED:
                raise BadParametersError(f"{self.id}: {name} is missing. {self.accepts()}")
            else:
                result[name] = parameter.default
        if complaint := self.objection(result):
            raise BadParametersError(f"{self.id}: {complaint}")
        return result

    def accepts(self) -> str:
        """Sentence that lists the accepted parameters."""
        if not self.parameters:
            return "It takes no parameters."
        return "It accepts " + ", ".join(parameter.describe() for parameter in self.parameters) + "."

    def places(self, values: Values) -> list[str]:
        """Names of the processes this fault acts in, in order, each once."""
        named = [values["service"] if place == "service" else place for place, _ in self.actions]
        return list(dict.fromkeys(named))

    def actions_in(self, process: str, values: Values) -> list[Action]:
        """What this fault does in one process."""
        return [
            action
            for place, action in self.actions
            if (values.get("service") if place == "service" else place) == process
        ]


CATALOGUE: Final[dict[str, Fault]] = {}


def find(fault_id: str) -> Fault:
    """Fault with that name, or UnknownFaultError naming the nearest one."""
    if fault := CATALOGUE.get(fault_id):
        return fault
    folded = {name.lower(): name for name in CATALOGUE}
    near = difflib.get_close_matches(fault_id.lower(), folded, 1, 0.4)
    hint = f"; did you mean {folded[near[0]]}?" if near else ""
    accepts = f" {CATALOGUE[folded[near[0]]].accepts()}" if near else ""
    raise UnknownFaultError(f"{fault_id} is not a fault{hint}{accepts} `python -m lab faults` lists them all.")


def listing() -> list[dict[str, Any]]:
    """Every fault and its parameters, as plain data."""
    return [
        {
            "id": fault.id,
            "layer": fault.layer,
            "what": fault.what,
            "parameters": [
                {"name": one.name, "kind": one.kind, "meaning": one.meaning}
                | ({"required": True} if one.default is REQUIRED else {"default": one.default})
                for one in fault.parameters
            ],
        }
        for _, fault in sorted(CATALOGUE.items())
    ]


def as_arguments(values: Values) -> Values:
    """Parameter values as keyword arguments: names that Python reserves get a trailing underscore."""
    return {f"{name}_" if keyword.iskeyword(name) else name: value for name, value in values.items()}


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return written


def parse(written: str) -> tuple[str, Values]:
    """Read `NAME` or `NAME:k=v,k=v`; values are JSON where they can be, else text. Values are checked."""
    name, _, rest = written.strip().partition(":")
    fault = find(name.strip())
    given: Values = {}
    # A comma ends a value only where the next `name=` follows, so lists and sentences may hold commas.
    for pair in re.split(r",(?=\s*\w+=)", rest) if rest.strip() else []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadParametersError(f"{fault.id}: write parameters as name=value, not {pair.strip()!r}")
        given[key.strip()] = _value(value.strip())
    return fault.id, fault.values(given)
