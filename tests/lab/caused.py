"""Which faults of the lab the matrix causes as well, and sees by what the checks say."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.detection.matrix import CELLS

BY_THE_MATRIX = {fault.id for cell in CELLS.values() for fault in cell.injection.faults}


def each(effects: Mapping[str, tuple[Any, ...]]) -> list[Any]:
    """Return the names of these effects as parameters: what the matrix causes anyway is left to `make detection`."""
    return [
        pytest.param(name, marks=[pytest.mark.whole] if fault in BY_THE_MATRIX else [])
        for name, (fault, *_) in effects.items()
    ]
