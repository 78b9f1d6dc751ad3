"""The preset ``autoresearch``: fifteen rules for one script, one fixed harness and one metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.onboarding import Statement, slug, stem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.onboarding import Value

#: The rules of each section, one a line: its id, its check, and after the colon its words.
_RULES = {
    "danger-zone": """\
{file_id} frozen: {harness}: fixed evaluation harness. Modifying this invalidates all comparisons.
{evaluate_id} frozen-symbol: {evaluate}(): the ground truth metric must never change.
data-pipeline {data_check}: Data pipeline: tokenizer and dataloader are fixed constants.
""",
    "never-do": """\
modify-{file_id} frozen: Never modify {harness}: it is read-only.
add-dependencies dependencies: Never install new packages or add dependencies.
modify-evaluation evaluation: Never modify the evaluation harness.
skip-logging logged: Never skip logging results to {ledger}.
exceed-budget budget-limit: Never use more than {budget} training time budget.
commit-{ledger_id} untracked: Never commit {ledger} to git: keep it untracked.
""",
    "iron-law": """\
{metric_id}-only metric: {metric} is the only metric that matters: {direction} is better.
exact-budget budget-exact: Training always runs for exactly {budget} wall clock.
only-{editable_id} scope: Only {editable} modified: everything else is fixed.
log-every-experiment log-schema: Every experiment is logged: commit hash, {metric}, memory, status.
keep-or-revert settled: Improvements keep the commit, regressions revert to the previous one.
simplicity simplicity: Simplicity wins: equal {metric} with less code is a positive result.
""",
}


def statements(experiment: Experiment) -> list[Statement]:
    """Return the fifteen rules of the preset with the names of this experiment."""
    data_check, data_params = data_pipeline(experiment)
    is_are = "is" if len(experiment.editable) == 1 else "are"
    names = {
        **vars(experiment),
        "file_id": stem(experiment.harness),
        "evaluate_id": slug(experiment.evaluate) or "metric-function",
        "data_check": data_check,
        "ledger_id": stem(experiment.ledger),
        "budget": duration(experiment.budget),
        "metric_id": slug(experiment.metric),
        "editable": f"{' and '.join(experiment.editable)} {is_are}",
        "editable_id": slug(experiment.editable[0]) or "these",
    }
    frozen: dict[str, Value] = {"paths": [experiment.harness]}
    params: dict[str, Mapping[str, Value]] = {
        "{file_id} frozen": frozen,
        "{evaluate_id} frozen-symbol": {"path": experiment.harness, "symbol": experiment.evaluate},
        "data-pipeline {data_check}": data_params,
        "modify-{file_id} frozen": {**frozen, "history": True},
        "commit-{ledger_id} untracked": {"paths": [experiment.ledger]},
    }
    found = []
    for section, rules in _RULES.items():
        for rule in rules.splitlines():
            head, _, words = rule.partition(": ")
            id, check = head.format(**names).split()
            found.append(Statement(section, id, words.format(**names), check, params.get(head, {})))
    return found


def data_pipeline(experiment: Experiment) -> tuple[str, dict[str, Value]]:
    """Return a tuple: the check that keeps the data pipeline fixed, and its parameters.

    It is ``frozen-data``, with {}, if the experiment has data files; else ``frozen-symbol`` with
    the harness and the name of its loader.
    """
    if experiment.data:
        return "frozen-data", {}
    return "frozen-symbol", {"path": experiment.harness, "symbol": experiment.loader}


def duration(seconds: float) -> str:
    """Return seconds in words: whole minutes as ``5 minutes``, others as ``90 seconds``."""
    many, unit = (seconds / 60, "minute") if seconds and seconds % 60 == 0 else (seconds, "second")
    return f"{many:g} {unit}" + ("" if many == 1 else "s")
