"""What a profile calls absent although it is there: the line hides what reads it, and has to go."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from healthgate.claim.facts import NoData
from healthgate.claim.here import Here, matches
from healthgate.claim.observation import Observation
from healthgate.claim.path import pattern
from healthgate.claim.source import Absent, Probe
from healthgate.environment.profile import Profile
from healthgate.probes.exposition import Exposition, page_of
from healthgate.probes.http_answer import Answer


def needless(profile: Profile, seen: Mapping[str, Observation]) -> list[str]:
    """Return a line for each member and metric that an environment calls absent, and that came."""
    found: dict[str, None] = {}
    for name, system in profile.declared.items():
        here = profile.here_of(name)
        settings = profile.systems.get(name)
        if not here.absent or settings is None:
            continue
        for probe in system.asked:
            with suppress(Absent, NoData, NotImplementedError):
                for request in probe.ids(probe.settings(profile.systems)):
                    if request in seen:
                        found |= dict.fromkeys(_there(probe, here, seen[request]))
    return list(found)


def _there(probe: Probe, here: Here, observation: Observation) -> Iterator[str]:
    if isinstance(probe, Exposition):
        names = page_of(observation, here).names
        several = ((one.position, name) for one in here.absent for name in sorted(one.metrics & names))
    else:
        body = Answer(observation, here=here, route=probe.route).content
        several = (
            (one.position, path)
            for one in here.absent
            for path in one.members.get(probe.route, ())
            if any(True for _ in matches(body, pattern(path)))
        )
    for position, what in several:
        yield f"{position}: {what} is called absent, and it came; take it out, so that what reads it is judged"
