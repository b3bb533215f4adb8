"""Places that differ from the documents in every path, name, label and unit, and are judged all the same."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from healthgate.fit import command
from tests.field.places import ROOT, Place, ill
from tests.field.worlds import TOKENS, Rule


def camel(name: str, value: Any) -> tuple[str, Any]:
    """Write a name as JavaScript has it: utilizationPercent."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest), value


UNITS = {"_ms": ("_seconds", 1000), "_percent": ("_ratio", 100), "_rate": ("_ratio", 100)}


def in_si(name: str, value: Any) -> tuple[str, Any]:
    """Say seconds for milliseconds and shares of one for percentages, as Prometheus has it."""
    for unit, (other, parts) in UNITS.items():
        if name.endswith(unit) and isinstance(value, int | float):
            return name.removesuffix(unit) + other, value / parts
    return name, value


def edge(page: str) -> str:
    """Put a word before the name of each metric."""
    return re.sub(r"(?m)^(ws|sse)_", r"edge_\1_", page)


def labelled(page: str) -> str:
    """Say of each series of the WebSocket manager which stage it is of, and the error rate as a share of one."""
    page = page.replace("sse_cleanup_error_rate 1.7", "sse_cleanup_error_ratio 0.017")
    return re.sub(r"(?m)^(ws_\w+) ", r'\1{stage="production"} ', page)


RULES = {
    "in another tongue": Rule(route=lambda route: f"/v2{route}", member=camel, page=edge, outer="result"),
    "in other units": Rule(
        route=lambda route: route.replace("/api/", "/internal/status/"),
        member=in_si,
        page=labelled,
        said={"labels": {"environment": "stage"}},
    ),
}


@pytest.fixture(scope="module", params=RULES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for role, token in TOKENS.items():
            patch.setenv(f"WORLD_{role.upper()}", token)
        patch.chdir(ROOT)
        yield Place(tmp_path_factory.mktemp("field") / "differing.yaml", stack, RULES[request.param])


def test_a_place_that_differs_in_every_name_is_green_with_the_profile_that_fit_proposes(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = place.fit(capsys)
    assert code == command.DIFFERS, printed
    assert "elsewhere  " in printed
    assert "missing  " not in printed, printed

    code, printed = place.fit(capsys)

    assert (code, "Nothing is left to decide." in printed) == (command.FITS, True), printed
    assert ill(place.verdicts()) == {}
