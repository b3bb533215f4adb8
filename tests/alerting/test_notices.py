"""Messages by way of Apprise to a real HTTP receiver and a real mail server: one a run that has news, else none."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from healthgate.judge.verdict import Verdict
from healthgate.tell.alerting import notices
from tests.alerting.servers import Webhook
from tests.alerting.telling import BLOCKED, CRITICAL, MISSED, OK, PENDING, UNKNOWN, WARNING, notify, verdict
from tests.parts.project import Project
from tests.parts.target import Hostile, Peer, Target, closed_port, told
from tests.tell import world

pytest.importorskip("apprise", reason="no apprise here: pip install 'healthgate[notify]'")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

TOKEN = "planted-T0ken-0123456789abcdef"


def to(webhook: Webhook, *more: str) -> dict[str, str]:
    """Return the variables of a run that sends messages to a receiver."""
    return {notices.URLS: " ".join([f"json://{webhook.address}/{TOKEN}", *more])}


def test_a_message_for_what_is_new_worse_and_healed_and_none_in_between(webhook: Webhook, tmp_path: Path) -> None:
    history, to_it = tmp_path / "h", to(webhook)

    def after(*verdicts: Any) -> list[str]:
        before = len(webhook.came)
        assert notify(history, to_it, *verdicts).troubles == []
        return [message["title"] for message in webhook.came[before:]]

    def valve() -> Verdict:
        return verdict(OK, "boiler.valve")

    assert after(verdict(OK), valve()) == []
    assert after(verdict(WARNING), valve()) == ["works: 1 warning"]
    assert after(verdict(WARNING), valve()) == []
    assert after(verdict(CRITICAL), valve()) == ["works: 1 critical"]
    assert "(was warning)" in webhook.came[-1]["message"]
    assert after(verdict(UNKNOWN), valve()) == []  # a known outage is not over since it cannot be seen
    assert after(verdict(PENDING), valve()) == []
    assert after(verdict(MISSED), valve()) == []  # eased: that alone wakes nobody
    assert after(verdict(MISSED), verdict(CRITICAL, "boiler.valve")) == ["works: 1 critical, 1 objective"]
    assert after(verdict(OK), valve()) == ["works: 2 healed"]
    assert "healed: [ok] pressure in works: " in webhook.came[-1]["message"]
    assert webhook.came[-1]["type"] == "success"
    assert after(verdict(OK), valve()) == []
    assert after(verdict(UNKNOWN)) == ["works: 1 critical"]
    assert after(valve()) == ["works: 1 no longer checked"]


def test_a_message_says_what_to_do_grouped_by_root(webhook: Webhook, tmp_path: Path) -> None:
    dead = (("boiler.reachable", CRITICAL),)
    doors = [verdict(BLOCKED, f"kiln.door[{side}]", roots=dead) for side in ("left", "right")]
    reachable = verdict(CRITICAL, "boiler.reachable", action="wake the stoker", issue="OPS-77: known")
    links = {"HEALTHGATE_RUN_URL": "https://ci.example/7", "HEALTHGATE_REPORT_URL": "https://reports.example/"}
    notify(tmp_path / "h", to(webhook) | links, verdict(WARNING), reachable, *doors)
    (message,) = webhook.came
    assert message["title"] == "works: 1 critical, 1 warning"
    assert message["message"].splitlines() == [
        "[critical] reachable in works: 85 %; it should stay below 80 %",
        "  check: boiler.reachable",
        "  value: 85 %",
        "  limit: below 80 %, warning above 80 %, critical above 90 %",
        "  blocks: 2: kiln.door[left], kiln.door[right]",
        "  known issue: OPS-77: known",
        "  do now: wake the stoker",
        "  runbook: docs/runbooks/boiler.md",
        "",
        "[warning] pressure in works: 85 %; it should stay below 80 %",
        "  check: boiler.pressure",
        "  value: 85 %",
        "  limit: below 80 %, warning above 80 %, critical above 90 %",
        "  do now: x",
        "  runbook: docs/runbooks/boiler.md",
        "",
        "report: https://reports.example/",
        "run: https://ci.example/7",
    ]

    notify(tmp_path / "other", to(webhook), *doors, selection="system=kiln")
    assert "critical: blocked by boiler.reachable:\n[blocked] door[left]" in webhook.came[1]["message"]
    assert webhook.came[1]["title"] == "works: 2 critical"


def test_what_is_in_maintenance_is_no_news_and_its_end_is(webhook: Webhook, tmp_path: Path) -> None:
    window = {"maintenance": "until 2026-11-23 04:00 UTC, because of an upgrade"}
    muted = notify(tmp_path / "h", to(webhook), verdict(CRITICAL, **window))
    assert muted.notes == ["maintenance: no new alert about works boiler.pressure [critical]"]
    assert webhook.came == []
    notify(tmp_path / "h", to(webhook), verdict(CRITICAL))
    assert [message["title"] for message in webhook.came] == ["works: 1 critical"]


def test_what_was_not_taken_is_sent_again_at_once_and_by_the_next_run(webhook: Webhook, tmp_path: Path) -> None:
    """And whoever took it does not get it twice."""
    other, history = Webhook(), tmp_path / "h"
    urls = to(webhook, f"json://{other.address}/{TOKEN}")
    other.answers = [500]
    assert notify(history, urls, verdict(CRITICAL)).troubles == []
    assert len(webhook.came) == len(other.came) == 1

    other.answers = 3 * [403]
    (trouble,) = notify(history, urls, verdict(OK)).troubles
    assert trouble == "not notified: address 2 (json) of HEALTHGATE_NOTIFY_URLS: the message was not taken"
    assert notify(history, urls, verdict(OK)).troubles == []
    assert [message["title"] for message in webhook.came] == ["works: 1 critical", "works: 1 healed"]
    assert [message["title"] for message in other.came] == ["works: 1 critical", "works: 1 healed"]
    other.close()


@pytest.mark.parametrize(
    "behave", [Peer.hang, Peer.reset, told(b"garbage\r\n\r\n")], ids=["silence", "a reset", "garbage"]
)
def test_whatever_answers_it_ends_in_time_and_names_no_token(
    behave: Any, webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notices, "DEADLINE", 2.0)
    caplog.set_level(0)
    with Hostile(behave) as server:
        began = time.monotonic()
        urls = to(webhook, f"json://{server.address}/{TOKEN}", f"json://127.0.0.1:{closed_port()}/{TOKEN}")
        first, second = notify(tmp_path / "h", urls, verdict(CRITICAL)).troubles
    assert time.monotonic() - began < 20
    assert first.startswith("not notified: address 2 (json) of HEALTHGATE_NOTIFY_URLS: ")
    assert second == "not notified: address 3 (json) of HEALTHGATE_NOTIFY_URLS: the message was not taken"
    assert len(webhook.came) == 1
    assert TOKEN not in first + second + caplog.text


def test_a_run_sends_and_shows_nothing_of_its_addresses(project: Project, target: Target, webhook: Webhook) -> None:
    target.answers["/state"] = {"pressure": 95, "purity": 99}
    arguments = ("--notify", "--history", "h.db", "-vv", "--log-cli-level=DEBUG")
    urls = f"json://{webhook.address}/{TOKEN} slak://{TOKEN}/b/c json://127.0.0.1:{closed_port()}/{TOKEN}"
    outcome = project.check(*arguments, HEALTHGATE_NOTIFY_URLS=urls)
    assert outcome.code == 1, outcome.text
    line = "not notified: address 2 (slak) of HEALTHGATE_NOTIFY_URLS: apprise knows no such address"
    assert outcome.out.count(line) == 1
    assert outcome.out.count("not notified: address 3 (json)") == 1
    assert webhook.came[0]["title"] == "works: 1 critical"
    assert webhook.came[0]["path"] == f"/{TOKEN}"

    left = b"".join(path.read_bytes() for path in project.root.rglob("*") if path.is_file())
    assert TOKEN not in outcome.text
    assert TOKEN.encode() not in left


def test_an_address_that_apprise_does_not_know_is_found_by_the_first_run(project: Project, webhook: Webhook) -> None:
    """Before there is anything to say; the second run need not look again at one that is known."""
    project.write("conftest.py", "import sys\ndef pytest_unconfigure(): print('loaded:', 'apprise' in sys.modules)\n")
    known = f"json://{webhook.address}"
    outcome = project.check("--notify", "--history", "h.db", HEALTHGATE_NOTIFY_URLS=f"{known} slak://a/b/c")
    assert outcome.code == outcome.results["run"]["exit_code"] == 13
    assert "address 2 (slak) of HEALTHGATE_NOTIFY_URLS: apprise knows no such address" in outcome.out
    outcome = project.check("--notify", "--history", "h.db", HEALTHGATE_NOTIFY_URLS=known)
    assert outcome.code == 0
    assert "loaded: False" in outcome.out
    assert webhook.came == []


def test_a_long_list_is_cut(webhook: Webhook, tmp_path: Path) -> None:
    several = [verdict(CRITICAL, f"boiler.valve[{number}]", reason=300 * "long ") for number in range(500)]
    notify(tmp_path / "h", to(webhook), *several)
    text = webhook.came[0]["message"]
    assert text.count("[critical] valve[") == notices.TOLD
    assert "and 480 more: boiler.valve[" in text
    assert len(text) < 30_000


class Mailbox:
    """A mail server on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        from aiosmtpd.controller import Controller

        self.came: list[Any] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep one mail."""
        self.came.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"

    def close(self) -> None:
        """Stop listening."""
        self._controller.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server."""
    pytest.importorskip("aiosmtpd")
    mailbox = Mailbox()
    yield mailbox
    mailbox.close()


def test_a_mail_arrives(mailbox: Mailbox, tmp_path: Path) -> None:
    url = f"mailto://127.0.0.1:{mailbox.port}?from=health@example.com&to=oncall@example.com&mode=insecure"
    assert notify(tmp_path / "h", {notices.URLS: url}, verdict(CRITICAL)).troubles == []
    ((recipients, mail),) = mailbox.came
    assert recipients == ["oncall@example.com"]
    assert mail["Subject"] == "works: 1 critical"
    text = "".join(part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart())
    assert "[critical] pressure in works: 85 %; it should stay below 80 %" in text
    assert "docs/runbooks/boiler.md" in text


def test_without_its_history_nothing_is_sent_and_that_is_said(webhook: Webhook) -> None:
    account = replace(world.account([verdict(CRITICAL)]), history=None)
    found = notices.tell(account, to(webhook))
    assert found.troubles == ["not notified: what was told before is not known, since the history cannot be used"]
    assert webhook.came == []
