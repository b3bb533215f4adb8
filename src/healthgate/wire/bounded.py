"""Sockets that can be neither held nor flooded: one deadline for the whole exchange, one cap on what comes in.

A socket's own timeout bounds each call, so a server that sends a byte now and then is never late. Here every
call gets what is left of one deadline, whoever makes it: these sockets are handed to http.client and redis-py.
"""

import functools
import re
import socket
import ssl
import time
from typing import Any

from healthgate.duration import spoken
from healthgate.printable import printable
from healthgate.scarce import STARVED, lack, lacking
from healthgate.wire.whole import contents, unreadable

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[\s!-~]+?-----END CERTIFICATE-----")
LARGEST_TRUST = 4_000_000
"""Bytes a file of trusted certificates may have."""


class LateError(TimeoutError):
    """The deadline passed."""


class OversizedError(OSError):
    """More came than is read."""


class UntrustedError(OSError):
    """There are no certificates to trust: `status` is one word for why, the text one phrase."""

    def __init__(self, status: str, words: str) -> None:
        super().__init__(f"no certificates to trust: {words}")
        self.status = status


class Bounded:
    """What both kinds of socket share. Bound one with `bound` before use and before each reuse."""

    ends: float = 0.0
    budget: int = 0
    taken: int = 0
    ended: bool = False
    """Whether the other side has said that nothing more comes."""

    def bound(self, seconds: float, budget: int) -> None:
        """Allow `seconds` from now and `budget` bytes in."""
        self.ends = time.monotonic() + seconds
        self.budget = budget
        self.taken = 0

    def left(self) -> float:
        """Return the seconds left; LateError if there are none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise LateError
        return left

    def recv_into(self: Any, *args: Any) -> int:
        """Receive within the deadline and the budget."""
        self.settimeout(self.left())
        return int(self.spend(super().recv_into(*args)))  # type: ignore[misc]

    def recv(self: Any, *args: Any) -> bytes:
        """Receive within the deadline and the budget."""
        self.settimeout(self.left())
        data: bytes = super().recv(*args)  # type: ignore[misc]
        self.spend(len(data))
        return data

    def sendall(self: Any, *args: Any) -> None:
        """Send within the deadline."""
        self.settimeout(self.left())
        super().sendall(*args)  # type: ignore[misc]

    def spend(self, received: int) -> int:
        """Count what was received."""
        self.ended = not received
        self.taken += received
        if self.taken > self.budget:
            raise OversizedError
        return received


class BoundedSocket(Bounded, socket.socket):
    """A plain TCP socket with a deadline and a budget."""


class BoundedTLSSocket(Bounded, ssl.SSLSocket):
    """A TLS socket with a deadline and a budget; ConnectionResetError where it ends without saying so."""

    def recv_into(self, *args: Any) -> int:
        """Receive as above; an end that TLS does not announce may have been made by anybody on the way."""
        try:
            return super().recv_into(*args)
        except ssl.SSLEOFError:
            raise ConnectionResetError from None

    def recv(self, *args: Any) -> bytes:
        """Receive as above."""
        try:
            return super().recv(*args)
        except ssl.SSLEOFError:
            raise ConnectionResetError from None


@functools.cache
def tls_context(trusted: str = "") -> ssl.SSLContext:
    """Return the one context of this process: verified chain and name, the machine's trusted authorities.

    `trusted` is the path of a PEM file whose certificates are trusted instead; UntrustedError where it has none.
    """
    context = ssl.create_default_context(cadata=certificates(trusted) if trusted else None)
    context.sslsocket_class = BoundedTLSSocket
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


def certificates(path: str) -> str:
    """Return the certificates in a PEM file, and nothing else of it; UntrustedError where it has none."""
    try:
        found = CERTIFICATE.findall(contents(path, LARGEST_TRUST))
    except OSError as problem:
        raise UntrustedError(*unreadable(problem, path)) from None
    if not found:
        raise UntrustedError("malformed", f"{printable(path, 200)} holds no certificate in PEM form")
    text: str = b"\n".join(found).decode("ascii")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise UntrustedError("malformed", f"{printable(path, 200)} holds a certificate that is broken") from None
    return text


def connect(host: str, port: int, seconds: float, budget: int, source: str = "") -> BoundedSocket:
    """Return a connected socket bound to `seconds` in all and `budget` bytes; OSError where that fails.

    `source` is the address of this machine the connection is made from, whichever suits where it is empty.
    """
    ends = time.monotonic() + seconds
    return connect_to(resolve(host, port), ends, budget, source)


def resolve(host: str, port: int) -> list[Any]:
    """Return what `host` resolves to, as socket.getaddrinfo gives it; nothing can interrupt it."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def connect_to(addresses: list[Any], ends: float, budget: int, source: str = "") -> BoundedSocket:
    """Return a socket connected to the first address that answers before `ends` (monotonic seconds)."""
    failure: OSError | None = None
    if source:
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        addresses = [one for one in addresses if one[0] == family]
        failure = OSError(f"it has no address that could be reached from {source}")
    for i, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = BoundedSocket(family, kind, protocol)
        try:
            sock.bound(ends - time.monotonic(), budget)
            sock.settimeout(sock.left() / (len(addresses) - i))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                _leave_from(sock, source)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure or OSError("the name has no address")


def _leave_from(sock: BoundedSocket, source: str) -> None:
    try:
        sock.bind((source, 0))
    except OSError as problem:
        why = printable(problem.strerror or problem)
        raise OSError(f"no connection can be made from {source}, which is no address here ({why})") from None


def secured(sock: BoundedSocket, host: str, trusted: str = "") -> BoundedTLSSocket:
    """Return `sock` after a TLS handshake for `host`, with the same deadline and budget; `trusted` as above."""
    ends, budget = sock.ends, sock.budget
    wrapped = tls_context(trusted).wrap_socket(
        sock, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    assert isinstance(wrapped, BoundedTLSSocket)
    try:
        wrapped.bound(ends - time.monotonic(), budget)
        wrapped.settimeout(wrapped.left())
        wrapped.do_handshake()
    except BaseException:
        wrapped.close()
        raise
    return wrapped


def scheme(url: str) -> str:
    """Return the scheme of an address in small letters, which capitals mean as well."""
    return url.partition("://")[0].lower()


def host_and_port(rest: str, default: int) -> tuple[str, int]:
    """Return host and port of what stands between the scheme and the path of an address; an empty port is none."""
    host, separator, port = rest.rpartition(":")
    if separator and "]" not in port and (not port or port.isdecimal()):
        return host.strip("[]"), int(port or default)
    return rest.strip("[]"), default


def _lacked(error: BaseException) -> str | None:
    """Return what this machine had no more of for an exchange; the look-up of a name does not say it by itself."""
    if not isinstance(error, socket.gaierror):
        return lack(error)
    try:
        socket.socket().close()
    except OSError as problem:
        return lack(problem)
    return None


def explain(error: BaseException, host: str, seconds: float, received: int = 0) -> tuple[str, str]:
    """Return one word and one phrase for what went wrong with an exchange."""
    if isinstance(error, UntrustedError):
        return error.status, str(error)
    if (lacked := _lacked(error)) is not None:
        return STARVED, lacking(lacked)
    if isinstance(error, OversizedError):
        return "oversized", f"the answer is larger than {received} bytes"
    if isinstance(error, TimeoutError):
        partly = f" ({received} bytes had come)" if received else ""
        return "late", f"no complete answer within {spoken(seconds)}{partly}"
    if isinstance(error, ConnectionRefusedError):
        return "refused", f"connection refused: nothing listens on {host}"
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or (error.reason or "no handshake").replace("_", " ").lower()
        return "tls", f"TLS failed: {printable(reason)}"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "unresolved", f"the name of {host} cannot be resolved"
    if isinstance(error, ConnectionError | EOFError):
        return "reset", "the server closed the connection without a complete answer"
    if isinstance(error, OSError):
        return "unreachable", f"{host} cannot be reached: {printable(error.strerror or error)}"
    return "malformed", "the answer cannot be understood"
