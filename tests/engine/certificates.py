"""Certificates for loopback, made by the openssl command for one test session."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OPENSSL = shutil.which("openssl")


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key, both in one file."""

    file: Path

    def server_side(self) -> Callable[[socket.socket], socket.socket]:
        """Return what puts TLS with this certificate around an accepted connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return lambda sock: context.wrap_socket(sock, server_side=True)


def made_for(names: str, folder: Path, label: str, days: int = 2) -> Certificate:
    """Return a new certificate for `names`, written as subjectAltName takes them."""
    key, certificate, both = (folder / f"{label}.{end}" for end in ("key", "crt", "pem"))
    subprocess.run(
        [
            *(str(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={label}", "-addext", f"subjectAltName={names}", "-days", str(days)),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    both.write_text(key.read_text() + certificate.read_text())
    return Certificate(both)
