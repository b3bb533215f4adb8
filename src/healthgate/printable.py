"""Text from a server, made safe to print: no control sequences, no lone surrogates, bounded length."""

LONGEST = 160
"""Characters of foreign text shown before it is cut."""


def printable(text: object, longest: int = LONGEST) -> str:
    """Return `text` on one line with everything unprintable escaped, cut after `longest` characters."""
    raw = str(text)
    cut = raw[: longest + 1]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return safe if len(raw) <= longest else safe[:longest] + "…"
