"""JSON under one key of a Redis, read as the body of an answer is: by its members, as its documents have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.here import AS_DOCUMENTED, Here
from healthgate.claim.observation import Observation, Request
from healthgate.claim.path import joined
from healthgate.claim.shape import Shape
from healthgate.claim.source import Field, Measured, Member, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.printable import printable
from healthgate.probes.http import Origin
from healthgate.probes.redis import RedisRequest
from healthgate.secret import Redactor
from healthgate.wire.notation import from_json


class RedisDocument(Probe):
    """The JSON under `key` of the Redis whose address is in the setting `node`.

    `password` and `database` name settings as for RedisNodes. `body` is what the documents say of its members, which a
    profile calls otherwise under the key as it does under a path, `origin` whether they have the key at all.
    """

    def __init__(
        self,
        system: type[System],
        key: str,
        *,
        node: str,
        password: str | None = None,
        database: str | None = None,
        body: Shape | None = None,
        origin: Origin = "documented",
        proven_by: str | None = None,
    ) -> None:
        super().__init__(system, proven_by)
        if key.split() != [key]:
            raise ValueError(f"{key!r} is no key that can be asked for; it has blanks, or nothing")
        self.route = self.key = key
        self.node = node
        self.password = password
        self.database = database
        self.shape = body or {}
        self.origin = origin

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.node,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} {self.node} GET {self.key}"

    def requests(self, settings: Any) -> list[Request]:
        password, database = (getattr(settings, one) if one else None for one in (self.password, self.database))
        return [
            DocumentRequest(
                self.id, getattr(settings, self.node), (f"GET {self.key}",), None, password, settings.deadline,
                settings.body_limit, database or 0,
            )
        ]  # fmt: skip

    def where(self, systems: Mapping[str, System]) -> str:
        return f"redis {getattr(self.settings(systems), self.node)} GET {self.key}"

    def value(self, scene: Scene) -> Facts:
        return facts_of(scene.observation(self.id), self, self.settings(scene.systems).here)

    def at(self, path: str) -> Field:
        """Return a member of the JSON."""
        return Field(self, path)

    def __getitem__(self, step: str | int) -> Field:
        return Field(self, joined("", step))

    def member(self, path: str, systems: Mapping[str, System]) -> Member | None:  # noqa: ARG002
        return Member(self, self.route, path)

    @property
    def sound(self) -> Source:
        """Whether a JSON object is under the key, or in words what is; no data where the Redis does not answer."""
        return SoundJson(self)


def facts_of(observation: Observation, probe: RedisDocument, here: Here = AS_DOCUMENTED) -> Facts:
    """Return what is under the key with every member where the documents have it; NoData says what there is instead."""
    if observation.status != "answered":
        raise NoData(observation.error or "")
    if flaw := observation.facts.get("flaw"):
        raise NoData(str(flaw))
    content = here.body(probe.route, observation.facts["json"])
    return Facts(content, "", (lambda path: here.lacks(probe.route, path)) if here.absent else None)


class SoundJson(Source):
    """Whether a key holds a JSON object; says in words what there is instead."""

    def __init__(self, probe: RedisDocument) -> None:
        self.probe = probe

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.probe.probes(systems)

    def where(self, systems: Mapping[str, System]) -> str:
        return self.probe.where(systems)

    def value(self, scene: Scene) -> Measured:
        observation = scene.observation(self.probe.id)
        if observation.status != "answered":
            raise NoData(observation.error or "")
        flaw = str(observation.facts.get("flaw", ""))
        if not flaw and not isinstance(observation.facts["json"], dict):
            flaw = f"{self.probe.key} holds JSON that is no object"
        return Measured(not flaw, flaw)


@dataclass(frozen=True)
class DocumentRequest(RedisRequest):
    """A GET of one key that holds JSON: facts are `json`, or `flaw` saying why there is none."""

    def _ask(self, client: Any, redactor: Redactor) -> dict[str, Any]:
        asked = super()._ask(client, redactor)
        (reply,) = asked["replies"].values()
        return {"took_ms": asked["took_ms"], **self._parsed(reply, redactor)}

    def _parsed(self, reply: Any, redactor: Redactor) -> dict[str, Any]:
        (command,) = self.commands
        key = command.partition(" ")[2]
        if isinstance(reply, dict):
            return {"flaw": f"{command} was answered with the error {reply['error']}"}
        if reply is None:
            return {"flaw": f"there is nothing under {key}"}
        try:
            return {"json": redactor.content(from_json(str(reply)))}
        except ValueError as problem:
            return {"flaw": f"{key} holds no JSON: {printable(problem)}"}
