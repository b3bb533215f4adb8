"""A declarative pipeline of Jenkins: whether it is Groovy, and which of its blocks stand within which."""

import re
from dataclasses import dataclass, field

import dekobon_tree_sitter_groovy
import tree_sitter

TEXT = re.compile(r"'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|//[^\n]*|/\*.*?\*/", re.DOTALL)
FILE = "the file"
WITHIN = {
    FILE: "pipeline",
    "pipeline": "agent triggers parameters options stages post environment tools libraries",
    "stages": "stage",
    "stage": "agent when steps stages parallel matrix post environment options input tools",
    "post": "always changed fixed regression aborted failure success unstable unsuccessful cleanup",
}
"""Which blocks may stand within which. What is left out may hold anything."""


class OutlineError(ValueError):
    """A pipeline that Jenkins would refuse."""


def mistakes(text: str) -> list[str]:
    """Return where a text is not Groovy, as `line: what stands there`."""
    language = tree_sitter.Language(dekobon_tree_sitter_groovy.language())
    nodes, found = [tree_sitter.Parser(language).parse(text.encode()).root_node], []
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        if node.is_error or node.is_missing:
            found.append(f"{node.start_point[0] + 1}: {(node.text or b'').decode()[:40]}")
    return found


@dataclass
class Block:
    """A name, and the blocks within its braces."""

    name: str
    within: list["Block"] = field(default_factory=list)

    def only(self, name: str) -> "Block":
        """The one block of that name."""
        found = [one for one in self.within if one.name == name]
        if len(found) != 1:
            raise OutlineError(f"{self.name} has {len(found)} blocks {name}; expected one")
        return found[0]


def outline(text: str) -> Block:
    """Return the blocks of a pipeline; OutlineError where one is where it may not be, or is missing."""
    whole = Block(FILE)
    open_blocks = [whole]
    for name, sign in re.findall(r"([A-Za-z]\w*)?\s*(?:\([^(){}]*\)\s*)?([{}])", TEXT.sub("''", text)):
        if sign == "{":
            block = Block(name)
            allowed = WITHIN.get(open_blocks[-1].name)
            if allowed is not None and name not in allowed.split():
                raise OutlineError(f"{name} within {open_blocks[-1].name}")
            open_blocks[-1].within.append(block)
            open_blocks.append(block)
        elif len(open_blocks) == 1:
            raise OutlineError("a brace is closed that was not opened")
        else:
            open_blocks.pop()
    if len(open_blocks) > 1:
        raise OutlineError(f"{open_blocks[-1].name} is not closed")
    pipeline = whole.only("pipeline")
    pipeline.only("agent")
    for stage in pipeline.only("stages").within:
        stage.only("steps")
    return whole
