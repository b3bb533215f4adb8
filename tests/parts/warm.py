"""Runs of pytest that need not import it first: each is a fork of a process that has. As `python -m pytest` otherwise.

To import what every run needs takes two thirds of the time of a small one, and tests make many hundreds of them.
The workers of a run are such forks as well: each is a run of its own.
"""

import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """How a run ended (a negative code: by that signal) and what it wrote."""

    code: int
    out: bytes
    err: bytes


def run(arguments: Sequence[str], cwd: Path, env: Mapping[str, str], within_s: float) -> Done:
    """Run pytest with these arguments and wait for its end; TimeoutExpired after so many seconds."""
    pipes = [os.pipe(), os.pipe()]
    with ThreadPoolExecutor(2) as readers:
        try:
            process = start(arguments, cwd, env, *(end for _, end in pipes))
        finally:
            for _, end in pipes:
                os.close(end)
        written = [readers.submit(_all_of, reading) for reading, _ in pipes]
        try:
            code = process.wait(within_s)
        except TimeoutError:
            process.kill()
            raise subprocess.TimeoutExpired(list(arguments), within_s) from None
        return Done(code, *(one.result() for one in written))


def start(arguments: Sequence[str], cwd: Path, env: Mapping[str, str], out: int, err: int) -> "Forked":
    """Start pytest with these arguments, which writes to these files, and return while it runs."""
    with open(os.devnull) as nothing:  # noqa: PTH123
        return Forked(_server(), ["-m", "pytest", *arguments], cwd, env, [nothing.fileno(), out, err])


def _all_of(descriptor: int) -> bytes:
    with open(descriptor, "rb") as pipe:
        return pipe.read()


class Forked:
    """A fork of the process at an address, which does as an interpreter does that is started with these arguments."""

    def __init__(
        self, address: str, arguments: Sequence[str], cwd: Path, env: Mapping[str, str], standard: Sequence[int]
    ) -> None:
        request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address)
        socket.send_fds(self._connection, [len(request).to_bytes(4)], standard)
        self._connection.sendall(request)
        self._answer = self._connection.makefile("rb", 0)
        self.pid = int(self._answer.readline())
        self.code: int | None = None

    def wait(self, within_s: float | None = None) -> int:
        """Return the code with which it ended; TimeoutError after so many seconds."""
        if self.code is None:
            if not select.select([self._connection], [], [], within_s)[0]:
                raise TimeoutError
            with self._connection, self._answer:
                self.code = int(self._answer.readline())
        return self.code

    def poll(self) -> int | None:
        """Return the code with which it ended, or None while it lasts."""
        with suppress(TimeoutError):
            self.wait(0)
        return self.code

    def send_signal(self, sign: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        """End it as nothing can prevent."""
        self.send_signal(signal.SIGKILL)


class Worker(Forked):
    """What execnet starts as a process of its own: it has a standard input and output, and is in this folder."""

    def __init__(self, address: str, arguments: Sequence[str]) -> None:
        (reading, to), (fro, writing) = os.pipe(), os.pipe()
        self.stdin, self.stdout = open(to, "wb", 0), open(fro, "rb")  # noqa: PTH123, SIM115
        try:
            super().__init__(address, arguments, Path.cwd(), os.environ, [reading, writing, 2])
        finally:
            os.close(reading)
            os.close(writing)


@cache
def _server() -> str:
    """Start the process that has pytest imported, and return the address at which it takes requests.

    It ends with this one: it notices that its standard input is closed.
    """
    address = os.path.join(tempfile.mkdtemp(prefix="warm-"), "socket")  # noqa: PTH118 (as text, and short)
    process = subprocess.Popen(
        [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"listening\n"
    _started.append(process)
    return address


_started: list["subprocess.Popen[bytes]"] = []


def _serve(address: str) -> None:
    # This is what it is for: what every run imports, and nothing that only some do.
    import http.client  # noqa: F401
    import pdb  # noqa: F401
    import ssl  # noqa: F401
    import unittest  # noqa: F401

    import pytest  # noqa: F401
    from _pytest.config import default_plugins

    import healthgate.hooks.session
    import healthgate.probes.http  # noqa: F401 - every repository here has a boiler that is asked over HTTP

    for plugin in set(default_plugins) - {"pytester"}:
        importlib.import_module(f"_pytest.{plugin}")
    gc.freeze()  # what is here lasts, and need not be gone through in every run
    path = sys.path[1:]
    signal.signal(signal.SIGCHLD, _count)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        print("listening", flush=True)
        if not os.fork():
            sys.stdin.read()  # until whoever started this is gone
            shutil.rmtree(os.path.dirname(address))  # noqa: PTH120
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(0)
        while True:
            connection, _ = listening.accept()
            if not os.fork():
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, descriptors, *_ = socket.recv_fds(connection, 4, 3)
    request = json.loads(connection.makefile("rb").read(int.from_bytes(length)))
    if not (pid := os.fork()):
        connection.close()
        _become(request, descriptors, path, address)
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(f"{pid}\n".encode())
    connection.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
    os._exit(0)


def _count(*_: object) -> None:
    """Wait for who answered for a run, so that what it took is counted as ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(request: dict[str, Any], descriptors: list[int], path: list[str], address: str) -> None:
    """Do as an interpreter does that is started with these arguments, in this folder, with these variables."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    match request["arguments"]:
        case ["-m", "pytest", *arguments]:
            if "xdist.plugin" in arguments:
                _warm_workers(address)
            sys.path[:] = [request["cwd"], *path]
            sys.argv = ["pytest", *arguments]
            runpy.run_module("pytest", run_name="__main__", alter_sys=True)
        case ["-u", "-c", code]:
            sys.path[:] = ["", *path]
            sys.argv = ["-c"]
            exec(code, {"__name__": "__main__"})
    sys.exit()


def _warm_workers(address: str) -> None:
    """Let execnet start its processes here as well."""
    from execnet import gateway_io

    class Warm(gateway_io.Popen2IOMaster):
        def __init__(self, args: list[str], execmodel: Any) -> None:
            self.popen = Worker(address, args[1:])
            gateway_io.Popen2IO.__init__(self, self.popen.stdin, self.popen.stdout, execmodel=execmodel)

    gateway_io.Popen2IOMaster = Warm


if __name__ == "__main__":
    _serve(sys.argv[1])
