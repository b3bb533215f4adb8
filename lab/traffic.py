"""What passes a service's public port: counting it, and breaking it while a fault lasts."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

INTERNAL_HEADER = "X-Lab-Internal"

Wrap = Callable[[ASGIApp], ASGIApp]


@dataclass(frozen=True, eq=False)
class _Breakage:
    path: str | None
    method: str | None
    scope: str
    wrap: Wrap

    def hits(self, scope: Scope, internal: bool) -> bool:
        """Whether a request is broken: by route and query, by method, by who makes it."""
        query = scope["query_string"].decode("latin-1")
        asked = f"{scope['path']}?{query}" if query else scope["path"]
        return (
            self.path in (None, asked)
            and self.method in (None, scope["method"])
            and (self.scope == "all" or not internal)
        )


class Traffic:
    """ASGI layer around a service: counts requests, and applies response faults to matching ones."""

    def __init__(self, app: ASGIApp, internal_key: str, refuses: Callable[[Scope], bool]) -> None:
        self.app = app
        self._refuses = refuses
        self.outside: Counter[str] = Counter()
        """Requests per `METHOD /route` from callers that are not lab services."""
        self.internal: Counter[str] = Counter()
        """The same for calls made by other lab services."""
        self.inside_ports: set[int] = set()
        """Ports on which every caller is a lab service."""
        self._internal_header = (INTERNAL_HEADER.lower().encode(), internal_key.encode())
        self._breakages: list[_Breakage] = []

    def is_internal(self, scope: Scope) -> bool:
        """Whether another lab service made this call."""
        return self._internal_header in scope["headers"] or scope["server"][1] in self.inside_ports

    @asynccontextmanager
    async def broken(self, path: str | None, scope: str, wrap: Wrap, method: str | None = None) -> AsyncIterator[None]:
        """Wrap answers on `path` (None: every route) for `direct callers only` or for `all`.

        A route with a query is that query only, one without is asked without; `method` None means every method.
        """
        breakage = _Breakage(path, method, scope, wrap)
        self._breakages.append(breakage)
        try:
            yield
        finally:
            self._breakages.remove(breakage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request and let it through, wrapped in every fault that matches it."""
        internal = self.is_internal(scope)
        method = scope["method"] if scope["type"] == "http" else "WS"
        (self.internal if internal else self.outside)[f"{method} {scope['path']}"] += 1
        app = self.app
        # What goes wrong goes wrong behind the guard: whoever is turned away there still is, and rightly so.
        if scope["type"] == "http" and self._breakages and not self._refuses(scope):
            for breakage in self._breakages:
                if breakage.hits(scope, internal):
                    app = breakage.wrap(app)
        await app(scope, receive, send)
