"""A real Redis-protocol server of the machine or of the development extra, as a process of its own."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from tests.parts.target import closed_port
from tests.tools import program


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """Run a server that keeps nothing and yield its `host:port`; a port that was taken meanwhile is tried no more."""
    for _ in range(10):
        port = closed_port()
        server = subprocess.Popen(
            [
                *(program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
                *("--save", "", "--appendonly", "no", "--daemonize", "no", *options),
            ],
            stdout=subprocess.DEVNULL,
        )
        if _answers(port, server):
            break
    else:
        raise RuntimeError("the server did not answer on any of ten ports")
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _answers(port: int, server: "subprocess.Popen[bytes]") -> bool:
    ends = monotonic() + 30
    while monotonic() < ends and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
            sock.sendall(b"PING\r\n")
            if sock.recv(100) and server.poll() is None:
                return True
    server.kill()
    server.wait()
    return False


def say(address: str, *command: str) -> bytes:
    """Send one command and return the beginning of the reply."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        words = b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in command)
        sock.sendall(b"*%d\r\n%s" % (len(command), words))
        return sock.recv(65536)
