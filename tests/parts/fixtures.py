"""Fixtures that tests of several rooms share: servers, well or hostile, and small repositories with checks of them."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from healthgate.wire import bounded
from tests.parts.certificates import Certificate, made_for
from tests.parts.project import WELL, Project
from tests.parts.stream_server import Speaker
from tests.parts.target import Hostile, Target


@pytest.fixture(scope="session")
def server() -> Iterator[Target]:
    server = Target()
    yield server
    server.close()


@pytest.fixture
def target(server: Target) -> Target:
    """A healthy target; a test changes `answers` to make it ill."""
    server.forget()
    server.answers.update(WELL)
    return server


@pytest.fixture
def bare_project(tmp_path: Path) -> Project:
    """A repository with checks of one system and no environment."""
    return Project(tmp_path)


@pytest.fixture
def project(bare_project: Project, target: Target) -> Project:
    """A repository with checks of one system and the environment `works`, which is the healthy target."""
    bare_project.environment("works", boiler={"url": target.url})
    return bare_project


@pytest.fixture
def hostile() -> Iterator[Callable[..., Hostile]]:
    """A function that starts hostile servers; they end with the test."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> Hostile:
            return stack.enter_context(Hostile(*arguments, **options))

        yield start


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for 127.0.0.1."""
    return made_for("IP:127.0.0.1,DNS:localhost", tmp_path_factory.mktemp("tls"), "own")


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """A function that makes the probe trust one certificate."""

    def trust(file: Path) -> None:
        context = ssl.create_default_context(cafile=file)
        context.sslsocket_class = bounded.BoundedTLSSocket
        monkeypatch.setattr(bounded, "tls_context", lambda *_: context)

    return trust


@pytest.fixture
def speaker() -> Iterator[Callable[..., Speaker]]:
    """A function that starts civil stream servers; they end with the test."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> Speaker:
            return stack.enter_context(Speaker(*arguments, **options))

        yield start
