"""One run against a whole zoo of hostile servers: each costs its own check and nothing else."""

from collections.abc import Callable

import pytest

from tests.parts.project import Outcome, Project
from tests.parts.target import Hostile, Peer, Target, closed_port, then, told

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

ZOO: dict[str, tuple[Callable[[Peer], None], str]] = {
    "hang": (Peer.hang, "no complete answer within 1 s"),
    "trickle": (then(HEAD + b"\r\n", lambda peer: peer.trickle(b" ")), "no complete answer within 1 s"),
    "flood": (then(HEAD + b"\r\n", lambda peer: peer.flood(b" " * 9000)), "larger than 100000 bytes"),
    "reset": (Peer.reset, "closed the connection without a complete answer"),
    "garbage": (told(b"\x1b]0;owned\x07\xff\xfe\r\n\r\n"), "the answer is not HTTP"),
    "deep": (told(HEAD + b"Content-Length: 8000\r\n\r\n" + b"[" * 8000), "nested deeper"),
    "latin": (told(HEAD + b'Content-Length: 3\r\n\r\n"\xe9"'), "is not UTF-8 text"),
    "redirect": (
        told(b"HTTP/1.1 302 Found\r\nLocation: /state\r\nContent-Length: 0\r\n\r\n"),
        "a redirect to /state, not followed",
    ),
}

ANIMAL = '''\
"""One hostile system."""

from healthgate import Duration, System, Url, below, check, get


class Animal(System):
    """Bites."""

    name = "{name}"
    url: Url
    deadline: Duration = Duration(1)
    body_limit: int = 100_000


@check(
    "{name}.bites", get(Animal, "/state")["pressure"], stays=below(5),
    name="{name}", cause="c", action="a", runbook="r",
)
def test_bites(verdict):
    """It does not."""
    assert verdict.healthy, verdict
'''

SLEEPY_RESOLVER = '''
import socket
import time

real = socket.getaddrinfo


def look_up(host, *arguments, **options):
    """Never come back from one name."""
    while host == "sleepy.invalid":
        time.sleep(1)
    return real(host, *arguments, **options)


socket.getaddrinfo = look_up
'''


@pytest.fixture
def zoo(bare_project: Project, target: Target, hostile: Callable[..., Hostile]) -> Project:
    """A system for every animal, and the healthy target among them."""
    systems: dict[str, object] = {"boiler": {"url": target.url}}
    addresses = {name: hostile(behave).url for name, (behave, _) in ZOO.items()}
    addresses |= {
        "closed": f"http://127.0.0.1:{closed_port()}",
        "nameless": "http://nameless.invalid",
        "sleepy": "http://sleepy.invalid",
        "torn": f"https://127.0.0.1:{target.port}",
    }
    for name, url in addresses.items():
        bare_project.write(f"checks/{name}/__init__.py", '"""An animal."""\n')
        bare_project.write(f"checks/{name}/test_{name}.py", ANIMAL.format(name=name))
        systems[name] = {"url": url}
    bare_project.write("checks/__init__.py", '"""All checks."""\n' + SLEEPY_RESOLVER)
    bare_project.environment("works", **systems)
    return bare_project


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_hostile_servers_are_unknown_each_with_its_reason_and_the_rest_is_judged(
    zoo: Project, arguments: tuple[str, ...]
) -> None:
    """Exit 11, every reason in plain words, results written, the process ends although a look-up never does."""
    outcome = zoo.check(*arguments)

    assert outcome.code == 11, outcome.text
    reasons = {check["system"]: check["reason"] for check in outcome.results["checks"] if check["state"] == "unknown"}
    expected = {name: words for name, (_, words) in ZOO.items()} | {
        "closed": "connection refused: nothing listens on",
        "nameless": "cannot be resolved",
        "sleepy": "no complete answer within 1 s",
        "torn": "",
    }
    assert set(reasons) == set(expected)
    for name, words in expected.items():
        assert words in reasons[name], reasons[name]
        assert reasons[name].isprintable()
    assert all(outcome.states[name] == "ok" for name in ("boiler.reachable", "boiler.pressure", "boiler.fuel"))
    assert outcome.results["run"]["executed"] == outcome.results["run"]["selected"] == 16
    assert harmless(outcome)


def harmless(outcome: Outcome) -> bool:
    """Whether nothing a server sent has power over the terminal."""
    return "\x1b]" not in outcome.text and "\x07" not in outcome.text
