"""`python -m tests.schedules`: compute what schedules see, simulate a month of each, write it into docs/windows.md."""

import sys

from tests.schedules.page import MONTH, PAGE, SIGHT, months, sight, simulated, written


def main() -> int:
    """Write the page; returns 1 where a line was crossed falsely or late."""
    found = simulated()
    text = written(SIGHT, PAGE.read_text("utf-8"), sight())
    PAGE.write_text(written(MONTH, text, months(found)), "utf-8")
    troubles = [words for _, one in found for words in one.troubles]
    print(*(troubles or [f"wrote {PAGE.name}"]), sep="\n")
    return int(bool(troubles))


if __name__ == "__main__":
    sys.exit(main())
