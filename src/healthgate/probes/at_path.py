"""What is on this machine at the path in a setting: the frame of the probes that ask nobody over a network."""

from collections.abc import Mapping
from typing import ClassVar

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Probe, Scene
from healthgate.claim.system import System


class AtPath(Probe):
    """What is at the path in the setting `path`. `explained_by` is the check that tells best that it cannot be had."""

    asks_for: ClassVar[str]
    """What stands in the name of the request between the system and the setting; may be empty."""
    noun: ClassVar[str]
    """What people are shown before the path."""

    def __init__(self, system: type[System], *, path: str, explained_by: str | None = None) -> None:
        super().__init__(system, None)
        self.path = path
        self.explained_by = explained_by

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.path,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return " ".join(filter(None, (self.system.name, self.asks_for, self.path)))

    def answered(self, scene: Scene) -> Observation:
        """Return what was seen there; NoData says why nothing was."""
        observation = scene.observation(self.id)
        if observation.status != "answered":
            raise NoData(observation.error or "", self.explained_by)
        return observation

    def where(self, systems: Mapping[str, System]) -> str:
        return f"{self.noun} {getattr(self.settings(systems), self.path)}"
