"""What an answer over HTTP holds: its code, its headers, its body as JSON or as text."""

import functools
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.here import AS_DOCUMENTED, Absence, Here
from healthgate.claim.observation import Observation
from healthgate.printable import printable
from healthgate.secret import REDACTED, Redactor
from healthgate.wire.notation import DEEPEST, NestedError, from_json

MOST_TEXT = 4000
"""Characters of a body that is no JSON that are kept."""

MOST_HEADERS = 50
LONGEST_HEADER = 200
"""Headers of an answer that are kept, and characters of each. All of them are, whatever checks ask for: a request is
shared by all who read it, a kept snapshot by checks that are written later; they are little beside a body."""

HIDDEN = re.compile(r"cookie|auth|token|secret|key|session|password|signature")
"""Headers with such a name may hold a secret that nobody knows here: it is kept that they came, and nothing else."""


QUOTED_OR_NOT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
"""One element of a header that is a list: commas in quotes are its own."""


class Answer:
    """What came back for one request; its body has its members where the documents of `route` have them.

    `codes` are those whose body is read, `types` media types beside JSON's own whose body is read as JSON. `here` says
    where members stand in the environment that was asked.
    """

    def __init__(
        self,
        observation: Observation,
        codes: Collection[int] = (200,),
        here: Here = AS_DOCUMENTED,
        route: str = "",
        types: Collection[str] = (),
    ) -> None:
        self.codes = codes
        self.types = types
        self.here = here
        self.route = route
        self.status = observation.status
        self.error = observation.error or ""
        self.elapsed_ms = observation.elapsed_ms
        self.at = observation.at
        self.name = observation.id
        self.facts = observation.facts
        self.bytes = observation.bytes

    @property
    def code(self) -> int:
        """The HTTP status code; NoData if there was no answer."""
        if "code" not in self.facts:
            raise NoData(self.error)
        return int(self.facts["code"])

    @property
    def content_type(self) -> str:
        """The whole Content-Type header, empty where there is none; NoData if there was no answer."""
        _ = self.code
        return str(self.facts.get("content_type", ""))

    @property
    def type(self) -> str:
        """The Content-Type without its parameters, in small letters."""
        return media_type(self.content_type)

    @property
    def length(self) -> int:
        """How many bytes of a body came; NoData if there was no answer."""
        _ = self.code
        return self.bytes

    @property
    def request_id(self) -> str:
        """What the request was sent under, as X-Request-Id; NoData if there was no answer."""
        if "request_id" not in self.facts:
            raise NoData(self.error)
        return str(self.facts["request_id"])

    @property
    def flaw(self) -> str | None:
        """Why the body is not usable as JSON, or None."""
        flaw = self.facts.get("flaw")
        return str(flaw) if flaw and not self._is_json_by_another_name else None

    @property
    def _is_json_by_another_name(self) -> bool:
        return "undeclared" in self.facts and self.facts.get("type") in self.types

    @functools.cached_property
    def content(self) -> Any:
        """The parsed JSON body, None where there is none."""
        name = "undeclared" if self._is_json_by_another_name else "json"
        return self.here.body(self.route, self.facts.get(name))

    @property
    def json(self) -> Facts:
        """The parsed JSON body, whatever the code was."""
        return Facts(self.content, "", self._lacks if self.here.absent else None)

    def _lacks(self, path: str) -> Absence | None:
        return self.here.lacks(self.route, path)

    def body(self) -> Facts:
        """Return the JSON body of a 200; NoData says what came instead."""
        if self.status != "answered":
            raise NoData(self.error)
        if self.refusal:
            raise NoData(self.refusal)
        if self.flaw:
            raise NoData(self.flaw)
        return self.json

    def text(self) -> str:
        """Return a body that is no JSON as text, without blanks around it; NoData says what came instead."""
        if self.status != "answered":
            raise NoData(self.error)
        if self.refusal:
            raise NoData(self.refusal)
        if "text" not in self.facts:
            raise NoData(self.flaw or "the answer is JSON, which is read by its members")
        if length := self.facts.get("characters"):
            raise NoData(f"the answer has {length} characters, more than the {MOST_TEXT} that are kept")
        return str(self.facts["text"]).strip()

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by their names in small letters, as they were kept; NoData if there was no answer."""
        _ = self.code
        if "headers" not in self.facts:
            raise NoData("the headers of this answer were not kept")
        found: dict[str, str] = self.facts["headers"]
        return found

    def header(self, name: str) -> str:
        """Return a header, one that came more than once with commas between; NoData where it cannot be had."""
        found = self.headers.get(name.lower())
        if found is None:
            more = f" among the first {MOST_HEADERS}" if len(self.headers) >= MOST_HEADERS else ""
            raise NoData(f"it answered without a header {name}{more}")
        if found == REDACTED:
            raise NoData(f"what the header {name} says is not kept, since it may be secret")
        if found.endswith("…"):
            raise NoData(f"the header {name} has more than the {LONGEST_HEADER} characters that are kept")
        return found

    @property
    def refusal(self) -> str | None:
        """Why the body is not read although there was an answer: its code in words, or None."""
        wanted = " or ".join(map(str, sorted(self.codes)))
        return None if self.code in self.codes else f"it answered {self.spoken_code}, not {wanted}"

    @property
    def spoken_code(self) -> str:
        """The status code, and for a redirect where it points."""
        target = self.facts.get("location")
        return f"{self.code} (a redirect to {target}, not followed)" if target else str(self.code)


def last_of(header: str) -> str:
    """Return what counts of a header that has one value and may have come more than once: the last."""
    found = [part.strip() for part in QUOTED_OR_NOT.findall(header) if part.strip()]
    return found[-1] if found else ""


def media_type(content_type: str) -> str:
    """Return the value of a Content-Type header without its parameters."""
    return last_of(content_type).partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type, in small letters, is that of JSON: application/json, or one built on it."""
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def parsed(body: bytes, kind: str, redactor: Redactor) -> dict[str, Any]:
    """Return `json` with the parsed body, or `flaw` saying why there is none; no known secret is in either."""
    try:
        text = redactor.bytes(body).decode()
    except UnicodeDecodeError as problem:
        return {"flaw": f"the answer is not UTF-8 text (byte {problem.start})"}
    if not is_json(kind):
        return {"flaw": f"the answer is {printable(kind, 60)}, not JSON", **_kept(text), **_undeclared(text, redactor)}
    try:
        content = from_json(text)
    except NestedError:
        return {"flaw": f"the answer is nested deeper than {DEEPEST} levels"}
    except ValueError as problem:
        return {"flaw": f"the answer is not JSON: {printable(problem)}", **_kept(text)}
    return {"json": redactor.content(content) if "\\" in text else content}


def _undeclared(text: str, redactor: Redactor) -> dict[str, Any]:
    """Return an object or a list that a body holds which is JSON by another name, for checks that ask for it."""
    if text.removeprefix("\ufeff").lstrip()[:1] not in {"{", "["}:
        return {}
    try:
        return {"undeclared": redactor.content(from_json(text))}
    except ValueError:
        return {}


def _kept(text: str) -> dict[str, Any]:
    return {"text": text[:MOST_TEXT], **({"characters": len(text)} if len(text) > MOST_TEXT else {})}


def kept_headers(came: Iterable[tuple[str, str]], redactor: Redactor) -> dict[str, str]:
    """Return the headers of an answer by their names in small letters: bounded, and without any secret."""
    kept: dict[str, str] = {}
    for full, value in came:
        name = printable(redactor.text(full), 60).lower()
        if name in kept or len(kept) < MOST_HEADERS:
            several = f"{kept[name]}, {value}" if name in kept else value
            kept[name] = REDACTED if HIDDEN.search(name) else printable(redactor.text(several), LONGEST_HEADER)
    return kept
