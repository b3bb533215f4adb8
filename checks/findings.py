"""Offenders found one by one, told as one reading: how many, and which."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from healthgate import LeftOut, Measured, NoData, NotYet

SHOWN = 10
"""Offenders named in a failure; the rest are counted."""


class Findings:
    """Offenders, which prove that a claim does not hold, and doubts about what could not be told.

    A proof outranks every doubt: one symbol without data must not hide another that is wrong.
    """

    def __init__(self) -> None:
        self.offenders: list[str] = []
        self.doubts: list[str] = []
        self.early: list[NotYet] = []
        self.left_out: LeftOut | None = None
        self.examined = False

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note an offender unless the expectation `holds`."""
        if not holds:
            self.offenders.append(otherwise)

    @contextmanager
    def examining(self) -> Iterator[None]:
        """Turn missing data within the block into a doubt; what need not be here, or is not known yet, is none."""
        try:
            yield
            self.examined = True
        except LeftOut as absent:
            self.left_out = absent
        except NotYet as nothing:
            self.early.append(nothing)
        except NoData as nothing:
            self.doubts.append(str(nothing))

    def measured(self, detail: str = "") -> Measured:
        """Return how many offenders there are and which, with `detail` where there is none; NoData in doubt.

        Where nothing else is in doubt, what is not known yet is raised as that, and that all of it is absent where
        nothing is here to be examined.
        """
        if self.doubts and not self.offenders:
            raise NoData(listed(self.doubts))
        if self.early and not self.offenders:
            raise max(self.early, key=lambda one: one.lacking)
        if self.left_out is not None and not self.examined and not self.offenders:
            raise self.left_out
        return Measured(len(self.offenders), listed(self.offenders) or detail)


def listed(words: Sequence[str]) -> str:
    """Return the first ten in one text, and how many more there are."""
    more = f"; and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return "; ".join(words[:SHOWN]) + more
