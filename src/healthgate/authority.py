"""What stands between the scheme and the path of an address: a host, and a port where it is not the usual one."""

import re

HOST = re.compile(r"[A-Za-z0-9_.~-]+")
LARGEST_PORT = 65_535


def flaw(text: str) -> str:
    """Return in words what is wrong with `host`, `host:port` or `[IPv6]:port`, empty where nothing is.

    A port may be empty, which means the usual one, as addresses have it everywhere.
    """
    if "%" in text:
        return "a zone or other % in the host means something on one machine only: leave it out"
    host, separator, rest = text[1:].partition("]") if text.startswith("[") else ("", "", text)
    if text.startswith("[") and not (separator and _is_ipv6(host)):
        return "what stands in brackets is no IPv6 address"
    if not text.startswith("["):
        host, colon, port = text.partition(":")
        rest = colon + port
        if rest.count(":") > 1:
            return "an IPv6 address stands in brackets, as in [2001:db8::7]:8080"
        if not HOST.fullmatch(host):
            return "it has no host" if not host else "its host has other signs than names have"
    if rest and not rest.startswith(":"):
        return "a colon stands between the host and the port"
    port = rest[1:]
    if port and not (port.isdecimal() and len(port) <= 5 and 0 < int(port) <= LARGEST_PORT):
        return f"a port is a number from 1 to {LARGEST_PORT}"
    return ""


def _is_ipv6(text: str) -> bool:
    import ipaddress  # noqa: PLC0415 (few addresses have one)

    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False
