"""Names that a module offers and imports only when somebody asks for them, as its stub lists them."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

LISTED = re.compile(r"(?m)^from (\S+) import (\w+) as ")


def offered(module: str, file: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a module in `file`; each name stands once, in its stub."""
    homes = {name: home for home, name in LISTED.findall(Path(file).with_suffix(".pyi").read_text("utf-8"))}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[module]), *homes})

    return sorted(homes), get, names
