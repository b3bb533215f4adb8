"""Facts and limits in, verdicts out. Pure: reads no clock, opens nothing, gives the same answer every time."""

from collections.abc import Mapping

from healthgate.claim import Check
from healthgate.facts import Facts, NoData, Violated
from healthgate.limit import shown
from healthgate.maintenance import issue_at, window_at
from healthgate.nearest import hint
from healthgate.past import Past
from healthgate.printable import printable
from healthgate.profile import Profile
from healthgate.source import Measured, Scene
from healthgate.state import Floor, State
from healthgate.verdict import Verdict

DISAGREED = frozenset({State.MISSED, State.WARNING, State.CRITICAL})
"""States in which sources that race may be read once more."""


def attempt_mark(number: int) -> str:
    """Return the suffix of request ids of attempt `number` (the first has none)."""
    return "" if number == 1 else f" (attempt {number})"


class Judge:
    """Judges the checks of one environment, each once.

    `at` is when the systems were looked at, in seconds since 1970; `past` is what runs before this one found;
    None where no history is kept.
    """

    def __init__(
        self,
        profile: Profile,
        checks: Mapping[str, Check],
        scene: Scene,
        floor: Floor,
        runbooks: str,
        change_from: str = "",
        at: float = 0.0,
        past: Mapping[tuple[str, str], Past] | None = None,
    ) -> None:
        self.profile = profile
        self.checks = checks
        self.scene = scene
        self.floor = floor
        self.runbooks = runbooks
        self.change_from = change_from
        self.at = at
        self.past = past
        self._verdicts: dict[str, Verdict] = {}
        self._settling: set[str] = set()

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
                self._verdicts[check_id] = self._blocked(check) or self._measured(check)
            finally:
                self._settling.discard(check_id)
        return self._verdicts[check_id]

    def reached(self, check_id: str) -> Verdict | None:
        """Return a verdict there already is; a check that crashed has none."""
        return self._verdicts.get(check_id)

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
        if explanation is None or explanation.id == check.id or not self._was_made(explanation, ""):
            return None  # what it rests on was not asked in this run: it would blame what nobody looked at
        root = self.verdict(explanation.id)
        in_a_circle = root.id == check.id or any(name == check.id for name, _ in root.roots)
        return self._blocked_by(check, root) if root.state is not State.OK and not in_a_circle else None

    def _blocked_by(self, check: Check, root: Verdict) -> Verdict:
        roots = root.roots if root.state is State.BLOCKED else ((root.id, root.state),)
        name, state = roots[0]
        return self._say(check, State.BLOCKED, None, f"blocked by {name}, which is {state}", roots, root.maintenance)

    def _measured(self, check: Check) -> Verdict:
        verdict = self._attempt(check, self.scene)
        for number in range(2, check.attempts + 1):
            mark = attempt_mark(number)
            if verdict.state is State.OK or not self._was_made(check, mark):
                break
            verdict = self._attempt(check, self.scene.again(mark))
        return verdict

    def _was_made(self, check: Check, mark: str) -> bool:
        return any(name + mark in self.scene.observations for name in self._request_ids(check))

    def _request_ids(self, check: Check) -> list[str]:
        systems = self.scene.systems
        return [name for probe in check.probes(systems) for name in probe.ids(systems[probe.system.name])]

    def _attempt(self, check: Check, scene: Scene) -> Verdict:
        limit = self.profile.limit_of(check.id, check.stays)
        try:
            found = check.reading.value(scene)
        except Violated as violated:
            return self._explained(check, violated) or self._say(check, limit.worst, None, str(violated))
        except NoData as nothing:
            return self._explained(check, nothing) or self._say(check, State.UNKNOWN, None, f"no data: {nothing}")
        detail = contradiction = ""
        if isinstance(found, Measured):
            detail, contradiction = found.detail, found.contradiction
            value: object = found.value
        else:
            value = found.raw if isinstance(found, Facts) else found
        if (problem := limit.malformed(value)) is not None:
            place = f"{found.path} " if isinstance(found, Facts) else "the reading "
            return self._say(check, State.UNKNOWN, None, f"no data: {place}{problem}")
        state = limit.judge(value)
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
            reason += " (not yet for long enough to tell)"
        return self._say(check, state, value, reason)

    def _say(
        self,
        check: Check,
        state: State,
        value: object,
        reason: str,
        roots: tuple[tuple[str, State], ...] = (),
        maintenance: str | None = None,
    ) -> Verdict:
        limit = self.profile.limit_of(check.id, check.stays)
        override = self.profile.override_of(check.id)
        requests = self._request_ids(check)
        seen = [self.scene.observations[name] for name in requests if name in self.scene.observations]
        plain = value if isinstance(value, bool | int | float | str) else None
        observed_at = max((o.at for o in seen), default=None)
        return Verdict(
            id=check.id,
            environment=self.profile.name,
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
            override=str(override) if override else None,
            probes=tuple(requests),
            observed_at=observed_at,
            elapsed_ms=max((o.elapsed_ms for o in seen), default=None),
            since=self._since(check, state, observed_at or self.at),
            maintenance=window_at(self.profile.maintenance, check.id, self.at) or maintenance,
            issue=issue_at(self.profile.known_issues, check.id, self.at),
            roots=roots,
        )

    def _since(self, check: Check, state: State, seen: float) -> float | None:
        if self.past is None:
            return None
        return self.past.get((self.profile.name, check.id), Past()).since_when(state, seen)
