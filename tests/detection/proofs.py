"""Claims only a lab can prove, since proving them breaks the system: each holds, fails with its fault, holds again.

A claim is measured from outside, over sockets and the log, against the limit of its row.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from functools import partial
from typing import Any

from tests.detection.cell import Fault, fault
from tests.detection.gateway import ROUTES
from tests.detection.market import COMPREHENSIVE, MARKET_DATA, WEBSOCKET
from tests.detection.proof import Measurement, Proof, beside
from tests.detection.sse_proofs import PROOFS as OF_THE_STREAMS
from tests.detection.wsmanager_proofs import PROOFS as OF_THE_MANAGER
from tests.lab_process import RunningLab, wait_until

LISTENERS = ("binary", "json")


def asked(lab: RunningLab, route: str, within_s: float, **headers: str) -> tuple[int | None, Any, float]:
    """GET a route of the gateway as superadmin; returns status (None: no answer in time), JSON, and seconds."""
    request = urllib.request.Request(
        lab.url("gateway") + route,
        headers={"Authorization": f"Bearer {lab.variables['LAB_SUPERADMIN_TOKEN']}", **headers},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    began = time.monotonic()
    try:
        with opener.open(request, timeout=within_s) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, raw = error.code, error.read()
    except TimeoutError:
        return None, None, time.monotonic() - began
    return status, json.loads(raw), time.monotonic() - began


LATEST_S = 31.0


def upstream_timeout(lab: RunningLab) -> Measurement:
    """The service hangs on one route: the gateway's answer there, and how it serves another meanwhile."""
    meanwhile: list[tuple[int | None, float]] = []

    def ask_elsewhere() -> None:
        status, _, took = asked(lab, ROUTES["redis_cluster"], 5)
        meanwhile.append((status, took))

    handle = lab.fault("F.http.hang", service="market", path=COMPREHENSIVE, scope="all")
    try:
        other = threading.Timer(1.0, ask_elsewhere)
        other.start()
        status, _, took = asked(lab, ROUTES["comprehensive"], LATEST_S)
        other.join()
    finally:
        lab.heal(handle)
    responsive = meanwhile[0][0] == 200 and meanwhile[0][1] < 1.0
    seen = f"answered {status} after {took:.1f} s" if status else f"no answer in {LATEST_S:g} s"
    return Measurement(status == 504 and took <= LATEST_S and responsive, f"{seen}, {meanwhile[0][0]} elsewhere")


def error_mapping(lab: RunningLab) -> Measurement:
    """The service is gone: what the gateway answers."""
    handle = lab.fault("F.http.down", service="market")
    try:
        status, body, _ = asked(lab, ROUTES["comprehensive"], 10)
    finally:
        lab.heal(handle)
    honest = body.get("success") is False and "data" not in body
    return Measurement(status in {502, 503} and honest, f"answered {status} with {', '.join(sorted(body))}")


def start(lab: RunningLab, broken: Fault | None, *, missing: str, line: str) -> Measurement:
    """Start the market service while something it needs is missing: what its log says, and whether it goes on."""
    parameters = broken.parameters if broken else {"broken": missing}
    handle = lab.fault("F.mkt.start", **parameters)
    try:
        text = lab.logged("market").rpartition("Starting Python Market Service")[2]
        row = lab.processes()["market"]
    finally:
        lab.heal(handle)
    told, complete, ended = line in text, "Startup complete" in text, row["state"] != "running"
    seen = [
        f'"{line}" is {"there" if told else "not there"}',
        f"completion is {'announced' if complete else 'not announced'}",
        f"the process {'ended with code ' + str(row['exit_code']) if ended else 'goes on'}",
    ]
    return Measurement(told and not complete and ended and row["exit_code"] not in {0, None}, ", ".join(seen))


BACK_WITHIN_S = 30.0


def restart(lab: RunningLab, broken: Fault | None, *, which: str) -> Measurement:
    """Crash a listener: whether it comes back by itself."""
    name = f"{which}_market_listener"

    def state() -> tuple[bool, int]:
        body = lab.get("market", COMPREHENSIVE)[1]
        listener = body["websocket_diagnostics"]["connection_status"]["listeners"][which]
        return bool(listener["is_running"]), int(body["service_status"]["services"][name]["restarts"])

    _, restarts = state()
    cause = broken or fault("F.mkt.service_crash", name=name)
    began = time.monotonic()
    handle = lab.fault(cause.id, **cause.parameters)
    try:
        wait_until(lambda: state()[0] and state()[1] > restarts, BACK_WITHIN_S, "the listener is back")
    except AssertionError:
        return Measurement(False, f"not back within {BACK_WITHIN_S:g} s")
    finally:
        lab.heal(handle)
    return Measurement(True, f"back after {time.monotonic() - began:.1f} s")


def warmup(lab: RunningLab) -> Measurement:
    """The feed breaks off and comes back: whether the warm-up is told of within 15 s, and prices are fresh in 60."""
    before = lab.logged("market").count("Market data warmup successful")
    lab.heal(lab.fault("F.http.down", service="feed"))

    def connected() -> bool:
        listeners = lab.get("market", WEBSOCKET)[1]["connection_status"]["listeners"]
        return all(listeners[kind]["connected"] for kind in LISTENERS)

    wait_until(connected, 30, "both listeners are connected again")
    try:
        wait_until(
            lambda: lab.logged("market").count("Market data warmup successful") > before, 15, "the warm-up is told"
        )
    except AssertionError:
        return Measurement(False, "no warm-up within 15 s")

    def fresh() -> bool:
        return bool(lab.get("market", MARKET_DATA)[1]["data_freshness"]["freshness_rate"] > 95)

    wait_until(fresh, 60, "prices are fresh")
    return Measurement(True, "warmed up, prices are fresh")


def graceful_shutdown(lab: RunningLab) -> Measurement:
    """SIGTERM to the market service: how long it takes, how it ends, what is left."""
    within_s = 10.0
    ending = lab.control("POST", "/__lab/processes/market/terminate")
    held = ending["elapsed_s"] <= within_s and ending["exit_code"] == 0 and ending["left_connections"] == 0
    seen = f"ended after {ending['elapsed_s']:.1f} s with code {ending['exit_code']}"
    return Measurement(held, f"{seen}, {ending['left_connections']} connections left")


OF_THE_PLATFORM: dict[str, Proof] = {
    "gateway.upstream.timeout": Proof(
        "when the market service hangs, the gateway itself answers 504, and goes on serving other routes",
        "within 31 s",
        beside(upstream_timeout),
        fault("F.gw.no_upstream_timeout"),
    ),
    "gateway.upstream.error_mapping": Proof(
        "when the market service is gone, the gateway says so and invents no data",
        "502 or 503, success is false, no data",
        beside(error_mapping),
        fault("F.gw.mask_upstream"),
    ),
    **{
        f"market.startup.blocked[{parameter}]": Proof(
            f"without {what} the service logs the failed prerequisite, announces no completion, and ends",
            "exit code other than 0",
            partial(start, missing=missing, line=line),
            fault("F.mkt.start", broken=missing, ignore_prerequisites=True),
        )
        for parameter, what, missing, line in (
            ("redis", "Redis", "redis", "Redis cluster connectivity: FAILED"),
            ("env", "a needed variable", "environment", "Environment variables: FAILED"),
        )
    },
    **{
        f"market.listener.auto_restart[{which}]": Proof(
            f"a {which} listener that crashes comes back by itself",
            "within 30 s",
            partial(restart, which=which),
            fault("F.mkt.no_auto_restart", which=which),
        )
        for which in LISTENERS
    },
    "market.warmup.after_reconnect": Proof(
        "after the feed broke off, the warm-up runs and prices are fresh again",
        "told within 15 s, fresh within 60 s",
        beside(warmup),
        fault("F.mkt.no_warmup"),
    ),
    "market.shutdown.graceful": Proof(
        "told to stop, the service ends cleanly and leaves no connection behind",
        "within 10 s, exit code 0",
        beside(graceful_shutdown),
        fault("F.mkt.shutdown_hang", seconds=14),
    ),
}
"""Claims about the gateway and the market service."""

OF_A_PART = {"market": OF_THE_PLATFORM, "wsmanager": OF_THE_MANAGER, "sse": OF_THE_STREAMS}
"""Claims by the part of the lab that has to be up for them."""

PROOFS: dict[str, Proof] = {name: proof for part in OF_A_PART.values() for name, proof in part.items()}
"""The P3 rows that are no checks; what is measured in the lab is real time."""
