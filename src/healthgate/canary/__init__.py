"""Is the canary worse than its baseline? A judge that is told both, tick by tick. Pure, and of Python alone.

It needs nothing else of healthgate, no pytest, and imports in a few milliseconds. docs/canary.md says what each answer
means, how long it takes, and why it can be relied upon.
"""

from healthgate.canary.together import Together as Together
from healthgate.canary.together import share as share
from healthgate.canary.together import together as together
from healthgate.canary.trial import Trial as Trial

__all__ = ["Together", "Trial", "share", "together"]
