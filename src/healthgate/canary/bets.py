"""What a bet on the canary being worse (or better) would have won; worth believing whenever it is looked at. Pure.

Every tick multiplies the stake by e^v of the canary over the mean of e^v of all, which is 1 on average as long as the
canary could as well be any of them. Such a product exceeds 100 with a probability of one in a hundred at most, however
often it is looked at (Ville 1939), and products of several comparisons may be averaged, however they depend on one
another (Vovk and Wang 2021).
"""

import math
from collections.abc import Sequence

from healthgate.canary.swaps import spread

STAKES = (0.5, 1.0, 2.0)
"""How hard is bet, per usual difference; the mean of the three is what is won."""


class Bets:
    """A bet on the first of several values being the largest, tick after tick."""

    def __init__(self) -> None:
        self._logs = [0.0] * len(STAKES)
        self._squares = 0.0
        self._many = 0

    def add(self, values: Sequence[float]) -> None:
        """Bet on the values of one tick."""
        size = spread(values)
        if not size:
            return
        self._squares += size
        self._many += 1
        usual = math.sqrt(self._squares / self._many)
        middle = sum(values) / len(values)
        for number, stake in enumerate(STAKES):
            each = [math.exp(stake * (value - middle) / usual) for value in values]
            self._logs[number] += math.log(each[0] * len(each) / sum(each))

    @property
    def log(self) -> float:
        """The natural logarithm of what one unit has become."""
        most = max(self._logs)
        return most + math.log(sum(math.exp(one - most) for one in self._logs) / len(STAKES))
