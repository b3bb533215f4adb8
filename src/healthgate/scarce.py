"""What this machine may lack for a request, and how that is told: it proves nothing of what was to be asked."""

import errno

STARVED = "starved"
"""How a request ends that this machine had no time for, or nothing to make it with."""

LACKS = {errno.EMFILE: "file handle", errno.ENFILE: "file handle", errno.ENOMEM: "memory", errno.ENOBUFS: "memory"}
"""What this machine has no more of, by the number of the system's error."""


def lacking(what: str) -> str:
    """Say that this machine has no more of what a request is made with."""
    return f"this machine has no {what} left to ask with"


def lack(problem: BaseException) -> str | None:
    """Return what this machine had no more of, in a word or two; None where an error says no such thing."""
    return "memory" if isinstance(problem, MemoryError) else LACKS.get(getattr(problem, "errno", None) or 0)
