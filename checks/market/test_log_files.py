"""Are the logs kept as long as they should be, and no larger than they may be? (spec 2.13)."""

from checks.market import INSTALLED, LOG_ARCHIVES, LOG_FILES
from healthgate import WARNING, Measured, Source, check, each, equals, measure
from healthgate.readings import Listing

DETAIL_DAYS = 7
ARCHIVE_DAYS = 30

LARGEST_FILE_MB = 500
LARGEST_FOLDER_MB = 5000


def kept(files: Source, days: int) -> Source:
    """Return whether files reach back `days` days, or as long as there has been a service; longer is no harm."""

    @measure(files, INSTALLED)
    def reach_back(listing: Listing, installed: str) -> Measured:
        age = max(listing.days_old(file) for file in listing.files)
        life = listing.days_since(installed)
        wanted = min(days, life - 1)  # the first file is a day old when it is closed
        said = f"{len(listing.files)} files, the oldest {age:.1f} days old"
        if age < wanted:
            return Measured(False, f"{said}; they should reach back {wanted:.3g} days")
        return Measured(True, said)

    return reach_back


@each(
    check(
        f"market.log.retention[{name}]",
        kept(files, days),
        stays=equals(True, otherwise=WARNING),
        name=f"Retention of {what}",
        cause="rotation or archiving is set up wrongly",
        action="fix the rotation; see how much history is left for the next investigation",
        runbook="log-hygiene",
        every="24h",
    )
    for name, what, files, days in (
        ("detail", "detailed logs", LOG_FILES, DETAIL_DAYS),
        ("summary", "archived log summaries", LOG_ARCHIVES, ARCHIVE_DAYS),
    )
)
def test_retention(verdict):
    """Logs reach back a week, their summaries a month."""
    assert verdict.healthy, verdict


@measure(LOG_FILES)
def bounded(listing: Listing) -> Measured:
    """Whether the current log file and its folder are within their bounds."""
    file, folder = listing.files[0].size / 1e6, listing.folder_size / 1e6
    said = f"{listing.files[0].name} has {file:.0f} MB, its folder {folder:.0f} MB"
    return Measured(file < LARGEST_FILE_MB and folder < LARGEST_FOLDER_MB, said)


@check(
    "market.log.size",
    bounded,
    stays=equals(True, otherwise=WARNING),
    name="Size of the logs",
    cause="an error loop fills the log, or rotation is off",
    action="find the line that repeats, stop its cause, then rotate",
    runbook="log-hygiene",
    every="1h",
)
def test_size(verdict):
    """The logs do not grow without bound: 500 MB a file, 5000 MB in all."""
    assert verdict.healthy, verdict
