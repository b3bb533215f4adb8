"""The environments that come with the checks can be read, and give every check they should."""

import pytest

from healthgate.environment.reader import read
from healthgate.observe.plan import declared_absent, left_out
from tests.checks.world import CATALOGUE, ROOT


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("lab", {}),
        (
            "staging",
            {
                "gateway.log": 1,
                "market.logs": 14,
                "market.log_archives": 1,
                "wsmanager.public_url": 1,
                "wsmanager.log": 1,
                "wsmanager.monitoring": 7,
                "wsmanager.dashboard_backups": 1,
                "wsmanager.alertmanager": 1,
                "wsmanager.canary_manifest": 1,
                "sse.log": 7,
                "gateway lacks gateway.exposure.python_port_closed": 1,
                "wsmanager lacks wsmanager.security.https, wsmanager.tls.chain, wsmanager.tls.expiry": 3,
                "sse lacks sse.cloudwatch.published": 1,
            },
        ),
        (
            "production",
            {
                "gateway.log": 1,
                "market.url": 10,
                "market.redis_nodes": 3,
                "market.feed_binary_url": 5,
                "market.feed_json_url": 1,
                "market.logs": 14,
                "market.log_archives": 1,
                "wsmanager.outside": 1,
                "wsmanager.log": 1,
                "wsmanager.monitoring": 7,
                "wsmanager.dashboard_backups": 1,
                "wsmanager.alertmanager": 1,
                "wsmanager.canary_manifest": 1,
                "sse.redis": 2,
                "sse.log": 7,
            },
        ),
    ],
)
def test_an_environment_leaves_out_what_it_says_and_nothing_else(name, missing):
    profile = read(ROOT / f"environments/{name}.yaml", CATALOGUE, name)
    found: dict[str, int] = {}
    for check in CATALOGUE.checks.values():
        if what := left_out(check, profile.present()):
            what = what.partition(", because ")[0]
            found[what] = found.get(what, 0) + 1
    assert found == missing


def test_nothing_that_production_has_is_gone_without_a_word_in_its_canary():
    present = {
        name: read(ROOT / f"environments/{name}.yaml", CATALOGUE, name).present() for name in ("production", "staging")
    }
    checks = CATALOGUE.checks.values()
    there = {name: {one.id for one in checks if not left_out(one, systems)} for name, systems in present.items()}
    gone = there["production"] - there["staging"]
    assert len(gone) == 5
    assert gone <= declared_absent(checks, present["staging"])


def test_no_token_but_its_own_is_needed_by_an_environment():
    for name in ("lab", "staging", "production"):
        profile = read(ROOT / f"environments/{name}.yaml", CATALOGUE, name)
        assert all(variable.startswith(f"{name.upper()}_") for variable in profile.variables())
