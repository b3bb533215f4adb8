"""The options that tell people: what is wrong with them, and what of theirs must not be printed."""

from collections.abc import Mapping
from typing import Any

from healthgate.secret import Secret


def problems(option: Any, variables: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the options that tell people, and with what they are authorized with."""
    found = []
    if option.alertmanager:
        from healthgate.tell.alerting import alertmanager  # noqa: PLC0415

        several = [*map(alertmanager.problem, option.alertmanager), alertmanager.unsendable(variables)]
        found += [f"--alertmanager: {problem}" for problem in several if problem]
        if len({url.rstrip("/") for url in option.alertmanager}) < len(option.alertmanager):
            found.append("--alertmanager: one address is given twice")
    if option.heartbeat is not None:
        from healthgate.tell.alerting import heartbeat  # noqa: PLC0415

        problem = heartbeat.problem(option.heartbeat)
        found += [f"--heartbeat: {problem}"] if problem else []
        if not option.alertmanager:
            found.append("--heartbeat is told to an Alertmanager: name one with --alertmanager")
    if option.notify:
        from healthgate.tell.alerting import notices  # noqa: PLC0415

        found += [f"--notify: {problem}" for problem in notices.problems(variables)]
        if not option.history:
            found.append("--notify tells what is new since the last run, which --history FILE remembers: give both")
    for name, given in (("--alertmanager", option.alertmanager), ("--notify", option.notify)):
        if given and option.snapshot_in:
            found.append(f"--snapshot-in judges what was seen before; {name} tells what is so now: leave one out")
    return found


def secrets(option: Any, variables: Mapping[str, str]) -> list[Secret]:
    """Return what must not be printed of what the options are authorized with."""
    found: list[Secret] = []
    if option.alertmanager:
        from healthgate.tell.alerting import alertmanager  # noqa: PLC0415

        found += alertmanager.secrets(variables)
    if option.notify:
        from healthgate.tell.alerting import notices  # noqa: PLC0415

        found += notices.secrets(variables)
    return found
