"""WebSocket servers on loopback: a civil one made of the websockets package, and connections for hostile ones."""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.sync.server import ServerConnection, serve

from tests.parts.target import Peer

QUIET = logging.getLogger("tests.parts.stream_server")
QUIET.setLevel(logging.CRITICAL)  # clients that hang up are part of the tests

TEXT, BINARY, CLOSE, PING, PONG = (bytes([0x80 | code]) for code in (1, 2, 8, 9, 10))
"""First bytes of whole frames."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Return one frame as a server sends it, unmasked."""
    size = len(payload)
    if size < 126:
        return kind + bytes([size]) + payload
    return kind + (b"\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x7f" + size.to_bytes(8, "big")) + payload


def closing_frame(code: int, reason: str = "") -> bytes:
    """Return the frame that closes a stream."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


class Speaker:
    """A stream server that lets `speak` loose on each connection, then listens until the client closes.

    `closed` gives the code each client closed with (None: it did not), `heard` what clients have said.
    """

    def __init__(self, speak: Callable[[ServerConnection], None]) -> None:
        self.closed: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.heard: queue.SimpleQueue[str | bytes] = queue.SimpleQueue()
        self.agents: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.ending = threading.Event()

        def attend(connection: ServerConnection) -> None:
            assert connection.request is not None
            self.agents.put(connection.request.headers["User-Agent"])
            with suppress(ConnectionClosed):
                speak(connection)
                while True:
                    self.heard.put(connection.recv())
            received = connection.protocol.close_rcvd
            self.closed.put(received.code if received else None)

        self._server = serve(attend, "127.0.0.1", 0, logger=QUIET, compression=None)
        self.port = self._server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()


class Wire:
    """One connection of a hostile server after it has accepted the upgrade: bytes go out as they are."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.protocol = ServerProtocol(logger=QUIET)

    def answer(self) -> bytes:
        """Read the request for an upgrade and return the answer that grants it."""
        self.protocol.receive_data(self.peer.read_request())
        asked = next(event for event in self.protocol.events_received() if isinstance(event, Request))
        granted = self.protocol.accept(asked)
        self.protocol.send_response(granted)
        return b"".join(self.protocol.data_to_send())

    def until_closed(self) -> int | None:
        """Read until the client closes; return its code, or None if it hung up without one."""
        with suppress(OSError):
            while self.protocol.close_rcvd is None and (data := self.peer.sock.recv(65_536)):
                self.protocol.receive_data(data)
        return self.protocol.close_rcvd.code if self.protocol.close_rcvd else None


class Upgraded:
    """A behaviour of a hostile server: grant the upgrade, do `what`, then see how the client closes.

    `with_answer` is sent in one piece with the answer to the upgrade, `hints` before it. `closed` gives the codes of
    the clients.
    """

    def __init__(
        self, what: Callable[[Peer], Any] = lambda _: None, with_answer: bytes = b"", hints: bytes = b""
    ) -> None:
        self.what = what
        self.hints = hints
        self.with_answer = with_answer
        self.closed: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def __call__(self, peer: Peer) -> None:
        """Serve one connection."""
        wire = Wire(peer)
        peer.send(self.hints + wire.answer() + self.with_answer)
        with suppress(OSError):
            self.what(peer)
        self.closed.put(wire.until_closed())
