"""The metric of an experiment: its name, its better direction, and the format of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

Direction = Literal["lower", "higher"]

#: The decimals of every logged and printed value, and of gains.
DECIMALS = 6
#: The open interval of bits per byte that are possible.
PLAUSIBLE = (0.0, 20.0)
BITS_PER_BYTE = "bits per byte"


@dataclass(frozen=True)
class Metric:
    """``plausible`` is the open interval of possible values. ``unit`` is "" if the name does not
    imply it."""

    name: str
    direction: Direction = "lower"
    unit: str = ""
    plausible: tuple[float, float] = PLAUSIBLE
    decimals: int = DECIMALS

    @classmethod
    def named(cls, name: str, direction: Direction = "lower") -> Metric:
        """Return the metric of this name; one that ends in ``bpb`` is in bits per byte."""
        return cls(name, direction, BITS_PER_BYTE if name.endswith("bpb") else "")

    def text(self, value: float | None) -> str:
        """Return a value as it is logged; zero stands for None."""
        return f"{0.0 if value is None else value:.{self.decimals}f}"

    def gain(self, value: float, best: float) -> float:
        """Return by how much ``value`` is better than ``best``, in the metric's unit, rounded."""
        difference = best - value if self.direction == "lower" else value - best
        return round(difference, self.decimals)

    def best(self, values: Iterable[float]) -> float:
        """Return the best of these values. ValueError if there are none."""
        return (min if self.direction == "lower" else max)(values)

    def is_plausible(self, value: float) -> bool:
        """Return whether a value is possible; NaN is not."""
        low, high = self.plausible
        return low < value < high

    def is_impossible(self, value: float) -> bool:
        """Return whether a value is false whatever the rules say: no text has 0 bits per byte."""
        return self.unit == BITS_PER_BYTE and value <= self.plausible[0]
