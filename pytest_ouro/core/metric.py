"""The metric of an experiment: its name, which direction is better, and how its values are
shown.

A value is rounded only where it is shown: verdicts compare the values themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

Direction = Literal["lower", "higher"]

#: The decimals of bits per byte, and of every metric in records that do not state them.
DECIMALS = 6
#: The lowest and the highest possible value of bits per byte; 0 itself is impossible.
PLAUSIBLE = (0.0, 20.0)
BITS_PER_BYTE = "bits per byte"
#: Significant digits in which two values must differ: later ones depend on the order of sums.
_DIGITS = 12
#: The largest gain that a record can hold.
_LARGEST = 1.6e308


@dataclass(frozen=True)
class Metric:
    """A metric, and how its values are shown. ``plausible`` is the lowest and the highest plausible
    value (None: any number), ``unit`` may be "". ``decimals`` are how many are shown (None: up to
    six, more for a value near 0)."""

    name: str
    direction: Direction = "lower"
    unit: str = ""
    plausible: tuple[float, float] | None = None
    decimals: int | None = None

    @classmethod
    def named(
        cls,
        name: str,
        direction: Direction = "lower",
        *,
        unit: str = "",
        plausible: tuple[float, float] | None = None,
        decimals: int | None = None,
    ) -> Metric:
        """Return a metric. If its name ends in ``bpb``, omitted arguments have the defaults of bits
        per byte: the unit "bits per byte", six decimals, plausible from 0 to 20."""
        if name.endswith("bpb"):
            decimals = DECIMALS if decimals is None else decimals
            return cls(name, direction, unit or BITS_PER_BYTE, plausible or PLAUSIBLE, decimals)
        return cls(name, direction, unit, plausible, decimals)

    def text(self, value: float | None) -> str:
        """Return a finite value as text for display and logs, with `decimals`, or as `_shortest`
        writes it if that is None; "none" for None (a run without a measurement).

        A value other than 0 is never shown as 0: it gets more decimals than `decimals` if needed.
        """
        if value is None:
            return "none"
        value += 0.0  # not -0.0
        if self.decimals is not None:
            text = f"{value:.{self.decimals}f}"
            if not value or float(text):
                return text
        return _shortest(value)

    def texts(self, value: float | None, best: float) -> tuple[str, str]:
        """Return the texts of ``value`` and ``best``. If these would be equal although `gain` is
        not 0, return both with all their digits."""
        one, other = self.text(value), self.text(best)
        if value is not None and one == other and self.gain(value, best):
            return repr(value), repr(best)
        return one, other

    def writes(self, text: str) -> bool:
        """Return whether :meth:`text` could have written this text: a number with exactly
        `decimals`, or a number with more that would be shown as 0 otherwise. If `decimals` is None,
        return whether the text is a plain decimal number, with or without an exponent."""
        import re  # only rows of the ledger are read

        if self.decimals is not None and re.fullmatch(_fixed(self.decimals), text, re.ASCII):
            return True
        return bool(re.fullmatch(_NUMBER, text, re.ASCII)) and (
            self.decimals is None or text == self.text(float(text))
        )

    def gain(self, value: float, best: float) -> float:
        """Return how much better ``value`` is than ``best``, in the metric's unit; negative if it
        is worse.

        The gain is rounded to the twelfth significant digit of the larger of the two, so that
        values that are equal up to there give 0. An infinite gain is returned as ±1.6e308. NaN is
        worse than every number: the gain of a number over NaN is 1.6e308, the gain of NaN over a
        number -1.6e308, and the gain of NaN over NaN 0.
        """
        if value == best or math.isnan(value) or math.isnan(best):
            return _LARGEST * (math.isnan(best) - math.isnan(value))
        difference = best - value if self.direction == "lower" else value - best
        largest = max(abs(value), abs(best))
        if not difference or not math.isfinite(difference):
            return max(-_LARGEST, min(_LARGEST, difference))
        return round(difference, _DIGITS - 1 - math.floor(math.log10(largest)))

    def best(self, values: Iterable[float]) -> float:
        """Return the best of these values: the lowest or the highest, by `direction`. Raise
        ValueError if there are none."""
        return (min if self.direction == "lower" else max)(values)

    def is_plausible(self, value: float) -> bool:
        """Return whether a value is finite, within ``plausible`` (limits included), and not
        impossible."""
        low, high = self.plausible or (-math.inf, math.inf)
        return math.isfinite(value) and low <= value <= high and not self.is_impossible(value)

    def is_impossible(self, value: float) -> bool:
        """Return whether a value cannot be true: for a metric whose name ends in ``bpb``, 0 or less
        when rounded to six decimals. False for any other metric."""
        return self.name.endswith("bpb") and round(value, DECIMALS) <= 0

    @property
    def number(self) -> str:
        """The form of a shown value in words, as in "a number with six decimals"."""
        count = {0: "a whole number", 6: "a number with six decimals", None: "a number"}
        return count.get(self.decimals, f"a number with {self.decimals} decimals")

    @property
    def range(self) -> str:
        """The plausible values in words, as in "from 0 to 20"; "from -inf to inf" for any
        number."""
        low, high = self.plausible or (-math.inf, math.inf)
        return f"from {low:g} to {high:g}"


_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?"


def _fixed(decimals: int) -> str:
    """Return a regular expression for numbers with exactly this many decimals."""
    return rf"-?[0-9]+\.[0-9]{{{decimals}}}" if decimals else "-?[0-9]+"


def _shortest(value: float) -> str:
    """Return a finite value as text, without final zeros, with six decimals or, for a value below
    0.1 in absolute value, so many that it has six significant digits. From 1e16 in absolute value,
    and below 1e-12, it has six significant digits and an exponent."""
    exponent = math.floor(math.log10(abs(value))) if value else 0
    if not -12 <= exponent < 16:
        return f"{value:.6g}"
    return f"{value:.{max(DECIMALS, 5 - exponent)}f}".rstrip("0").rstrip(".")
