"""Whether this run is one of CI, where nobody looks at what is only told."""

import os
from collections.abc import Mapping


def in_ci(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the machine says so, in the variable that every CI sets."""
    return environment.get("CI", "").lower() not in {"", "0", "false"}
