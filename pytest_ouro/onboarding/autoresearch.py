"""The preset ``autoresearch``: fifteen rules for one script, one fixed harness and one metric.

Those of them that apply, and one for files that declare the dependencies of other languages, are
the rules of an experiment that is a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.onboarding import Statement, slug, stem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.onboarding import Value

#: The rules of each section, one a line: its id, its check, and after the colon its words.
_RULES = {
    "danger-zone": """\
{file_id} frozen: {fixed}: fixed evaluation harness. Modifying this invalidates all comparisons.
{evaluate_id} frozen-symbol: {evaluate}(): the ground truth metric must never change.
data-pipeline {data_check}: Data pipeline: tokenizer and dataloader are fixed constants.
""",
    "never-do": """\
modify-{file_id} frozen: Never modify {fixed}: {is_are_fixed} read-only.
add-dependencies dependencies: Never install new packages or add dependencies.
add-packages frozen: Never install new packages: {manifests} {is_are_manifests} fixed.
modify-evaluation evaluation: Never modify the evaluation harness.
skip-logging logged: Never skip logging results to {ledger}.
exceed-budget budget-limit: Never use more than {budget} {of_what}.
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


def statements(
    experiment: Experiment,
    *,
    fixed: Sequence[str] = (),
    serves: bool = True,
    timed: bool = True,
    python: bool = True,
    manifests: Sequence[str] = (),
) -> list[Statement]:
    """Return those rules of the preset ``autoresearch`` (`_RULES`) that apply to the experiment,
    with its names filled in. ``fixed`` are the files that measure; if it is empty, the harness, if
    there is one, counts as the only one.

    The other parameters say what the project has; a rule that needs what it lacks is left out.
    ``serves``: the harness of a script has the function that yields batches. ``timed``: a script's
    run takes exactly its budget. ``python``: a command's project declares its dependencies in files
    of Python. ``manifests``: files that declare dependencies of other languages.
    """
    data_check, data_params = data_pipeline(experiment)
    files = list(fixed or filter(None, [experiment.harness]))
    left_out = {
        "{file_id} frozen": not files,
        "modify-{file_id} frozen": not files,
        "{evaluate_id} frozen-symbol": not experiment.script,
        "data-pipeline {data_check}": not (experiment.data or (experiment.script and serves)),
        "modify-evaluation evaluation": not (experiment.script or python),
        "exact-budget budget-exact": not (experiment.script and serves and timed),
        "add-dependencies dependencies": not (experiment.script or python),
        "add-packages frozen": not manifests,
    }
    names = {
        **vars(experiment),
        "fixed": _list(files),
        "is_are_fixed": "it is" if len(files) == 1 else "they are",
        "manifests": _list(manifests),
        "is_are_manifests": "is" if len(manifests) == 1 else "are",
        "file_id": stem(files[0]) if files else "",
        "evaluate_id": slug(experiment.evaluate) or "metric-function",
        "data_check": data_check,
        "ledger_id": stem(experiment.ledger),
        "budget": duration(experiment.budget),
        "of_what": "training time budget" if experiment.script else "for a run",
        "metric_id": slug(experiment.metric),
        "editable": f"{_list(experiment.editable)} {_is_are(experiment.editable)}",
        "editable_id": slug(experiment.editable[0]) or "these",
    }
    paths: dict[str, Value] = {"paths": files}
    params: dict[str, Mapping[str, Value]] = {
        "{file_id} frozen": paths,
        "{evaluate_id} frozen-symbol": {"path": experiment.harness, "symbol": experiment.evaluate},
        "data-pipeline {data_check}": data_params,
        "modify-{file_id} frozen": {**paths, "history": True},
        "add-packages frozen": {"paths": list(manifests)},
        "commit-{ledger_id} untracked": {"paths": [experiment.ledger]},
    }
    found = []
    for section, rules in _RULES.items():
        for rule in rules.splitlines():
            head, _, words = rule.partition(": ")
            if left_out.get(head):
                continue
            id, check = head.format(**names).split()
            found.append(Statement(section, id, words.format(**names), check, params.get(head, {})))
    return found


def _list(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``; "" for none."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _is_are(names: Sequence[str]) -> str:
    """Return ``is`` for one name, ``are`` for any other number."""
    return "is" if len(names) == 1 else "are"


def data_pipeline(experiment: Experiment) -> tuple[str, dict[str, Value]]:
    """Return a tuple: the check that keeps the data pipeline fixed, and its parameters.

    It is ``frozen-data``, with {}, if the experiment has data files; else ``frozen-symbol`` with
    the harness and the name of its loader.
    """
    if experiment.data:
        return "frozen-data", {}
    return "frozen-symbol", {"path": experiment.harness, "symbol": experiment.loader}


def duration(seconds: float) -> str:
    """Return seconds in words: ``5 minutes`` if they are whole minutes, otherwise, and for 0, in
    seconds, as ``90 seconds``."""
    many, unit = (seconds / 60, "minute") if seconds and seconds % 60 == 0 else (seconds, "second")
    return f"{many:g} {unit}" + ("" if many == 1 else "s")
