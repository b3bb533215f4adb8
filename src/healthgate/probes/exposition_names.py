"""The names of a metrics page: as its exporter here spells them, and as the documents do."""

import functools
from collections.abc import Mapping
from dataclasses import replace

from healthgate.claim.here import Here
from healthgate.probes.exposition_format import Parsed

SUFFIXES = ("_bucket", "_count", "_sum", "_total", "_created")
"""What the samples of one family may have after its name."""


@functools.lru_cache(maxsize=32)
def documented(content: Parsed, here: Here) -> Parsed:
    """Return what a page holds with the names of metrics and labels that the documents have for them."""
    if not here.metrics and not here.labels:
        return content
    names = {place.path: (name, place.times) for name, place in here.metrics.items()}
    labels = {spelt: name for name, spelt in here.labels.items()}
    found = replace(content, samples={}, kinds={}, doubled=set())
    for name, several in content.samples.items():
        known, times = _known(name, names)
        if known == name and name in here.metrics:
            continue  # something else has this name here
        found.samples[known] = [
            replace(one, name=known, labels=_renamed(one.labels, labels), value=one.value * times) for one in several
        ]
        found.doubled |= {known} if name in content.doubled else set()
    found.kinds |= {_known(name, names)[0]: kind for name, kind in content.kinds.items()}
    return found


def _renamed(labels: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {names.get(name, name): value for name, value in labels.items()}


def _known(name: str, names: Mapping[str, tuple[str, float]]) -> tuple[str, float]:
    """Return what the documents call a sample, and how many times its value counts."""
    if name in names:
        return names[name]
    for suffix in SUFFIXES:
        if name.endswith(suffix) and (family := name.removesuffix(suffix)) in names:
            known, times = names[family]
            return known + suffix, times if suffix == "_sum" else 1.0
    return name, 1.0
