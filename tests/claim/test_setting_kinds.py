"""What settings of the newer kinds hold, and what they are not: beside the messages of the broken profiles."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.system import (
    Amiss,
    Date,
    FilePath,
    FilePattern,
    Group,
    IpAddress,
    Several,
    StreamUrl,
    System,
    WeekTime,
    Zone,
    convert,
    describe,
    settings_of,
)
from healthgate.environment.profile import ProfileError
from healthgate.environment.reader import read
from healthgate.environment.schema import schema
from healthgate.secret import Secret


class Stoked(Group):
    """When it is stoked."""

    zone: Zone
    at: Several[WeekTime]
    by: list[str] | None = None


class Boiler(System):
    """One setting of every newer kind."""

    name = "boiler"
    stream: StreamUrl | None = None
    journal: FilePattern | None = None
    since: Date | None = None
    manual: FilePath | None = None
    vantage: IpAddress | None = None
    streams: dict[str, StreamUrl] | None = None
    fuels: list[str] | None = None
    stoked: Stoked | None = None

    @classmethod
    def amiss(cls, given: Mapping[str, Any]) -> Iterator[Amiss]:
        """Only known fuels are stoked."""
        for number, fuel in enumerate(given.get("stoked", {}).get("by", ())):
            if "fuels" in given and fuel not in given["fuels"]:
                yield Amiss(("stoked", "by", number), f"has {fuel}, which is no fuel")


CATALOGUE = Catalogue({"boiler": Boiler})


@pytest.mark.parametrize(
    ("kind", "written", "held"),
    [
        (StreamUrl, "ws://boiler", "ws://boiler"),
        (StreamUrl, "wss://boiler.example.com:8443/prices/all/", "wss://boiler.example.com:8443/prices/all"),
        (StreamUrl, "ws://[::1]:8080/stream", "ws://[::1]:8080/stream"),
        (FilePattern, "/var/log/boiler/boiler.log*", "/var/log/boiler/boiler.log*"),
        (FilePattern, "logs/caf€ 7.log", "logs/caf€ 7.log"),
        (Date, "2026-03-02", "2026-03-02"),
        (Date, "2024-02-29", "2024-02-29"),
        (FilePath, "/etc/boiler/[1] *.yaml", "/etc/boiler/[1] *.yaml"),
        (IpAddress, "127.0.0.9", "127.0.0.9"),
        (IpAddress, "::1", "::1"),
        (IpAddress, "2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
    ],
)
def test_a_value_of_the_kind_is_held_as_one(kind: type, written: str, held: str) -> None:
    """Addresses without the slash at their end."""
    found = convert(kind, written)

    assert (type(found), found) == (kind, held)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        *((StreamUrl, value) for value in ("http://boiler", "https://boiler", "boiler:8080", "ws://", "ws:boiler")),
        *((StreamUrl, value) for value in ("ws://boiler:0", "ws://boiler:99999", "ws://bo iler", "ws://kotël", "", 7)),
        *((FilePattern, value) for value in ("", " ", "a\nb", "a\0b", "\x1b[31m", 7, True, None, ["a"])),
        *((FilePath, value) for value in ("", " ", "a\nb", "a\0b", 7, True, None, ["a"])),
        *((IpAddress, value) for value in ("boiler", "127.0.0.9:80", "127.0.0.256", "127.1", "127.0.0.0/8", "[::1]")),
        *((IpAddress, value) for value in ("0.0.0.0", "::", "224.0.0.1", "fe80::1%eth0", " 127.0.0.9", "", 7, None)),
        *((Date, value) for value in ("2026-02-29", "2026-13-01", "2026-3-2", "20260302", "2026-W10-1", "today")),
        *((Date, value) for value in ("", 7, None, "2026-03-02T00:00:00Z", " 2026-03-02")),
    ],
)
def test_a_value_of_another_kind_is_refused_with_an_example(kind: type, written: object) -> None:
    """What it should look like; never what it does look like, which may be a secret."""
    with pytest.raises(ValueError, match=r"^expected ") as wrong:
        convert(kind, written)

    assert str(wrong.value).partition(": ")[0] == f"expected {describe(kind)}"


@pytest.mark.parametrize("written", ["wss://me:hunter2@boiler", "wss://boiler?token=hunter2", "wss://boiler#hunter2"])
def test_a_stream_s_address_has_no_room_for_credentials(written: str) -> None:
    """They are not repeated either."""
    with pytest.raises(ValueError, match="expected an address") as wrong:
        convert(StreamUrl, written)

    assert "hunter2" not in str(wrong.value)


def profile(folder: Path, text: str) -> Path:
    """Write a profile."""
    path = folder / "works.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("written", "held"),
    [("", 1.0), ("time_scale: 1\n", 1.0), ("time_scale: 60\n", 60.0), ("time_scale: 2.5\n", 2.5)],
)
def test_a_profile_says_how_fast_time_passes(tmp_path: Path, written: str, held: float) -> None:
    """As fast as everywhere where it says nothing."""
    found = read(profile(tmp_path, f"boiler: absent\n{written}"), CATALOGUE, "works.yaml")

    assert (type(found.time_scale), found.time_scale) == (float, held)


@pytest.mark.parametrize(
    "written", ["0.99", "0", "-1", "true", "fast", "'60'", "[60]", "{a: 1}", ".nan", ".inf", "null"]
)
def test_a_time_scale_that_is_none_is_refused(tmp_path: Path, written: str) -> None:
    """Slower than production, or not a number at all."""
    with pytest.raises(ProfileError, match=r"time_scale is .*; expected a number, 1 or more"):
        read(profile(tmp_path, f"boiler: absent\ntime_scale: {written}\n"), CATALOGUE, "works.yaml")


def test_settings_of_the_newer_kinds_are_filled_from_the_environment(tmp_path: Path) -> None:
    """Also as part of a text; a variable that holds something else is told without what it holds."""
    text = "boiler:\n  stream: wss://${HOST}/s\n  journal: ${PLACE}/b.log*\n  since: ${DAY}\n  streams: {a: '${URL}'}\n"
    good = {"HOST": "boiler.example.com", "PLACE": "/var/log", "DAY": "2026-03-02", "URL": "ws://boiler"}
    found = read(profile(tmp_path, text), CATALOGUE, "works.yaml")
    found.resolve(good)
    boiler: Any = found.systems["boiler"]

    assert (boiler.stream, boiler.journal, boiler.since) == (
        "wss://boiler.example.com/s",
        "/var/log/b.log*",
        good["DAY"],
    )
    assert boiler.streams == {"a": "ws://boiler"}
    with pytest.raises(ProfileError) as wrong:
        read(profile(tmp_path, text), CATALOGUE, "works.yaml").resolve(
            {"HOST": "a b", "PLACE": "a\nb", "DAY": "hunter2", "URL": "wss://me:hunter2@boiler"}
        )
    assert [problem.split(" is ")[0] for problem in wrong.value.problems] == [
        "works.yaml:2:11: boiler.stream",
        "works.yaml:3:12: boiler.journal",
        "works.yaml:4:10: boiler.since",
        "works.yaml:5:16: boiler.streams",
    ]
    assert "hunter2" not in str(wrong.value)


def test_a_setting_may_have_keys_of_its_own(tmp_path: Path) -> None:
    """Each of its kind, filled as other settings are; what may be several may be written as one."""
    text = 'boiler:\n  fuels: [coal]\n  stoked: {zone: "${ZONE}", at: Sun 17:00, by: ["${FUEL}"]}\n'
    found = read(profile(tmp_path, text), CATALOGUE, "works.yaml", {"ZONE": "UTC", "FUEL": "coal"})
    found.resolve({"ZONE": "UTC", "FUEL": "coal"})
    boiler: Any = found.systems["boiler"]

    assert boiler.stoked == {"zone": "UTC", "at": ["Sun 17:00"], "by": ["coal"]}
    assert found.variables() == {"ZONE", "FUEL"}
    with pytest.raises(ProfileError) as wrong:
        read(profile(tmp_path, text), CATALOGUE, "works.yaml").resolve({"ZONE": "UTC", "FUEL": "wood"})
    assert wrong.value.problems == ["works.yaml:3:49: boiler.stoked.by has wood, which is no fuel"]
    with pytest.raises(ProfileError, match=r"^works.yaml:3:18: boiler.stoked.zone needs the environment variable ZONE"):
        read(profile(tmp_path, text), CATALOGUE, "works.yaml", {"FUEL": "coal"})


def test_a_key_without_a_default_must_be_given_whatever_it_is_called() -> None:
    """Also where mappings have something of that name."""

    class Stocked(Group):
        items: list[str]
        copy: str = "no"

    assert {name: one.required for name, one in settings_of(Stocked).items()} == {"items": True, "copy": False}


def test_a_secret_is_a_setting_of_its_own() -> None:
    """Below another it would be kept in snapshots."""

    class Locked(Group):
        key: Secret

    with pytest.raises(TypeError, match="only a setting of a system can be one"):
        settings_of(Locked)


@pytest.mark.parametrize(
    ("written", "is_valid"),
    [
        ({"time_scale": 60}, True),
        ({"time_scale": 0.5}, False),
        ({"time_scale": "60"}, False),
        ({"boiler": {"stream": "wss://boiler", "journal": "/var/log/x", "since": "2026-03-02"}}, True),
        ({"boiler": {"manual": "/etc/x", "vantage": "127.0.0.9"}}, True),
        ({"boiler": {"vantage": 7}}, False),
        ({"boiler": {"stream": 7}}, False),
        ({"boiler": {"since": 2026}}, False),
        ({"boiler": {"stoked": {"zone": "UTC", "at": "Sun 17:00"}}}, True),
        ({"boiler": {"stoked": {"zone": "UTC", "at": ["sun 17:00", "Mon 8:30"], "by": ["coal"]}}}, True),
        ({"boiler": {"stoked": {"zone": "UTC", "at": "Sunday"}}}, False),
        ({"boiler": {"stoked": {"zone": "UTC"}}}, False),
        ({"boiler": {"stoked": {"zone": "UTC", "at": "Sun 17:00", "for": 7}}}, False),
        ({"boiler": {"stoked": "always"}}, False),
    ],
)
def test_editors_are_told_the_same(written: dict[str, object], is_valid: bool) -> None:
    """By the JSON Schema of profiles."""
    validator = jsonschema.Draft202012Validator(schema(CATALOGUE))

    assert validator.is_valid({"boiler": "absent", **written}) is is_valid
