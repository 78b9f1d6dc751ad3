"""Judge the runs of a record by their logs: whether they ended, how many there are, whether their
numbers keep the limits, and whether the statistic is reached."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

from pytest_ouro.audit.policy.statistics import compare_below
from pytest_ouro.audit.words import number as count
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import several
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.audit.policy.logs import Logs, Run
    from pytest_ouro.audit.policy.notes import Notes
    from pytest_ouro.audit.policy.submission import Submission
    from pytest_ouro.audit.policy.tables import Number, Runs, Significance

#: So many lines of progress are not all equal by chance.
_CHANCE = 10


def read_runs(
    asked: Runs, numbers: Sequence[Number], logs: Logs, submission: Submission, notes: Notes
) -> Logs:
    """Return the logs without those of runs that did not end and those that are copies of another
    log. Add a warning for each copy and for the logs that did not end or could not be read, and
    statements on which logs count and that runs may have been left out."""
    own, copies = _tell_apart(logs.runs)
    for name, first in copies.items():
        notes.find(
            "runs",
            f"{name} is a copy of {first}: both count as one run",
            path=submission.place(f"{{folder}}/{name}"),
            help="submit the log of each run once",
            warns=True,
        )
    ended = [run for run in logs.runs if run.name in own and _has_ended(run, numbers)]
    broken = [name for name in own if name not in [run.name for run in ended]]
    lack = "lacks" if len(broken) == 1 else "lack"
    for names, why in (
        (broken, f"{lack} a number: the run did not end, or its end is cut off"),
        (list(logs.unread), "could not be read as text"),
    ):
        if names:
            notes.find(
                "runs", f"{several(names)} {why}", warns=True, help="submit whole logs, as text"
            )
    words = [count(len(ended), "run")]
    for names, why in (
        (broken, "did not end"),
        (list(logs.unread), "not read"),
        (list(logs.excluded), "excluded by the policy"),
    ):
        words += [f"{why}: {several(names)}"] if names else []
    whole = ended and not logs.unread
    notes.state("runs", "reached" if whole else "not reached", "; ".join(words))
    notes.state(
        "all-runs",
        "not checked",
        "whether further runs were made and left out: no log can show that",
    )
    return replace(logs, runs=tuple(ended))


def _has_ended(run: Run, numbers: Sequence[Number]) -> bool:
    """Return whether the log of a run states each number that is not optional, so that the run is
    taken to have ended."""
    return all(run.values[one.name] for one in numbers if not one.optional)


def judge_count(asked: Runs, logs: Logs, submission: Submission, notes: Notes) -> None:
    """Add a finding if there are fewer runs of the judged configuration than the policy demands.
    The finding only warns if some logs could not be read, since they may be the missing ones."""
    if len(logs.runs) < asked.at_least:
        notes.find(
            "runs",
            f"{count(len(logs.runs), 'run')} of one configuration in {submission.folder}, the rule "
            f"demands {asked.at_least}",
            help=f"add a log of each run: {several(list(asked.logs))}",
            warns=bool(logs.unread),
        )


def _tell_apart(runs: Sequence[Run]) -> tuple[list[str], dict[str, str]]:
    """Return a tuple: the names of the logs of different runs, and a dict from the name of each
    other log, a copy, to the name of the log that it copies. A log is a copy if its bytes are those
    of an earlier log. It is one also if all its lines of progress are those of an earlier log and
    at least `_CHANCE` of these lines are different texts, since so many cannot be equal by
    chance."""
    own: list[str] = []
    copies: dict[str, str] = {}
    seen: dict[object, str] = {}
    for run in runs:
        keys: list[object] = [run.digest]
        keys += [run.progress] if len(set(run.progress)) >= _CHANCE else []
        first = next((seen[key] for key in keys if key in seen), "")
        if first:
            copies[run.name] = first
        else:
            own.append(run.name)
        for key in keys:
            seen.setdefault(key, first or run.name)
    return own, copies


def judge_numbers(numbers: Sequence[Number], logs: Logs, notes: Notes) -> None:
    """For each number of the policy, add a warning for each log that states several values of it
    although one is expected, a finding for each limit that its values in the logs (or their mean,
    if the policy says so) are beyond, and a fact with the mean and the range of these values. Add
    one statement with the names of the numbers, if there are any; the last value in a log
    counts."""
    for one in numbers:
        for run in logs.runs:
            if len(run.values[one.name]) > 1 and not one.last:
                shown = several([_show(value) for value in run.values[one.name]])
                notes.find(
                    "numbers",
                    f"{run.name} states {one.name} more than once: {shown}; the last one counts",
                    warns=True,
                    help="let a log be of one run",
                )
        values = [(r.name, v) for r in logs.runs if (v := r.value(one.name)) is not None]
        if one.of == "mean" and values:
            values = [("the mean", statistics.fmean(value for _, value in values))]
        _judge_limits(one, values, notes)
        if found := logs.collect(one.name):
            mean, low, high = statistics.fmean(found), min(found), max(found)
            of = count(len(found), "log")
            notes.record(one.name, f"{mean:.10g}", f"mean of {of}, {low:.10g} to {high:.10g}")
    if numbers:
        names = ", ".join(one.name for one in numbers)
        notes.state("numbers", "reached" if logs.runs else "not reached", names)


def _judge_limits(one: Number, values: list[tuple[str, float]], notes: Notes) -> None:
    """Add one finding for each limit (the most, the least) of the number ``one`` that any of
    ``values``, pairs of a log's name and its value, is beyond. The finding only warns if the policy
    waives the demand."""
    for word, limit, sign in (("at most", one.at_most, 1), ("at least", one.at_least, -1)):
        beyond = [it for it in values if limit is not None and sign * (it[1] - limit) > 0]
        if limit is not None and beyond:
            names = several([f"{name} ({_show(value)})" for name, value in beyond])
            notes.find(
                "numbers",
                f"{one.name} is beyond its limit in {names}{waive(one.waived)}",
                expected=f"{word} {_show(limit)}",
                actual=_show(max(beyond, key=lambda it: sign * it[1])[1]),
                help="submit runs that keep it",
                warns=bool(one.waived),
            )


def judge_significance(asked: Significance, logs: Logs, sub: Submission, notes: Notes) -> None:
    """Add a finding if the numbers of the runs do not pass the threshold, by the margin and the
    test that the policy names; record the test's result. Fewer than two runs for the t-test, or no
    run for another test, are a finding too. The finding only warns if the policy waives the demand.
    If there is no threshold, only state why."""
    name, values = asked.number, logs.collect(asked.number)
    check = f"significance-{name}"
    less = asked.above is None and (not asked.best_file or asked.best_is == "lowest")
    threshold, why = _find_threshold(asked, sub)
    if threshold is None:
        notes.state(check, "not reached", why)
        return
    threshold += -asked.margin if less else asked.margin
    word = "below" if less else "above"
    wanted = f"{word} {_show(threshold)}"
    if not values or (asked.test == "t" and len(values) < 2):
        words = f"{name} of {count(len(values), 'run')}: a test needs two"
        notes.find(
            check,
            f"{name}: {count(len(values), 'run')} cannot show a mean {wanted}",
            help="add logs of more runs",
            warns=bool(asked.waived),
        )
        notes.state(check, "not reached", words)
        return
    sign = 1 if less else -1
    if asked.test == "t":
        test = compare_below([sign * value for value in values], sign * threshold)
        shown = f"mean {_show(sign * test.mean)}, sd {test.sd:.3g}, n {test.n}"
        shown += f", t {sign * test.t:.4g}, p {test.p:.3g}"
        passed, demand = test.p < asked.p, f"a mean {wanted} with p < {asked.p:g}"
    else:
        mean = statistics.fmean(values)
        worst = max(values, key=lambda value: sign * value)
        decides = mean if asked.test == "mean" else worst
        shown = f"mean {_show(mean)}, worst {_show(worst)}, n {len(values)}"
        passed = sign * (threshold - decides) >= 0
        demand = f"{'a mean' if asked.test == 'mean' else 'every run'} {wanted}"
    notes.record(f"{name} {wanted}", "passed" if passed else "not passed", shown)
    if not passed:
        notes.find(
            check,
            f"{name}: the runs do not show {demand}{waive(asked.waived)}",
            expected=demand,
            actual=shown,
            help="add logs of more runs of this configuration, without leaving any out",
            warns=bool(asked.waived),
        )
    notes.state(check, "reached", f"{demand}: {shown}{why}")


def _find_threshold(asked: Significance, submission: Submission) -> tuple[float | None, str]:
    """Return a tuple: the threshold, without the margin, and a text about its source ("" if the
    policy states it). Without a number in the policy, it is the best value among the records of the
    base. If there is no such value, return None and the reason."""
    if asked.below is not None or asked.above is not None:
        return (asked.below if asked.below is not None else asked.above), ""
    if submission.read_base is None:
        return None, "the records before it are not known: judge a pull request"
    found: list[tuple[float, str]] = []
    for path in submission.base_paths:
        if matches(path, (asked.best_file,)):
            value = read_key(submission.read_base(path), asked.best_key)
            found += [(value, path)] if value is not None else []
    if not found:
        return None, f"no {asked.best_file} of the base has the number {asked.best_key}"
    best, path = min(found) if asked.best_is == "lowest" else max(found)
    return best, f"; the best so far is {_show(best)} of {path}"


def read_key(data: bytes | None, key: str) -> float | None:
    """Return the number at ``key``, a dotted path such as ``a.b``, in ``data``, the bytes of a JSON
    file. A text that states a number counts. None if the file is missing or not JSON, or has no
    finite number there."""
    try:
        value: Any = json.loads(data or b"")
        for part in key.split("."):
            value = value[part]
        number = float(value)
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return None
    return number if abs(number) < float("inf") and not isinstance(value, bool) else None


def waive(waived: str) -> str:
    """Return the words that end a headline if the policy waives its demand, so that the finding
    only warns. ``waived`` is the policy's text about the case for which the demand is waived; for
    "" return ""."""
    return f" (waived for {waived}, which a person judges)" if waived else ""


def _show(value: float) -> str:
    """Return a number as text, with at most eight significant digits."""
    return f"{value:.8g}"
