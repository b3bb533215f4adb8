"""Whether a body is of the shape that its readers expect."""

from checks.findings import listed
from healthgate import Facts, Measured, Source, measure
from healthgate.shapes import Shape, deviations


def kept(body: Source, shape: Shape) -> Source:
    """Return a source that counts the deviations of `body` from `shape` and lists them."""

    @measure(body)
    def counted(facts: Facts) -> Measured:
        found = deviations(facts, shape)
        return Measured(len(found), listed(found))

    return counted
