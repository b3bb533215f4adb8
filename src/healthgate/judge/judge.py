"""Facts and limits in, verdicts out. Pure: reads no clock, opens nothing, gives the same answer every time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from healthgate.claim.check import Check, Terms
from healthgate.claim.facts import Facts, NoData, NotExpected, Violated
from healthgate.claim.limit import Limit, Tier
from healthgate.claim.observation import AGAIN, Observation, attempt_mark, sample_mark
from healthgate.claim.source import Absent, Later, LookBack, Measured, Scene
from healthgate.claim.state import WORST_FIRST, Floor, State
from healthgate.claim.tally import NotYet
from healthgate.claim.window import Sample, interval, lacking
from healthgate.judge import waiting
from healthgate.judge.growth import ahead
from healthgate.judge.past import Past
from healthgate.judge.verdict import Verdict
from healthgate.nearest import hint
from healthgate.printable import printable, shown

DISAGREED = frozenset({State.MISSED, State.WARNING, State.CRITICAL})
"""States in which sources that race may be read once more."""

NOTHING = frozenset({State.UNKNOWN, State.BLOCKED})
"""States of a look that says nothing of what is so now."""


class Judge:
    """Judges the checks of one environment, each once.

    `terms_of` returns what the environment says of a check at a moment; `at` is when the systems were looked at, in
    seconds since 1970; `past` is what runs before this one found, None where no history is kept. `remembered` are
    earlier looks at a check, by its id, from elsewhere than that history; the same look in both counts once.
    """

    def __init__(
        self,
        environment: str,
        terms_of: Callable[[Check, float], Terms],
        checks: Mapping[str, Check],
        scene: Scene,
        floor: Floor,
        runbooks: str,
        change_from: str = "",
        at: float = 0.0,
        past: Mapping[tuple[str, str], Past] | None = None,
        remembered: Mapping[str, Sequence[Sample]] | None = None,
    ) -> None:
        self.environment = environment
        self._terms_of = terms_of
        self.checks = checks
        self.scene = scene
        self.floor = floor
        self.runbooks = runbooks
        self.change_from = change_from
        self.at = at
        self.past = past
        self.remembered = remembered or {}
        self._terms: dict[str, Terms] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._settling: set[str] = set()
        self._early: dict[str, float] = {}
        self._requests: dict[str, list[str]] = {}

    def verdict(self, check_id: str) -> Verdict:
        """Return the verdict on a check; blocked if one it requires is not ok."""
        if check_id not in self._verdicts:
            check = self.checks[check_id]
            if check_id in self._settling:
                return self._say(
                    check, State.UNKNOWN, None, f"{check_id} requires itself, by way of what proves its data"
                )
            self._settling.add(check_id)
            try:
                self._verdicts[check_id] = self._as_echo(check, self._blocked(check) or self._measured(check))
            finally:
                self._settling.discard(check_id)
        return self._verdicts[check_id]

    def _here(self, check: Check) -> Terms:
        if check.id not in self._terms:
            self._terms[check.id] = self._terms_of(check, self.at)
        return self._terms[check.id]

    def reached(self, check_id: str) -> Verdict | None:
        """Return a verdict there already is; a check that crashed has none."""
        return self._verdicts.get(check_id)

    def _as_echo(self, check: Check, verdict: Verdict) -> Verdict:
        """Return the verdict on a roll-up with the parts that fail as badly, and in maintenance where all those are."""
        if not check.sums_up or verdict.state in {State.OK, State.UNKNOWN, State.BLOCKED}:
            return verdict
        badly = WORST_FIRST[: WORST_FIRST.index(verdict.state) + 1]
        parts = [part for name in self.checks if check.covers(name) and (part := self._part(name)) is not None]
        failing = [part for part in parts if part.state in badly and part.state is not State.UNKNOWN]
        quiet = failing[0].maintenance if failing and all(part.maintenance for part in failing) else None
        return replace(
            verdict,
            echoes=tuple(part.id for part in failing),
            maintenance=verdict.maintenance or quiet,
        )

    def _part(self, check_id: str) -> Verdict | None:
        """Return the verdict on a part of a roll-up, where this run looked at it and it can be judged at all."""
        if check_id in self._settling:
            return None
        try:
            return self.verdict(check_id) if self._was_looked_at(self.checks[check_id]) else None
        except Exception:  # the check itself is broken or not for this environment: its own test says so
            return None

    def _blocked(self, check: Check) -> Verdict | None:
        for required in check.required(self.scene.systems):
            if required not in self.checks:
                return self._say(
                    check,
                    State.UNKNOWN,
                    None,
                    f"it requires {required}, which is no check{hint(required, self.checks)}",
                )
            root = self.verdict(required)
            if root.state is not State.OK:
                return self._blocked_by(check, root)
        return None

    def _explained(self, check: Check, nothing: NoData) -> Verdict | None:
        """Return the verdict where another check says why there is nothing to read; None if none does."""
        explanation = self.checks.get(nothing.explained_by or "")
        if explanation is None or explanation.id == check.id or not self._was_made_whole(explanation):
            return None  # what it rests on was not asked in this run: it would blame what nobody looked at
        root = self.verdict(explanation.id)
        in_a_circle = root.id == check.id or any(name == check.id for name, _ in root.roots)
        return self._blocked_by(check, root) if root.state is not State.OK and not in_a_circle else None

    def _blocked_by(self, check: Check, root: Verdict) -> Verdict:
        roots = root.roots if root.state is State.BLOCKED else ((root.id, root.state),)
        name, state = roots[0]
        return self._say(check, State.BLOCKED, None, f"blocked by {name}, which is {state}", roots, root.maintenance)

    def _measured(self, check: Check) -> Verdict:
        verdict = self._attempted(check)
        taken: list[Sample] = []
        number = 2
        while (check.stays.windowed or verdict.is_early) and (scene := self._sample_scene(check, number)) is not None:
            if verdict.value is not None and verdict.observed_at is not None:
                taken.append(Sample(verdict.observed_at, verdict.value))
            verdict = self._attempt(check, scene, taken)
            number += 1
        return replace(verdict, samples=tuple((sample.at, sample.value) for sample in taken))

    def crossed(self, check_id: str) -> bool:
        """Whether a line is crossed that needs time, or may be once more is known: then earlier looks matter."""
        check, verdict = self.checks[check_id], self.verdict(check_id)
        limit = self._here(check).limit
        waiting = [tier for tier in (limit.critical, limit.warning) if tier is not None and tier.needs_window]
        if verdict.is_early:
            return bool(waiting)
        return verdict.value is not None and any(tier.holds(verdict.value) for tier in waiting)

    def undecided(self, check_id: str) -> float | None:
        """Return the seconds after which a worse state of a check is proven if all it brings until then is as bad.

        None where no line is crossed that needs time: there is nothing to wait for. A look that brought nothing, after
        others of this run that crossed such a line, is looked after once more: what is so now nobody knows yet. What
        cannot be known yet is, after that time, known.
        """
        check, verdict = self.checks[check_id], self.verdict(check_id)
        if verdict.is_early:
            return self._early.get(check_id) or None
        taken = [Sample(*one) for one in verdict.samples]
        if not check.stays.windowed or verdict.observed_at is None:
            return None
        if verdict.value is None:
            return self.sampling_interval(check_id) if taken and verdict.state in NOTHING else None
        samples = self._samples(check, verdict.observed_at, verdict.value, taken)
        limit = self._here(check).limit
        for tier in (limit.critical, limit.warning):
            left = self._lacking(check, tier, samples) if tier is not None and tier.holds(verdict.value) else None
            if left is not None:
                return left or None
        return None

    def sampling_interval(self, check_id: str) -> float:
        """Return how far apart, in seconds, this run must look again to judge the windows of a check."""
        check = self.checks[check_id]
        if self.verdict(check_id).is_early:
            return self._early[check_id]
        tiers = (check.stays.critical, check.stays.warning)
        cadence = check.cadence / self.scene.time_scale
        return min(interval(t, cadence, self.scene.time_scale) for t in tiers if t is not None and t.needs_window)

    def _samples(
        self, check: Check, at: float, value: float | int | str | bool, taken: Sequence[Sample]
    ) -> list[Sample]:
        begun = taken[0].at if taken else at
        past = (self.past or {}).get((self.environment, check.id), Past())
        known = {Sample(look.at, look.value) for look in past.looks if look.value is not None}
        known |= set(self.remembered.get(check.id, ()))
        before = sorted((one for one in known if one.at < begun), key=lambda one: one.at)
        return [*before, *taken, Sample(at, value)]

    def _lacking(self, check: Check, tier: Tier, samples: Sequence[Sample]) -> float | None:
        scale = self.scene.time_scale
        return lacking(tier, samples, check.cadence / scale, scale)

    def _reached(self, check: Check, tier: Tier, samples: Sequence[Sample]) -> bool | None:
        if not tier.needs_window or not samples:
            return not tier.needs_window
        left = self._lacking(check, tier, samples)
        return None if left is None else not left

    def _sample_scene(self, check: Check, number: int) -> Scene | None:
        """Return the scene as sample `number` of this run saw what a check reads; None where it was not taken.

        What a check reads twice was read by the sample before, and by this one.
        """
        systems, seen = self.scene.systems, self.scene.observations
        found: dict[str, Observation] = {}
        for probe in check.probes(systems):
            twice = isinstance(probe, Later)
            for name in (probe.first if isinstance(probe, Later) else probe).ids(systems[probe.system.name]):
                now = seen.get(name + sample_mark(number))
                before = seen.get(name + (sample_mark(number - 1) or (AGAIN if name + AGAIN in seen else "")))
                if now is None or before is None:
                    return None
                if twice:
                    found |= {name: before, name + AGAIN: now}
                else:
                    found.setdefault(name, now)
        return self.scene.replaced(found) if found else None

    def _attempted(self, check: Check) -> Verdict:
        """Return the verdict on the last attempt that brought one: one that brought nothing takes nothing back."""
        verdict = self._attempt(check, self.scene)
        for number in range(2, check.attempts + 1):
            mark = attempt_mark(number)
            if verdict.state is State.OK or not self._was_repeated(check, mark):
                break
            again = self._attempt(check, self.scene.again(mark))
            verdict = verdict if again.state in NOTHING else again
        return verdict

    def _was_repeated(self, check: Check, mark: str) -> bool:
        """Whether an attempt was made, and not only what another check reads as well."""
        requests = self._request_ids(check)
        return bool(requests) and all(name + mark in self.scene.observations for name in requests)

    def _was_looked_at(self, check: Check) -> bool:
        return any(name in self.scene.observations for name in self._request_ids(check))

    def _was_made_whole(self, check: Check) -> bool:
        """Whether this run asked for all that a check reads; a look that earlier runs made needless is not missed."""
        systems = self.scene.systems
        try:
            probes = [probe for probe in check.probes(systems) if not isinstance(probe, LookBack)]
        except Absent:
            return False
        return bool(probes) and all(
            name in self.scene.observations for probe in probes for name in probe.ids(systems[probe.system.name])
        )

    def _request_ids(self, check: Check) -> list[str]:
        if check.id not in self._requests:
            systems = self.scene.systems
            named = (name for probe in check.probes(systems) for name in probe.ids(systems[probe.system.name]))
            self._requests[check.id] = list(dict.fromkeys(named))
        return self._requests[check.id]

    def _attempt(self, check: Check, scene: Scene, taken: Sequence[Sample] = ()) -> Verdict:
        limit = self._here(check).limit
        said = partial(self._say, check, scene=scene)
        try:
            found = check.reading.value(scene)
        except NotExpected as moot:
            return said(State.OK, None, str(moot))
        except Violated as violated:
            return self._explained(check, violated) or said(limit.worst, None, str(violated))
        except NotYet as nothing:
            self._early[check.id] = nothing.lacking
            return said(State.PENDING, None, waiting.not_known(nothing, self._needs))
        except NoData as nothing:
            words = f"no data: {nothing}"
            return self._explained(check, nothing) or said(State.UNKNOWN, None, self._held_up(check, scene, words))
        detail = contradiction = rolled_back = ""
        if isinstance(found, Measured):
            detail, contradiction, rolled_back = found.detail, found.contradiction, found.rolled_back
            value: object = found.value
        else:
            value = found.raw if isinstance(found, Facts) else found
        if (problem := limit.malformed(value)) is not None:
            place = f"{found.path} " if isinstance(found, Facts) else "the reading "
            return said(State.UNKNOWN, None, f"no data: {place}{problem}")
        at = self._seen_at(check, scene)
        samples = (
            self._samples(check, at, value, taken)
            if limit.windowed and at is not None and isinstance(value, bool | int | float | str)
            else []
        )
        state = limit.judge(value, lambda tier: self._reached(check, tier, samples))
        if contradiction and state in {State.OK, State.MISSED}:
            state = limit.mildest
        seen = f"{limit.speak(value)}{f' ({detail})' if detail else ''}"
        if isinstance(value, bool):
            seen = detail or seen
            told = detail or state is State.OK
            reason = seen if told else f"{seen}; expected {shown(limit.objective.value)}"
            if contradiction:
                reason = f"{seen}; {contradiction}"
        else:
            reason = seen if state is State.OK else f"{seen}; {contradiction or f'it should stay {limit}'}"
        if state is State.PENDING:
            reason += f"; {self._so_far(check, value, samples)}"
        outlook = self._outlook(check, limit, value, at)
        verdict = said(state, value, f"{reason}; {outlook}" if outlook else reason)
        return replace(verdict, outlook=outlook, rolled_back=printable(rolled_back, 200) or None)

    def _outlook(self, check: Check, limit: Limit, value: object, at: float | None) -> str | None:
        """Say which line the value will cross at the rate of the last days, where earlier runs tell of that."""
        growth = (self.past or {}).get((self.environment, check.id), Past()).growth
        if growth is None or at is None or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        found = ahead(growth, limit, value, at)
        return found.words(limit) if found else None

    @property
    def _needs(self) -> str:
        return waiting.NOT_KEPT if self.past is None else waiting.KEPT

    def _so_far(self, check: Check, value: object, samples: Sequence[Sample]) -> str:
        """Return how far the line of a pending check that would be reached first is, and how to end the waiting."""
        limit, scale = self._here(check).limit, self.scene.time_scale
        crossed = [tier for tier in (limit.warning, limit.critical) if tier is not None and tier.holds(value)]
        left = {tier: self._lacking(check, tier, samples) for tier in crossed if samples}
        first = min((tier for tier in crossed if left.get(tier)), key=lambda tier: left[tier] or 0.0, default=None)
        if first is None:
            return "nobody knows when it was read"
        return waiting.so_far(first, samples, check.cadence / scale, scale, self._needs)

    def _say(
        self,
        check: Check,
        state: State,
        value: object,
        reason: str,
        roots: tuple[tuple[str, State], ...] = (),
        maintenance: str | None = None,
        scene: Scene | None = None,
    ) -> Verdict:
        here = self._here(check)
        limit = here.limit
        requests = self._request_ids(check)
        seen = self._seen(check, scene or self.scene)
        plain = value if isinstance(value, bool | int | float | str) else None
        observed_at = max((o.at for o in seen), default=None)
        return Verdict(
            id=check.id,
            environment=self.environment,
            system=check.system,
            name=check.name,
            state=state,
            severity=limit.severity,
            value=printable(plain) if isinstance(plain, str) else plain,
            unit=limit.unit.symbol,
            limit=str(limit),
            reason=printable(reason, 1000),
            floor=self.floor,
            cause=check.cause,
            action=check.action,
            runbook=self.runbooks.replace("{name}", check.runbook),
            change=f"{check.file.removeprefix(self.change_from)}:{check.line}",
            where=check.reading.where(self.scene.systems),
            blocked_by=roots[0][0] if roots else None,
            override=here.override,
            probes=tuple(requests),
            observed_at=observed_at,
            elapsed_ms=max((o.elapsed_ms for o in seen), default=None),
            since=self._since(check, state, observed_at or self.at),
            maintenance=here.maintenance or maintenance,
            issue=here.issue,
            roots=roots,
        )

    def _held_up(self, check: Check, scene: Scene, words: str) -> str:
        """Return `words` with how long this machine held up what a check reads, where they do not say so yet."""
        held = [one.held_up for one in self._seen(check, scene) if one.held_up_ms]
        return words if not held or any(one in words for one in held) else f"{words}; {held[0]}"

    def _seen(self, check: Check, scene: Scene) -> list[Observation]:
        return [scene.observations[name] for name in self._request_ids(check) if name in scene.observations]

    def _seen_at(self, check: Check, scene: Scene) -> float | None:
        return max((observation.at for observation in self._seen(check, scene)), default=None)

    def _since(self, check: Check, state: State, seen: float) -> float | None:
        if self.past is None:
            return None
        return self.past.get((self.environment, check.id), Past()).since_when(state, seen)
