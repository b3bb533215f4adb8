"""Where callers from outside reach the Redis servers and the event streams: they can be counted or refused there.

The services talk to the servers directly, so what happens at a door is the callers' alone.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from typing import Final

from lab.ports import HOST

CHUNK: Final = 1 << 16
# A bulk string, or a verbatim string (RESP3), whose length must follow.
CLUSTER_STATE: Final = re.compile(rb"([$=])(\d+)\r\n(txt:)?cluster_state:ok\r\n")


Passing = Callable[[bytes], bytes]
"""Given what came, returns what goes on now; given nothing, what is left at the end."""


class Door:
    """Passes bytes between callers and one server."""

    def __init__(self, port: int, node_port: int) -> None:
        self.port = port
        self.connections = 0
        """Connections accepted since the counters were reset."""
        self.claims: list[str] = []
        """Cluster states to be told instead of `ok`, one per fault."""
        self._node_port = node_port
        self._refusals: list[object] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def refuse(self, reason: object) -> None:
        """Refuse connections, and reset open ones, until `reason` is withdrawn."""
        self._refusals.append(reason)
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            _reset(writer)

    async def admit(self, reason: object = None) -> None:
        """Withdraw one reason for refusing; with none left the door opens."""
        if reason in self._refusals:
            self._refusals.remove(reason)
        if self._server is None and not self._refusals:
            self._server = await asyncio.start_server(self._pass, HOST, self.port, reuse_address=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            inner_reader, inner_writer = await asyncio.open_connection(HOST, self._node_port)
        except OSError:
            _reset(writer)
            self._open.discard(writer)
            return
        self._open.add(inner_writer)
        try:
            await asyncio.gather(
                self._copy(reader, inner_writer, bytes), self._copy(inner_reader, writer, self._answering())
            )
        finally:
            for end in (writer, inner_writer):
                self._open.discard(end)
                end.close()

    async def _copy(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        passing: Passing,
    ) -> None:
        try:
            while chunk := await source.read(CHUNK):
                sink.write(passing(chunk))
                await sink.drain()
            if not sink.is_closing():
                sink.write(passing(b""))
                sink.write_eof()
        except (OSError, RuntimeError):  # it was reset meanwhile
            sink.close()

    def _answering(self) -> Passing:
        """Return what one caller's answers go through."""
        return self._claimed

    def _claimed(self, chunk: bytes) -> bytes:
        if not self.claims:
            return chunk
        state = self.claims[-1].encode()

        def tell(found: re.Match[bytes]) -> bytes:
            kind, length, prefix = found[1], int(found[2]) - len(b"ok") + len(state), found[3] or b""
            return b"%b%d\r\n%bcluster_state:%b\r\n" % (kind, length, prefix, state)

        return CLUSTER_STATE.sub(tell, chunk)


class BufferingProxy(Door):
    """Stands before an HTTP server; while a fault lasts it keeps answers until there is enough of one, or its end."""

    def __init__(self, port: int, server_port: int) -> None:
        super().__init__(port, server_port)
        self.keeping: list[int] = []
        """Bytes that an answer must have before any of it goes on, one per fault; the newest holds."""

    def _answering(self) -> Passing:
        kept = bytearray()

        def passing(chunk: bytes) -> bytes:
            nonlocal kept
            kept += chunk
            if chunk and self.keeping and len(kept) < self.keeping[-1]:
                return b""
            going, kept = bytes(kept), bytearray()
            return going

        return passing


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
