"""Debian's nginx, with TLS, before an application."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.field.stacks.stack import Application, Server, Watch, asked, until
from tests.parts.certificates import made_for
from tests.parts.target import closed_port
from tests.tools import needs, program

pytestmark = needs("openssl")

CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    gzip on; gzip_types *; gzip_min_length 1;
    server {{
        listen 127.0.0.1:{plain};
        location = /status {{ stub_status; }}
    }}
    server {{
        listen 127.0.0.1:{secure} ssl;
        ssl_certificate server.pem; ssl_certificate_key server.pem;
        location /app/ {{ proxy_pass http://127.0.0.1:{app}/; }}
    }}
}}
"""
NAMES = "IP:127.0.0.1,DNS:localhost"


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    app = Application()
    yield app
    app.close()


@pytest.fixture(scope="module")
def secure() -> int:
    """The port of nginx that clients use."""
    return closed_port()


@pytest.fixture(scope="module")
def nginx(folder: Path, app: Application, secure: int) -> Iterator[Server]:
    certified(folder, days=90)

    def command(port: int) -> list[str]:
        configuration = CONFIGURATION.format(plain=port, secure=secure, app=app.port)
        (folder / "nginx.conf").write_text(configuration)
        return [program("nginx"), "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]

    with Server(folder, command, "/status") as server:
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, nginx: Server, secure: int) -> Watch:
    filled = {"NGINX_URL": nginx.url, "NGINX_PUBLIC_URL": f"https://127.0.0.1:{secure}"}
    return Watch("nginx", folder, {**filled, "NGINX_CA": folder / "trusted.pem"})


def certified(folder: Path, days: int) -> None:
    """Have a new certificate that is valid for so many days, and trusted."""
    certificate = made_for(NAMES, folder, f"for-{days}-days", days)
    for name in ("server.pem", "trusted.pem"):
        shutil.copy(certificate.file, folder / name)


def test_all_is_well(watch: Watch) -> None:
    look = watch.look()
    assert look.all_is_well, look
    assert look.said["nginx.app"] == "ok: 200"
    assert look.said["nginx.certificate.days"] == "ok: 90 days"


def test_a_killed_nginx_is_one_incident(nginx: Server, watch: Watch) -> None:
    with nginx.killed():
        look = watch.look()
    assert look.code == 1, look
    assert look.roots == {"nginx.answers": f"critical: connection refused: nothing listens on {nginx.url}"}
    assert look.blocked_by == {"nginx.answers, which is critical"}
    assert watch.look().all_is_well


def test_an_application_that_is_gone_is_not_taken_for_nginx(app: Application, watch: Watch) -> None:
    with app.gone():
        look = watch.look()
    assert look.code == 1, look
    assert look.ill == {"nginx.app": "critical: 502; it should stay 200, critical other than 200"}
    assert watch.look().all_is_well


@pytest.mark.whole
def test_clients_that_do_not_hang_up_take_the_room_of_others(nginx: Server, watch: Watch) -> None:
    with ExitStack() as held:
        for _ in range(40):
            held.enter_context(socket.create_connection(("127.0.0.1", nginx.port), 5))
        until(lambda: "Active connections: 41" in asked(f"{nginx.url}/status")[1], nginx.said)
        look = watch.look()
    until(lambda: "Active connections: 1 " in asked(f"{nginx.url}/status")[1], nginx.said)
    assert look.code == 10, look
    assert list(look.ill) == ["nginx.connections.open"]
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_certificate_that_runs_out_is_reported_by_its_days(folder: Path, nginx: Server, watch: Watch) -> None:
    certified(folder, days=3)
    nginx.kill()
    nginx.start()
    look = watch.look()
    certified(folder, days=90)
    nginx.kill()
    nginx.start()
    assert look.code == 1, look
    assert look.ill == {
        "nginx.certificate.days": "critical: 3 days; it should stay at least 21 days, warning below 21 days, "
        "critical below 7 days"
    }
    assert watch.look().all_is_well
