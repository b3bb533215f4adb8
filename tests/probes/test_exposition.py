"""Metrics pages, good and bad: what is missing, doubled, odd or cut off is no data, and says why."""

import random
import re
import resource
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from healthgate import Exposition, Later, Measured, NoData, System, Url, below, equals, fallen, growth
from healthgate.claim.observation import AGAIN, Observation
from healthgate.claim.source import Scene
from healthgate.probes import exposition_format
from healthgate.probes.exposition import ExpositionRequest, page_of
from healthgate.probes.exposition_format import CLASSIC, OPENMETRICS, parse
from healthgate.readings import Page
from healthgate.secret import Redactor, Secret
from tests.parts.project import Project
from tests.parts.target import Hostile, Peer, Target, then, told
from tests.tools import needs, program

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

WELL = """\
# HELP ws_active Streams open now; "quoted" text, and # 1 2 3.
# TYPE ws_active gauge
ws_active{instance="a",zone="x,\\"y\\"}"} 30
ws_active{instance="b",zone="z"} 7.5
# TYPE ws_retries_total counter
ws_retries_total{instance="a"} 214
ws_retries_total{instance="b"} 24
# TYPE plain counter
plain 3

# a comment
# TYPE seconds histogram
seconds_bucket{le="0.5"} 2
seconds_bucket{le="+Inf"} 3
seconds_sum 1.25
seconds_count 3
# TYPE delay summary
delay{quantile="0.9"} NaN
delay_sum 0
delay_count 0
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7723565e+09
"""


def page(text: str, form: str = CLASSIC, at: float = 1000.0, clock: float = 0.0, date: str = "") -> Page:
    """Return a page that must be readable."""
    content = parse(text, form)
    assert content.flaw is None, content.flaw
    return Page(content, at, clock or at, date)


def test_a_page_is_read_by_name_and_labels() -> None:
    read = page(WELL)

    assert read.number("ws_active", instance="a") == 30
    assert read.number("ws_active", zone='x,"y"}') == 30
    assert read.total("ws_active") == 37.5
    assert [sample.value for sample in read.series("ws_retries_total")] == [214, 24]
    assert read.number("plain") == 3
    assert read.number("seconds_bucket", le="0.5") == 2
    kinds = {name: read.kind(name) for name in ("ws_active", "ws_retries_total", "plain", "seconds", "delay")}
    assert kinds == {
        "ws_active": "gauge",
        "ws_retries_total": "counter",
        "plain": "counter",
        "seconds": "histogram",
        "delay": "summary",
    }
    assert read.kind("seconds_bucket") == "histogram"
    assert read.defects == []


def test_an_openmetrics_page_is_read_in_the_same_way() -> None:
    text = (
        '# TYPE ws_retries counter\nws_retries_total 214 # {trace="7"} 1.0\nws_retries_created 5\n'
        '# TYPE mode stateset\nmode{mode="on"} 1\n# EOF\n'
    )
    read = page(text, OPENMETRICS)

    assert read.number("ws_retries_total") == 214
    assert (read.kind("ws_retries"), read.kind("ws_retries_total"), read.kind("mode")) == (
        "counter",
        "counter",
        "stateset",
    )
    assert read.defects == []


UNREADABLE = {
    "nothing": ("", "the page is empty"),
    "blank lines": ("\n\n", "the page is empty"),
    "comments alone": ("# nothing here\n", "the page has no samples"),
    "types alone": ("# TYPE a gauge\n", "the page has no samples"),
    "a value cut off": ("# TYPE a gauge\na 12", "cut off: its last line has no end"),
    "a name cut off": ("# TYPE a gauge\na", "cut off: its last line has no end"),
    "labels cut off": ('a 1\na{x="1', "cut off: its last line has no end"),
    "labels cut off, with a line end": ('a 1\na{x="1\n', "it is no sample (noticed in line 2)"),
    "no value": ('a{x="1"}\n', "it is no sample (noticed in line 1)"),
    "a type there is not": ("# TYPE a speed\na 1\n", "speed is no type (noticed in line 1)"),
    "no type": ("# TYPE a\na 1\n", "nothing is no type (noticed in line 1)"),
    "HTML": ("<html><body>log in</body></html>\n", "it is no sample (noticed in line 1)"),
    "JSON": ('{"a": 1}\n', "noticed in line 1"),
    "Windows lines": ("# TYPE a gauge\r\na 1\r\n", "it is no sample (noticed in line 2)"),
    "a word for a value": ("a many\n", "a is many, not a number (noticed in line 1)"),
    "a number with underscores": ("a 1_000\n", "it is no sample"),
    "digits of another script": ("a \u0661\n", "it is no sample"),
    "two time stamps": ("a 1 2 3\n", "it is no sample"),
    "a time stamp in words": ("a 1 now\n", "it is no sample"),
    "an exemplar": ('a_total 1 # {x="1"} 1\n', "it is no sample"),
    "a label twice": ('a{x="1",x="2"} 1\n', "has the label x twice"),
    "a label without quotes": ("a{x=1} 1\n", "a has labels that cannot be read"),
    "two labels without a comma": ('a{x="1" y="2"} 1\n', "a has labels that cannot be read"),
    "a name with a digit in front": ("1a 1\n", "1a has a name that no metric has"),
    "a zero byte": ("a\0b 1\n", "noticed in line 1"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_page_that_is_broken_anywhere_is_not_believed_anywhere(what: str) -> None:
    text, reason = UNREADABLE[what]
    assert reason in str(parse(text, CLASSIC).flaw)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'a{{x="{"y" * 10_000}"}} 1\n', "a line of the page is longer than the 8192 characters that are read"),
        ("a 1\n" * 20_001, "the page has more than the 20000 samples that are read"),
    ],
)
def test_a_page_that_is_too_much_for_us_may_be_well(text: str, reason: str) -> None:
    for form in (CLASSIC, OPENMETRICS):
        assert (parse(text, form).refused, parse(text, form).flaw) == (reason, None)


@needs("promtool")
def test_promtool_refuses_what_is_refused_here_and_takes_what_is_taken() -> None:
    ours_alone = {"nothing", "blank lines", "comments alone", "types alone", "no type"}
    for what, (text, _) in UNREADABLE.items():
        assert (checked(text) == 1) is (what not in ours_alone), what
    assert checked(WELL) != 1


def checked(text: str) -> int:
    """Return 0 where promtool likes a page, 3 where it has advice, 1 where it cannot read it."""
    command = [program("promtool"), "check", "metrics"]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=60).returncode


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a 1\n", "Missing # EOF at end"),
        ("a 1\n# EO", "Invalid line: # EO"),
        ("# EOF\n", "the page has no samples"),
        ("# TYPE a_total counter\na_total 1\n# EOF\n", "Clashing name: a_total"),
        ("# TYPE a gauge\n# TYPE b gauge\nb 1\na 2\n# EOF\n", "Clashing name: a"),
        ("a 1\n\n# EOF\n", "Received blank line"),
        ("a 1\n# EOF\nb 2\n", "Received line after # EOF"),
        ('# TYPE h histogram\nh_bucket{le="1"} 5\nh_bucket{le="+Inf"} 2\n# EOF\n', "Bucket values out of order"),
        ("# TYPE a speed\na 1\n# EOF\n", "speed is no type"),
    ],
)
def test_an_openmetrics_page_is_held_to_its_own_rules(text: str, reason: str) -> None:
    flaw = str(parse(text, OPENMETRICS).flaw)
    assert reason in flaw


@pytest.mark.parametrize(
    ("form", "text", "defect"),
    [
        (CLASSIC, "# TYPE a gauge\na 1\na 2\n", "a stands twice"),
        (CLASSIC, '# TYPE a gauge\na{x="1",y="2"} 1\na{y="2",x="1"} 1\n', 'a{y="2",x="1"} stands twice'),
        (OPENMETRICS, '# TYPE a gauge\na{x="1",y="2"} 1\na{y="2",x="1"} 1\n# EOF\n', "a series of a stands twice"),
        (CLASSIC, "# TYPE a gauge\na NaN\n", "a is NaN"),
        (CLASSIC, '# TYPE a gauge\na{x="1"} +Inf\n', 'a{x="1"} is +Inf'),
        (CLASSIC, "# TYPE a gauge\na 1e999\n", "a is +Inf"),
        (CLASSIC, "# TYPE a_total counter\na_total -5\n", "a_total is -5, which no counter can be"),
        (CLASSIC, "a 1\n# TYPE a gauge\n", "the TYPE of a comes after its samples"),
        (CLASSIC, "# TYPE a gauge\na 1\n# TYPE a counter\n", "a is said to be a gauge and a counter"),
        (
            CLASSIC,
            '# TYPE a gauge\na{x="1"} 1\n# TYPE b gauge\nb 1\na{x="2"} 2\n',
            "the samples of a do not stand together",
        ),
        (
            CLASSIC,
            "# TYPE a summary\na_sum 1\n# TYPE b gauge\nb 1\na_count 2\n",
            "the samples of a do not stand together",
        ),
    ],
)
def test_a_defect_that_leaves_the_rest_readable_is_listed(form: str, text: str, defect: str) -> None:
    assert page(text, form).defects == [defect]


def test_a_summary_of_several_things_stands_together() -> None:
    text = "# TYPE a summary\n" + "".join(
        f'a{{of="{of}",quantile="0.5"}} 1\na_sum{{of="{of}"}} 2\na_count{{of="{of}"}} 2\n' for of in "xyz"
    )
    assert page(text, CLASSIC).defects == []


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda p: p.number("ws_activ"), "ws_activ is missing"),
        (lambda p: p.number("ws_active"), "ws_active has 2 series where one is expected: ws_active{instance="),
        (lambda p: p.number("ws_active", instance="c"), 'ws_active{instance="c"} is missing; there is ws_active{inst'),
        (lambda p: p.total("ws_active", instance="c"), 'ws_active{instance="c"} is missing'),
        (lambda p: p.number("delay", quantile="0.9"), 'delay{quantile="0.9"} is NaN, not a finite number'),
        (lambda p: p.counters("ws_active"), "ws_active is a gauge, not a counter"),
        (lambda p: p.kind("nothing"), "nothing is missing"),
    ],
)
def test_a_reading_that_is_not_there_is_no_data(read: Callable[[Page], Any], reason: str) -> None:
    with pytest.raises(NoData) as nothing:
        read(page(WELL))
    assert reason in str(nothing.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# TYPE a gauge\na 1\na 1\n", "a series of a stands twice"),
        ('# TYPE a gauge\na{x="1"} NaN\na{x="2"} 1\n', 'a{x="1"} is NaN, not a finite number'),
        ("# TYPE a gauge\na 1 600000\n", "a is 400 s old by its own time stamp"),
        ("# TYPE a gauge\na 1 1100000\n", "a is of 100 s from now by its own time stamp"),
    ],
)
def test_a_value_that_nobody_can_believe_is_no_data(text: str, reason: str) -> None:
    with pytest.raises(NoData) as nothing:
        page(text, at=1000).total("a")
    assert str(nothing.value) == reason


def test_a_family_that_is_only_announced_is_missing() -> None:
    with pytest.raises(NoData, match="a has a TYPE and no sample"):
        page("# TYPE a gauge\n# TYPE a_b gauge\na_b 1\n").kind("a")


# -- two looks ----------------------------------------------------------------------------------------------


def counter(value: float, start: float | None = 500, at: float = 1000, **more: Any) -> Page:
    """Return a page of one counter and the start of its process."""
    began = "" if start is None else f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {start}\n"
    return page(f"# TYPE n_total counter\nn_total {value}\n{began}", at=at, **more)


def test_a_counter_grows_by_the_difference_in_the_time_of_a_clock_that_nobody_sets() -> None:
    found = growth(counter(10), counter(14, at=1002.3, clock=1002), "n_total")

    assert (found.increase, found.seconds, found.per_second, found.restarted) == (4, 2, 2, False)


@pytest.mark.parametrize(
    ("before", "after", "increase", "restarted"),
    [
        ((10, 500), (3, 1001), 3, True),
        ((10, 500), (12, 1001), 12, True),  # it began anew and has overtaken what it was
        ((10, 500), (0, 1001), 0, True),
        ((10, 500), (12, 501), 2, False),  # the start of one process, told with a second's difference
        ((10, None), (12, None), 2, False),
        ((10, 500), (10, 500), 0, False),
    ],
)
def test_a_fall_is_a_restart_only_where_the_process_began_anew(
    before: tuple[float, float | None], after: tuple[float, float | None], increase: float, restarted: bool
) -> None:
    found = growth(counter(*before), counter(*after, at=1002), "n_total")

    assert (found.increase, found.restarted) == (increase, restarted)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (counter(10), counter(3, at=1002), "n_total fell from 10 to 3 without a restart"),
        (counter(10, None), counter(3, None, at=1002), "does not say whether its process began anew"),
        (counter(10, None), counter(3, 1001, at=1002), "does not say whether its process began anew"),
        (counter(10, 500), counter(3, 400, at=1002), "two processes answer in turn"),
        (counter(10, 500), counter(12, 400, at=1002), "two processes answer in turn"),
        (counter(10, 500), counter(3, 700, at=1002), "another process answered: it began at 700.000"),
        (counter(10, 500), counter(12, 2000, at=1002), "another process answered: it began at 2000.000"),
        (counter(10), counter(12, at=1000), "no time between the two looks"),
        (counter(10), counter(12, at=990), "or the clock was set back"),
        (counter(10), counter(12, at=4600, clock=1002), "the clock was set by 3598 s between"),
        (counter(10), counter(12, at=900, clock=1002), "or the clock was set back"),
        (counter(10, date="Mon"), counter(10, at=1002, date="Mon"), "both looks got the same answer, of Mon"),
        (counter(10), page("# TYPE n_total gauge\nn_total 12\n", at=1002), "n_total is a gauge, not a counter"),
        (counter(10), counter(-1, at=1002), "n_total is -1, which no counter can be"),
        (counter(10), page("# TYPE m gauge\nm 1\n", at=1002), "n_total is missing"),
        (
            page("# TYPE n_total counter\nn_total 1 999000\n"),
            page("# TYPE n_total counter\nn_total 1 999000\n", at=1002),
            "n_total was taken only once, by its own time stamp",
        ),
    ],
)
def test_a_growth_that_cannot_be_told_is_no_data(before: Page, after: Page, reason: str) -> None:
    with pytest.raises(NoData) as nothing:
        growth(before, after, "n_total")
    assert reason in str(nothing.value)


def test_several_series_grow_together_and_none_may_vanish() -> None:
    two = '# TYPE n_total counter\nn_total{k="a"} 10\nn_total{k="b"} 5\n'
    three = '# TYPE n_total counter\nn_total{k="a"} 11\nn_total{k="b"} 7\nn_total{k="c"} 2\n'

    assert growth(page(two), page(three, at=1002), "n_total").increase == 5
    assert growth(page(two), page(three, at=1002), "n_total", k="b").increase == 2
    with pytest.raises(NoData, match="is gone without a restart"):
        growth(page(three), page(two.replace("5", "9").replace("10", "12"), at=1002), "n_total")


def test_counters_that_fall_are_named_unless_their_process_began_anew() -> None:
    assert fallen(counter(10), counter(3, at=1002), "n_total") == ["n_total fell from 10 to 3"]
    assert fallen(counter(10, None), counter(3, None, at=1002), "n_total") == ["n_total fell from 10 to 3"]
    assert fallen(counter(10), counter(3, 1001, at=1002), "n_total") == []
    assert fallen(counter(10), counter(10, at=1002), "n_total") == []


# -- hostile pages and sizes --------------------------------------------------------------------------------


def test_no_garbled_page_makes_the_parser_stumble() -> None:
    chance = random.Random(7)
    openmetrics = (
        '# TYPE a counter\na_total{x="1"} 1 1.5 # {t="7"} 1 2\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\n# EOF\n'
    )
    flaws = 0
    for _ in range(600):
        for form, text in ((CLASSIC, WELL), (OPENMETRICS, openmetrics)):
            garbled = list(text)
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(garbled))
                garbled[place : place + chance.randint(0, 3)] = chance.choice(
                    ['"', "{", "}", "\\", "\n", "#", " ", "9"]
                )
            found = parse("".join(garbled), form)
            flaws += found.flaw is not None
            assert found.flaw is None or found.flaw.startswith("the page ")
    assert 100 < flaws < 1200


def test_the_largest_page_that_is_read_takes_seconds_and_not_minutes() -> None:
    lines = (f'req{{host="h{n % 9}",path="/api/v1/{n}"}} {n}\n' for n in range(20_000))
    text = "# TYPE req gauge\n" + "".join(lines)

    began = time.process_time()
    read = page(text)
    assert time.process_time() - began < 10
    assert read.total("req") == sum(range(20_000))
    began = time.process_time()
    assert page(text).total("req", host="h1") > 0
    assert time.process_time() - began < 1


class Works(System):
    """A page somewhere."""

    name = "works"
    url: Url
    token: Secret | None = None


METRICS = Exposition(Works, "/metrics")


def ask(url: str, most: int = 8_000_000, deadline: float = 20, secret: Secret | None = None) -> Observation:
    """Ask for a page once."""
    request = ExpositionRequest("works GET /metrics", "GET", Url(url), "/metrics", secret, deadline, most)
    redactor = Redactor()
    redactor.learn(request.secrets)
    seen, connection = request.make(None, redactor)
    if connection is not None:
        connection.close()
    return seen


def served(text: bytes, kind: str = "text/plain; version=0.0.4", code: int = 200) -> Callable[[Peer], None]:
    head = f"HTTP/1.1 {code} Said\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    return told(head.encode() + text)


def refusal(seen: Observation) -> str:
    """Return why there is no page."""
    with pytest.raises(NoData) as nothing:
        page_of(seen)
    return str(nothing.value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/plain; version=0.0.4; charset=utf-8", WELL),
        ("text/plain", WELL),
        ('Text/Plain;version="0.0.4"', WELL),
        ("application/openmetrics-text; version=1.0.0", '# TYPE ws_active gauge\nws_active{instance="a"} 30\n# EOF\n'),
    ],
)
def test_the_content_type_says_how_a_page_is_read(hostile: Callable[..., Hostile], kind: str, text: str) -> None:
    seen = ask(hostile(served(text.encode(), kind)).url)

    assert page_of(seen).number("ws_active", instance="a") == 30
    assert seen.facts["content_type"].startswith(kind[:10])


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (served(WELL.encode(), "text/html"), "the answer is text/html, not a metrics page"),
        (served(b"{}", "application/json"), "the answer is application/json, not a metrics page"),
        (served(WELL.encode(), ""), "the answer is of no type, not a metrics page"),
        (served(WELL.encode(), "text/plain; version=9"), "the answer is text/plain; version=9, not a metrics page"),
        (served(b"a \xff\n"), "the page is not UTF-8 text (byte 2)"),
        (served(WELL.encode(), code=503), "it answered 503, not 200"),
        (told(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"), "a redirect to /login"),
        (
            told(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
            "the answer is encoded as gzip",
        ),
        (then(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\na 1\n", lambda _: None), "before the answer was complete"),
        (told(HEAD + b"Connection: close\r\n\r\n# TYPE a gauge\na 12"), "the page is cut off"),
    ],
)
def test_an_answer_that_is_no_page_says_what_it_is(
    hostile: Callable[..., Hostile], behave: Callable[[Peer], None], reason: str
) -> None:
    assert reason in refusal(ask(hostile(behave).url))


def test_a_page_that_comes_in_drops_is_late(hostile: Callable[..., Hostile]) -> None:
    seen = ask(hostile(then(HEAD + b"\r\n", lambda peer: peer.trickle(b"a 1\n"))).url, deadline=0.4)

    assert (seen.status, refusal(seen)[:32]) == ("late", "no complete answer within 400 ms")


def test_a_page_may_not_repeat_what_it_was_sent(hostile: Callable[..., Hostile]) -> None:
    token = 'planted-"token"-0123456789'
    plainly = served(f"# {token}\na 1\n".encode())
    escaped = served(b'a{x="planted-\\"token\\"-0123456789"} 1\n')

    seen = ask(hostile(plainly).url, secret=Secret(token))
    assert token not in str(seen.facts)
    assert page_of(seen).number("a") == 1
    seen = ask(hostile(escaped).url, secret=Secret(token))
    assert "planted" not in str(seen.facts)
    assert refusal(seen) == "the page repeats a secret that was sent to it"


def test_fifty_megabytes_of_series_are_refused_in_little_time_and_space(hostile: Callable[..., Hostile]) -> None:
    line = b'series{path="/api/v1/some/where/or/other/that/is/rather/long",number="%07d"} 12345.678\n'
    flood = b"".join(line % number for number in range(50_000_000 // len(line % 0)))
    server = hostile(served(flood))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    began = time.monotonic()
    seen = ask(server.url)
    assert (seen.status, refusal(seen)) == ("oversized", "the answer is larger than 8000000 bytes")
    assert refusal(ask(server.url, most=60_000_000)).startswith("the page has ")
    assert time.monotonic() - began < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kB: the answer itself, and its copy


# -- in a run -----------------------------------------------------------------------------------------------

CHECKS = '''\
"""What a boiler tells of itself."""

from checks.boiler import Boiler
from healthgate import Exposition, Measured, at_most, below, check, equals, fallen, measure

METRICS = Exposition(Boiler, "/metrics")
TOLD = dict(cause="c", action="a", runbook="r", name="n")


@measure(METRICS, METRICS.again)
def falls(before, after):
    """Counters that fell."""
    found = fallen(before, after, "retries_total", "errors_total")
    return Measured(len(found), "; ".join(found))


@check("boiler.page", METRICS.sound, stays=equals(True), **TOLD)
@check("boiler.active", METRICS["active"].labelled(side="left"), stays=below(100), **TOLD)
@check("boiler.all", METRICS["active"].total(), stays=below(100), **TOLD)
@check("boiler.type", METRICS.kind("active"), stays=equals("gauge"), **TOLD)
@check("boiler.falls", falls, stays=at_most(0), **TOLD)
@check("boiler.retries", METRICS["retries_total"].per_second("boiler.falls"), stays=below(0.5), **TOLD)
@check("boiler.errors", METRICS["errors_total"].per_second("boiler.falls"), stays=below(0.5), **TOLD)
def test_page(verdict):
    """It is well."""
    assert verdict.healthy, verdict
'''


def pages(*texts: str) -> Callable[[Any], None]:
    """Return an answer that gives one page after the other, and then the last again."""
    left = list(texts)

    def answer(handler: Any) -> None:
        text = (left.pop(0) if len(left) > 1 else left[0]).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; version=0.0.4")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    return answer


def boiler(retries: int, errors: int, more: str = "") -> str:
    return (
        f'# TYPE active gauge\nactive{{side="left"}} 30\nactive{{side="right"}} 12\n'
        f"# TYPE retries_total counter\nretries_total {retries}\n# TYPE errors_total counter\nerrors_total {errors}\n"
        f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1000\n{more}"
    )


def test_one_page_is_asked_for_twice_and_read_by_all(project: Project, target: Target) -> None:
    project.write("checks/boiler/test_boiler.py", CHECKS)
    target.answers["/metrics"] = pages(boiler(100, 7), boiler(100, 9, "# TYPE odd gauge\nodd NaN\n"))
    run = project.check("--sample", "100ms", "--snapshot-out", "s.json")

    assert target.counts() == {"/metrics": 2}
    assert run.states == {
        "boiler.page": "ok",
        "boiler.active": "ok",
        "boiler.all": "ok",
        "boiler.type": "ok",
        "boiler.falls": "ok",
        "boiler.retries": "ok",
        "boiler.errors": "missed",
    }, run.text
    read = {one["id"]: one["value"] for one in run.results["checks"]}
    assert (read["boiler.active"], read["boiler.all"], read["boiler.retries"]) == (30, 42, 0)
    assert project.check("--snapshot-in", "s.json").states == run.states


@pytest.mark.parametrize(
    ("text", "states"),
    [
        (boiler(1, 1, "# TYPE odd gauge\nodd NaN\n"), {"boiler.page": "critical", "boiler.active": "ok"}),
        (boiler(1, 1)[:-1], {"boiler.page": "critical", "boiler.active": "unknown"}),
        (boiler(1, 1) * 2, {"boiler.page": "critical", "boiler.active": "unknown"}),
        (boiler(1, 1, "#" * 9_000 + "\n"), {"boiler.page": "unknown", "boiler.active": "unknown"}),
    ],
)
def test_a_page_that_is_garbled_is_known_to_be(text: str, states: dict[str, str]) -> None:
    """What cannot be read is no data for its readers, and the answer to whether it can be read."""
    facts = {"code": 200, "type": "text/plain", "text": text, "form": CLASSIC, "date": "", "clock": 1.0}
    seen = {METRICS.id: Observation(METRICS.id, "answered", 1000.0, 1, 1, None, facts)}
    scene = Scene("here", {"works": Works(url=Url("http://127.0.0.1"))}, seen)

    found = {}
    for name, source, limit in (
        ("boiler.page", METRICS.sound, equals(True)),
        ("boiler.active", METRICS["active"].labelled(side="left"), below(100)),
    ):
        try:
            value = source.value(scene)
            found[name] = limit.judge(value.value if isinstance(value, Measured) else value).value
        except NoData:
            found[name] = "unknown"
    assert found == states


def test_a_counter_that_falls_is_one_finding_and_explains_the_rate(project: Project, target: Target) -> None:
    project.write("checks/boiler/test_boiler.py", CHECKS)
    target.answers["/metrics"] = pages(boiler(100, 7), boiler(100, 2))
    run = project.check("--sample", "100ms", "-k", "falls or errors or retries")

    assert run.states == {"boiler.falls": "missed", "boiler.retries": "ok", "boiler.errors": "blocked"}, run.text
    assert "errors_total fell from 7 to 2" in run.text


def test_the_second_look_is_the_same_request_again() -> None:
    assert isinstance(METRICS.again, Later)
    assert METRICS.again is METRICS.again
    rate = METRICS["n_total"].per_second()
    systems = {"works": Works(url=Url("http://127.0.0.1"))}
    assert rate.probes(systems) == (METRICS, METRICS.again)
    facts = {"code": 200, "type": "text/plain", "form": CLASSIC, "date": ""}
    seen = {
        name: Observation(name, "answered", 1000 + later, 1, 1, None, {**facts, "text": text, "clock": later})
        for name, later, text in (
            (METRICS.id, 1.0, "# TYPE n_total counter\nn_total 1\n"),
            (METRICS.id + AGAIN, 3.0, "# TYPE n_total counter\nn_total 7\n"),
        )
    }
    found = rate.value(Scene("here", systems, seen))
    assert (found.value, found.detail) == (3, "6 in 2 s")
    assert exposition_format.parse.cache_info().hits > 0


def test_what_has_no_type_is_no_defect_and_counts_where_a_check_says_so() -> None:
    """Exporters may leave the TYPE lines out; one that says gauge means it."""
    first, second = page("n_total 10\nm 5\n"), page("n_total 12\nm 5\n", at=1002)

    assert second.defects == []
    assert growth(first, second, "n_total").increase == 2
    assert (second.kind("n_total"), second.number("m")) == ("untyped", 5)


ODD = {
    "a word": ("b many", "b is many, not a number"),
    "a hexadecimal number": ("b 0x10", "b is 0x10, not a number"),
    "a number and a unit": ("b 12ms", "b is 12ms, not a number"),
    "two points": ("b 1.2.3", "b is 1.2.3, not a number"),
    "with labels": ('b{x="1"} -', 'b{x="1"} is -, not a number'),
    "a label twice": ('b{x="1",x="2"} 1', 'b{x="1"} has the label x twice'),
    "a label without quotes": ("b{x=1} 1", "b has labels that cannot be read"),
    "a label without a value": ('b{"x"} 1', "b has a label x without a value"),
    "two labels without a comma": ('b{x="1" y="2"} 1', "b has labels that cannot be read"),
}


@pytest.mark.parametrize("form", [CLASSIC, OPENMETRICS])
@pytest.mark.parametrize("how", ODD)
def test_an_odd_series_is_no_number_and_costs_no_other(how: str, form: str) -> None:
    """It is a defect of the page, in words for people."""
    line, words = ODD[how]
    end = "# EOF\n" if form == OPENMETRICS else ""
    read = page(f"# TYPE a gauge\na 1\n# TYPE b gauge\n{line}\n# TYPE c gauge\nc 3\n{end}", form)

    assert (read.number("a"), read.number("c")) == (1, 3)
    assert read.defects == [words]
    for reading in (read.number, read.total):
        with pytest.raises(NoData) as nothing:
            reading("b")
        assert str(nothing.value) == words


def test_a_series_whose_labels_cannot_be_read_may_be_any_of_its_metric() -> None:
    """A sum without it would be too small, and nobody would know."""
    read = page('a{x="1"} 1\na{x="2" y="3"} 5\n')

    with pytest.raises(NoData, match="a has labels that cannot be read"):
        read.total("a", x="1")


BRACED = {
    "alone": ('{"my.req"} 5', {}),
    "with a label": ('{"my.req",region="eu"} 5', {"region": "eu"}),
    "after a label": ('{region="eu","my.req"} 5', {"region": "eu"}),
    "with a quoted label": ('{"my.req","cloud.region"="eu"} 5', {"cloud.region": "eu"}),
    "with blanks": ('{ "my.req" , region = "eu" , } 5', {"region": "eu"}),
}


@pytest.mark.parametrize("how", BRACED)
@pytest.mark.parametrize("kind", ["counter", "gauge", "untyped"])
def test_a_series_in_braces_keeps_the_name_that_stands_there(how: str, kind: str) -> None:
    """Also that of a counter whose name does not end in _total."""
    line, labels = BRACED[how]
    read = page(f'# TYPE "my.req" {kind}\n{line}\n')

    assert (read.names, read.kind("my.req"), read.defects) == ({"my.req"}, kind, [])
    assert read.one("my.req").labels == labels
    assert kind == "gauge" or len(read.counters("my.req")) == 1


@pytest.mark.parametrize("form", [CLASSIC, OPENMETRICS])
@pytest.mark.parametrize("name", ["jvm.memory.used", "http.server-requests", "a.b:c"])
def test_a_name_that_has_to_stand_in_quotes_is_a_defect_and_is_read(name: str, form: str) -> None:
    """A Prometheus refuses the page; what it says is plain all the same, and so is the rest of it."""
    end = "# EOF\n" if form == OPENMETRICS else ""
    text = f'# HELP {name} Bytes.\n# TYPE {name} gauge\n{name} 1\n{name}{{area="heap"}} 2\n# TYPE ok gauge\nok 3\n'
    read = page(text + end, form)

    assert (read.one(name, area="heap").value, read.total(name), read.number("ok")) == (2, 3, 3)
    assert read.defects == [f"{name} is a name of a metric that has to stand in quotes"]


@pytest.mark.parametrize(("form", "kind"), [(CLASSIC, "untyped"), (CLASSIC, "unknown"), (OPENMETRICS, "untyped")])
def test_what_is_declared_to_have_no_type_has_none_and_is_no_defect(form: str, kind: str) -> None:
    end = "# EOF\n" if form == OPENMETRICS else ""
    read = page(f"# TYPE opens {kind}\nopens 3556\n{end}", form)

    assert (read.kind("opens"), read.number("opens"), read.defects) == ("untyped", 3556, [])
    assert [one.value for one in read.counters("opens")] == [3556]


@pytest.mark.parametrize("form", [CLASSIC, OPENMETRICS])
def test_parts_of_histograms_and_summaries_count(form: str) -> None:
    """Their families and quantiles do not."""
    end = "# EOF\n" if form == OPENMETRICS else ""
    read = page(
        '# TYPE h histogram\nh_bucket{le="+Inf"} 6\nh_count 6\nh_sum 1.2\n'
        '# TYPE s summary\ns{quantile="0.9"} 1\ns_count 4\ns_sum 2\n'
        f'# TYPE x_count summary\nx_count{{quantile="0.9"}} 1\n# TYPE g_sum gauge\ng_sum 1\n{end}',
        form,
    )

    counted = {"h_bucket": 6, "h_count": 6, "h_sum": 1.2, "s_count": 4, "s_sum": 2}
    assert {name: read.counters(name)[0].value for name in counted} == counted
    for name, kind in (("s", "summary"), ("x_count", "summary"), ("g_sum", "gauge")):
        with pytest.raises(NoData, match=f"{name} is a {kind}, not a counter"):
            read.counters(name)


@pytest.mark.parametrize("form", [CLASSIC, OPENMETRICS])
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"C:\Windows\Temp", r"C:\Windows\Temp"),
        (r"\d+\.\d", r"\d+\.\d"),
        (r"a\\b", r"a\b"),
        (r"say \"hi\" \x", r'say "hi" \x'),
        (r"C:\new", "C:\new"),
    ],
)
def test_an_escape_that_means_nothing_stays_as_it_is(written: str, meant: str, form: str) -> None:
    """As Prometheus reads it; no other series is lost."""
    end = "# EOF\n" if form == OPENMETRICS else ""
    read = page(f'# TYPE a gauge\na{{path="{written}"}} 1\n# TYPE b gauge\nb 2\n{end}', form)

    assert (read.one("a").labels, read.number("b")) == ({"path": meant}, 2)


GARBAGE = ("a 1 # {", "a{ 1", "{} 1", "a", "\0 1", "# TYPE a\na 1", "a 1 x", "a+b 1", "a -")


@pytest.mark.parametrize("form", [CLASSIC, OPENMETRICS])
@pytest.mark.parametrize("text", GARBAGE)
def test_no_reason_is_in_the_words_of_an_interpreter(text: str, form: str) -> None:
    end = "# EOF\n" if form == OPENMETRICS else ""
    found = parse(f"{text}\n{end}", form)

    assert found.flaw
    assert not re.search(r"Error|could not convert|invalid literal|unpack|out of range|NoneType|codec", found.flaw)
