"""Names that a module offers and imports only when somebody asks for them, as its stub lists them."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

LISTED = re.compile(r"(?m)^from (\S+) import (\w+) as ")


def offered(module: str, file: str) -> tuple[list[str], Callable[[str], Any]]:
    """Return `__all__` and `__getattr__` of a module in `file`: each name stands once, in the stub beside it."""
    homes = {name: home for home, name in LISTED.findall(Path(file).with_suffix(".pyi").read_text("utf-8"))}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return sorted(homes), get
