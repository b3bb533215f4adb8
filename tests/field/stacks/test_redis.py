"""Debian's Redis, which asks for a password and keeps the orders and the stock of a shop."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Server, Watch
from tests.tools import program

PASSWORD = "only-the-shop-knows-0123"
STOCK = {"anvils": "4", "birdseed": "120"}


@pytest.fixture(scope="module")
def redis(folder: Path) -> Iterator[Server]:
    def command(port: int) -> list[str]:
        options = ["--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD, "--maxmemory", "64mb"]
        return [program("debian's redis-server"), "--port", str(port), *options]

    with Server(folder, command) as server:
        shop_writes(server)
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, redis: Server) -> Watch:
    filled = {"REDIS_ADDRESS": f"127.0.0.1:{redis.port}", "REDIS_PASSWORD": PASSWORD}
    return Watch("redis", folder, filled)


def commanded(redis: Server, *commands: tuple[str, ...]) -> None:
    """Send commands one after the other, as the shop does."""
    import redis as client

    with client.Redis(port=redis.port, password=PASSWORD) as connection:
        for command in commands:
            connection.execute_command(*command)


def shop_writes(redis: Server, age: float = 60) -> None:
    """Note an order that was taken so many seconds ago, and all that is in stock."""
    stock = [("HSET", f"shop:stock:{name}", "left", left) for name, left in STOCK.items()]
    commanded(redis, ("SET", "shop:orders:last", f"{time.time() - age:.3f}"), *stock)


def test_all_is_well(watch: Watch) -> None:
    look = watch.look()
    assert look.all_is_well, look
    assert look.said["redis.stock.articles"] == "ok: 2 articles (shop:stock:anvils, shop:stock:birdseed)"
    assert PASSWORD not in look.text


def test_a_killed_redis_is_one_incident_and_what_it_held_is_gone(redis: Server, watch: Watch) -> None:
    with redis.killed():
        dead = watch.look()
    empty = watch.look()
    shop_writes(redis)
    refused = f"critical: connection refused: nothing listens on 127.0.0.1:{redis.port}"
    assert dead.code == 1, dead
    assert (dead.roots, dead.blocked_by) == ({"redis.answers": refused}, {"redis.answers, which is critical"})
    assert empty.code == 1, empty
    assert empty.ill == {
        "redis.orders.age": "unknown: no data: there is no shop:orders:last",
        "redis.stock.articles": "critical: 0 articles; it should stay at least 2 articles, critical below 2 articles",
    }
    assert watch.look().all_is_well


def test_a_wrong_password_is_reported_in_the_words_of_the_server_and_not_shown(watch: Watch) -> None:
    look = watch.look(REDIS_PASSWORD="what-it-was-yesterday-99")
    assert look.code == 1, look
    words = "invalid username-password pair or user is disabled."
    assert look.roots == {"redis.answers": f"critical: the node refused the connection: {words}"}
    assert look.blocked_by == {"redis.answers, which is critical"}
    assert "what-it-was-yesterday-99" not in look.text
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_memory_that_is_nearly_full_is_reported_by_its_share(redis: Server, watch: Watch) -> None:
    commanded(redis, ("CONFIG", "SET", "maxmemory-policy", "noeviction"), ("CONFIG", "SET", "maxmemory", "1mb"))
    look = watch.look()
    commanded(redis, ("CONFIG", "SET", "maxmemory", "64mb"))
    assert look.code == 1, look
    assert list(look.ill) == ["redis.memory"]
    assert re.match(r"critical: [\d.]+ %; it should stay below 80 %", look.ill["redis.memory"])
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_shop_that_takes_no_orders_is_reported_by_the_age_of_the_last(redis: Server, watch: Watch) -> None:
    shop_writes(redis, age=7200)
    look = watch.look()
    shop_writes(redis)
    assert look.code == 1, look
    assert list(look.ill) == ["redis.orders.age"]
    assert re.match(r"critical: 72\d\d(\.\d)? s; it should stay below 900 s, ", look.ill["redis.orders.age"])
    assert watch.look().all_is_well
