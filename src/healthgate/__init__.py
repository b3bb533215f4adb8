"""healthgate: production health assertions as pytest checks. These are the names checks are written with.

Each name stands once, in `__init__.pyi`, with the module it comes from; it is imported when it is first used.
"""

from healthgate.lazily import offered
from healthgate.version import __version__ as __version__

__all__, __getattr__, __dir__ = offered(__name__, __file__)  # type checkers read the stub
