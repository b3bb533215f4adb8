"""What happens when checks are collected and no environment was named."""

import pytest

from healthgate.environment.profile import known


def refuse(config: pytest.Config, items: list[pytest.Item]) -> None:
    """End the run with exit code 4 and the names of the environments there are."""
    names = known(config.rootpath / str(config.getini("healthgate_environments")))
    there = f"; there are: {', '.join(names)}" if names else ""
    message = f"health checks need an environment: give --env NAME{there}"
    output = getattr(config, "workeroutput", None)
    if output is None:
        raise pytest.UsageError(message)
    output["healthgate_usage"] = message  # a worker's usage error would be lost: the controller raises it
    items.clear()
