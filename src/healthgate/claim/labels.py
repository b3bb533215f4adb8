"""The labels of a series: which have to be there, and which a series may also be without."""

from collections.abc import Mapping, Sequence

Labels = Mapping[str, str]


class Perhaps(str):
    """The value of a label that a series may also be without."""

    __slots__ = ()


def perhaps(value: str) -> Perhaps:
    """`METRICS["depth"].labelled(side=perhaps("left"))`: the series with that label, or the one without it.

    Where a series with and one without the label differ in nothing else, neither is meant: that is no data.
    """
    return Perhaps(value)


def meant(labels: Labels, wanted: Labels) -> bool:
    """Whether a series with `labels` is one that is wanted."""
    return all(
        labels.get(name, value if isinstance(value, Perhaps) else None) == value for name, value in wanted.items()
    )


def optional(wanted: Labels) -> list[str]:
    """Return the names of the labels that a series may be without."""
    return [name for name, value in wanted.items() if isinstance(value, Perhaps)]


def with_and_without(label: str, several: Sequence[Labels]) -> tuple[Labels, Labels] | None:
    """Return two of several sets of labels that differ only in that one of them has `label`; None where none do."""
    without = {frozenset(one.items()): one for one in several if label not in one}
    for one in several if without else ():
        rest = frozenset((name, value) for name, value in one.items() if name != label)
        if label in one and rest in without:
            return one, without[rest]
    return None
