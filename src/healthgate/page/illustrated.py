"""The description of a check with the picture of its value and its limit in it, where it is seen without a click."""

import base64
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from healthgate.page.results import Results, labelled

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LARGEST = 32_000
"""Bytes of a picture; a larger one is seen where it is attached."""


def illustrate(found: Results, markdown: "MarkdownIt") -> None:
    """Put the picture that is attached to a check into its description."""
    for result in found.results.values():
        description = result.get("description", "")
        picture = _picture(result, found.folder, set(found.beside))
        if picture and labelled(result, "check_id") and "descriptionHtml" not in result:
            result["descriptionHtml"] = f"{markdown.render(description)}{picture}"


def _picture(result: dict[str, Any], folder: Path, beside: set[str]) -> str:
    for attachment in result["attachments"]:
        source, kind = attachment.get("source"), attachment.get("type")
        if kind == "image/svg+xml" and source in beside:
            try:
                content = (folder / source).read_bytes()
            except OSError:
                return ""
            if len(content) > LARGEST:
                return ""
            # within an image nothing of a picture runs, and nothing is asked of anybody
            data = base64.b64encode(content).decode()
            return f'<p><img alt="{escape(str(attachment.get("name")))}" src="data:image/svg+xml;base64,{data}"></p>'
    return ""
