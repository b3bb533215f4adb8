"""The facts that are attached: JSON of a bounded length, redacted before it is cut, and honest about the cut."""

import json
from typing import Any

import pytest

from healthgate.claim.observation import Observation
from healthgate.secret import Redactor, Secret
from healthgate.tell.evidence import LINE, LONGEST, evidence

TOKEN = "planted-T0ken-0123456789abcdef"


def told(facts: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    """Return the text of an observation and what it says as JSON."""
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    known: dict[str, Any] = {"id": "boiler GET /state", "status": "answered", "at": 1.5, "elapsed_ms": 2.5}
    text = evidence(Observation(**known | more, facts=facts), redactor)
    assert len(text.encode(errors="backslashreplace")) <= LONGEST
    assert TOKEN[:12] not in text
    return text, json.loads(text.encode(errors="backslashreplace"), parse_constant=pytest.fail)


def test_what_is_short_is_told_whole() -> None:
    facts = {"code": 200, "json": {"pressure": 85, "note": None, "list": [1, 2.5, "three", True]}}

    text, said = told(facts, bytes=30, error="none")

    assert said == {
        "request": "boiler GET /state",
        "status": "answered",
        "at": "1970-01-01T00:00:01.500Z",
        "elapsed_ms": 2.5,
        "bytes": 30,
        "error": "none",
        "facts": facts,
    }
    assert max(map(len, text.splitlines())) <= LINE


@pytest.mark.parametrize(
    "facts",
    [
        {"rows": [{"number": n, "name": f"row {n}"} for n in range(50_000)]},
        {"text": "x" * 8_000_000},
        {f"member {n}": n for n in range(100_000)},
        {"nested": [[[list(range(40)) for _ in range(40)] for _ in range(40)] for _ in range(4)]},
        {"texts": ["y" * 5000] * 200, "wide": {"ü" * 3000: ["ö" * 3000] * 50}},
    ],
    ids=["rows", "one text", "members", "nested", "texts"],
)
def test_what_is_long_is_cut_and_says_so(facts: dict[str, Any]) -> None:
    text, said = told(facts)

    assert "shown in part" in said["cut"]
    assert "…" in text
    assert set(said["facts"]) & set(facts), "and the beginning is there"


def test_a_cut_says_how_much_is_left_out() -> None:
    _, said = told({"rows": [{"number": n, "note": "n" * 90} for n in range(50_000)]})

    rows = said["facts"]["rows"]
    assert rows[-1] == f"… {50_000 - len(rows) + 1} more"


def test_a_secret_is_taken_out_before_it_could_be_cut_in_two() -> None:
    for before in range(0, 4000, 7):
        told({"text": "x" * before + TOKEN + "y" * 100_000, TOKEN: {"deep": [TOKEN, f"a {TOKEN} b"]}})


def test_a_secret_in_an_error_or_a_name_is_taken_out_too() -> None:
    text, _ = told({"a": 1}, id=f"GET /{TOKEN}", error=f"no entry for {TOKEN}")

    assert text.count("[redacted]") == 2


def test_what_json_does_not_know_is_told_as_text() -> None:
    _, said = told({"nan": float("nan"), "inf": [float("-inf")], "half": "\ud800", "big": 10**300})

    assert said["facts"] == {"nan": "nan", "inf": ["-inf"], "half": "\ud800", "big": 10**300}


def test_what_lies_deep_is_left_out() -> None:
    facts: dict[str, Any] = {}
    for _ in range(900):
        facts = {"down": [facts]}

    text, said = told(facts)

    assert "cut" in said
    assert '"… 1 more"' in text or '"…": "1 more"' in text
