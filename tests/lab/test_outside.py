"""What callers from outside can reach, and how they fail while the services themselves are well."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.lab.price_legs import received
from tests.lab_process import LabError, RunningLab, wait_until

pytestmark = pytest.mark.whole

FEEDS = ["LAB_FEED_BINARY_URL", "LAB_FEED_JSON_URL"]
ORDER = {"op": "subscribe", "symbols": ["EURUSD", "USDJPY"]}


def during(url: str, act: Callable[[ClientConnection], Awaitable[Any]]) -> Any:
    async def connected() -> Any:
        async with asyncio.timeout(15), connect(url, proxy=None, max_queue=None) as websocket:
            return await act(websocket)

    return asyncio.run(connected())


async def ping(websocket: ClientConnection) -> float:
    started = time.monotonic()
    await asyncio.wait_for(await websocket.ping(), 1)
    return time.monotonic() - started


def feed_is_well(lab: RunningLab) -> bool:
    found = lab.get("market", "/api/debug/websocket")[1]
    return bool(found["connection_status"]["connected"] and found["performance"]["message_rate_per_sec"] > 120)


@pytest.mark.parametrize("feed", FEEDS)
def test_the_feed_answers_pings_at_its_door(lab: RunningLab, feed: str) -> None:
    assert during(lab.variables[feed], ping) < 1


@pytest.mark.parametrize("feed", FEEDS)
def test_the_feed_can_be_shut_to_callers_outside(lab: RunningLab, feed: str) -> None:
    handle = lab.fault("F.mkt.feed_refuse", step="tcp", to="checker")
    with pytest.raises(ConnectionRefusedError):
        during(lab.variables[feed], ping)
    assert feed_is_well(lab)
    lab.heal(handle)
    assert during(lab.variables[feed], ping) < 1


def test_the_feed_can_refuse_the_upgrade_of_callers_outside(lab: RunningLab) -> None:
    handle = lab.fault("F.mkt.feed_refuse", step="handshake")
    with pytest.raises(InvalidStatus) as refused:
        during(lab.variables["LAB_FEED_JSON_URL"], ping)
    assert refused.value.response.status_code == 503
    assert feed_is_well(lab)
    lab.heal(handle)
    assert during(lab.variables["LAB_FEED_JSON_URL"], ping) < 1


def test_the_feed_can_leave_pings_of_callers_outside_unanswered(lab: RunningLab) -> None:
    handle = lab.fault("F.mkt.feed_refuse", step="ping")
    for feed in FEEDS:
        with pytest.raises(TimeoutError):
            during(lab.variables[feed], ping)
        assert len(asyncio.run(received(lab.variables[feed], 30))) == 30
    assert feed_is_well(lab)
    lab.heal(handle)
    assert during(lab.variables["LAB_FEED_JSON_URL"], ping) < 1


def test_a_name_that_does_not_resolve_is_for_the_run_to_bring(lab: RunningLab) -> None:
    with pytest.raises(LabError, match=r"422.*give the run a feed address whose name does not resolve"):
        lab.fault("F.mkt.feed_refuse", step="dns")


def test_a_feed_that_is_down_is_down_for_everyone_and_a_shut_door_stays_shut(lab: RunningLab) -> None:
    refusal = lab.fault("F.mkt.feed_refuse", step="tcp")
    lab.heal(lab.fault("F.http.down", service="feed"))
    with pytest.raises(ConnectionRefusedError):
        during(lab.variables["LAB_FEED_JSON_URL"], ping)
    lab.heal(refusal)
    down = lab.fault("F.http.down", service="feed")
    with pytest.raises(ConnectionRefusedError):
        during(lab.variables["LAB_FEED_JSON_URL"], ping)
    lab.heal(down)
    wait_until(lab.is_healthy, 30, "the feed is back")


def outside(lab: RunningLab) -> tuple[str, int]:
    host, _, port = lab.variables["LAB_MARKET_OUTSIDE"].partition(":")
    return host, int(port)


def test_nothing_listens_outside_until_the_service_binds_there(lab: RunningLab) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(outside(lab), timeout=5)
    handle = lab.fault("F.mkt.bind_all")
    status, body = lab.send("GET", f"http://{lab.variables['LAB_MARKET_OUTSIDE']}/api/debug/websocket")
    assert (status, "connection_status" in body) == (200, True)
    lab.heal(lab.fault("F.http.down", service="market"))
    lab.send("GET", f"http://{lab.variables['LAB_MARKET_OUTSIDE']}/api/debug/websocket")
    lab.heal(handle)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(outside(lab), timeout=5)
    assert lab.get("market", "/api/debug/websocket")[0] == 200


def stream(lab: RunningLab, count: int) -> list[str]:
    return asyncio.run(received(lab.variables["LAB_STREAM_URL"], count, ORDER))


async def subscribe_and_wait(websocket: ClientConnection) -> str:
    await websocket.send(json.dumps(ORDER))
    return str(await asyncio.wait_for(websocket.recv(), 3))


def test_the_client_stream_can_stay_silent(lab: RunningLab) -> None:
    handle = lab.fault("F.stream.silent")
    with pytest.raises(TimeoutError):
        during(lab.variables["LAB_STREAM_URL"], subscribe_and_wait)
    assert lab.get("market", "/api/market/price/EURUSD")[0] == 200
    lab.heal(handle)
    assert len(stream(lab, 3)) == 3


def test_the_client_stream_can_close_at_once(lab: RunningLab) -> None:
    handle = lab.fault("F.stream.close")
    with pytest.raises(ConnectionClosed) as closed:
        during(lab.variables["LAB_STREAM_URL"], subscribe_and_wait)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    lab.heal(handle)
    assert len(stream(lab, 3)) == 3


def test_the_client_stream_can_send_garbage(lab: RunningLab) -> None:
    handle = lab.fault("F.stream.garbage")
    for text in stream(lab, 3):
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(text)
    lab.heal(handle)
    assert {json.loads(text)["type"] for text in stream(lab, 3)} == {"tick"}


def test_the_client_stream_can_refuse_the_upgrade(lab: RunningLab) -> None:
    handle = lab.fault("F.stream.refuse")
    with pytest.raises(InvalidStatus) as refused:
        stream(lab, 1)
    assert refused.value.response.status_code == 503
    lab.heal(handle)
    assert len(stream(lab, 3)) == 3
