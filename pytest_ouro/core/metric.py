"""The metric of an experiment: its name, which direction is better, how values are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

Direction = Literal["lower", "higher"]

#: Decimals with which every value is logged and printed, and to which gains are rounded.
DECIMALS = 6
#: Bits per byte that can be true: more than the first, less than the second.
PLAUSIBLE = (0.0, 20.0)
BITS_PER_BYTE = "bits per byte"


@dataclass(frozen=True)
class Metric:
    """``plausible`` is an open interval: its ends cannot be true. ``unit`` is "" where the name
    does not tell it."""

    name: str
    direction: Direction = "lower"
    unit: str = ""
    plausible: tuple[float, float] = PLAUSIBLE
    decimals: int = DECIMALS

    @classmethod
    def named(cls, name: str, direction: Direction = "lower") -> Metric:
        """The metric of this name; one that ends in ``bpb`` is in bits per byte."""
        return cls(name, direction, BITS_PER_BYTE if name.endswith("bpb") else "")

    def text(self, value: float | None) -> str:
        """A value as it is logged; zero stands for none."""
        return f"{0.0 if value is None else value:.{self.decimals}f}"

    def gain(self, value: float, best: float) -> float:
        """How much better ``value`` is than ``best``, in the metric's unit, to its decimals."""
        difference = best - value if self.direction == "lower" else value - best
        return round(difference, self.decimals)

    def best(self, values: Iterable[float]) -> float:
        """The best of these values. ValueError where there are none."""
        return (min if self.direction == "lower" else max)(values)

    def is_plausible(self, value: float) -> bool:
        """Whether a value can be true; NaN cannot."""
        low, high = self.plausible
        return low < value < high

    def is_impossible(self, value: float) -> bool:
        """Whether no rule is needed to see that a value is false: no text has 0 bits per byte."""
        return self.unit == BITS_PER_BYTE and value <= self.plausible[0]
