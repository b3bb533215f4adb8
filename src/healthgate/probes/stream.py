"""WebSocket: one connection that is opened step by step, listened to for a while, and closed in every outcome."""

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Outcome, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.probes.listening import STEPS, Enough, Message, StreamRequest
from healthgate.probes.staying import Brought, never, seconds


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
                seconds(settings, self.listen),
                self.most,
                settings.body_limit,
                self.opening(settings),
                partial(self.enough, settings),
            )
        ]

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


class Heard(Brought):
    """What one connection brought, complete `at`. The rest as in Observation: answered means that it was open."""

    all_steps = STEPS

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation)
        self.at = observation.at

    @property
    def first_message_ms(self) -> float | None:
        """Milliseconds from the opening to the first message, if one came."""
        return self._number("first_message_ms")

    @property
    def messages(self) -> list[Message]:
        """The messages, in the order in which they came."""
        return [
            Message(one["at"], one["text"] if "text" in one else base64.b64decode(one["binary"]))
            for one in self.facts.get("messages", [])
        ]
