"""A WebSocket that is only listened to, against servers that do what servers do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.utils import accept_key

from lab.listening import Listening
from lab.services.market.listeners import category

WITHIN_S = 20.0
Serving = Callable[[ServerConnection], Awaitable[Any]]


def against(serving: Serving, play: Callable[[str], Awaitable[None]], **options: Any) -> None:
    """Play against a server that does this with each connection."""

    async def played() -> None:
        async with asyncio.timeout(WITHIN_S), serve(serving, "127.0.0.1", 0, **options) as server:
            await play(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream?name=a")

    asyncio.run(played())


async def everything(one: Listening) -> list[str | bytes]:
    return [message async for message in one]


def test_messages_come_whole_in_their_order_and_as_what_they_were_sent() -> None:
    async def tell(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(f"{connection.request.path} {connection.request.headers['X-Who']}")
        await connection.send(b"\x00\xff")
        await connection.send(["in ", "three ", "parts, ä"])
        await connection.send("x" * 200_000)

    async def play(url: str) -> None:
        one = await Listening.open(url, {"X-Who": "me"})
        told = ["/stream?name=a me", b"\x00\xff", "in three parts, ä", "x" * 200_000]
        assert await everything(one) == told
        assert one.code == 1000

    against(tell, play)


@pytest.mark.parametrize("code", [1001, 1012])
def test_the_other_end_says_why_it_closes(code: int) -> None:
    async def play(url: str) -> None:
        one = await Listening.open(url, {})
        assert await everything(one) == []
        assert one.code == code
        one.leave()  # of what is over already nothing is left

    against(lambda connection: connection.close(code), play)


def test_who_is_just_gone_is_gone_with_1006() -> None:
    async def play(url: str) -> None:
        one = await Listening.open(url, {})
        assert await everything(one) == ["last words"]
        assert one.code == 1006

    async def vanish(connection: ServerConnection) -> None:
        await connection.send("last words")
        await connection.ping()
        connection.transport.abort()

    against(vanish, play)


def test_who_leaves_says_so() -> None:
    codes: list[int | None] = []

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        codes.append(connection.close_code)

    async def play(url: str) -> None:
        one = await Listening.open(url, {})
        one.leave()
        assert await everything(one) == []
        while not codes:
            await asyncio.sleep(0.01)

    against(wait, play)
    assert codes == [1000]


def test_who_leaves_a_server_that_never_closes_is_gone_all_the_same() -> None:
    async def play() -> None:
        async def upgrade_and_hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            key = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("Sec-WebSocket-Key"))
            writer.write(upgraded(key))
            while await reader.read(1000):  # says nothing to anything
                pass
            writer.close()

        server = await asyncio.start_server(upgrade_and_hang, "127.0.0.1", 0)
        async with asyncio.timeout(WITHIN_S), server:
            one = await Listening.open(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {})
            one.leave()
            assert await everything(one) == []

    asyncio.run(play())


def upgraded(key: str) -> bytes:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode()


def test_a_refusal_is_raised_with_its_status() -> None:
    async def refuse(connection: ServerConnection, _request: Any) -> Any:
        return connection.respond(400, "no such stream")

    async def play(url: str) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await Listening.open(url, {})
        assert refused.value.response.status_code == 400

    against(lambda connection: connection.wait_closed(), play, process_request=refuse)


def test_nobody_there_and_nobody_answering_are_errors() -> None:
    async def play() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(TimeoutError):
                await Listening.open(f"ws://127.0.0.1:{port}/", {}, within_s=0.2)
        with pytest.raises(ConnectionRefusedError):
            await Listening.open(f"ws://127.0.0.1:{port}/", {})

    asyncio.run(play())


def test_a_server_that_hangs_up_instead_of_upgrading_has_closed() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def play() -> None:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with server:
            with pytest.raises((ConnectionResetError, InvalidHandshake)) as lost:
                await Listening.open(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {})
        assert category(lost.value) == "closed_by_server"

    asyncio.run(play())


def test_who_no_longer_answers_pings_is_taken_for_gone() -> None:
    async def go_deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        while not connection.transport.is_closing():
            await asyncio.sleep(0.01)

    async def play(url: str) -> None:
        one = await Listening.open(url, {}, ping_every_s=0.05)
        assert await everything(one) == []
        assert one.code == 1006
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # a deaf server does not even notice that it is alone

    against(go_deaf, play, ping_interval=None)


def test_who_answers_pings_is_not() -> None:
    async def tell(connection: ServerConnection) -> None:
        for number in range(10):
            await connection.send(str(number))
            await asyncio.sleep(0.02)

    async def play(url: str) -> None:
        one = await Listening.open(url, {}, ping_every_s=0.05)
        assert await everything(one) == [str(number) for number in range(10)]
        assert one.code == 1000

    against(tell, play)
