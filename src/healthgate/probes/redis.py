"""Redis: each server or cluster node asked by itself over a plain connection, with commands that change nothing."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Probe, Scene
from healthgate.claim.system import Address, System
from healthgate.printable import printable
from healthgate.probes.redis_answers import NodeAnswer
from healthgate.secret import Redactor, Secret

RANGES = frozenset({"ZRANGE", "LRANGE"})
"""Commands that give as much as is asked for, by the first and the last of it."""

OPTIONS = frozenset({"WITHSCORES", "REV"})
"""What may follow first and last."""

OF_KEYS = RANGES | {"ZCARD", "ZSCORE", "LLEN", "TTL", "TYPE", "GET", "HGETALL"}
"""Commands whose first argument is a key."""

READ_ONLY = OF_KEYS | {"PING", "CLUSTER INFO", "INFO", "SCAN", "DBSIZE"}
"""Every command a check may send. There is no way to send any other."""

MOST_ELEMENTS = 1_000
"""Elements of a list or a sorted set that one command may ask for."""

MOST_KEYS = 5_000
"""Keys read from one node; a node with more of them under the pattern is reported, not read further."""

MOST_SCANS = 200
"""SCAN calls to one node, so that a node with millions of other keys is not walked through."""


ELSEWHERE = ("MOVED", "ASK", "TRYAGAIN")
"""Codes of errors that say a key is on another node, or on its way there."""

CODES = {"MovedError": "MOVED", "AskError": "ASK", "TryAgainError": "TRYAGAIN", "ClusterDownError": "CLUSTERDOWN"}
"""Codes by the errors of the library, for versions of it that do not keep them."""

TELLING = frozenset({*CODES.values(), "CROSSSLOT", "MASTERDOWN", "READONLY"})
"""Codes without which the words of an error do not say what is wrong."""

_IMPORTING = threading.Lock()


class RedisNodes(Probe):
    """Commands to every node named in a setting, the hashes under one key pattern, and what is asked of each key.

    `nodes` is the setting with the addresses by node name, or with the address of the only one, which is then named
    as the setting. `hashes` is a pattern as SCAN takes it (None: read no keys). `of_each` are commands that are asked
    of every key under the pattern `keys`, written without the key, as in `ZRANGE -1 -1 WITHSCORES`. `database` is the
    setting with the number of the database that is read, 0 where the profile does not say.
    """

    def __init__(
        self,
        system: type[System],
        *,
        nodes: str,
        commands: tuple[str, ...],
        hashes: str | None = None,
        keys: str | None = None,
        of_each: tuple[str, ...] = (),
        password: str | None = None,
        database: str | None = None,
        proven_by: str | None = None,
        alongside: Probe | None = None,
    ) -> None:
        super().__init__(system, proven_by, alongside)
        for command in commands:
            allowed(command)
        for command in of_each:
            name, *rest = command.split()
            if name not in OF_KEYS:
                raise ValueError(f"a check may not ask {name} of each key; allowed are {', '.join(sorted(OF_KEYS))}")
            allowed(" ".join((name, "key", *rest)))
        self.nodes = nodes
        self.commands = commands
        self.hashes = hashes
        self.keys = keys
        self.of_each = of_each
        self.password = password
        self.database = database

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.nodes,)

    def request_id(self, node: str) -> str:
        """Return the name of the request to one node."""
        return f"{self.system.name} {node}" if node == self.nodes else f"{self.system.name} redis {node}"

    def addresses(self, settings: System) -> dict[str, Address]:
        """Return the addresses by node name."""
        found = getattr(settings, self.nodes)
        return found if isinstance(found, dict) else {self.nodes: found}

    def ids(self, settings: System) -> list[str]:
        return [self.request_id(node) for node in self.addresses(settings)]

    def requests(self, settings: System) -> list[Request]:
        addresses = self.addresses(settings)
        password = getattr(settings, self.password) if self.password else None
        database = getattr(settings, self.database) if self.database else None
        return [
            RedisRequest(
                self.request_id(node),
                address,
                self.commands,
                self.hashes,
                password,
                settings.deadline,
                settings.body_limit,
                database or 0,
                self.keys,
                self.of_each,
            )
            for node, address in addresses.items()
        ]

    def value(self, scene: Scene) -> dict[str, NodeAnswer]:
        nodes = self.addresses(scene.systems[self.system.name])
        return {node: NodeAnswer(node, scene.observation(self.request_id(node))) for node in nodes}

    def where(self, systems: Mapping[str, System]) -> str:
        addresses = self.addresses(self.settings(systems))
        if list(addresses) == [self.nodes]:
            return f"redis {addresses[self.nodes]}"
        return "redis " + ", ".join(f"{node} {address}" for node, address in addresses.items())


class ToNode:
    """A request to the node at `address`, with the `password` if there is one."""

    address: Address
    password: Secret | None

    @property
    def host(self) -> str:
        """Where the request goes."""
        return f"redis://{self.address}"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The password, if any."""
        return (self.password,) if self.password is not None else ()

    def load(self) -> None:
        """Import redis-py."""
        from healthgate.wire import bounded  # noqa: F401, PLC0415 (only a run that needs it pays for it)

        _library()


@dataclass(frozen=True)
class RedisRequest(ToNode):
    """Everything that is asked of one node; times in seconds, `budget` in bytes."""

    id: str
    address: Address
    commands: tuple[str, ...]
    hashes: str | None
    password: Secret | None
    deadline: float
    budget: int
    database: int = 0
    keys: str | None = None
    of_each: tuple[str, ...] = ()

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Ask the node; the connection is closed in every case."""
        from healthgate.wire import bounded  # noqa: PLC0415 (only a run that needs it pays for it)

        began = time.monotonic()
        facts: dict[str, Any] = {}
        status, error = "answered", None
        sock = client = None
        try:
            host, port = host_and_port(self.address)
            sock = bounded.connect(host, port, self.deadline, self.budget)
            client = connected(sock, self.password, self.database)
            facts = self._ask(client, redactor)
        except Exception as problem:
            received = getattr(sock, "taken", 0)
            status, error = explained(problem, self.address, self.deadline, self.budget, received, redactor)
        finally:
            if client is not None:
                client.disconnect()
            if sock is not None:
                sock.close()
        elapsed = (time.monotonic() - began) * 1000
        received = getattr(sock, "taken", 0)
        return Observation(self.id, status, time.time(), round(elapsed, 3), received, error, facts, 1), None

    def _ask(self, client: Any, redactor: Redactor) -> dict[str, Any]:
        began = time.monotonic()
        found = _pipeline(client, self.commands)
        took = round((time.monotonic() - began) * 1000, 3)
        replies = {c: redactor.content(_reply(r, redactor)) for c, r in zip(self.commands, found, strict=True)}
        for command, reply in replies.items():
            if isinstance(reply, str) and command.split()[0] in {"CLUSTER", "INFO"}:
                lines = (line.partition(":") for line in reply.splitlines())
                replies[command] = {name: value.strip() for name, _, value in lines if value}
        facts: dict[str, Any] = {"replies": replies, "took_ms": took}
        if self.hashes is not None:
            facts |= redactor.content(self._read_hashes(client, self.hashes, redactor))
        if self.keys is not None:
            facts["keys"] = redactor.content(self._read_each(client, self.keys, redactor))
        return facts

    def _read_each(self, client: Any, pattern: str, redactor: Redactor) -> dict[str, Any]:
        """Return the replies to `of_each` by key and command, or why they could not all be had."""
        keys = _scanned(client, pattern, redactor)
        if isinstance(keys, str):
            return {"flaw": keys}
        asked: list[str | tuple[str | bytes, ...]] = []
        asked += [(name, key, *rest) for key in keys for name, *rest in map(str.split, self.of_each)]
        replies = iter(_pipeline(client, asked))
        found = {}
        for raw in keys:
            said = {command: _reply(reply, redactor) for command, reply in zip(self.of_each, replies, strict=False)}
            found[raw.decode(errors="backslashreplace")] = said
        return {"replies": found}

    def _read_hashes(self, client: Any, pattern: str, redactor: Redactor) -> dict[str, Any]:
        keys = _scanned(client, pattern, redactor)
        if isinstance(keys, str):
            return {"flaw": keys}
        hashes: dict[str, dict[str, str]] = {}
        others: list[str] = []
        elsewhere: dict[str, str] = {}
        for raw, reply in zip(keys, _pipeline(client, [("HGETALL", key) for key in keys]), strict=True):
            key = raw.decode(errors="backslashreplace")
            words = _words(reply, redactor) if isinstance(reply, Exception) else ""
            if words.startswith("WRONGTYPE"):
                others.append(key)
            elif words.startswith(ELSEWHERE):
                elsewhere[key] = words
            elif isinstance(reply, Exception):
                named = printable(redactor.text(key))
                return {"flaw": f"HGETALL {named} answered with the error {words}"}
            else:
                fields = [part.decode(errors="backslashreplace") for part in reply]
                hashes[key] = dict(zip(fields[::2], fields[1::2], strict=True))
        if keys and len(elsewhere) == len(keys):
            where = next(iter(elsewhere.values()))
            return {"flaw": f"it sends whoever asks for its keys to another node ({where}), as a replica does"}
        return {"hashes": hashes, "others": others, "elsewhere": elsewhere}


def _scanned(client: Any, pattern: str, redactor: Redactor) -> list[bytes] | str:
    """Return all keys under a pattern, or in words why they could not be had."""
    cursor, keys = "0", dict[bytes, None]()
    for _ in range(MOST_SCANS):
        (reply,) = _pipeline(client, [("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")])
        if isinstance(reply, Exception):
            return f"SCAN answered with the error {_words(reply, redactor)}"
        cursor = reply[0].decode()
        keys |= dict.fromkeys(reply[1])
        if cursor == "0" or len(keys) > MOST_KEYS:
            break
    return list(keys) if cursor == "0" else f"there are too many keys to read all under {pattern}"


def host_and_port(address: Address) -> tuple[str, int]:
    """Return the parts of an address, one of IPv6 without its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def explained(
    problem: BaseException, address: Address, deadline: float, budget: int, received: int, redactor: Redactor
) -> tuple[str, str]:
    """Return one word and one phrase for what went wrong with a node; `deadline` in seconds, the others in bytes."""
    from healthgate.wire import bounded  # noqa: PLC0415 (only a run that needs it pays for it)

    exceptions = _library().exceptions
    if received > budget:
        return "oversized", f"the answer is larger than {budget} bytes"
    if isinstance(problem, exceptions.TimeoutError):
        problem = TimeoutError()
    if isinstance(problem, exceptions.InvalidResponse):
        return "malformed", f"the answer is not Redis protocol: {_words(problem, redactor)}"
    refusals = (exceptions.AuthenticationError, exceptions.BusyLoadingError, exceptions.ResponseError)
    if isinstance(problem, refusals) or "max number of clients" in str(problem):
        return "refused", f"the node refused the connection: {_words(problem, redactor)}"
    if isinstance(problem, exceptions.ConnectionError):
        problem = ConnectionResetError()
    shapeless = (AttributeError, IndexError, RecursionError, TypeError, ValueError)
    if isinstance(problem, shapeless) and not isinstance(problem, UnicodeError):
        return "malformed", "the answer has another form than the command promises"
    return bounded.explain(problem, str(address), deadline, received)


def allowed(command: str) -> None:
    """Raise ValueError if `command` is not on the read-only list, or asks for who knows how much."""
    name, *words = command.split()
    if name not in READ_ONLY and " ".join((name, *words[:1])) not in READ_ONLY:
        raise ValueError(f"a check may not send {command!r}; allowed are {', '.join(sorted(READ_ONLY))}")
    if name in RANGES and not (_few(*words[1:3]) and set(words[3:]) <= OPTIONS):
        raise ValueError(
            f"a check may not send {command!r}: it asks for who knows how much; say which {MOST_ELEMENTS} at most,"
            f" counted from one end, as in {name} key -10 -1"
        )


def _few(first: str = "", last: str = "") -> bool:
    """Whether two places are counted from the same end, and no more elements lie between them than may be read."""
    try:
        begins, ends = int(first), int(last)
    except ValueError:
        return False
    return (begins < 0) is (ends < 0) and ends - begins < MOST_ELEMENTS


def _library() -> Any:
    """Return redis-py, imported by one thread at a time.

    It takes 135 ms, which only runs with Redis pay, while other requests are under way and before a node is given its
    time. Its modules import each other in circles: threads that entered at different ones would wait for each other.
    """
    with _IMPORTING:
        import redis.connection  # noqa: PLC0415
        import redis.exceptions  # noqa: PLC0415

        return redis


def connected(sock: Any, password: Secret | None, database: int) -> Any:
    """Return a connection of redis-py over a socket that is open, logged in where there is a password."""

    class OverBoundedSocket(_library().connection.Connection):  # type: ignore[misc]
        def _connect(self) -> Any:
            return sock

    nameless = {"driver_info": None} if find_spec("redis.driver_info") else {"lib_name": None, "lib_version": None}
    client: Any = cast("Any", OverBoundedSocket)(
        db=database,
        password=password.reveal() if password else None,
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=None,
        **nameless,
    )
    client.connect()
    return client


def _pipeline(client: Any, commands: Iterable[str | tuple[str | bytes, ...]]) -> list[Any]:
    refusal = _library().exceptions.ResponseError
    split = [tuple(c.split()) if isinstance(c, str) else c for c in commands]
    if not split:
        return []
    for command in split:
        allowed(" ".join(word if isinstance(word, str) else "key" for word in command))
    client.send_packed_command(client.pack_commands(split))
    replies = []
    for _ in split:
        try:
            replies.append(client.read_response())
        except refusal as error:
            replies.append(error)
    return replies


def _reply(reply: Any, redactor: Redactor) -> Any:
    if isinstance(reply, Exception):
        return {"error": _words(reply, redactor)}
    if isinstance(reply, list):
        return [_reply(element, redactor) for element in reply]
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply


def _words(problem: BaseException, redactor: Redactor) -> str:
    """Return an error as the server wrote it: the library cuts off the codes that it knows."""
    text = str(problem)
    code = str(getattr(problem, "status_code", None) or CODES.get(type(problem).__name__, ""))
    if code in TELLING and not text.startswith(code):
        text = f"{code} {text}"
    return printable(redactor.text(text), 80)
