"""Simulate nights of a search by the functions that decide in a real one.

Gains are positive for better, in the unit of ``sigma``, the standard deviation of one run. Nothing
is measured and nothing is read: a night is a function of its `Settings` and of a seed.
"""

from __future__ import annotations

import math
import random
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.core.metric import Metric
from pytest_ouro.core.statistics.pairs import (
    LOOKS,
    Grant,
    alpha_of_look,
    confirm,
    draw_orders,
    grant,
)
from pytest_ouro.core.statistics.spread import mean
from pytest_ouro.experiment.verdict.decide import Candidate, decide
from pytest_ouro.experiment.verdict.search_salt import is_due

if TYPE_CHECKING:
    from collections.abc import Callable

Effects = Literal["none", "late", "heavy"]
NoiseKind = Literal["gaussian", "t3", "skewed", "ar1"]

_METRIC = Metric("gain", "higher")
#: The changes of a simulated night neither shorten nor lengthen the code.
_SIZES: dict[str, int] = {}


class Share(NamedTuple):
    """What the tries of a night do: the share of them that ``gain`` and of those that ``hurt``, and
    the means of the two, which are exponentially distributed, in standard deviations of a run. The
    others change nothing."""

    gain: float
    mean_gain: float
    hurt: float
    mean_hurt: float


#: The nights that can be simulated: nothing helps, a little does (as late in a project), much does.
EFFECTS: dict[Effects, Share] = {
    "none": Share(0.0, 0.0, 0.0, 0.0),
    "late": Share(0.10, 0.5, 0.50, 1.5),
    "heavy": Share(0.15, 1.5, 0.50, 1.5),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a simulation.

    A night has time for ``runs`` runs, of which the last ``pairs`` pairs are for a certificate (0:
    there is none), the first of ``looks`` that were stated (0: none was). The noise of a run has
    the standard deviation ``sigma`` and the distribution ``noise`` ("gaussian", "t3", "skewed" or
    "ar1"); runs on one salt share the part ``rho`` of its variance. With "ar1" the rest is
    Gaussian, and has the correlation ``phi`` with that of the run before.

    ``effects`` names in `EFFECTS` what the tries do. ``rule`` decides about them, with ``known`` as
    the noise of a run (None: the noise is not known); of the runs, the part ``placebo`` has the
    reference's own code. Unless ``shares_salt``, every run of the search has a salt of its own, and
    the reference is never measured again: a plain greedy search. With ``confirms``, each keep of
    the night is confirmed at its end, in order, by further runs that ``runs`` does not count.
    """

    runs: int = 120
    sigma: float = 1.0
    rho: float = 0.0
    pairs: int = 5
    looks: int = 0
    placebo: float = 0.0
    effects: Effects = "none"
    noise: NoiseKind = "gaussian"
    phi: float = 0.5
    known: float | None = 1.0
    rule: VerdictRule = field(default_factory=VerdictRule)
    shares_salt: bool = True
    confirms: bool = True


class Night(NamedTuple):
    """The result of a simulated night.

    ``tries`` is the number of changes that were tried, ``kept`` of which were kept, ``false`` of
    these without a true gain. ``claimed`` is the gain of the last keep over the baseline by their
    runs in the search, ``true`` the gain that it has. ``certificate`` is None if no pairs were
    planned, or nothing was kept. ``confirmed`` and ``falsely`` count the keeps that were confirmed,
    and those of them that have no true gain. ``placebos`` counts the runs of the reference's own
    code, and ``placebos_kept`` those that would have been kept.
    """

    tries: int
    kept: int
    false: int
    claimed: float
    true: float
    certificate: Grant | None
    confirmed: int
    falsely: int
    placebos: int
    placebos_kept: int


class Reached(NamedTuple):
    """How far a simulated search came: the gain of the best keep so far over the baseline by their
    runs (``claimed``), and the ``true`` gain of the last keep."""

    claimed: float
    true: float


def trace_searches(
    settings: Settings, tries: int, nights: int, seed: int | str = 0
) -> list[list[Reached]]:
    """Return how far each of as many simulated searches as ``nights`` came after its baseline and
    after each of ``tries`` changes: lists of ``tries`` + 1 items. Of the settings, ``runs``,
    ``pairs``, ``looks`` and ``confirms`` have no effect: nothing is certified. Raise ValueError if
    a number is out of its range, as `simulate_nights` does."""
    _demand_range(settings)
    chance = random.Random(f"{seed}")
    return [_Night(settings, chance).trace(tries) for _ in range(nights)]


def simulate_nights(settings: Settings, nights: int, seed: int | str = 0) -> list[Night]:
    """Return that many simulated nights, which follow from the settings and the seed alone. Raise
    ValueError if a night has no run for a try, if ``pairs`` is below 0, or if a number is out of
    its range: ``sigma`` must be finite and above 0, ``rho`` and ``placebo`` from 0 to below 1,
    ``phi`` between -1 and 1."""
    reserved = 2 * settings.pairs
    if settings.pairs < 0 or settings.runs < reserved + 2:
        raise ValueError(f"{settings.runs} runs are too few with {settings.pairs} pairs")
    _demand_range(settings)
    chance = random.Random(f"{seed}")  # a text is hashed alike by all versions of Python
    return [_Night(settings, chance).play() for _ in range(nights)]


def _demand_range(settings: Settings) -> None:
    """Raise ValueError if a number that describes the noise or the placebos is out of its range."""
    if not (
        0 < settings.sigma < math.inf
        and 0 <= settings.rho < 1
        and 0 <= settings.placebo < 1
        and -1 < settings.phi < 1
    ):
        raise ValueError(f"a number is out of its range: {settings!r}")


class _Night:
    """The course of one night: its noise, which goes on from run to run, and its search."""

    def __init__(self, settings: Settings, chance: random.Random) -> None:
        self._settings, self._chance = settings, chance
        self._noise = _Noise(settings, chance)
        self._share = EFFECTS[settings.effects]
        self._salt = self._noise.salt()
        self._true, self._edits = 0.0, list[float]()
        self._chosen = False
        self._tries = self._discards = self._placebos = self._placebos_kept = 0
        self._first = self._kept = self._noise.of_run(self._salt)
        #: Further runs of the reference: all of them, and the one on the search's salt.
        self._further: list[float] = []
        self._again: float | None = None
        #: What runs with the salt of the search, and those without, are compared with.
        self._compared: dict[bool, tuple[Candidate, float | None]] = {}

    def play(self) -> Night:
        """Search, certify what was found and confirm each keep, as far as the settings ask for it,
        and return the result."""
        pairs, looks = self._settings.pairs, self._settings.looks
        alpha = alpha_of_look(1, stated=looks or None)
        for _ in range(self._settings.runs - 2 * pairs - 1):
            self._run_once()
        found = grant(self._gains(self._true, pairs), alpha) if pairs and self._edits else None
        confirmed = self._confirmed() if self._settings.confirms else []
        return Night(
            self._tries,
            len(self._edits),
            sum(effect <= 0 for effect in self._edits),
            self._kept - self._first,
            self._true,
            found,
            len(confirmed),
            sum(effect <= 0 for effect in confirmed),
            self._placebos,
            self._placebos_kept,
        )

    def trace(self, tries: int) -> list[Reached]:
        """Search until that many changes are tried; return how far it came after the baseline and
        after each."""
        found, best = [Reached(0.0, 0.0)], self._first
        while self._tries < tries:
            before = self._tries
            self._run_once()
            best = max(best, self._kept)
            if self._tries > before:
                found.append(Reached(best - self._first, self._true))
        return found

    def _run_once(self) -> None:
        """Make one run of the search: of the reference on a new salt, if that is due, else of a
        placebo or of a change."""
        settings = self._settings
        due = is_due(settings.rule.remeasure, self._discards, chosen=self._chosen)
        if settings.shares_salt and due:
            self._salt, self._discards, self._chosen = self._noise.salt(), 0, False
            self._again = self._true + self._noise.of_run(self._salt)
            self._further.append(self._again)
            self._compared.clear()
        elif settings.placebo and self._chance.random() < settings.placebo:
            value = self._true + self._noise.of_run(self._noise.salt())
            self._placebos += 1
            self._placebos_kept += self._is_kept(value, shares=False)
            self._further.append(value)
            self._compared.clear()
        else:
            self._try()

    def _try(self) -> None:
        """Try one change, and keep it if the verdict is a keep."""
        settings, noise = self._settings, self._noise
        effect = settings.sigma * _draw_effect(self._share, self._chance)
        salt = self._salt if settings.shares_salt else noise.salt()
        value = self._true + effect + noise.of_run(salt)
        self._tries += 1
        if not self._is_kept(value, shares=settings.shares_salt):
            self._discards += 1
            return
        self._edits.append(effect)
        self._true += effect
        self._kept = value
        self._further, self._again = [], None
        self._compared.clear()
        self._discards, self._chosen = 0, True

    def _is_kept(self, value: float, *, shares: bool) -> bool:
        """Return whether a run with this ``value`` is kept, by the verdict against the reference.
        ``shares``: it has the salt of the search."""
        if shares not in self._compared:
            self._compared[shares] = self._find_reference(shares=shares)
        best, noise = self._compared[shares]
        run, rule = Candidate(value, _SIZES), self._settings.rule
        reason = decide("ok", run, best, rule=rule, noise=noise, metric=_METRIC)
        return reason.status == "keep"

    def _find_reference(self, *, shares: bool) -> tuple[Candidate, float | None]:
        """Return what a run is compared with, and the noise (None: not known). As in a real night,
        that is the last run of the kept code on the same salt, or else the mean of all its runs;
        noise that was estimated is less for one salt."""
        settings, value, count = self._settings, self._kept, 1
        if shares and self._again is not None:
            value = self._again
        elif self._further:
            value, count = mean([self._kept, *self._further]), 1 + len(self._further)
        noise = settings.known
        if noise is not None and shares and count == 1 and settings.rule.noise == "auto":
            noise *= math.sqrt(1 - settings.rho)
        return Candidate(value, _SIZES, runs=count), noise

    def _gains(self, effect: float, pairs: int) -> list[float]:
        """Return the gains of that many fresh pairs, of which the later code is better by
        ``effect``. Each pair has a new salt, and its order is drawn."""
        gains = []
        for first in draw_orders(pairs, self._chance.getrandbits):
            salt = self._noise.salt()
            one, other = self._noise.of_run(salt), self._noise.of_run(salt)
            gains.append(effect + (other - one if first == "baseline" else one - other))
        return gains

    def _confirmed(self) -> list[float]:
        """Return the true gains of the keeps that further pairs confirm, each against its parent,
        at an alpha that shrinks from one confirmation to the next."""
        confirmed = []
        for number, effect in enumerate(self._edits, 1):
            gains: list[float] = []
            alpha = alpha_of_look(number)
            for look in LOOKS:
                gains += self._gains(effect, look - len(gains))
                state = confirm(gains, alpha)
                if state != "undecided":
                    break
            if state == "confirmed":
                confirmed.append(effect)
        return confirmed


class _Noise:
    """The noise of the runs of a night, in their order."""

    def __init__(self, settings: Settings, chance: random.Random) -> None:
        self._draw = partial(_DRAWS[settings.noise], chance)
        self._shared = settings.sigma * math.sqrt(settings.rho)
        self._own = settings.sigma * math.sqrt(1 - settings.rho)
        self._phi = settings.phi if settings.noise == "ar1" else 0.0
        self._fresh = math.sqrt(1 - self._phi**2)
        self._last = self._draw()

    def salt(self) -> float:
        """Draw a salt; return what it adds to each run on it."""
        return self._shared * self._draw() if self._shared else 0.0

    def of_run(self, salt: float) -> float:
        """Return the noise of the next run, whose salt adds ``salt``."""
        self._last = self._phi * self._last + self._fresh * self._draw()
        return salt + self._own * self._last


def _draw_effect(share: Share, chance: random.Random) -> float:
    """Return the true gain of one change, in standard deviations of a run."""
    place = chance.random()
    if place < share.gain:
        return chance.expovariate(1 / share.mean_gain)
    if place < share.gain + share.hurt:
        return -chance.expovariate(1 / share.mean_hurt)
    return 0.0


def _gaussian(chance: random.Random) -> float:
    """Return a standard normal number."""
    return chance.gauss(0, 1)


def _t3(chance: random.Random) -> float:
    """Return a number that is t-distributed with 3 degrees of freedom, over its standard deviation
    √3: it has far outliers."""
    return chance.gauss(0, 1) / math.sqrt(chance.gammavariate(1.5, 2))


def _skewed(chance: random.Random) -> float:
    """Return an exponentially distributed number less its mean, 1, which is its standard deviation:
    its skewness is 2. It is negated: a run may be much worse than others, and never much better."""
    return 1 - chance.expovariate(1)


_DRAWS: dict[NoiseKind, Callable[[random.Random], float]] = {
    "gaussian": _gaussian,
    "t3": _t3,
    "skewed": _skewed,
    "ar1": _gaussian,
}
