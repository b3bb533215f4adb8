"""Loopback ports: one block of seventeen per lab, kept apart from other labs on the same machine."""

import random
import socket
from dataclasses import dataclass
from typing import Final

HOST: Final = "127.0.0.1"
OUTSIDE: Final = "127.0.0.9"
"""Where outside callers would find what is bound to more than the internal address; nothing listens there."""
BLOCK: Final = 17
FIRST, LAST = 20000, 32000  # below the range the kernel hands out for outgoing connections


@dataclass(frozen=True)
class Ports:
    """The seventeen ports of one lab, all on 127.0.0.1."""

    base: int

    @property
    def gateway(self) -> int:
        """Public port of the gateway."""
        return self.base

    @property
    def market(self) -> int:
        """Public port of the market service."""
        return self.base + 1

    @property
    def feed(self) -> int:
        """Port on which the market service reaches the upstream price feed."""
        return self.base + 2

    @property
    def control(self) -> int:
        """Port of the lab's control plane."""
        return self.base + 3

    @property
    def doors(self) -> tuple[int, int, int]:
        """Ports on which callers from outside reach redis-node-1, -2 and -3."""
        return (self.base + 4, self.base + 5, self.base + 6)

    @property
    def redis(self) -> tuple[int, int, int]:
        """Ports the three Redis nodes themselves listen on."""
        return (self.base + 7, self.base + 8, self.base + 9)

    @property
    def redis_buses(self) -> tuple[int, int, int]:
        """Cluster bus ports of the three Redis nodes."""
        return (self.base + 10, self.base + 11, self.base + 12)

    @property
    def feed_door(self) -> int:
        """Port on which callers from outside reach the upstream price feed."""
        return self.base + 16

    def private(self, service: str) -> int:
        """Port on which a service answers the control plane even while its public port is shut."""
        return self.base + {"gateway": 13, "market": 14, "feed": 15}[service]


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
    """Reserve the seventeen ports that start at `base`, or raise PortsTakenError."""
    if reservation := _reserve_block(base):
        return reservation
    raise PortsTakenError(f"ports {base} to {base + BLOCK - 1} are not all free on {HOST}")


def reserve_any() -> Reservation:
    """Reserve a free block of seventeen ports between 20000 and 32000."""
    chooser = random.SystemRandom()
    for _ in range(200):
        base = FIRST + BLOCK * chooser.randrange((LAST - FIRST) // BLOCK)
        if reservation := _reserve_block(base):
            return reservation
    raise PortsTakenError(f"no block of {BLOCK} free ports between {FIRST} and {LAST} on {HOST}")
