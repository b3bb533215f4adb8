"""The manifest of the canary: what share of the traffic it declares (spec 4.9)."""

from healthgate import Facts, NoData, shown

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


def declared_weight(manifest: Facts) -> float:
    """Return the weight in percent that the Ingress of a manifest declares; NoData where there is none, or two.

    A manifest of several documents is a list of them.
    """
    documents = manifest.elements() if isinstance(manifest.raw, list) else [manifest]
    found = [
        annotations[WEIGHT]
        for one in documents
        if one.has("kind") and one.at("kind").raw == "Ingress" and one.has("metadata.annotations")
        for annotations in [one.members("metadata.annotations")]
        if WEIGHT in annotations
    ]
    if not found:
        raise NoData(f"no Ingress of the manifest has the annotation {WEIGHT}")
    weights = {_percent(one) for one in found}
    if len(weights) > 1:
        raise NoData(f"the manifest declares several weights: {', '.join(f'{one:g}' for one in sorted(weights))}")
    return weights.pop()


def _percent(node: Facts) -> float:
    text = str(node.raw).strip() if isinstance(node.raw, str | int) and not isinstance(node.raw, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        raise NoData(f"{node.path} is {shown(node.raw)}, not a percentage")
    return float(text)
