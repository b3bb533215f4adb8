"""Servers on loopback that a test controls: a civil one that counts its requests, and hostile ones."""

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Target:
    """An HTTP server that answers paths with what the test puts in `answers`, and counts what it is asked.

    An answer is a JSON value, or a function that is given the request handler and writes what it likes. `heads`
    has such functions for HEAD. It listens on `port`, or on a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.answers: dict[str, Any] = {}
        self.heads: dict[str, Callable[[Any], None]] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with target.arrived:
                    target.asked.append(self.path)
                    target.headers.append(dict(self.headers))
                    target.arrived.notify_all()
                answer = target.answers.get(self.path)
                if callable(answer):
                    answer(self)
                elif answer is None:
                    self.reply(404, {"error": "no such path"})
                else:
                    self.reply(200, answer)

            def do_HEAD(self) -> None:
                target.heads[self.path](self)

            def reply(self, code: int, content: object, **headers: str) -> None:
                body = json.dumps(content).encode()
                self.send_response(code)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                pass  # clients that hang up are part of the tests

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def counts(self) -> Counter[str]:
        """Return how often each path was asked for since the last `forget`."""
        with self.lock:
            return Counter(self.asked)

    def forget(self) -> None:
        """Start counting anew and drop all answers."""
        with self.lock:
            self.asked.clear()
            self.headers.clear()
            self.answers.clear()
            self.heads.clear()

    def wait_for_requests(self, number: int, seconds: float = 30) -> None:
        """Return once `number` requests have arrived; TimeoutError says how many did."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.asked) >= number, seconds):
                raise TimeoutError(f"{len(self.asked)} of {number} requests arrived")

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Peer:
    """One connection to a hostile server, as the function that misbehaves on it sees it."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self.closing = closing

    def read_request(self) -> bytes:
        """Return everything up to the empty line (HTTP), or what came first (Redis)."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(65536)
            if not piece:
                break
            data += piece
            if data.startswith(b"*"):
                break
        return data

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def trickle(self, data: bytes, every: float = 0.05) -> None:
        """Send one byte at a time, for ever: `data` again and again, until the client or the test ends."""
        while True:
            for byte in data:
                if self.closing.wait(every):
                    return
                self.sock.sendall(bytes([byte]))

    def flood(self, data: bytes) -> None:
        """Send `data` again and again until the client hangs up."""
        while not self.closing.is_set():
            self.sock.sendall(data)

    def hang(self) -> None:
        """Say nothing more until the test ends."""
        self.closing.wait()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


CUT_OFF = {
    "within the headers": b"HTTP/1.1 200 OK\r\n",
    "before the promised body": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    "within the promised body": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
    "within a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
    "before a body of any length": b"HTTP/1.1 200 OK\r\n\r\n",
}
"""Answers that look like success and end too early: what sends one has done nothing that may be relied on."""


def told(data: bytes) -> Callable[[Peer], None]:
    """Behave by reading the request and sending `data`, then closing."""
    return then(data, lambda _: None)


def then(data: bytes, what: Callable[[Peer], None]) -> Callable[[Peer], None]:
    """Behave by reading the request, sending `data`, then doing `what`."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(data)
        what(peer)

    return behave


SERVED_WITHIN_S = 5.0
"""Seconds within which a connection that was shut is left by who serves it."""


class Hostile:
    """A TCP server that lets one function loose on each connection; `wrap` may put TLS around it."""

    def __init__(
        self, behave: Callable[[Peer], None], wrap: Callable[[socket.socket], socket.socket] | None = None
    ) -> None:
        self.behave = behave
        self.wrap = wrap
        self.connections = 0
        self.closing = threading.Event()
        self._open: list[socket.socket] = []
        self._serving: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            serving = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            serving.start()
            self._serving.append(serving)

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self.wrap is not None:
                sock = self.wrap(sock)
                self._open.append(sock)
            self.behave(Peer(sock, self.closing))
        with suppress(OSError):
            sock.close()

    def __enter__(self) -> "Hostile":
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:  # each is closed by who serves it: what TLS still writes must reach no other file
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._serving:
            thread.join(SERVED_WITHIN_S)


def closed_port() -> int:
    """Return a port on loopback on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
