"""Every way to write a profile wrongly has one message, pinned in the file beside it.

`broken_profiles/NAME.yaml` is the profile and `NAME.txt` what is said about it, one problem a line, without the
file's name. All of them are named in one run: it must end with 4, say everything, and ask nothing.
"""

from pathlib import Path

import pytest

from tests.parts.project import Outcome, Project
from tests.parts.target import Target

FOLDER = Path(__file__).parent / "broken_profiles"
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

PLANT = '''\
"""A system with a setting of every kind, and one with hardly any."""

from healthgate import (
    Address, Amiss, Date, Duration, Exposition, FilePath, FilePattern, Group, IpAddress, Secret, Several, StreamUrl,
    System, Url, WeekTime, Zone, get,
)
from healthgate.shapes import chosen, number, text


class Stoked(Group):
    """When it is stoked."""

    zone: Zone
    at: Several[WeekTime]
    by: list[str] | None = None
    idle: list[Date] | None = None


class Boiler(System):
    """Every kind of setting."""

    name = "boiler"
    url: Url
    token: Secret | None = None
    nodes: dict[str, Address] | None = None
    fuels: list[str] | None = None
    stokers: int = 1
    slope: float = 0.5
    lit: bool = True
    stream: StreamUrl | None = None
    journal: FilePattern | None = None
    since: Date | None = None
    manual: FilePath | None = None
    vantage: IpAddress | None = None
    stoked: Stoked | None = None

    @classmethod
    def amiss(cls, given):
        """Only known fuels are stoked."""
        stoked = given.get("stoked", {}).get("by", ())
        for number, fuel in enumerate(stoked):
            if "fuels" in given and fuel not in given["fuels"]:
                yield Amiss(("stoked", "by", number), f"has {fuel}, which is no fuel")


class Kiln(System):
    """One setting."""

    name = "kiln"
    url: Url


STATE = get(Boiler, "/state", body={
    "pressure": number(), "purity": chosen(number()), "mode": chosen(text()), "draughts.*.speed": chosen(number()),
})
METRICS = Exposition(Boiler, "/metrics", families={
    "boiler_heat_total": chosen(number()), "boiler_steam_total": number(),
})
'''

CHECKS = '''\
"""Checks with lines to override."""

from checks.plant import STATE
from healthgate import at_least, below, check, each, equals, ms, none, percent

TOLD = dict(cause="c", action="a", runbook="r")


@check(
    "boiler.pressure", STATE["pressure"], name="pressure",
    stays=below(80, percent, expected=50, warning=80, critical=90), **TOLD,
)
@check("boiler.purity", STATE["purity"], name="purity", stays=at_least(95, percent, warning=90), **TOLD)
@check("boiler.mode", STATE["mode"], name="mode", stays=equals("auto"), **TOLD)
@each(
    check(f"boiler.leaks[{s}]", STATE[s], name="leaks", stays=none(ms, warning=5, critical=9), **TOLD)
    for s in ("left", "right")
)
def test_state(verdict):
    """The boiler is well."""
    assert verdict.healthy, verdict
'''


@pytest.fixture(scope="module")
def all_at_once(tmp_path_factory: pytest.TempPathFactory, server: Target) -> Outcome:
    """One run that names every broken profile there is."""
    project = Project(tmp_path_factory.mktemp("plant"))
    project.write("checks/boiler/__init__.py", '"""None."""\n')
    (project.root / "checks/boiler/test_boiler.py").unlink()
    project.write("checks/plant/__init__.py", PLANT)
    project.write("checks/plant/test_plant.py", CHECKS)
    for name in CASES:
        text = (FOLDER / f"{name}.yaml").read_bytes().replace(b"@URL@", server.url.encode())
        (project.root / f"{name}.yaml").write_bytes(text)
    server.forget()
    environments = [word for name in CASES for word in ("--env", f"./{name}.yaml")]
    return project.run("checks", *environments, SHORT="12345", PLACE="the moon")


def told_about(name: str, outcome: Outcome) -> list[str]:
    """Return what a run says about one profile, without the file's name."""
    lines = [line.removeprefix("ERROR: ") for line in outcome.text.splitlines()]
    return [line.partition(f"{name}.yaml:")[2] for line in lines if line.startswith(f"{name}.yaml:")]


@pytest.mark.parametrize("name", CASES)
def test_a_broken_profile_gets_its_pinned_messages_in_order_of_position(name: str, all_at_once: Outcome) -> None:
    """Seen, expected and where to fix: word for word, all problems of the file, first line first."""
    expected = (FOLDER / f"{name}.txt").read_text().splitlines()

    assert told_about(name, all_at_once) == expected


def test_broken_profiles_end_the_run_before_anything_is_asked(all_at_once: Outcome, server: Target) -> None:
    """Exit 4, no traceback, no request, no results."""
    assert all_at_once.code == 4
    assert "Traceback" not in all_at_once.text
    assert "INTERNALERROR" not in all_at_once.text
    assert not server.asked
    assert not all_at_once.results_file.exists()


def test_what_may_be_a_credential_is_not_repeated(all_at_once: Outcome) -> None:
    """A password in an address and a token in the clear are complained of, not shown."""
    written = "".join(path.read_text(errors="replace") for path in FOLDER.glob("*.yaml"))

    for credential in ("hunter2", "in-the-clear", "eyJhbGciOiJIUzI1NiJ9", "the moon"):
        assert credential not in all_at_once.text
        assert credential in written or credential == "the moon"


def test_every_broken_profile_has_a_pinned_message() -> None:
    """There are at least 25 of them, and none is without its text."""
    assert len(CASES) >= 25
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(CASES)
    assert all((FOLDER / f"{name}.txt").read_text().strip() for name in CASES)
