"""Debian's InfluxDB 1.x in a folder of its own, and what an administrator and a client tell it."""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.field.stacks.stack import Server, asked
from tests.parts.target import closed_port
from tests.tools import program

CONFIGURATION = """\
reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
  dir = "meta"
[data]
  dir = "data"
  wal-dir = "wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  {options}
"""


def influxd(folder: Path, options: str = "") -> Callable[[int], list[str]]:
    """Return what starts it on a port; `options` are lines of its section [http]."""

    def command(port: int) -> list[str]:
        written = CONFIGURATION.format(port=port, backup=closed_port(), options=options)
        (folder / "influxdb.conf").write_text(written)
        return [program("influxd"), "run", "-config", "influxdb.conf"]

    return command


def ordered(server: Server, text: str, login: str = "") -> None:
    """Send a query that changes something, as an administrator does; `login` is what identifies him."""
    code, said = asked(f"{server.url}/query?q={quote(text)}{login}", b"")
    assert (code, "error" in said) == (200, False), said


def written(server: Server, database: str, line: str, age: float = 0, login: str = "") -> None:
    """Write a point that was measured `age` seconds ago, as in `heat,room=cellar celsius=17.5`."""
    stamped = f"{line} {int((time.time() - age) * 1e9)}"
    code, said = asked(f"{server.url}/write?db={database}{login}", stamped.encode())
    assert code == 204, said
