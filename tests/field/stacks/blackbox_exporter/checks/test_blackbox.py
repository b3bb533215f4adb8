"""The shop as its customers see it, looked at by a blackbox_exporter that stands outside."""

from urllib.parse import urlencode

from healthgate import (
    Exposition,
    Measured,
    NoData,
    System,
    Url,
    below,
    check,
    equals,
    get,
    measure,
    seconds,
)
from healthgate.readings import Page


class Blackbox(System):
    """`url` is that of the blackbox_exporter."""

    name = "blackbox"
    url: Url


SHOP = "http://shop.example.com/"

HEALTHY = get(Blackbox, "/-/healthy")
METRICS = Exposition(Blackbox, "/metrics", proven_by="blackbox.answers")
LOOK = Exposition(Blackbox, f"/probe?{urlencode({'module': 'http_2xx', 'target': SHOP})}", proven_by="blackbox.answers")


@check(
    "blackbox.answers",
    HEALTHY.code,
    stays=equals(200),
    name="blackbox_exporter",
    cause="it was stopped: nothing is known of the shop",
    action="systemctl restart prometheus-blackbox-exporter; look at the shop with a browser meanwhile",
    runbook="shop",
    every="30s",
)
@check(
    "blackbox.config.loaded",
    METRICS["blackbox_exporter_config_last_reload_successful"],
    stays=equals(1),
    name="Configuration as it was loaded last",
    cause="the last reload found a mistake: what was loaded before still runs",
    action="blackbox_exporter --config.check names it; correct it and reload",
    runbook="shop",
)
def test_somebody_looks(verdict):
    """The blackbox_exporter works by its configuration."""
    assert verdict.healthy, verdict


@measure(LOOK)
def shop_answers(page: Page) -> Measured:
    """Whether a customer gets a page of the shop."""
    code = page.number("probe_http_status_code")
    if page.number("probe_success") == 1:
        return Measured(True, f"it answered {code:g}")
    return Measured(False, f"it answered {code:g}" if code else "it did not answer")


@measure(LOOK)
def duration(page: Page) -> float:
    """Seconds a customer waits."""
    if page.number("probe_success") != 1:
        raise NoData("there was no page", "blackbox.shop.answers")
    return page.number("probe_duration_seconds")


@check(
    "blackbox.shop.answers",
    shop_answers,
    stays=equals(True),
    name="The shop, from outside",
    cause="the shop is down, or what stands before it is",
    action="look from inside: if the shop answers there, it is the way to it",
    runbook="shop",
    every="30s",
)
@check(
    "blackbox.shop.duration",
    duration,
    stays=below(2, seconds, warning=2, critical=8),
    name="Time until the shop answers",
    cause="the shop is slow, or its name resolves slowly",
    action="probe_http_duration_seconds tells by phase where the time goes",
    runbook="shop",
    every="30s",
)
def test_the_shop(verdict):
    """Customers get a page, and soon."""
    assert verdict.healthy, verdict
