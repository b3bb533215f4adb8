"""A token that is planted in the environment appears nowhere in what a run prints or leaves."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.parts.project import Outcome, Project
from tests.parts.target import Target

TOKEN = "planted-T0ken-" + "0123456789abcdef" * 12
LOUD = ("-vv", "--showlocals", "--tb=long", "-rA", "--full-trace")
LEFT_BEHIND = ("--junitxml=left/junit.xml", "--snapshot-out", "left/seen.json")
ALLURE = "--alluredir=left/allure"
PART = 16
"""Characters in a row of the token that count as a leak."""

CRASHING = '''\
"""Checks that crash with everything in their hands."""

import logging
import os
import sys
import warnings

from checks.boiler import PRIVATE
from healthgate import below, check, measure

TOLD = dict(cause="c", action="a", runbook="r")


@measure(PRIVATE)
def crashing(answer):
    """Holds the facts, prints, logs and warns, then crashes."""
    facts = answer.body()
    held = os.environ["TOKEN"]
    print("printed", held, facts.raw)
    print("printed", held, file=sys.stderr)
    logging.getLogger("checks").error("logged %s", held)
    warnings.warn(f"warned {held}", stacklevel=1)
    raise RuntimeError(f"crashed with {held} and {facts.raw}")


@check("boiler.crash", crashing, stays=below(5), name="crash", **TOLD)
def test_crash(verdict):
    """Never gets to its verdict."""
    assert verdict.healthy, verdict


@check("boiler.talk", PRIVATE["number"], stays=below(5), name="talk", **TOLD)
def test_talk(verdict):
    """Prints and logs before it fails, and fails with more than the verdict."""
    held = os.environ["TOKEN"]
    print("printed", held)
    logging.getLogger("checks").error("logged %s", held)
    assert held == verdict, f"compared {held}"
'''


def echo(handler: Any) -> None:
    """Answer with the Authorization header everywhere an answer has room."""
    sent = handler.headers.get("Authorization") or ""
    handler.send_response(200, sent)
    body = f'{{"number": "{sent}", "{sent}": 1}}'.encode()
    for name, value in (("Content-Type", "application/json"), ("X-Echo", sent), ("Set-Cookie", sent)):
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def redirect(handler: Any) -> None:
    """Send the token on in a redirect, behind enough text that a message would cut it."""
    sent = handler.headers.get("Authorization") or ""
    handler.reply(302, {"you": sent}, Location=f"https://example.com/{'x' * 30}?{sent}")


def fail(handler: Any) -> None:
    """Answer 500 with the token as text."""
    sent = handler.headers.get("Authorization") or ""
    body = f"no entry for {sent}".encode()
    handler.send_response(500, sent)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def works(project: Project, target: Target) -> Project:
    """An environment with a token, and checks that handle it carelessly."""
    project.write("checks/boiler/test_crashing.py", CRASHING)
    project.environment("works", boiler={"url": target.url, "token": "${TOKEN}"})
    target.answers["/private"] = echo
    return project


def leaks(outcome: Outcome, root: Path) -> list[str]:
    """Return every place in which a part of the token stands."""
    places = {"terminal": outcome.text}
    for path in root.rglob("*"):
        if path.is_file() and path.suffix != ".py":
            places[str(path.relative_to(root))] = path.read_bytes().decode(errors="replace")
    parts = {TOKEN[i : i + PART] for i in range(len(TOKEN) - PART)}
    return [place for place, text in places.items() if any(part in text for part in parts)]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        LOUD,
        (*LOUD, "-n", "2", ALLURE),
        (*LOUD, "--setup-show"),
        (*LOUD, "--capture=sys", ALLURE),
        (*LOUD, "-W", "error"),
        (*LOUD, "-p", "no:logging", "-n", "2"),
    ],
    ids=" ".join,
)
def test_a_planted_token_appears_nowhere(works: Project, target: Target, arguments: tuple[str, ...]) -> None:
    """Terminal, results, JUnit, Allure, snapshot: with an echoing server and checks that crash, print and log."""
    outcome = works.check(*arguments, *LEFT_BEHIND, TOKEN=TOKEN)

    assert outcome.code == 1, outcome.text
    assert any(TOKEN in headers.get("Authorization", "") for headers in target.headers), "the token was not even used"
    assert (works.root / "left/junit.xml").exists()
    assert (works.root / "left/seen.json").exists()
    assert (ALLURE in arguments) == (works.root / "left/allure").exists()
    assert leaks(outcome, works.root) == []


@pytest.mark.parametrize("answer", [redirect, fail], ids=lambda function: function.__name__)
def test_a_server_that_sends_the_token_elsewhere_reveals_nothing(works: Project, target: Target, answer: Any) -> None:
    """In a redirect, in a plain text error."""
    target.answers["/private"] = answer

    outcome = works.check(*LOUD, *LEFT_BEHIND, ALLURE, "-k", "private", TOKEN=TOKEN)

    assert outcome.code == 11, outcome.text
    assert leaks(outcome, works.root) == []


def test_no_token_is_in_a_profile_s_error(works: Project, target: Target) -> None:
    """Where the variable holds something that is no secret, or fills an address that is none."""
    works.environment("works", boiler={"url": "${TOKEN}", "token": "${TOKEN}"})

    outcome = works.check(*LOUD, TOKEN=TOKEN)

    assert outcome.code == 4
    assert leaks(outcome, works.root) == []
    assert not target.asked


@pytest.mark.parametrize(
    "arguments", [("-s",), ("-o", "log_cli=true", "-o", "log_cli_level=ERROR")], ids=["-s", "log_cli"]
)
def test_what_a_check_itself_prints_live_is_not_redacted(works: Project, arguments: tuple[str, ...]) -> None:
    """A known limit: -s and log_cli pass a check's own output straight to the terminal. Files stay clean."""
    outcome = works.check(*arguments, *LEFT_BEHIND, ALLURE, TOKEN=TOKEN)

    assert set(leaks(outcome, works.root)) <= {"terminal"}


def test_the_engine_itself_says_nothing_secret_even_with_live_output(works: Project, target: Target) -> None:
    """With -s and log_cli at its most talkative, and no check that prints."""
    (works.root / "checks/boiler/test_crashing.py").unlink()

    outcome = works.check(
        "-s", "-o", "log_cli=true", "-o", "log_cli_level=DEBUG", *LOUD, *LEFT_BEHIND, ALLURE, TOKEN=TOKEN
    )

    assert outcome.code == 11, outcome.text
    assert target.counts()["/private"] == 1
    assert leaks(outcome, works.root) == []
    assert base64.b64encode(TOKEN.encode()).decode() not in outcome.text
