"""What is said on the streams: ticks to clients, frames from the feed (spec 2.2, 2.9)."""

import json
import math
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from checks.market.prices import Price
from checks.market.sample import sample
from healthgate import Facts, NoData
from healthgate.readings import Message

MOST_TICKS = 1000
ENOUGH_TICKS = 2
ENOUGH_SECONDS = 1.0

FEED_FRAMES = 50
"""Frames read of each protocol of the feed, at most."""

FEED_SECONDS = 5.0
"""Seconds each protocol of the feed is listened to, at most."""

TICK = struct.Struct(">4sHQIdd")
"""Magic, symbol number, ms since 1970, sequence number, bid, ask."""

HEARTBEAT = struct.Struct(">4sQ")


def subscription(settings: Any) -> tuple[str, ...]:
    """Return what a client sends to get the ticks of the sample."""
    return (json.dumps({"op": "subscribe", "symbols": list(sample(settings))}),)


def every_symbol_ticked(settings: Any) -> Callable[[Message], bool]:
    """Return what says, told message after message, that each symbol has ticked twice, over at least a second."""
    ticks = dict.fromkeys(sample(settings), 0)
    began: list[float] = []

    def enough(message: Message) -> bool:
        began.append(message.at) if not began else None
        try:
            symbol = tick(message).symbol
        except NoData:
            return False
        if symbol in ticks:
            ticks[symbol] += 1
        return min(ticks.values()) >= ENOUGH_TICKS and message.at - began[0] >= ENOUGH_SECONDS

    return enough


def tick(message: Message) -> Price:
    """Return the price in a message of the client stream; NoData if it is no tick."""
    body = message.json()
    if body.text("type") != "tick":
        raise NoData("the message is no tick")
    return price(body, body.text("symbol"))


def ticks(messages: Iterable[Message]) -> list[Price]:
    """Return the prices in messages of the client stream, in the order in which they came; what is no tick is none."""
    found: list[Price] = []
    for message in messages:
        with suppress(NoData):
            found.append(tick(message))
    return found


def price(body: Facts, symbol: str) -> Price:
    """Return the price in a JSON tick or in an answer of the price route; NoData if a member is missing."""
    return Price(
        symbol, body.number("bid"), body.number("ask"), body.integer("timestamp_ms") / 1000, body.integer("seq")
    )


def is_frame(kind: str, message: Message) -> bool:
    """Whether a frame of the feed can be decoded: a tick with symbol, bid, ask and time, or a heartbeat."""
    return _is_binary(message.content) if kind == "binary" else _is_json(message)


def _is_binary(frame: str | bytes) -> bool:
    if not isinstance(frame, bytes):
        return False
    if frame[:4] == b"BEAT":
        return len(frame) == HEARTBEAT.size
    if frame[:4] != b"TICK" or len(frame) != TICK.size:
        return False
    _, _, timestamp_ms, _, bid, ask = TICK.unpack(frame)
    return timestamp_ms > 0 and _is_price(bid) and _is_price(ask)


def _is_json(message: Message) -> bool:
    try:
        body = message.json()
        if body.text("type") == "heartbeat":
            return body.integer("timestamp_ms") > 0
        one = price(body, body.text("symbol"))
    except NoData:
        return False
    return one.made_at > 0 and _is_price(one.bid) and _is_price(one.ask)


def _is_price(value: float) -> bool:
    return math.isfinite(value) and value > 0
