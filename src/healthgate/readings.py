"""What probes read, as the functions of checks are annotated with it: answers, logs, pages, events, handshakes."""

from healthgate.lazily import offered

__all__, __getattr__, __dir__ = offered(__name__, __file__)  # type checkers read the stub
