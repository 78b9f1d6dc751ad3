"""Find the level that holds here by canary cheats: ``pytest-ouro doctor --selftest``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.doctor.canary import COMMAND, HONEST, Trial, attempt, is_honest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Level


#: The programs of ``canaries/``, and the lowest level that promises to stop each.
CANARIES: dict[str, Level] = {
    HONEST: "supervised",
    "forged": "supervised",
    "future": "supervised",
    "loss": "judged",
    "answers": "sandboxed",
    "network": "sandboxed",
    "records": "sandboxed",
    "supervisor": "sandboxed",
    f"{COMMAND}{HONEST}": "supervised",
    "command-forged": "supervised",
    "command-answers": "judged",
    "command-daemon": "judged",
    "command-network": "sandboxed",
}
#: The canaries that run without torch.
PLAIN = (HONEST, "forged", "network", "records", "supervisor")


@dataclass(frozen=True)
class Selftest:
    """The result of the selftest: the ``trials`` in their order, and the highest ``level`` at which
    the honest canary held and each cheat that the level promises to stop was stopped; "claimed" if
    there is no such level. ``why`` says why the level is not higher."""

    trials: tuple[Trial, ...]
    level: Level
    why: str


def names(*, torch: bool, command: bool) -> list[str]:
    """Return the names of the canaries to run: those of a command if ``command``, else those of a
    script; of the latter only those of `PLAIN` without ``torch``. The honest canary is the
    first."""
    if command:
        return [name for name in CANARIES if name.startswith(COMMAND)]
    return [n for n in CANARIES if not n.startswith(COMMAND) and (torch or n in PLAIN)]


def selftest(
    python: str, *, torch: bool, command: bool = False, on_trial: Callable[[Trial], None]
) -> Selftest:
    """Run the canaries, call ``on_trial`` with each result, and return all results with the highest
    level that holds. With ``command``, they are those of a command; else those of a script, under
    the interpreter ``python``. Without ``torch``, only the scripts of `PLAIN` run, and the level is
    "supervised" at most.

    All run at the highest available level. If that level does not hold, the canaries that the next
    lower level promises to stop run there, and so on. KeyboardInterrupt if a run was interrupted.
    """
    trials: list[Trial] = []
    why = "" if torch or command else f"torch is missing in {python}"
    highest: Level = "supervised" if why else "sandboxed"
    while highest != "claimed":
        tried = names(torch=torch, command=command)
        if trials:
            tried = [name for name in tried if _is_promised(name, highest)]
        done = _run_canaries(tried, python, highest, torch, on_trial)
        trials += done
        level, why = done[0].level, why or done[0].why
        failed = [t for t in done if not t.stopped and _is_promised(t.canary, level)]
        if not failed:
            return Selftest(tuple(trials), level, why)
        why = why or f"{failed[0].canary} is {failed[0].state} at {level}: {failed[0].words}"
        highest = LEVELS[LEVELS.index(level) - 1]
    return Selftest(tuple(trials), "claimed", why)


def describe(trial: Trial) -> str:
    """Return a line about a trial: the canary, its state, its level and the words that explain it.
    If a cheat is open or a run failed (not `Trial.stopped`), and the level does not promise to stop
    that canary, the line also names the lowest level that does."""
    line = f"ouro: canary {trial.canary}: {trial.state} at {trial.level} - {trial.words}"
    if trial.stopped or _is_promised(trial.canary, trial.level):
        return line
    return f"{line} (to be stopped from {CANARIES[trial.canary]} on)"


def _is_promised(name: str, level: Level) -> bool:
    """Return whether this level promises to stop the canary's cheat, or, for an honest canary, that
    it holds."""
    return LEVELS.index(CANARIES[name]) <= LEVELS.index(level)


def _run_canaries(
    names: list[str], python: str, highest: Level, torch: bool, on_trial: Callable[[Trial], None]
) -> list[Trial]:
    """Run canaries at one level, in order, and return their trials. The first runs at the highest
    available level up to ``highest``, the others at the level that it reached. If the honest canary
    does not hold, the ones after it are not run."""
    trials: list[Trial] = []
    for name in names:
        level = trials[0].level if trials else highest
        honest = trials[0].value if trials else None
        trial = attempt(name, python, highest=level, torch=torch, honest=honest)
        trials.append(trial)
        on_trial(trial)
        if is_honest(name) and not trial.stopped:
            break  # the others have nothing to be compared with
    return trials
