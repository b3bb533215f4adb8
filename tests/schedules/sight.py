"""What a schedule can see, from the checks: whether a line that needs time can be crossed on it, within how long."""

import math
from dataclasses import dataclass
from functools import cache

from healthgate.claim.check import Check
from healthgate.claim.limit import Tier
from healthgate.claim.source import LookBack
from healthgate.claim.system import System
from healthgate.claim.tally import LONGEST, SHORTEST
from healthgate.claim.window import NEAR, WIDEST_GAP, Held, missing
from healthgate.environment.reader import read
from healthgate.observe.plan import left_out
from tests.checks.world import CATALOGUE, ROOT
from tests.schedules.shipped import Schedule

PRODUCTION = read(ROOT / "environments/production.yaml", CATALOGUE, "production")


@dataclass(frozen=True)
class Line:
    """A line of a check that needs time; `over` is the window of the counters it reads, in seconds (0: none)."""

    check: Check
    name: str
    tier: Tier
    over: float

    @property
    def words(self) -> str:
        """What it asks for."""
        return self.check.stays.say(self.tier)

    def within(self, schedule: Schedule) -> float | None:
        """Return the seconds after which it is crossed at the latest, as the end of a run tells; None if never."""
        known = [one for one in (self._in_a_run(schedule), self._from_run_to_run(schedule)) if one is not None]
        return min(known, default=None)

    def _ripe(self, schedule: Schedule) -> float | None:
        """Return how long a run must look before it knows what the counters grew by; None where none ever does."""
        soonest, latest = schedule.interval - schedule.late, schedule.interval + schedule.late
        kept = soonest if schedule.history and latest <= LONGEST * self.over else 0.0
        rest = max(0.0, SHORTEST * self.over - kept)
        return rest if rest <= schedule.sample else None

    def _in_a_run(self, schedule: Schedule) -> float | None:
        ripe = self._ripe(schedule)
        if ripe is None:
            return None
        alone = self.tier.rises * self.tier.each or missing(self.tier, Held(0.0, 1), self.check.cadence, 1)
        return schedule.interval + schedule.late + ripe + alone if ripe + alone <= schedule.sample else None

    def _from_run_to_run(self, schedule: Schedule) -> float | None:
        ripe, cadence, tier = self._ripe(schedule), self.check.cadence, self.tier
        if ripe is None or not schedule.history:
            return None
        diluted = LONGEST * self.over
        if tier.rises:
            away = tier.each % schedule.interval
            if min(away, schedule.interval - away) + schedule.late > min(cadence, NEAR * tier.each):
                return None
            return schedule.grain + tier.rises * tier.each + diluted + schedule.interval
        if schedule.interval + schedule.late > WIDEST_GAP * cadence:
            return None
        samples = max(tier.samples, math.ceil(tier.sustained / cadence) + 1 if tier.sustained else 1)
        runs = max(samples - 1, math.ceil(tier.sustained / schedule.interval))
        return schedule.grain + runs * schedule.interval + diluted


@cache
def lines() -> tuple[Line, ...]:
    """Every line of the production profile that needs time."""
    systems = PRODUCTION.present()
    found = []
    for check in CATALOGUE.checks.values():
        if left_out(check, systems) is not None:
            continue
        for name, tier in (("warning", check.stays.warning), ("critical", check.stays.critical)):
            if tier is not None and tier.needs_window:
                found.append(Line(check, name, tier, window_of(check, systems)))
    return tuple(found)


def window_of(check: Check, systems: dict[str, System]) -> float:
    """Return the longest time over which a check reads what counters grew by; 0 where it reads none."""
    return max((probe.over for probe in check.probes(systems) if isinstance(probe, LookBack)), default=0.0)


def unseen(schedule: Schedule) -> set[str]:
    """Return the checks with a line that is never crossed on a schedule."""
    return {line.check.id for line in lines() if line.within(schedule) is None}
