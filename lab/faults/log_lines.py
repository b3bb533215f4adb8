"""Lines in a service's log: added, left out, or told differently."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from lab.faults.catalogue import Fault, Place, Values, choice, number, text, truth, whole

SERVICES: Final[dict[str, Place]] = {
    "market_log": "market",
    "gateway_log": "gateway",
    "app_log": "wsmanager",
    "sse_log": "sse",
}
LOG: Final = choice("log", "the log", list(SERVICES), default="market_log")
LEVEL_OF: Final = (
    *(("CRITICAL", "CRITICAL"), ("❌", "ERROR"), ("Error", "ERROR")),
    *(("closed", "WARN"), ("retry", "WARN"), ("warnings", "WARN")),
)
WARMUP: Final = "🔥 Market data warmup successful"
LONGEST_BURST_S: Final = 0.2


def _level(line: str) -> str:
    return next((level for mark, level in LEVEL_OF if mark in line), "INFO")


def _readable(values: Values) -> str | None:
    try:
        re.compile(values["pattern"])
    except re.error as error:
        return f"pattern is not a regular expression: {error}"
    return None


EMIT = Fault(
    "F.log.emit",
    "report",
    "Append a line to a log; healing takes the added lines out again. Any fault on a log ends with the process that"
    " writes it.",
    (
        LOG,
        text("line", "the message"),
        whole("times", "how many copies", at_least=1, at_most=10000, default=1),
        number("age_s", "how long ago the lines are dated, s", at_least=0, at_most=1e7, default=0),
        truth("followed_by_warmup", "whether a warm-up line follows each", default=False),
        number(
            "rate_percent",
            "go on adding lines, this many per 100 messages processed (market_log)",
            at_least=0.01,
            at_most=100,
            default=None,
        ),
        number("every_s", "write the copies again every so many seconds", at_least=0.1, at_most=3600, default=None),
    ),
    lambda values: (
        "rate_percent goes with market_log" if values["rate_percent"] and values["log"] != "market_log" else None
    ),
)
MUTE = Fault(
    "F.log.mute",
    "report",
    "Leave lines out of a log, those written already and those to come.",
    (LOG, text("pattern", "regular expression looked for in the message")),
    _readable,
)
REWRITE = Fault(
    "F.log.rewrite",
    "report",
    "Replace a text in a log, in lines written already and in those to come.",
    (LOG, text("pattern", "the text, literally"), text("with", "what stands there instead")),
)


@asynccontextmanager
async def lines_added(
    target: Any,
    *,
    log: str,
    line: str,
    times: int,
    age_s: float,
    followed_by_warmup: bool,
    rate_percent: float | None,
    every_s: float | None,
) -> AsyncIterator[None]:
    """Write the lines; take them out on exit."""
    if not _keeps(target, log):
        yield
        return
    with target.log.planting() as mark:

        def write() -> None:
            for _ in range(times):
                target.log.write(_level(line), "fault", line, age_s=age_s, planted_by=mark)
                if followed_by_warmup:
                    target.log.write("INFO", "fault", WARMUP, age_s=age_s, planted_by=mark)

        write()
        going_on = [asyncio.create_task(_add_by_rate(target, line, rate_percent, mark))] if rate_percent else []
        going_on += [asyncio.create_task(_repeat(write, every_s))] if every_s else []
        try:
            yield
        finally:
            for task in going_on:
                task.cancel()


async def _repeat(write: Callable[[], None], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        write()


async def _add_by_rate(market: Any, line: str, rate_percent: float, mark: object) -> None:
    seen, owed = market.traffic.messages.total, 0.0
    while True:
        await asyncio.sleep(LONGEST_BURST_S)
        owed += (market.traffic.messages.total - seen) * rate_percent / 100
        seen = market.traffic.messages.total
        while owed >= 1:
            owed -= 1
            market.log.write(_level(line), "fault", line, planted_by=mark)


@asynccontextmanager
async def lines_muted(target: Any, *, log: str, pattern: str) -> AsyncIterator[None]:
    """Show no matching lines; all of them are in their place on exit."""
    if not _keeps(target, log):
        yield
        return
    muted = re.compile(pattern)
    with target.log.seen_as(lambda message: None if muted.search(message) else message):
        yield


@asynccontextmanager
async def lines_rewritten(target: Any, *, log: str, pattern: str, with_: str) -> AsyncIterator[None]:
    """Replace the text; every line is as it was written on exit."""
    if not _keeps(target, log):
        yield
        return
    with target.log.seen_as(lambda message: message.replace(pattern, with_)):
        yield


def _keeps(target: Any, log: str) -> bool:
    return bool(target.host.name == SERVICES[log])


for place in SERVICES.values():
    EMIT.on(place)(lines_added)
    MUTE.on(place)(lines_muted)
    REWRITE.on(place)(lines_rewritten)
