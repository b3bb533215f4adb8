"""TLS: a handshake with an address, and what it shows of protocol and certificate. Nothing is sent through it.

The first handshake verifies as every client does. Where the certificate is refused, or the protocol is too old to be
spoken, others that accept both only read the certificate, so that what is wrong with one thing hides no other.
"""

import functools
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Outcome, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.duration import roughly
from healthgate.printable import printable
from healthgate.probes.request import Silent
from healthgate.secret import Redactor

if TYPE_CHECKING:
    import ssl

VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""Protocols, the oldest first."""

SPOKEN = VERSIONS[3:]
"""Protocols that clients of today speak."""

BUDGET = 1_000_000
"""Bytes that are read of a handshake."""

CHUNK = 16_384
RECORDS = frozenset({0x15, 0x16})
"""How the first record of a TLS server can begin: with an alert, or with the handshake."""

NO_ISSUER = frozenset({2, 20, 21})
"""What OpenSSL calls a certificate whose issuer is neither sent nor known."""


class Tls(Probe):
    """A handshake with the https address, or host and port, in the setting `url`: a Handshake.

    `trust` names the setting with the file of certificates that are trusted instead of the machine's, where the profile
    sets it. `explained_by` is the check that tells best that there is nobody to speak TLS with.
    """

    def __init__(
        self,
        system: type[System],
        *,
        url: str = "public_url",
        trust: str | None = "public_ca",
        explained_by: str | None = None,
    ) -> None:
        super().__init__(system, None)
        self.url = url
        self.trust = trust
        self.explained_by = explained_by

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} tls {self.url.removesuffix('_url')}"

    def requests(self, settings: Any) -> list[Request]:
        trust = getattr(settings, self.trust, None) if self.trust else None
        return [TlsRequest(self.id, str(getattr(settings, self.url)), str(trust or ""), settings.deadline)]

    def value(self, scene: Scene) -> "Handshake":
        handshake = Handshake(scene.observation(self.id))
        if handshake.status != "answered":
            raise NoData(handshake.error, self.explained_by)
        return handshake

    def where(self, systems: Mapping[str, System]) -> str:
        return f"TLS handshake with {getattr(self.settings(systems), self.url)}"

    @property
    def outcome(self) -> Source:
        """How the handshake ended, completed or not: a Handshake in any case."""
        return Outcome(self, self.id, Handshake)


class Handshake:
    """What one look at the TLS of an address showed. `status` and `error` as in Observation.

    `answered` means that there is a protocol and a certificate, good or bad. `plain` means that what answers there does
    not speak TLS at all. Everything else raises NoData where there was no answer.
    """

    def __init__(self, observation: Observation) -> None:
        self.status = observation.status
        self.error = observation.error or ""
        self.at = observation.at
        self.elapsed_ms = observation.elapsed_ms
        self.facts = observation.facts

    def _fact(self, name: str) -> Any:
        if name not in self.facts:
            raise NoData(self.error)
        return self.facts[name]

    @property
    def version(self) -> str:
        """The protocol, such as TLSv1.3."""
        return str(self._fact("version"))

    def at_least(self, version: str) -> bool:
        """Whether the protocol is this one or a newer one; ValueError for one there is not."""
        return VERSIONS.index(self.version) >= VERSIONS.index(version)

    @property
    def chain(self) -> str:
        """Why the certificates do not lead to one that is trusted, at this time; empty where they do."""
        return str(self._fact("chain"))

    @property
    def name(self) -> str:
        """Why the certificate is not for the host that was asked; empty where it is."""
        return str(self._fact("name"))

    @property
    def expires(self) -> float:
        """Until when the certificate is valid, in seconds since 1970."""
        return float(self._fact("expires"))

    @property
    def begins(self) -> float:
        """From when the certificate is valid, in seconds since 1970."""
        return float(self._fact("begins"))

    @property
    def days_left(self) -> float:
        """How many days the certificate is still valid; below 0 where it has expired."""
        return (self.expires - self.at) / 86_400

    @property
    def ending(self) -> str:
        """When the certificate ends or ended, in words such as "expired 3 days ago"."""
        days, distance = round(abs(self.days_left)), roughly(abs(self.expires - self.at))
        words = f"{days} day{'' if days == 1 else 's'}" if abs(self.days_left) >= 1 else distance
        return f"expired {words} ago" if self.days_left < 0 else f"ends in {words}"

    @property
    def subject(self) -> str:
        """Whose the certificate is, such as O=Works, CN=www.example.com."""
        return str(self._fact("subject"))

    @property
    def issuer(self) -> str:
        """Who issued the certificate."""
        return str(self._fact("issuer"))


@dataclass(frozen=True)
class TlsRequest(Silent):
    """One look at the TLS of an address; `deadline` in seconds, `trust` a path or empty."""

    id: str
    url: str
    trust: str
    deadline: float

    @property
    def host(self) -> str:
        """Where the handshake goes."""
        return f"tls://{self.url.rpartition('://')[2].partition('/')[0]}"

    def load(self) -> None:
        """Import how hands are shaken and certificates are read."""
        from healthgate.wire import certificate  # noqa: F401, PLC0415 (only a run that needs it pays for it)

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Shake hands, once or more often, and hang up."""
        from healthgate.wire import bounded  # noqa: PLC0415 (only a run that needs it pays for it)

        began = time.monotonic()
        looking = _Looking(self, began + self.deadline)
        status, error, facts = "answered", None, {}
        try:
            facts = redactor.content(looking.facts())
        except PlainError:
            status, error = "plain", f"what answers on {self.host} does not speak TLS"
        except ValueError as problem:
            status, error = "malformed", redactor.text(str(problem))
        except Exception as problem:
            status, error = bounded.explain(problem, self.host, self.deadline)
            error = redactor.text(error)
        elapsed = round((time.monotonic() - began) * 1000, 3)
        return Observation(self.id, status, time.time(), elapsed, looking.taken, error, facts, looking.opened), None


class PlainError(Exception):
    """The first that came is no TLS."""


@dataclass(frozen=True)
class _Seen:
    version: str
    certificate: bytes


class _Looking:
    def __init__(self, request: TlsRequest, ends: float) -> None:
        self.request = request
        self.ends = ends
        self.taken = 0
        self.opened = 0

    def facts(self) -> dict[str, Any]:
        """Return what the handshakes showed; the error of the first that failed for good is raised."""
        from healthgate.wire import bounded, certificate  # noqa: PLC0415

        scheme, _, rest = self.request.url.rpartition("://")
        if scheme.lower() not in {"", "https", "wss"}:
            raise ValueError(f"{printable(self.request.url)} is no address of TLS; expected https:// or host:port")
        host, port = bounded.host_and_port(rest.partition("/")[0], 443)
        verifying = verifying_context(self.request.trust)
        addresses = bounded.resolve(host, port)
        seen, refusal = self._seen(addresses, host, verifying)
        found = certificate.read(seen.certificate)
        chain = printable(refusal.verify_message, 120) if refusal else ""
        if refusal and refusal.verify_code in NO_ISSUER:
            chain += f" (it is issued by {printable(found.issuer, 100) or 'nobody'})"
        return {
            "version": seen.version,
            "chain": chain,
            "name": found.misfit(host),
            "begins": found.begins,
            "expires": found.ends,
            "subject": printable(found.subject, 200),
            "issuer": printable(found.issuer, 200),
        }

    def _seen(
        self, addresses: list[Any], host: str, verifying: "ssl.SSLContext"
    ) -> tuple[_Seen, "ssl.SSLCertVerificationError | None"]:
        import ssl  # noqa: PLC0415

        try:
            return self._shake(addresses, host, verifying), None
        except ssl.SSLCertVerificationError as refusal:
            return self._shake(addresses, host, accepting_context()), refusal
        except ssl.SSLError as failure:
            # either the protocol is too old for clients of today, which is a finding, or TLS cannot be had at all
            refused: ssl.SSLCertVerificationError | None = None
            try:
                seen = self._shake(addresses, host, older_context(self.request.trust))
            except ssl.SSLCertVerificationError as refusal:
                seen, refused = self._shake(addresses, host, accepting_context()), refusal
            except (ssl.SSLError, ConnectionError, EOFError):
                raise failure from None
            if seen.version in SPOKEN:
                raise failure from None
            return seen, refused

    def _shake(self, addresses: list[Any], host: str, context: "ssl.SSLContext") -> _Seen:
        """Return what one handshake shows; PlainError where what answers is no TLS."""
        import ssl  # noqa: PLC0415

        from healthgate.wire import bounded  # noqa: PLC0415

        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=host.removesuffix("."))
        with bounded.connect_to(addresses, self.ends, BUDGET) as sock:
            self.opened += 1
            first = True
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                except ssl.SSLError:
                    with suppress(OSError):
                        sock.sendall(outgoing.read())  # says why, as clients do
                    raise
                data = sock.recv(CHUNK)
                self.taken += len(data)
                if not data:
                    raise EOFError
                if first and data[0] not in RECORDS:
                    raise PlainError
                first = False
                incoming.write(data)
            with suppress(OSError):
                sock.sendall(outgoing.read())
        found = tls.getpeercert(binary_form=True)
        if not found:
            raise ValueError("the server has shown no certificate")
        return _Seen(tls.version() or "", found)


@functools.cache
def verifying_context(trust: str) -> "ssl.SSLContext":
    """Return what verifies certificates as every client does, but not names."""
    import ssl  # noqa: PLC0415

    from healthgate.wire import bounded  # noqa: PLC0415

    context = ssl.create_default_context(cadata=bounded.certificates(trust) if trust else None)
    context.check_hostname = False
    return context


@functools.cache
def older_context(trust: str) -> "ssl.SSLContext":
    """Return what verifies certificates, but not names, and speaks protocols that are given up as well."""
    import ssl  # noqa: PLC0415

    from healthgate.wire import bounded  # noqa: PLC0415

    context = ssl.create_default_context(cadata=bounded.certificates(trust) if trust else None)
    context.check_hostname = False
    return _speaking_everything(context)


@functools.cache
def accepting_context() -> "ssl.SSLContext":
    """Return what verifies nothing and speaks everything: for reading a certificate and nothing else."""
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _speaking_everything(context)


def _speaking_everything(context: "ssl.SSLContext") -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415

    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
