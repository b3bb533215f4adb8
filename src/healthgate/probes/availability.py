"""Is it there? What an answer, or the lack of one, proves about a route.

A refused or reset connection and a name that does not resolve prove that nothing serves; so does a wrong
answer. A late, oversized or garbled one proves nothing: the state is unknown.
"""

from typing import Protocol, TypeVar

from healthgate.claim.facts import Facts, NoData, Violated
from healthgate.claim.source import Measured
from healthgate.probes.http_answer import Answer

DOWN = frozenset({"refused", "reset", "unresolved"})
"""How a request ends that proves that nothing serves there."""

BEHIND_IS_DOWN = frozenset({502, 503, 504})
"""Codes with which a proxy says that what it asks on does not answer."""


class Ended(Protocol):
    """How a request ended, over HTTP, on a stream or at a Redis."""

    status: str
    error: str


Came = TypeVar("Came", bound=Ended)


def answered(answer: Came, explained_by: str | None = None) -> Came:
    """Return `answer` if one came; Violated where nothing serves, NoData where that is not proven."""
    if answer.status == "answered":
        return answer
    raise (Violated if answer.status in DOWN else NoData)(answer.error, explained_by)


def served(answer: Answer, *, behind: str | None = None) -> Facts:
    """Return the JSON body of a 200, or of another code that `get` was given; Violated for any other answer.

    NoData for one that cannot be read.

    `behind` is the check on the service that is asked through this one: it explains 502, 503 and 504.
    """
    if refusal := answered(answer).refusal:
        raise Violated(refusal, behind if answer.code in BEHIND_IS_DOWN else None)
    if answer.flaw:
        # the text is kept where it could be read and is no JSON; without it the bytes themselves are in doubt
        raise (Violated if "text" in answer.facts else NoData)(answer.flaw)
    return answer.json


def serves(answer: Answer) -> Measured:
    """Return that a body is served, and with which code; raises as `served` does."""
    served(answer)
    return Measured(True, f"answered {answer.code} with JSON")


def status_code(answer: Answer) -> Measured:
    """Return the code that came, with where a redirect points; raises as `answered` does."""
    answered(answer)
    return Measured(answer.code, answer.spoken_code if answer.spoken_code != str(answer.code) else "")
