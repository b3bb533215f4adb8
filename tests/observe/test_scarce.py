"""A machine without threads or file handles left costs the requests it cannot make, and no other."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.target import Hostile, Peer

ROOT = Path(__file__).parents[2]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
ASKING = """
import _thread, os, resource, sys
from healthgate.claim.system import Url
from healthgate.observe.observer import Observer, Task
from healthgate.probes.http import HttpRequest
from healthgate.secret import Redactor
from healthgate.wire import connection

def no_threads():
    _thread.stack_size(64 << 20)
    for line in open("/proc/self/status"):
        if line.startswith("VmSize"):
            used = int(line.split()[1]) << 10
    resource.setrlimit(resource.RLIMIT_AS, (used + (int(sys.argv[3]) << 20), resource.RLIM_INFINITY))

def no_handles():
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + int(sys.argv[3]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

def asking(number):
    return HttpRequest(f"it {number}", "GET", Url(sys.argv[1]), "/", None, 20.0, 1000)

observer = Observer(Redactor(), lambda *_: None)
tasks = [Task(f"works {number}", asking(number)) for number in range(12)]
globals()[sys.argv[2]]()
observer.run(tasks)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for task in tasks:
    print(task.observation.status, task.observation.error, sep=": ")
"""


def politely(peer: Peer) -> None:
    """Answer every request on a kept connection."""
    while peer.read_request():
        peer.send(OK)


def ended(server: Hostile, lack: str, left: int) -> Counter[str]:
    """Return how often twelve requests, each to a host of its own, ended in which way."""
    command = [sys.executable, "-c", ASKING, server.url, lack, str(left)]
    path = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=path, cwd=ROOT, timeout=60)
    assert done.stderr == ""
    return Counter(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("lack", "left", "word"),
    [("no_threads", 160, "thread"), ("no_threads", 30, "thread"), ("no_handles", 5, "file handle")],
)
def test_what_cannot_be_asked_is_told_and_the_rest_is_delivered(
    hostile: Callable[..., Hostile], lack: str, left: int, word: str
) -> None:
    """Unknown for a reason of this machine; everything else is answered."""
    found = ended(hostile(politely), lack, left)

    starved = f"starved: this machine has no {word} left to ask with"
    assert set(found) <= {starved, "answered: None"}
    assert found[starved] >= 1
    assert found["answered: None"] >= (0 if left == 30 else 1)
