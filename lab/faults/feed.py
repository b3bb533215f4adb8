"""The upstream feed: silent, partly silent, garbled, slow, or shut to callers from outside."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from lab.faults.catalogue import Fault, Values, choice, number, symbols, text, truth, whole
from lab.faults.lasting import during
from lab.universe import CLIENT_STREAM_SAMPLE, SYMBOLS

if TYPE_CHECKING:
    from lab.services.feed import Feed
    from lab.services.market.service import Market

OPERATIONS = ["stop", "stop_symbols", "garble", "throttle"]


def _complaint(values: Values) -> str | None:
    needed = {"garble": "percent", "throttle": "rate"}.get(values["op"])
    if needed and values[needed] is None:
        return f"op={values['op']} needs {needed}"
    if values["op"] == "stop_symbols" and not values["symbols"] and values["count"] is None:
        return "op=stop_symbols needs count or symbols"
    if values["from"].split()[0] not in ("end", "start"):
        return 'from must begin with "end" or "start"'
    return None


FEED = Fault(
    "F.mkt.feed",
    "behaviour",
    "Change what the feed sends: nothing at all (stop), nothing for some symbols (stop_symbols), spoilt frames"
    " (garble), fewer ticks (throttle). With age_s, silent symbols get one last tick dated that long ago, so"
    " staleness shows at once instead of after half a minute.",
    (
        choice("op", "what changes", OPERATIONS),
        whole("count", "stop_symbols: how many symbols", at_least=1, at_most=len(SYMBOLS), default=None),
        symbols("symbols", "stop_symbols: which symbols, instead of a count", default=None),
        text(
            "from",
            "stop_symbols: which end of the list to count from (end …, start …); the price and stream samples"
            " are passed over while others remain",
            default="end of universe, price sample excluded",
        ),
        truth("keep_total_rate", "stop_symbols: whether the others tick more often instead", default=True),
        number("percent", "garble: share of frames, %", at_least=0.01, at_most=100, default=None),
        choice("to", "garble: who gets spoilt frames", ["service", "checker", "all"], default="service"),
        truth("log", "garble: whether the service logs each spoilt frame", default=True),
        number("rate", "throttle: ticks per second over all symbols", at_least=0, at_most=1000, default=None),
        number("age_s", "stop, stop_symbols: age of the last tick, s (0: none)", at_least=0, at_most=86400, default=45),
    ),
    _complaint,
)


def chosen_symbols(count: int, origin: str) -> list[str]:
    """Symbols from one end of the list, those that comparisons sample last."""
    order = list(SYMBOLS) if origin.startswith("start") else list(reversed(SYMBOLS))
    order.sort(key=lambda symbol: symbol in CLIENT_STREAM_SAMPLE)
    return order[:count]


@FEED.on("feed")
@asynccontextmanager
async def feed_changed(feed: "Feed", **values: Any) -> AsyncIterator[None]:
    """Change the feed's output."""
    with _change(feed, values):
        yield


def _change(feed: "Feed", values: dict[str, Any]) -> Any:
    from lab.services.feed import TICKS_PER_SECOND, Garbling  # noqa: PLC0415 - the catalogue loads without it

    match values["op"]:
        case "stop":
            return feed.stop("all", values["age_s"])
        case "garble":
            return during(feed.garbling, Garbling(values["percent"], values["to"], feed.rng))
        case "throttle":
            return during(feed.rates, values["rate"])
        case _:
            stopped = values["symbols"] or chosen_symbols(values["count"], values["from_"])
            rate = TICKS_PER_SECOND
            if not values["keep_total_rate"]:
                rate *= 1 - len(stopped) / len(SYMBOLS)
            return _both(
                feed.silence(frozenset(stopped), values["age_s"]),
                during(feed.rates, rate) if not values["keep_total_rate"] else None,
            )


@contextmanager
def _both(first: Any, second: Any) -> Iterator[None]:
    with first:
        if second is None:
            yield
        else:
            with second:
                yield


@FEED.on("market")
@asynccontextmanager
async def errors_not_logged(market: "Market", *, op: str, log: bool) -> AsyncIterator[None]:
    """Keep spoilt frames out of the log, where asked; let the error rate start from an empty window."""
    if op == "garble":
        market.traffic.forget_parse_errors()
    if log:
        yield
        return
    with during(market.traffic.log_errors, object()):
        yield


REFUSE = Fault(
    "F.mkt.feed_refuse",
    "infrastructure",
    "Fail callers from outside at one step of reaching the feed, while the market service keeps its own way: the"
    " port is closed (tcp), the upgrade is answered with 503 (handshake), pings go unanswered while data flow (ping).",
    (
        choice(
            "step",
            "the step that fails",
            ["tcp", "handshake", "ping"],
            elsewhere={"dns": "for dns, give the run a feed address whose name does not resolve"},
        ),
        choice("to", "who is refused", ["checker"], default="checker"),
    ),
)


@REFUSE.on("feed")
@asynccontextmanager
async def outside_callers_refused(feed: "Feed", *, step: str) -> AsyncIterator[None]:
    """Shut the feed's door, or let it fail one step later."""
    reason = object()
    if step == "tcp":
        await feed.door.refuse(reason)
        try:
            yield
        finally:
            await feed.door.admit(reason)
        return
    with during(feed.turning_away if step == "handshake" else feed.deaf_to_pings, reason):
        yield
