"""Faults that last as long as a block does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def during(faults: list[T], fault: T) -> Iterator[None]:
    """Keep a fault among those that last, for the length of a block."""
    faults.append(fault)
    try:
        yield
    finally:
        faults.remove(fault)
