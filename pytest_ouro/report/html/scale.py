"""Place values in a drawing: the range that is worth showing, its marks, and their text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Scale:
    """The place of values in a drawing. ``low`` and ``high`` are the lowest and the highest value
    that are shown, ``many`` the number of experiments; ``left``, ``right``, ``top`` and ``bottom``
    are the edges of the area that they are drawn in."""

    low: float
    high: float
    many: int
    left: float
    right: float
    top: float
    bottom: float

    def x(self, place: float) -> float:
        """Return the horizontal place of the experiment number ``place``, counted from 0."""
        return self.left + (self.right - self.left) * (place / max(self.many - 1, 1))

    def y(self, value: float) -> float:
        """Return the vertical place of a value; one outside of the range is at its edge."""
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.bottom - (self.bottom - self.top) * share


def find_range(kept: Iterable[float], tried: Iterable[float]) -> tuple[float, float]:
    """Return the lowest and the highest value of the vertical axis. They enclose the values in
    ``kept``, of which there must be one, those of other experiments (``tried``) that lie between
    these or at most half their range outside, and a margin of 5 % of that range, which is 1 % of
    the value (1 for 0) if those in ``kept`` are equal. A value that is farther out does not
    count."""
    values = sorted(kept)
    room = (values[-1] - values[0]) or abs(values[0]) * 0.01 or 1.0
    near = [v for v in tried if values[0] - room / 2 <= v <= values[-1] + room / 2]
    low, high = min([values[0], *near]), max([values[-1], *near])
    return low - room * 0.05, high + room * 0.05


def list_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values between ``low`` and ``high``, at most about ``most`` of them; [] if the
    range is empty or not finite."""
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return []
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * n for n in range(first, math.floor(high / step + 1e-9) + 1)]


def write_tick(value: float, ticks: Sequence[float]) -> str:
    """Return a value of an axis as text, with as many decimals as tell it from its neighbours in
    ``ticks``; with three significant digits if it has eight digits before the point, or would have
    ten decimals."""
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(value) >= 1e7 or decimals > 9:
        return f"{value:.3g}"
    return f"{value + 0.0:.{decimals}f}"
