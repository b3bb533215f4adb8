"""The nearest valid name to one that is not."""

from collections.abc import Iterable


def hint(name: str, valid: Iterable[str]) -> str:
    """Return '; did you mean X?' if something valid is near, else what is valid (at most a dozen names)."""
    import difflib  # noqa: PLC0415 (only wrong names pay for it)

    names = sorted(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    if not names:
        return "; there are none"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"; valid: {shown}"
