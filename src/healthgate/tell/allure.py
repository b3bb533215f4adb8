"""What Allure is told of a run: one result for each check and environment, made of its verdict, with its evidence.

An identity is made of the check and the environment and of nothing else, so that history survives every renaming.
"""

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from zlib import crc32

from healthgate.claim.limit import Limit
from healthgate.claim.observation import Observation, attempt_mark
from healthgate.claim.state import State
from healthgate.duration import roughly
from healthgate.judge.past import Look, Past
from healthgate.judge.verdict import Verdict, spoken_moment
from healthgate.nearest import hint
from healthgate.printable import printable
from healthgate.secret import Redactor
from healthgate.tell.account import Account, told
from healthgate.tell.evidence import evidence
from healthgate.tell.pictures import has_scale, picture
from healthgate.tell.results import moment
from healthgate.tell.results_folder import ResultsFolder
from healthgate.tell.run_link import web_address

if TYPE_CHECKING:
    from healthgate.tell.trial_picture import Course

SCHEMA = 1

STATUS = {State.UNKNOWN: "broken", State.BLOCKED: "skipped"}
SEVERITY = {"critical": "critical", "warning": "normal", "objective": "minor"}

CHANGES = 5
"""Last changes of state that are told."""

SVG, JSON, TEXT = ("image/svg+xml", "svg"), ("application/json", "json"), ("text/plain", "txt")

MOST = 16 * 1024 * 1024
"""Bytes of what requests brought that a run attaches in all; what is ill comes first."""

MARKUP = re.compile(r"[\\`*\[\]<>|~]|(?<!\w)_|_(?!\w)")


@dataclass(frozen=True)
class Crash:
    """A test that failed for a reason of its own; `status` is Allure's word for how."""

    status: str
    message: str
    trace: str


@dataclass(frozen=True)
class Finding:
    """One check as it is told: its verdict, and what else there is. `past` is None where no history is kept.

    `crash` is what befell the test of a verdict that is healthy, `output` what the test printed and logged. `trial` is
    how a comparison came to its verdict: its picture stands in the place of that of the limit.
    """

    verdict: Verdict
    limit: Limit
    past: Past | None = None
    crash: Crash | None = None
    trace: str = ""
    output: Sequence[tuple[str, str]] = ()
    trial: "Course | None" = None


@dataclass(frozen=True)
class Links:
    """Where a result leads: the page of all checks, the dashboard of a check (a template), the run (name, address)."""

    catalogue: str | None = None
    dashboard: str = ""
    run: tuple[str, str] | None = None
    report: str | None = None

    def of(self, verdict: Verdict) -> list[dict[str, str]]:
        """Return the links of one check."""
        found = [_link("runbook", verdict.runbook)]
        if self.catalogue:
            # the page has a heading for each system; a browser that can, scrolls on to the check and marks it
            text = quote(verdict.id, safe="").replace("-", "%2D")
            found.append(_link("in the list of checks", f"{self.catalogue}#{verdict.system}:~:text={text}"))
        if self.dashboard:
            found.append(_link("dashboard", dashboard_link(self.dashboard, verdict)))
        if self.run:
            found.append(_link(*self.run))
        if verdict.issue and (address := re.search(r"https?://[^\s]+(?=: )", verdict.issue)):
            found.append(_link(verdict.issue.partition(" ")[0], address[0], kind="issue"))
        return found


def _link(name: str, url: str, kind: str = "link") -> dict[str, str]:
    return {"type": kind, "url": url, "name": name}


PLACES = ("environment", "system", "check", "panel")
"""What stands in braces in the address of a dashboard."""


def unknown_place(template: str) -> str | None:
    """Say what is wrong with the address of a dashboard, or None."""
    if not template:
        return None
    if web_address(template) is None:
        return f"{printable(template, 80)} is not a web address; expected one such as https://HOST/d/x?check={{check}}"
    for name in re.findall(r"\{(.*?)\}", template):
        if name not in PLACES:
            return f"{{{printable(name, 40)}}} stands for nothing{hint(name, PLACES)}"
    return None


def dashboard_link(template: str, verdict: Verdict) -> str:
    """Fill `template`; `{panel}` is the number that the generated dashboard gives the panel of the check."""
    panel = str(crc32(verdict.id.encode()) >> 1)
    for name, value in zip(PLACES, (verdict.environment, verdict.system, verdict.id, panel), strict=True):
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


class Telling:
    """Writes what `account` tells into `folder`, with the observations the verdicts were made from."""

    def __init__(
        self,
        account: Account,
        folder: ResultsFolder,
        observations: Mapping[str, Mapping[str, Observation]],
        redactor: Redactor,
        links: Links,
    ) -> None:
        self.account = account
        self.folder = folder
        self.observations = observations
        self.redactor = redactor
        self.links = links
        self._evidence: dict[tuple[str, str], Attachment] = {}
        self._attached = 0

    def write_run(self, descriptions: Mapping[str, str]) -> None:
        """Write what is said of the run itself."""
        account, facts = self.account, self.account.facts
        run = {
            "schema": SCHEMA,
            "run": facts.id,
            "started": moment(facts.started),
            "environments": [
                {
                    "name": name,
                    "stage": account.stages.get(name, name),
                    "description": descriptions.get(name, ""),
                    "expected": account.selected.get(name, 0),
                }
                for name in facts.environments
            ],
            "link": {"name": self.links.run[0], "url": self.links.run[1]} if self.links.run else None,
        }
        name, url = self.links.run or (f"run {facts.id[:8]}", None)
        executor = {"name": "healthgate", "buildName": name, "buildUrl": url, "reportUrl": self.links.report}
        self.folder.write("healthgate-run.json", _json(run))
        self.folder.write("executor.json", _json({key: value for key, value in executor.items() if value}))
        self.folder.write("environment.properties", properties(self._about()))

    def _about(self) -> Iterator[tuple[str, str]]:
        account, facts = self.account, self.account.facts
        names = facts.environments
        stages = [account.stages.get(name, name) for name in names]
        several = [n if n == stage else f"{n} ({stage})" for n, stage in zip(names, stages, strict=True)]
        yield "environments", ", ".join(several)
        yield "checks", f"{facts.selected} selected, {facts.executed} brought a result"
        yield "fails_on", facts.fail_on
        yield "systems_seen", spoken_moment(account.seen)
        yield "selection", account.selection
        yield "version", f"healthgate {facts.version}"

    def write_error(self, message: str, trace: str) -> None:
        """Write something that went wrong with the run as a whole."""
        message, trace = self.redactor.text(message), self.redactor.text(trace)
        error = {"message": message, "trace": trace, "timestamp": round(self.account.facts.started * 1000)}
        content = _json({"errors": [error]})
        self.folder.write(f"{_uuid(content)}-globals.json", content)

    def write(self, finding: Finding) -> None:
        """Write the result of one check and what is attached to it."""
        attachments = list(self._attachments(finding))
        told = [{"name": one.name, "source": one.source, "type": one.media} for one in attachments]
        result = self._result(finding) | {"attachments": told}
        self.folder.write(f"{result['uuid']}-result.json", _json(result))
        for attachment in attachments:
            if attachment.original:
                self.folder.write_again(attachment.original, attachment.source, attachment.content)
            else:
                self.folder.write(attachment.source, attachment.content)

    def _result(self, finding: Finding) -> dict[str, Any]:
        verdict, crash = finding.verdict, finding.crash
        identity = _identity(verdict)
        area = verdict.id.partition("[")[0].split(".")[1]
        stop = round((verdict.observed_at or self.account.seen) * 1000)
        status, message, trace = _status(verdict), _message(verdict), finding.trace
        if crash is not None:
            status, message, trace = crash.status, crash.message, crash.trace
        details = {"message": self.redactor.text(message), "trace": self.redactor.text(trace)}
        return {
            "uuid": _uuid(identity),
            "historyId": _digest(identity),
            "testCaseId": _digest(verdict.id.encode()),
            "fullName": verdict.id,
            "name": verdict.name,
            "titlePath": [verdict.system, area],
            "status": status,
            "statusDetails": {name: text for name, text in details.items() if text},
            "description": self.redactor.text(self._description(finding)),
            "start": stop - round(verdict.elapsed_ms or 0),
            "stop": stop,
            "parameters": [{"name": "environment", "value": verdict.environment}],
            "labels": [{"name": name, "value": value} for name, value in self._labels(verdict, area, crash)],
            "links": self.links.of(verdict),
        }

    def _labels(self, verdict: Verdict, area: str, crashed: object) -> Iterator[tuple[str, str]]:
        yield "epic", verdict.system
        yield "feature", area
        yield "story", verdict.id
        yield "severity", SEVERITY[verdict.severity]
        yield "env", verdict.environment
        yield "stage", self.account.stages.get(verdict.environment, verdict.environment)
        yield "state", State.UNKNOWN.value if crashed else verdict.state.value
        yield "check_id", verdict.id
        if verdict.roots:
            yield "root", verdict.roots[0][0]
        if self.account.is_echo(verdict):
            yield "echo", verdict.echoes[0]
        if verdict.issue and not verdict.healthy:
            yield "issue", verdict.issue
        yield "framework", "pytest"
        yield "language", f"{platform.python_implementation().lower()}{platform.python_version_tuple()[0]}"

    def _description(self, finding: Finding) -> str:
        verdict = finding.verdict
        since = ""
        if verdict.since is not None:
            lasted = (verdict.observed_at or self.account.seen) - verdict.since
            since = f"{spoken_moment(verdict.since)}{f', for {roughly(lasted)}' if lasted >= 1 else ''}"
        told_of = [
            ("found", "" if verdict.value is None else _code(told(verdict))),
            ("limit", _plain(verdict.limit)),
            ("where", _plain(verdict.where)),
            (f"{verdict.state} since", since),
            ("sums up", _plain(", ".join(verdict.echoes))),
            ("cause when it fails", _plain(verdict.cause)),
            ("do now", _plain(verdict.action)),
            ("threshold of this environment", _plain(verdict.override or "")),
            ("known issue", _plain(verdict.issue or "")),
            ("maintenance", _plain(verdict.maintenance or "")),
            ("the check stands in", _plain(verdict.change)),
        ]
        parts = [f"**{label}:** {text}" for label, text in told_of if text]
        changes = list(self._changes(finding))[-CHANGES:]
        if changes:
            parts.append("\n".join(["**last changes of state:**", "", *(f"- {line}" for line in reversed(changes))]))
        return "\n\n".join(parts)

    def _changes(self, finding: Finding) -> Iterator[str]:
        for before, after in pairwise(self._looks(finding)):
            if before.state is not after.state:
                yield f"{spoken_moment(after.at)}: {before.state} → {after.state}"

    def _looks(self, finding: Finding) -> list[Look]:
        """Return the looks there were, this one last; nothing where no history is kept."""
        if finding.past is None:
            return []
        verdict = finding.verdict
        number = verdict.value if isinstance(verdict.value, int | float) else None
        now = Look(verdict.observed_at or self.account.seen, verdict.state, number)
        return [*(look for look in finding.past.looks if look.at < now.at), now]

    def _attachments(self, finding: Finding) -> "Iterator[Attachment]":
        verdict = finding.verdict
        looks = self._looks(finding)
        if finding.trial is not None:
            from healthgate.tell import trial_picture  # noqa: PLC0415

            yield _attachment("trial", SVG, self.redactor.text(trial_picture.picture(finding.trial)), verdict)
        elif (drawn := picture(finding.limit, verdict.value, verdict.state, looks)) is not None:
            yield _attachment(_title(finding.limit, len(looks)), SVG, drawn, verdict)
        for observation in self._observations(verdict):
            yield from self._evidence_of(observation, verdict)
        for title, text in finding.output:
            yield _attachment(title, TEXT, self.redactor.text(text), verdict)

    def _evidence_of(self, observation: Observation, verdict: Verdict) -> "Iterator[Attachment]":
        """Yield what a request brought: the same file under one more name for each check that read it.

        Allure shows a file in one result only. What it renders is copied for each, which is why there is an end to it.
        """
        key = (verdict.environment, observation.id)
        made = self._evidence.get(key)
        if made is not None:
            source = _source(made.content, JSON[1], verdict)
            made = replace(made, source=source, original=made.source)
        elif self._attached < MOST:
            made = _attachment(observation.id, JSON, evidence(observation, self.redactor), verdict)
            self._evidence[key] = made
        if made is not None and self._attached < MOST:
            self._attached += len(made.content)
            yield made

    def _observations(self, verdict: Verdict) -> Iterator[Observation]:
        """Yield what the requests of a check brought, and what repeating them did."""
        seen = self.observations.get(verdict.environment, {})
        for name in verdict.probes:
            number, mark = 1, ""
            while (found := seen.get(name + mark)) is not None:
                yield found
                number += 1
                mark = attempt_mark(number)


def _status(verdict: Verdict) -> str:
    if verdict.muted:
        return "skipped"
    return "passed" if verdict.healthy else STATUS.get(verdict.state, "failed")


def _message(verdict: Verdict) -> str:
    """Return the sentence of a check; what one root blocks says the same, so that it stands together."""
    if verdict.muted:
        return f"[maintenance] {verdict.maintenance}: {verdict.headline}"
    if verdict.state is State.BLOCKED and verdict.roots:
        name, state = verdict.roots[0]
        return f"[{verdict.state}] by {name}, which is {state}"
    return verdict.headline


@dataclass(frozen=True)
class Attachment:
    """A file beside a result: `source` is its name, `original` that of another with the same content, if any."""

    name: str
    source: str
    media: str
    content: bytes
    original: str = ""


def _attachment(name: str, kind: tuple[str, str], text: str, verdict: Verdict) -> Attachment:
    content = text.encode(errors="backslashreplace")
    media, extension = kind
    return Attachment(name, _source(content, extension, verdict), media, content)


def _source(content: bytes, extension: str, verdict: Verdict) -> str:
    """Return a name for `content` where `verdict` is told: no other result has it, and other content has another."""
    return f"{_digest(content + _identity(verdict))}-attachment.{extension}"


def _identity(verdict: Verdict) -> bytes:
    return f"{verdict.id}|{verdict.environment}".encode()


def _title(limit: Limit, looks: int) -> str:
    """Return what is on a picture, in words."""
    words = ["limit" if looks else "value and limit"] if has_scale(limit) else []
    if looks:
        words.append("first look" if looks == 1 else f"last {looks} looks")
    return " and ".join(words)


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _uuid(content: bytes) -> str:
    digits = _digest(content)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def _plain(text: str) -> str:
    """Return `text` so that Markdown shows it as it is."""
    return MARKUP.sub(lambda found: f"\\{found[0]}", text)


def _code(text: str) -> str:
    """Return `text` as code: nothing in it is a link or markup, whoever wrote it."""
    return f"`{text.replace('`', chr(39))}`"


def properties(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return pairs as a properties file, whatever letters they hold."""
    return "".join(f"{name} = {_escaped(value)}\n" for name, value in pairs if value).encode("ascii")


def _escaped(value: str) -> str:
    units = value.encode("utf-16-be", errors="surrogatepass")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if 32 <= code < 127 and code != 92 else f"\\u{code:04x}" for code in codes)
