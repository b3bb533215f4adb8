"""What a certificate says of itself, read from its DER form: also of one that nobody would trust.

Python tells the fields of a certificate only where it has verified it. Nothing here verifies anything.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from healthgate.printable import printable

INTEGER, OID, UTC_TIME, GENERAL_TIME, SEQUENCE, VERSION, EXTENSIONS = 0x02, 0x06, 0x17, 0x18, 0x30, 0xA0, 0xA3
DNS_NAME, IP_ADDRESS = 0x82, 0x87
ALTERNATIVE_NAMES = bytes.fromhex("551d11")
TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
ATTRIBUTES = {
    bytes.fromhex("550403"): "CN",
    bytes.fromhex("550406"): "C",
    bytes.fromhex("550407"): "L",
    bytes.fromhex("550408"): "ST",
    bytes.fromhex("55040a"): "O",
    bytes.fromhex("55040b"): "OU",
}
MOST_NAMES = 5
"""Names of a certificate that are told."""


@dataclass(frozen=True)
class Certificate:
    """One certificate: whose and whose word, from when until when (seconds since 1970), for which hosts."""

    subject: str
    issuer: str
    begins: float
    ends: float
    names: tuple[str, ...]
    addresses: tuple[bytes, ...]

    def misfit(self, host: str) -> str:
        """Return why the certificate is not for a host, empty where it is. The subject counts for nothing."""
        try:
            fits = ipaddress.ip_address(host).packed in self.addresses
        except ValueError:
            fits = any(_names(pattern, host) for pattern in self.names)
        if fits:
            return ""
        known = [*self.names, *(str(ipaddress.ip_address(one)) for one in self.addresses if len(one) in {4, 16})]
        more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
        told = printable(", ".join(known[:MOST_NAMES]), 200) + more if known else "no host"
        return f"the certificate is for {told}, not for {printable(host, 100)}"


def _names(pattern: str, host: str) -> bool:
    """Whether a name in a certificate stands for a host; `*` stands for the whole first part and nothing more."""
    wanted, found = host.lower().removesuffix("."), pattern.lower()
    first, dot, rest = found.partition(".")
    if first == "*" and "." in rest:
        return wanted.partition(".")[1:] == (dot, rest) and bool(wanted.partition(".")[0])
    return found == wanted


def read(der: bytes) -> Certificate:
    """Return what a certificate says; ValueError where it is none."""
    try:
        (_, outer), *_ = _parts(der)
        (_, inner), *_ = _parts(outer)
        parts = [part for part in _parts(inner) if part[0] != VERSION]
        (_, _serial), (_, _algorithm), (_, issuer), (_, validity), (_, subject), *rest = parts
        begins, ends = (_moment(tag, value) for tag, value in _parts(validity))
        names, addresses = _alternatives(rest)
        return Certificate(_named(subject), _named(issuer), begins, ends, names, addresses)
    except (ValueError, IndexError, OverflowError):
        raise ValueError("the certificate cannot be read: it has another form than certificates have") from None


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
            if not 0 < size <= 4:
                raise ValueError("a length is none")
        if at + length > len(data):
            raise ValueError("it is cut off")
        yield tag, data[at : at + length]
        at += length


def _moment(tag: int, value: bytes) -> float:
    text = value.decode("ascii")
    if tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != GENERAL_TIME:
        raise ValueError("a time is none")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _named(name: bytes) -> str:
    found = []
    for _, group in _parts(name):
        for _, pair in _parts(group):
            (_, kind), (tag, value) = _parts(pair)
            label = ATTRIBUTES.get(kind, "")
            if label:
                found.append(f"{label}={value.decode(TEXTS.get(tag, 'latin-1'), 'replace')}")
    return ", ".join(found)


def _alternatives(parts: list[tuple[int, bytes]]) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    names, addresses = [], []
    for tag, explicit in parts:
        if tag != EXTENSIONS:
            continue
        (_, extensions), *_ = _parts(explicit)
        for _, extension in _parts(extensions):
            (_, kind), *_, (_, value) = _parts(extension)
            if kind != ALTERNATIVE_NAMES:
                continue
            (_, several), *_ = _parts(value)
            names += [one.decode("ascii", "replace") for tag_, one in _parts(several) if tag_ == DNS_NAME]
            addresses += [one for tag_, one in _parts(several) if tag_ == IP_ADDRESS]
    return tuple(names), tuple(addresses)
