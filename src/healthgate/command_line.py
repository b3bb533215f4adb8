"""What the commands of healthgate that take options have in common."""

import argparse
import sys
from typing import Any, NoReturn

USAGE = 4
"""Exit code of a wrong command line, profile or file: what is said names what to change."""


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations, and that ends with `USAGE` and one line where it does not understand."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Say it and end."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"ERROR: {message}\n")
