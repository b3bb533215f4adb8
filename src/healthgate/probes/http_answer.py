"""What an answer over HTTP holds: its code, its type, its body as JSON."""

from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.observation import Observation
from healthgate.printable import printable
from healthgate.secret import Redactor
from healthgate.wire.notation import DEEPEST, NestedError, from_json


class Answer:
    """What came back for one request."""

    def __init__(self, observation: Observation) -> None:
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
        return str(flaw) if flaw else None

    @property
    def content(self) -> Any:
        """The parsed JSON body, None where there is none."""
        return self.facts.get("json")

    def body(self) -> Facts:
        """Return the JSON body of a 200; NoData says what came instead."""
        if self.status != "answered":
            raise NoData(self.error)
        if self.code != 200:
            raise NoData(f"it answered {self.spoken_code}, not 200")
        if self.flaw:
            raise NoData(self.flaw)
        return Facts(self.content)

    @property
    def spoken_code(self) -> str:
        """The status code, and for a redirect where it points."""
        target = self.facts.get("location")
        return f"{self.code} (a redirect to {target}, not followed)" if target else str(self.code)


def media_type(content_type: str) -> str:
    """Return the value of a Content-Type header without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def parsed(body: bytes, kind: str, encoding: str, redactor: Redactor) -> dict[str, Any]:
    """Return `json` with the parsed body, or `flaw` saying why there is none; no known secret is in either."""
    if encoding != "identity":
        return {"flaw": f"the answer is encoded as {printable(encoding)}, which was not asked for"}
    try:
        text = redactor.bytes(body).decode()
    except UnicodeDecodeError as problem:
        return {"flaw": f"the answer is not UTF-8 text (byte {problem.start})"}
    if kind != "application/json":
        return {"flaw": f"the answer is {printable(kind, 60)}, not JSON", "text": printable(text, 300)}
    try:
        content = from_json(text)
    except NestedError:
        return {"flaw": f"the answer is nested deeper than {DEEPEST} levels"}
    except ValueError as problem:
        return {"flaw": f"the answer is not JSON: {printable(problem)}", "text": printable(text, 300)}
    return {"json": redactor.content(content) if "\\" in text else content}
