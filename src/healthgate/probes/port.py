"""A TCP port: does anything answer there? The connection is closed at once, nothing is sent."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Probe, Scene
from healthgate.claim.system import Address, System
from healthgate.probes.request import Silent
from healthgate.secret import Redactor


class Port(Probe):
    """One attempt, `within` seconds, to connect to the address in a setting."""

    def __init__(self, system: type[System], *, address: str, within: float) -> None:
        super().__init__(system, None)
        self.address = address
        self.within = within

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.address,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} port {self.address}"

    def requests(self, settings: Any) -> list[Request]:
        return [PortRequest(self.id, getattr(settings, self.address), self.within)]

    def value(self, scene: Scene) -> Observation:
        """Return how the attempt ended, whatever it was: `answered` if something listens there."""
        return scene.observation(self.id)

    def where(self, systems: Mapping[str, System]) -> str:
        return f"port {getattr(self.settings(systems), self.address)}"


@dataclass(frozen=True)
class PortRequest(Silent):
    """One attempt; `deadline` in seconds."""

    id: str
    address: Address
    deadline: float

    @property
    def host(self) -> str:
        """Where the attempt goes."""
        return f"tcp://{self.address}"

    def load(self) -> None:
        """Import how connections are made."""
        from healthgate.wire import bounded  # noqa: F401, PLC0415 (only a run that needs it pays for it)

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Connect and close."""
        from healthgate.wire import bounded  # noqa: PLC0415

        began = time.monotonic()
        status, error, opened = "answered", None, 0
        host, port = bounded.host_and_port(self.address, 0)
        try:
            bounded.connect(host, port, self.deadline, 0).close()
            opened = 1
        except (OSError, UnicodeError) as problem:
            status, error = bounded.explain(problem, self.host, self.deadline)
        elapsed = round((time.monotonic() - began) * 1000, 3)
        return Observation(self.id, status, time.time(), elapsed, 0, error, {}, opened), None
