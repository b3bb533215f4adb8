"""Whatever an SSE service puts on its page, its stream and its log, a reading is taken or there is no data."""

from collections.abc import Iterator

from tests.checks import event_stream_service
from tests.checks.test_hostile_bodies import judged, judged_with_any_page, readers_of
from tests.checks.world import World

FIGURES = ("sse_active_connections", "sse_cleanup_total", "sse_health_status", "process_start_time_seconds")
VALUES = ("NaN", "+Inf", "-Inf", "-1", "1e308", "1e999", "9" * 4000, "x", "", "1 1", "1 99999999999999")


def hostile_event_stream_pages() -> Iterator[str]:
    yield from ("", "\n", "\x00\n", "{\n", "# TYPE\n", "<html>\n", "a 1", "a" * 9000 + " 1\n")
    whole = event_stream_service.page_text()
    for name in FIGURES:
        line = next(line for line in whole.splitlines() if line.startswith(name))
        yield whole.replace(line + "\n", "")
        yield whole.replace(f"# TYPE {name}", "# TYPE other")
        for value in VALUES:
            yield whole.replace(line, f"{name} {value}")
        for labels in ("{}", '{a="b"}', '{a="\\u0000"}'):
            yield whole.replace(line, f"{name}{labels} 1")
            yield whole.replace(line, f"{line}\n{name}{labels} 1")


def test_any_metrics_page_of_the_event_stream_service_may_be_anything():
    page = event_stream_service.METRICS
    readers = readers_of(page)
    assert len(readers) > 10
    judged_with_any_page(page, hostile_event_stream_pages(), readers)


def test_any_event_may_be_anything():
    readers = readers_of(event_stream_service.STREAM)
    assert readers
    for text in ("", "ping", "\x00", "\ud800", "x" * 10_000):
        for moment in (0.0, -1.0, 1e18):
            signs = [(moment, text), (moment, f":{text}")] * 3
            world = World()
            world.observations[event_stream_service.STREAM].facts = event_stream_service.followed(signs)
            judged(world, readers)


def test_any_figure_in_a_line_of_the_log_of_the_event_stream_service_may_be_anything():
    log = event_stream_service.LOG
    readers = readers_of(log)
    assert readers
    for kind in ("cleanup", "cycle", "config.ok"):
        for value in ("0", "9" * 5000, "0.0", "00"):
            world = World()
            for line in world.observations[log].facts["kinds"][kind]["lines"]:
                line[1].update({name: value for name in line[1] if "." not in value or "." in line[1][name]})
            judged(world, readers)
