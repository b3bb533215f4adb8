"""A true-or-false member, put into words."""

from healthgate import Facts, Measured, Source, measure


def stated(member: Source, *, true: str, false: str) -> Source:
    """Return a source that says what it means that `member` is true or false."""

    @measure(member)
    def said(node: Facts) -> Measured:
        holds = node.boolean()
        return Measured(holds, true if holds else false)

    return said
