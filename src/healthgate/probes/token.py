"""A bearer token as the suite holds it: what it claims about itself. It is decoded here and sent nowhere."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Probe, Scene
from healthgate.claim.system import System
from healthgate.probes.request import Local
from healthgate.secret import Redactor, Secret
from healthgate.wire.notation import from_json


class Claims(Probe):
    """The named claims of the token in a setting, and whether it is one of the `placeholders` of examples."""

    def __init__(
        self, system: type[System], *, token: str, names: tuple[str, ...], placeholders: tuple[str, ...] = ()
    ) -> None:
        super().__init__(system, None)
        self.token = token
        self.names = names
        self.placeholders = placeholders

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.token,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} claims of {self.token}"

    def requests(self, settings: Any) -> list[Request]:
        return [ClaimsRequest(self.id, getattr(settings, self.token), self.names, self.placeholders)]

    def value(self, scene: Scene) -> "Token":
        return Token(scene.observation(self.id))

    def where(self, systems: Mapping[str, System]) -> str:  # noqa: ARG002
        return f"claims of {self.token}, read without sending it"


class Token:
    """What a token says about itself. `at` is when that was looked at, in seconds since 1970."""

    def __init__(self, observation: Observation) -> None:
        self.at = observation.at
        self.is_placeholder = bool(observation.facts["placeholder"])
        self._claims = observation.facts["claims"]

    @property
    def claims(self) -> Facts:
        """The claims; NoData if the token is not a JSON Web Token."""
        if self._claims is None:
            raise NoData("the token is not a JSON Web Token, so that its claims cannot be read")
        return Facts(self._claims)


@dataclass(frozen=True)
class ClaimsRequest(Local):
    """One look at a token."""

    id: str
    token: Secret
    names: tuple[str, ...]
    placeholders: tuple[str, ...]
    deadline: float = 1.0

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The token."""
        return (self.token,)

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Decode the token; only the claims that were asked for are kept."""
        began = time.monotonic()
        value = self.token.reveal().strip()
        claims = _decoded(value)
        kept = None if claims is None else {name: claims[name] for name in self.names if name in claims}
        facts = {"placeholder": value in self.placeholders, "claims": redactor.content(kept)}
        elapsed = round((time.monotonic() - began) * 1000, 3)
        return Observation(self.id, "answered", time.time(), elapsed, 0, None, facts), None


def _decoded(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        body = from_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
