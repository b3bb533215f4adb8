"""Readings that depend on when a system was looked at, or on how often: sources made of other sources."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from healthgate.claim.observation import attempt_mark
from healthgate.claim.source import Derived, Probe, Scene, Source, Tried
from healthgate.claim.system import System

ATTEMPT = re.compile(r" \(attempt ([0-9]+)\)")


class Unless(Source):
    """The first source where `reason` is None, else the second, which may say what the reason is.

    It stands where the first stands.
    """

    def __init__(self, first: Source, reason: Source, second: Source) -> None:
        self.first = first
        self.reason = reason
        self.second = second

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        sources = (self.first, self.reason, self.second)
        return tuple(dict.fromkeys(probe for source in sources for probe in source.probes(systems)))

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.first.proofs(systems), *self.second.proofs(systems))))

    def value(self, scene: Scene) -> Any:
        return (self.first if self.reason.value(scene) is None else self.second).value(scene)

    def where(self, systems: Mapping[str, System]) -> str:
        return self.first.where(systems)


def unless(first: Source, reason: Source, second: Source) -> Source:
    """Return `first`, or `second` while `reason` is not None."""
    return Unless(first, reason, second)


class Quietly(Derived):
    """A pure function of sources that are not what is shown as read."""

    def where(self, systems: Mapping[str, System]) -> str:  # noqa: ARG002
        return ""


def moment(source: Source) -> Source:
    """Return when what `source` brings was complete, in seconds since 1970: of an Answer, a Log, of what was Heard."""
    return Quietly(lambda found: found.at, (source,))


def marks_until(mark: str) -> list[str]:
    """Return the marks of the attempts up to the one with this mark; of another reading, that mark alone."""
    found = ATTEMPT.fullmatch(mark)
    return [attempt_mark(number) for number in range(1, int(found[1]) + 1)] if found else [mark]


class EveryAttempt(Tried):
    """What a source gave in each attempt so far, the first one first; an attempt without data is the NoData."""

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return self.source.proofs(systems)

    def value(self, scene: Scene) -> list[Any]:
        return [super(EveryAttempt, self).value(replace(scene, reread=mark)) for mark in marks_until(scene.reread)]


def every_attempt(source: Source) -> Source:
    """Return what each attempt of a check with `attempts=` brought: sources that race need agree only in one."""
    return EveryAttempt(source)


def quietly(*sources: Source) -> Callable[[Callable[..., Any]], Source]:
    """Like `measure`, of sources that are not shown where a reading comes from."""
    return lambda function: Quietly(function, sources)
