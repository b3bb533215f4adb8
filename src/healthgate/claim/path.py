"""Paths to members of a document, as people write them: `nodes[0].name`, `components["redis.cluster"].status`."""

import functools
import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Final

NAME = re.compile(r"""[^\s.*"'\[\]]+""")
"""A name that stands as it is; any other is written in brackets and double quotes, as JSON writes a text."""

INDEX = re.compile(r"\[(-?\d{1,9})\]")
QUOTED = re.compile(r'\[("(?:[^"\\\x00-\x1f]|\\.)*")\]')


class Every(Enum):
    """What stands for all elements of a list, or all members of an object."""

    EACH = "*"


EACH: Final = Every.EACH
Step = str | int | Every


class PathError(ValueError):
    """A text is no path; it says what is wrong with which of its characters."""


@functools.lru_cache(maxsize=4096)
def pattern(path: str) -> tuple[Step, ...]:
    """Return the steps of a path from the top: names, places in lists, `*`; PathError where it is none."""
    return tuple(_steps(path))


@functools.lru_cache(maxsize=4096)
def steps(path: str) -> tuple[str | int, ...]:
    """Return the steps of a path to one member: as `pattern`, and PathError where it has a `*`."""
    found = []
    for step in pattern(path):
        if step is EACH:
            raise _wrong(path, path.index("*"), "stands for several members, and this is a path to one")
        found.append(step)
    return tuple(found)


def joined(path: str, step: str | int) -> str:
    """Return the path one step below `path`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if NAME.fullmatch(step):
        return f"{path}.{step}" if path else step
    return f"{path}[{json.dumps(step)}]"


def below(path: str, more: str) -> str:
    """Return the path `more` as it is from the top, where it is read below `path`."""
    return f"{path}.{more}" if path and more and not more.startswith("[") else path + more


def _steps(path: str) -> Iterator[Step]:
    at = 0
    while at < len(path):
        if path[at] == "[":
            step, at = _bracket(path, at)
            yield step
            continue
        if path[at] == ".":
            if not at:
                raise _wrong(path, at, "begins the path; leave it out")
            at += 1
        elif at:
            raise _wrong(path, at, 'follows a bracket; write "." or "[" there')
        if path.startswith("*", at):
            yield EACH
            at += 1
        elif name := NAME.match(path, at):
            yield name[0]
            at = name.end()
        elif at == len(path):
            raise _wrong(path, at - 1, "ends the path; a name is missing after it")
        else:
            raise _wrong(path, at, 'is no part of a name; write ["…"] around one that has it')
        if at < len(path) and path[at] not in ".[":
            raise _wrong(path, at, 'is no part of a name; write ["…"] around one that has it')


def _bracket(path: str, at: int) -> tuple[str | int, int]:
    if index := INDEX.match(path, at):
        return int(index[1]), index.end()
    if quoted := QUOTED.match(path, at):
        try:
            return str(json.loads(quoted[1])), quoted.end()
        except ValueError:
            raise _wrong(path, at, "opens a name that is no text as JSON writes it") from None
    raise _wrong(path, at, 'is not followed by a whole number or a name in double quotes, and "]"')


def _wrong(path: str, at: int, words: str) -> PathError:
    return PathError(f"{path!r} is no path: character {at + 1}, {json.dumps(path[at], ensure_ascii=False)}, {words}")
