"""Pages of the repository that results link to (runbooks, the list of all checks), as HTML beside the report."""

import os
import re
from collections import Counter
from html import escape
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from healthgate.page import NotRenderedError
from healthgate.page.front import HERE
from healthgate.page.results import Results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

FOLDER = "pages"
"""Where they stand in the report."""

MOST = 200
"""Pages that a report brings along; links to further ones are left out."""

LARGEST = 2_000_000
"""Bytes of a page; a larger one is left out."""

ELSEWHERE = re.compile(r"(?i)(?:https?://|mailto:)")
ANY_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]*:|//")

FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<nav><a href="{report}">the report</a> · {path}</nav>
<main>
{body}</main>
</body>
</html>
"""


def reader() -> "MarkdownIt":
    """Return what reads Markdown, and lets no HTML in it through. NotRenderedError if it is not installed."""
    if find_spec("markdown_it") is None:
        raise NotRenderedError("runbooks are rendered with markdown-it-py: pip install 'healthgate[report]'")
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


class LinkedPages:
    """Pages below `root` that results link to, and those that these link to."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.missing: set[str] = set()
        """Pages that were asked for and are not there."""
        self._wanted: list[PurePosixPath] = []

    def lead_to(self, found: Results) -> None:
        """Have the links of results lead to pages of the report, and drop those that would lead nowhere."""
        for result in found.results.values():
            led = [(link, self._address_of(link["url"])) for link in result["links"]]
            result["links"] = [{**link, "url": address} for link, address in led if address is not None]

    def _address_of(self, link: str) -> str | None:
        if ELSEWHERE.match(link):
            return link
        path, _, part = link.partition("#")
        page = self._page(PurePosixPath(unquote(path)))
        if page is None:
            self.missing.add(path)
            return None
        return HERE + _address(page) + (f"#{part}" if part else "")

    def rendered(self, markdown: "MarkdownIt") -> dict[str, str]:
        """Return the HTML of every page by its address in the report."""
        style = (Path(__file__).parent / "linked.css").read_text(encoding="utf-8")
        found = {}
        for page in self._wanted:  # grows while pages are read
            found[_address(page)] = self._html(page, markdown, style)
        return found

    def _html(self, page: PurePosixPath, markdown: "MarkdownIt", style: str) -> str:
        tokens = markdown.parse((self.root / page).read_text(encoding="utf-8", errors="replace"))
        titles = _with_anchors(tokens)
        for token in tokens:
            if token.children:
                self._lead_on(token.children, page)
        return FRAME.format(
            title=escape(titles[0] if titles else page.stem),
            style=style,
            report=_relative("index.html", page),
            path=escape(str(page)),
            body=markdown.renderer.render(tokens, markdown.options, {}),
        )

    def _lead_on(self, tokens: "Sequence[Token]", page: PurePosixPath) -> None:
        """Have every link of `page` lead to the page of the report, and drop those that would lead nowhere."""
        for place, token in enumerate(tokens):
            if token.type == "image":
                token.type, token.tag, token.children = "text", "", None
            elif token.type == "link_open":
                target = self._led(str(token.attrs.get("href", "")), page)
                if target is None:
                    token.tag, token.attrs = "span", {}
                    depth = token.level
                    end = next(t for t in tokens[place:] if t.type == "link_close" and t.level == depth)
                    end.tag = "span"
                else:
                    token.attrs = {"href": target}
                    if ELSEWHERE.match(target):
                        token.attrs |= {"target": "_blank", "rel": "noreferrer"}

    def _led(self, target: str, page: PurePosixPath) -> str | None:
        if ELSEWHERE.match(target) or target.startswith("#"):
            return target
        path, _, part = target.partition("#")
        other = self._page(page.parent / unquote(path)) if path and not ANY_SCHEME.match(target) else None
        return _relative(_address(other), page) + (f"#{part}" if part else "") if other else None

    def _page(self, path: PurePosixPath) -> PurePosixPath | None:
        """Return a page below the root that is there to be rendered."""
        try:
            whole = (self.root / path).resolve()
            page = PurePosixPath(whole.relative_to(self.root))
            if page in self._wanted:
                return page
            fits = page.suffix == ".md" and whole.is_file() and whole.stat().st_size <= LARGEST
        except (ValueError, OSError):
            return None
        if not fits or len(self._wanted) >= MOST:
            return None
        self._wanted.append(page)
        return page


def _address(page: PurePosixPath) -> str:
    return f"{FOLDER}/{page.with_suffix('.html')}"


def _relative(address: str, page: PurePosixPath) -> str:
    return os.path.relpath(address, f"{FOLDER}/{page.parent}")


def _with_anchors(tokens: "Sequence[Token]") -> list[str]:
    """Give headings the names that GitHub gives them, and return their texts."""
    texts: list[str] = []
    names: Counter[str] = Counter()
    for heading, content in pairwise(tokens):
        if heading.type == "heading_open":
            text = "".join(_text(child) for child in content.children or ())
            texts.append(text)
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            heading.attrs["id"] = f"{name}-{names[name]}" if names[name] else name
            names[name] += 1
    return texts


def _text(token: Any) -> str:
    return str(token.content) if token.type in {"text", "code_inline"} else ""
