"""What is looked at without a conversation: files, a port, what a token says about itself."""

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Absent, Scene
from healthgate.claim.system import Address, FilePattern, System
from healthgate.observe.observer import Observer, Task
from healthgate.observe.snapshot import Snapshot
from healthgate.probes import files as files_probe
from healthgate.probes.files import Files, FilesRequest, Listing
from healthgate.probes.log_files import LogRequest
from healthgate.probes.port import Port, PortRequest
from healthgate.probes.token import Claims, ClaimsRequest, Token
from healthgate.secret import Redactor, Secret
from tests.parts.target import Hostile, Peer, closed_port

FOREVER = 20.0
DAY = 86_400.0


class Boiler(System):
    """A system with everything that is looked at from here."""

    name = "boiler"
    archives: FilePattern | None = None
    outside: Address | None = None
    token: Secret | None = None


def made(request: Any) -> Observation:
    """Make a request and return what came of it."""
    redactor = Redactor()
    redactor.learn(request.secrets)
    observation, kept = request.make(None, redactor)
    assert kept is None
    observed: Observation = observation
    return observed


def listing(pattern: Path | str) -> Observation:
    """Look at files."""
    return made(FilesRequest("it", FilePattern(pattern), FOREVER))


def put(path: Path, size: int, days_old: float = 0) -> None:
    """Write a file of a size and an age."""
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - days_old * DAY,) * 2)


def test_files_are_listed_with_their_sizes_and_ages_the_newest_first(tmp_path: Path) -> None:
    """By the time of their last writing; the folder with all that is in it, but not below."""
    put(tmp_path / "a.zip", 10, days_old=3)
    put(tmp_path / "b.zip", 200, days_old=1)
    put(tmp_path / "c.zip", 0, days_old=2)
    put(tmp_path / "other.log", 5000)
    (tmp_path / "d.zip").mkdir()
    put(tmp_path / "d.zip" / "deep.log", 70_000)
    found = Listing(listing(tmp_path / "*.zip"))

    assert [(file.name, file.size) for file in found.files] == [("b.zip", 200), ("c.zip", 0), ("a.zip", 10)]
    assert [found.days_old(file) for file in found.files] == pytest.approx([1, 2, 3], abs=0.001)
    assert found.days_since("1970-01-03") == pytest.approx(found.at / DAY - 2)
    assert found.folder_size == 5210


def test_every_folder_the_files_are_in_is_counted_once(tmp_path: Path) -> None:
    """Two folders with two files each."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        put(tmp_path / name / "a.zip", 100)
        put(tmp_path / name / "b.zip", 10)

    assert Listing(listing(tmp_path / "*" / "*.zip")).folder_size == 220


def test_one_file_is_a_listing_of_one(tmp_path: Path) -> None:
    """A path without a star."""
    put(tmp_path / "a.zip", 7)

    assert [file.name for file in Listing(listing(tmp_path / "a.zip")).files] == ["a.zip"]


@pytest.mark.parametrize("what", ["nothing", "a folder", "a dangling link", "below a file"])
def test_files_that_are_not_there_are_missing_by_name(tmp_path: Path, what: str) -> None:
    """And no data, explained by whom the declaration names."""
    path = tmp_path / "a.zip"
    if what == "a folder":
        path.mkdir()
    elif what == "a dangling link":
        path.symlink_to("nowhere")
    elif what == "below a file":
        path.touch()
        path = path / "deeper.zip"
    boiler = Boiler(archives=FilePattern(path))
    probe = Files(Boiler, path="archives", explained_by="boiler.archives.written")
    (request,) = probe.requests(boiler)
    seen = made(request)

    assert (seen.status, seen.error, seen.facts) == ("missing", f"there is no file {path}", {})
    with pytest.raises(NoData, match="there is no file") as nothing:
        probe.value(Scene("works", {"boiler": boiler}, {seen.id: seen}))
    assert nothing.value.explained_by == "boiler.archives.written"


def test_a_dangling_link_among_files_is_passed_over(tmp_path: Path) -> None:
    """In the listing and in the sum."""
    put(tmp_path / "a.zip", 7)
    (tmp_path / "b.zip").symlink_to("nowhere")
    found = Listing(listing(tmp_path / "*.zip"))

    assert ([file.name for file in found.files], found.folder_size) == (["a.zip"], 7)


def test_a_file_that_is_rotated_away_meanwhile_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look for names and the look at sizes."""
    put(tmp_path / "a.zip", 7)
    put(tmp_path / "b.zip", 70)
    real = files_probe.files_of

    def then_one_goes(pattern: str) -> list[Path]:
        found = real(pattern)
        (tmp_path / "b.zip").unlink()
        return found

    monkeypatch.setattr(files_probe, "files_of", then_one_goes)
    found = Listing(listing(tmp_path / "*.zip"))

    assert ([file.name for file in found.files], found.folder_size) == (["a.zip"], 7)


def test_a_listing_survives_a_snapshot(tmp_path: Path) -> None:
    """Names that are no text included."""
    put(tmp_path / "a €.zip", 7, days_old=1)
    put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.zip")), 9, days_old=2)
    first = listing(tmp_path / "*.zip")
    Snapshot(taken=1.0, observations={"works": {"it": first}}).save(tmp_path / "seen.json")
    copy = Snapshot.load(tmp_path / "seen.json").observations["works"]["it"]

    assert Listing(copy).files == Listing(first).files
    assert [file.size for file in Listing(copy).files] == [7, 9]


def attempt(address: str, within: float = FOREVER) -> Observation:
    """Try a port."""
    began = time.monotonic()
    seen = made(PortRequest("it", Address(address), within))
    assert time.monotonic() - began < FOREVER
    return seen


def test_an_open_port_is_answered_without_a_word(hostile: Callable[..., Hostile]) -> None:
    """Connected, closed at once, nothing sent."""
    said: list[bytes] = []
    heard = threading.Event()

    def listen(peer: Peer) -> None:
        said.append(peer.sock.recv(100))
        heard.set()

    seen = attempt(hostile(listen).address)

    assert (seen.status, seen.error, seen.bytes, seen.connections) == ("answered", None, 0, 1)
    assert heard.wait(FOREVER)
    assert said == [b""]


def test_a_closed_port_is_refused() -> None:
    """Something answers there: that nothing listens."""
    port = closed_port()
    seen = attempt(f"127.0.0.1:{port}")

    assert (seen.status, seen.connections) == ("refused", 0)
    assert seen.error == f"connection refused: nothing listens on tcp://127.0.0.1:{port}"


@pytest.fixture
def filtered() -> Iterator[str]:
    """The address of a port at which attempts to connect go unanswered: a listener whose queue is full."""
    with ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        while True:
            one = open_sockets.enter_context(socket.socket())
            one.settimeout(0.2)
            try:
                one.connect(address)
            except TimeoutError:
                break
        yield f"127.0.0.1:{address[1]}"


def test_a_filtered_port_is_late(filtered: str) -> None:
    """By the time the declaration gives it."""
    seen = attempt(filtered, within=0.3)

    assert (seen.status, seen.error, seen.connections) == ("late", "no complete answer within 300 ms", 0)
    assert seen.elapsed_ms >= 290


@pytest.mark.parametrize("name", ["boiler.invalid", "a" * 70 + ".invalid", "a..b"])
def test_the_port_of_a_name_that_does_not_exist_is_unresolved(name: str) -> None:
    """In plain words."""
    seen = attempt(f"{name}:443")

    assert (seen.status, seen.error) == ("unresolved", f"the name of tcp://{name}:443 cannot be resolved")


def test_how_an_attempt_ended_is_a_value_whatever_it_was() -> None:
    """That nothing answers may be just what is claimed."""
    probe = Port(Boiler, address="outside", within=FOREVER)
    boiler = Boiler(outside=Address(f"127.0.0.1:{closed_port()}"))
    (request,) = probe.requests(boiler)
    seen = made(request)

    assert probe.value(Scene("works", {"boiler": boiler}, {seen.id: seen})).status == "refused"
    assert probe.where({"boiler": boiler}) == f"port {boiler.outside}"
    with pytest.raises(Absent, match=r"boiler\.outside"):
        probe.probes({"boiler": Boiler()})


def encoded(content: object) -> str:
    """Return a part of a JSON Web Token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def jwt(claims: object) -> str:
    """Return a token that claims something; its signature is as good as any."""
    return f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}.c2lnbmF0dXJlLW9mLWEtdG9rZW4"


PRIVATE = "somebody@example.com"
CLAIMS = {"role": "stoker", "exp": 1772442900, "sub": PRIVATE, "nested": {"of": PRIVATE}}


def looked_at(token: str, names: tuple[str, ...] = ("role", "exp"), placeholders: tuple[str, ...] = ()) -> Observation:
    """Look at a token."""
    return made(ClaimsRequest("it", Secret(token), names, placeholders))


@pytest.mark.parametrize("around", ["{}", "{}\n", " {} "])
def test_the_claims_that_are_asked_for_are_read(around: str) -> None:
    """As they stand in it; what surrounds the token in its variable does not matter."""
    token = Token(looked_at(around.format(jwt(CLAIMS))))

    assert token.claims.text("role") == "stoker"
    assert token.claims.integer("exp") == 1772442900
    assert not token.is_placeholder


def test_a_claim_that_is_not_made_is_missing() -> None:
    """And no default."""
    with pytest.raises(NoData, match="exp is missing"):
        Token(looked_at(jwt({"role": "stoker"}))).claims.number("exp")


def test_neither_the_token_nor_other_claims_are_kept(tmp_path: Path) -> None:
    """Not in the facts, not in a snapshot, not in what prints."""
    token = jwt(CLAIMS)
    boiler = Boiler(token=Secret(token))
    (request,) = Claims(Boiler, token="token", names=("role", "exp")).requests(boiler)
    seen = made(request)
    snapshot = Snapshot(taken=1.0, observations={"works": {seen.id: seen}})
    snapshot.remember_settings("works", {"boiler": boiler})
    snapshot.save(tmp_path / "seen.json")

    assert seen.facts == {"placeholder": False, "claims": {"role": "stoker", "exp": 1772442900}}
    for kept in ((tmp_path / "seen.json").read_text(), repr(seen), repr(request), str(seen.as_record())):
        assert PRIVATE not in kept
        assert "sub" not in kept
        for part in token.split("."):
            assert part[:16] not in kept


def test_a_claim_that_repeats_the_token_is_redacted() -> None:
    """A name that was asked for gives no right to it."""
    token = "planted-opaque-token"
    redactor = Redactor()
    redactor.learn([Secret(token)])
    seen, _ = ClaimsRequest("it", Secret(jwt({"role": [f"as {token}"]})), ("role",), ()).make(None, redactor)

    assert seen.facts["claims"] == {"role": ["as [redacted]"]}


UNREADABLE = {
    "opaque": "b7f3c2d1e4a5968778695a4b3c2d1e0f",
    "two parts": "abcdef.abcdef",
    "five parts": "a.b.c.d.e",
    "no base64": "header.!!!!.signature",
    "base64 of the wrong length": "header.abcde.signature",
    "base64 of no text": f"header.{base64.urlsafe_b64encode(bytes(range(256))).decode()}.signature",
    "no letters of this alphabet": "header.кочегар.signature",
    "no JSON": f"header.{base64.urlsafe_b64encode(b'role=stoker').decode()}.signature",
    "nothing": "header..signature",
    "a list": jwt([CLAIMS]),
    "a text": jwt("stoker"),
    "null": jwt(None),
    "nesting": f"header.{base64.urlsafe_b64encode(b'[' * 100_000).decode()}.signature",
    "too many digits": f"header.{base64.urlsafe_b64encode(b'9' * 5000).decode()}.signature",
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_token_that_is_no_json_web_token_has_no_claims(what: str) -> None:
    """No data, in words that do not repeat it; whether it is a placeholder is known all the same."""
    seen = looked_at(UNREADABLE[what])
    token = Token(seen)

    assert (seen.status, token.is_placeholder) == ("answered", False)
    with pytest.raises(NoData, match="the token is not a JSON Web Token") as nothing:
        _ = token.claims
    assert "header" not in str(nothing.value)


def test_claims_that_are_no_numbers_are_no_numbers(tmp_path: Path) -> None:
    """Also after a snapshot."""
    body = base64.urlsafe_b64encode(b'{"role": NaN, "exp": 1e999}').decode()
    seen = looked_at(f"header.{body}.signature")
    Snapshot(taken=1.0, observations={"works": {"it": seen}}).save(tmp_path / "seen.json")
    copy = Snapshot.load(tmp_path / "seen.json").observations["works"]["it"]

    for observation in (seen, copy):
        for name in ("role", "exp"):
            with pytest.raises(NoData, match=f"{name} is .*not a"):
                Token(observation).claims.number(name)


@pytest.mark.parametrize(
    ("token", "is_one"), [("your_token_here", True), ("your_token_here\n", True), ("other", False)]
)
def test_the_placeholder_of_an_example_is_known_as_one(token: str, is_one: bool) -> None:
    """Word for word."""
    assert Token(looked_at(token, placeholders=("changeme", "your_token_here"))).is_placeholder is is_one


def test_what_is_looked_at_on_this_machine_is_no_request_to_anybody(
    tmp_path: Path, hostile: Callable[..., Hostile]
) -> None:
    """Files, logs and tokens cost nobody anything; a port costs one connection."""
    put(tmp_path / "a.log", 7)
    server = hostile(Peer.hang)
    tasks = [
        Task("works", FilesRequest("files", FilePattern(tmp_path / "a.log"), FOREVER)),
        Task("works", LogRequest("log", FilePattern(tmp_path / "a.log"), {}, 60, None, FOREVER)),
        Task("works", ClaimsRequest("claims", Secret(jwt(CLAIMS)), ("role",), ())),
        Task("works", PortRequest("port", Address(server.address), FOREVER)),
        Task("works", PortRequest("no port", Address(f"127.0.0.1:{closed_port()}"), FOREVER)),
    ]
    observer = Observer(Redactor(), lambda _ended, _total: None)

    observer.run(tasks)
    observer.close()

    statuses = [task.observation.status if task.observation else None for task in tasks]
    assert statuses == ["answered", "malformed", "answered", "answered", "refused"]
    assert (observer.cost.requests, observer.cost.connections) == (2, 1)
    assert observer.cost.hosts == {
        "works": {f"tcp://{server.address}": 1, tasks[-1].request.host: 0},
    }
