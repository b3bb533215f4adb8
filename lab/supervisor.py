"""Starts, watches, restarts and stops the processes of the lab: import once, then fork each."""

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import random
import resource
import secrets
import selectors
import shutil
import signal
import socket
import stat
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab import archive, artefacts, disk, prometheus, redis_cluster
from lab.clock import TimeScale, iso, now
from lab.directory import StartError, make_directory
from lab.faults.catalogue import Values
from lab.ports import HOST, OUTSIDE, Reservation
from lab.settings import INSTANCES, NODES, SERVERS, SERVICES, SSE_REDIS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_WITHIN_S: Final = 2.0
PARENT_CHECK_S: Final = 0.5
TOKEN_LIFE_S: Final = 7 * 86400
ENOUGH_FILES: Final = 65_536
PR_SET_PDEATHSIG: Final = 1
PR_SET_NAME: Final = 15


Environment = dict[str, str | None]
"""Variables set otherwise than usual for one start of a service; None: not set at all."""


@dataclass
class Process:
    """One process of the lab: its pid while it runs, and how often it was started."""

    name: str
    pid: int | None = None
    exit_code: int | None = None
    starts: tuple[float, ...] = ()

    def as_dict(self, restart_window_s: float) -> dict[str, Any]:
        """Row of the process table; restarts are those of the last hour (in lab time)."""
        recent = [moment for moment in self.starts[1:] if moment > now() - restart_window_s]
        return {
            "name": self.name,
            "state": "running" if self.pid else "stopped",
            "pid": self.pid,
            "started_at": iso(self.starts[-1]) if self.starts else None,
            "restarts_last_hour": len(recent),
            "exit_code": self.exit_code,
            **turns(self.pid),
        }


def turns(pid: int | None) -> dict[str, Any]:
    """Seconds a process had a processor and seconds it waited for one, since it was started, and whether it could run.

    A wait is counted once it is over: a process that is ready and has not run since it was last looked at, waits. All
    is 0 where it is not known.
    """
    try:
        ran_ns, waited_ns, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):  # it has just ended, or the system does not count
        return {"ran_s": 0.0, "waited_s": 0.0, "is_ready": False}
    return {"ran_s": int(ran_ns) / 1e9, "waited_s": int(waited_ns) / 1e9, "is_ready": state == "R"}


def _raise_the_limit_of_open_files() -> None:
    # A thousand clients have a socket each at both ends.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, ENOUGH_FILES) if most > 0 else ENOUGH_FILES, most))


class Supervisor:
    """Owns every process of one lab."""

    def __init__(
        self,
        reservation: Reservation,
        redis_binary: str,
        seed: int,
        time_scale: float,
        faults: list[tuple[str, Values]],
        sse_clients: int = 8,
    ) -> None:
        self.directory, self._lock = make_directory()
        self.settings = Settings(
            ports=reservation.ports,
            directory=self.directory,
            control_key=secrets.token_urlsafe(24),
            internal_key=secrets.token_urlsafe(24),
            jwt_secret=secrets.token_urlsafe(48),
            seed=seed,
            time_scale=TimeScale(time_scale),
            sse_clients=sse_clients,
        )
        self._started_at = now()
        try:
            archive.write(self.settings.logs, self._started_at, random.Random(seed))
            self._write_artefacts()
        except OSError as error:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise StartError(disk.complaint(self.directory.parent, error)) from error
        self.on_ready: Callable[[], None] = lambda: None
        self.failure: str | None = None
        self._prometheus = prometheus.binary()
        scraping = (prometheus.PROCESS,) if self._prometheus else ()
        self.processes = {name: Process(name) for name in (*scraping, *SERVERS, *SERVICES, "control")}
        self._reservation = reservation
        self._redis_binary = redis_binary
        self._faults = faults
        self._stopping = False
        self._was_healthy = False
        self._parent = os.getppid()
        self._selector = selectors.DefaultSelector()
        self._signals, self._signal_end = socket.socketpair()
        self._link, self._control_end = socket.socketpair()
        self._orders = b""
        self._bodies: dict[str, Callable[[], None]] = {}

    def run(self, *, until_stdin_ends: bool) -> int:
        """Start everything and supervise it until told to stop; returns the exit code."""
        self._take_signals()
        _raise_the_limit_of_open_files()
        try:
            # Prometheus takes five seconds to its first scrape, the cluster two to be writable: both begin at once.
            for name in self.processes:
                if name not in (*SERVICES, "control"):
                    self._start(name)
            asyncio.run(redis_cluster.form(self.settings.ports))
            self._import_services()
            for name in (*SERVICES, "control"):
                self._start(name)
            self._control_end.close()
            self._watch(until_stdin_ends=until_stdin_ends)
        except OSError as error:
            self.failure = f"the Redis cluster did not come up: {error}"
        finally:
            if self.failure and disk.is_full(self.directory):  # whatever else went wrong, it is because of that
                self.failure = disk.full(self.directory.parent)
            self._stop_all()
        if self.failure:
            print(f"lab: {self.failure}", file=sys.stderr)
            return 1
        return 0

    def _write_artefacts(self) -> None:
        settings = self.settings
        scraped = {environment: f"{HOST}:{settings.ports[f'{name} scrape']}" for name, environment in INSTANCES.items()}
        artefacts.write(settings.app, settings.time_scale, scraped)
        prometheus.install(settings)

    def _take_signals(self) -> None:
        for end in (self._signals, self._signal_end, self._link):
            end.setblocking(False)
        signal.set_wakeup_fd(self._signal_end.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _told_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _import_services(self) -> None:
        # Imported only now, while the cluster is busy becoming writable.
        from lab import control  # noqa: PLC0415
        from lab.services import cloudwatch, feed, gateway, ingress, sse_clients  # noqa: PLC0415
        from lab.services.market import app as market  # noqa: PLC0415
        from lab.services.sse import app as sse  # noqa: PLC0415
        from lab.services.wsmanager import app as wsmanager  # noqa: PLC0415

        self._bodies = {
            "feed": lambda: feed.run(self.settings),
            "market": lambda: market.run(self.settings),
            "gateway": lambda: gateway.run(self.settings),
            "wsmanager": lambda: wsmanager.run("wsmanager", self.settings),
            "wsmanager_staging": lambda: wsmanager.run("wsmanager_staging", self.settings),
            "ingress": lambda: ingress.run(self.settings),
            "cloudwatch": lambda: cloudwatch.run(self.settings),
            "sse": lambda: sse.run(self.settings),
            "sse_clients": lambda: sse_clients.run(self.settings),
            "control": lambda: control.run(self.settings, self._control_end, self._faults),
        }
        gc.collect()
        gc.freeze()

    def _start(self, name: str, environment: Environment | None = None) -> None:
        process = self.processes[name]
        if process.pid is not None:
            return
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                self._become(name, parent, environment or {})
                code = 0
            except SystemExit as ending:
                code = ending.code if isinstance(ending.code, int) else 1
            except BaseException:  # noqa: BLE001, RUF100 - a forked child must never return into the parent's code
                if not disk.is_full(self.directory):  # of which the parent says all there is to say
                    traceback.print_exc()
            finally:
                with contextlib.suppress(OSError):  # its file may be on a full disk
                    sys.stderr.flush()
                os._exit(code)
        process.pid, process.exit_code = pid, None
        process.starts = (*process.starts, now())

    def _become(self, name: str, parent: int, environment: Environment) -> None:
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NAME, f"lab-{name}".encode()[:15], 0, 0, 0)
        if os.getppid() != parent:  # it died before it could have taken us along
            return
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # The directory's lock stays open in children on purpose: it then holds while any of them lives.
        for end in (self._signals, self._signal_end, self._link):
            end.close()
        if name != "control":
            self._control_end.close()
        self._redirect(self.settings.logs / f"{name}.err")
        if name in NODES:
            node = NODES.index(name)
            words = redis_cluster.command_line(self._redis_binary, self.settings.ports, node, self.directory / name)
            os.execv(words[0], words)
        if name == SSE_REDIS:
            folder = self.directory / name
            words = redis_cluster.single_command_line(self._redis_binary, self.settings.ports[name], folder)
            os.execv(words[0], words)
        if name == prometheus.PROCESS and self._prometheus:
            kept = environment.get(prometheus.RETENTION) or prometheus.KEPT_FOR
            folder = self.settings.prometheus
            words = prometheus.command_line(
                self._prometheus, self.settings.ports, folder, kept, self.settings.time_scale
            )
            os.execve(words[0], words, os.environ | {"GOMAXPROCS": "1", "GOGC": "400"})
        if name in SERVICES:
            wanted = self.settings.environment(name) | environment
            for variable, value in wanted.items():
                os.environ.pop(variable, None)
                if value is not None:
                    os.environ[variable] = value
        self._bodies[name]()

    @staticmethod
    def _redirect(errors: Path) -> None:
        # Standard output carries the one line of variables and nothing else.
        nothing = os.open(os.devnull, os.O_RDONLY)
        kept = os.open(errors, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.dup2(nothing, 0)
        os.dup2(kept, 1)
        os.dup2(kept, 2)

    def _watch(self, *, until_stdin_ends: bool) -> None:
        self._selector.register(self._signals, selectors.EVENT_READ, self._reap)
        self._selector.register(self._link, selectors.EVENT_READ, self._obey)
        if until_stdin_ends and stat.S_ISFIFO(os.fstat(0).st_mode):
            self._selector.register(0, selectors.EVENT_READ, self._read_stdin)
        self._reap()
        while not self._stopping:
            for key, _ in self._selector.select(PARENT_CHECK_S):
                key.data()
            if os.getppid() != self._parent:
                self._stopping = True

    def _read_stdin(self) -> None:
        if not os.read(0, 4096):
            self._stopping = True

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._signals.recv(4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid, os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, code: int) -> None:
        for process in self.processes.values():
            if process.pid != pid:
                continue
            process.pid, process.exit_code = None, code
            if self._stopping:  # Ctrl-C reaches the whole process group, so children may end first
                return
            if process.name == "control" or not self._was_healthy:
                errors = self._errors_of(process.name)
                self.failure = self.failure or f"{process.name} ended with code {code}\n{errors}".strip()
                self._stopping = True
            else:
                self._tell({"exited": process.name})

    def _errors_of(self, name: str) -> str:
        try:
            return (self.settings.logs / f"{name}.err").read_text("utf-8", "replace")[-2000:].strip()
        except OSError:
            return ""

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._link.setblocking(True)
            self._link.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return  # the control plane is gone, and its end is noticed elsewhere
        finally:
            self._link.setblocking(False)

    def _obey(self) -> None:
        try:
            chunk = self._link.recv(65536)
        except OSError:
            chunk = b""
        if not chunk:
            self._selector.unregister(self._link)
            return
        *lines, self._orders = (self._orders + chunk).split(b"\n")
        for line in lines:
            order = json.loads(line)
            reply = self._carry_out(order)
            self._tell({"id": order["id"], **reply})

    def _carry_out(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["op"]:
            case "start":
                self._start(order["name"], order.get("environment"))
            case "kill":
                self._kill(self.processes[order["name"]])
            case "signal":
                pid = self.processes[order["name"]].pid
                if pid is not None:
                    os.kill(pid, signal.Signals[f"SIG{order['signal']}"])
            case "table":
                window = self.settings.time_scale.window(3600)
                return {"processes": [process.as_dict(window) for process in self.processes.values()]}
            case "healthy":
                self._was_healthy = True
            case "ready":
                self.on_ready()
            case "failed":
                details = "\n".join(filter(None, map(self._errors_of, SERVICES)))
                self.failure = f"{order['message']}\n{details}".strip()
                self._stopping = True
            case unknown:
                return {"error": f"unknown order {unknown}"}
        return {}

    def _kill(self, process: Process) -> None:
        if process.pid is None:
            return
        pid = process.pid
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._ended(pid, os.waitstatus_to_exitcode(status))

    def _stop_all(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._signal_children(signal.SIGCONT)
        self._signal_children(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_S
        while self._running() and time.monotonic() < deadline:
            self._collect(os.WNOHANG)
            time.sleep(0.01)
        self._signal_children(signal.SIGKILL)
        while self._running():
            self._collect(0)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _running(self) -> list[Process]:
        return [process for process in self.processes.values() if process.pid is not None]

    def _signal_children(self, number: signal.Signals) -> None:
        for process in self._running():
            if process.pid is not None:
                os.kill(process.pid, number)

    def _collect(self, options: int) -> None:
        try:
            pid, _ = os.waitpid(-1, options)
        except ChildProcessError:
            pid = -1
        for process in self.processes.values():
            if pid in (process.pid, -1):
                process.pid = None

    def variables(self) -> dict[str, str]:
        """Everything a caller needs to reach this lab."""
        from lab.tokens import mint  # noqa: PLC0415 - imports a cryptography library

        ports, secret = self.settings.ports, self.settings.jwt_secret
        nodes = {f"LAB_REDIS_NODE_{number}": f"{HOST}:{port}" for number, port in enumerate(ports.doors, 1)}
        return {
            "LAB_GATEWAY_URL": ports.url("gateway"),
            "LAB_MARKET_URL": ports.url("market"),
            "LAB_MARKET_OUTSIDE": f"{OUTSIDE}:{ports['market']}",
            "LAB_STREAM_URL": ports.url("market", "ws") + "/ws/prices",
            "LAB_FEED_BINARY_URL": ports.url("feed door", "ws") + "/binary",
            "LAB_FEED_JSON_URL": ports.url("feed door", "ws") + "/json",
            **nodes,
            "LAB_SUPERADMIN_TOKEN": mint(secret, "superadmin", TOKEN_LIFE_S),
            "LAB_ADMIN_TOKEN": mint(secret, "admin", TOKEN_LIFE_S),
            "LAB_USER_TOKEN": mint(secret, "user", TOKEN_LIFE_S),
            "LAB_EXPIRED_TOKEN": mint(secret, "superadmin", -3600),
            "LAB_CONTROL_URL": ports.url("control"),
            "LAB_KEY": self.settings.control_key,
            "LAB_LOGS": str(self.settings.logs),
            "LAB_WSMANAGER_URL": ports.url("wsmanager"),
            "LAB_WSMANAGER_STAGING_URL": ports.url("wsmanager_staging"),
            "LAB_WSMANAGER_STREAM_URL": ports.url("wsmanager", "ws") + "/api/ws/stream",
            "LAB_WSMANAGER_PUBLIC_URL": ports.url("ingress https", "https"),
            "LAB_WSMANAGER_PLAIN_URL": ports.url("ingress http"),
            "LAB_WSMANAGER_CA": str(self.settings.directory / "tls" / "ca.pem"),
            "LAB_WSMANAGER_OUTSIDE": OUTSIDE,
            "LAB_CANARY_URL": ports.url("ingress"),
            "LAB_PROMETHEUS_URL": ports.url(prometheus.PROCESS),
            "LAB_SSE_URL": ports.url("sse"),
            "LAB_SSE_STREAM_URL": ports.url("sse proxy") + "/api/sse/stream",
            "LAB_SSE_REDIS": f"{HOST}:{ports[f'{SSE_REDIS} door']}",
            "LAB_SSE_LOG": str(self.settings.logs / "sse.log"),
            "LAB_CLOUDWATCH_URL": ports.url("cloudwatch"),
            "LAB_APP": str(self.settings.app),
            "LAB_INSTALLED": archive.installed_on(self._started_at),
            "LAB_SEED": str(self.settings.seed),
            "LAB_PID": str(os.getpid()),
        }
