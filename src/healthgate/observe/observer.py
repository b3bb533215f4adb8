"""The only part that does I/O: every request once, all at the same time, none able to hold up another.

Each connection has a thread of its own, which makes one request after another on it. A host gets as many
connections as it has requests waiting, up to `CONNECTIONS_PER_HOST`. The calling thread only waits, so that
it keeps every deadline whatever the threads are stuck in (a name look-up cannot be interrupted).
"""

import _thread
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim.observation import Observation, Request
from healthgate.duration import spoken
from healthgate.observe.held_up import TICK, HeldUp
from healthgate.printable import printable
from healthgate.scarce import STARVED, lacking
from healthgate.secret import Redactor

CONNECTIONS_PER_HOST = 32
"""Most connections one run holds to one host at a time."""

GRACE = 0.25
"""Seconds a request may be late before its thread is given up: it should have noticed its deadline itself."""


@dataclass(eq=False)
class Task:
    """A request in one environment. It starts at `not_before` (monotonic seconds) and after `after` is done.

    `gap` is how long it starts after the first of those has ended, in seconds.
    """

    environment: str
    request: Request
    not_before: float = 0.0
    after: "list[Task]" = field(default_factory=list)
    gap: float = 0.0
    started: float | None = None
    ended: float = 0.0
    observation: Observation | None = None


@dataclass
class Cost:
    """What a run asked of its targets: what is read on this machine costs nobody anything.

    `hosts` has the connections by environment and host.
    """

    requests: int = 0
    connections: int = 0
    hosts: dict[str, dict[str, int]] = field(default_factory=dict)


class _Host:
    """Tasks that wait for a host, and the threads that wait for tasks: each host wakes its own and no other."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[Task] = deque()
        self.threads = 0
        self.idle = 0


class Observer:
    """Makes requests side by side and collects what they bring."""

    def __init__(self, redactor: Redactor, progress: Callable[[int, int], None]) -> None:
        self.redactor = redactor
        self.progress = progress
        self.cost = Cost()
        self._hosts: dict[tuple[str, str], _Host] = {}
        self._done: queue.SimpleQueue[tuple[Task, Observation, float]] = queue.SimpleQueue()
        self._held_up = HeldUp()
        self._closing = False

    def run(self, tasks: Iterable[Task]) -> None:
        """Make every task's request; each has its observation afterwards, if only that it was late."""
        pending = list(tasks)
        total = len(pending)
        running: set[Task] = set()
        while pending or running:
            now = time.monotonic()
            for task in [t for t in pending if self._may_start(t, now)]:
                pending.remove(task)
                running.add(task)
                self._submit(task)
            self._collect(running, pending)
            self._give_up_late(running)
            self.progress(total - len(pending) - len(running), total)

    def close(self) -> None:
        """Let every connection go."""
        self._closing = True
        for host in self._hosts.values():
            with host.changed:
                host.changed.notify_all()

    def _may_start(self, task: Task, now: float) -> bool:
        if any(before.observation is None for before in task.after):
            return False
        if task.gap and task.after:
            task.not_before = max(task.not_before, task.after[0].ended + task.gap)
            task.gap = 0.0
        return now >= task.not_before

    def _submit(self, task: Task) -> None:
        host = self._hosts.setdefault((task.environment, task.request.host), _Host())
        with host.changed:
            host.waiting.append(task)
            if host.idle >= len(host.waiting) or host.threads >= CONNECTIONS_PER_HOST:
                host.changed.notify()
                return
            self._start_thread(host)

    def _start_thread(self, host: _Host) -> None:
        try:
            _thread.start_new_thread(self._serve, (host,))  # Thread.start would wait for each to have begun
        except (RuntimeError, MemoryError):
            if not host.threads:  # else one of those there are will come to it
                self._leave_unasked(host)
        else:
            host.threads += 1

    def _leave_unasked(self, host: _Host) -> None:
        while host.waiting:
            task = host.waiting.popleft()
            unasked = Observation(task.request.id, STARVED, time.time(), 0.0, error=lacking("thread"))
            self._done.put((task, unasked, time.monotonic()))

    def _serve(self, host: _Host) -> None:
        connection: Any = None
        while True:
            with host.changed:
                host.idle += 1
                while not host.waiting and not self._closing:
                    host.changed.wait()
                host.idle -= 1
                if not host.waiting:
                    break
                task = host.waiting.popleft()
            try:
                task.request.load()
                task.started = time.monotonic()
                observation, connection = task.request.make(connection, self.redactor)
            except MemoryError:
                observation = Observation(task.request.id, STARVED, time.time(), 0.0, error=lacking("memory"))
                connection = None
            except Exception as error:
                words = f"the probe itself is broken: {type(error).__name__}: {self.redactor.text(printable(error))}"
                observation, connection = Observation(task.request.id, "broken", time.time(), 0.0, error=words), None
            given_up = task.observation is not None
            self._done.put((task, observation, time.monotonic()))
            if given_up:
                break  # another thread has taken the place of this one
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _collect(self, running: set[Task], pending: list[Task]) -> None:
        patience = self._patience(running, pending)
        due = time.monotonic() + patience
        came: list[tuple[Task, Observation]] = []
        with suppress(queue.Empty):
            task, observation, brought = self._done.get(timeout=patience)
            due = min(due, brought)
            came.append((task, observation))
            while True:
                came.append(self._done.get_nowait()[:2])
        self._held_up.note(due, time.monotonic())
        for task, observation in came:
            self._keep(task, observation, running)

    def _keep(self, task: Task, observation: Observation, running: set[Task]) -> None:
        if task not in running:
            return  # given up before it came back
        running.discard(task)
        task.ended = time.monotonic()
        began = task.ended if task.started is None else task.started
        task.observation = self._held_up.told(observation, began, task.ended, task.request.deadline)
        host = task.request.host
        if host:
            self.cost.requests += 1
            self.cost.connections += observation.connections
            hosts = self.cost.hosts.setdefault(task.environment, {})
            hosts[host] = hosts.get(host, 0) + observation.connections

    def _patience(self, running: set[Task], pending: list[Task]) -> float:
        now = time.monotonic()
        moments = [(t.started or now) + t.request.deadline + GRACE for t in running]
        moments += [t.not_before for t in pending if t.not_before > now]
        return min(TICK, max(0.001, min(moments, default=now + TICK) - now))

    def _give_up_late(self, running: set[Task]) -> None:
        now = time.monotonic()
        for task in list(running):
            if task.started is None or now < task.started + task.request.deadline + GRACE:
                continue
            words = f"no complete answer within {spoken(task.request.deadline)}"
            elapsed = round((now - task.started) * 1000, 3)
            self._keep(task, Observation(task.request.id, "late", time.time(), elapsed, error=words), running)
            host = self._hosts[(task.environment, task.request.host)]
            with host.changed:
                host.threads -= 1  # that thread is stuck
                if host.waiting:
                    self._start_thread(host)
