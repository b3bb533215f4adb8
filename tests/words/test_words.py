"""The small words of the engine: durations, printable text, near names, secrets."""

import copy
import pickle

import pytest

from healthgate.duration import seconds, spoken
from healthgate.nearest import hint
from healthgate.printable import printable
from healthgate.secret import Redactor, Secret

TOKEN = "planted-token-0123456789"


@pytest.mark.parametrize(
    ("text", "value"),
    [("500ms", 0.5), ("2s", 2), ("1.5 s", 1.5), ("5m", 300), ("1h", 3600), (" 2d ", 172800), ("0s", 0)],
)
def test_a_duration_is_a_number_and_its_unit(text: str, value: float) -> None:
    """All in seconds."""
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "5 seconds", "1h30m", "1e3s", "5S", "\u0665s", "5s\n5s", "nan s"]
)
def test_a_duration_without_a_plain_number_and_unit_is_refused(text: str) -> None:
    """And the message shows how to write one."""
    with pytest.raises(ValueError, match="is not a duration; write a number and its unit, as in 500ms, 2s, 5m or 1h"):
        seconds(text)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.25, "250 ms"), (2, "2 s"), (2.5, "2.5 s"), (90, "90 s"), (300, "5 m"), (7200, "2 h"), (86400, "1 d")],
)
def test_a_duration_is_spoken_in_the_largest_whole_unit(value: float, said: str) -> None:
    """As people write it."""
    assert spoken(value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\ud800", "\\ud800"),
        ("\u202egnp", "\\u202egnp"),
        ("\x9b31m", "\\x9b31m"),
        ("Zoë", "Zoë"),
        (12, "12"),
    ],
)
def test_foreign_text_is_printed_without_power_over_the_terminal(text: object, said: str) -> None:
    """Control characters, direction marks and lone surrogates are escaped; letters stay."""
    assert printable(text) == said
    printable(text).encode()


def test_foreign_text_is_cut_and_says_so() -> None:
    """However long the answer, the message is short."""
    assert printable("x" * 1_000_000, 10) == "xxxxxxxxxx…"
    assert len(printable("\x1b" * 1_000, 20)) <= 21


@pytest.mark.parametrize(
    ("name", "valid", "said"),
    [
        ("stagin", ["staging", "production"], "; did you mean staging?"),
        ("zzz", ["staging", "production"], "; valid: production, staging"),
        ("zzz", [], "; there are none"),
        ("zzz", [f"name{i:02}" for i in range(20)], "; valid: " + ", ".join(f"name{i:02}" for i in range(12)) + ", …"),
    ],
)
def test_a_wrong_name_gets_the_nearest_valid_one(name: str, valid: list[str], said: str) -> None:
    """Or all there are, up to a dozen."""
    assert hint(name, valid) == said


def test_a_secret_cannot_be_shown_by_accident() -> None:
    """Not by print, repr, format, percent, nor within a container."""
    secret = Secret(TOKEN)

    for shown in (f"{secret}", f"{secret:>99}", repr(secret), str(secret), "%s %r" % (secret, secret), str([secret])):  # noqa: UP031
        assert TOKEN not in shown
    assert secret.reveal() == TOKEN


def test_a_secret_cannot_be_stored_or_taken_apart() -> None:
    """No pickle, no copy, no dictionary of attributes."""
    secret = Secret(TOKEN)

    for take in (pickle.dumps, copy.copy, copy.deepcopy, vars):
        with pytest.raises(TypeError):
            take(secret)


def test_the_redactor_removes_every_known_secret_longest_first() -> None:
    """Also where one secret is part of another, in text and in bytes."""
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    redactor.learn([Secret(TOKEN + "-and-more")])

    assert redactor.text(f"a {TOKEN}-and-more b {TOKEN} c") == "a [redacted] b [redacted] c"
    assert redactor.bytes(f"a {TOKEN} c".encode()) == b"a [redacted] c"


def test_the_redactor_does_not_garble_text_for_a_short_value() -> None:
    """A value of a few letters is no secret: it would blank out ordinary words."""
    redactor = Redactor()
    redactor.learn([Secret("on")])

    assert redactor.text("one connection") == "one connection"
