"""Is it there? What an answer, or the lack of one, proves about a route.

A refused or reset connection and a name that does not resolve prove that nothing serves; so does a wrong
answer. A late, oversized or garbled one proves nothing: the state is unknown.
"""

from healthgate import Facts, NoData, Violated
from healthgate.readings import Answer

DOWN = frozenset({"refused", "reset", "unresolved"})
"""Outcomes that prove that nothing serves there."""

BEHIND_IS_DOWN = frozenset({502, 503, 504})
"""Codes with which a gateway says that what it asks on does not answer."""

MARKET_SERVICE = "market.endpoint.debug[comprehensive]"
"""The check that says best that the market service as a whole does not answer."""


def answered(answer: Answer, explained_by: str | None = None) -> Answer:
    """Return `answer` if HTTP came back; Violated where nothing serves, NoData where that is not proven."""
    if answer.status == "answered":
        return answer
    raise (Violated if answer.status in DOWN else NoData)(answer.error, explained_by)


def served(answer: Answer) -> Facts:
    """Return the JSON body of a 200; Violated for any other answer, NoData for one that cannot be read.

    A gateway that cannot reach the market service is explained by that service, where it is asked directly too.
    """
    if answered(answer).code != 200:
        behind = MARKET_SERVICE if answer.code in BEHIND_IS_DOWN else None
        raise Violated(f"it answered {answer.spoken_code}, not 200", behind)
    if answer.flaw:
        # the text is kept where it could be read and is no JSON; without it the bytes themselves are in doubt
        raise (Violated if "text" in answer.facts else NoData)(answer.flaw)
    return Facts(answer.content)


def required(body: Facts, *paths: str) -> None:
    """Pass if something other than null stands at every path; Violated names those where nothing does."""
    absent = [path for path in paths if not body.has(path) or body.at(path).raw is None]
    if absent:
        raise Violated(f"it answered 200 without {', '.join(absent)}")
