"""Addresses as people write them: read as they are meant, or refused with the reason."""

import pytest

from healthgate.claim.system import Address, StreamUrl, Url, convert
from healthgate.tell.exchange import problem
from healthgate.wire.bounded import host_and_port
from healthgate.wire.connection import address


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTPS://service.example.com", "https://service.example.com"),
        ("Http://127.0.0.1:8080/Base/", "http://127.0.0.1:8080/Base"),
        ("http://localhost:", "http://localhost"),
        ("https://localhost:/base", "https://localhost/base"),
        ("http://[::1]:", "http://[::1]"),
        ("http://[2001:DB8::7]:8080", "http://[2001:DB8::7]:8080"),
        ("http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]"),
        ("http://a_b.example.com.:080", "http://a_b.example.com.:080"),
        ("https://host/path@x", "https://host/path@x"),
    ],
)
def test_an_address_is_kept_in_its_plainest_form(written: str, meant: str) -> None:
    assert convert(Url, written) == meant
    stream = written.replace("http", "ws").replace("HTTP", "WS").replace("Http", "Ws")
    assert convert(StreamUrl, stream) == meant.replace("http", "ws")
    assert "@" in written or problem(written, "VARIABLE") is None


REFUSED = {
    "http://[fe80::1%eth0]:80": "a zone or other % in the host means something on one machine only: leave it out",
    "http://[fe80::1%25eth0]": "a zone or other % in the host",
    "http://host%41": "a zone or other % in the host",
    "http://[::1]8080": "a colon stands between the host and the port",
    "http://[::1": "what stands in brackets is no IPv6 address",
    "http://[boiler]": "what stands in brackets is no IPv6 address",
    "http://[1::2::3]": "what stands in brackets is no IPv6 address",
    "http://[127.0.0.1]": "what stands in brackets is no IPv6 address",
    "http://::1": "an IPv6 address stands in brackets, as in [2001:db8::7]:8080",
    "http://2001:db8::7:8080": "an IPv6 address stands in brackets",
    "http://host:80:81": "an IPv6 address stands in brackets",
    "http://:8080": "it has no host",
    "http://host:0": "a port is a number from 1 to 65535",
    "http://host:65536": "a port is a number from 1 to 65535",
    "http://host:http": "a port is a number from 1 to 65535",
    "http://host:+80": "a port is a number from 1 to 65535",
    "http://host:-1": "a port is a number from 1 to 65535",
    "http://ho,st": "its host has other signs than names have",
}


@pytest.mark.parametrize("written", REFUSED)
def test_an_address_that_means_nothing_is_refused_with_the_reason(written: str) -> None:
    """In a profile as in an option; never with the words of an interpreter."""
    with pytest.raises(ValueError, match=r"^expected an address such as ") as wrong:
        convert(Url, written)

    assert REFUSED[written] in str(wrong.value)
    assert REFUSED[written] in str(problem(written, "VARIABLE"))
    netloc = written.removeprefix("http://")
    with pytest.raises(ValueError, match=r"^expected host:port"):
        convert(Address, netloc)


@pytest.mark.parametrize("written", ["host", "host:", "[::1]", "[::1]:", "", ":80"])
def test_a_host_and_a_port_are_both_asked_for(written: str) -> None:
    with pytest.raises(ValueError, match=r"^expected host:port"):
        convert(Address, written)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("host", ("host", 7)),
        ("host:", ("host", 7)),
        ("host:80", ("host", 80)),
        ("[::1]", ("::1", 7)),
        ("[::1]:", ("::1", 7)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_host_and_port_are_told_apart(written: str, found: tuple[str, int]) -> None:
    assert host_and_port(written, 7) == found


@pytest.mark.parametrize(
    ("url", "port"), [("HTTPS://host/x", 443), ("https://host:/x", 443), ("Http://host", 80), ("http://host:81", 81)]
)
def test_the_usual_port_is_that_of_the_scheme_in_any_letters(url: str, port: int) -> None:
    assert address(url) == ("host", port)
