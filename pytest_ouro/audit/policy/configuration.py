"""Tell the runs of a record apart by their configuration, since a statistic must be of runs of one
configuration."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.audit.words import number as count
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import several

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.audit.policy.logs import Logs, Run
    from pytest_ouro.audit.policy.notes import Notes
    from pytest_ouro.audit.policy.submission import Submission
    from pytest_ouro.audit.policy.tables import Number, Runs


class _Configuration(NamedTuple):
    """What all runs of one configuration have in common: the ``source`` code of the script, as the
    lines that matter; and ``shared``, pairs of a name and a value for each thing that the policy
    demands to be the same. The value is "" if the log does not state it."""

    source: tuple[str, ...]
    shared: tuple[tuple[str, str], ...]


def choose_configuration(
    asked: Runs, numbers: Sequence[Number], logs: Logs, submission: Submission, notes: Notes
) -> Logs:
    """Return ``logs`` with the runs of one configuration only, which is the one that is judged.
    Runs have the same configuration if their logs agree in what the policy demands to be the same
    (its table ``asked``, and those of its ``numbers`` that are ``same``), and in the source code
    that the logs contain (`_Configuration`).

    Chosen is the configuration whose source code lacks the fewest lines of the submitted script; of
    several such, or without a script, the one of most runs. Without runs, return ``logs``
    unchanged. State in ``notes`` what was compared, and add a warning if there are other
    configurations, or if the source code of the chosen one lacks lines of the script.
    """
    groups: dict[_Configuration, list[Run]] = {}
    for run in logs.runs:
        groups.setdefault(_describe(asked, numbers, run), []).append(run)
    script = _read_script(asked, submission, notes)
    lacks = {one: _count_missing(script, one.source) for one in groups}
    ranked = sorted(groups, key=lambda one: (lacks[one], -len(groups[one])))
    _state(asked, ranked, logs, notes)
    if not ranked:
        return logs
    chosen = ranked[0]
    names = [run.name for run in groups[chosen]]
    if script:
        path = submission.place(asked.script)
        if not chosen.source:
            notes.state("script", "not reached", f"no source code to compare with {path}")
        else:
            _compare_script(path, len(script), lacks[chosen], names, notes)
    if len(ranked) > 1:
        what, expected, actual = _compare(chosen, ranked[1])
        others = [run.name for one in ranked[1:] for run in groups[one]]
        notes.find(
            "configuration",
            f"the logs are of {len(ranked)} configurations: {count(len(names), 'run')} "
            f"({several(names)}) are judged, and {several(others)} differ in {what}",
            expected=expected,
            actual=actual,
            help="keep the logs of one configuration in the record, or exclude the others",
            warns=True,
        )
    return replace(logs, runs=tuple(groups[chosen]))


def _describe(asked: Runs, numbers: Sequence[Number], run: Run) -> _Configuration:
    """Return the configuration of a run, read from its log, by which runs are grouped."""
    shared = {f"what {pattern} matches": ", ".join(run.shared[pattern]) for pattern in asked.same}
    shared |= {
        one.name: ", ".join(f"{value:.10g}" for value in run.values[one.name])
        for one in numbers
        if one.same
    }
    return _Configuration(_reduce(run.source or "", asked.may_differ), tuple(shared.items()))


def _reduce(source: str, may_differ: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of source code that matter, without white space at their right ends. Lines
    of comments alone, empty lines, and lines in which a pattern of ``may_differ`` is found are left
    out."""
    free = [re.compile(pattern) for pattern in may_differ]
    lines = (line.rstrip() for line in source.splitlines())
    return tuple(
        line
        for line in lines
        if line
        and not line.lstrip().startswith("#")
        and not any(pattern.search(line[:2_000]) for pattern in free)
    )


def _state(asked: Runs, configurations: Sequence[_Configuration], logs: Logs, notes: Notes) -> None:
    """Add a statement about the configurations: what was compared in all logs, what the logs do not
    state, or that there was nothing to compare."""
    values: Mapping[str, list[str]] = {
        name: [dict(one.shared)[name] for one in configurations]
        for name in dict(configurations[0].shared if configurations else ())
    }
    missing = [name for name, said in values.items() if not any(said)]
    if asked.source_ends and any(run.source is None for run in logs.runs):
        missing.append("the source code")
    compared = [*values, *(["the source code"] if asked.source_ends else [])]
    if not compared or not configurations:
        notes.state("configuration", "not checked", "there is nothing that runs must share")
    elif missing:
        notes.state("configuration", "not reached", f"not in each log: {several(missing)}")
    else:
        notes.state("configuration", "reached", f"compared in all logs: {', '.join(compared)}")


def _compare(chosen: _Configuration, other: _Configuration) -> tuple[str, str, str]:
    """Return a tuple: the first thing in which two configurations differ, in words, and its value
    in ``chosen`` and in ``other``. A shared value comes before the source code, of which the first
    different line is returned."""
    pairs = zip(chosen.shared, other.shared, strict=True)
    for (what, expected), (_, actual) in pairs:
        if expected != actual:
            return what, expected or "nothing", actual or "nothing"
    lines = zip([*chosen.source, ""], [*other.source, ""], strict=False)
    expected, actual = next((pair for pair in lines if pair[0] != pair[1]), ("", ""))
    end = "the end of the code"
    return "their source code", expected.strip() or end, actual.strip() or end


def _read_script(asked: Runs, submission: Submission, notes: Notes) -> tuple[str, ...]:
    """Return the lines of the submitted script that matter, as `_reduce` does; () if the policy
    names no script. If the submission lacks the script, state that and return ()."""
    if not asked.script:
        return ()
    path = submission.place(asked.script)
    data = submission.read(path)
    if data is None:
        notes.state("script", "not reached", f"{path} is not in what was submitted")
        return ()
    return _reduce(data.decode(errors="replace"), asked.may_differ)


def _compare_script(path: str, lines: int, missing: int, names: list[str], notes: Notes) -> None:
    """State that the submitted script at ``path`` was compared with the source code in the logs
    ``names``. If ``missing`` of its ``lines`` lines are not in that source code, add a warning."""
    if missing:
        verb = "is" if missing == 1 else "are"
        notes.find(
            "script",
            f"{count(missing, 'line')} of {path}, of {lines}, {verb} not in the code that made "
            f"{several(names)}",
            path=path,
            warns=True,
            help="submit the script that made the logs",
        )
    notes.state("script", "reached", f"{path}, against the source code in the logs")


def _count_missing(script: tuple[str, ...], source: tuple[str, ...]) -> int:
    """Return how many lines of ``script`` are not in ``source``. A line that the script has more
    often than the source counts once for each time that is missing."""
    return sum((Counter(script) - Counter(source)).values())
