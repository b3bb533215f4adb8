"""What a run of the whole suite needs of the machine, looked at before it begins: six hundred errors say less."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lab import ports

ROOT = Path(__file__).resolve().parent.parent
NEEDED_GB = 2.0
"""Gigabytes that a run of the whole suite needs for its temporary files."""


def is_whole(config: pytest.Config) -> bool:
    """Whether all tests were asked for, and not a file, a folder or a word."""
    asked = config.args_source is pytest.Config.ArgsSource.TESTPATHS or config.args in (["tests"], ["tests/"])
    return asked and not config.option.keyword and not config.option.collectonly


def temporary_folder(needed_gb: float = NEEDED_GB) -> str:
    """Say what is wrong with the room for temporary files; empty if nothing is."""
    cure = "delete something there, or set TMPDIR to a folder on another disk"
    try:
        folder = tempfile.gettempdir()
        free_gb = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return f"no temporary folder can be written ({error.strerror or error}): {cure}"
    if free_gb >= needed_gb:
        return ""
    return f"{free_gb:.1f} GB are free in {folder}, and the whole suite needs {needed_gb:g} GB: {cure}"


def reports(folder: Path = ROOT / "reports") -> str:
    """Say that reports cannot be written; empty if they can."""
    if not folder.exists() or os.access(folder, os.W_OK):
        return ""
    return f"{folder} cannot be written: let this user write there (chmod, chown), or work on a copy of the repository"


def lab_ports() -> str:
    """Say that no lab finds free ports; empty if one does."""
    try:
        ports.reserve_any().lock.close()
    except ports.PortsTakenError as error:
        return str(error)
    return ""


def cores() -> str:
    """Say that there is one core only; empty if there are more."""
    if len(os.sched_getaffinity(0)) > 1:
        return ""
    return "one core only: nothing is wrong with that, but the run takes about twice as long"


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Tell what only makes the run slower."""
    return [line for line in [cores()] if line and is_whole(config)]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """End a run of the whole suite at once where it cannot succeed, before any worker is started."""
    if hasattr(session.config, "workerinput") or not is_whole(session.config):
        return
    found = [line for line in (temporary_folder(), reports(), lab_ports()) if line]
    if found:
        raise pytest.UsageError(*found)
