"""The port on which a service of the lab listens: what it refuses, what it forgets, how it dates its answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lab.clock import now
from lab.host import ListeningPort
from lab.ports import HOST, reserve_any

WITHIN_S = 20.0


async def refuse(websocket: WebSocket) -> None:
    await websocket.send_denial_response(JSONResponse({"detail": "no such stream"}, 400))


async def listen(websocket: WebSocket) -> None:
    await websocket.accept()
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def well(_request: Request) -> Response:
    return JSONResponse({})


def on_a_port(play: Callable[[ListeningPort], Awaitable[None]]) -> None:
    """Open a port with three routes for the length of what is played."""

    async def played() -> None:
        reservation = reserve_any()
        app = Starlette(
            routes=[Route("/", well), WebSocketRoute("/refused", refuse), WebSocketRoute("/stream", listen)]
        )
        port = ListeningPort(app, reservation.ports["gateway"])
        try:
            await port.open()
            async with asyncio.timeout(WITHIN_S):
                await play(port)
        finally:
            await port.shut()
            reservation.lock.close()

    asyncio.run(played())


def stream(port: ListeningPort, path: str) -> connect:
    return connect(f"ws://{HOST}:{port.port}{path}", proxy=None)


async def date_of_an_answer(port: ListeningPort) -> float:
    reader, writer = await asyncio.open_connection(HOST, port.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
    head = (await reader.read()).decode().lower()
    writer.close()
    value = next(line.partition(": ")[2] for line in head.splitlines() if line.startswith("date: "))
    return parsedate_to_datetime(value).timestamp()


def test_a_stream_that_is_refused_is_no_handshake_that_was_left_open(caplog: pytest.LogCaptureFixture) -> None:
    async def play(port: ListeningPort) -> None:
        for _ in range(5):
            with pytest.raises(InvalidStatus) as refused:
                await stream(port, "/refused").__aenter__()
            assert refused.value.response.status_code == 400
            assert refused.value.response.body == b'{"detail":"no such stream"}'

    with caplog.at_level(logging.ERROR):
        on_a_port(play)
    assert caplog.messages == []


def test_a_stream_that_has_ended_is_forgotten() -> None:
    async def play(port: ListeningPort) -> None:
        for _ in range(3):
            async with stream(port, "/stream"):
                assert len(port.transports) == 1
            while port.transports:
                await asyncio.sleep(0.01)

    on_a_port(play)


def test_answers_are_dated_with_the_second_they_are_given_in() -> None:
    async def play(port: ListeningPort) -> None:
        dates = set()
        while len(dates) < 2:
            before = int(now())
            date = await date_of_an_answer(port)
            assert before <= date <= now()
            dates.add(date)

    on_a_port(play)
