"""What bodies must look like, as data: expectations of members, and what deviates from them."""

from healthgate.lazily import offered

__all__, __getattr__, __dir__ = offered(__name__, __file__)  # type checkers read the stub
