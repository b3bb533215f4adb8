"""Redis with a password: it lets us in, keeps what it is given, and what the shop keeps in it is there and new."""

from typing import Any

from healthgate import (
    Address,
    Facts,
    Measured,
    NoData,
    RedisNodes,
    Secret,
    System,
    Unit,
    Violated,
    at_least,
    below,
    check,
    equals,
    measure,
    percent,
    seconds,
)
from healthgate.readings import NodeAnswer


class Redis(System):
    """`address` is host:port, `password` what it asks for."""

    name = "redis"
    address: Address
    password: Secret


SHOP = RedisNodes(
    Redis,
    nodes="address",
    commands=("PING", "INFO", "GET shop:orders:last"),
    hashes="shop:stock:*",
    password="password",
)

articles = Unit("articles")


def only(nodes: dict[str, NodeAnswer]) -> NodeAnswer:
    """Return what the one server said."""
    return nodes["address"]


def info(nodes: dict[str, NodeAnswer]) -> Facts:
    """Return what it says of itself, all of it text."""
    return Facts(only(nodes).reply("INFO"), "INFO")


@measure(SHOP)
def lets_us_in(nodes: dict[str, NodeAnswer]) -> Measured:
    """Whether it answers a PING that comes with the password."""
    redis = only(nodes)
    if redis.status in {"refused", "reset"}:
        raise Violated(redis.error)
    return Measured(redis.reply("PING") == "PONG", "it answered PING")


@check(
    "redis.answers",
    lets_us_in,
    stays=equals(True),
    name="Redis",
    cause="it was stopped or killed, it still loads what it saved, or its password was changed",
    action="redis-cli -a PASSWORD ping, on its machine; the sentence above says what it answers",
    runbook="redis",
    every="30s",
)
def test_it_answers(verdict):
    """It lets us in."""
    assert verdict.healthy, verdict


@measure(SHOP)
def memory(nodes: dict[str, NodeAnswer]) -> float:
    """Memory in use, in % of what it may take before it evicts keys or refuses writes."""
    stated = info(nodes)
    most = int(stated.text("maxmemory"))
    if not most:
        raise Violated("maxmemory is not set: it takes what there is, until the kernel kills it")
    return round(100 * int(stated.text("used_memory")) / most, 1)


@measure(SHOP)
def saved(nodes: dict[str, NodeAnswer]) -> Measured:
    """Whether the last save succeeded."""
    found = info(nodes).text("rdb_last_bgsave_status")
    return Measured(found == "ok", f"the last one ended with {found}")


@check(
    "redis.memory",
    memory,
    stays=below(80, percent, warning=80, critical=95),
    name="Memory in use",
    cause="keys that nobody deletes, or more articles than it was made for",
    action="redis-cli --bigkeys; raise maxmemory if the machine has it",
    runbook="redis",
    requires=["redis.answers"],
)
@check(
    "redis.saved",
    saved,
    stays=equals(True),
    name="Last save",
    cause="the disk is full, or there is no memory left to fork",
    action="df -h where it saves; the log of Redis says what went wrong",
    runbook="redis",
    requires=["redis.answers"],
)
def test_it_keeps_what_it_is_given(verdict):
    """It has memory left, and saves."""
    assert verdict.healthy, verdict


@measure(SHOP)
def last_order(nodes: dict[str, NodeAnswer]) -> float:
    """Seconds since the shop last took an order, as it notes in seconds since 1970."""
    redis = only(nodes)
    noted: Any = redis.reply("GET shop:orders:last")
    if noted is None:
        raise NoData("there is no shop:orders:last")
    return round(redis.at - float(noted), 1)


@measure(SHOP)
def stocked(nodes: dict[str, NodeAnswer]) -> Measured:
    """Articles with a number in stock."""
    found = only(nodes).hashes()
    return Measured(sum("left" in fields for fields in found.values()), ", ".join(sorted(found)))


@check(
    "redis.orders.age",
    last_order,
    stays=below(900, seconds, warning=900, critical=3600),
    name="Age of the last order",
    cause="the shop takes no orders, or cannot write here",
    action="place a test order; see whether Redis is full or read-only (INFO memory, INFO replication)",
    runbook="redis",
    requires=["redis.answers"],
)
@check(
    "redis.stock.articles",
    stocked,
    stays=at_least(2, articles, critical=2),
    name="Articles in stock",
    cause="Redis was started without what it had saved, or evicts keys for want of memory",
    action="INFO persistence and INFO stats (evicted_keys); load the stock anew",
    runbook="redis",
    requires=["redis.answers"],
)
def test_what_it_holds(verdict):
    """What the shop keeps here is there, and new."""
    assert verdict.healthy, verdict
