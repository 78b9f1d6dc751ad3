"""The preset ``autoresearch``: fifteen rules for one script, one fixed harness and one metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.onboarding import Statement, slug, stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.onboarding import Value


def statements(experiment: Experiment) -> list[Statement]:
    """The fifteen rules, in the names of this experiment."""
    return [*_danger_zones(experiment), *_never_do(experiment), *_iron_laws(experiment)]


def _danger_zones(experiment: Experiment) -> Iterator[Statement]:
    harness, evaluate = experiment.harness, experiment.evaluate
    yield Statement(
        "danger-zone",
        stem(harness),
        f"{harness}: fixed evaluation harness. Modifying this invalidates all comparisons.",
        "frozen",
        {"paths": [harness]},
    )
    yield Statement(
        "danger-zone",
        slug(evaluate),
        f"{evaluate}(): the ground truth metric must never change.",
        "frozen-symbol",
        {"path": harness, "symbol": evaluate},
    )
    yield Statement(
        "danger-zone",
        "data-pipeline",
        "Data pipeline: tokenizer and dataloader are fixed constants.",
        *data_pipeline(experiment),
    )


def data_pipeline(experiment: Experiment) -> tuple[str, dict[str, Value]]:
    """The check of the data; where no files of data are known, the loader's code is guarded."""
    if experiment.data:
        return "frozen-data", {}
    return "frozen-symbol", {"path": experiment.harness, "symbol": experiment.loader}


def _never_do(experiment: Experiment) -> Iterator[Statement]:
    harness, ledger = experiment.harness, experiment.ledger
    yield Statement(
        "never-do",
        f"modify-{stem(harness)}",
        f"Never modify {harness}: it is read-only.",
        "frozen",
        {"paths": [harness], "history": True},
    )
    yield Statement(
        "never-do",
        "add-dependencies",
        "Never install new packages or add dependencies.",
        "dependencies",
    )
    yield Statement(
        "never-do", "modify-evaluation", "Never modify the evaluation harness.", "evaluation"
    )
    yield Statement(
        "never-do", "skip-logging", f"Never skip logging results to {ledger}.", "logged"
    )
    yield Statement(
        "never-do",
        "exceed-budget",
        f"Never use more than {duration(experiment.budget)} training time budget.",
        "budget-limit",
    )
    yield Statement(
        "never-do",
        f"commit-{stem(ledger)}",
        f"Never commit {ledger} to git: keep it untracked.",
        "untracked",
        {"paths": [ledger]},
    )


def _iron_laws(experiment: Experiment) -> Iterator[Statement]:
    metric, direction = experiment.metric, experiment.direction
    only = " and ".join(experiment.editable)
    is_are = "is" if len(experiment.editable) == 1 else "are"
    yield Statement(
        "iron-law",
        f"{slug(metric)}-only",
        f"{metric} is the only metric that matters: {direction} is better.",
        "metric",
    )
    yield Statement(
        "iron-law",
        "exact-budget",
        f"Training always runs for exactly {duration(experiment.budget)} wall clock.",
        "budget-exact",
    )
    yield Statement(
        "iron-law",
        f"only-{slug(experiment.editable[0]) or 'these'}",
        f"Only {only} {is_are} modified: everything else is fixed.",
        "scope",
    )
    yield Statement(
        "iron-law",
        "log-every-experiment",
        f"Every experiment is logged: commit hash, {metric}, memory, status.",
        "log-schema",
    )
    yield Statement(
        "iron-law",
        "keep-or-revert",
        "Improvements keep the commit, regressions revert to the previous one.",
        "settled",
    )
    yield Statement(
        "iron-law",
        "simplicity",
        f"Simplicity wins: equal {metric} with less code is a positive result.",
        "simplicity",
    )


def duration(seconds: float) -> str:
    """Seconds as people say them: ``5 minutes``, ``90 seconds``."""
    many, unit = (seconds / 60, "minute") if seconds and seconds % 60 == 0 else (seconds, "second")
    return f"{many:g} {unit}" + ("" if many == 1 else "s")
