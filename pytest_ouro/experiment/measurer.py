"""What makes the runs that are wanted: this process, one after the other, or an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.result import Result
from pytest_ouro.experiment.supervision.start_process import keep_starter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.terms.job import Progress
    from pytest_ouro.experiment.terms.setup import Profile
    from pytest_ouro.experiment.terms.turns import Turn


class Wanted(NamedTuple):
    """A run that is wanted: of ``commit``, a full id, as ``turn`` says."""

    commit: str
    turn: Turn


#: A function that is called with the place of a wanted run in its list, from 0, and with its
#: result, once that is recorded. It returns whether further runs are to be started.
Take = Callable[[int, Result], bool]


class Measurer(Protocol):
    """Makes runs, and records them."""

    @property
    def profile(self) -> Profile:
        """What it measures on. Raise ExperimentError if there is no such device."""

    def measure(self, wanted: Sequence[Wanted], take: Take) -> None:
        """Make the wanted runs, of those with one salt the first one first, and call ``take`` with
        each result, in the order in which they are recorded. Once that returns False, start no
        further run, and return when those that go on have ended and were taken too. Raise OuroError
        if a run cannot be made."""


@dataclass(frozen=True)
class Serial:
    """Makes runs in this process, one after the other. ``device`` replaces the bound's unless it is
    None; ``progress`` is called with the position of the run, unless it is None, ``say`` with lines
    about its course."""

    case: Case
    device: Device | None
    progress: Progress | None
    say: Callable[[str], None]

    @property
    def profile(self) -> Profile:
        """The profile of the device. Raise ExperimentError if it is not there."""
        return devices.choose(self.device or self.case.experiment.device)

    def measure(self, wanted: Sequence[Wanted], take: Take) -> None:
        """Make the wanted runs, see `Measurer.measure`."""
        with keep_starter():
            for place, one in enumerate(wanted):
                result, _ = measure_commit(
                    self.case.at(one.commit),
                    one.turn,
                    device=self.device,
                    progress=self.progress,
                    say=self.say,
                )
                if not take(place, result):
                    return
