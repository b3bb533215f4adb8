"""One comparison of a canary with its baseline, judged tick by tick. Pure."""

import math
from collections.abc import Sequence

from healthgate.canary.band import CountSums, GaugeSums, Sums
from healthgate.canary.bets import Bets
from healthgate.canary.reading import Reading, Value
from healthgate.canary.swaps import FIRST, Proof
from healthgate.canary.usual import LEAST_S, block
from healthgate.duration import roughly, spoken

LEAST_TICKS = FIRST
"""Ticks in which the sides differ that any decision needs."""

MISSING = 0.2
"""Share of all ticks that one side may leave out."""

USED = 0.9
"""Share of alpha that is spent at all: of ten thousand healthy canaries, played to see it, no more than alpha say are
rolled back, and not about as many."""

EVENLY, LATE = 0.56, 12
"""Share of that which is spent evenly over the planned time, and finds large faults soon; the rest is kept for its end
(as time to the twelfth), and finds small ones. With several baseline instances, all of it is spent evenly."""

FALSE_PASS = 0.04
"""How often a canary that is `tolerates` times its baseline may pass."""

EARLY_PASS, LATER_PASS = 0.0115, {"count": 0.003, "gauge": 0.006}
"""Parts of that which are spent with events and with time, and not kept for the last look: a pass ends the trial, and
what passes too early can no longer be rolled back. Some is spent at every look: where nothing is, nothing can pass."""

ENOUGH_EVENTS = 200
"""Events with which all of the first part is spent; of gauges there are none."""

LEAST_BLOCKS = 10
"""Pieces of evidence that the planned time must hold."""

LAST = 0.9
"""Share of the planned time after which the end of a trial is its last look."""

History = Sequence[tuple[Value | Sequence[Value], Value]]
"""Ticks of both sides on one version: baseline, canary."""


class Trial:
    """Whether the canary is worse than its baseline, said as soon as it is known.

    After every tick: `decision` ("rollback", "pass", "undecided", "inconclusive") and `reason`, one sentence. `ratio`
    is canary over baseline, `low` and `high` the band that it lies in (None: nothing known, or no bound). `evidence`
    reaches 1/`alpha` when the canary is proven worse, and not before. `needed_s`: seconds until a decision if it goes
    on like this; None where that cannot be said. `e_value` is evidence in the form that may be averaged over
    comparisons. A rollback is final; a pass is not, while ticks go on.
    """

    def __init__(
        self,
        kind: str = "count",
        *,
        alpha: float = 0.01,
        worse_by: float = 1.25,
        tolerates: float = 1.5,
        every_s: float = 5.0,
        within_s: float = 600.0,
        history: History | None = None,
        seed: int = 0,
    ) -> None:
        """Plan a trial.

        kind: "count" (how many happened in the tick: whole numbers) or "gauge" (what was measured: 0 or more, judged by
        its ratio). alpha: how often a canary that is as good as its baseline may be rolled back, whenever it is looked
        at. worse_by: ratio below which nothing is rolled back. tolerates: ratio that a canary which passes is proven to
        lie below. every_s: seconds between ticks. within_s: seconds that are planned; later ticks decide nothing.
        history: both sides on one version, tick by tick, 20 minutes at least (an hour suits). seed: of the coins that
        are thrown where the grid of the exact test becomes coarser. ValueError says what is wrong with an argument.
        """
        if kind not in ("count", "gauge"):
            raise ValueError(f"{kind!r} is no kind of comparison; 'count' or 'gauge'")
        if not 0 < alpha <= 0.2:
            raise ValueError(f"alpha is {alpha:g}; above 0 and at most 0.2, as in 0.01")
        if not 1 <= worse_by < tolerates:
            raise ValueError(f"worse_by is {worse_by:g}, tolerates {tolerates:g}; 1 at least, and less than tolerates")
        if not every_s > 0 or not within_s >= LEAST_TICKS * every_s:
            raise ValueError(f"{within_s:g} s hold no {LEAST_TICKS} ticks of {every_s:g} s; plan longer or tick faster")
        self.kind, self.alpha, self.worse_by, self.tolerates = kind, alpha, worse_by, tolerates
        self.every_s, self.within_s, self.seed = every_s, within_s, seed
        self.decision = "undecided"
        self.ticks = 0
        self._reading = Reading(kind)
        self._sums: Sums = CountSums() if kind == "count" else GaugeSums()
        self._bets = Bets()
        self._margin = self._usual = 1.0
        self._refused = ""
        self._block = 1
        self._open: dict[int, tuple[float, int]] = {}
        self._pairs = 0
        self._before: list[float] = []
        self._events = 0.0
        self._evenly = EVENLY
        self._over = False
        if history is not None:
            self._learn(history)
        looks = within_s / every_s / self._block
        self._worse, self._well = Proof(looks, seed), Proof(looks, seed)

    def _learn(self, history: History) -> None:
        """Take from history how many ticks are one piece of evidence, and what the sides differ by anyway."""
        reading, differences = Reading(self.kind), []
        for baseline, canary in history:
            if values := reading.values(baseline, canary):
                differences.append(values[0] - (sum(values.values()) - values[0]) / (len(values) - 1))
        known_s = len(differences) * self.every_s
        if known_s < LEAST_S:
            known, least = roughly(known_s), roughly(LEAST_S)
            raise ValueError(f"the history has {known} of both sides; at least {least} (an hour is good), or none")
        self._block = block(differences, self.every_s)
        piece_s = self._block * self.every_s
        if self.within_s / piece_s < LEAST_BLOCKS:
            self._refuse(
                f"ticks of one side resemble each other for {spoken(piece_s)}, says the history: "
                f"{roughly(self.within_s)} hold less than {LEAST_BLOCKS} pieces of evidence; plan "
                f"{roughly(LEAST_BLOCKS * piece_s)} or more"
            )
        past = Trial(self.kind, alpha=self.alpha, every_s=piece_s, within_s=len(history) * self.every_s)
        past.every_s, past._block = self.every_s, self._block
        for baseline, canary in history:
            past.tick(baseline, canary)
        if past._worse.beyond and past.ratio:
            if past.high is None or past.high >= self.tolerates:
                self._refuse(f"on one version already the canary reads {past.stands()}: the two cannot be compared")
            else:
                self._margin, self._usual = past.high, max(1.0, past.ratio)

    def _refuse(self, why: str) -> None:
        """Decide nothing, whatever comes."""
        self._refused = self._refused or why
        self.decision = "inconclusive"

    @property
    def ratio(self) -> float | None:
        """Canary over baseline; None while nothing is known. No event at all of the baseline counts as half a one."""
        return self._sums.ratio()

    @property
    def low(self) -> float | None:
        """The lower end of the band that the ratio lies in, or what is proven; None while nothing is known."""
        if self.ratio is None:
            return None
        low = self._sums.band()[0]
        return max(low, self._margin) if self.decision == "rollback" else low

    @property
    def high(self) -> float | None:
        """The upper end of the band, or what is proven; None where there is none yet."""
        high = None if self.ratio is None else self._sums.band()[1]
        most = self.tolerates * self._usual
        return most if self.decision == "pass" and (high is None or high > most) else high

    @property
    def missing(self) -> dict[str, int]:
        """Ticks without a value, of the "baseline" (of all its instances) and the "canary"."""
        return self._reading.missing

    @property
    def resets(self) -> dict[str, int]:
        """How often a counter went back, of the "baseline" and the "canary"."""
        return self._reading.resets

    @property
    def informative(self) -> int:
        """Looks at which there was something to compare: counts that are not 0 on both sides, gauges that were read."""
        return self._well.many

    def tick(self, baseline: Value | Sequence[Value], canary: Value) -> None:
        """Take what both sides did in one tick: a number, of several baseline instances a list; None where missing.

        Of counters, what they grew by. Less than 0 is a counter that went back: it has no value in this tick. Nor has
        NaN. ValueError where a value is no number, or a count no whole one; the trial is as it was.
        """
        values = self._reading.values(baseline, canary)
        self.ticks += 1
        if self._over or self._refused or self.decision == "rollback":
            return
        if values:
            self._pairs += 1
            for number, value in values.items():
                total, times = self._open.get(number, (0.0, 0))
                self._open[number] = (total + value, times + 1)
        self._over = self._time() == 1.0
        if self._over or self.ticks % self._block == 0:
            self._judge()

    def finish(self) -> str:
        """End the trial and return the decision: what is not decided is inconclusive.

        To be called when the planned time is over (a tick less is no matter), not when it looks well: an end before
        nine tenths of it is no last look.
        """
        if not self._over and not self._refused and self.decision != "rollback" and self._time() >= LAST:
            self._over = True
            self._judge()
        self._over = True
        if self.decision == "undecided":
            self.decision = "inconclusive"
        return self.decision

    def _time(self) -> float:
        """Return the share of the planned time that is over."""
        share = self.ticks * self.every_s / self.within_s
        return share if share < 1.0 - 1e-9 else 1.0

    def _judge(self) -> None:
        """Judge the ticks since the last look; of the instances, those count that have a value in all of them."""
        values = [total for total, times in self._open.values() if times == self._pairs]
        pairs, self._open, self._pairs = self._pairs, {}, 0
        if len(values) > 1:
            if self.kind == "gauge":
                values = [value / pairs for value in values]
            if len(values) > 2:
                self._evenly = 1.0
            self._sums.add(sum(values[1:]) / (len(values) - 1), values[0])
            self._weigh(values)
        self._worse.look(self._spent())
        self._well.look(self._spent_on_passing())
        self.decision = "undecided"
        if (self._worse.beyond or self._well.beyond) and not self._held():
            worse = (self.ratio or 0.0) >= self.worse_by * self._usual
            if self._worse.beyond and worse:
                self.decision = "rollback"
            elif self._well.beyond and not worse:
                self.decision = "pass"

    def _weigh(self, values: list[float]) -> None:
        """Give the values of one look to both proofs and to the bets.

        Gauges that read what they read before were not measured anew: that proves nothing more against the canary.
        """
        before, self._before = self._before, sorted(values)
        if self.kind == "count" or before != self._before:
            usual = self._lowered(values, self._margin)
            self._worse.add(usual)
            self._bets.add(usual)
        lowered = self._lowered(values, self.tolerates * self._usual)
        self._events += sum(lowered)
        self._well.add([-value for value in lowered])

    def _lowered(self, values: list[float], margin: float) -> list[float]:
        """Return the values with the canary's as it would be were it not `margin` times its baseline."""
        if margin == 1.0:
            return values
        return [values[0] / margin if self.kind == "count" else values[0] - math.log(margin), *values[1:]]

    def _spent(self) -> float:
        """Return how much of alpha may have been used by now."""
        time = 1.0 if self._over else self._time()
        return USED * self.alpha * (self._evenly * time + (1.0 - self._evenly) * time**LATE)

    def _spent_on_passing(self) -> float:
        """Return how much of FALSE_PASS may have been used by now."""
        if self._over:
            return FALSE_PASS
        events = min(1.0, self._events / ENOUGH_EVENTS) if self.kind == "count" else 0.0
        return EARLY_PASS * events + LATER_PASS[self.kind] * self._time()

    def _held(self) -> str:
        """Return why nothing may be decided; empty where it may."""
        if self._refused:
            return self._refused
        if lacking := self._reading.lacking(self.ticks, MISSING):
            return lacking
        if self.ratio is None:
            return f"nothing happened on either side in {self.ticks} ticks"
        if self.informative < LEAST_TICKS:
            return f"something happened in {self.informative} of {self.ticks} ticks; {LEAST_TICKS} such are needed"
        if self._sums.shared():
            return (
                "each tick is nearly the one before it: overlapping windows (a rate(), a moving average), or readings "
                "that are renewed less often; read raw counters, tick more slowly, or give a history"
            )
        return ""

    @property
    def evidence(self) -> float:
        """How far the canary is proven worse: at 1/alpha and above it is, whenever that is read."""
        if self._worse.beyond:
            return max(1.0 / self.alpha, 1.0 / self._worse.chance)
        return self._spent() / self.alpha / self._worse.chance

    @property
    def e_value(self) -> float:
        """What a bet of 1 on the canary being worse has become; fair where it is not."""
        return math.exp(min(700.0, self._bets.log))

    @property
    def needed_s(self) -> float | None:
        """Seconds until a decision if it goes on like this; 0 once there is one, None where that cannot be said."""
        if self.decision in ("rollback", "pass"):
            return 0.0
        if self._refused or self.informative < LEAST_TICKS or self.ratio is None:
            return None
        if self.ratio >= self.worse_by * self._usual:
            against, error, way = self._margin, self.alpha, 1.0
        else:
            against, error, way = self.tolerates * self._usual, FALSE_PASS, -1.0
        far = way * self._sums.distance(against)
        if far <= 0.0:
            return None
        looks = self._sums.many * max(0.0, -2.0 * math.log(error) / far**2 - 1.0)
        return max(1.0, looks) * self._block * self.every_s

    @property
    def reason(self) -> str:
        """Why this decision, in one sentence."""
        if self.decision == "rollback":
            return f"{self.stands()}; chance alone does that in one of {self.evidence:.0f} trials at most"
        if self.decision == "pass":
            return f"{self.stands()}: below {self.tolerates * self._usual:.3g} × is proven"
        if held := self._held():
            return held
        more = (
            "" if self.needed_s is None else f"; some {roughly(self.needed_s)} more would tell if it goes on like this"
        )
        if self._worse.many < LEAST_TICKS:
            return f"{self.stands()}, but the readings hardly ever changed: one difference, seen often, is no proof"
        return f"{self.stands()} after {self.ticks} ticks: neither proven worse nor proven well{more}"

    def stands(self) -> str:
        """Return the ratio with its band in words."""
        if self.ratio is None or self.low is None:
            return "nothing"
        between = f"{self.low:.2f} or more" if self.high is None else f"{self.low:.2f} to {self.high:.2f}"
        return f"{self.ratio:.2f} × the baseline ({between})"
