"""The manifest of the canary: what share of the traffic it declares, and which manager it runs (spec 4.9)."""

from healthgate import Facts, NoData, shown

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
FLAG = "USE_NEW_WS_MANAGER"
CONTAINERS = "spec.template.spec.containers"


def declared_weight(manifest: Facts) -> float:
    """Return the weight in percent that the Ingress of a manifest declares; NoData where there is none, or two."""
    found = [
        annotations[WEIGHT]
        for one in documents(manifest)
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


def declared_flag(manifest: Facts) -> bool:
    """Return what the manifest sets USE_NEW_WS_MANAGER to; NoData where it does not, or says both."""
    found = [
        variable
        for one in documents(manifest)
        if one.has(CONTAINERS)
        for container in one.elements(CONTAINERS)
        for variable in (container.elements("env") if container.has("env") else ())
        if variable.has("name") and variable.at("name").raw == FLAG
    ]
    if not found:
        raise NoData(f"no container of the manifest has the variable {FLAG}")
    values = {_truth(one["value"]) for one in found}
    if len(values) > 1:
        raise NoData(f"the manifest sets {FLAG} to both true and false")
    return values.pop()


def documents(manifest: Facts) -> list[Facts]:
    """Return the documents of a manifest, of which a file may hold several."""
    return manifest.elements() if isinstance(manifest.raw, list) else [manifest]


def _truth(node: Facts) -> bool:
    text = str(node.raw).strip().lower() if isinstance(node.raw, str | bool) else ""
    if text not in {"true", "false"}:
        raise NoData(f"{node.path} is {shown(node.raw)}, not true or false")
    return text == "true"


def _percent(node: Facts) -> float:
    text = str(node.raw).strip() if isinstance(node.raw, str | int) and not isinstance(node.raw, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        raise NoData(f"{node.path} is {shown(node.raw)}, not a percentage")
    return float(text)
