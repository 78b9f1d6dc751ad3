"""The level that holds here, found by canary cheats: ``pytest-ouro doctor --selftest``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import LEVELS
from pytest_ouro.doctor.canary import HONEST, Trial, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Level


#: The programs of ``pytest_ouro/canaries``, and the lowest level that promises to stop each.
CANARIES: dict[str, Level] = {
    HONEST: "supervised",
    "forged": "supervised",
    "future": "supervised",
    "loss": "judged",
    "answers": "sandboxed",
    "network": "sandboxed",
    "records": "sandboxed",
    "supervisor": "sandboxed",
}
#: Those that need no torch.
PLAIN = (HONEST, "forged", "network", "records", "supervisor")


@dataclass(frozen=True)
class Selftest:
    """The trials in their order, and the highest ``level`` whose canaries all went as they must;
    ``why`` it is no higher."""

    trials: tuple[Trial, ...]
    level: Level
    why: str


def selftest(python: str, *, torch: bool, say: Callable[[Trial], None]) -> Selftest:
    """Run the canaries under this interpreter; ``say`` is told each when it has ended.

    All of them at the highest level that can be had. Where that does not hold, the next lower one
    is tried by its own.
    """
    trials: list[Trial] = []
    why = "" if torch else f"torch is missing in {python}"
    highest: Level = "sandboxed" if torch else "supervised"
    while highest != "claimed":
        names = [name for name in CANARIES if torch or name in PLAIN]
        if trials:
            names = [name for name in names if _promised(name, highest)]
        tried = _round(names, python, highest, torch, say)
        trials += tried
        level, why = tried[0].level, why or tried[0].why
        failed = [t for t in tried if not t.stopped and _promised(t.canary, level)]
        if not failed:
            return Selftest(tuple(trials), level, why)
        why = why or f"{failed[0].canary} is {failed[0].state} at {level}: {failed[0].words}"
        highest = LEVELS[LEVELS.index(level) - 1]
    return Selftest(tuple(trials), "claimed", why)


def describe(trial: Trial) -> str:
    """A trial as a line; of a cheat that is open, from which level on it is stopped."""
    line = f"ouro: canary {trial.canary}: {trial.state} at {trial.level} - {trial.words}"
    if trial.stopped or _promised(trial.canary, trial.level):
        return line
    return f"{line} (to be stopped from {CANARIES[trial.canary]} on)"


def _promised(name: str, level: Level) -> bool:
    """Whether this level promises to stop the canary."""
    return LEVELS.index(CANARIES[name]) <= LEVELS.index(level)


def _round(
    names: list[str], python: str, highest: Level, torch: bool, say: Callable[[Trial], None]
) -> list[Trial]:
    """The canaries at one level: the one that the honest run, which comes first, has reached."""
    tried: list[Trial] = []
    for name in names:
        level = tried[0].level if tried else highest
        honest = tried[0].value if tried else None
        trial = attempt(name, python, highest=level, torch=torch, honest=honest)
        tried.append(trial)
        say(trial)
        if name == HONEST and not trial.stopped:
            break  # there is nothing to compare the others with
    return tried
