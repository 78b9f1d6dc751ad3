"""Read the times of records, and times that people state, and show them by the machine's clock."""

from __future__ import annotations

import datetime
import re

from pytest_ouro.messages import command_line as messages

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhdw])")
_DAY = datetime.timedelta(days=1)


def parse_time(recorded: str) -> datetime.datetime | None:
    """Return the time of a record (ISO 8601) as an aware time, in UTC if it states no offset; None
    for any other text, or a day, time or offset that does not exist."""
    try:
        found = datetime.datetime.fromisoformat(recorded.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def to_local_time(recorded: str) -> datetime.datetime | None:
    """Return the time of a record as an aware time with the offset of the machine's clock at that
    time; None if it cannot be read, or if that clock has no such time, as before the first year."""
    found = parse_time(recorded)
    try:
        return found and found.astimezone()
    except (OverflowError, OSError, ValueError):
        return None


def show_times(recorded: list[str], *, short: bool = False) -> tuple[str, ...]:
    """Return the times of records by the machine's clock, such as ``2026-11-30T19:05:34``; if
    ``short``, as ``11-30 19:05``. If they have different offsets from UTC on that clock, as when
    summer time begins or ends between two of them, each is shown with its own. A time that cannot
    be read stays as it is, cut to 19 characters."""
    times = [*map(to_local_time, recorded)]
    form = "%m-%d %H:%M" if short else "%Y-%m-%dT%H:%M:%S"
    if len({one.utcoffset() for one in times if one}) > 1:
        form += "%z"
    return tuple(
        one.strftime(form) if one else text[:19] for one, text in zip(times, recorded, strict=True)
    )


def read_since(text: str, now: datetime.datetime) -> datetime.datetime:
    """Return the time that ``text`` states, as an aware time. ``now`` is the present time, with the
    offset of the machine's clock.

    ``text`` is how long ago it was, such as ``90m``, ``2h`` or ``3d``; a date, whose day begins by
    the machine's clock; a time of day, for the last time that this clock showed it; or a date and a
    time, of the machine's clock unless it has an offset. Raise OuroError for any other text.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return now - datetime.timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
        if ":" in text and "-" not in text.split(":")[0]:
            return _last(datetime.time.fromisoformat(text), now)
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone()
    except (ValueError, OverflowError, OSError):
        raise messages.invalid_since(text) from None


def _last(time: datetime.time, now: datetime.datetime) -> datetime.datetime:
    """Return the last moment, up to ``now``, at which the machine's clock showed ``time``. Raise
    ValueError for a time with an offset."""
    if time.tzinfo is not None:
        raise ValueError("a time of day has no offset")
    today = now.date()
    found = datetime.datetime.combine(today, time).astimezone()
    return found if found <= now else datetime.datetime.combine(today - _DAY, time).astimezone()


def describe_duration(seconds: float) -> str:
    """Return a number of seconds, 0 or more, in words, as ``42 s``, ``7 min 30 s`` or ``11 h 10
    min``."""
    if seconds < 1:
        return f"{seconds:.2g} s" if seconds else "0 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if not hours:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
