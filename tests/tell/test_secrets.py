"""A token that a server sends back is in no output."""

from pathlib import Path
from typing import Any

import pytest

from tests.parts.project import Project
from tests.parts.target import Hostile, Peer, Target

TOKEN = "planted-T0ken-" + "0123456789abcdef" * 4
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

CARELESS = '''\
"""A check that crashes and one that talks, with the token in their hands."""

import os

from checks.boiler import PRIVATE
from healthgate import below, check, equals, measure

TOLD = dict(cause="c", action="a", runbook="r")


@measure(PRIVATE)
def crashing(answer):
    """Crashes with what it knows."""
    raise RuntimeError(os.environ["TOKEN"])


@check("boiler.crash", crashing, stays=below(5), name="crash", **TOLD)
def test_crash(verdict):
    """Never gets to its verdict."""
    assert verdict.healthy, verdict


@check("boiler.talk", PRIVATE["number"], stays=equals("a word"), name="talk", **TOLD)
def test_talk(verdict):
    """What was read is what was sent."""
    print(os.environ["TOKEN"])
    assert verdict.healthy, verdict
'''


def echo(handler: Any) -> None:
    """Answer with what was sent."""
    sent = handler.headers.get("Authorization") or ""
    handler.reply(200, {"number": sent, sent: 1})


@pytest.mark.parametrize("how", [("--nagios-plugin", "-v"), ("--github", "-n", "2")], ids=" ".join)
def test_a_planted_token_is_in_no_output(project: Project, target: Target, how: tuple[str, ...]) -> None:
    project.write("checks/boiler/test_careless.py", CARELESS)
    project.environment("works", boiler={"url": target.url, "token": "${TOKEN}"})
    target.answers["/private"] = echo
    pushed: list[bytes] = []

    def keep(peer: Peer) -> None:
        data = peer.read_request()
        length = int(data.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(data.partition(b"\r\n\r\n")[2]) < length:
            data += peer.sock.recv(65536)
        pushed.append(data)
        peer.send(TAKEN)

    with Hostile(keep) as gateway:
        outcome = project.check(
            *("--metrics", "left/a.prom", "--junitxml=left/a.xml", "--pushgateway", gateway.url, *how),
            TOKEN=TOKEN,
            GITHUB_STEP_SUMMARY=str(project.root / "left.md"),
        )

    assert outcome.code in {1, 2}, outcome.text
    assert "not pushed" not in outcome.out
    assert b"healthgate_state" in pushed[0]
    told = {path: path.read_text() for path in Path(project.root).rglob("left*/**/*") if path.is_file()}
    told |= {path: path.read_text() for path in Path(project.root).glob("left.md")}
    assert len(told) == (2 if "-v" in how else 3)
    for text in (*told.values(), outcome.text, pushed[0].decode()):
        assert TOKEN[:16] not in text
    assert "[redacted]" in "".join(told.values())
