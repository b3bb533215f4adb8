"""healthgate: production health assertions as pytest checks. These are the names checks are written with.

Each name stands once, in `__init__.pyi`, with the module it comes from. It is imported when it is first used: who only
loads the plugin pays for nothing else.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from healthgate.version import __version__ as __version__

_STUB = Path(__file__).with_suffix(".pyi").read_text("utf-8")
_HOME = {name: module for module, name in re.findall(r"(?m)^from (\S+) import (\w+) as ", _STUB)}
__all__ = sorted(_HOME)  # noqa: PLE0605 (type checkers read the stub)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'healthgate' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
