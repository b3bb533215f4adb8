"""Documents on this machine: what they hold, whether they are sound, and what of them is nobody's business."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from healthgate import Document, Documents, FilePath, NoData, Observation, Secret, System
from healthgate.claim.source import Absent, Scene, Source
from healthgate.observe.snapshot import Snapshot
from healthgate.probes.document_files import MASK, MOST_BYTES, MOST_DOCUMENTS, DocumentRequest
from healthgate.secret import Redactor
from tests.parts.project import Project
from tests.wire.test_notation import bomb

TOKEN = "planted-token-0123456789"
DAY = 86_400.0


class Works(System):
    """A system with a manifest and a folder."""

    name = "works"
    manifest: FilePath | None = None
    folder: FilePath | None = None


MANIFEST = Document(Works, path="manifest", explained_by="works.manifest")


def read(source: Source, **settings: Any) -> Any:
    """Read what a source needs and return its value, from a copy that was kept."""
    works = Works(**{name: FilePath(path) for name, path in settings.items()})
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    seen: dict[str, Observation] = {}
    for probe in source.probes({"works": works}):
        for request in probe.requests(works):
            observation, kept = request.make(None, redactor)
            assert kept is None
            seen[request.id] = observation
    assert TOKEN not in json.dumps([one.as_record() for one in seen.values()], allow_nan=False)
    return source.value(Scene("here", {"works": works}, seen))


def put(path: Path, content: str | bytes, days_old: float = 0) -> Path:
    """Write a file of an age."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (time.time() - days_old * DAY,) * 2)
    return path


# -- what they hold -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "held"),
    [
        ("a.json", '{"panels": [{"title": "x"}], "n": NaN}', {"panels": [{"title": "x"}], "n": "NaN"}),
        ("a.yaml", "kind: Ingress\nspec: {weight: 10}\n", {"kind": "Ingress", "spec": {"weight": 10}}),
        ("a.YML", "- a\n- b\n", ["a", "b"]),
        ("a.yml", "---\na: 1\n---\n# none\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a.yml", "---\na: 1\n---\n", {"a": 1}),
        ("README.md", "# Monitoring\n", "# Monitoring\n"),
        ("LICENSE", "{not: yaml", "{not: yaml"),
    ],
)
def test_a_document_is_read_as_its_name_says(tmp_path: Path, name: str, content: str, held: Any) -> None:
    """A list of documents only where there are several."""
    path = put(tmp_path / name, content)

    assert read(MANIFEST, manifest=path).raw == held
    assert read(MANIFEST.sound, manifest=path).value is True
    assert read(Documents(Works, folder="folder")[name], folder=tmp_path).raw == held


def test_members_are_read_like_those_of_an_answer(tmp_path: Path) -> None:
    """And those that are missing are no data, with the name of the file."""
    path = put(tmp_path / "staging.yaml", "spec: {weight: 10, on: true}\nmetadata: {a.b/c: x}\n")

    assert read(MANIFEST.at("spec.weight"), manifest=path).raw == 10
    assert read(MANIFEST["spec"]["on"], manifest=path).raw is True
    assert read(MANIFEST, manifest=path)["metadata"]["a.b/c"].text() == "x"
    with pytest.raises(NoData, match=r"staging\.yaml\.spec\.height is missing"):
        read(MANIFEST.at("spec.height"), manifest=path)
    put(path, "- a\n- b\n")
    with pytest.raises(NoData, match=r"staging\.yaml\[1\] is \"b\", not a number"):
        read(MANIFEST, manifest=path)[1].number()


def test_a_link_is_followed_and_what_it_leads_to_is_read_as_the_link_is_named(tmp_path: Path) -> None:
    """As in a folder that Kubernetes has mounted."""
    (tmp_path / "..data").mkdir()
    put(tmp_path / "..data" / "x", "a: 1\n")
    (tmp_path / "rules.yml").symlink_to("..data/x")
    folder = Documents(Works, folder="folder")

    assert read(folder["rules.yml"], folder=tmp_path).raw == {"a": 1}
    assert read(folder.names, folder=tmp_path) == ["rules.yml"]


# -- what is wrong with them --------------------------------------------------------------------------------


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


Put = Callable[[Path], object]
WRONG: dict[str, tuple[str, Put, str]] = {
    "missing": ("a.json", lambda _: None, "there is no file {path}"),
    "a dangling link": ("a.json", lambda path: path.symlink_to("nowhere"), "there is no file {path}"),
    "empty": ("a.json", lambda path: path.touch(), "a.json is empty"),
    "blank": ("a.md", lambda path: put(path, " \n\t\n"), "a.md is empty"),
    "only comments": ("a.yml", lambda path: put(path, "# a\n---\n# b\n"), "a.yml is empty"),
    "truncated JSON": (
        "a.json",
        lambda path: put(path, '{"panels": ['),
        "a.json is not JSON: there is no value where one is expected (column 13)",
    ),
    "truncated YAML": (
        "a.yml",
        lambda path: put(path, "groups:\n- name: [a"),
        "a.yml is not YAML: did not find expected",
    ),
    "a name twice": ("a.json", lambda path: put(path, '{"a": 1, "a": 2}'), "a.json is not JSON: it gives a twice"),
    "a name twice in YAML": ("a.yml", lambda path: put(path, "a: 1\na: 2\n"), "it gives a twice in line 2"),
    "zero bytes": (
        "a.md",
        lambda path: put(path, b"# a\n\0\0\0"),
        "a.md is damaged: there is a zero byte in it (byte 4)",
    ),
    "another encoding": ("a.md", lambda path: put(path, b"caf\xe9"), "a.md is not UTF-8 text (byte 3)"),
    "a text": ("a.yml", lambda path: put(path, "not found\n"), "a.yml holds YAML that is neither a mapping nor a list"),
    "a page": ("a.yml", lambda path: put(path, "<html>404</html>\n"), "a.yml holds YAML that is neither a mapping"),
    "null": ("a.json", lambda path: put(path, "null"), "a.json holds JSON that is neither a mapping nor a list"),
    "a folder": ("a.json", lambda path: path.mkdir(), "{path} cannot be read: it is a folder"),
    "a pipe": ("a.json", a_pipe, "{path} cannot be read: it is no regular file"),
    "a device": ("a.json", lambda path: path.symlink_to("/dev/zero"), "{path} cannot be read: it is no regular file"),
    "code": ("a.yml", lambda path: put(path, "a: !!python/name:os.system\n"), "the tag !!python/name:os.system means"),
}
UNTOLD: dict[str, tuple[str, Put, str]] = {
    "too large": (
        "a.md",
        lambda path: put(path, b"x" * (MOST_BYTES + 1)),
        "larger than the 2000000 bytes that are read",
    ),
    "too deep": (
        "a.json",
        lambda path: put(path, "[" * 200 + "]" * 200),
        "a.json is not read: it is nested deeper than",
    ),
    "too much": ("a.yml", lambda path: put(path, bomb(9)), "a.yml is not read: it has more than the 200000 values"),
    "a loop of links": ("a.json", lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("what", [*WRONG, *UNTOLD])
def test_a_document_that_cannot_be_read_is_no_data_with_the_reason(tmp_path: Path, what: str) -> None:
    """Explained by whom the declaration names. Whether it is sound is told where that much is proven."""
    name, make, reason = (WRONG | UNTOLD)[what]
    path = tmp_path / name
    put(tmp_path / "other.md", "there is something else in the folder")
    make(path)
    in_folder = Documents(Works, folder="folder").file(name, "works.manifest")

    for document, settings in ((MANIFEST, {"manifest": path}), (in_folder, {"folder": tmp_path})):
        if what == "a folder" and document is in_folder:
            continue  # a folder within is no file of it
        with pytest.raises(NoData) as nothing:
            read(document, **settings)
        assert (reason.format(path=path) in str(nothing.value), nothing.value.explained_by) == (True, "works.manifest")
        assert str(nothing.value).isprintable()
        if what in WRONG:
            found = read(document.sound, **settings)
            assert (found.value, reason.format(path=path) in found.detail) == (False, True), found
        else:
            with pytest.raises(NoData) as untold:
                read(document.sound, **settings)
            assert (str(untold.value), untold.value.explained_by) == (str(nothing.value), "works.manifest")


def test_where_there_is_not_even_a_folder_nothing_can_be_told(tmp_path: Path) -> None:
    """It may not be mounted."""
    path = tmp_path / "nowhere" / "a.json"
    for source in (MANIFEST, MANIFEST.sound, MANIFEST.days_old):
        with pytest.raises(NoData, match=f"there is no folder {path.parent}") as nothing:
            read(source, manifest=path)
        assert nothing.value.explained_by == "works.manifest"


FOLDERS: dict[str, tuple[Put, str]] = {
    "missing": (lambda _: None, "there is no folder {path}"),
    "a file": (lambda path: path.touch(), "there is no folder {path}"),
    "empty": (lambda path: path.mkdir(), "there is no file in it, as in a folder that is not mounted"),
    "of folders": (lambda path: (path / "deeper").mkdir(parents=True), "there is no file in it"),
    "of too many files": (
        lambda path: (path.mkdir(), [(path / f"{i}.md").touch() for i in range(1001)]),
        "it has more than the 1000 files that are listed",
    ),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_a_folder_that_cannot_be_looked_into_tells_nothing_of_its_documents(tmp_path: Path, what: str) -> None:
    """Not that they are missing."""
    make, reason = FOLDERS[what]
    path = tmp_path / "monitoring"
    make(path)
    folder = Documents(Works, folder="folder", explained_by="works.folder")

    for source in (folder, folder.names, folder["a.json"], folder["a.json"].sound, folder.file("a.json").days_old):
        with pytest.raises(NoData) as nothing:
            read(source, folder=path)
        assert reason.format(path=path) in str(nothing.value)
        assert nothing.value.explained_by == "works.folder"
    with pytest.raises(NoData) as nothing:
        read(Documents(Works, folder="folder").file("a.json", "works.a"), folder=path)
    assert nothing.value.explained_by == "works.a"


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be read here")
def test_what_may_not_be_read_is_not_told_to_be_wrong(tmp_path: Path) -> None:
    path = put(tmp_path / "a.json", "{}")
    path.chmod(0)
    with pytest.raises(NoData, match="may not be read by this user"):
        read(MANIFEST.sound, manifest=path)
    assert read(MANIFEST.days_old, manifest=path) < 1
    path.chmod(0o600)
    tmp_path.chmod(0)
    try:
        with pytest.raises(NoData, match="may not be read by this user"):
            read(Documents(Works, folder="folder")["a.json"].sound, folder=tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_document_that_takes_too_long_is_late(tmp_path: Path) -> None:
    path = put(tmp_path / "a.yml", "- x\n" * 20_000)
    seen, _ = DocumentRequest("it", FilePath(path), 0.0).make(None, Redactor())

    assert (seen.status, seen.error) == ("late", "a.yml could not be parsed in time")


# -- folders ------------------------------------------------------------------------------------------------


def test_a_folder_tells_its_files_and_what_each_of_them_holds(tmp_path: Path) -> None:
    """In alphabetical order, not those further below; one that is broken spoils none of the others."""
    put(tmp_path / "b.json", "{")
    put(tmp_path / "c.yml", "x: 7\n")
    put(tmp_path / "a.md", "text")
    (tmp_path / "deeper").mkdir()
    put(tmp_path / "deeper" / "d.md", "text")
    folder = Documents(Works, folder="folder")
    found = read(folder, folder=tmp_path)

    assert (found.names, read(folder.names, folder=tmp_path)) == (["a.md", "b.json", "c.yml"],) * 2
    assert (found["a.md"].text(), found["c.yml"].number("x")) == ("text", 7)
    for name, reason in (("b.json", "b.json is not JSON"), ("d.md", "there is no file")):
        with pytest.raises(NoData, match=reason):
            _ = found[name]
    assert folder["c.yml"].where({"works": Works(folder=FilePath("/x"))}) == "file /x/c.yml"


def test_documents_that_are_asked_for_are_read_first(tmp_path: Path) -> None:
    """Of a folder with more than are read."""
    for i in range(MOST_DOCUMENTS + 5):
        put(tmp_path / f"{i:02}.md", "text")
    folder = Documents(Works, folder="folder")
    last = f"{MOST_DOCUMENTS + 4:02}.md"

    with pytest.raises(NoData, match=r"54\.md is one of 55 files, more than the 50 that are read"):
        read(folder, folder=tmp_path)[last]
    assert read(folder[last], folder=tmp_path).text() == "text"
    assert len(read(folder.names, folder=tmp_path)) == MOST_DOCUMENTS + 5


@pytest.mark.parametrize("name", ["", ".", "..", "../a.md", "b/a.md", "/etc/passwd"])
def test_a_document_of_a_folder_is_in_it(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a file in a folder"):
        Documents(Works, folder="folder").file(name)


def test_settings_that_are_not_given_leave_documents_out() -> None:
    for source in (MANIFEST.sound, Documents(Works, folder="folder")["a.md"]):
        with pytest.raises(Absent):
            source.probes({"works": Works()})


@pytest.mark.parametrize("days", [0.5, 40])
def test_a_document_has_an_age(tmp_path: Path, days: float) -> None:
    """However broken it is."""
    put(tmp_path / "a.json", "{", days_old=days)
    folder = Documents(Works, folder="folder")

    assert read(MANIFEST.days_old, manifest=tmp_path / "a.json") == pytest.approx(days, abs=0.01)
    assert read(folder["a.json"].days_old, folder=tmp_path) == pytest.approx(days, abs=0.01)
    with pytest.raises(NoData, match="there is no file"):
        read(folder["b.json"].days_old, folder=tmp_path)


def test_a_document_of_tomorrow_has_no_age(tmp_path: Path) -> None:
    put(tmp_path / "a.json", "{}", days_old=-1)
    with pytest.raises(
        NoData, match=r"a\.json was written 1 d from now: its clock or ours is wrong|written .* from now"
    ):
        read(MANIFEST.days_old, manifest=tmp_path / "a.json")


# -- secrets ------------------------------------------------------------------------------------------------

ROUTES = f"""\
global:
  slack_api_url: https://hooks.example.com/T0/B0/planted
  smtp_auth_password: planted
receivers:
- name: oncall
  pagerduty_configs: [{{routing_key: planted, service_key: 'planted', url: 'https://me:planted@pager.example.com/x'}}]
- name: alerts
  slack_configs: [{{channel: '#alerts', api_url: planted, http_config: {{authorization: {{credentials: planted}}}}}}]
container:
  env:
  - {{name: USE_NEW, value: "true"}}
  - {{name: DB_PASSWORD, value: planted}}
note: "{TOKEN}"
escaped: "{TOKEN.replace("-", chr(92) + "u002d")}"
"""


def test_what_looks_like_a_secret_of_a_document_is_not_kept(tmp_path: Path) -> None:
    """Nor is a secret of ours that it repeats. What routes an alert is."""
    path = put(tmp_path / "routes.yml", ROUTES)
    found = read(MANIFEST, manifest=path)

    assert "planted" not in json.dumps(found.raw)
    assert found.at("global.slack_api_url").text() == MASK
    oncall, alerts = found.elements("receivers")
    assert oncall["pagerduty_configs"][0]["url"].text() == f"https://{MASK}@pager.example.com/x"
    assert alerts["slack_configs"][0]["channel"].text() == "#alerts"
    assert [one["value"].text() for one in found.elements("container.env")] == ["true", MASK]
    assert (found["note"].text(), found["escaped"].text()) == ("[redacted]", "[redacted]")


def test_a_message_does_not_repeat_a_secret(tmp_path: Path) -> None:
    """A name given twice, a path, a text."""
    path = tmp_path / f"{TOKEN}.yml"
    for content in (f"{'x' * 50}{TOKEN}: 1\n" * 2, f"{TOKEN}: 1\n" * 2, f"a: {TOKEN}: 2\n", f"a: !{TOKEN} 1\n"):
        found = read(MANIFEST.sound, manifest=put(path, content))
        assert (found.value, found.detail.startswith("[redacted].yml ")) == (False, True)
        assert TOKEN[:8] not in found.detail
    assert read(MANIFEST, manifest=put(path, f"{TOKEN}: 1\nb: {TOKEN}\n")).raw == {"[redacted]": 1, "b": "[redacted]"}
    assert read(Documents(Works, folder="folder").names, folder=tmp_path) == ["[redacted].yml"]


def test_documents_survive_a_snapshot(tmp_path: Path) -> None:
    put(tmp_path / "a.yml", "x: [1, 2.5, null, yes]\n")
    works = Works(folder=FilePath(tmp_path))
    folder = Documents(Works, folder="folder")
    (request,) = folder.requests(works)
    seen, _ = request.make(None, Redactor())
    Snapshot(taken=1.0, observations={"here": {request.id: seen}}).save(tmp_path / "seen.json")
    copy = Snapshot.load(tmp_path / "seen.json").observations["here"]

    assert folder["a.yml"].value(Scene("here", {"works": works}, copy)).raw == {"x": [1, 2.5, None, True]}


CHECKS = '''\
"""Are the documents of the shop in order?"""

from healthgate import Document, Documents, FilePath, System, at_most, check, each, equals, measure


class Shop(System):
    """A shop."""

    name = "shop"
    folder: FilePath | None = None
    manifest: FilePath | None = None


TOLD = dict(cause="c", action="a", runbook="r", name="n")
FILES = Documents(Shop, folder="folder")
MANIFEST = Document(Shop, path="manifest", explained_by="shop.manifest")
NAMES = ("board.json", "rules.yml", "README.md")


@measure(FILES.file("rules.yml", "shop.file[rules.yml]"))
def rules(rules):
    """How many rules there are."""
    return len(rules.elements("rules"))


@each(check(f"shop.file[{name}]", FILES[name].sound, stays=equals(True), **TOLD) for name in NAMES)
def test_files(verdict):
    """They are there, and sound."""
    assert verdict.healthy, verdict


@check("shop.rules", rules, stays=equals(2), **TOLD)
@check("shop.manifest", MANIFEST.sound, stays=equals(True), **TOLD)
@check("shop.weight", MANIFEST.at("spec.weight"), stays=equals(10), **TOLD)
@check("shop.age", FILES["board.json"].days_old, stays=at_most(7, warning=30), **TOLD)
def test_content(verdict):
    """They say what they should."""
    assert verdict.healthy, verdict
'''


def test_a_run_reads_documents_once_and_tells_what_is_wrong_with_them(bare_project: Project, tmp_path: Path) -> None:
    """A broken one is one finding, which explains what cannot be read from it."""
    bare_project.write("checks/shop/__init__.py", '"""A shop."""\n')
    bare_project.write("checks/shop/test_shop.py", CHECKS)
    folder = tmp_path / "documents"
    folder.mkdir()
    put(folder / "board.json", "{}", days_old=1)
    put(folder / "rules.yml", "rules: [1, 2]\n")
    put(folder / "README.md", "text")
    manifest = put(folder / "staging.yaml", "spec: {weight: 10}\n")
    shop = {"folder": str(folder), "manifest": str(manifest)}
    bare_project.environment("works", boiler="absent", shop=shop)
    run = bare_project.check()
    assert (run.code, set(run.states.values()), run.results["run"]["requests"]) == (0, {"ok"}, 0), run.text

    put(folder / "rules.yml", "rules: [1, 2\n")
    manifest.unlink()
    put(folder / "board.json", "{}", days_old=31)
    run = bare_project.check()
    assert run.states == {
        "shop.file[board.json]": "ok",
        "shop.file[rules.yml]": "critical",
        "shop.file[README.md]": "ok",
        "shop.rules": "blocked",
        "shop.manifest": "critical",
        "shop.weight": "blocked",
        "shop.age": "warning",
    }, run.text
    assert "rules.yml is not YAML" in run.text

    bare_project.environment("works", boiler="absent", shop={"folder": str(folder / "nowhere")})
    run = bare_project.check()
    assert (run.code, set(run.states.values())) == (11, {"unknown", "blocked"}), run.text
