"""Where a run is told besides the terminal and results.json: one place, one list of what could not be delivered."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from healthgate import outcome
from healthgate.report.account import Account


def deliver(account: Account, option: Any, base: Path, variables: Mapping[str, str]) -> list[str]:
    """Deliver to everything `option` asks for and return a line for each thing that could not be delivered.

    Files are written below `base`. The exit code that is told counts what could not be delivered before.
    """
    troubles = list(account.undelivered)

    def attempt(deliver_one: Callable[[Account], str | None]) -> None:
        code = account.facts.exit_code
        code = outcome.UNDELIVERED if troubles and code == outcome.PASSED else code
        facts = replace(account.facts, exit_code=code)
        trouble = deliver_one(replace(account, facts=facts, undelivered=list(troubles)))
        if trouble is not None:
            troubles.append(f"{trouble}; the verdicts above stand")

    if option.github:
        from healthgate.report import github  # noqa: PLC0415

        attempt(lambda told: github.append_summary(told, variables))
    if option.pushgateway is not None:
        from healthgate.report import pushgateway  # noqa: PLC0415

        attempt(lambda told: pushgateway.push(option.pushgateway, told, variables))
    if option.metrics is not None:
        from healthgate.report import metrics  # noqa: PLC0415

        attempt(lambda told: metrics.write(base / option.metrics, told))
    return troubles[len(account.undelivered) :]
