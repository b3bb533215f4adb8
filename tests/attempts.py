"""How often something is tried at most that a busy machine may have spoilt: what fails as often is no accident."""

from typing import Final, Literal

Tried = Literal["a job", "an injection", "a claim", "a scenario", "a run of the suite", "a start"]

ATTEMPTS: Final[dict[Tried, int]] = {
    "a job": 2,
    "an injection": 3,
    "a claim": 3,
    "a scenario": 3,
    "a run of the suite": 5,
    "a start": 3,
}
"""By what is tried again, and when:

- a job, where its lab dies, answers nobody or refuses what it is asked: in another lab, or in the same one reset
- an injection that is caused alone, where nothing is seen but what is expected of it, and not all of that
- a claim, and a run of the suite, where something is wrong and the lab was starved meanwhile
- a scenario that looks other than it should: a canary is rolled back after three seconds of the lab, and who is late
  does not see what led to it
- a start of a server that ends at once: an outgoing connection may have had its port
"""
