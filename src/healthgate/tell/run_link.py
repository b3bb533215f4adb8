"""Where the run that tells its verdicts can be looked at: what the CI it runs in says of itself."""

from collections.abc import Mapping
from urllib.parse import urlsplit

RUN = "HEALTHGATE_RUN_URL"
"""The variable that holds the address of the run, where the CI is not one of those below or says it wrongly."""

REPORT = "HEALTHGATE_REPORT_URL"
"""The variable that holds the address at which the rendered report will stand."""


def run_link(variables: Mapping[str, str]) -> tuple[str, str] | None:
    """Return a name and an address for this run, from what GitHub, GitLab or Jenkins set; None where nothing does."""
    if address := web_address(variables.get(RUN)):
        return "the run", address
    server, repository = variables.get("GITHUB_SERVER_URL"), variables.get("GITHUB_REPOSITORY")
    number = variables.get("GITHUB_RUN_ID")
    if number and (address := web_address(f"{server}/{repository}/actions/runs/{number}")):
        return f"{variables.get('GITHUB_WORKFLOW') or 'run'} #{variables.get('GITHUB_RUN_NUMBER') or number}", address
    if address := web_address(variables.get("CI_JOB_URL")):
        return f"{variables.get('CI_JOB_NAME') or 'job'} #{variables.get('CI_PIPELINE_ID') or '?'}", address
    if address := web_address(variables.get("BUILD_URL")):
        return f"{variables.get('JOB_NAME') or 'build'} #{variables.get('BUILD_NUMBER') or '?'}", address
    return None


def report_link(variables: Mapping[str, str]) -> str | None:
    """Return where the rendered report will stand, or None where nobody says so."""
    return web_address(variables.get(REPORT))


def web_address(text: str | None) -> str | None:
    """Return `text` where it is an http or https address that may be linked to, else None."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return None
    whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.password
    return text if whole and text and text.isprintable() and " " not in text else None
