"""What servers of event streams do on one connection: grant it, say something, and see the client leave."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.parts.target import Peer

GRANTED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"


def chunk(data: bytes) -> bytes:
    """Return one chunk of an answer that is sent in chunks."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Announced:
    """A behaviour of a server: grant the stream with `headers`, do `what`, then wait for the client to hang up.

    `requests` are those that came; `open` is how many clients are there now, and `none_open` waits for the last to go.
    """

    def __init__(
        self, what: Callable[[Peer], Any] = lambda _: None, headers: bytes = b"", with_answer: bytes = b""
    ) -> None:
        self.what = what
        self.answer = GRANTED + headers + b"\r\n" + with_answer
        self.requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.open = 0
        self._changed = threading.Condition()

    def __call__(self, peer: Peer) -> None:
        """Serve one connection."""
        self._count(1)
        try:
            self.requests.put(peer.read_request().decode())
            peer.send(self.answer)
            self.what(peer)
            while peer.sock.recv(65_536):
                pass
        except OSError:
            pass
        finally:
            self._count(-1)
            with suppress(OSError):
                peer.sock.close()

    def wait_until_open(self, number: int, seconds: float = 60) -> None:
        """Return once so many clients are there."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.open == number, seconds), f"{self.open} are open, not {number}"

    def _count(self, by: int) -> None:
        with self._changed:
            self.open += by
            self._changed.notify_all()
