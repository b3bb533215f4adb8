"""Debian's HAProxy before two servers of a shop."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Application, Server, Watch, asked, until
from tests.parts.target import closed_port
from tests.tools import program

CONFIGURATION = """\
global
    maxconn 200
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout check 20s
frontend clients
    bind 127.0.0.1:{port}
    monitor-uri /haproxy-alive
    default_backend shop
frontend stats
    bind 127.0.0.1:{stats}
    http-request use-service prometheus-exporter if {{ path /metrics }}
backend shop
    option httpchk GET /state
    default-server check inter 100ms fall 1 rise 1
    server shop1 127.0.0.1:{first}
    server shop2 127.0.0.1:{second}
"""


@pytest.fixture(scope="module")
def shops() -> Iterator[list[Application]]:
    shops = [Application(), Application()]
    yield shops
    for shop in shops:
        shop.close()


@pytest.fixture(scope="module")
def stats() -> int:
    """The port where it tells how it is."""
    return closed_port()


@pytest.fixture(scope="module")
def haproxy(folder: Path, shops: list[Application], stats: int) -> Iterator[Server]:
    def command(port: int) -> list[str]:
        first, second = (shop.port for shop in shops)
        (folder / "haproxy.cfg").write_text(CONFIGURATION.format(port=port, stats=stats, first=first, second=second))
        return [program("haproxy"), "-db", "-f", "haproxy.cfg"]

    with Server(folder, command, "/haproxy-alive") as server:
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, haproxy: Server, stats: int) -> Watch:
    return Watch("haproxy", folder, {"HAPROXY_URL": haproxy.url, "HAPROXY_STATS_URL": f"http://127.0.0.1:{stats}"})


def up(stats: int, number: int, haproxy: Server) -> None:
    """Wait until so many servers of the shop pass their checks."""

    def holds() -> bool:
        lines = asked(f"http://127.0.0.1:{stats}/metrics")[1].splitlines()
        seen = [line for line in lines if line.startswith("haproxy_server_status") and 'state="UP"' in line]
        return sum(line.endswith(" 1") for line in seen) == number

    until(holds, haproxy.said)


def test_all_is_well(haproxy: Server, stats: int, watch: Watch) -> None:
    up(stats, 2, haproxy)
    look = watch.look()
    assert look.all_is_well, look
    assert look.said["haproxy.shop.servers"] == "ok: 2 servers"


def test_a_killed_haproxy_is_one_incident(haproxy: Server, stats: int, watch: Watch) -> None:
    with haproxy.killed():
        look = watch.look()
    assert look.code == 1, look
    assert look.roots == {"haproxy.answers": f"critical: connection refused: nothing listens on {haproxy.url}"}
    assert look.blocked_by == {"haproxy.answers, which is critical"}
    up(stats, 2, haproxy)
    assert watch.look().all_is_well


@pytest.mark.whole
def test_one_server_that_is_gone_is_named_and_clients_do_not_notice(
    haproxy: Server, stats: int, shops: list[Application], watch: Watch
) -> None:
    with shops[0].gone():
        up(stats, 1, haproxy)
        look = watch.look()
    up(stats, 2, haproxy)
    assert look.code == 10, look
    assert look.ill == {
        "haproxy.shop.servers": "warning: 1 server (down: shop1); it should stay at least 2 servers, "
        "warning below 2 servers, critical below 1 server"
    }
    assert watch.look().all_is_well


def test_no_server_at_all_is_an_outage_of_the_shop_and_not_of_haproxy(
    haproxy: Server, stats: int, shops: list[Application], watch: Watch
) -> None:
    with shops[0].gone(), shops[1].gone():
        up(stats, 0, haproxy)
        look = watch.look()
    up(stats, 2, haproxy)
    assert look.code == 1, look
    assert look.ill["haproxy.shop"] == "critical: 503; it should stay 200, critical other than 200"
    assert look.ill["haproxy.shop.servers"].startswith("critical: 0 servers (down: shop1, shop2)")
    assert "haproxy.answers" not in look.ill
    assert watch.look().all_is_well
