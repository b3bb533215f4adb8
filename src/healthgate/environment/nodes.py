"""The nodes of a YAML file, each with its place: what is wrong with them is said as file:line:column."""

from pathlib import Path
from typing import Any

import yaml

from healthgate.printable import printable

LARGEST = 1_000_000
"""Bytes a profile may have."""

YAML_TAG = "tag:yaml.org,2002:"
TAGS = {
    YAML_TAG + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge", "value")
}


def in_words(value: Any) -> str:
    """Say what a value is, harmlessly and in a few words."""
    if isinstance(value, str):
        return f'text "{printable(value, 60)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else printable(value, 60)


def not_yaml(error: yaml.MarkedYAMLError) -> tuple[Any, str]:
    """Return where and what is wrong, in words that say what to fix."""
    context, problem = error.context or "", error.problem or ""
    mark = error.problem_mark or error.context_mark
    if "scanning a quoted scalar" in context:
        return error.context_mark, "this is not YAML: a quote is opened here and not closed"
    if "parsing a flow" in context and error.context_mark is not None:
        return error.context_mark, "this is not YAML: a bracket is opened here and not closed"
    if "another document" in problem:
        return mark, "a second document begins here; expected one profile a file"
    if "'\\t'" in problem:
        return mark, "this is not YAML: a tab stands here; indent with spaces"
    if "mapping values are not allowed" in problem:
        return (
            mark,
            "this is not YAML: no `key: value` can stand here; look at the indentation, and quote text with a colon",
        )
    if "undefined alias" in problem:
        return mark, f"this is not YAML: {printable(problem)}; quote a text that begins with *"
    return mark, f"this is not YAML: {printable(problem)}"


class Nodes:
    """Reads the nodes of one file, which messages call `label`; gathers what is wrong, with its place.

    `mentioned` are the keys at the top of the file, whatever stands there.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.problems: list[tuple[tuple[int, int], str]] = []
        self.mentioned: set[str] = set()
        self._visited: set[int] = set()

    def mapping_at_top(self, path: Path) -> dict[str, tuple[yaml.Node, yaml.Node]] | None:
        """Return the members of the mapping that a file holds; None, and a problem, where it holds none."""
        try:
            data = path.read_bytes()
            if len(data) > LARGEST:
                self.complain(None, f"the file is larger than {LARGEST} bytes; expected a profile")
                return None
            node = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
        except OSError as error:
            self.complain(None, f"the file cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError as error:
            self.complain(None, f"the file is not UTF-8 text (byte {error.start})")
            return None
        except yaml.MarkedYAMLError as error:
            self.complain(*not_yaml(error))
            return None
        except yaml.reader.ReaderError as error:
            character = f"{error.character:#04x}" if isinstance(error.character, int) else printable(error.character)
            line = data.decode(errors="replace").count("\n", 0, error.position) + 1
            self.add(f"{self.label}:{line}:1", f"this line holds the control character {character}; take it out")
            return None
        except yaml.YAMLError as error:
            self.complain(None, f"this is not YAML: {printable(error)}")
            return None
        except RecursionError:
            self.complain(None, "the file is nested too deeply; expected a profile")
            return None
        if node is None:
            self.complain(None, "the file is empty; expected a profile")
            return None
        if not isinstance(node, yaml.MappingNode):
            self.complain(node, "the file holds no mapping; expected `key: value` lines")
            return None
        self._refuse_tags(node)
        self.mentioned = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        return self.members(node)

    def _refuse_tags(self, top: yaml.Node) -> None:
        seen: set[int] = set()
        todo: list[yaml.Node] = [top]
        while todo:
            node = todo.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.tag not in TAGS:
                tag = printable(node.tag.replace(YAML_TAG, "!!"), 60)
                self.complain(node, f"the tag {tag} means nothing here; write the plain value")
            if isinstance(node, yaml.SequenceNode):
                todo += node.value
            elif isinstance(node, yaml.MappingNode):
                todo += [one for pair in node.value for one in pair]

    def members(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return the keys and values of a mapping by name, each key once; anything else is a problem."""
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.complain(key_node, "a key is not plain text")
                continue
            key = key_node.value
            if key in found:
                first = found[key][0].start_mark.line + 1
                self.complain(key_node, f"{printable(key, 60)} is given twice (first in line {first}); keep one")
                continue
            if id(value_node) in self._visited and not isinstance(value_node, yaml.ScalarNode):
                self.complain(value_node, "an alias repeats a block; write the values out, so that each has one place")
                continue
            self._visited.add(id(value_node))
            found[key] = (key_node, value_node)
        return found

    def scalar(self, node: yaml.Node) -> Any:
        """Return the value a scalar stands for; an empty mapping or list for one of these."""
        if not isinstance(node, yaml.ScalarNode):
            return {} if isinstance(node, yaml.MappingNode) else []
        tag = node.tag.rpartition(":")[2]
        if tag in {"int", "float", "bool", "null", "str"}:
            try:
                constructor = yaml.constructor.SafeConstructor()
                return constructor.construct_object(node)
            except (ValueError, yaml.YAMLError):
                return node.value
        return node.value

    def kind_of(self, node: yaml.Node) -> str:
        """Say what a node is, in a problem's words."""
        if isinstance(node, yaml.MappingNode):
            return "a mapping" if node.value else "an empty mapping"
        if isinstance(node, yaml.SequenceNode):
            return "a list" if node.value else "an empty list"
        return in_words(self.scalar(node))

    def position(self, mark: Any) -> str:
        """Return `file:line:column` of a mark; the top of the file without one."""
        return f"{self.label}:{mark.line + 1}:{mark.column + 1}" if mark else f"{self.label}:1:1"

    def complain(self, where: Any, text: str) -> None:
        """Add a problem at a node, at a mark, or (None) at the top of the file."""
        mark = where.start_mark if isinstance(where, yaml.Node) else where
        self.add(self.position(mark), text)

    def add(self, position: str, text: str) -> None:
        """Add a problem at a position."""
        line, column = position.rsplit(":", 2)[1:]
        self.problems.append(((int(line), int(column)), f"{position}: {text}"))
