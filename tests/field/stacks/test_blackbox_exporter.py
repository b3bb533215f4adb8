"""Debian's blackbox_exporter, which looks at a shop by way of a proxy."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Server, Watch, asked, until
from tests.parts.target import Target
from tests.tools import program

SHOP = "http://shop.example.com/"


@pytest.fixture(scope="module")
def internet() -> Iterator[Target]:
    """What stands for the way to the shop: a proxy, which is asked for whole addresses."""
    internet = Target()
    internet.answers[SHOP] = {"open": True}
    yield internet
    internet.close()


@pytest.fixture(scope="module")
def configuration(internet: Target) -> str:
    http = {"proxy_url": internet.url, "preferred_ip_protocol": "ip4", "skip_resolve_phase_with_proxy": True}
    return json.dumps({"modules": {"http_2xx": {"prober": "http", "timeout": "5s", "http": http}}})


@pytest.fixture(scope="module")
def blackbox(folder: Path, configuration: str) -> Iterator[Server]:
    (folder / "blackbox.yml").write_text(configuration)

    def command(port: int) -> list[str]:
        options = ["--config.file=blackbox.yml", f"--web.listen-address=127.0.0.1:{port}"]
        return [program("prometheus-blackbox-exporter"), *options]

    with Server(folder, command, "/-/healthy") as server:
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, blackbox: Server) -> Watch:
    return Watch("blackbox_exporter", folder, {"BLACKBOX_URL": blackbox.url})


def loaded(blackbox: Server, state: int) -> None:
    """Have it read its configuration again, and wait until it says that this went so."""
    blackbox.reload()
    line = f"blackbox_exporter_config_last_reload_successful {state}\n"
    until(lambda: line in asked(f"{blackbox.url}/metrics")[1], blackbox.said)


def test_all_is_well(watch: Watch) -> None:
    look = watch.look()
    assert look.all_is_well, look
    assert look.said["blackbox.shop.answers"] == "ok: it answered 200"


def test_a_killed_blackbox_exporter_is_one_incident(blackbox: Server, watch: Watch) -> None:
    with blackbox.killed():
        look = watch.look()
    assert look.code == 1, look
    assert look.roots == {"blackbox.answers": f"critical: connection refused: nothing listens on {blackbox.url}"}
    assert look.blocked_by == {"blackbox.answers, which is critical"}
    assert watch.look().all_is_well


def test_a_shop_that_fails_is_reported_by_its_code(internet: Target, watch: Watch) -> None:
    well = internet.answers[SHOP]
    internet.answers[SHOP] = lambda handler: handler.reply(503, {"open": False})
    look = watch.look()
    internet.answers[SHOP] = well
    assert look.code == 1, look
    assert look.roots == {"blackbox.shop.answers": "critical: it answered 503"}
    assert look.blocked_by == {"blackbox.shop.answers, which is critical"}
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_configuration_that_cannot_be_loaded_is_reported_while_the_old_one_works(
    folder: Path, configuration: str, blackbox: Server, watch: Watch
) -> None:
    (folder / "blackbox.yml").write_text("modules: {")
    loaded(blackbox, 0)
    look = watch.look()
    (folder / "blackbox.yml").write_text(configuration)
    loaded(blackbox, 1)
    assert look.code == 1, look
    assert look.ill == {"blackbox.config.loaded": "critical: 0; it should stay 1, critical other than 1"}
    assert watch.look().all_is_well
