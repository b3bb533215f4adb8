"""What a Redis node said: replies by command, hashes, and what was asked of each key."""

from collections.abc import Mapping
from typing import Any

from healthgate.claim.facts import LARGEST, Facts, NoData
from healthgate.claim.observation import Observation
from healthgate.printable import finite, printable, shown
from healthgate.wire.notation import from_json


class Replies:
    """Replies by command; each is read as what it should be, or is NoData. `name` is who gave them."""

    def __init__(self, name: str, replies: Mapping[str, Any]) -> None:
        self.name = name
        self._replies = replies

    def reply(self, command: str) -> Any:
        """Return the reply to a command as it came; NoData if it was refused.

        Those to INFO and CLUSTER INFO are texts by name.
        """
        reply = self._replies[command]
        if isinstance(reply, dict) and "error" in reply:
            raise NoData(f"{self.name} answered {command} with the error {reply['error']}")
        return reply

    def whole(self, command: str) -> int:
        """Return a reply that is a whole number, as to LLEN, ZCARD, TTL and DBSIZE."""
        reply = self.reply(command)
        if not isinstance(reply, int) or abs(reply) > LARGEST:
            raise NoData(f"{self.name} answered {command} with {shown(reply)}, not a whole number")
        return reply

    def number(self, command: str) -> float:
        """Return a reply that is a finite number in words, as to ZSCORE."""
        return _number(self.text(command), f"{self.name} answered {command} with")

    def text(self, command: str) -> str:
        """Return a reply that is text, as to GET and TYPE; NoData where there is nothing."""
        reply = self.reply(command)
        if reply is None:
            raise NoData(f"{self.name} has nothing to answer {command} with")
        if not isinstance(reply, str):
            raise NoData(f"{self.name} answered {command} with {shown(reply)}, not text")
        return reply

    def json(self, command: str) -> Facts:
        """Return a reply that is JSON, as to GET of a key that holds some."""
        return Facts(_parsed(self.text(command), f"{self.name} answered {command} with text that"))

    def elements(self, command: str) -> list[str]:
        """Return the texts of a list or a sorted set, as to LRANGE and ZRANGE; a key that does not exist has none."""
        reply = self.reply(command)
        if not isinstance(reply, list) or not all(isinstance(one, str) for one in reply):
            raise NoData(f"{self.name} answered {command} with {shown(reply)}, not a list of texts")
        return reply

    def scored(self, command: str) -> list[tuple[str, float]]:
        """Return members with their scores, as to ZRANGE … WITHSCORES; a key that does not exist has none."""
        said = self.elements(command)
        if len(said) % 2:
            raise NoData(f"{self.name} answered {command} with {len(said)} texts, not with pairs")
        words = f"{self.name} answered {command} with the score"
        return [(one, _number(score, words)) for one, score in zip(said[::2], said[1::2], strict=True)]


def _number(text: str, words: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not finite(value):
        raise NoData(f"{words} {shown(text)}, not a finite number")
    return value


def _parsed(text: str, words: str) -> Any:
    try:
        return from_json(text)
    except ValueError as problem:
        raise NoData(f"{words} is not JSON: {printable(problem)}") from None


class NodeAnswer(Replies):
    """What one node said. `status` and `error` as in Observation."""

    def __init__(self, node: str, observation: Observation) -> None:
        super().__init__(node, observation.facts.get("replies", {}))
        self.node = node
        self.status = observation.status
        self.error = observation.error or ""
        self.at = observation.at
        self.facts = observation.facts

    @property
    def took_ms(self) -> float:
        """Milliseconds from sending the commands to the last reply; NoData if the node did not answer."""
        self._answered()
        return float(self.facts["took_ms"])

    def _answered(self) -> None:
        if self.status != "answered":
            raise NoData(f"{self.node}: {self.error}")

    def reply(self, command: str) -> Any:
        self._answered()
        return super().reply(command)

    def keys(self) -> dict[str, Replies]:
        """Return what was asked of each key under the pattern `keys`, by key; NoData if not all could be read."""
        self._answered()
        found = self.facts["keys"]
        if flaw := found.get("flaw"):
            raise NoData(f"{self.node}: {flaw}")
        return {key: Replies(printable(key), replies) for key, replies in found["replies"].items()}

    def hashes(self) -> dict[str, dict[str, str]]:
        """Return the hashes this node holds under the pattern, by key; NoData if they could not all be read."""
        self._answered()
        if flaw := self.facts.get("flaw"):
            raise NoData(f"{self.node}: {flaw}")
        found: dict[str, dict[str, str]] = self.facts["hashes"]
        return found

    def elsewhere(self) -> dict[str, str]:
        """Return the keys this node names and does not give, with what it said instead, as in MOVED and an address.

        They are on another node, or on the way there; none of them is in `hashes`.
        """
        found: dict[str, str] = self.facts.get("elsewhere", {})
        return found

    def key_names(self) -> list[str]:
        """Return every key under the pattern, hash or not; NoData if they could not all be read."""
        others: list[str] = self.facts.get("others", [])
        return [*self.hashes(), *others]
