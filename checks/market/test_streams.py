"""Is the feed there, and do clients get their ticks? Listened to on live connections."""

from collections import Counter
from collections.abc import Mapping, Sequence

from checks.findings import listed
from checks.market import CLIENT_STREAM, FEEDS, HOURS, MARKET_SERVICE, PRICES, SAMPLE, quiet
from checks.market.hours import Hours
from checks.market.stream import is_frame, price, ticks
from healthgate import (
    Measured,
    NoData,
    NotExpected,
    Source,
    Unit,
    answered,
    at_least,
    below,
    check,
    each,
    equals,
    exactly,
    measure,
    percent,
    reaching,
    share,
)
from healthgate.readings import Answer, Heard

each_tick = Unit("ticks")

LIMITS = {"resolve": 1000.0, "connect": 1000.0, "upgrade": 3000.0, "ping": 1000.0}
"""Milliseconds each step may take (spec, market.ws.upstream)."""

PARAMETERS = {"resolve": "dns", "connect": "tcp", "upgrade": "handshake", "ping": "ping"}
"""The parameter of the check that is about a step."""

NAMES = {
    "resolve": "The name of the feed resolves",
    "connect": "A connection to the feed opens",
    "upgrade": "The feed accepts a stream",
    "ping": "The feed answers a ping",
}


def about(step: str) -> str:
    """Return the id of the check that is about a step."""
    return f"market.ws.upstream[{PARAMETERS[step]}]"


def taken(step: str) -> Source:
    """Return whether a step succeeded in time on both protocols of the feed."""

    @measure(*(feed.outcome for feed in FEEDS.values()))
    def succeeded(*feeds: Heard) -> Measured:
        said: list[str] = []
        ill: list[str] = []
        cause = None
        for kind, heard in zip(FEEDS, feeds, strict=True):
            took = heard.steps.get(step)
            if took is not None:
                (said if took <= LIMITS[step] else ill).append(f"{kind} {took:.1f} ms")
            elif heard.failed_step == step:
                ill.append(f"{kind}: {heard.error or f'no answer in {LIMITS[step]:g} ms'}")
            else:
                cause = heard
        if ill:
            return Measured(False, listed(ill))
        if cause is not None:
            raise NoData(cause.error, about(cause.failed_step) if cause.failed_step else None)
        return Measured(True, listed(said))

    return succeeded


@each(
    check(
        about(step),
        taken(step),
        stays=equals(True),
        name=NAMES[step],
        cause="a network or name-resolution fault between here and the feed, or its server is down",
        action="check network and name resolution, then ask the provider of the feed",
        runbook="unstable-connection",
        every="60s",
    )
    for step in LIMITS
)
def test_feed_is_reachable(verdict):
    """The feed can be reached from here, step by step."""
    assert verdict.healthy, verdict


def undecodable(kind: str) -> Source:
    """Return the share of frames of one protocol of the feed that cannot be decoded, in percent."""

    @measure(FEEDS[kind].outcome, quiet(FEEDS[kind].outcome))
    def undecoded(heard: Heard, reason: str | None) -> Measured:
        if heard.status != "answered":
            raise NoData(heard.error, about(heard.failed_step) if heard.failed_step else None)
        if not heard.messages and reason and heard.ended == "time":
            raise NotExpected(f"no frame came in {heard.listened_s:.1f} s; none is expected: {reason}")
        if not heard.messages:
            raise NoData(f"no frame came in {heard.listened_s:.1f} s: {heard.ending}")
        if heard.ended in {"oversized", "malformed"}:
            raise NoData(f"after {heard.count} frames: {heard.ending}")
        bad = sum(not is_frame(kind, message) for message in heard.messages)
        return share(bad, heard.count, "frames")

    return undecoded


@each(
    check(
        f"market.ws.protocol[{kind}]",
        undecodable(kind),
        stays=below(1, percent, warning=reaching(1), critical=10),
        name=f"Frames of the {kind} feed that cannot be decoded",
        cause="the message format changed",
        action="check the version of the protocol against the feed",
        runbook="parse-errors",
        every="5m",
    )
    for kind in FEEDS
)
def test_feed_is_understood(verdict):
    """What the feed sends can be decoded: symbol, bid, ask, time."""
    assert verdict.healthy, verdict


@measure()
def not_asked() -> dict[str, Answer]:
    """Return nothing: single prices cannot be asked for from here."""
    return {}


@measure(CLIENT_STREAM.outcome, SAMPLE, PRICES.otherwise(not_asked), HOURS)
def fewest_ticks(heard: Heard, sample: Sequence[str], answers: Mapping[str, Answer], hours: Hours) -> Measured:
    """The ticks of the symbol that ticked least, of those that trade; a stream that nobody serves is a violation.

    A symbol that is silent on the stream while others tick has no new price, unless the API has one.
    """
    answered(heard, MARKET_SERVICE)
    began = heard.at - heard.listened_s
    trading = hours.trading(sample, began, heard.at)
    reason = hours.quiet(began) or hours.quiet(heard.at)
    if not trading:
        if heard.ended != "time":
            raise NoData(f"after {heard.count} messages: {heard.ending}")
        said = f"open for {heard.listened_s:.1f} s, {heard.count} messages"
        raise NotExpected(f"{said}; ticks are not expected: {reason}")
    heard_of = ticks(heard.messages)
    counted = Counter(one.symbol for one in heard_of)
    silent = [symbol for symbol in trading if not counted[symbol]]
    first = min((one.made_at for one in heard_of), default=None)
    withheld = [symbol for symbol in silent if first is None or has_ticked(symbol, answers, first)]
    if withheld or len(silent) == len(trading):
        withheld = withheld or silent
        others = len(heard.messages) - len(heard_of)
        came = f"; {others} messages were no ticks" if others else ""
        words = f"no tick of {listed(withheld)} in {heard.listened_s:.1f} s, {heard.count} messages in all{came}"
        if heard.ended in {"most", "oversized", "malformed"}:
            raise NoData(f"{words}; {heard.ending}")  # it was not listened to long enough to prove anything
        return Measured(0, f"{words}; {heard.ending}")
    ticking = [symbol for symbol in trading if counted[symbol]]
    liveness = f"first message after {heard.first_message_ms:.0f} ms, largest gap {heard.largest_gap_ms:.0f} ms"
    said = f"of {', '.join(ticking)}; {liveness}" + (f"; no new price of {', '.join(silent)}" if silent else "")
    return Measured(min(counted[symbol] for symbol in ticking), f"{said}; {reason}" if reason else said)


def has_ticked(symbol: str, answers: Mapping[str, Answer], since: float) -> bool:
    """Whether a symbol has a price that was made after `since`, by the clock of the service, or nobody can tell."""
    if symbol not in answers:
        return True
    try:
        return price(answers[symbol].body(), symbol).made_at > since
    except NoData:
        return True


@check(
    "market.ws.client_stream",
    fewest_ticks,
    stays=at_least(1, each_tick, critical=exactly(0)),
    name="Ticks clients get of each symbol",
    cause="the fan-out to clients is broken while prices come in",
    action="compare with the prices in Redis; restart the stream service",
    runbook="price-mismatch",
    every="60s",
)
def test_clients_get_ticks(verdict):
    """Every symbol a client subscribes to ticks."""
    assert verdict.healthy, verdict
