"""Loopback ports: one block a lab, kept apart from other labs on the same machine."""

import random
import socket
from dataclasses import dataclass
from typing import Final

HOST: Final = "127.0.0.1"
OUTSIDE: Final = "127.0.0.9"
"""Where outside callers would find what is bound to more than the internal address; nothing listens there."""
FIRST, LAST = 20000, 32000  # below the range the kernel hands out for outgoing connections
LAYOUT: Final = (
    *("gateway", "market", "feed", "control"),
    *("door 1", "door 2", "door 3", "node 1", "node 2", "node 3", "bus 1", "bus 2", "bus 3"),
    *("gateway inside", "market inside", "feed inside", "feed door"),
    *("wsmanager", "wsmanager inside", "wsmanager scrape"),
    *("wsmanager_staging", "wsmanager_staging inside", "wsmanager_staging scrape"),
    *("ingress", "ingress inside", "ingress https", "ingress http"),
    "prometheus",
    *("sse", "sse inside", "sse proxy", "redis-sse", "redis-sse door"),
    *("sse_clients", "sse_clients inside", "cloudwatch", "cloudwatch inside"),
)
"""What each port of a block is for. A service has a port under its name for callers, one `inside` for the control
plane, and some have more."""
BLOCK: Final = len(LAYOUT)


@dataclass(frozen=True)
class Ports:
    """The ports of one lab, all on 127.0.0.1."""

    base: int

    def __getitem__(self, name: str) -> int:
        """Port of that name in the layout."""
        return self.base + LAYOUT.index(name)

    def url(self, name: str, scheme: str = "http") -> str:
        """Address of the port of that name."""
        return f"{scheme}://{HOST}:{self[name]}"

    def private(self, service: str) -> int:
        """Port on which a service answers the control plane even while its public ports are shut."""
        return self[f"{service} inside"]

    @property
    def doors(self) -> tuple[int, int, int]:
        """Ports on which callers from outside reach redis-node-1, -2 and -3."""
        return (self["door 1"], self["door 2"], self["door 3"])

    @property
    def redis(self) -> tuple[int, int, int]:
        """Ports the three Redis nodes themselves listen on."""
        return (self["node 1"], self["node 2"], self["node 3"])

    @property
    def redis_buses(self) -> tuple[int, int, int]:
        """Cluster bus ports of the three Redis nodes."""
        return (self["bus 1"], self["bus 2"], self["bus 3"])


@dataclass(frozen=True)
class Reservation:
    """A block of ports and the lock that keeps other labs off it until this process ends."""

    ports: Ports
    lock: socket.socket


class PortsTakenError(RuntimeError):
    """The ports asked for are in use."""


def _lock(base: int) -> socket.socket | None:
    # An abstract Unix socket vanishes with its owner, so a lab killed with -9 leaves no stale lock behind.
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(f"\0healthgate-lab-ports-{base}")
    except OSError:
        lock.close()
        return None
    return lock


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _reserve_block(base: int) -> Reservation | None:
    lock = _lock(base)
    if lock is None:
        return None
    if all(_free(base + offset) for offset in range(BLOCK)):
        return Reservation(Ports(base), lock)
    lock.close()
    return None


def reserve_from(base: int) -> Reservation:
    """Reserve the block of ports that starts at `base`, or raise PortsTakenError."""
    if reservation := _reserve_block(base):
        return reservation
    raise PortsTakenError(f"ports {base} to {base + BLOCK - 1} are not all free on {HOST}: choose another --port-base")


def reserve_any() -> Reservation:
    """Reserve a free block of ports between 20000 and 32000."""
    chooser = random.SystemRandom()
    for _ in range(200):
        base = FIRST + BLOCK * chooser.randrange((LAST - FIRST) // BLOCK)
        if reservation := _reserve_block(base):
            return reservation
    raise PortsTakenError(
        f"no block of {BLOCK} free ports between {FIRST} and {LAST} on {HOST}: end labs that still run, or what"
        " else listens there (ss -ltnp says what)"
    )
