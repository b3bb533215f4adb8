"""Every request once, side by side, and none of them can hold up another or the run."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from healthgate.claim.system import Url
from healthgate.observe.observer import CONNECTIONS_PER_HOST, Observer, Task
from healthgate.probes.http import HttpRequest
from healthgate.secret import Redactor
from tests.parts.target import Hostile, Peer, Target

FOREVER = 20.0
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def request(url: str, path: str = "/state", deadline: float = FOREVER) -> HttpRequest:
    """Return a GET."""
    return HttpRequest(f"GET {url}{path}", "GET", Url(url), path, None, deadline, 10_000)


def statuses(tasks: list[Task]) -> list[str]:
    """Return how each request ended."""
    return [task.observation.status if task.observation else "nothing" for task in tasks]


@pytest.fixture
def observer() -> Iterator[Observer]:
    """An observer whose connections are let go afterwards."""
    one = Observer(Redactor(), lambda _ended, _total: None)
    yield one
    one.close()


def politely(peer: Peer) -> None:
    """Answer every request on a kept connection."""
    while peer.read_request():
        peer.send(OK)


def test_sixty_requests_to_one_host_use_at_most_thirty_two_connections(
    observer: Observer, hostile: Callable[..., Hostile]
) -> None:
    """All are answered, each once; the server sees no crowd."""
    at_once, most, asked, lock = [0], [0], [0], threading.Lock()
    everybody_in = threading.Barrier(CONNECTIONS_PER_HOST)

    def behave(peer: Peer) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        everybody_in.wait(FOREVER)  # as many as there may be are open before any is answered
        while peer.read_request():
            with lock:
                asked[0] += 1
            peer.send(OK)
        with lock:
            at_once[0] -= 1

    server = hostile(behave)
    tasks = [Task("works", request(server.url, f"/{i}")) for i in range(60)]

    observer.run(tasks)

    assert set(statuses(tasks)) == {"answered"}
    assert CONNECTIONS_PER_HOST == 32
    assert most[0] == server.connections == 32
    assert asked[0] == observer.cost.requests == 60
    assert observer.cost.connections == 32


def test_a_kept_connection_serves_one_request_after_another(
    observer: Observer, hostile: Callable[..., Hostile]
) -> None:
    """Three rounds, one connection."""
    server = hostile(politely)

    for i in range(3):
        observer.run([Task("works", request(server.url, f"/{i}"))])

    assert (observer.cost.requests, server.connections) == (3, 1)


def test_environments_do_not_share_connections(observer: Observer, hostile: Callable[..., Hostile]) -> None:
    """The same address in two environments is two hosts: credentials differ."""
    server = hostile(politely)

    for name in ("works", "depot"):
        observer.run([Task(name, request(server.url))])

    assert server.connections == 2


def test_a_server_that_closes_between_requests_costs_a_connection_not_a_result(
    observer: Observer, hostile: Callable[..., Hostile]
) -> None:
    """Each answer arrives although each connection lasts for one."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)

    server = hostile(behave)
    for i in range(5):
        task = Task("works", request(server.url, f"/{i}"))
        observer.run([task])
        assert statuses([task]) == ["answered"]
    assert server.connections == 5


def test_a_name_look_up_that_hangs_costs_its_own_check_only(
    observer: Observer, hostile: Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be interrupted, so its thread is given up; others are answered and the run ends."""
    freed, real = threading.Event(), socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith(".invalid"):
            freed.wait()
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    server = hostile(politely)
    stuck = [Task("works", request("http://boiler.invalid", f"/{i}", deadline=0.3)) for i in range(40)]
    well = Task("works", request(server.url))
    began = time.monotonic()

    observer.run([*stuck, well])

    assert time.monotonic() - began < FOREVER
    assert statuses([well]) == ["answered"]
    assert set(statuses(stuck)) == {"late"}
    assert {task.observation.error for task in stuck if task.observation} == {"no complete answer within 300 ms"}
    freed.set()


def test_an_answer_that_comes_after_all_is_not_taken(
    observer: Observer, hostile: Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request given up as late stays late, whatever its thread brings home."""
    freed, real, returned = threading.Event(), socket.getaddrinfo, threading.Event()

    def look_up(*arguments: Any, **options: Any) -> Any:
        freed.wait()
        returned.set()
        return real(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    server = hostile(politely)
    task = Task("works", request(server.url, deadline=0.2))
    observer.run([task])
    monkeypatch.setattr(socket, "getaddrinfo", real)
    freed.set()
    assert returned.wait(FOREVER)

    observer.run([Task("works", request(server.url, "/other"))])

    assert statuses([task]) == ["late"]


def test_one_host_that_hangs_does_not_hold_up_another(observer: Observer, hostile: Callable[..., Hostile]) -> None:
    """The slow ones are late by their own deadline; the quick one was done long before."""
    silent, server = hostile(Peer.hang), hostile(politely)
    slow = [Task("works", request(silent.url, f"/{i}", deadline=1.0)) for i in range(50)]
    quick = Task("works", request(server.url))

    observer.run([*slow, quick])

    assert set(statuses(slow)) == {"late"}
    assert statuses([quick]) == ["answered"]
    assert quick.observation is not None
    assert quick.observation.at <= min(task.observation.at for task in slow if task.observation)


def test_a_second_read_waits_for_the_first_and_for_the_gap(observer: Observer, target: Target) -> None:
    """Rates need two reads some time apart, however long the first took."""
    moments: list[float] = []

    def note(handler: Any) -> None:
        if not moments:
            time.sleep(0.3)
        moments.append(time.monotonic())
        handler.reply(200, {})

    target.answers["/count"] = note
    first = Task("works", request(target.url, "/count"))
    second = Task("works", request(target.url, "/count"), after=[first], gap=0.3)

    observer.run([second, first])

    assert statuses([first, second]) == ["answered", "answered"]
    assert moments[1] - moments[0] >= 0.25


def test_progress_reaches_the_total(target: Target) -> None:
    """Whoever watches is told how many have ended."""
    told: list[tuple[int, int]] = []
    observer = Observer(Redactor(), lambda ended, total: told.append((ended, total)))

    observer.run([Task("works", request(target.url, f"/{i}")) for i in range(5)])
    observer.close()

    assert told[-1] == (5, 5)
    assert [ended for ended, _ in told] == sorted(ended for ended, _ in told)


def test_connections_are_let_go_at_the_end(hostile: Callable[..., Hostile]) -> None:
    """The server sees the end of every one of them."""
    ended = threading.Semaphore(0)

    def behave(peer: Peer) -> None:
        politely(peer)
        ended.release()

    observer = Observer(Redactor(), lambda _ended, _total: None)
    server = hostile(behave)
    observer.run([Task("works", request(server.url, f"/{i}")) for i in range(3)])
    observer.close()

    for _ in range(server.connections):
        assert ended.acquire(timeout=FOREVER)


class BrokenRequest(HttpRequest):
    """A request whose own code fails."""

    def make(self, connection: Any, redactor: Redactor) -> Any:
        """Fail as a defect would."""
        raise KeyError("no such thing")


def test_a_defect_in_a_probe_is_told_and_costs_its_own_result_only(observer: Observer, target: Target) -> None:
    """The thread that meets it neither dies in silence nor prints a traceback."""
    broken = BrokenRequest("broken", "GET", Url(target.url), "/state", None, FOREVER, 10_000)
    tasks = [Task("works", broken), Task("works", request(target.url))]
    observer.run(tasks)
    assert statuses(tasks) == ["broken", "answered"]
    assert tasks[0].observation is not None
    assert tasks[0].observation.error == "the probe itself is broken: KeyError: 'no such thing'"
