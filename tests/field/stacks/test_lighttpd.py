"""Debian's lighttpd, which serves one release."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Server, Watch, asked, until
from tests.tools import program

CONFIGURATION = """\
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{folder}/downloads"
server.errorlog = "{folder}/error.log"
server.modules = ( "mod_status" )
server.max-connections = 32
status.status-url = "/server-status"
"""


@pytest.fixture(scope="module")
def lighttpd(folder: Path) -> Iterator[Server]:
    (folder / "downloads").mkdir()
    (folder / "downloads/release.tar.gz").write_bytes(b"\x1f\x8b" * 5000)

    def command(port: int) -> list[str]:
        (folder / "lighttpd.conf").write_text(CONFIGURATION.format(port=port, folder=folder))
        return [program("lighttpd"), "-D", "-f", "lighttpd.conf"]

    with Server(folder, command, "/server-status") as server:
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, lighttpd: Server) -> Watch:
    return Watch("lighttpd", folder, {"LIGHTTPD_URL": lighttpd.url})


def test_all_is_well(watch: Watch) -> None:
    look = watch.look()
    assert look.all_is_well, look


def test_a_killed_lighttpd_is_one_incident(lighttpd: Server, watch: Watch) -> None:
    with lighttpd.killed():
        look = watch.look()
    assert look.code == 1, look
    assert look.roots == {"lighttpd.answers": f"critical: connection refused: nothing listens on {lighttpd.url}"}
    assert look.blocked_by == {"lighttpd.answers, which is critical"}
    assert watch.look().all_is_well


def serves(lighttpd: Server, code: int) -> None:
    """Wait until the release is answered so: which files there are is kept for a second or two."""
    until(lambda: asked(f"{lighttpd.url}/release.tar.gz", method="HEAD")[0] == code, lighttpd.said)


def test_a_release_that_was_moved_away_is_reported_while_lighttpd_is_well(
    folder: Path, lighttpd: Server, watch: Watch
) -> None:
    release = folder / "downloads/release.tar.gz"
    release.rename(folder / "moved")
    serves(lighttpd, 404)
    look = watch.look()
    (folder / "moved").rename(release)
    serves(lighttpd, 200)
    assert look.code == 1, look
    assert look.ill == {"lighttpd.release": "critical: 404; it should stay 200, critical other than 200"}
    assert watch.look().all_is_well
