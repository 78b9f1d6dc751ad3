"""Read the numbers of a column as people write them: decimal commas, separators of thousands,
units, spreads and times of the clock."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.ledger.ledger_names import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPACES = re.compile(r"[\u00a0\u2007\u2009\u202f]")
_NUMBER = re.compile(
    r"[~≈<>=\s]*(?P<sign>[-+]?)[$€£¥]?\s*(?P<body>\d(?:[\d.,'’_ ]*\d)?|[.,]\d+)\.?"
    r"(?P<power>[eE][-+]?\d+)?\s*(?P<unit>[A-Za-zµμ%€/²·]*)"
    r"(?:\s*(?:±|\+/?-)\s*[\d.,]+\s*[a-zµ%]*|\s*[(\[][^()\[\]]*[)\]])?"
)
_HASH = re.compile(r"(?=.*[a-f])[0-9a-f]{7,64}")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{2}[.,]\d+)")
_SPAN = re.compile(
    r"(?i)(?:(\d+)\s*h\w*\s*)?(?:(\d+)\s*m(?:in\w*)?\s*)?(?:(\d+(?:[.,]\d+)?)\s*s\w*)?"
)
_SHARE = re.compile(r"(\d+)\s*(?:/|of|von|sur|de)\s*(\d+)")
#: How many of the smallest unit of its kind a unit is, by its name in small letters.
_UNITS: tuple[dict[str, float], ...] = (
    {
        "ns": 1e-9,
        "us": 1e-6,
        "µs": 1e-6,
        "μs": 1e-6,
        "ms": 1e-3,
        "msec": 1e-3,
        "s": 1.0,
        "sec": 1.0,
        "secs": 1.0,
        "second": 1.0,
        "seconds": 1.0,
        "m": 60.0,
        "min": 60.0,
        "mins": 60.0,
        "minutes": 60.0,
        "h": 3600.0,
        "hours": 3600.0,
    },
    {
        "b": 1.0,
        "bytes": 1.0,
        "kb": 1e3,
        "mb": 1e6,
        "gb": 1e9,
        "tb": 1e12,
        "kib": 2.0**10,
        "mib": 2.0**20,
        "gib": 2.0**30,
    },
    {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "bn": 1e9},
    {"": 1.0, "%": 0.01},
)


class Numbers(NamedTuple):
    """How a column writes its numbers: the sign before the decimals, the unit that most cells have
    (in small letters), and whether cells have several units of one kind, which are then converted
    to that one."""

    decimal: str = "."
    unit: str = ""
    mixed: bool = False

    def plain(self, text: str) -> str:
        """Return a cell as text that `number_of` can read; unchanged if it is not a number, or
        needs no change. The number has no separators of thousands and no spread; a time of the
        clock is in seconds, and of a share such as ``37/50`` only the first number is left."""
        if not text or (self == _USUAL and number_of(text) is not None):
            return text
        found = _read(text)
        if found is None:
            return _time_or_share(text)
        body = _join(found["body"], self.decimal)
        if body is None:
            return text
        unit = found["unit"].lower()
        factor = _factor(unit, self.unit) if self.mixed and unit != self.unit else 1.0
        number = f"{found['sign']}{body}{found['power'] or ''}"
        if factor != 1.0:
            return f"{float(number) * factor:.12g}"
        return number + ("%" if unit == "%" else "")


_USUAL = Numbers()


def numbers_of(texts: Iterable[str], *, commas: bool = False) -> Numbers:
    """Return how the cells of a column write their numbers. ``commas`` is whether a comma can be
    taken for the decimal sign if the cells do not tell, as in a file whose cells are separated by
    semicolons."""
    found = [match for text in texts if text and (match := _read(text))]
    bodies = [match["body"] for match in found]
    units = Counter(match["unit"].lower() for match in found)
    unit = units.most_common(1)[0][0] if units else ""
    mixed = len(units) > 1 and any(set(units) <= set(kind) for kind in _UNITS)
    return Numbers("," if _has_commas(bodies, commas=commas) else ".", unit, mixed)


def _read(text: str) -> re.Match[str] | None:
    """Return the match of a cell that is a number, and not a hash; None for another."""
    if _HASH.fullmatch(text):
        return None
    return _NUMBER.fullmatch(_SPACES.sub(" ", text.strip()).replace("−", "-"))


def _has_commas(bodies: Iterable[str], *, commas: bool) -> bool:
    """Return whether the decimals of these numbers follow a comma: some number tells so, and none
    the contrary. A comma with three digits behind it tells nothing, unless a 0, a point or nothing
    is before it; with ``commas``, such a number is enough."""
    tell, deny, open_ = 0, 0, 0
    for body in bodies:
        whole, comma, rest = body.rpartition(",")
        if not comma:
            deny += bool(re.fullmatch(r"\d*\.\d{1,2}|\d*\.\d{4,}|0\.\d+", body))
        elif "." in rest or "," in whole:
            deny += 1
        elif "." in whole or len(rest) != 3 or whole in ("", "0"):
            tell += 1
        else:
            open_ += 1
    return not deny and bool(tell or (open_ and commas))


def _join(body: str, decimal: str) -> str | None:
    """Return the digits of a number with a point before the decimals; None if its separators are
    not at thousands."""
    whole, point, rest = body.rpartition(decimal) if decimal in body else (body, "", "")
    if not re.fullmatch(r"\d*", rest) and point:
        return None
    digits = re.sub(r"[.,'’_ ]", "", whole)
    grouped = re.fullmatch(r"\d{1,3}([.,'’_ ])\d{3}(?:\1\d{3})*", whole)
    if digits != whole and not grouped:
        return None
    return f"{digits or '0'}.{rest}" if point else digits


def _factor(unit: str, wanted: str) -> float:
    """Return what a number in ``unit`` is multiplied with to be in the unit ``wanted``; 1.0 if the
    two are not of one kind."""
    for kind in _UNITS:
        if unit in kind and wanted in kind:
            return kind[unit] / kind[wanted]
    return 1.0


@cache
def _time_or_share(text: str) -> str:
    """Return the seconds of a time such as ``1:02.5`` or ``2m13s``, or the first number of a share
    such as ``37/50``; the text unchanged for anything else."""
    if share := _SHARE.fullmatch(text):
        return share[1]
    found = _CLOCK.fullmatch(text) or (_SPAN.fullmatch(text) if text[:1].isdigit() else None)
    if not found or not any(found.groups()):
        return text
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in found.groups())
    return f"{3600 * hours + 60 * minutes + seconds:.12g}"
