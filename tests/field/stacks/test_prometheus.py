"""Debian's Prometheus, with a shop that it scrapes and rules that it evaluates."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Look, Server, Watch, asked, until
from tests.parts.target import Target
from tests.tools import program

RULES = """\
groups:
  - name: shop
    rules:
      - record: shop:orders:total
        expr: sum(orders_total)
      - alert: NoOrders
        expr: rate(orders_total[5m]) == 0
"""
AT_ONCE = ("-k", "not samples")
"""What is seen in one look: that samples come in takes two, with a scrape between them."""

AMBIGUOUS = """\
      - record: shop:orders:each
        expr: orders_total * on() group_left() up
"""


def page(handler) -> None:
    body = b"# TYPE orders_total counter\norders_total 7\n"
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain; version=0.0.4")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(scope="module")
def shop() -> Iterator[Target]:
    shop = Target()
    shop.answers["/metrics"] = page
    yield shop
    shop.close()


@pytest.fixture(scope="module")
def prometheus(folder: Path, shop: Target) -> Iterator[Server]:
    (folder / "rules.yml").write_text(RULES)

    def command(port: int) -> list[str]:
        targets = {"prometheus": f"127.0.0.1:{port}", "shop": f"127.0.0.1:{shop.port}"}
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(configuration))
        return [
            program("prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=15d",
            f"--web.listen-address=127.0.0.1:{port}",
        ]

    with Server(folder, command, "/-/ready") as server:
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, prometheus: Server) -> Watch:
    found = json.loads(asked(f"{prometheus.url}/api/v1/status/buildinfo")[1])["data"]["version"]
    filled = {"PROMETHEUS_URL": prometheus.url, "PROMETHEUS_VERSION": found, "PROMETHEUS_LOG": prometheus.log}
    return Watch("prometheus", folder, filled)


def settled(prometheus: Server, health: str) -> None:
    """Wait until the shop was scraped with that outcome, and every rule was evaluated."""

    def holds() -> bool:
        targets = json.loads(asked(f"{prometheus.url}/api/v1/targets")[1])["data"]["activeTargets"]
        rules = asked(f"{prometheus.url}/api/v1/rules")[1]
        seen = {target["labels"]["job"]: target["health"] for target in targets}
        return seen.get("shop") == health and seen.get("prometheus") == "up" and '"health":"unknown"' not in rules

    until(holds, prometheus.said)


def looked(prometheus: Server, watch: Watch, *options: str) -> Look:
    """Return what a run says as soon as the shop is scraped."""
    settled(prometheus, "up")
    return watch.look(*(options or AT_ONCE))


def test_all_is_well(prometheus: Server, watch: Watch) -> None:
    look = looked(prometheus, watch, "--sample", "1500ms")
    assert look.all_is_well, look
    assert look.said["prometheus.shop.up"] == "ok: 1"
    assert re.fullmatch(r"ok: [\d.]+ samples/s .*", look.said["prometheus.samples"])


def test_a_killed_prometheus_is_one_incident(prometheus: Server, watch: Watch) -> None:
    with prometheus.killed():
        look = watch.look()
    assert look.code == 1, look
    assert look.roots == {"prometheus.ready": f"critical: connection refused: nothing listens on {prometheus.url}"}
    assert look.blocked_by == {"prometheus.ready, which is critical"}
    assert looked(prometheus, watch).all_is_well


def test_a_target_that_is_down_is_reported_by_what_the_scrape_said(
    prometheus: Server, shop: Target, watch: Watch
) -> None:
    serves = shop.answers.pop("/metrics")
    settled(prometheus, "down")
    look = watch.look(*AT_ONCE)
    shop.answers["/metrics"] = serves
    why = f"shop 127.0.0.1:{shop.port}: server returned HTTP status 404 Not Found"
    assert look.code == 1, look
    assert look.ill == {
        "prometheus.targets.down": f"critical: 1 target ({why}); it should stay 0 targets, critical above 0 targets",
        "prometheus.shop.up": "critical: 0; it should stay 1, critical other than 1",
    }
    assert looked(prometheus, watch).all_is_well


@pytest.mark.whole
def test_a_rule_that_cannot_be_evaluated_is_reported_by_name(folder: Path, prometheus: Server, watch: Watch) -> None:
    ruled(folder, prometheus, RULES + AMBIGUOUS, loaded="shop:orders:each")
    # before the shop is scraped there is nothing that could be ambiguous
    until(lambda: '"health":"err"' in asked(f"{prometheus.url}/api/v1/rules")[1], prometheus.said)
    look = looked(prometheus, watch)
    ruled(folder, prometheus, RULES, loaded="NoOrders")
    assert look.code == 10, look
    assert list(look.ill) == ["prometheus.rules.failing"]
    assert "(shop:orders:each: found duplicate series" in look.ill["prometheus.rules.failing"]
    assert looked(prometheus, watch).all_is_well


@pytest.mark.whole
def test_a_file_of_rules_that_cannot_be_loaded_is_reported_with_the_line_of_the_log(
    folder: Path, prometheus: Server, watch: Watch
) -> None:
    """Until the log is rotated, and Prometheus is started anew."""
    (folder / "rules.yml").write_text(RULES.replace("sum(", "sum"))
    prometheus.reload()
    until(lambda: "Error reloading config" in prometheus.said(), prometheus.said)
    look = watch.look(*AT_ONCE)
    (folder / "rules.yml").write_text(RULES)
    prometheus.kill()
    prometheus.log.rename(folder / "rotated.log")
    prometheus.start()
    assert look.code == 1, look
    assert look.ill.pop("prometheus.config.loaded") == "critical: 0; it should stay 1, critical other than 1"
    assert set(look.ill) == {"prometheus.config.loaded", "prometheus.log.errors"}
    assert "rules.yml" in look.ill["prometheus.log.errors"]
    assert looked(prometheus, watch).all_is_well


@pytest.mark.whole
def test_another_version_than_the_one_that_should_run_is_a_warning(watch: Watch) -> None:
    look = watch.look("-k", "version or ready", PROMETHEUS_VERSION="3.99.0")
    assert look.code == 10, look
    assert look.ill["prometheus.version"].endswith(" runs, not 3.99.0")


def ruled(folder: Path, prometheus: Server, rules: str, loaded: str) -> None:
    """Load these rules, of which `loaded` is the last."""
    (folder / "rules.yml").write_text(rules)
    prometheus.reload()
    until(lambda: last_rule(prometheus) == loaded, prometheus.said)


def last_rule(prometheus: Server) -> str:
    """Return the name of the last rule that is loaded."""
    groups = json.loads(asked(f"{prometheus.url}/api/v1/rules")[1])["data"]["groups"]
    return str(groups[-1]["rules"][-1]["name"])
