"""Channels of a Redis, subscribed to for a while: what is published meanwhile, and nothing is sent but that."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Outcome, Probe, Scene, Source
from healthgate.claim.system import Address, System
from healthgate.probes.listening import Message
from healthgate.probes.redis import ToNode, connected, explained, host_and_port
from healthgate.probes.staying import seconds
from healthgate.secret import Redactor, Secret

LONGEST = 20_000
"""Characters of one message that are kept; what is longer is kept up to here, and is no JSON then."""


class RedisChannels(Probe):
    """What is published on `channels` of the Redis whose address is in the setting `node`, for `listen` seconds.

    `listen` may be the name of a setting. Not more than `most` messages are waited for. `password` and `database` name
    settings as for RedisNodes. `explained_by` is the check that tells best that the Redis cannot be asked.
    """

    def __init__(
        self,
        system: type[System],
        *,
        node: str,
        channels: tuple[str, ...],
        listen: float | str,
        most: int = 100,
        password: str | None = None,
        proven_by: str | None = None,
        explained_by: str | None = None,
    ) -> None:
        super().__init__(system, proven_by)
        self.node = node
        self.channels = channels
        self.listen = listen
        self.most = most
        self.password = password
        self.explained_by = explained_by

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.node,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} {self.node} SUBSCRIBE {' '.join(self.channels)}"

    def requests(self, settings: Any) -> list[Request]:
        return [
            SubscribeRequest(
                self.id, getattr(settings, self.node), self.channels,
                getattr(settings, self.password) if self.password else None, settings.deadline,
                seconds(settings, self.listen), self.most, settings.body_limit,
            )
        ]  # fmt: skip

    def value(self, scene: Scene) -> "Published":
        found = Published(scene.observation(self.id))
        if found.status != "answered":
            raise NoData(found.error, self.explained_by)
        return found

    def where(self, systems: Mapping[str, System]) -> str:
        return f"redis {getattr(self.settings(systems), self.node)} SUBSCRIBE {' '.join(self.channels)}"

    @property
    def outcome(self) -> Source:
        """How listening went, subscribed or not: what was Published in any case."""
        return Outcome(self, self.id, Published)


@dataclass(frozen=True)
class ChannelMessage(Message):
    """One message as it came on a channel."""

    channel: str


class Published:
    """What was published while we listened. `status` and `error` as in Observation: answered means subscribed.

    `ended` is why listening ended: time, most, closed (by the server), oversized or malformed; `ending` says it in
    words, and `listened_s` for how many seconds was listened.
    """

    def __init__(self, observation: Observation) -> None:
        self.status = observation.status
        self.error = observation.error or ""
        self.ended = str(observation.facts.get("ended", ""))
        self.ending = str(observation.facts.get("ending", self.error))
        self.listened_s = float(observation.facts.get("listened_s", 0.0))
        came = observation.facts.get("messages", [])
        self.messages = [ChannelMessage(one["at"], one["text"], one["channel"]) for one in came]

    def on(self, channel: str) -> list[ChannelMessage]:
        """Return the messages of one channel, in the order in which they came.

        NoData where none came and listening was cut short: silence proves nothing then.
        """
        found = [one for one in self.messages if one.channel == channel]
        if not found and self.ended != "time":
            raise NoData(f"nothing came on {channel} in {self.listened_s:.1f} s: {self.ending}")
        return found


@dataclass(frozen=True)
class SubscribeRequest(ToNode):
    """One subscription with everything it needs; times in seconds, `budget` in bytes."""

    id: str
    address: Address
    channels: tuple[str, ...]
    password: Secret | None
    open_within: float
    listen: float
    most: int
    budget: int

    @property
    def deadline(self) -> float:
        """Seconds from connecting to the end."""
        return self.open_within + self.listen

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Subscribe and listen; the connection is closed in every case."""
        from healthgate.wire import bounded  # noqa: PLC0415 (only a run that needs it pays for it)

        began = time.monotonic()
        status, error, facts = "answered", None, {}
        sock = client = None
        try:
            sock = bounded.connect(*host_and_port(self.address), self.open_within, self.budget)
            client = connected(sock, self.password, 0)
            client.send_packed_command(client.pack_command("SUBSCRIBE", *self.channels))
            for channel in self.channels:
                _expect(client.read_response(), channel)
            facts = _Listening(self, client, sock, redactor).facts()
        except Exception as problem:
            received = getattr(sock, "taken", 0)
            status, error = explained(problem, self.address, self.open_within, self.budget, received, redactor)
        finally:
            if client is not None:
                client.disconnect()
            if sock is not None:
                sock.close()
        elapsed = round((time.monotonic() - began) * 1000, 3)
        received = getattr(sock, "taken", 0)
        return Observation(self.id, status, time.time(), elapsed, received, error, facts, 1), None


def _expect(reply: Any, channel: str) -> None:
    """Raise ValueError for what does not confirm that a channel is subscribed to."""
    if reply[:2] != [b"subscribe", channel.encode()]:
        raise ValueError(f"{channel} was not confirmed")


@dataclass
class _Listening:
    request: SubscribeRequest
    client: Any
    sock: Any
    redactor: Redactor
    messages: list[dict[str, Any]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Listen to the end; return what came, and why it ended."""
        taken = self.sock.taken
        began = time.monotonic()
        self.sock.bound(self.request.listen, self.request.budget - taken)
        ended, ending = "most", f"{self.request.most} messages had come"
        try:
            while len(self.messages) < self.request.most:
                self._hear(self.client.read_response())
        except Exception as problem:
            budget, address = self.request.budget - taken, self.request.address
            status, words = explained(problem, address, self.request.listen, budget, self.sock.taken, self.redactor)
            told = {"late": ("time", "the time was up"), "reset": ("closed", "the server closed the connection")}
            ended, ending = told.get(status, (status, words))
        self.sock.taken += taken
        listened = round(time.monotonic() - began, 3)
        return {"messages": self.messages, "ended": ended, "ending": ending, "listened_s": listened}

    def _hear(self, reply: Any) -> None:
        kind, channel, content = reply
        if kind != b"message":
            raise ValueError("no message")
        text = self.redactor.text(content.decode(errors="replace"))
        name = self.redactor.text(channel.decode(errors="backslashreplace"))
        self.messages.append({"at": time.time(), "channel": name, "text": text[:LONGEST]})
