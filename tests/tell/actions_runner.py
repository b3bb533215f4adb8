"""What GitHub's runner makes of the lines a step prints, written from how it reads workflow commands."""

import re
from dataclasses import dataclass, field

KNOWN = {"error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "save-state", "set-output", "set-env"}


@dataclass
class Step:
    """What a step came to: the commands that were obeyed, by name, with their properties and message."""

    obeyed: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    stopped_by: str = ""

    def read(self, printed: str) -> "Step":
        """Take everything a step printed."""
        for line in re.split(r"\r\n|\r|\n", printed):
            command = self._modern(line) or self._old(line)
            if command is None:
                continue
            name, _, message = command
            if self.stopped_by:
                if name.lower() == self.stopped_by.lower():
                    self.stopped_by = ""
            elif name == "stop-commands":
                self.stopped_by = message
            else:
                self.obeyed.append(command)
        return self

    def _knows(self, name: str) -> bool:
        return name.lower() in KNOWN | {"stop-commands", self.stopped_by.lower()} - {""}

    def _modern(self, line: str) -> tuple[str, dict[str, str], str] | None:
        found = re.fullmatch(r"\s*::(.*?)::(.*)", line)
        if found is None:
            return None
        name, _, rest = found[1].partition(" ")
        if not self._knows(name):
            return None
        pairs = (pair.partition("=") for pair in rest.strip().split(",") if "=" in pair)
        properties = {key: _plain(value, ":", ",") for key, _, value in pairs}
        return name, properties, _plain(found[2])

    def _old(self, line: str) -> tuple[str, dict[str, str], str] | None:
        found = re.search(r"##\[(.*?)\](.*)", line)
        if found is None:
            return None
        name = found[1].partition(" ")[0]
        return (name, {}, found[2]) if self._knows(name) else None


def _plain(text: str, *also: str) -> str:
    for character in ("\r", "\n", *also, "%"):
        text = text.replace(f"%{ord(character):02X}", character)
    return text
