"""The schedules that are shipped, as the workflows and the page have them: when runs come, and how long they look."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import yaml
from croniter import croniter

from healthgate import duration
from tests.workflows.published import PAGE, ROOT, WORKFLOWS, read, snippet, steps

SCHEDULED = ROOT / ".github/workflows/scheduled.yml"
NEVER = "Never crossed on this schedule"


@dataclass(frozen=True)
class Schedule:
    """When runs come and how long they look, in seconds; `history` is where it is kept, `text` what is said of it.

    `late` is how late a run may come: that of a hosted CI by minutes, on a machine of one's own by one.
    """

    name: str
    interval: float
    late: float
    sample: float
    history: str
    text: str

    @property
    def grain(self) -> float:
        """Seconds after which a run has ended that began after a given moment."""
        return self.interval + self.late + self.sample

    @property
    def named(self) -> set[str]:
        """The checks of which its text says that a line of theirs is never crossed."""
        sentence = re.search(rf"(?s){NEVER}.*?\.(?=\s|$)(?! \()", re.sub(r"\n# ?|\n", " ", self.text))
        return set(re.findall(r"\b(?:gateway|market|sse|wsmanager)(?:\.[a-z_]+)+\b", sentence[0] if sentence else ""))


def longest_pause(line: str) -> float:
    """Return the seconds between two runs of a day, at most."""
    times = croniter(line, datetime(2026, 11, 23, tzinfo=UTC))
    fires = [times.get_next(float) for _ in range(200)]
    return max(after - before for before, after in pairwise(fires))


def section(heading: str) -> str:
    """Return what the page says under a heading."""
    return PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _made(name: str, lines: list[str], late: float, command: str, text: str) -> Schedule:
    (sample,) = re.findall(r"--sample[ =](\S+)", command)
    (history,) = re.findall(r"--history[ =](\S+)", command)
    return Schedule(name, max(map(longest_pause, lines)), late, duration.seconds(sample), history.strip('"'), text)


def github() -> Schedule:
    """The workflow of this repository."""
    workflow = read(SCHEDULED)
    (step,) = (one for one in steps(workflow) if one.get("uses") == "./")
    saved = [one for one in steps(workflow) if one.get("uses", "").startswith("actions/cache/save@")]
    kept = step["with"]["history"]
    assert any(one["with"]["path"] == kept for one in saved), "what is not saved is not there the next time"
    command = f"{step['with']['options']} --history {kept}"
    lines = [one["cron"] for one in workflow["on"]["schedule"]]
    return _made("GitHub", lines, 300, command, SCHEDULED.read_text())


def gitlab() -> Schedule:
    """The job of the page; that it is started every quarter of an hour is set elsewhere, as the page says."""
    job = yaml.safe_load(snippet(".gitlab-ci.yml"))["scheduled"]
    text = section("GitLab CI")
    assert "schedule every quarter of an hour" in re.sub(r"\s+", " ", text)
    made = _made("GitLab", ["*/15 * * * *"], 300, "\n".join(job["script"]), text)
    assert any(made.history.startswith(path) for path in job["cache"]["paths"])
    return made


def jenkins() -> Schedule:
    """The timer of the Jenkinsfile, and the script that it comes to."""
    (line,) = re.findall(r"cron\('H/(\d+) \* \* \* \*'\)", snippet("Jenkinsfile"))
    scheduled = snippet("ci/jenkins.sh").partition("  scheduled)")[2].partition(";;")[0]
    return _made("Jenkins", [f"*/{line} * * * *"], 60, scheduled, section("Jenkins"))


def cron() -> Schedule:
    """The table, and the script that it starts."""
    lines = [line for line in snippet("/etc/cron.d/healthgate").splitlines() if re.match(r"[\d*]", line)]
    fields = [" ".join(line.split()[:5]) for line in lines]
    return _made("cron", fields, 60, snippet("/opt/healthgate/scheduled"), section("cron"))


def systemd() -> Schedule:
    """The timer and the service."""
    timer, service = (snippet(f"/etc/systemd/system/healthgate@.{kind}") for kind in ("timer", "service"))
    ((first, every),) = re.findall(r"(?m)^OnCalendar=\*:(\d+)/(\d+)$", timer)
    (late,) = re.findall(r"(?m)^RandomizedDelaySec=(\d+)$", timer)
    return _made("systemd", [f"{first}-59/{every} * * * *"], float(late), service, section("systemd"))


def kubernetes() -> Schedule:
    """The CronJob and the arguments of its container."""
    _, cronjob = yaml.safe_load_all(snippet("healthgate.yaml"))
    (container,) = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return _made("Kubernetes", [cronjob["spec"]["schedule"]], 60, " ".join(container["args"]), section("Kubernetes"))


@cache
def schedules() -> tuple[Schedule, ...]:
    """Every schedule that is shipped."""
    return tuple(one() for one in (github, gitlab, jenkins, cron, systemd, kubernetes))


def started_by_the_clock() -> set[str]:
    """Return the workflows that GitHub starts by itself."""
    return {file.name for file in WORKFLOWS if "schedule" in read(file)["on"]}
