"""Prometheus text read back, strictly: one series, one number."""

import re

LINE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\{(?P<labels>.*)\} (?P<value>\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(text: str) -> Series:
    """Return every series of a page; it ends with EOF and names no series twice, nor one without its family."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""]
    found: Series = {}
    family, families = "", []
    for line in lines[:-2]:
        if line.startswith("# "):
            kind, name, _ = line.removeprefix("# ").split(" ", 2)
            assert kind in {"HELP", "TYPE"}
            if kind == "HELP":
                family = name
                families.append(name)
            continue
        match = LINE.fullmatch(line)
        assert match, line
        assert match["name"] == family, line
        labels = frozenset((one[1], _plain(one[2])) for one in LABEL.finditer(match["labels"]))
        assert LABEL.sub("", match["labels"]) == "", line
        key = (match["name"], labels)
        assert key not in found, line
        found[key] = float(match["value"])
    assert len(families) == len(set(families))
    return found


def _plain(value: str) -> str:
    return re.sub(r'\\[\\"n]', lambda one: ESCAPES[one[0]], value)


def named(text: str, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """Return the series of one family by their labels."""
    return {labels: value for (family, labels), value in series(text).items() if family == name}


def by(text: str, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return the series of one family by the values of some labels, which must tell them apart."""
    found = named(text, name)
    told = {tuple(dict(several)[label] for label in labels): value for several, value in found.items()}
    assert len(told) == len(found)
    return told
