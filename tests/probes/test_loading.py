"""What a run imports for a request is no time of the target's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.target import closed_port

ROOT = Path(__file__).parents[2]
ASKING = """
import sys, time

class Slow:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            time.sleep(1.5)

from healthgate.claim.system import Address, StreamUrl, Url
from healthgate.observe.observer import Observer, Task
from healthgate.probes.http import HttpRequest
from healthgate.probes.listening import StreamRequest
from healthgate.probes.port import PortRequest
from healthgate.probes.redis import RedisRequest
from healthgate.probes.redis_channels import SubscribeRequest
from healthgate.probes.tls import TlsRequest
from healthgate.secret import Redactor

place = sys.argv[2]
requests = {
    "http.client": lambda: HttpRequest("it", "GET", Url(f"http://{place}"), "/", None, 1.0, 1000),
    "redis.connection": lambda: RedisRequest("it", Address(place), ("PING",), None, None, 1.0, 1000),
    "redis.exceptions": lambda: SubscribeRequest("it", Address(place), ("news",), None, 0.5, 0.1, 1, 1000),
    "websockets.client": lambda: StreamRequest("it", StreamUrl(f"ws://{place}"), 0.3, 0.1, 1, 1000, (), None),
    "ssl": lambda: PortRequest("it", Address(place), 1.0),
}
assert sys.argv[1] not in sys.modules, "a run without such requests pays for it as well"
sys.meta_path.insert(0, Slow())
task = Task("works", requests[sys.argv[1]]())
Observer(Redactor(), lambda *_: None).run([task])
print(task.observation.status, task.observation.elapsed_ms < 1000)
"""


@pytest.mark.parametrize("module", ["http.client", "redis.connection", "redis.exceptions", "websockets.client", "ssl"])
def test_a_library_that_takes_longer_to_import_than_the_deadline_makes_nobody_late(module: str) -> None:
    """It is imported before the deadline begins; the answer is the target's own."""
    command = [sys.executable, "-c", ASKING, module, f"127.0.0.1:{closed_port()}"]
    path = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=path, cwd=ROOT, timeout=60)

    assert (done.stdout.split(), done.stderr) == (["refused", "True"], "")
