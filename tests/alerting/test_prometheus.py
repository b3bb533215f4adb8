"""The other way to people: Prometheus scrapes what real runs publish, judges by the generated rules, and tells."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from healthgate.claim import catalogue as catalogues
from healthgate.render import alerts
from tests.alerting.servers import EXAMPLE, Alertmanager, Webhook
from tests.alerting.telling import CRITICAL, tell, verdict
from tests.parts.project import Project
from tests.parts.target import Target
from tests.render.prometheus import Prometheus, Promtool
from tests.tools import needs, program

PAGE = EXAMPLE.parents[1] / "docs/alerting.md"
PRESSURE = ("boiler.pressure", "critical", "works")


@contextmanager
def checks_of_nobody() -> Iterator[None]:
    """Have no folder of checks imported within, and afterwards those again that were before."""

    def loaded() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] == "checks"]

    kept = {name: sys.modules.pop(name) for name in loaded()}
    path = list(sys.path)
    try:
        yield
    finally:
        for name in loaded():
            del sys.modules[name]
        sys.modules.update(kept)
        sys.path[:] = path


def rules_of(project: Project) -> str:
    """Return the generated rules of a project, such that two looks are a second apart."""
    with checks_of_nobody():
        catalogue = catalogues.load(project.root / "checks", project.root)
    limits: dict[str, alerts.Limits] = {check.id: {None: check.stays} for check in catalogue.checks.values()}
    text = alerts.text(alerts.groups(catalogue, limits, "docs/runbooks/{name}.md"), "rules of a test")
    return re.sub(r"^( +for:) .*$", r"\1 1s", text, flags=re.MULTILINE)


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[[str, str], Prometheus]]:
    """A function that starts a Prometheus with rules that tells an Alertmanager; it ends with the test."""
    program("prometheus")
    program("promtool")
    started: list[Prometheus] = []

    def start(rules: str, alertmanager: str) -> Prometheus:
        started.append(Prometheus(tmp_path / "prometheus", {"alerts": rules}, alertmanager))
        return started[-1]

    yield start
    for one in started:
        one.close()
        shutil.rmtree(one.folder, ignore_errors=True)


def test_a_fault_of_a_real_target_is_pending_fires_reaches_people_and_is_over(
    project: Project,
    target: Target,
    alertmanager: Alertmanager,
    webhook: Webhook,
    start_prometheus: Callable[[str, str], Prometheus],
    tmp_path: Path,
) -> None:
    rules = rules_of(project)
    promtool = Promtool(tmp_path)
    assert "SUCCESS" in promtool.check(rules)
    prometheus = start_prometheus(rules, alertmanager.address)

    def run(pressure: float) -> None:
        target.answers["/state"] = {"pressure": pressure, "purity": 99.5}
        assert project.check("--metrics", "health.prom").code in {0, 1}
        prometheus.page = (project.root / "health.prom").read_text().removesuffix("# EOF\n")

    def firing() -> bool:
        return PRESSURE in prometheus.alerts()

    run(50)
    ran = 'healthgate_state{check="boiler.pressure",environment="works"}'
    prometheus.until(lambda: prometheus.api(f"query?query={quote(ran)}")["result"], "the first run was scraped")
    assert not firing()
    run(95)
    prometheus.until(firing, "it fires")
    pending = 'max_over_time(ALERTS{alertname="boiler.pressure",alertstate="pending"}[5m])'
    were = prometheus.api(f"query?query={quote(pending)}")["result"]
    assert "critical" in [one["metric"]["state"] for one in were]
    assert webhook.until(1) == [("firing", "boiler.pressure critical")]
    said = webhook.came[0]["alerts"][0]
    assert said["annotations"]["description"].startswith("95 %; it should stay below 80 %")
    assert webhook.came[0]["path"] == "/pager"
    run(50)
    prometheus.until(lambda: not firing(), "it is over")
    assert webhook.until(2)[1] == ("resolved", "boiler.pressure critical")


def test_a_check_in_maintenance_is_published_muted_and_told_by_nobody(
    project: Project, target: Target, alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path
) -> None:
    """A new fault is not told; one that was told stays told until it heals, in the window or after it."""
    arguments = ("--alertmanager", alertmanager.url, "--history", "h.db", "--metrics", "health.prom")
    always = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "until": "00:00"}
    window = always | {"because": "of an upgrade", "checks": ["boiler.pressure", "boiler.purity"]}

    def run(pressure: float, purity: float, *more: str) -> None:
        target.answers["/state"] = {"pressure": pressure, "purity": purity}
        outcome = project.check(*arguments, *more)
        assert outcome.code in {0, 10, 1}, outcome.text
        notes.append([line for line in outcome.out.splitlines() if "no new alert" in line])

    notes: list[list[str]] = []
    run(95, 99)
    webhook.until(1)
    project.environment("works", boiler={"url": target.url}, maintenance=[window])
    run(95, 40)
    page = (project.root / "health.prom").read_text()
    run(50, 40, "-n", "2")

    assert webhook.until(2) == [("firing", "boiler.pressure critical"), ("resolved", "boiler.pressure critical")]
    assert alertmanager.alerts() == {}
    assert alertmanager.received() == 2
    assert notes == [
        [],
        ["maintenance: no new alert about works boiler.pressure [critical], works boiler.purity [missed]"],
        ["maintenance: no new alert about works boiler.purity [missed]"],
    ]
    muted = [line for line in page.splitlines() if line.startswith("healthgate_maintenance{")]
    assert [re.sub(",.*}", "}", line) for line in muted] == [
        'healthgate_maintenance{check="boiler.pressure"} 1',
        'healthgate_maintenance{check="boiler.purity"} 1',
    ]
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, check=False, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs("jq", "curl")
def test_the_alerts_of_an_environment_that_is_given_up_are_ended_as_the_page_says(alertmanager: Alertmanager) -> None:
    for environment in ("depot", "works"):
        tell(alertmanager.url, verdict(CRITICAL, environment=environment), heartbeat="1h")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (command,) = (block for block in blocks if "jq" in block)
    subprocess.run(
        ["sh", "-ec", command.replace("127.0.0.1:9093", alertmanager.address)],
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    assert {one["labels"]["environment"] for one in alertmanager.api("alerts")} == {"works"}
    assert len(alertmanager.api("alerts")) == 3


@needs("amtool")
def test_the_example_configuration_is_one() -> None:
    command = [program("amtool"), "check-config", str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@needs("amtool")
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "HealthgateHeartbeat", "job": "healthgate", "severity": "none"}, "nobody"),
        ({"alertname": "HealthgateRunsStopped", "job": "healthgate", "severity": "critical"}, "pager"),
        ({"alertname": "boiler.pressure", "job": "healthgate", "severity": "warning"}, "channel"),
        ({"alertname": "boiler.pressure", "job": "healthgate", "severity": "critical"}, "pager"),
        ({"alertname": "boiler.pressure", "severity": "critical"}, "pager"),
        ({"alertname": "healthgate.canary", "job": "healthgate", "severity": "critical"}, "pager"),
        (
            {"alertname": "healthgate.canary", "job": "healthgate", "severity": "critical", "action": "rollback"},
            "rollback,pager",
        ),
        ({"alertname": "boiler.pressure", "severity": "objective"}, "channel"),
    ],
)
def test_the_example_sends_alerts_to_whom_they_concern(labels: dict[str, str], receiver: str) -> None:
    words = [f"{name}={value}" for name, value in labels.items()]
    command = [program("amtool"), "config", "routes", "test", f"--config.file={EXAMPLE}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == receiver, done.stderr
