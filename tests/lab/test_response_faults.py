"""Faults that change one answer on its way out."""

import json
import math
import socket
import threading
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.lab_process import RunningLab, wait_until

REDIS = "/api/python-health/debug/redis-cluster"
WEBSOCKET = "/api/debug/websocket"


def exchange(lab: RunningLab, service: str, path: str, at_most: int, within_s: float) -> bytes:
    """Send a raw request; returns up to `at_most` bytes that arrive within `within_s` seconds."""
    parts = urlsplit(lab.url(service))
    token = lab.variables["LAB_SUPERADMIN_TOKEN"]
    received = bytearray()
    deadline = time.monotonic() + within_s
    with socket.create_connection((parts.hostname, parts.port), timeout=within_s) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode()
        )
        while len(received) < at_most and (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            try:
                chunk = connection.recv(65536)
            except TimeoutError:
                break
            if not chunk:
                break
            received += chunk
    return bytes(received)


def at(body: Any, pointer: str) -> Any:
    for step in pointer[1:].split("/"):
        body = body[int(step)] if isinstance(body, list) else body[step]
    return body


@pytest.mark.parametrize(
    ("value", "shown"),
    [("x", "x"), (None, None), (42, 42), ([1], [1]), ("Infinity", math.inf)],
)
def test_a_member_takes_any_value(lab: RunningLab, value: Any, shown: Any) -> None:
    pointer = "/data/connection_pool/utilization_percent"
    handle = lab.fault("F.json.set", service="gateway", path=REDIS, pointer=pointer, value=value)
    assert at(lab.get("gateway", REDIS, "superadmin")[1], pointer) == shown
    lab.heal(handle)
    assert at(lab.get("gateway", REDIS, "superadmin")[1], pointer) == 18.0


def test_nan_is_sent_as_the_bare_token(lab: RunningLab) -> None:
    pointer = "/connection_status/last_message_age"
    lab.fault("F.json.set", service="market", path=WEBSOCKET, pointer=pointer, value="NaN")
    raw = exchange(lab, "market", WEBSOCKET, 1 << 20, 5)
    assert b'"last_message_age": NaN' in raw


def test_moments_are_worked_out_for_each_answer(lab: RunningLab) -> None:
    lab.fault("F.json.set", service="market", path=WEBSOCKET, pointer="/timestamp", value="now - 48")
    first, second = (lab.get("market", WEBSOCKET)[1]["timestamp"] for _ in range(2))
    assert first < second < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 40))


def test_members_can_be_shifted_and_dropped(lab: RunningLab) -> None:
    lab.fault("F.json.offset", service="market", path=WEBSOCKET, pointer="/error_categories/other", add=3)
    lab.fault("F.json.drop", service="market", path=WEBSOCKET, pointer="/connection_status/connected_since")
    body = lab.get("market", WEBSOCKET)[1]
    assert body["error_categories"]["other"] == 3
    assert "connected_since" not in body["connection_status"]


@pytest.mark.parametrize(("service", "path", "role"), [("gateway", REDIS, "superadmin"), ("market", WEBSOCKET, None)])
def test_a_frozen_body_keeps_its_time_stamps(lab: RunningLab, service: str, path: str, role: str | None) -> None:
    handle = lab.fault("F.json.freeze", service=service, path=path)
    first = lab.get(service, path, role)
    assert lab.get(service, path, role) == first
    if role:
        assert lab.get(service, path)[0] == 401
    lab.heal(handle)
    assert lab.get(service, path, role) != first


def test_calls_between_services_are_spared_unless_told_otherwise(lab: RunningLab) -> None:
    path = "/api/debug/redis-cluster"
    handle = lab.fault("F.http.status", service="market", path=path, status=500)
    assert lab.get("market", path)[0] == 500
    assert lab.get("gateway", REDIS, "superadmin")[0] == 200
    lab.heal(handle)
    lab.fault("F.http.status", service="market", path=path, status=500, scope="all")
    assert lab.get("gateway", REDIS, "superadmin")[0] == 502


def test_other_routes_are_left_alone(lab: RunningLab) -> None:
    lab.fault("F.http.status", service="gateway", path=REDIS, status=503, body={"down": True})
    assert lab.get("gateway", REDIS, "superadmin") == (503, {"down": True})
    assert lab.get("gateway", "/api/python-health", "admin")[0] == 200


def test_an_answer_can_be_late(lab: RunningLab) -> None:
    lab.fault("F.http.delay", service="gateway", path="/api/python-health", ms=300)
    started = time.monotonic()
    assert lab.get("gateway", "/api/python-health", "admin")[0] == 200
    assert time.monotonic() - started >= 0.3


def test_a_hanging_request_is_answered_once_the_fault_is_lifted(lab: RunningLab) -> None:
    handle = lab.fault("F.http.hang", service="gateway", path="/api/python-health")
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(lab.get("gateway", "/api/python-health", "admin")[0]))
    asking.start()
    wait_until(lambda: lab.requests()["gateway"].get("GET /api/python-health", 0) > 0, 5, "the request arrived")
    assert answers == []
    lab.heal(handle)
    asking.join(10)
    assert answers == [200]


def test_a_trickle_has_valid_headers_and_no_end(lab: RunningLab) -> None:
    lab.fault("F.http.trickle", service="market", path=WEBSOCKET)
    raw = exchange(lab, "market", WEBSOCKET, 1 << 20, 1.0)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert 3 <= body.count(b"\r\n1\r\n") <= 8
    assert not body.endswith(b"0\r\n\r\n")


def test_a_flood_is_streamed_without_being_held_in_memory(lab: RunningLab) -> None:
    lab.fault("F.http.flood", service="market", path=WEBSOCKET, mb=200)
    size = 0
    with urllib.request.urlopen(lab.url("market") + WEBSOCKET, timeout=30) as answer:
        while chunk := answer.read(1 << 20):
            size += len(chunk)
    assert size > 200 * 2**20
    memory = lab.get("market", "/api/debug/comprehensive")[1]["system_resources"]["memory_mb"]
    assert memory < 120


def test_a_reset_cuts_the_connection_after_the_request(lab: RunningLab) -> None:
    lab.fault("F.http.reset", service="market", path=WEBSOCKET)
    with pytest.raises(ConnectionResetError):
        exchange(lab, "market", WEBSOCKET, 1 << 20, 5)


def test_a_redirect_leads_back_to_itself(lab: RunningLab) -> None:
    lab.fault("F.http.redirect", service="market", path=WEBSOCKET)
    raw = exchange(lab, "market", WEBSOCKET, 1 << 20, 5)
    assert raw.startswith(b"HTTP/1.1 302")
    assert f"location: {WEBSOCKET}".encode() in raw


def test_bodies_of_the_wrong_kind(lab: RunningLab) -> None:
    for kind, content_type in (
        ("html", b"text/html"),
        ("encoding", b"application/json"),
        ("deep", b"application/json"),
    ):
        handle = lab.fault(f"F.http.{kind}", service="market", path=WEBSOCKET)
        head, _, body = exchange(lab, "market", WEBSOCKET, 1 << 20, 5).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"content-type: " + content_type in head
        if kind == "encoding":
            with pytest.raises(UnicodeDecodeError):
                body.decode()
        else:
            with pytest.raises((json.JSONDecodeError, RecursionError)):
                json.loads(body)
        lab.heal(handle)
