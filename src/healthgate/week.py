"""Days and times of day as people write them, by the clock of a zone."""

from datetime import UTC, date, datetime, time, tzinfo

from healthgate.nearest import hint

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def clock(text: str) -> time:
    """Return the time of day `text` stands for; ValueError says how one is written."""
    hours, colon, minutes = text.strip().partition(":")
    if colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and len(hours) <= 2:
        try:
            return time(int(hours), int(minutes))
        except ValueError:
            pass
    raise ValueError('expected a time of day, as in "04:00"')


def day_and_clock(text: str) -> tuple[int, time]:
    """Return the day (0 is Monday) and the time of day of a text such as "Sun 17:00"; ValueError for any other."""
    day, _, rest = text.strip().partition(" ")
    try:
        return DAYS.index(day.lower()), clock(rest)
    except ValueError:
        raise ValueError('expected a day and a time of day, as in "Sun 17:00"') from None


def zone(text: str) -> tzinfo:
    """Return the time zone called `text`; ValueError where there is none of that name."""
    if text == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # noqa: PLC0415 (few profiles need it)

    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = hint(text, available_timezones())
        raise ValueError(
            "expected a time zone such as Europe/Berlin, or UTC (where none but UTC is known, install tzdata)"
            + (near if "did you mean" in near else "")
        ) from None


def moment_at(day: date, at: time, where: tzinfo) -> float:
    """Return when the clocks of a zone first show a time of a day, in seconds since 1970.

    Of a time that is there twice, as clocks are put back, that is the first. One that is left out, as they are put
    forward, is there when they jump over it.
    """
    meant = datetime.combine(day, at, where)
    found = meant.timestamp()
    if datetime.fromtimestamp(found, where).replace(tzinfo=None) == meant.replace(tzinfo=None):
        return found
    before, after = int(meant.replace(fold=1).timestamp()), int(found)
    offset = datetime.fromtimestamp(after, where).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, where).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return float(after)


def spoken(moment: float, where: tzinfo) -> str:
    """Return a moment (seconds since 1970) as the clocks of a zone show it, as in "Fri 17:00 New York"."""
    shown = datetime.fromtimestamp(moment, where)
    return f"{DAYS[shown.weekday()].capitalize()} {shown:%H:%M} {str(where).rpartition('/')[2].replace('_', ' ')}"
