"""Where a run is told besides the terminal and results.json: one place, one list of what could not be delivered."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from healthgate.judge import outcome
from healthgate.tell.account import Account

if TYPE_CHECKING:
    from healthgate.tell.alerting.told import Told


class Delivered(NamedTuple):
    """A line for each thing that could not be delivered, and lines that somebody may want to know."""

    troubles: list[str]
    notes: list[str]


def deliver(account: Account, option: Any, base: Path, variables: Mapping[str, str]) -> Delivered:
    """Deliver to everything `option` asks for, people first, and say what could not be delivered.

    Files are written below `base`. The exit code that is told counts what could not be delivered before.
    """
    troubles = list(account.undelivered)
    notes: list[str] = []

    def attempt(deliver_one: Callable[[Account], str | None]) -> None:
        code = account.facts.exit_code
        code = outcome.UNDELIVERED if troubles and code == outcome.PASSED else code
        facts = replace(account.facts, exit_code=code)
        trouble = deliver_one(replace(account, facts=facts, undelivered=list(troubles)))
        if trouble is not None:
            troubles.append(f"{trouble}; the verdicts above stand")

    def tell(what: str, tell_some: Callable[[], "Told"]) -> None:
        try:
            told = tell_some()
        except Exception as error:  # whatever it is, the verdicts must not be lost with it
            troubles.append(f"not {what}: the delivery itself is broken: {type(error).__name__}")
            return
        troubles.extend(f"{trouble}; the verdicts above stand" for trouble in told.troubles)
        notes.extend(note for note in told.notes if note not in notes)

    if option.alertmanager:
        from healthgate.tell.alerting import alertmanager  # noqa: PLC0415

        tell("alerted", lambda: alertmanager.tell(option, account, variables))
    if option.notify:
        from healthgate.tell.alerting import notices  # noqa: PLC0415

        tell("notified", lambda: notices.tell(account, variables))
    if option.github:
        from healthgate.tell import github  # noqa: PLC0415

        attempt(lambda told: github.append_summary(told, variables))
    if option.pushgateway is not None:
        from healthgate.tell import pushgateway  # noqa: PLC0415

        attempt(lambda told: pushgateway.push(option.pushgateway, told, variables))
    if option.metrics is not None:
        from healthgate.tell import metrics  # noqa: PLC0415

        attempt(lambda told: metrics.write(base / option.metrics, told))
    return Delivered(troubles[len(account.undelivered) :], notes)
