"""Command line of the lab: run it, break it, fix it."""

import argparse
import json
import os
import random
import signal
import stat
import sys
import textwrap
import time
from contextlib import suppress
from typing import Any

from lab import running
from lab.faults import catalogue
from lab.faults.catalogue import BadParametersError, UnknownFaultError, Values
from lab.ports import BLOCK

USAGE_ERROR = 4
HIGHEST = 65_536 - BLOCK
MOST_CLIENTS = 4000
REACHED_BY = {
    "gateway": "LAB_GATEWAY_URL",
    "market service": "LAB_MARKET_URL",
    "client stream": "LAB_STREAM_URL",
    "market, outside": "LAB_MARKET_OUTSIDE",
    "price feed, binary": "LAB_FEED_BINARY_URL",
    "price feed, JSON": "LAB_FEED_JSON_URL",
    "event stream": "LAB_SSE_STREAM_URL",
    "redis-node-1": "LAB_REDIS_NODE_1",
    "redis-node-2": "LAB_REDIS_NODE_2",
    "redis-node-3": "LAB_REDIS_NODE_3",
    "control plane": "LAB_CONTROL_URL",
    "logs": "LAB_LOGS",
    "logs since": "LAB_INSTALLED",
}


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lab", description="Run the reference trading stack and break it on purpose."
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON variables when ready")
    parser.add_argument("--attach", action="store_true", help="with --json: use a running lab if there is one")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[:k=v,k=v]", help="inject once healthy (repeatable)"
    )
    parser.add_argument("--port-base", type=int, metavar="N", help=f"use {BLOCK} ports from N on (default: free ones)")
    parser.add_argument("--time-scale", type=float, default=60.0, metavar="X", help="production seconds per lab second")
    parser.add_argument(
        "--sse-clients", type=int, default=8, metavar="N", help="clients that always have an event stream open"
    )
    parser.add_argument("--seed", type=int, help="seed of the price walk (default: random, printed)")
    parser.add_argument("--redis", choices=("auto", "embedded", "system"), default="auto")
    commands = parser.add_subparsers(dest="command", metavar="{fault,heal,faults}")
    fault = commands.add_parser("fault", help="inject a fault into the running lab")
    fault.add_argument("written", metavar="NAME[:k=v,k=v]")
    heal = commands.add_parser("heal", help="lift one fault of the running lab, or all")
    heal.add_argument("handle", nargs="?")
    commands.add_parser("faults", help="list every fault and its parameters")
    found = parser.parse_args(words)
    if found.attach and not found.json:
        parser.error("--attach goes with --json")
    if found.port_base is not None and not 1024 <= found.port_base <= HIGHEST:
        parser.error(f"--port-base must be from 1024 to {HIGHEST}")
    if not 0 <= found.sse_clients <= MOST_CLIENTS:
        parser.error(f"--sse-clients must be from 0 to {MOST_CLIENTS}")
    if found.time_scale < 1:
        parser.error("--time-scale must be 1 or more")
    return found


def _fail(message: str) -> int:
    print(f"lab: {message}", file=sys.stderr)
    return USAGE_ERROR


def _wanted_faults(written: list[str]) -> list[tuple[str, Values]]:
    from_environment = [part for part in os.environ.get("LAB_FAULTS", "").split(";") if part.strip()]
    return [catalogue.parse(one) for one in (*written, *from_environment)]


def _print_catalogue() -> int:
    for fault in catalogue.listing():
        print(f"{fault['id']}  ({fault['layer']})")
        print(textwrap.fill(fault["what"], 100, initial_indent="    ", subsequent_indent="    "))
        for one in fault["parameters"]:
            usual = "required" if one.get("required") else f"default {json.dumps(one['default'])}"
            if one.get("default", "") is None:
                usual = "optional"
            line = f"{one['name']}: {one['meaning']} [{one['kind']}; {usual}]"
            print(textwrap.fill(line, 100, initial_indent="      - ", subsequent_indent="        "))
    return 0


def _inject(written: str) -> int:
    fault_id, params = catalogue.parse(written)
    variables = running.variables_of_running_lab()
    answer = running.call(variables, "POST", "/__lab/faults", {"id": fault_id, "params": params})
    print(f"{fault_id} is at work; lift it with: python -m lab heal {answer['handle']}")
    return 0


def _heal(handle: str | None) -> int:
    variables = running.variables_of_running_lab()
    if handle is None:
        running.call(variables, "POST", "/__lab/reset")
        print("every fault is lifted")
        return 0
    try:
        running.call(variables, "DELETE", f"/__lab/faults/{handle}")
    except running.RefusedError:
        active = [fault["handle"] for fault in running.call(variables, "GET", "/__lab/state")["faults"]]
        return _fail(f"{handle} is not a fault at work; there is {', '.join(active) or 'none'}")
    print(f"{handle} is lifted")
    return 0


def _attach(variables: dict[str, str]) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    print(json.dumps(variables), flush=True)
    parent, reads_pipe = os.getppid(), stat.S_ISFIFO(os.fstat(0).st_mode)
    if reads_pipe:
        os.set_blocking(0, False)
    while os.getppid() == parent:
        if reads_pipe:
            with suppress(BlockingIOError):
                if not os.read(0, 4096):
                    break
        time.sleep(0.05)
    return 0


def _show(variables: dict[str, str]) -> None:
    for name, variable in REACHED_BY.items():
        print(f"  {name:<20}{variables[variable]}")
    print(f"  {'seed':<20}{variables['LAB_SEED']}")
    print("\nCheck it:    pytest checks --env lab")
    print("Break it:    python -m lab fault F.mkt.pool:max_connections=50,active=47")
    print("Fix it:      python -m lab heal")
    print("All faults:  python -m lab faults", flush=True)


def _run(arguments: argparse.Namespace) -> int:
    from lab import ports, redis_cluster  # noqa: PLC0415 - the other commands start faster without
    from lab.directory import StartError  # noqa: PLC0415
    from lab.supervisor import Supervisor  # noqa: PLC0415

    faults = _wanted_faults(arguments.fault)
    try:
        binary = redis_cluster.server_binary(arguments.redis)
        base = arguments.port_base
        reservation = ports.reserve_any() if base is None else ports.reserve_from(base)
    except (redis_cluster.NoServerBinaryError, ports.PortsTakenError) as error:
        return _fail(str(error))
    seed = random.SystemRandom().randrange(2**31) if arguments.seed is None else arguments.seed
    try:
        supervisor = Supervisor(reservation, binary, seed, arguments.time_scale, faults, arguments.sse_clients)
    except StartError as error:
        return _fail(str(error))

    def ready() -> None:
        variables = supervisor.variables()
        if arguments.json:
            print(json.dumps(variables), flush=True)
        else:
            running.leave(variables)
            _show(variables)

    supervisor.on_ready = ready
    try:
        return supervisor.run(until_stdin_ends=arguments.json)
    finally:
        if not arguments.json:
            running.forget()


def main(words: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (4: wrong use)."""
    arguments = _arguments(sys.argv[1:] if words is None else words)
    try:
        match arguments.command:
            case "faults":
                return _print_catalogue()
            case "fault":
                return _inject(arguments.written)
            case "heal":
                return _heal(arguments.handle)
        running_lab: dict[str, Any] | None = None
        if arguments.attach or not arguments.json:
            with suppress(running.NoLabError):
                running_lab = running.variables_of_running_lab()
        if running_lab and arguments.attach:
            return _attach(running_lab)
        if running_lab:
            return _fail(f"a lab is already running (pid {running_lab['LAB_PID']})")
        return _run(arguments)
    except (UnknownFaultError, BadParametersError, running.NoLabError, running.RefusedError) as error:
        return _fail(str(error))


if __name__ == "__main__":
    sys.exit(main())
