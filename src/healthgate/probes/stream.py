"""WebSocket: one connection that is opened step by step, listened to for a while, and closed in every outcome."""

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Outcome, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.probes.listening import STEPS, Enough, Message, StreamRequest, never


def nothing_first(settings: System) -> tuple[str, ...]:  # noqa: ARG001
    """Send nothing but the ping."""
    return ()


def never_enough(settings: System) -> Enough:  # noqa: ARG001
    """Return what never finds that enough has come."""
    return never()


class Stream(Probe):
    """A WebSocket connection of a system whose settings have its address in `url`.

    Once open, it sends what `opening` returns (text messages) and a ping, and listens until what `enough` returns says
    so, until `most` messages have come or for `listen` seconds (a number, or the name of a setting that holds it).
    `opening` and `enough` are functions of the settings. `explained_by` is the check that tells best that the stream
    cannot be had.
    """

    def __init__(
        self,
        system: type[System],
        *,
        url: str,
        listen: float | str,
        most: int,
        opening: Callable[[Any], tuple[str, ...]] = nothing_first,
        enough: Callable[[Any], Enough] = never_enough,
        explained_by: str | None = None,
    ) -> None:
        super().__init__(system, None)
        self.explained_by = explained_by
        self.url = url
        self.listen = listen
        self.most = most
        self.opening = opening
        self.enough = enough

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} {self.url.removesuffix('_url')}"

    def requests(self, settings: Any) -> list[Request]:
        return [
            StreamRequest(
                self.id,
                getattr(settings, self.url),
                settings.deadline,
                self.seconds(settings),
                self.most,
                settings.body_limit,
                self.opening(settings),
                partial(self.enough, settings),
            )
        ]

    def seconds(self, settings: System) -> float:
        """Return how long the stream is listened to at most, in seconds."""
        return float(getattr(settings, self.listen) if isinstance(self.listen, str) else self.listen)

    def value(self, scene: Scene) -> "Heard":
        heard = Heard(scene.observation(self.id))
        if heard.status != "answered":
            raise NoData(heard.error, self.explained_by)
        return heard

    def where(self, systems: Mapping[str, System]) -> str:
        return f"stream {getattr(self.settings(systems), self.url)}"

    @property
    def outcome(self) -> Source:
        """How the connection went, open or not: what was Heard in any case."""
        return Outcome(self, self.id, Heard)


class Heard:
    """What one connection brought, complete `at`. The rest as in Observation: answered means that it was open."""

    def __init__(self, observation: Observation) -> None:
        self.status = observation.status
        self.error = observation.error or ""
        self.at = observation.at
        self.facts = observation.facts

    @property
    def steps(self) -> dict[str, float]:
        """Milliseconds each step took that succeeded, in their order."""
        return dict(self.facts.get("steps", {}))

    @property
    def failed_step(self) -> str | None:
        """The first step that did not succeed; None if all did, or if it cannot be told."""
        missing = [step for step in STEPS if step not in self.steps]
        return missing[0] if missing and "steps" in self.facts else None

    @property
    def code(self) -> int | None:
        """The HTTP status with which the upgrade was refused, if it was."""
        code = self.facts.get("code")
        return int(code) if code is not None else None

    @property
    def count(self) -> int:
        """How many messages came."""
        return int(self.facts.get("count", 0))

    @property
    def listened_s(self) -> float:
        """Seconds between the opening and the end of listening."""
        return float(self.facts.get("listened_s", 0.0))

    @property
    def ended(self) -> str:
        """Why listening ended: enough, time, most, closed, reset, oversized or malformed."""
        return str(self.facts.get("ended", ""))

    @property
    def ending(self) -> str:
        """Why listening ended, in words."""
        return str(self.facts.get("ending", self.error))

    @property
    def first_message_ms(self) -> float | None:
        """Milliseconds from the opening to the first message, if one came."""
        found = self.facts.get("first_message_ms")
        return float(found) if found is not None else None

    @property
    def largest_gap_ms(self) -> float | None:
        """The longest silence while listening, the ones before the first and after the last message included."""
        found = self.facts.get("largest_gap_ms")
        return float(found) if found is not None else None

    @property
    def messages(self) -> list[Message]:
        """The messages, in the order in which they came."""
        return [
            Message(one["at"], one["text"] if "text" in one else base64.b64decode(one["binary"]))
            for one in self.facts.get("messages", [])
        ]
