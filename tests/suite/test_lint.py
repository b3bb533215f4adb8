"""What lints, formats, types and generated files have to say: one more test, so that it runs beside the others."""

import os
import subprocess

import pytest

from tests.suite.project import REPOSITORY

MAKE_TELLS = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""Variables by which one make speaks to another."""


def test_nobody_finds_anything_wrong_with_the_code() -> None:
    done = subprocess.run(
        ["make", "lint"],
        cwd=REPOSITORY,
        env={name: text for name, text in os.environ.items() if name not in MAKE_TELLS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
