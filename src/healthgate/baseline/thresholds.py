"""Proposed lines as a profile says them: YAML that people read, and take over or not."""

from collections import Counter
from collections.abc import Iterator, Sequence

from healthgate.baseline.figures import Figures
from healthgate.baseline.proposal import Proposal
from healthgate.environment.profile import Profile


def lines(here: Profile, found: Sequence[tuple[Figures, Proposal | str]]) -> Iterator[str]:
    """Yield the lines of `thresholds:`, and as comments what was not proposed and why."""
    import yaml  # noqa: PLC0415

    given = [(figures, one) for figures, one in found if isinstance(one, Proposal)]
    yield f"# Proposed for {here.name} from what its runs saw; nothing was written. Read it before you take it over."
    if given:
        yield "thresholds:"
    for figures, one in given:
        override = here.override_of(figures.check.id)
        if override is not None:
            yield f"  # instead of {override.position}: {override}"
        values = {name: int(value) if value.is_integer() else value for name, value in one.values.items()}
        entry = {figures.check.id: {**values, "because": one.because}}
        text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=110)
        yield from (f"  {line}" for line in text.splitlines())
    why = Counter(one for figures, one in found if isinstance(one, str) and figures.usual is not None)
    for reason, number in why.most_common():
        yield f"# not proposed, {number} of them: {reason}"
