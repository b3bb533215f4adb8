"""Every schedule that is shipped keeps a history, looks for long enough, and says which line it never sees crossed."""

from dataclasses import replace

import pytest

from healthgate.duration import spoken
from tests.schedules.shipped import SCHEDULED, Schedule, schedules, started_by_the_clock
from tests.schedules.sight import lines, unseen
from tests.workflows.published import PAGE, snippets

NAMES = [one.name for one in schedules()]


@pytest.mark.parametrize("schedule", schedules(), ids=NAMES)
def test_a_schedule_names_the_lines_it_never_sees_crossed_and_no_other(schedule: Schedule) -> None:
    assert schedule.history
    assert schedule.named == unseen(schedule)


@pytest.mark.parametrize("schedule", schedules(), ids=NAMES)
def test_without_a_history_or_a_longer_look_hardly_any_line_would_be_crossed(schedule: Schedule) -> None:
    """What was shipped: two looks two seconds apart, every quarter of an hour."""
    everything = {line.check.id for line in lines()}
    assert everything - unseen(replace(schedule, sample=2.0)) <= {"sse.cleanup.error_trend"}
    assert unseen(replace(schedule, sample=2.0, history="")) == everything


def test_no_other_schedule_is_shipped() -> None:
    """One that is added is read here, and told on the page."""
    assert started_by_the_clock() == {SCHEDULED.name, "ci.yml"}
    kept = [one.file for one in snippets() if "--history" in one.text and "healthgate run" in one.text]
    assert kept == [
        ".gitlab-ci.yml",
        "ci/jenkins.sh",
        "/opt/healthgate/scheduled",
        "/etc/systemd/system/healthgate@.service",
    ]
    assert PAGE.read_text().count("--sample") >= len(NAMES)


def test_a_run_may_last_as_long_as_it_looks() -> None:
    """And another two minutes, before whatever started it ends it."""
    for schedule in schedules():
        assert schedule.sample + 120 < schedule.interval, spoken(schedule.sample)
