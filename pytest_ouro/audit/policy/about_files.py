"""Judge the files of a submission: those that it must have, those that a pull request may change,
their size, lines that the rule refuses, and numbers that they claim."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.audit.policy.about_runs import read_key, waive
from pytest_ouro.core.finding import several
from pytest_ouro.evidence.paths import inside, matches, matching

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.audit.policy.logs import Logs
    from pytest_ouro.audit.policy.notes import Notes
    from pytest_ouro.audit.policy.submission import Submission
    from pytest_ouro.audit.policy.tables import Artefact, Claim, Files, Refused

#: The characters of a line that a pattern is tried on.
_LONG = 2_000


def judge_required(asked: Files, submission: Submission, notes: Notes) -> None:
    """Add a finding for each glob of required files in the policy that matches no file in the
    submitted record's folder, and a statement with the globs that were checked."""
    for glob in asked.required:
        if not any(matches(name, (glob,)) for name in submission.names):
            notes.find(
                "required-files",
                f"{submission.folder} has no {glob}, which the rule demands",
                help=f"add it: {submission.folder}/{glob}",
            )
    words = several(list(asked.required)) or "the policy names none"
    notes.state("required-files", "reached" if asked.required else "not checked", words)


def judge_allowed(asked: Files, submission: Submission, notes: Notes) -> None:
    """Add findings if a pull request changes files outside of its record that the policy does not
    allow, changes or deletes files of its record where it may only add them, or changes other
    records. A folder alone is not judged, which is stated."""
    if submission.read_base is None:
        words = "a folder alone has no base: judge the pull request"
        notes.state("allowed-files", "not checked", words)
        return
    outside = [
        path
        for path in submission.changes
        if not inside(path, submission.folder) and not matches(path, asked.allowed)
    ]
    if outside:
        notes.find(
            "allowed-files",
            f"the pull request changes {several(outside)}, outside of {submission.folder}",
            path=outside[0],
            help="leave only the record in it",
        )
    changed = {
        path: kind
        for path, kind in submission.changes.items()
        if kind != "added" and path not in outside and not matches(path, asked.allowed)
    }
    if asked.only_adds and changed:
        path, kind = next(iter(changed.items()))
        notes.find(
            "allowed-files",
            f"{several(list(changed))} {kind}: a pull request only adds a record",
            path=path,
            help="add the record in a folder of its own",
        )
    if submission.others:
        notes.find(
            "allowed-files",
            f"it also changes other records: {several(list(submission.others))}",
            help="submit one record in a pull request",
        )
    notes.state("allowed-files", "reached", f"all {len(submission.changes)} changed files")


def judge_refused(asked: Sequence[Refused], submission: Submission, notes: Notes) -> None:
    """Add a finding for each line that a pull request adds and that a [[refused]] table of the
    policy forbids. White space around a line does not count; a comment, a line that then begins
    with ``#``, is left out. A line that the base's file has as often is not added. What is not
    searched in full is stated: a changed file that cannot be read, an added line of more than
    `_LONG` characters, and, as a whole, a folder alone. Nothing is done if ``asked`` is empty."""
    if not asked:
        return
    if submission.read_base is None:
        words = "a folder alone has no base: judge the pull request"
        notes.state("refused-lines", "not checked", words)
        return
    missed: list[str] = []
    for one in asked:
        pattern = re.compile(one.pattern)
        for path in matching(submission.changes, one.files):
            before, after = submission.read_base(path), submission.read(path)
            if after is None and submission.changes[path] != "deleted":
                missed.append(path)
            missed += [f"{path}:{line}" for line in _find_long(before, after)]
            old, new = _find_lines(pattern, before), _find_lines(pattern, after)
            known = [text for _, text in old]
            for line, text in new:
                if text in known:
                    known.remove(text)
                    continue
                notes.find(
                    "refused-lines",
                    f"{path}:{line} adds a line that the rule refuses: {one.why}",
                    path=path,
                    line=line,
                    actual=text,
                    help="take the line out",
                )
    if missed:
        words = f"not searched in full: {several(list(dict.fromkeys(missed)))}"
        notes.state("refused-lines", "not reached", words)
    else:
        notes.state("refused-lines", "reached", several([one.why for one in asked]))


def _find_lines(pattern: re.Pattern[str], data: bytes | None) -> list[tuple[int, str]]:
    """Return the number, from 1, and the text, without white space around it, of each line with a
    match of the pattern in the first `_LONG` characters of that text. Comments (a text that begins
    with ``#``) are left out; [] if ``data`` is None."""
    return [(n, text) for n, text in _read_code(data) if pattern.search(text[:_LONG])]


def _find_long(before: bytes | None, after: bytes | None) -> list[int]:
    """Return the numbers, from 1, of the lines of more than `_LONG` characters, of which a pattern
    sees no more, that ``after`` has more often than ``before``; of equal lines the last ones. White
    space around a line does not count. Comments (a text that then begins with ``#``) are left out.
    """
    known = Counter(text for _, text in _read_code(before))
    found = []
    for n, text in _read_code(after):
        if len(text) > _LONG and not known[text]:
            found.append(n)
        known[text] -= 1
    return found


def _read_code(data: bytes | None) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text, without white space around it, of each line but
    comments (a text that begins with ``#``); nothing if ``data`` is None."""
    lines = (data or b"").decode(errors="replace").splitlines()
    code = ((n, line.strip()) for n, line in enumerate(lines, 1))
    return ((n, text) for n, text in code if not text.startswith("#"))


def judge_artefact(asked: Artefact, submission: Submission, logs: Logs, notes: Notes) -> None:
    """Add a finding if the artefact has more bytes than the policy allows; it only warns if the
    policy waives the demand. The size is the sum of the files in the record's folder that the
    policy's globs match. If the policy names a number of the logs (``plus``), the last value of it
    in each log is read, and the largest of these is added. A statement gives the size. If a file
    cannot be read, the globs match none, or, with ``plus``, a log cannot be read or no log states
    the number, the size is not known: the statement says why, and no finding is added."""
    names = matching(submission.names, asked.files)
    sizes = {name: submission.read_inside(name) for name in names}
    unread = [name for name, data in sizes.items() if data is None]
    if asked.plus:  # a log that cannot be read may state the largest number
        unread += [name for name in logs.unread if name not in unread]
    size = sum(len(data) for data in sizes.values() if data is not None)
    words = f"{several(names)}: {size:,} bytes" if names else "no file counts"
    stated = logs.collect(asked.plus) if asked.plus else [0.0]
    if unread or not stated or (asked.files and not names):
        missing = several(unread) or (asked.plus if not stated else several(list(asked.files)))
        notes.state("artefact-size", "not reached", f"not known: {missing}")
        return
    total = size + max(stated)
    words += f", and at most {max(stated):,.0f} bytes that the logs state" if asked.plus else ""
    notes.state("artefact-size", "reached", f"{words}: {total:,.0f} bytes")
    if total > asked.at_most:
        notes.find(
            "artefact-size",
            f"the artefact has {total:,.0f} bytes ({words}){waive(asked.waived)}",
            expected=f"at most {asked.at_most:,} bytes",
            actual=f"{total:,.0f} bytes",
            help="make it smaller",
            warns=bool(asked.waived),
        )


def judge_claims(asked: Sequence[Claim], submission: Submission, logs: Logs, notes: Notes) -> None:
    """For each [[claim]] of the policy, add a finding if the number in the record's JSON file is
    neither the mean of the logs nor, if the policy accepts that, the value of one log, within the
    tolerance. A number that is missing in the file or in all logs is stated. The finding only warns
    if a log states several values of the number."""
    for one in asked:
        check = f"claim-{one.key}"
        path = submission.place(f"{{folder}}/{one.file}")
        claimed = read_key(submission.read_inside(one.file), one.key)
        values = logs.collect(one.number)
        if claimed is None or not values:
            what = f"{one.key} in {path}" if claimed is None else f"{one.number} in the logs"
            notes.state(check, "not reached", f"no number {what}")
            continue
        shown = f"{one.key} = {claimed:.8g} in {path}"
        found = [statistics.fmean(values), *(values if one.of == "any" else ())]
        several_values = any(len(run.values[one.number]) > 1 for run in logs.runs)
        nearest = min(found, key=lambda value: abs(value - claimed))
        if abs(nearest - claimed) > one.tolerance + 1e-12 * abs(claimed):
            of = "the mean of the logs" if one.of == "mean" else "the nearest of the logs"
            notes.find(
                check,
                f"{shown}, and {of} is {nearest:.8g}",
                path=path,
                expected=f"{nearest:.8g}, within {one.tolerance:g}",
                actual=f"{claimed:.8g}",
                help="state what the logs show",
                warns=several_values,
            )
        notes.state(check, "reached", shown)
