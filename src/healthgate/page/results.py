"""A folder of Allure results as it is handed to Allure: read, checked, and put in order."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from healthgate.claim.state import WORST_FIRST
from healthgate.page import NotRenderedError
from healthgate.printable import printable

RUN = "healthgate-run.json"
"""What the run says of itself beside its results."""

RESULT = "-result.json"
BESIDE = re.compile(
    r".+-(?:container|globals)\.json|.+-attachment(?:\..*)?|executor\.json|environment\.(?:properties|xml)"
)
"""Other files of a results folder that Allure reads."""

PRODUCTION = "production"
MAINTENANCE = "in maintenance"
TOLD = 3
"""Names that are told of several."""

LONGEST_NAME = 64
"""Characters that Allure takes for the name of an environment."""

WELL = ("ok", MAINTENANCE)
"""What a title leaves out first where it would become too long."""

LONGEST_TITLE = 84
"""Characters of a title that stands beside the picture; a longer one leaves out more."""


@dataclass(frozen=True)
class Environment:
    """One environment: `label` is what results call it, `id` and `name` what the page does.

    `expected` is how many results it should have; None where nobody said so.
    """

    id: str
    name: str
    label: str
    stage: str
    expected: int | None


@dataclass
class Results:
    """What a results folder holds: the results by file name, what may be read beside them, and notes on the rest.

    `run` identifies the run: rendering its results again changes its point in the history instead of adding one.
    `started` is when it began, in milliseconds since 1970.
    """

    folder: Path
    results: dict[str, dict[str, Any]]
    beside: list[str]
    environments: list[Environment]
    run: str
    started: int
    notes: list[str] = field(default_factory=list)

    @cached_property
    def counts(self) -> dict[str, Counter[str]]:
        """How many checks of each environment (by its name) are in which state, in words."""
        names = {one.label: one.name for one in self.environments}
        found: dict[str, Counter[str]] = {one.name: Counter() for one in self.environments}
        for result in self.results.values():
            environment, state = labelled(result, "env"), labelled(result, "state")
            if environment in names and state:
                muted = message(result).startswith("[maintenance]")
                found[names[environment]][MAINTENANCE if muted else state] += 1
        return found

    @property
    def ill(self) -> bool:
        """Whether there is anything that somebody should look at."""
        return any(result.get("status") != "passed" or _state(result) != "ok" for result in self.results.values())

    @property
    def title(self) -> str:
        """One line: what was found in which environment, as much of it as fits."""
        others = sum(not labelled(result, "state") for result in self.results.values())
        more = [f"{others} other test{'s' * (others != 1)}"] if others else []
        together: Counter[str] = sum(self.counts.values(), Counter())
        everything = [f"{name}: {_spoken(counts)}" for name, counts in self.counts.items()]
        ill = [f"{name}: {_spoken(counts, without=WELL)}" for name, counts in self.counts.items()]
        everywhere = [f"{_spoken(together)} in {len(ill)} environments"] if ill else []
        told = ("; ".join([*several, *more]) for several in (everything, ill, everywhere))
        return next((title for title in told if len(title) <= LONGEST_TITLE), "; ".join([*everywhere, *more]))


def read(folder: Path) -> Results:
    """Read `folder`. NotRenderedError says what is wrong where there is nothing to render."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise NotRenderedError(
            f"{folder}: {error.strerror}; `healthgate run --env NAME --alluredir {folder}` writes results there"
        ) from None
    notes: list[str] = []
    results = _results(folder, [name for name in names if name.endswith(RESULT)], notes)
    if not results:
        several = [name for name in names if name.endswith(RESULT)]
        why = f"none of {len(several)} results in {folder} can be read" if several else f"no Allure results in {folder}"
        raise NotRenderedError("; ".join([why, *notes]))
    run = _run(folder, notes) if RUN in names else {}
    if RUN not in names and any(labelled(result, "env") for result in results.values()):
        notes.append(f"{RUN} is not in {folder}: whether every check brought a result cannot be told")
    starts = [start for result in results.values() if isinstance(start := result.get("start"), int) and start > 0]
    return Results(
        folder=folder,
        results=results,
        beside=[name for name in names if BESIDE.fullmatch(name)],
        environments=_environments(run, results),
        run=_identity(run, results),
        started=_milliseconds(run.get("started")) or min(starts, default=0),
        notes=notes,
    )


def listed(names: Sequence[str]) -> str:
    """Return the first few of `names` in one line, and how many more there are."""
    shown = ", ".join(printable(name) for name in names[:TOLD])
    return f"{shown} and {len(names) - TOLD} more" if len(names) > TOLD else shown


def labelled(result: Mapping[str, Any], name: str) -> str:
    """Return the label `name` of a result, or nothing."""
    return next((label["value"] for label in result["labels"] if label["name"] == name), "")


def message(result: Mapping[str, Any]) -> str:
    """Return what a result says in one line."""
    told = result.get("statusDetails")
    text = told.get("message") if isinstance(told, dict) else None
    return text if isinstance(text, str) else ""


def _results(folder: Path, names: list[str], notes: list[str]) -> dict[str, dict[str, Any]]:
    found, wrong = {}, []
    for name in names:
        try:
            found[name] = _sound(json.loads((folder / name).read_bytes(), parse_constant=_no_number))
        except OSError as error:
            wrong.append(f"{name} ({error.strerror})")
        except (ValueError, RecursionError) as error:
            wrong.append(f"{name} ({printable(error)})")
    if wrong:
        notes.append(f"not read, and missing from the page: {listed(wrong)}")
    return found


def _sound(result: Any) -> dict[str, Any]:
    """Return a result in which labels, links and parameters are what Allure expects; ValueError if it is none."""
    if not isinstance(result, dict) or not isinstance(result.get("name"), str):
        raise ValueError("no object with a name")  # noqa: TRY004 (what was read is wrong, not who called)
    json.dumps(result, allow_nan=False)
    for members, texts in (("labels", ("name", "value")), ("links", ("url",)), ("parameters", ("name", "value"))):
        several = result.get(members)
        result[members] = [
            one
            for one in (several if isinstance(several, list) else [])
            if isinstance(one, dict) and all(isinstance(one.get(text), str) for text in texts)
        ]
    for members in ("steps", "attachments", "titlePath"):
        kind: type[Any] = str if members == "titlePath" else dict
        several = result.get(members)
        result[members] = [one for one in (several if isinstance(several, list) else []) if isinstance(one, kind)]
    for name in ("uuid", "testCaseId", "historyId", "fullName", "status", "description", "descriptionHtml"):
        if not isinstance(result.get(name), str):
            result.pop(name, None)
    if not isinstance(result.get("statusDetails"), dict):
        result.pop("statusDetails", None)
    return result


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _run(folder: Path, notes: list[str]) -> dict[str, Any]:
    try:
        run = json.loads((folder / RUN).read_bytes(), parse_constant=_no_number)
    except OSError as error:
        why = error.strerror or "unreadable"
    except (ValueError, RecursionError) as error:
        why = printable(error)
    else:
        if isinstance(run, dict) and run.get("schema") == 1 and isinstance(run.get("environments"), list):
            return run
        why = "it is not what this version of healthgate writes"
    notes.append(f"{folder / RUN}: {why}: whether every check brought a result cannot be told")
    return {}


def _environments(run: Mapping[str, Any], results: Mapping[str, dict[str, Any]]) -> list[Environment]:
    """Return the environments of a run and those that only results name; production comes first."""
    told: dict[str, tuple[str, int | None]] = {}
    for one in run.get("environments", []):
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            expected, stage = one.get("expected"), one.get("stage")
            number = expected if isinstance(expected, int) and not isinstance(expected, bool) else None
            told[one["name"]] = (stage if isinstance(stage, str) else one["name"], number)
    for result in results.values():
        label = labelled(result, "env")
        if label and label not in told:
            told[label] = (labelled(result, "stage") or label, None)
    found: dict[str, Environment] = {}
    for label, (stage, expected) in sorted(told.items(), key=lambda one: one[1][0] != PRODUCTION):
        identity = hashlib.sha256(label.encode(errors="surrogatepass")).hexdigest()[:8]
        name = re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff/\\]", "_", label).strip()
        if not name.strip(".") or len(name) > LONGEST_NAME or name in {one.name for one in found.values()}:
            name = f"{name[: LONGEST_NAME - 10].strip()} {identity}".strip(". ")
        plain = re.fullmatch(r"[A-Za-z0-9_-]{1,50}", label) and label != "default"
        found[label] = Environment(label if plain else f"env-{identity}", name, label, stage, expected)
    return list(found.values())


def _identity(run: Mapping[str, Any], results: Iterable[str]) -> str:
    if isinstance(run.get("run"), str):
        return str(run["run"])
    return hashlib.sha256("\n".join(sorted(results)).encode(errors="surrogateescape")).hexdigest()[:32]


def _milliseconds(moment: object) -> int | None:
    try:
        return round(datetime.fromisoformat(str(moment)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _state(result: Mapping[str, Any]) -> str:
    return labelled(result, "state") or "ok"


def _spoken(counts: Counter[str], without: Collection[str] = ()) -> str:
    words = [*WORST_FIRST, MAINTENANCE]
    words += sorted(set(counts) - set(words))
    told = [f"{counts[word]} {word}" for word in words if counts[word] and word not in without]
    return ", ".join(told) or ("nothing ill" if counts else "no results")
