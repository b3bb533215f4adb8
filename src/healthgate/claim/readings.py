"""Readings that every project takes: how old a figure is, a truth in words, a part of a whole."""

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.limit import Unit
from healthgate.claim.observation import AGAIN
from healthgate.claim.source import Derived, Field, Later, Measured, Otherwise, Scene, Source
from healthgate.printable import shown

seconds_old = Unit("s", floor=-5)
"""Seconds of age. Clocks may differ by five; a time further ahead means that no age can be told."""


class Age(Derived):
    """How old the time at a member was when the answer that holds it was complete, in seconds."""

    def value(self, scene: Scene) -> Measured:
        """Return the age, and the time itself in words."""
        (member,) = self.sources
        moment, words = self.function(member.value(scene))
        return Measured(round(_came(member, scene) - moment, 3), words)


def _written(node: Facts) -> tuple[float, str]:
    if isinstance(node.raw, str):
        return node.moment(), f"{node.path} is {node.raw}"
    return node.number(), f"{node.path} is {shown(node.raw)}"


def _came(source: Source, scene: Scene) -> float:
    """Return when the answer that `source` is part of was complete, in seconds since 1970."""
    if isinstance(source, Field):
        return _came(source.parent, scene)
    if isinstance(source, Otherwise):
        return _came(source.chosen(scene.systems), scene)
    if isinstance(source, Later):
        return _came(source.first, scene.again(AGAIN))
    (probe,) = source.probes(scene.systems)
    (request,) = probe.ids(probe.settings(scene.systems))
    return scene.observation(request).at


def age(member: Field) -> Source:
    """Return how old the time at `member` was when its answer came, in `seconds_old`, as in `age(STATE["updated_at"])`.

    The time is ISO 8601 with its zone, or a number of seconds since 1970; anything else is no data.
    """
    return Age(_written, (member,))


def stated(member: Source, *, true: str, false: str) -> Source:
    """Return whether `member` is true, with words for what either means."""

    def said(node: Facts) -> Measured:
        holds = node.boolean()
        return Measured(holds, true if holds else false)

    return Derived(said, (member,))


def share(part: float, whole: float, of: str = "", *, of_nothing: float | None = None) -> Measured:
    """Return what percent `part` is of `whole`, and in words of what, as in "3 of 50 requests".

    Where the whole is nothing, that is `of_nothing` percent, or no data where none is given.
    """
    words = f"{part:.6g} of {whole:.6g} {of}".rstrip()
    if whole > 0:
        return Measured(round(100 * part / whole, 6), words)
    if of_nothing is None:
        raise NoData(f"{words}: there is nothing to take a share of")
    return Measured(of_nothing, words)
