"""A stream over a WebSocket while it is listened to: opened step by step, followed until it is enough."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.observation import Observation
from healthgate.claim.system import StreamUrl
from healthgate.printable import printable
from healthgate.probes.request import Addressed, Silent
from healthgate.probes.staying import CHUNK, BrokenProbeError, Course
from healthgate.secret import Redactor
from healthgate.version import __version__
from healthgate.wire.notation import from_json

if TYPE_CHECKING:
    from healthgate.wire.head import Head

STEPS = ("resolve", "connect", "upgrade", "ping")
"""What it takes to have a stream, in this order."""


PING = b"healthgate"


PONG_WITHIN = 1.0
"""Seconds the answer to a ping is waited for, at least."""


CLOSE_WITHIN = 0.25
"""Seconds the other side is given to answer the closing of a stream."""


LARGEST_MESSAGE = 1_000_000
"""Bytes one message may have."""


@dataclass(frozen=True)
class Message:
    """One message as it came: text or bytes, and when it was complete, in seconds since 1970."""

    at: float
    content: str | bytes

    def json(self) -> Facts:
        """Return the message as JSON; NoData if it is none."""
        try:
            text = self.content if isinstance(self.content, str) else self.content.decode()
        except UnicodeDecodeError as problem:
            raise NoData(f"the message is not JSON: it is not UTF-8 text (byte {problem.start})") from None
        try:
            return Facts(from_json(text))
        except ValueError as problem:
            raise NoData(f"the message is not JSON: {printable(problem)}") from None


UPGRADE = ("Upgrade", "Connection")
"""Headers of the answer that say it is a WebSocket now, beside those that begin with Sec-WebSocket."""


class RefusedError(Exception):
    """The upgrade was answered with another status than 101, which is `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the upgrade to a stream was answered with {code}")
        self.code = code


Enough = Callable[[Message], bool]
"""Told every message as it comes; says whether what has come is enough."""


@dataclass(frozen=True)
class StreamRequest(Addressed, Silent):
    """One connection with everything it needs; times in seconds, `budget` in bytes."""

    id: str
    url: StreamUrl
    open_within: float
    listen: float
    most: int
    budget: int
    opening: tuple[str, ...]
    enough: Callable[[], Enough]

    @property
    def deadline(self) -> float:
        """Seconds from the first step to the closing."""
        return self.open_within + max(self.listen, PONG_WITHIN) + CLOSE_WITHIN

    def load(self) -> None:
        """Import how WebSockets are spoken."""
        import websockets.client  # noqa: PLC0415 (only a run that needs it pays for it)
        import websockets.uri  # noqa: F401, PLC0415

        from healthgate.wire import bounded  # noqa: F401, PLC0415

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Connect, listen and close; a stream is never kept."""
        began = time.monotonic()
        listening = _Listening(self, redactor)
        status, error = "answered", None
        try:
            listening.open(began)
            listening.listen()
        except Exception as problem:
            status, error = listening.explain(problem)
        finally:
            listening.close()
        elapsed = round((time.monotonic() - began) * 1000, 3)
        received = listening.received
        opened = int(listening.sock is not None)
        return Observation(self.id, status, time.time(), elapsed, received, error, listening.facts(), opened), None


@dataclass
class _Listening(Course):
    request: StreamRequest
    redactor: Redactor
    steps: dict[str, float] = field(default_factory=dict)
    kept: list[Message] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    binary: bool = False
    sock: Any = None
    protocol: Any = None
    code: int | None = None
    opened: float = 0.0
    gaps: list[float] = field(default_factory=list)
    ended: str = ""
    ending: str = ""
    pinged: float = 0.0
    received: int = 0

    def open(self, began: float) -> None:
        """Take the steps to an open stream one by one; the error of the first that fails is raised."""
        from websockets.client import ClientProtocol  # noqa: PLC0415 (only a run that needs it pays for it)
        from websockets.uri import parse_uri  # noqa: PLC0415

        from healthgate.wire import bounded  # noqa: PLC0415

        ends = began + self.request.open_within
        scheme, rest = bounded.scheme(self.request.url), self.request.url.partition("://")[2]
        host, port = bounded.host_and_port(rest.partition("/")[0], 443 if scheme == "wss" else 80)
        began = time.monotonic()  # importing the library is no step of the server's
        addresses = bounded.resolve(host, port)
        self.reached("resolve", began)
        began = time.monotonic()
        self.sock = bounded.connect_to(addresses, ends, self.request.budget)
        self.reached("connect", began)
        began = time.monotonic()
        if scheme == "wss":
            self.sock = bounded.secured(self.sock, host)
        self.protocol = ClientProtocol(parse_uri(self.request.url), max_size=LARGEST_MESSAGE)
        request = self.protocol.connect()
        request.headers["User-Agent"] = f"healthgate/{__version__}"
        self.protocol.send_request(request)
        self._send()
        self._upgrade()
        if self.protocol.handshake_exc is not None:
            raise self.protocol.handshake_exc
        self.reached("upgrade", began)

    def listen(self) -> None:
        """Listen until it is enough; whatever ends it, what was heard stays."""
        from healthgate.wire import bounded  # noqa: PLC0415

        self.opened = last = self.pinged = time.monotonic()
        if self.protocol.state.name == "OPEN":  # it may have been closed in the same packet that opened it
            for text in self.request.opening:
                self.protocol.send_text(text.encode())
            self.protocol.send_ping(PING)
        enough, satisfied = self.request.enough(), False
        ends = self.opened + self.request.listen
        pong_by = self.opened + PONG_WITHIN
        try:
            self._answer()
            while not self.ended:
                for message in self._messages():
                    now = time.monotonic()
                    self.gaps.append(now - last)
                    last = now
                    self.kept.append(message)
                    satisfied = satisfied or self.is_enough(enough, message)
                    if len(self.kept) >= self.request.most:
                        break
                now = time.monotonic()
                if self.ended:
                    self._answer()  # says why
                elif self.protocol.close_rcvd is not None:
                    self.end("closed", self._closed())
                elif self.protocol.parser_exc is not None:
                    self._broken(self.protocol.parser_exc)
                elif self.protocol.eof_sent or self.protocol.state.name == "CLOSED":
                    self.end("reset", "the server cut the connection off without closing the stream")
                elif (satisfied or len(self.kept) >= self.request.most) and ("ping" in self.steps or now >= pong_by):
                    self.end("enough" if satisfied else "most", "enough had come")
                elif now >= ends and ("ping" in self.steps or now >= pong_by):
                    self.end("time", "the time was up")
                else:
                    only_the_pong = satisfied or len(self.kept) >= self.request.most or now >= ends
                    self._wait((pong_by if only_the_pong else ends) - now)
        except bounded.OversizedError:
            self.end("oversized", f"more than {self.request.budget} bytes came")
        except OSError as problem:
            self.end("reset", bounded.explain(problem, self.request.host, self.request.listen)[1])
        self.gaps.append(time.monotonic() - last)

    def close(self) -> None:
        """Close the stream and the connection, whatever state they are in."""
        if self.sock is None:
            return
        self.received = self.sock.taken
        try:
            if self.protocol is not None and self.protocol.state.name == "OPEN":
                self.protocol.send_close(1000)
                self.sock.bound(CLOSE_WITHIN, CHUNK)
                self._send()
                while self.protocol.close_rcvd is None and self.protocol.parser_exc is None:
                    data = self.sock.recv(CHUNK)
                    if not data:
                        break
                    self.protocol.receive_data(data)
                    self.protocol.events_received()
        except Exception:  # noqa: S110 (what is being thrown away may fail as it likes)
            pass
        finally:
            self.sock.close()

    def facts(self) -> dict[str, Any]:
        """Return what was found, as plain JSON values."""
        found: dict[str, Any] = {"steps": self.steps}
        if self.code is not None:
            found["code"] = self.code
        if not self.opened:
            return found
        clean = self.redactor
        return found | {
            "ended": self.ended,
            "ending": self.ending,
            "count": len(self.kept),
            "listened_s": round(sum(self.gaps), 3),
            "first_message_ms": round(self.gaps[0] * 1000, 3) if self.kept else None,
            "largest_gap_ms": round(max(self.gaps, default=0.0) * 1000, 3),
            "messages": [
                {"at": one.at, "text": clean.text(one.content)}
                if isinstance(one.content, str)
                else {"at": one.at, "binary": base64.b64encode(clean.bytes(one.content)).decode()}
                for one in self.kept
            ],
        }

    def explain(self, problem: Exception) -> tuple[str, str]:
        """Return one word and one phrase for why there was no open stream."""
        from websockets.exceptions import InvalidHandshake  # noqa: PLC0415

        from healthgate.wire import bounded  # noqa: PLC0415
        from healthgate.wire.head import MalformedError  # noqa: PLC0415

        if isinstance(problem, BrokenProbeError):
            return "broken", str(problem)
        if isinstance(problem, RefusedError):
            self.code = problem.code
            return "refused", str(problem)
        if isinstance(problem, MalformedError) or (
            isinstance(problem, InvalidHandshake) and not isinstance(problem.__cause__, EOFError)
        ):
            words = printable(self.redactor.text(str(problem)), 80)
            return "malformed", f"the upgrade to a stream was not answered as WebSocket asks for: {words}"
        cause = problem.__cause__ if isinstance(problem, InvalidHandshake) and problem.__cause__ else problem
        received = getattr(self.sock, "taken", 0)
        if isinstance(cause, bounded.OversizedError):
            return "oversized", f"the answer is larger than {self.request.budget} bytes"
        status, words = bounded.explain(cause, self.request.host, self.request.open_within, received)
        return status, self.redactor.text(words)

    def _send(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.sock.sendall(data)

    def _receive(self) -> None:
        data = self.sock.recv(CHUNK)
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()

    def _upgrade(self) -> None:
        """Read the answer to the upgrade, past all interim ones, and hand it to the protocol in its plainest form.

        RefusedError where it is another than 101, as soon as that is known: whatever else comes with it.
        """
        from healthgate.wire.head import final  # noqa: PLC0415

        came = bytearray()
        lines = self._lines(came)
        head, _ = final(lambda: next(lines), self._taken)
        kept = [
            (name, value)
            for name, value in head.headers
            if name.title() in UPGRADE or name.lower().startswith("sec-websocket-")
        ]
        plain = "".join(f"{name}: {value}\r\n" for name, value in kept)
        self.protocol.receive_data(f"HTTP/1.1 101 Switching Protocols\r\n{plain}\r\n".encode("latin-1") + came)

    @staticmethod
    def _taken(head: "Head") -> None:
        """Refuse an answer whose status line says already that it is no stream."""
        from healthgate.wire.head import MalformedError  # noqa: PLC0415

        if head.status != 101 and not head.interim:
            raise RefusedError(head.status)
        if head.status == 101 and head.minor == 0:
            raise MalformedError("it is HTTP/1.0, which has no upgrades")

    def _lines(self, came: bytearray) -> Iterator[bytes]:
        """Yield the lines of what comes; `came` holds what is not yielded yet. EOFError where it ends before."""
        from healthgate.wire.head import LONGEST_LINE, MalformedError, begun  # noqa: PLC0415

        first = True
        while True:
            end = came.find(b"\n") + 1
            if end:
                line = bytes(came[:end])
                del came[:end]
                first = False
                yield line
                continue
            if len(came) > LONGEST_LINE:
                raise MalformedError(f"a line of it is longer than {LONGEST_LINE} bytes")
            data = self.sock.recv(CHUNK)
            if not data and first and came and not begun(bytes(came)):
                raise MalformedError(f"it begins with {came.decode('latin-1')!r}")
            if not data:
                raise EOFError
            came += data

    def _wait(self, seconds: float) -> None:
        self.sock.ends = time.monotonic() + seconds
        try:
            self._receive()
        except TimeoutError:
            return
        self._answer()

    def _answer(self) -> None:
        # whoever does not take an answer may still have said something: the next look at what came tells
        with suppress(OSError):
            self._send()

    def _messages(self) -> list[Message]:
        from websockets.frames import Frame, Opcode  # noqa: PLC0415

        found: list[Message] = []
        for frame in self.protocol.events_received():
            if not isinstance(frame, Frame):
                continue  # the answer to the upgrade
            if frame.opcode is Opcode.PONG and frame.data == PING:
                self.steps.setdefault("ping", round((time.monotonic() - self.pinged) * 1000, 3))
            if frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                continue
            if frame.opcode is not Opcode.CONT:
                self.binary = frame.opcode is Opcode.BINARY
                self.parts = []
            self.parts.append(bytes(frame.data))
            if frame.fin and len(self.kept) + len(found) < self.request.most:
                whole = b"".join(self.parts)
                try:
                    found.append(Message(time.time(), whole if self.binary else whole.decode()))
                except UnicodeDecodeError as problem:
                    self._garbled(problem)
                    break
        return found

    def _garbled(self, problem: UnicodeDecodeError) -> None:
        from websockets.frames import CloseCode  # noqa: PLC0415

        self.protocol.fail(CloseCode.INVALID_DATA)
        self.end("malformed", f"what came is not WebSocket: a text is not UTF-8 (byte {problem.start})")

    def _closed(self) -> str:
        close = self.protocol.close_rcvd
        reason = printable(self.redactor.text(close.reason), 60)
        return f"the server closed the stream ({close.code}{f': {reason}' if reason else ''})"

    def _broken(self, problem: Exception) -> None:
        from websockets.exceptions import PayloadTooBig  # noqa: PLC0415

        if isinstance(problem, PayloadTooBig):
            self.end("oversized", f"a message is larger than {LARGEST_MESSAGE} bytes")
        elif isinstance(problem, EOFError):
            self.end("reset", "the server cut the connection off without closing the stream")
        elif isinstance(problem, UnicodeDecodeError):
            self.end("malformed", "what came is not WebSocket: the reason it is closed for is not UTF-8")
        else:
            words = printable(self.redactor.text(str(problem)), 80)
            self.end("malformed", f"what came is not WebSocket: {words}")
