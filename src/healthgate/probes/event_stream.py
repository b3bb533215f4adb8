"""text/event-stream: one connection that is opened step by step, followed for a while, and closed in every outcome."""

from collections.abc import Callable, Mapping
from typing import Any

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Outcome, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.printable import printable
from healthgate.probes.event_format import Comment, Event
from healthgate.probes.following import OWN_HEADERS, STEPS, Enough, EventStreamRequest
from healthgate.probes.http import Credential, Exchange
from healthgate.probes.staying import Brought, never, seconds


class EventStream(Exchange):
    """A GET of a path that is answered with events for as long as the client stays, at the address in setting `url`.

    Once open, it is followed until `enough` says so, until `most` events have come or for `listen` seconds (a
    number, or the name of a setting that holds it). With `resume`, a second connection asks to go on after the last
    id that was seen and waits so many seconds for its first event. `explained_by` is the check that tells best that
    the stream cannot be had. ValueError for `headers` that are not the check's to set.
    """

    def __init__(
        self,
        system: type[System],
        path: str = "",
        *,
        url: str = "url",
        listen: float | str,
        most: int,
        headers: tuple[tuple[str, str], ...] = (),
        credential: Credential | None = None,
        enough: Callable[[], Enough] = never,
        resume: float | str | None = None,
        explained_by: str | None = None,
        alongside: Probe | None = None,
        source: str | None = None,
        trust: str | None = None,
    ) -> None:
        super().__init__(system, path, credential=credential, alongside=alongside, url=url, source=source, trust=trust)
        for name, value in headers:
            if name.lower() in OWN_HEADERS or not (name + value).isprintable() or not (name + value).isascii():
                raise ValueError(f"a check may not send the header {printable(name, 40)} with an event stream")
        self.listen = listen
        self.most = most
        self.headers = headers
        self.enough = enough
        self.resume = resume
        self.explained_by = explained_by

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        which = "" if self.url == "url" else f" {self.url.removesuffix('_url')}"
        who = f" ({self.credential.label})" if self.credential else ""
        whence = f" from {self.source.removesuffix('_address')}" if self.source else ""
        return f"{self.system.name}{which} events {self.path}".rstrip() + who + whence

    def requests(self, settings: Any) -> list[Request]:
        return [
            EventStreamRequest(
                self.id,
                getattr(settings, self.url),
                self.path,
                self.credential.make(settings) if self.credential else None,
                settings.deadline,
                seconds(settings, self.listen),
                self.most,
                settings.body_limit,
                self.headers,
                self.enough,
                None if self.resume is None else seconds(settings, self.resume),
                source=str(getattr(settings, self.source) if self.source else ""),
                trust=str((getattr(settings, self.trust, None) if self.trust else None) or ""),
            )
        ]

    def value(self, scene: Scene) -> "Followed":
        followed = Followed(scene.observation(self.id))
        if followed.status != "answered":
            raise NoData(followed.error, self.explained_by)
        return followed

    def where(self, systems: Mapping[str, System]) -> str:
        return super().where(systems).replace(self.method, "events", 1)

    @property
    def outcome(self) -> Source:
        """How the connection went, open or not: what was Followed in any case."""
        return Outcome(self, self.id, Followed)


class Resumed:
    """What a second connection brought that asked to go on after the last id the first one had seen.

    `status` is answered where it was open, `missing` where there was no id to resume after, else as in Observation.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.status = str(facts["status"])
        self.error = str(facts.get("error") or "")
        self._facts = facts

    @property
    def after(self) -> str:
        """The id it asked to go on after."""
        return str(self._facts.get("after", ""))

    @property
    def code(self) -> int | None:
        """The HTTP status of the answer, if one came."""
        code = self._facts.get("code")
        return int(code) if code is not None else None

    @property
    def event(self) -> Event | None:
        """The first event that came then, if one did."""
        found = self._facts.get("events")
        return Event(**found[0]) if found else None

    @property
    def first_event_ms(self) -> float | None:
        """Milliseconds from the answer to that event."""
        found = self._facts.get("steps", {}).get("event")
        return float(found) if found is not None else None


class Followed(Brought):
    """What one connection brought. `status` and `error` as in Observation: answered means that it was open."""

    all_steps = STEPS

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation)
        self.bytes = observation.bytes
        self.elapsed_ms = observation.elapsed_ms

    @property
    def content_type(self) -> str | None:
        """The media type of the answer without its parameters, if one came; empty where it names none."""
        found = self.facts.get("type")
        return str(found) if found is not None else None

    @property
    def opened_at(self) -> float | None:
        """When the answer began, in seconds since 1970; the moments of events and comments are as far from it."""
        return self._number("opened_at")

    @property
    def unfinished(self) -> bool:
        """Whether the time or the stream ended in the middle of an event, which is none then."""
        return bool(self.facts.get("unfinished", False))

    @property
    def events(self) -> list[Event]:
        """The events, in the order in which they came."""
        return [Event(**one) for one in self.facts.get("events", [])]

    @property
    def comment_count(self) -> int:
        """How many comments came."""
        return int(self.facts.get("comment_count", 0))

    @property
    def comments(self) -> list[Comment]:
        """The first comments, as many as events would have been enough."""
        return [Comment(**one) for one in self.facts.get("comments", [])]

    @property
    def first_event_ms(self) -> float | None:
        """Milliseconds from the answer to the first event, if one came."""
        return self.steps.get("event")

    @property
    def first_sign_ms(self) -> float | None:
        """Milliseconds from the answer to the first event or comment, if one came."""
        return self._number("first_sign_ms")

    @property
    def last_id(self) -> str:
        """The id a client would resume after; empty if there was none."""
        return str(self.facts.get("last_id", ""))

    @property
    def retry_ms(self) -> int | None:
        """The reconnection time the server has set last, in ms, if it has."""
        found = self.facts.get("retry_ms")
        return int(found) if found is not None else None

    @property
    def resumed(self) -> Resumed | None:
        """What a second connection brought, where the probe asks for one and the first was open."""
        found = self.facts.get("resumed")
        return Resumed(found) if found is not None else None
