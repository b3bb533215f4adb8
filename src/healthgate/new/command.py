"""`healthgate new`: a folder with one system, one profile, three checks of a URL, and a workflow that runs them."""

import sys
from pathlib import Path

from healthgate.command_line import USAGE, Parser
from healthgate.new.project import DEFAULT, NotMadeError, Project

UNWRITTEN = 13
"""Exit codes: the command line is wrong, or would overwrite something; the folder could not be written."""

MADE = """\
made: {folder}/, with three checks of {url}

next:
  cd {folder}
  healthgate run --env production

Then say what is yours: the address in environments/production.yaml, what is asked and what it should
answer in checks/{name}/. README.md there says what each file is for."""


def main(arguments: list[str]) -> int:
    """Make the project in the current folder, say what to do next, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        project = Project.of(options.name, options.url)
        project.write(Path(options.name))
    except NotMadeError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"not written: {options.name}: {error.strerror}", file=sys.stderr)
        return UNWRITTEN
    print(MADE.format(folder=options.name, url=options.url, name=project.name))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="healthgate new",
        description="Makes a project in a new folder NAME of the current folder. Overwrites nothing; asks nothing.",
        epilog="Exit codes: 0 made; 4 wrong command line, or NAME is there already; 13 not written.",
    )
    parser.add_argument("name", metavar="NAME", help="of the system and of the folder: small letters, digits and _")
    parser.add_argument(
        "url", nargs="?", default=DEFAULT, metavar="URL", help="a route of it that answers JSON (%(default)s)"
    )
    return parser
