"""Estimate how much of a claimed gain is luck, by simulated searches with the same noise and rule.

A search keeps what looks better, so that the best of many tries is partly lucky: it claims more
than it has, even where nothing helps. The code that decides in a simulated search is that of a
real one.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, get_args

from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.experiment.verdict.simulate import Effects, Settings, trace_searches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.bound.tables import VerdictRule
    from pytest_ouro.experiment.verdict.simulate import Reached

#: The most tries of a simulated search; beyond it, luck is taken to grow no more.
TRIES = 1000
#: About how many tries are simulated in all, and the fewest and most searches of each kind.
_ALL, _FEWEST, _MOST = 36_000, 16, 120
#: The share of the searches whose claims are the nearest to a real one.
_NEAR = 4
#: The part of searches without any true gain that lies below and above the band.
_BEYOND = 0.05


@dataclass(frozen=True)
class Luck:
    """Simulated searches of one length, for gains in units of the noise ``sigma``; ``traces`` has
    them by what the changes do."""

    sigma: float
    traces: dict[Effects, list[list[Reached]]]

    @cached_property
    def bands(self) -> list[tuple[float, float]]:
        """For each number of tries, from 0: the gains between which 90 % of searches claim to be if
        nothing helps."""
        found = []
        for column in zip(*self.traces["none"], strict=True):
            claims = sorted(one.claimed for one in column)
            low, high = _quantile(claims, _BEYOND), _quantile(claims, 1 - _BEYOND)
            found.append((low * self.sigma, high * self.sigma))
        return found

    @cached_property
    def _sorted(self) -> list[list[tuple[float, float]]]:
        """For each number of tries the claims of all searches in ascending order, each with how
        much of it is luck."""
        every = [trace for traces in self.traces.values() for trace in traces]
        columns = zip(*every, strict=True)
        return [sorted((one.claimed, one.claimed - one.true) for one in c) for c in columns]

    def correct(self, tries: int, gain: float) -> float:
        """Return a gain that a search claims after that many tries, less what was luck on average
        in the simulated searches whose claims after as many tries are the nearest."""
        found = self._sorted[min(tries, len(self._sorted) - 1)]
        near, claim = len(found) // _NEAR, gain / self.sigma
        place = bisect_left(found, (claim,))
        start = min(max(place - near // 2, 0), len(found) - near)
        lucky = [luck for _, luck in found[start : start + near]]
        return gain - self.sigma * sum(lucky) / near

    def band(self, tries: int) -> tuple[float, float]:
        """Return the band of `bands` for that number of tries; the last one for more tries."""
        return self.bands[min(tries, len(self.bands) - 1)]


def simulate_luck(rule: VerdictRule, sigma: float, rho: float, tries: int) -> Luck:
    """Return simulated searches of that many tries (`TRIES` at most), decided by ``rule``.
    ``sigma`` is the standard deviation of one run, above 0, and ``rho`` the part of its variance
    that two codes share on one salt. The same arguments give the same searches."""
    length = min(tries, TRIES)
    scaled = rule if rule.noise == "auto" else replace(rule, noise=1.0)
    settings = Settings(sigma=1.0, rho=min(max(rho, 0.0), 0.99), known=1.0, rule=scaled)
    return Luck(sigma, _simulate(settings, length))


@lru_cache(maxsize=8)
def _simulate(settings: Settings, tries: int) -> dict[Effects, list[list[Reached]]]:
    """Return for each kind of effects a list of 16 to 120 simulated searches, fewer for more tries;
    each is a list of ``tries`` + 1 items, the baseline's first. Gains are in the unit of
    ``settings.sigma``; ``settings.effects`` has no effect. The same arguments give the same lists,
    which are cached: do not change them. Raise ValueError as `trace_searches` does."""
    kinds: tuple[Effects, ...] = get_args(Effects)
    nights = min(max(_ALL // (len(kinds) * (tries + 1)), _FEWEST), _MOST)
    return {
        kind: trace_searches(replace(settings, effects=kind), tries, nights, seed=kind)
        for kind in kinds
    }


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the sorted ``values`` lies, interpolated between
    two of them."""
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])
