"""HTTP over bounded sockets, for whoever speaks it: opened in one way, and no answer that was cut off looks whole.

http.client takes the end of a connection for the end of the headers, and of a body nobody gave the length of: half an
answer looks like an empty one. Importing this imports http.client: leave it to when there is something to ask.
"""

import http.client
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from healthgate.printable import printable
from healthgate.wire import bounded

BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body, whatever their headers say."""


def address(url: str) -> tuple[str, int]:
    """Return the host and the port that an address means; the port is that of its scheme where it names none."""
    scheme, _, rest = url.partition("://")
    return bounded.host_and_port(rest.partition("/")[0], 443 if scheme.lower() == "https" else 80)


def over(sock: bounded.BoundedSocket, url: str, trusted: str = "") -> HTTPConnection:
    """Return a connection to `url` over a connected socket, after a handshake where the scheme is https.

    `trusted` is a file of certificates, as for `bounded.tls_context`. OSError where there is no handshake: the socket
    is closed then.
    """
    host, port = address(url)
    if url.partition("://")[0].lower() != "https":
        connection = HTTPConnection(host, port)
        connection.sock = sock
        return connection
    try:
        context = bounded.tls_context(trusted)
        secured = bounded.secured(sock, host, trusted)
    except BaseException:
        sock.close()
        raise
    connection = http.client.HTTPSConnection(host, port, context=context)
    connection.sock = secured
    return connection


def answered(connection: HTTPConnection) -> HTTPResponse:
    """Return the answer to what was sent, its headers read; IncompleteRead where they were cut off."""
    sock: Any = connection.sock  # which closes with the answer, where nothing more is to come
    response = connection.getresponse()
    if sock.ended:
        raise http.client.IncompleteRead(b"", response.length)
    return response


def body(response: HTTPResponse, most: int) -> bytes:
    """Return the body of an answer, up to `most` bytes of it; IncompleteRead where it was cut off before."""
    content = response.read(most)
    unannounced = response.length is None and not response.chunked
    is_short = unannounced and not content and response.status not in BODILESS
    if is_short or (response.length and len(content) < most):
        raise http.client.IncompleteRead(content, response.length)
    return content


def explain(
    problem: BaseException, host: str, seconds: float, received: int = 0, clean: Callable[[str], str] = str
) -> tuple[str, str]:
    """Return one word and one phrase for what went wrong with an exchange; `clean` takes secrets out of what came."""
    if isinstance(problem, http.client.IncompleteRead):
        return "reset", "the server closed the connection before the answer was complete"
    if isinstance(problem, http.client.HTTPException) and not isinstance(problem, ConnectionError):
        return "malformed", f"the answer is not HTTP: {type(problem).__name__} {printable(clean(str(problem)), 80)}"
    status, words = bounded.explain(problem, host, seconds, received)
    return status, clean(words)
