"""A run as GitHub Actions shows it: a summary of the step in Markdown, and annotations at the lines of the checks.

What the run prints may hold text from a server, which GitHub would obey where it looks like a command. So commands are
switched off while the run prints, and on again only for the annotations.
"""

import os
import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from healthgate.claim.state import State
from healthgate.judge.verdict import Verdict
from healthgate.printable import printable
from healthgate.tell.account import Account, told

SHOWN = 10
"""Annotations of one level that GitHub shows of a step."""

ROWS = 200
"""Rows of a table; a summary may have 1 MiB in all."""

LONGEST = 400
"""Characters of one text in a summary or an annotation."""

LARGEST = 1_000_000
"""Bytes of a summary that GitHub takes."""

LEVEL = {
    State.CRITICAL: "error",
    State.UNKNOWN: "error",
    State.WARNING: "warning",
    State.MISSED: "warning",
    State.PENDING: "warning",
}
SPECIAL = re.compile(r"[!#$()*+\-.:@\[\\\]^_`{|}~]")
"""What means something in GitHub's Markdown and may be escaped with a backslash."""

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Commands:
    """Switches workflow commands off for the run; `write` is given whole lines."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write
        self.token = ""

    def stop(self) -> None:
        """Have nothing that is printed from now on taken for a command."""
        self.token = f"healthgate-{uuid.uuid4().hex}"
        self.write(f"::stop-commands::{self.token}")

    def resume(self) -> None:
        """End what `stop` began, if it did."""
        if self.token:
            self.write(f"::{self.token}::")
            self.token = ""


def append_summary(account: Account, variables: Mapping[str, str]) -> str | None:
    """Append the summary to the file that GitHub names; return what went wrong. Elsewhere there is nothing to do."""
    path = variables.get("GITHUB_STEP_SUMMARY")
    if not path:
        return None
    try:
        page = summary(account, variables).encode(errors="backslashreplace")
        with Path(path).open("ab") as file:
            file.write(page)
    except OSError as error:
        return f"not written: {printable(path)}: {error.strerror}"
    return None


def summary(account: Account, variables: Mapping[str, str]) -> str:
    """Return the summary as GitHub's Markdown."""
    facts = account.facts
    ill = [v for v in account.worst_first if v.state is not State.OK]
    well = [v for v in account.worst_first if v.state is State.OK]
    floors = ", ".join(dict.fromkeys(account.floors.values()))
    ran = f"{facts.selected} selected, {facts.executed} executed · fails on {floors} · {facts.duration_s:.1f} s"
    parts = [
        f"## {account.counts} in {', '.join(text(name) for name in facts.environments)}\n",
        f"Exit code {facts.exit_code} · {ran}\n",
        _table(ill, account, variables),
        _list("No result", [text(nodeid) for nodeid in account.lost]),
        _list("Not delivered", [text(trouble) for trouble in account.undelivered]),
        _list("Overrides", [f"{_place(v, account)}: {text(v.override)}" for v in account.verdicts if v.override]),
        _list("Left out", [text(line) for line in account.left_out]),
        _list("Cost", [text(line) for line in account.cost.splitlines()]),
    ]
    passes = f"<details><summary>{len(well)} ok</summary>\n\n{_table(well, account, variables)}\n</details>\n"
    whole = "\n".join(part for part in [*parts, passes if well else ""] if part) + "\n"
    if len(whole.encode(errors="backslashreplace")) > LARGEST:
        whole = "\n".join(part for part in parts[:2] if part) + "\nToo many checks to list them here.\n"
    return whole


def _table(verdicts: list[Verdict], account: Account, variables: Mapping[str, str]) -> str:
    if not verdicts:
        return ""
    lines = ["| state | check | value | limit | runbook |", "|---|---|---|---|---|"]
    for verdict in verdicts[:ROWS]:
        path, _, line = verdict.change.rpartition(":")
        check = _link(_place(verdict, account), _address(path, account, variables, f"#L{line}"))
        reason = f"<br>{text(verdict.name)}: {text(verdict.reason)}" if verdict.state is not State.OK else ""
        runbook = _link(text(Path(verdict.runbook).stem), _address(verdict.runbook, account, variables))
        state = f"**{verdict.state}**" + (f"<br>maintenance {text(verdict.maintenance)}" if verdict.muted else "")
        cells = (state, check + reason, text(told(verdict)), text(verdict.limit), runbook)
        lines.append(f"| {' | '.join(cells)} |")
    if len(verdicts) > ROWS:
        lines.append(f"| | and {len(verdicts) - ROWS} more | | | |")
    return "\n".join(lines) + "\n"


def _list(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    more = [f"and {len(lines) - ROWS} more"] if len(lines) > ROWS else []
    return f"**{title}**\n\n" + "".join(f"- {line}\n" for line in [*lines[:ROWS], *more])


def _place(verdict: Verdict, account: Account) -> str:
    several = len(account.facts.environments) > 1
    return (f"{text(verdict.environment)} " if several else "") + text(verdict.id)


def text(said: object) -> str:
    """Return foreign text so that GitHub shows it as it is: one line, bounded, no Markdown, no HTML."""
    line = " ".join(printable(said, LONGEST).split())
    return re.sub("[&<>]", lambda found: ENTITIES[found[0]], SPECIAL.sub(r"\\\g<0>", line))


def _link(words: str, address: str | None) -> str:
    return f"[{words}]({address})" if address else words


def _address(path: str, account: Account, variables: Mapping[str, str], line: str = "") -> str | None:
    """Return where a file of the repository, or a runbook that is a page of its own, can be looked at."""
    if path.startswith(("https://", "http://")):
        return quote(path, safe=":/?#&=%+,;~@")
    server, repository = variables.get("GITHUB_SERVER_URL"), variables.get("GITHUB_REPOSITORY")
    commit = variables.get("GITHUB_SHA")
    if not (server and repository and commit):
        return None
    return f"{server}/{repository}/blob/{commit}/{quote(_in_repository(path, account, variables))}{line}"


def _in_repository(path: str, account: Account, variables: Mapping[str, str]) -> str:
    """Return a path below the run's root as one below the workspace, which is what GitHub knows."""
    workspace = variables.get("GITHUB_WORKSPACE")
    whole = Path(account.root, path)
    if workspace and whole.is_relative_to(workspace):
        return os.path.relpath(whole, workspace)
    return path


def annotations(account: Account, variables: Mapping[str, str]) -> list[str]:
    """Return the commands that annotate the lines of the checks: the worst first, no more than GitHub shows."""
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for nodeid in account.lost:
        path = _in_repository(nodeid.partition("::")[0], account, variables)
        found["error"].append(_command("error", {"file": path, "title": "no result"}, f"{nodeid} brought no result"))
    for verdict in account.worst_first:
        level = None if verdict.muted or account.is_echo(verdict) else LEVEL.get(verdict.state)
        if verdict.state is State.BLOCKED and not verdict.muted and not account.roots_told(verdict):
            level = LEVEL.get(account.failing_state(verdict))
        if level is None:
            continue
        path, _, line = verdict.change.rpartition(":")
        where = {"file": _in_repository(path, account, variables), "line": line, "title": _title(verdict)}
        found[level].append(_command(level, where, f"{verdict.headline}\nrunbook: {verdict.runbook}"))
    found["warning"] += [_command("warning", {"title": "not delivered"}, trouble) for trouble in account.undelivered]
    return [line for level, lines in found.items() for line in _shown(level, lines)]


def _title(verdict: Verdict) -> str:
    return f"{verdict.id} is {verdict.state} in {verdict.environment}"


def _shown(level: str, lines: list[str]) -> list[str]:
    if len(lines) <= SHOWN:
        return lines
    more = f"{len(lines) - SHOWN + 1} more; the summary of the step lists them"
    return [*lines[: SHOWN - 1], _command(level, {"title": "and more"}, more)]


def _command(level: str, properties: dict[str, str], message: str) -> str:
    """Return a workflow command, escaped as the runner reads it back."""
    told_of = ",".join(f"{name}={_property(printable(value, LONGEST))}" for name, value in properties.items())
    lines = (printable(line, LONGEST) for line in message.split("\n"))
    return f"::{level} {told_of}::{_data(chr(10).join(lines))}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
