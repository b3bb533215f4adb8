"""JSON and YAML as they are read: what is odd in them is refused, and nothing in them can hold up a run."""

import json
import re
import time
from typing import Any

import pytest
import yaml

from healthgate.wire.notation import DEEPEST, MOST_NODES, NestedError, from_json, from_yaml

FOREVER = 60.0


def read(text: str) -> list[Any]:
    """Read YAML within bounds."""
    began = time.monotonic()
    try:
        return from_yaml(text, began + FOREVER)
    finally:
        assert time.monotonic() - began < FOREVER


def bomb(levels: int, width: int = 10) -> str:
    """Return a text of which each line repeats the line before it several times."""
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels))]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("a: 1\nb: [x, 1.5, 0x1f, 1_000, -3, .5]\n", [{"a": 1, "b": ["x", 1.5, 31, 1000, -3, 0.5]}]),
        ("a: yes\nb: Off\nc: ~\nd:\n", [{"a": True, "b": False, "c": None, "d": None}]),
        ("a: '7'\nb: \"yes\"\nc: !!str 7\nd: ! 8\n", [{"a": "7", "b": "yes", "c": "7", "d": "8"}]),
        ("a: .nan\nb: -.inf\nc: 1.0e+999\n", [{"a": ".nan", "b": "-.inf", "c": "1.0e+999"}]),
        (
            "a: 2026-03-02\nb: 12:30\nc: 22:22\nd: 1:20.5\n",
            [{"a": "2026-03-02", "b": "12:30", "c": "22:22", "d": "1:20.5"}],
        ),
        ("on: 1\n7: 2\n~: 3\n2026-03-02: 4\n", [{"on": 1, "7": 2, "~": 3, "2026-03-02": 4}]),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", [{"a": "x\ny\n", "b": "x y"}]),
        ("a: &x {p: 1}\nb: *x\nc: [*x]\n", [{"a": {"p": 1}, "b": {"p": 1}, "c": [{"p": 1}]}]),
        ("&k a: 1\nb: *k\n", [{"a": 1, "b": "a"}]),
        ("a: &x {p: 1, q: 2}\nb:\n  q: 3\n  <<: *x\n", [{"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}]),
        ("- &x {p: 1}\n- &y {p: 2, q: 3}\n- <<: [*x, *y]\n", [[{"p": 1}, {"p": 2, "q": 3}, {"p": 1, "q": 3}]]),
        ("'<<': {a: 1}\n", [{"<<": {"a": 1}}]),
        ("---\na: 1\n---\n---\n# nothing\n---\n- 2\n...\n", [{"a": 1}, [2]]),
        ("\ufeffa: caf€\r\nb: 1\r\n", [{"a": "caf€", "b": 1}]),
        ("# nothing\n", []),
        ("", []),
        ("words\n", ["words"]),
        ("[" * DEEPEST + "]" * DEEPEST, [json.loads("[" * DEEPEST + "]" * DEEPEST)]),
    ],
)
def test_yaml_is_read_as_plain_values(text: str, documents: list[Any]) -> None:
    """Names and times as they are written; numbers that are none stay text; empty documents are none."""
    assert read(text) == documents
    json.dumps(documents, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "it gives a twice in line 3"),
        ("a:\n  b: 1\n  b: 2\n", "it gives b twice in line 3"),
        ("1: a\n'1': b\n", "it gives 1 twice in line 2"),
        ("a: *x\n", "the alias *x stands for nothing that is complete before it in line 1"),
        ("a: &x [*x]\n", "the alias *x stands for nothing that is complete before it in line 1"),
        ("a: &x 1\nb: &x {c: *x}\n", "the alias *x stands for nothing that is complete before it in line 2"),
        ("a: &x 1\n---\nb: *x\n", "the alias *x stands for nothing that is complete before it in line 3"),
        ("a: &x b\n*x : 1\n", "the alias *x stands for a name in line 2"),
        ("? [a]\n: b\n", "a name is not plain text in line 1"),
        ("a: {{ template }}\n", "a name is not plain text in line 1"),
        ("<<: 1\n", "what is merged is no mapping in line 1"),
        ("<<: [{a: 1}, 2]\n", "what is merged is no mapping in line 1"),
        ("a: !!python/object/apply:os.system [x]\n", "the tag !!python/object/apply:os.system means nothing here"),
        ("a: !vault x\n", "the tag !vault means nothing here in line 1"),
        ("a: !!binary aGk=\n", "the tag !!binary means nothing here in line 1"),
        ("!!set {a, b}\n", "the tag !!set means nothing here in line 1"),
        ("a: !!int x\n", "x is no int in line 1"),
        ("a: !!bool x\n", "x is no bool in line 1"),
        (f"a: {'9' * 5000}\n", "is no int in line 1"),
        ("a: [1, 2\n", "in line 2"),
        ("a: b: c\n", "mapping values are not allowed in this context in line 1"),
        ("a: 'x\n", "in line 2"),
        ("\t- a\n", "found character that cannot start any token in line 1"),
        ("a: \x07\n", "control characters are not allowed"),
        ("%YAML 2.0\n---\na: 1\n", "in line 1"),
    ],
)
def test_yaml_that_is_odd_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as wrong:
        read(text)
    assert str(wrong.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000 + "x",
        "\n".join(" " * i + "a:" for i in range(1000)),
        bomb(2 * DEEPEST, width=1),
    ],
)
def test_yaml_is_not_read_deeper_than_json(text: str) -> None:
    """Also where the levels are made of aliases."""
    with pytest.raises(NestedError):
        read(text)


@pytest.mark.parametrize(
    "text", [bomb(9), bomb(90, width=2), "- x\n" * (MOST_NODES + 1), "[" + "{}, " * MOST_NODES + "]"]
)
def test_yaml_is_not_read_without_end(text: str) -> None:
    """However little text it takes to say that much."""
    with pytest.raises(OverflowError, match="more than the 200000 values"):
        read(text)


def test_yaml_that_takes_too_long_is_left() -> None:
    with pytest.raises(TimeoutError):
        from_yaml("- x\n" * 10_000, time.monotonic())


def test_yaml_is_read_alike_without_the_faster_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is not there in every build."""
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert read("a: &x {p: 1}\nb: [*x, 2]\n---\nc: yes\n") == [{"a": {"p": 1}, "b": [{"p": 1}, 2]}, {"c": True}]
    with pytest.raises(NestedError):
        read("[" * 100_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ('{"a": NaN, "b": 1e999}', {"a": "NaN", "b": "1e999"}),
        ("9" * 5000, "9" * 5000),
        ('\ufeff{"a": 1}', {"a": 1}),
    ],
)
def test_json_is_read_as_plain_values(text: str, value: Any) -> None:
    assert from_json(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "it gives a twice"),
        ('{"a": ', r"there is no value where one is expected \(column 7\)"),
        ('{"a"\n 1}', r"there is no colon between a name and its value \(line 2, column 2\)"),
        ("{} {}", r"something follows the value \(column 4\)"),
        ('{"a": 1, }', "there is no name in quotes where one is expected|a comma has nothing after it"),
        ('["a', "a text has no end"),
        ('["a\tb"]', "a text holds a line break or another control character"),
        (r'["\q"]', "a text has a backslash that means nothing"),
        (r'["\u12"]', "a text has a backslash that means nothing"),
        ("", "there is no value where one is expected"),
        ("\ufeff\ufeff1", "there is no value where one is expected"),
    ],
)
def test_json_that_is_odd_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_json(text)
    with pytest.raises(NestedError):
        from_json("[" * 101)
