"""How each comparison of a trial stands, and what they come to together. Pure: ticks in, one decision out."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any
from zlib import crc32

from healthgate.canary import Trial, share, together
from healthgate.canary.allowance import Allowance
from healthgate.canary.record import Header, Series, Tick
from healthgate.duration import roughly

EXIT = {"rollback": 1, "pass": 0, "inconclusive": 12}
"""The exit code of each decision."""

ALPHA = 0.01
"""How often a trial of a canary that is no worse may end in a rollback, over all of its comparisons together."""

OFTEN = 0.1
"""Of all ticks, those in which a gauge may lie beyond what is allowed: a canary that passes is proven to do so less."""

SIDES = re.compile(r"\bbaseline\b|\bcanary\b")

MISSING = 0.2
"""Of all ticks, those that one side may lack."""


class Standing:
    """One comparison while it is tried. `alpha` is its part of the false rollbacks that the whole trial may have.

    `joint` says why the canary is proven worse, where all comparisons together prove it, and this one foremost.
    """

    def __init__(self, series: Series, header: Header, alpha: float) -> None:
        self.series = series
        plan = partial(
            Trial,
            series.kind,
            alpha=alpha,
            worse_by=series.worse_by,
            tolerates=series.tolerates,
            every_s=header.every_s,
            within_s=header.within_s,
            seed=crc32(series.id.encode()),
        )
        usual = header.usual.get(series.id)
        try:
            self.trial = plan(history=None if usual is None else [_pair(series, tick) for tick in usual])
        except ValueError as error:
            self.series = replace(series, spoilt=series.spoilt or str(error))
            self.trial = plan()
        self.allowance: Allowance | None = None
        if series.allowed is not None:
            self.allowance = Allowance(series.allowed if series.kind == "count" else OFTEN)
        self.ticks = 0
        self.missing = 0
        self.joint = ""
        self._finished = False
        self._notes: Counter[str] = Counter()
        self._of: float | None = None

    def take(self, tick: Tick) -> None:
        """Take what one tick brought; nothing more once it is known that nothing can be concluded."""
        if self.series.spoilt:
            return
        self.ticks += 1
        self.missing += tick.baseline is None or tick.canary is None
        if tick.note:
            self._notes[tick.note] += 1
        if tick.of is not None:
            self._of = (self._of or 0.0) + tick.of
        self._allow(tick)
        self.trial.tick(*_pair(self.series, tick))

    def _allow(self, tick: Tick) -> None:
        """Tell the allowance what the canary did."""
        allowed = self.series.allowed
        if self.allowance is None or allowed is None or tick.canary is None:
            return
        if self.series.kind == "count":
            self.allowance.tick(tick.canary, tick.of or 0.0)
        else:
            beyond = tick.canary > allowed if self.series.worse == "higher" else tick.canary < allowed
            self.allowance.tick(float(beyond), 1.0)

    def finish(self) -> None:
        """Settle it: what is not decided by now is inconclusive."""
        self._finished = True
        self.trial.finish()

    @property
    def is_unsound(self) -> bool:
        """Whether what came cannot be compared, so that more of it would not help."""
        return bool(self.series.spoilt) or self.missing > MISSING * self.ticks

    @property
    def is_beyond(self) -> bool:
        """Whether the canary has done more than is allowed: less is no reason to roll back."""
        return self.allowance is None or self.allowance.events > self.allowance.allowed * self.allowance.of

    @property
    def _is_allowed(self) -> bool:
        """Whether it is proven that what the canary does is allowed, in ticks of which enough are there."""
        return self.allowance is not None and self.allowance.proven and not self.is_unsound

    @property
    def decision(self) -> str:
        """`rollback`, `pass` or `inconclusive`; `undecided` until the trial is over."""
        if self.series.spoilt:
            return "inconclusive"
        if self._is_allowed or self.trial.decision == "pass":
            return "pass"
        if self.is_beyond and (self.joint or self.trial.decision == "rollback"):
            return "rollback"
        return "inconclusive" if self._finished or self.trial.decision == "inconclusive" else "undecided"

    @property
    def reason(self) -> str:
        """One sentence: why it is decided so, or what is missing."""
        if self.series.spoilt:
            return self.series.spoilt
        if self._is_allowed and self.allowance is not None and self.trial.decision != "pass":
            return self._allowed(self.allowance)
        if self.decision in {"rollback", "pass"}:
            return self.joint or self._told
        words = self._told
        if self.trial.decision == "rollback":
            words += ", and yet no more than is allowed so far"
        if self._of == 0:
            words = "there was no traffic on both sides at once, so nothing to count of; drive some"
        (note, times) = self._notes.most_common(1)[0] if self._notes else ("", 0)
        return f"{words}; {times} × {note}" if note else words

    @property
    def _told(self) -> str:
        """What the trial says, which was told the sides the other way round where less is worse."""
        swapped = {"baseline": "canary", "canary": "baseline"} if self.series.worse == "lower" else {}
        return SIDES.sub(lambda found: swapped.get(found[0], found[0]), self.trial.reason)

    def _allowed(self, allowance: Allowance) -> str:
        events, of, allowed = allowance.events, allowance.of, self.series.allowed
        if self.series.kind == "count":
            return f"{events:g} of {of:g} in the canary: proven to be below the {100 * allowance.allowed:.3g} % allowed"
        side = "above" if self.series.worse == "higher" else "below"
        return f"{events:g} of {of:g} ticks {side} {allowed:g} {self.series.unit}, which is allowed to the canary"

    def record(self) -> dict[str, Any]:
        """Return it as plain JSON values; `ratio`, `low` and `high` are the canary's over the baseline's."""
        ratio, low, high = self.trial.ratio, self.trial.low, self.trial.high
        if self.series.worse == "lower":
            ratio, low, high = _inverse(ratio), _inverse(high), _inverse(low)
        return {
            "id": self.series.id,
            "title": self.series.title,
            "decision": self.decision,
            "ratio": _plain(ratio),
            "low": _plain(low),
            "high": _plain(high),
            "evidence": _plain(self.trial.evidence),
            "needed_s": _plain(self.trial.needed_s) if self.decision in {"undecided", "inconclusive"} else None,
            "reason": self.reason,
            "ticks": self.ticks,
            "missing": self.missing,
        }

    def line(self) -> str:
        """Return what is known so far, on one line."""
        why = f": {self.reason}" if self.decision != "undecided" else ""
        return f"{self.decision:<12} {self.series.id}{why or self._so_far()}"

    def _so_far(self) -> str:
        """Return the ratio, the band it lies in, and how long it takes until more is known."""
        trial = self.record()
        if trial["ratio"] is None:
            return f": {self.reason}"
        ends = [f"{end:.3g}" for end in (trial["low"], trial["high"]) if end is not None]
        band = f" ({' to '.join(ends)})" if len(ends) == 2 else ""
        more = f", some {roughly(trial['needed_s'])} more" if (trial["needed_s"] or 0.0) >= 1 else ""
        return f": {trial['ratio']:.3g} ×{band}{more}"


class Standings:
    """All comparisons of one trial."""

    def __init__(self, header: Header) -> None:
        self.header = header
        alpha = share(ALPHA, max(1, len(header.series)))
        self.all = {name: Standing(one, header, alpha) for name, one in header.series.items()}
        self.seconds = 0.0

    def take(self, ticks: Iterable[Tick]) -> None:
        """Take what a tick brought to some comparisons."""
        for tick in ticks:
            self.seconds = max(self.seconds, tick.at)
            self.all[tick.id].take(tick)
        sound = [one for one in self.all.values() if not one.series.spoilt]
        whole = together([one.trial for one in sound], alpha=ALPHA) if len(sound) > 1 else None
        if whole is not None and whole.decision == "rollback" and self.decision != "rollback":
            foremost = max(sound, key=lambda one: one.trial.e_value)
            foremost.joint = foremost.joint or whole.reason

    def finish(self) -> None:
        """Settle all that is open."""
        for one in self.all.values():
            one.finish()

    @property
    def decision(self) -> str:
        """`rollback` where one comparison says so, `pass` where all do; else `undecided`, in the end `inconclusive`."""
        found = {one.decision for one in self.all.values()}
        if "rollback" in found:
            return "rollback"
        if found == {"pass"}:
            return "pass"
        return "undecided" if "undecided" in found else "inconclusive"

    @property
    def exit_code(self) -> int:
        """0 for a pass, 1 for a rollback, 12 where nothing is proven."""
        return EXIT.get(self.decision, EXIT["inconclusive"])

    @property
    def reason(self) -> str:
        """One sentence: what decided it, or what keeps it open."""
        for decision in ("rollback", "inconclusive", "undecided"):
            found = [one for one in self.all.values() if one.decision == decision]
            if found:
                return f"{found[0].series.id}: {found[0].reason}"
        passed = [f"{one.series.id}: {one.reason}" for one in self.all.values()]
        return f"{len(passed)} of {len(passed)} pass; {passed[0]}" if passed else "nothing was compared"

    def record(self) -> dict[str, object]:
        """Return the content of the verdict file."""
        return {
            "decision": self.decision,
            "exit": self.exit_code,
            "reason": self.reason,
            "baseline": self.header.baseline,
            "canary": self.header.canary,
            "started_at": round(self.header.started_at, 3),
            "seconds": round(self.seconds, 3),
            "comparisons": [one.record() for one in self.all.values()],
        }

    def lines(self) -> list[str]:
        """Return a line for each comparison, then the decision."""
        found = [one.line() for one in self.all.values()]
        counts = Counter(one.decision for one in self.all.values())
        told = ", ".join(f"{number} {name}" for name, number in counts.items())
        names = f"canary {self.header.canary} against {self.header.baseline}"
        return [*found, f"{self.decision.upper()}: {names} in {self.seconds:.0f} s: {told or 'nothing compared'}"]


def _pair(series: Series, tick: Tick) -> tuple[float | list[float] | None, float | None]:
    """Return what a trial is to take for baseline and canary: where less is worse, the other way round."""
    return (tick.baseline, tick.canary) if series.worse == "higher" else (tick.canary, _mean(tick.baseline))


def _mean(values: float | list[float] | None) -> float | None:
    return sum(values) / len(values) if isinstance(values, list) else values


def _inverse(ratio: float | None) -> float | None:
    return None if ratio is None else 1 / ratio if ratio else float("inf")


def _plain(value: float | None) -> float | None:
    """Return a number as JSON has it: None for what is not finite."""
    return None if value is None or value - value != 0 else round(float(value), 6)
