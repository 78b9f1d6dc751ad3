"""``[night]`` in bound.toml: when a night of experiments is over."""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.schema import Relation, option

NIGHT = "night"
_LARGE = 1e12
#: A time of day, or a date and a time with or without an offset from UTC.
_UNTIL = (
    r"([01][0-9]|2[0-3]):[0-5][0-9]"
    r"|2[0-9]{3}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](Z|[+-][0-9]{2}:[0-9]{2})?"
)


@dataclass(frozen=True, kw_only=True)
class Night:
    """The table ``[night]``: the conditions ``until``, ``tries``, ``cost`` and ``plateau``, of
    which at least one is stated (neither "" nor None). Once one is reached, the last line of an
    experiment ends with ``next=stop``. ``price`` is stated with ``cost``, and only then."""

    until: str = option(
        "a time of day, such as `07:30` (the first after the night began, on the clock of the "
        "machine), or a date and time, such as `2026-12-01T07:30`, with `Z` or `+01:00` behind it "
        "for another clock",
        default="",
        pattern=(_UNTIL, "a time of day (`07:30`) or a date and time (`2026-12-01T07:30`)"),
    )
    tries: int | None = option(
        "the number of tries, the baseline among them", default=None, min=1, max=_LARGE
    )
    cost: float | None = option(
        "money: `price` times the hours that the night's runs in this working tree took",
        default=None,
        above=0,
        max=_LARGE,
    )
    price: float | None = option(
        "the price of an hour of the device, in the same money as `cost`",
        default=None,
        above=0,
        max=_LARGE,
    )
    plateau: int | None = option(
        "the number of tries in a row of which none was kept", default=None, min=1, max=_LARGE
    )
    relations: ClassVar[tuple[Relation, ...]]


def read_time(text: str) -> datetime.time | datetime.datetime:
    """Return what the key ``until`` states: a time of day, or a date and time, which is aware if
    ``text`` has an offset. Raise ValueError if there is no such day, time or offset."""
    if "-" not in text:
        return datetime.time.fromisoformat(text)
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _until_fault(night: Any) -> str:
    """Return a message if ``until`` names a day or an offset that does not exist, such as the 31st
    of February; otherwise ""."""
    try:
        if night.until:
            read_time(night.until)
    except ValueError:
        return f"'until' is '{night.until}': there is no such day, or no such offset from UTC"
    return ""


def _cost_fault(night: Any) -> str:
    """Return a message if only one of ``cost`` and ``price`` is stated; otherwise ""."""
    if (night.cost is None) == (night.price is None):
        return ""
    if night.price is None:
        return "'cost' needs 'price': write what an hour of the device costs"
    return "'price' has no effect without 'cost': write what a night may cost, or leave it out"


def _empty_fault(night: Any) -> str:
    """Return a message if no key of the table is stated; otherwise ""."""
    stated = (night.until or None, night.tries, night.cost, night.price, night.plateau)
    if any(value is not None for value in stated):
        return ""
    return "states no end: write 'until', 'tries', 'cost' or 'plateau', or leave the table out"


Night.relations = (
    Relation(("until",), "`until` is a date and time that exists", _until_fault),
    Relation(
        ("cost", "price"),
        "`cost` and `price` are stated together",
        _cost_fault,
        {"dependentRequired": {"cost": ["price"], "price": ["cost"]}},
    ),
    Relation(
        ("until", "tries", "cost", "price", "plateau"),
        "at least one condition is stated",
        _empty_fault,
        {"minProperties": 1},
    ),
)
