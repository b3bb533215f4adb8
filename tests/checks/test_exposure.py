"""How safely the metrics route is reached from outside, and by whom: what is wrong with it is said in these words."""

import pytest

from healthgate.claim.state import State
from tests.checks.instances import blocked, said
from tests.checks.websocket_manager import OUTSIDE, PLAIN, TLS, handshake
from tests.checks.world import World

OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN

HTTPS, CHAIN, EXPIRY = "wsmanager.security.https", "wsmanager.tls.chain", "wsmanager.tls.expiry"
ACCESS = "wsmanager.security.access"


def shown(days: float = 62, **facts: str) -> World:
    world = World()
    world.observations[TLS].facts = handshake(days, **facts)
    return world


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"chain": "self-signed certificate"}, "self-signed certificate"),
        ({"name": "it is for other.example.com"}, "it is for other.example.com"),
        ({"version": "TLSv1.1"}, "TLSv1.1 is older than TLSv1.2"),
        ({"chain": "certificate has expired", "name": "it is for nobody"}, "certificate has expired; it is for nobody"),
    ],
)
def test_a_bad_certificate_or_protocol_is_named(facts, words):
    for check_id in (HTTPS, CHAIN):
        said(shown(**facts), check_id, CRITICAL, words)
    said(shown(version="TLSv1.2"), CHAIN, OK, "TLSv1.2, issued by CN=Authority")


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (62, OK, "ends in 62 days"),
        (21, OK, "ends in 21 days"),
        (20.999, WARNING, "ends in 21 days"),
        (7, WARNING, "ends in 7 days"),
        (6.999, CRITICAL, "ends in 7 days"),
        (0.25, CRITICAL, "ends in 6 h"),
        (-0.5, CRITICAL, "expired 12 h ago"),
        (-1, CRITICAL, "expired 1 day ago"),
        (-3, CRITICAL, "-3 days (CN=app.example.com, expired 3 days ago)"),
    ],
)
def test_a_certificate_must_last(days, state, words):
    said(shown(days), EXPIRY, state, words)


@pytest.mark.parametrize("status", ["refused", "reset", "unresolved", "plain"])
def test_that_nothing_speaks_tls_is_one_finding(status):
    world = World().fail(TLS, status, "it ended so")
    said(world, HTTPS, CRITICAL, "it ended so")
    for check_id in (CHAIN, EXPIRY):
        blocked(world, check_id, HTTPS)


@pytest.mark.parametrize("status", ["late", "tls", "malformed", "missing", "unreachable"])
def test_a_handshake_that_proves_nothing_is_unknown(status):
    said(World().fail(TLS, status, "who knows"), HTTPS, UNKNOWN, "who knows")


def test_served_in_plain_is_told_even_where_the_handshake_says_nothing():
    world = World().fail(TLS, "late", "who knows").answer(PLAIN, 200)
    said(world, HTTPS, CRITICAL, "plain HTTP answered 200")
    both = shown(chain="self-signed certificate").fail(PLAIN, "late", "too late")
    said(both, HTTPS, CRITICAL, "self-signed certificate")


TO_HTTPS = "https://app.example.com/api/ws/metrics"


@pytest.mark.parametrize(
    ("code", "location", "state"),
    [
        (301, TO_HTTPS, OK),
        (308, TO_HTTPS, OK),
        (302, TO_HTTPS, CRITICAL),
        (307, TO_HTTPS, CRITICAL),
        (308, "http://app.example.com/other", CRITICAL),
        (308, "", CRITICAL),
        (200, "", CRITICAL),
        (204, "", CRITICAL),
        (403, "", OK),
        (404, "", OK),
        (426, "", OK),
        (429, "", UNKNOWN),
        (503, "", UNKNOWN),
    ],
)
def test_plain_http_redirects_for_good_or_refuses(code, location, state):
    world = World().answer(PLAIN, code, **({"location": location} if location else {}))
    said(world, HTTPS, state, f"plain HTTP answered {code}" if state is not OK else "plain HTTP is turned away")


@pytest.mark.parametrize(("status", "state"), [("refused", OK), ("reset", OK), ("late", UNKNOWN), ("tls", UNKNOWN)])
def test_plain_http_may_be_refused_altogether(status, state):
    said(World().fail(PLAIN, status, "it ended so"), HTTPS, state)


@pytest.mark.parametrize(
    ("code", "state"),
    [(401, OK), (403, OK), (404, OK), (200, WARNING), (204, WARNING), (302, UNKNOWN), (429, UNKNOWN), (500, UNKNOWN)],
)
def test_callers_from_outside_are_turned_away(code, state):
    said(World().answer(OUTSIDE, code), ACCESS, state, str(code))


def test_an_open_door_is_told_even_if_too_much_came_through_it_to_be_read():
    said(World().fail(OUTSIDE, "oversized", "it is too large", code=200), ACCESS, WARNING, "200")


@pytest.mark.parametrize("status", ["refused", "reset", "late"])
def test_no_connection_from_outside_counts_only_where_the_front_is_there(status):
    world = World().fail(OUTSIDE, status, "it ended so")
    said(world, ACCESS, OK, "no connection from outside")
    blocked(world.fail(TLS, "refused", "nothing there"), ACCESS, HTTPS)


@pytest.mark.parametrize("status", ["starved", "unreachable", "tls", "unresolved", "malformed"])
def test_what_says_nothing_of_who_is_let_in_is_unknown(status):
    said(World().fail(OUTSIDE, status, "who knows"), ACCESS, UNKNOWN, "who knows")


def test_a_bad_certificate_hides_nobody_who_is_let_in():
    world = shown(chain="self-signed certificate").answer(OUTSIDE, 200)
    said(world, ACCESS, WARNING, "200")


def test_where_no_plain_address_is_named_a_dead_front_is_still_told():
    world = World().fail(TLS, "refused", "nothing there")
    world.systems["wsmanager"].plain_url = None
    for check_id in (CHAIN, EXPIRY):
        said(world, check_id, UNKNOWN, "nothing there")
