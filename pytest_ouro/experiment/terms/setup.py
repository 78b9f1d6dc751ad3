"""The setup of one run: which experiment is run, on which device, and where its files go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case

Profile = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Setup:
    """An experiment of a case as it is run: ``experiment`` has the settings of ``profile``, and
    perhaps another budget than the bound's.

    ``scratch`` is the folder for temporary files. ``cores`` are the numbers of the cores that the
    run is confined to (empty: it may use all). ``hidden`` are folders that a sandbox hides beside
    the repository of the case.
    """

    case: Case
    experiment: Experiment
    profile: Profile
    scratch: Path
    cores: tuple[int, ...] = ()
    hidden: tuple[Path, ...] = ()

    @property
    def rehearsal(self) -> bool:
        """Whether the budget is shorter than the bound's for the profile, as ``--ouro-budget`` asks
        for; False if it is equal or longer."""
        return self.experiment.budget < self.case.bound.experiments[self.profile].budget
