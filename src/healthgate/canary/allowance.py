"""Is it proven that no more of something happens than is allowed, whatever the baseline has? Pure, stdlib only.

Where neither side has a single event there is no ratio, and yet it is known that all is well: of three hundred new
streams none failed, which hardly happens where one in a hundred fails.
"""

import math

SHARES = (0.0, 0.25, 0.5)
"""The shares of what is allowed that are put against it: none at all, a quarter, a half."""


class Allowance:
    """A test of events that may be looked at after every tick: `proven` once there are fewer than `allowed` of each.

    Were there as many in truth, or more, it would ever be true with a probability of `alpha` at most.

    Events are taken for rare and independent of each other (Poisson): the likelihood of a share of the allowed rate,
    divided by that of the allowed one, has a mean of 1 there, and less where more happens; so has its mean over several
    shares. Ville's inequality (1939) bounds how often it ever reaches 1/alpha.
    """

    def __init__(self, allowed: float, alpha: float = 0.05) -> None:
        self.allowed = allowed
        self.alpha = alpha
        self.events = 0.0
        self.of = 0.0

    def tick(self, events: float, of: float) -> None:
        """Take `events` that came, of so many."""
        self.events += events
        self.of += of

    @property
    def proven(self) -> bool:
        """Whether it is proven by what was seen until now."""
        return self.evidence >= 1 / self.alpha

    @property
    def evidence(self) -> float:
        """How many times as likely what was seen is where less happens, on average over the shares."""
        return sum(map(self._likelihood, SHARES)) / len(SHARES)

    def _likelihood(self, share: float) -> float:
        if share == 0 and self.events:
            return 0.0
        grown = (1 - share) * self.allowed * self.of + (self.events * math.log(share) if share else 0.0)
        return math.exp(min(grown, 700.0))
