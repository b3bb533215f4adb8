"""Sources that ask nothing: what the profile says of an environment."""

from collections.abc import Callable, Mapping
from typing import Any

from healthgate.claim.source import Absent, Lacking, Probe, Scene, Source
from healthgate.claim.system import System


class FromProfile(Source):
    """A setting as a reading's other half: what the environment says should be there."""

    def __init__(self, system: type[System], name: str) -> None:
        self.system = system
        self.name = name

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        if self.system.name not in systems:
            raise Lacking(self.system.name)
        if getattr(systems[self.system.name], self.name, None) is None:
            raise Absent(f"{self.system.name}.{self.name}")
        return ()

    def value(self, scene: Scene) -> Any:
        return getattr(scene.systems[self.system.name], self.name)

    def where(self, systems: Mapping[str, System]) -> str:  # noqa: ARG002
        return ""


class TimeScale(Source):
    """How many seconds of production pass in one second of this environment (1 where people trade)."""

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:  # noqa: ARG002
        return ()

    def value(self, scene: Scene) -> float:
        return scene.time_scale

    def where(self, systems: Mapping[str, System]) -> str:  # noqa: ARG002
        return ""


TIME_SCALE = TimeScale()


class FromSettings(Source):
    """What a function makes of the settings of a system."""

    def __init__(self, system: type[System], function: Callable[[Any], Any]) -> None:
        self.system = system
        self.function = function

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        if self.system.name not in systems:
            raise Lacking(self.system.name)
        return ()

    def value(self, scene: Scene) -> Any:
        return self.function(scene.systems[self.system.name])

    def where(self, systems: Mapping[str, System]) -> str:  # noqa: ARG002
        return ""


def from_settings(system: type[System], function: Callable[[Any], Any]) -> Source:
    """Return what `function` makes of the settings of a system, and of when the run began (`run_at`)."""
    return FromSettings(system, function)
