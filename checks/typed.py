"""Does a metrics page have a metric, and is it what it should be?"""

from healthgate import Measured
from healthgate.readings import Page


def typed(page: Page, name: str, kind: str) -> Measured:
    """Return whether the page has a metric of this name and kind (gauge, counter)."""
    if name not in page.names:
        return Measured(False, f"{name} is missing")
    found = page.kind(name)
    return Measured(found == kind, kind if found == kind else f"{name} is {found}, not {kind}")
