"""Seconds of production, where time passes faster than in production."""

LATE = 0.5
"""Seconds by which a busy machine may be late at anything. They are its own, however fast time passes there."""


def in_production(real: float, due: float, scale: float) -> float:
    """Return `real` seconds as seconds of production, for something that is due after `due` of those.

    Where time passes faster (`scale` above 1), half a second of lateness is not multiplied with it but left out.
    """
    late = max(0.0, real - due / scale)
    return (real - min(late, LATE * (1 - 1 / scale))) * scale
