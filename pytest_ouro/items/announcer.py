"""Call the hooks by which plugins follow the runs of a session."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
    from pytest_ouro.experiment.result import Result
    from pytest_ouro.experiment.selection.ablate import Ablation
    from pytest_ouro.experiment.selection.selection import Selection

#: What pytest's skip, fail and exit raise.
_ENDS = (Exception, pytest.skip.Exception, pytest.fail.Exception)


class Announcer:
    """Calls the hooks ``pytest_ouro_run_started``, ``pytest_ouro_run_finished`` and
    ``pytest_ouro_verdict``. A hook that fails ends nothing: ``say`` is called with a line. Ctrl-C
    is raised."""

    def __init__(self, config: pytest.Config, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say

    def start(self, run: StartedRun) -> None:
        """Announce that a run is recorded and starts; a placebo is not announced, as nothing shows
        that a run is one until its night is over."""
        if run.purpose != "placebo":
            self._call("pytest_ouro_run_started", run=run)

    def finish(self, run: FinishedRun) -> None:
        """Announce that a run is over and recorded; a placebo is not announced."""
        if run.purpose != "placebo":
            self._call("pytest_ouro_run_finished", run=run)

    def announce(self, result: Result | Selection | Ablation) -> None:
        """Announce a verdict or a statement."""
        self._call("pytest_ouro_verdict", result=result)

    def _call(self, name: str, **facts: object) -> None:
        """Call a hook with the session's config and these facts."""
        try:
            getattr(self._config.hook, name)(config=self._config, **facts)
        except _ENDS as error:
            frames = traceback.extract_tb(error.__traceback__)
            place = next((one for one in frames if one.name == name), frames[-1])
            where = f"{place.filename}:{place.lineno}"
            why = f"{type(error).__name__}: {error}".removesuffix(": ")
            self._say(f"ouro: warning: {name} failed at {where}: {why}; the run counts")
