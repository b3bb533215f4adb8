"""The page that opens: Allure's own, which asks no foreign host for anything and begins where it is most useful."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from healthgate.page import NotRenderedError

ANALYTICS = re.compile(
    r"<script[^>]*googletagmanager[^>]*>\s*</script>\s*|<script>(?:(?!</script>).)*?\bgtag\((?:(?!</script>).)*</script>\s*",
    re.DOTALL,
)
FOREIGN = re.compile(r"""(?:src|href)=["']?(?:https?:)?//|\bgtag\(|googletagmanager""")
SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)
HEAD = "<head>"

POLICY = (
    "default-src 'none'; script-src 'self' data: {hashes}; style-src 'self' data: 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; frame-src 'self' data: blob:; form-action 'none'"
)
"""What the browser may load: the report's own files. What a result says cannot become a script or a request."""


HERE = "https://report.invalid/"
"""What the address of a page of the report begins with in a link of a result, until the page that opens fixes it."""


def front(html: str, opens: str, pages: Mapping[str, str] | None) -> str:
    """Return Allure's page as it is published. NotRenderedError if it would ask a foreign host for something.

    `opens` is the part it opens with where the address names none. `pages` are those that results link to, where
    they are part of the page because the report is a single file; None where they stand beside it.
    """
    plain = ANALYTICS.sub("", html)
    outside = SCRIPT.sub(lambda found: found[0] if found["attributes"].strip().startswith("src") else "", plain)
    if HEAD not in plain or FOREIGN.search(outside) or "googletagmanager" in plain:
        raise NotRenderedError("Allure's page is not as expected, and may ask a foreign host for something")
    told = json.dumps({"opens": opens, "pages": pages, "here": HERE}).replace("<", "\\u003c")
    script = (Path(__file__).parent / "front.js").read_text(encoding="utf-8")
    own = f'<script type="application/json" id="healthgate">{told}</script>\n<script>{script}</script>'
    plain = plain.replace(HEAD, f"{HEAD}\n{own}", 1)
    inline = [
        found["text"]
        for found in SCRIPT.finditer(plain)
        if "src=" not in found["attributes"] and "type=" not in found["attributes"]
    ]
    policy = POLICY.format(hashes=" ".join(dict.fromkeys(_hash(text) for text in inline)))
    return plain.replace(HEAD, f'{HEAD}\n<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
