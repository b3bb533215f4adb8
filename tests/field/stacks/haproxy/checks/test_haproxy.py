"""HAProxy: it answers, has servers to send requests to, and turns nobody away."""

from healthgate import (
    Exposition,
    Measured,
    System,
    Unit,
    Url,
    at_least,
    below,
    check,
    equals,
    get,
    measure,
    none,
    percent,
)
from healthgate.readings import Page


class HAProxy(System):
    """`url` is what clients use, `stats_url` the address where it serves /metrics (its prometheus-exporter)."""

    name = "haproxy"
    url: Url
    stats_url: Url


ALIVE = get(HAProxy, "/haproxy-alive")
SHOP = get(HAProxy, "/state")
METRICS = Exposition(HAProxy, "/metrics", url="stats_url", proven_by="haproxy.answers")

servers = Unit("servers")
answers = Unit("answers/s")


@check(
    "haproxy.answers",
    ALIVE.code,
    stays=equals(200),
    name="HAProxy",
    cause="it was stopped, or does not start with its configuration",
    action="haproxy -c -f /etc/haproxy/haproxy.cfg names the line; then systemctl restart haproxy",
    runbook="haproxy",
    every="30s",
)
@check(
    "haproxy.shop",
    SHOP.code,
    stays=equals(200),
    name="The shop behind HAProxy",
    cause="503: no server of the shop is up",
    action="see which servers are down and why: the check of each says it",
    runbook="haproxy",
    every="30s",
    requires=["haproxy.answers"],
)
def test_it_serves(verdict):
    """HAProxy answers, and so does the shop behind it."""
    assert verdict.healthy, verdict


@measure(METRICS)
def servers_up(page: Page) -> Measured:
    """Servers of the shop that pass their checks."""
    up = {one.labels["server"]: one.value for one in page.series("haproxy_server_status", proxy="shop", state="UP")}
    down = sorted(name for name, value in up.items() if not value)
    return Measured(int(sum(up.values())), f"down: {', '.join(down)}" if down else "")


@measure(METRICS)
def sessions(page: Page) -> float:
    """Connections of clients, in % of those it takes."""
    taken = page.number("haproxy_process_current_connections")
    return 100 * taken / page.number("haproxy_process_max_connections")


@check(
    "haproxy.shop.servers",
    servers_up,
    stays=at_least(2, servers, warning=2, critical=1),
    name="Servers of the shop that are up",
    cause="a server stopped, or answers its check with an error",
    action="restart the server that is named; the others carry its load meanwhile",
    runbook="haproxy",
)
@check(
    "haproxy.connections",
    sessions,
    stays=below(80, percent, warning=80, critical=95),
    name="Connections in use",
    cause="clients that do not hang up, or a shop so slow that requests pile up",
    action="show sess on its socket; raise maxconn if they are welcome",
    runbook="haproxy",
)
@check(
    "haproxy.server_errors",
    METRICS["haproxy_frontend_http_responses_total"].labelled(proxy="clients", code="5xx").per_second(),
    stays=none(answers, warning=1, critical=10),
    name="Answers of 500 and above",
    cause="the shop fails, or no server of it is up",
    action="the log of HAProxy says by two letters who ended each: SC is a server that could not be reached",
    runbook="haproxy",
)
def test_it_has_servers(verdict):
    """There are servers and room, and nobody is turned away."""
    assert verdict.healthy, verdict
