"""The event stream format: what the HTML standard says of each line, and the same wherever the bytes are cut."""

import tracemalloc
from itertools import pairwise

import pytest

from healthgate.claim.facts import NoData
from healthgate.probes.event_format import LARGEST_EVENT, Comment, Event, Parser, TooLargeError

Told = tuple[str, str, str, int | None] | str
"""An event as id, type, data and retry; a comment as its text."""


def told(sign: Event | Comment) -> Told:
    """Return what an event or comment says, without its moment."""
    return sign.text if isinstance(sign, Comment) else (sign.id, sign.event, sign.data, sign.retry)


def parsed(*pieces: bytes) -> tuple[list[Told], str, int | None, bool]:
    """Return what the pieces bring, then the last id, the reconnection time, and whether something is unfinished."""
    parser = Parser()
    found = [told(sign) for piece in pieces for sign in parser.feed(piece, 1.0)]
    return found, parser.last_id, parser.retry, parser.unfinished


def message(data: str, event_id: str = "", event: str = "message", retry: int | None = None) -> Told:
    """Return an event as `told` tells it."""
    return (event_id, event, data, retry)


VECTORS: dict[str, tuple[bytes, list[Told], str, int | None, bool]] = {
    "nothing": (b"", [], "", None, False),
    "one event": (b"data: warm\n\n", [message("warm")], "", None, False),
    "several lines of data are one text": (b"data: a\ndata: b\ndata:  c\n\n", [message("a\nb\n c")], "", None, False),
    "one space after the colon is none of the value": (
        b"data:a\n\ndata: a\n\ndata:  a\n\n", [message("a"), message("a"), message(" a")], "", None, False,
    ),
    "a tab is": (b"data:\ta\n\n", [message("\ta")], "", None, False),
    "a field without colon is empty": (b"data\n\ndata\ndata\n\ndata:\n\n", [message(""), message("\n"), message("")],
                                       "", None, False),
    "colons within a value stay": (b"data: a: b::\n\n", [message("a: b::")], "", None, False),
    "names are told apart by case and by space": (b"Data: a\nDATA: b\n data: c\ndata : d\ndata: e\n\n",
                                                  [message("e")], "", None, False),
    "fields nobody knows are passed over": (b"colour: red\nflag\ndata: a\n:\n\n", ["", message("a")], "", None, False),
    "comments": (b": ping\n:ping\n:  two\n:\n: : \n", ["ping", "ping", " two", "", ": "], "", None, False),
    "comments do not end an event": (b"data: a\n: ping\ndata: b\n\n", ["ping", message("a\nb")], "", None, False),
    "a type": (b"event: alarm\ndata: a\n\ndata: b\n\n", [message("a", event="alarm"), message("b")], "", None, False),
    "the last of two types": (b"event: a\nevent: b\ndata: c\n\n", [message("c", event="b")], "", None, False),
    "an empty type is the usual one": (b"event: a\nevent:\ndata: c\n\n", [message("c")], "", None, False),
    "no data is no event, and its type is gone": (b"event: a\n\ndata: b\n\n", [message("b")], "", None, False),
    "an id stays until there is another": (
        b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n",
        [message("a", "1"), message("b", "1"), message("c", "2")], "2", None, False,
    ),
    "an empty id forgets": (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [message("a", "1"), message("b")], "", None, False),
    "an id counts without data": (b"id: 7\n\ndata: a\n\n", [message("a", "7")], "7", None, False),
    "an id of an event that does not end is none": (b"id: 1\ndata: a\n\nid: 2\ndata: b\n", [message("a", "1")],
                                                    "1", None, True),
    "an id with a NUL is passed over": (b"id: 1\ndata: a\n\nid: 2\x00\ndata: b\n\n",
                                        [message("a", "1"), message("b", "1")], "1", None, False),
    "a NUL in data stays": (b"data: a\x00b\n\n", [message("a\x00b")], "", None, False),
    "a NUL in a name makes another name": (b"data\x00: a\n\n", [], "", None, False),
    "a reconnection time": (b"retry: 3000\ndata: a\n\ndata: b\n\n", [message("a", retry=3000), message("b")],
                            "", 3000, False),
    "a reconnection time without data": (b"retry: 10\n\n", [], "", 10, False),
    "only digits are a reconnection time": (
        b"retry: 1\nretry: -2\nretry: 3s\nretry:\nretry: +5\nretry: 6 \nretry: \xd9\xa3\nretry: \xc2\xb2\n\n",
        [], "", 1, False,
    ),
    "zeros before it": (b"retry: 00000000000000000000000000042\n\nretry: 0\n\n", [], "", 0, False),
    "a reconnection time for ever": (b"retry: " + b"9" * 400 + b"\n\n", [], "", 10**18 - 1, False),
    "carriage returns end lines": (b"data: a\rdata: b\r\r", [message("a\nb")], "", None, False),
    "both together are one end": (b"data: a\r\ndata: b\r\n\r\n", [message("a\nb")], "", None, False),
    "all ends mixed": (b"data: a\ndata: b\rdata: c\r\n\ndata: d\r\n\rdata: e\n\r\n",
                       [message("a\nb\nc"), message("d"), message("e")], "", None, False),
    "the other way round they are two ends": (b"data: a\n\rdata: b\n\n", [message("a"), message("b")], "", None, False),
    "other ends of lines are none": (b"data: a\x0bb\x0cc\xc2\x85d\xe2\x80\xa8e\n\n",
                                     [message("a\x0bb\x0cc\x85d\u2028e")], "", None, False),
    "a byte order mark at the start": (b"\xef\xbb\xbfdata: a\n\n", [message("a")], "", None, False),
    "a byte order mark alone": (b"\xef\xbb\xbf\n", [], "", None, False),
    "only one, and only at the start": (
        b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\ndata: \xef\xbb\xbfc\n\n",
        [message("\ufeffc")], "", None, False,
    ),
    "letters of several bytes": ("data: 20 °C, 3 €, 😀\nid: é\n\n".encode(), [message("20 °C, 3 €, 😀", "é")],
                                 "é", None, False),
    "bytes that are no letters": (b"data: a\xff\xe2\x82\n\n", [message("a\ufffd\ufffd")], "", None, False),
    "half an event": (b"data: a\n\ndata: b\n", [message("a")], "", None, True),
    "half a line": (b"data: a\n\ndat", [message("a")], "", None, True),
    "half a comment": (b": pi", [], "", None, True),
    "blank lines": (b"\n\n\r\r\n\n", [], "", None, False),
}  # fmt: skip


@pytest.mark.parametrize("what", VECTORS)
def test_a_stream_is_read_as_the_standard_says(what: str) -> None:
    """Events and comments in their order, the last id, the reconnection time, and whether it broke off."""
    stream, *expected = VECTORS[what]

    assert list(parsed(stream)) == expected


@pytest.mark.parametrize("what", VECTORS)
def test_where_the_bytes_are_cut_makes_no_difference(what: str) -> None:
    """Once at every place, and everywhere at the same time; an empty piece is no end of anything."""
    stream, *expected = VECTORS[what]

    for cut in range(len(stream) + 1):
        assert list(parsed(stream[:cut], stream[cut:])) == expected, cut
        assert list(parsed(stream[:cut], b"", stream[cut:])) == expected, cut
    assert list(parsed(*(bytes([byte]) for byte in stream))) == expected


def test_an_event_is_told_with_the_line_that_ends_it() -> None:
    """A carriage return ends it at once: what may follow is not waited for, and ends nothing once more."""
    parser = Parser()

    assert list(parser.feed(b"data: a\r", 1.0)) == []
    assert list(parser.feed(b"\r", 2.0)) == [Event(2.0, "", "message", "a")]
    assert list(parser.feed(b"\ndata: b\n", 3.0)) == []
    assert list(parser.feed(b"\n", 4.0)) == [Event(4.0, "", "message", "b")]


def test_all_vectors_one_after_the_other_bring_what_each_brings() -> None:
    """No state is left but the id and the time, where each ends with a blank line."""
    whole = [v for v in VECTORS.values() if not v[4] and not v[0].startswith(b"\xef") and v[0].endswith(b"\n\n")]
    for (first, before, *_), (second, after, *_) in pairwise(whole):
        assert parsed(first, b"id\n\n", second)[0] == [*before, *after]


TOO_LARGE = {
    "a line": (b"data: " + b"x" * LARGEST_EVENT, "a line is larger than 1000000 bytes"),
    "a comment": (b":" + b"x" * LARGEST_EVENT, "a line is larger than 1000000 bytes"),
    "an event of many lines": (b"data: xxxx\n" * (LARGEST_EVENT // 11 + 1), "an event is larger than 1000000 bytes"),
    "an event of lines that say nothing": (
        b"colour\n" * (LARGEST_EVENT // 7 + 1),
        "an event is larger than 1000000 bytes",
    ),
}


@pytest.mark.parametrize("what", TOO_LARGE)
@pytest.mark.parametrize("size", [1_000_000_000, 8192, 97])
def test_what_is_too_large_is_not_read(what: str, size: int) -> None:
    """However it comes, and what came before it was told."""
    stream, words = TOO_LARGE[what]
    stream = b"data: before\n\n" + stream
    parser = Parser()
    found: list[Told] = []

    def read() -> None:
        for start in range(0, len(stream), size):
            for sign in parser.feed(stream[start : start + size], 1.0):
                found.append(told(sign))  # noqa: PERF401 (what was told before the error is kept)

    with pytest.raises(TooLargeError, match=words):
        read()

    assert found == [message("before")]


def test_what_is_just_not_too_large_is_read() -> None:
    """To the byte."""
    line = b"data: " + b"x" * (LARGEST_EVENT - 7)

    (event,), *_ = parsed(line + b"\n\n")

    assert event == message("x" * (LARGEST_EVENT - 7))


def test_comments_without_end_are_no_event_that_is_too_large() -> None:
    """Servers that ping with comments need not write a blank line, ever."""
    parser = Parser()
    count = sum(1 for _ in range(8) for _ in parser.feed(b": ping\n" * 20_000, 1.0))

    assert count == 160_000
    assert not parser.unfinished


def test_a_line_that_comes_byte_by_byte_takes_no_more_memory_than_its_bytes() -> None:
    """Many pieces are not as many objects."""
    parser = Parser()
    tracemalloc.start()
    try:
        for _ in range(30_000):
            list(parser.feed(b"x", 1.0))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 120_000


@pytest.mark.parametrize("data", ["{", "", "[" * 100_000, "warm"], ids=["half", "nothing", "deep", "text"])
def test_data_that_are_not_json_are_no_data(data: str) -> None:
    """Neither crash nor default."""
    with pytest.raises(NoData, match="the data of the event are not JSON"):
        Event(0, "", "message", data).json()


def test_data_are_read_as_json() -> None:
    """A number that is none stays one that is none."""
    assert Event(0, "", "message", '{"a": 1}').json().number("a") == 1
    with pytest.raises(NoData, match=r'a is "NaN", not a number'):
        Event(0, "", "message", '{"a": NaN}').json().number("a")
