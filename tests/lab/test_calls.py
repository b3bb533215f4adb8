"""Calls between the lab's processes, to servers that do what servers do."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from lab.calls import LARGEST_ANSWER, Caller, NoAnswerError

WITHIN_S = 20.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers every request of a connection with what it is given, and keeps what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.asked: list[str] = []
        self.connections = 0
        self._answers = list(answers)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = next((int(line[15:]) for line in head.splitlines() if line.startswith("Content-Length:")), 0)
                self.asked.append(head + (await reader.readexactly(length)).decode())
                writer.write(self._answers.pop(0))
                if not self._answers:
                    writer.close()
        except asyncio.IncompleteReadError:
            writer.close()


def answer(body: bytes, *headers: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def against(serve: Serve, play: Callable[[int], Awaitable[None]]) -> None:
    async def played() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with asyncio.timeout(WITHIN_S), server:
            await play(server.sockets[0].getsockname()[1])

    asyncio.run(played())


def test_what_is_asked_arrives_and_what_is_answered_comes_back_on_one_connection() -> None:
    server = Server(
        answer(b'{"a": 1}', "Content-Type: application/json"),
        b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5\r\n here\r\n0\r\n\r\n",
        answer(b"", status=204),
    )

    async def play(port: int) -> None:
        caller = Caller(port, {"X-Key": "k"})
        first = await caller.ask("GET", "/one?a=b")
        assert (first.status, first.json(), first.content_type) == (200, {"a": 1}, "application/json")
        second = await caller.ask("POST", "/two", {"b": [2]}, {"X-More": "m"})
        assert (second.status, second.body, second.content_type) == (404, b"not here", "")
        assert (await caller.ask("POST", "/three")).status == 204

    against(server, play)
    assert server.connections == 1
    one, two, three = server.asked
    assert one.startswith("GET /one?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "X-Key: k\r\n" in one
    assert json.loads(two.partition("\r\n\r\n")[2]) == {"b": [2]}
    assert "X-More: m\r\n" in two
    assert "Content-Length: 0\r\n" in three


def test_what_is_asked_at_the_same_time_does_not_wait_for_each_other() -> None:
    arrived = 0

    async def answer_once_both_have_asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await reader.readuntil(b"\r\n\r\n")
        arrived += 1
        while arrived < 2:
            await asyncio.sleep(0.01)
        writer.write(answer(b"both"))
        writer.close()

    async def play(port: int) -> None:
        caller = Caller(port)
        both = await asyncio.gather(caller.ask("GET", "/"), caller.ask("GET", "/"))
        assert [one.body for one in both] == [b"both", b"both"]

    against(answer_once_both_have_asked, play)


@pytest.mark.parametrize("ending", ["Connection: close", "Connection: keep-alive"])
def test_a_connection_that_the_server_has_closed_is_not_used_again(ending: str) -> None:
    servers: list[Server] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        servers.append(Server(answer(b"1", ending)))  # after which it hangs up
        await servers[-1](reader, writer)

    async def play(port: int) -> None:
        caller = Caller(port)
        for _ in range(3):
            assert (await caller.ask("GET", "/")).body == b"1"
            while caller.kept:
                await asyncio.sleep(0.01)

    against(serve_one, play)
    assert len(servers) == 3


def test_a_head_has_no_body_whatever_its_headers_say() -> None:
    async def play(port: int) -> None:
        told = await Caller(port).ask("HEAD", "/")
        assert (told.status, told.body) == (503, b"")

    against(Server(b"HTTP/1.1 503 So\r\nContent-Length: 700\r\n\r\n"), play)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "lost"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (answer(b"x" * (LARGEST_ANSWER + 1)), "too large"),
    ],
)
def test_half_an_answer_is_none(sent: bytes, why: str) -> None:
    async def play(port: int) -> None:
        with pytest.raises(NoAnswerError, match=f"GET /: .*{why}"):
            await Caller(port).ask("GET", "/")

    against(Server(sent), play)


def test_an_answer_that_trickles_in_is_late_as_a_whole() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing() and not reader.at_eof():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async def play(port: int) -> None:
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.2 s"):
            await Caller(port, timeout_s=0.2).ask("GET", "/")

    against(trickle, play)


def test_nobody_there_is_no_answer() -> None:
    async def play(port: int) -> None:
        caller = Caller(port)
        with pytest.raises(NoAnswerError):
            await caller.ask("GET", "/")

    async def played() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await play(port)

    asyncio.run(played())
