"""What came of telling people."""

from typing import NamedTuple


class Told(NamedTuple):
    """Lines about what did not arrive, and lines about what somebody may want to know."""

    troubles: list[str]
    notes: list[str]
