"""Fixtures of the tests of everything that tells people."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from healthgate.tell.alerting import alertmanager as alertmanagers
from healthgate.tell.alerting import notices
from tests.alerting.servers import Alertmanager, Webhook
from tests.parts.project import Project
from tests.parts.target import Target
from tests.tools import program


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses between attempts within this process."""
    monkeypatch.setattr(alertmanagers, "PAUSES", (0.02, 0.08))
    monkeypatch.setattr(notices, "PAUSES", (0.02, 0.08))


@pytest.fixture
def project(tmp_path: Path, target: Target) -> Project:
    """A repository with checks of one system and the environment `works`, which is the healthy target."""
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    project.environment("works", boiler={"url": target.url})
    return project


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """What is notified in place of people."""
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture
def start_alertmanager(
    tmp_path: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Alertmanager]]:
    """A function that starts an Alertmanager on loopback; it ends with the test.

    What tells it from within this process waits six times as long as a run would: it may have no processor for a while.
    """
    program("prometheus-alertmanager")
    monkeypatch.setattr(alertmanagers, "DEADLINE", 60.0)
    monkeypatch.setattr(alertmanagers, "ATTEMPT", 18.0)
    started: list[Alertmanager] = []

    def start() -> Alertmanager:
        started.append(Alertmanager(tmp_path / f"alertmanager-{len(started)}", webhook.url))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def alertmanager(start_alertmanager: Callable[[], Alertmanager]) -> Alertmanager:
    """One Alertmanager."""
    return start_alertmanager()
