"""Certificates for loopback, made by the openssl command for one test session, and authorities that issue them."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.tools import program


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, both in one file, after them those that a server sends with it."""

    file: Path

    def server_side(self) -> Callable[[socket.socket], socket.socket]:
        """Return what puts TLS with this certificate around an accepted connection."""
        context = self.context()
        return lambda sock: context.wrap_socket(sock, server_side=True)

    def context(self) -> ssl.SSLContext:
        """Return what a server shows this certificate with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


def made_for(names: str, folder: Path, label: str, days: int = 2) -> Certificate:
    """Return a new certificate for `names`, written as subjectAltName takes them."""
    key, certificate, both = (folder / f"{label}.{end}" for end in ("key", "crt", "pem"))
    subprocess.run(
        [
            *(program("openssl"), "req", "-x509", *KEY),
            *("-subj", f"/CN={label}", "-addext", f"subjectAltName={names}", "-days", str(days)),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    both.write_text(key.read_text() + certificate.read_text())
    return Certificate(both)


CONFIGURATION = """\
[ca]
default_ca = this
[this]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
countryName = optional
organizationName = optional
commonName = optional
"""


class Authority:
    """What issues certificates, for any time. `file` is its own certificate, without a key."""

    def __init__(self, folder: Path, label: str) -> None:
        self.folder = folder / label
        self.label = label
        self.key = self.folder / "key.pem"
        self.file = self.folder / "own.pem"
        self.sent = ""
        self._prepare()
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        _openssl("req", "-x509", *KEY, "-subj", f"/CN={label}", *usage, "-days", "9", *self._own())

    def _prepare(self) -> None:
        self.folder.mkdir()
        (self.folder / "index.txt").touch()
        (self.folder / "ca.cnf").write_text(CONFIGURATION.format(folder=self.folder))

    def _own(self) -> tuple[str, ...]:
        return "-keyout", str(self.key), "-out", str(self.file)

    def issue(self, names: str, label: str, begins: float = -1, ends: float = 2) -> Certificate:
        """Return a new certificate for `names` (as subjectAltName takes them; empty: none), valid in days from now."""
        named = f"subjectAltName={names}\n" if names else ""
        key, certificate = self._issued(
            f"/O=Works/CN={label}", label, f"basicConstraints=CA:FALSE\n{named}", begins, ends
        )
        both = self.folder / f"{label}.pem"
        both.write_text(key.read_text() + certificate.read_text() + self.sent)
        return Certificate(both)

    def below(self, label: str, begins: float = -1, ends: float = 2) -> "Authority":
        """Return an authority that this one vouches for; its certificate is sent with those it issues."""
        constraints = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        key, certificate = self._issued(f"/CN={label}", label, constraints, begins, ends)
        other = object.__new__(Authority)
        other.folder, other.label, other.key, other.file = self.folder / f"below-{label}", label, key, certificate
        other.sent = certificate.read_text()
        other._prepare()
        return other

    def _issued(self, subject: str, label: str, extensions: str, begins: float, ends: float) -> tuple[Path, Path]:
        key, request, certificate, wanted = (self.folder / f"{label}.{end}" for end in ("key", "csr", "crt", "ext"))
        extra = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        wanted.write_text(extensions + extra)
        _openssl("req", "-new", *KEY, "-subj", subject, "-keyout", str(key), "-out", str(request))
        now = datetime.now(UTC)
        first, last = ((now + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ") for days in (begins, ends))
        files = ["-in", str(request), "-out", str(certificate), "-extfile", str(wanted)]
        issuer = ["-cert", str(self.file), "-keyfile", str(self.key), "-config", str(self.folder / "ca.cnf")]
        _openssl("ca", "-batch", "-notext", "-startdate", first, "-enddate", last, *files, *issuer)
        return key, certificate


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*words: str) -> None:
    done = subprocess.run([program("openssl"), *words], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
