"""Errors of certificates, confirmations, ablations, calibrations, the vault, `simulate` and
`finalize`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError, OuroError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How an unfinished certificate, confirmation, ablation or calibration goes on.
GO_ON = "the pairs that are complete stay: give the same command again"


def nothing_kept() -> ExperimentError:
    """A certificate, an ablation or a look into the vault is asked for, and no run on this line of
    commits is kept."""
    return ExperimentError(
        "there is nothing to compare: no run is kept on this line of commits",
        help="run an experiment first: pytest --ouro-experiment",
    )


def nothing_gained(commit: str) -> ExperimentError:
    """A certificate, an ablation or a look into the vault is asked for, and the baseline,
    ``commit``, is still the last keep."""
    return ExperimentError(
        f"there is nothing to compare: the baseline {commit:.7} is still the last keep",
        help="try and keep something first: pytest --ouro-experiment",
    )


def looks_stated_before(asked: int, stated: int, look: int) -> ExperimentError:
    """``--ouro-looks`` differs from what was stated before the first look at this baseline (0: no
    number); ``look`` is the number of the look that would begin."""
    before = f"{stated} were stated" if stated else "no number was stated"
    return ExperimentError(
        f"--ouro-looks {asked} comes too late: {before} before the first look, and this is look "
        f"{look}",
        help="leave --ouro-looks out: what was stated before the first look holds",
    )


def looks_used(stated: int, baseline: str) -> ExperimentError:
    """All looks that were stated at the baseline have begun."""
    looks = "1 look was" if stated == 1 else f"{stated} looks were"
    return ExperimentError(
        f"{looks} stated at the baseline {baseline:.7}, and no further one is left",
        help="read what was found: pytest-ouro log; a person begins a new baseline: "
        "pytest-ouro bless --new-baseline",
    )


def no_vault(commit: str, scored: int | None) -> ExperimentError:
    """``pytest-ouro vault`` finds no losses of the vault's rows for the kept run of ``commit``, in
    which the judge scored ``scored`` rows (None: it had no judge)."""
    rows = "no judge" if scored is None else f"{scored} judged rows"
    return ExperimentError(
        f"the kept run of {commit:.7} left no rows out: it had {rows}, and a vault needs 512",
        help="a person writes vault = 0.1 into [verdict] of bound.toml, and blesses it; the next "
        "run begins a new baseline",
    )


def vault_gone(commit: str) -> ExperimentError:
    """The files of losses by row of the kept run of ``commit`` are gone, or do not fit those of
    the other run."""
    return ExperimentError(
        f"the losses by row of the kept run of {commit:.7} are gone, or are of other rows",
        help="keep something first, whose run has them: pytest --ouro-experiment",
    )


def conditions_changed(apart: Sequence[str]) -> ExperimentError:
    """Two runs of one plan differ in conditions, such as the device, which ``apart`` describes."""
    return ExperimentError(
        f"the runs of the pairs differ in {', '.join(apart)}: they cannot be compared",
        help="start it again: it begins with other salts, and counts as a further look",
    )


def plan_in_progress() -> ExperimentError:
    """Another process makes the runs that this session would make."""
    return ExperimentError(
        "another process makes these runs already",
        help="wait for it, then read what it found: pytest-ouro log",
    )


def plan_ended() -> ExperimentError:
    """Another process recorded a result of these runs while this session began."""
    return ExperimentError(
        "another process has just made these runs, and recorded a result",
        help="read what it found: pytest-ouro log",
    )


def nothing_to_take_out(tip: str) -> ExperimentError:
    """``--ouro-ablate`` finds no edit between the baseline and the tip that changes the tip when it
    is taken out."""
    return ExperimentError(
        f"no edit can be taken out of the tip {tip:.7}: later edits changed the same lines",
        help="confirm the night as a whole: pytest --ouro-certify",
    )


def no_such_keep(revision: str) -> ExperimentError:
    """``--ouro-confirm`` is given ``revision``, which names no commit in the history of HEAD whose
    run was kept and whose keep still stands."""
    return ExperimentError(
        f"--ouro-confirm {revision}: this is not a keep on this line of commits",
        help="name a kept commit: pytest-ouro log",
    )


def no_reference(commit: str) -> ExperimentError:
    """``--ouro-confirm`` names the keep ``commit``, and no keep with which it was compared still
    stands, as for a baseline, which is compared with none."""
    return ExperimentError(
        f"commit {commit:.7} has no keep before it that it could be compared with",
        help="name a keep that follows a baseline: pytest-ouro log",
    )


def invalid_runs(most: int) -> ExperimentError:
    """``--runs`` of ``calibrate`` is odd, less than 4, or above ``most``."""
    return ExperimentError(
        f"--runs must be an even number from 4 to {most}: each salt is run twice",
        help="pytest-ouro calibrate --runs 8",
    )


def unusable_number(option: str, value: float, range: str, example: float) -> OuroError:
    """An ``option`` of ``simulate`` has a ``value`` out of its range, which is given in words;
    ``example`` is a value within it."""
    return OuroError(
        f"{option} must be {range}, not {value:g}",
        help=f"pytest-ouro simulate {option} {example:g}",
    )


def too_few_tries(tries: int, pairs: int, reserved: int, enough: int) -> OuroError:
    """``simulate`` is asked for nights of so few runs (``tries``) that beside the baseline and the
    ``reserved`` runs of the certificate's ``pairs`` none is left; ``enough`` is a number of runs
    that leaves some."""
    return OuroError(
        f"a night of {tries} runs has none for the search: {pairs} pairs take {reserved}, the "
        "baseline one",
        help=f"pytest-ouro simulate --tries {enough} --pairs {pairs}",
    )


def nothing_to_finalize(why: str) -> ExperimentError:
    """``pytest-ouro finalize`` finds nothing of which a branch could be made; ``why`` is the
    reason, as a clause."""
    return ExperimentError(
        f"there is nothing to finalize: {why}",
        help="try and keep something first: pytest --ouro-experiment",
    )


def branch_exists(name: str) -> ExperimentError:
    """The branch that ``pytest-ouro finalize`` is to make exists with another commit, or another
    branch forbids its name."""
    return ExperimentError(
        f"there is a branch {name} already, or one that git cannot have beside it",
        help="give another name: pytest-ouro finalize --branch NAME",
    )


def invalid_branch(name: str) -> ExperimentError:
    """Git allows no branch of the name that ``pytest-ouro finalize`` was given."""
    return ExperimentError(
        f"git allows no branch of the name {name!r}",
        help="give another name: pytest-ouro finalize --branch NAME",
    )
