"""HTTP: one GET for each of several names that only the settings of a place know."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from healthgate.claim.observation import Request
from healthgate.claim.source import Scene
from healthgate.claim.system import System
from healthgate.probes.http import Exchange, HttpRequest
from healthgate.probes.http_answer import Answer

NAME = "{name}"
"""What stands in a path for each of the names."""


class GetEach(Exchange):
    """A GET of `path` for each name that `names` returns of the settings, which stands there for {name}.

    It is read as an Answer by name, answered or not; the others of Exchange's options hold for each request.
    """

    def __init__(
        self, system: type[System], path: str, *, names: Callable[[Any], Sequence[str]], **options: Any
    ) -> None:
        super().__init__(system, path, **options)
        self.names = names

    def ids(self, settings: System) -> list[str]:
        return [self.id.replace(NAME, name) for name in self.names(settings)]

    def requests(self, settings: Any) -> list[Request]:
        one = self.request(HttpRequest, settings)
        return [
            replace(one, id=self.id.replace(NAME, name), path=one.path.replace(NAME, quote(name, safe="")))
            for name in self.names(settings)
        ]

    def value(self, scene: Scene) -> dict[str, Answer]:
        settings = self.settings(scene.systems)
        seen = {name: scene.observation(self.id.replace(NAME, name)) for name in self.names(settings)}
        return {name: Answer(one, self.codes, settings.here, self.path) for name, one in seen.items()}
