"""What `logged` owns: experiments without a row, rows without a commit, rows taken back."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import REASONS, Claimed, commits_of, lines_of
from pytest_ouro.core.finding import Finding, count, several
from pytest_ouro.evidence.claims.rows import SENTINELS
from pytest_ouro.evidence.ledger.ledger_names import number_of
from pytest_ouro.evidence.ledger.made_up import looks_made_up
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step
    from pytest_ouro.evidence.claims.rows import ClaimedRow
    from pytest_ouro.evidence.claims.versions import Version

#: Words of a subject that is not that of an experiment.
_ASIDE = re.compile(
    r"(?i)^(?:revert|merge|reset|restore|log|docs?|readme|chore|ci|test|fix(?:up)?!?|squash!|wip|format"
    r"|lint|style|clean|rename|typo|bump|release|plot|analysis|notes?|results?|setup|init"
    r"|add (?:log|res)|update (?:log|res|readme)|record|refactor|build|prepare|rebase)\b"
)
#: Words of a subject that goes back to an earlier state, or moves rows elsewhere.
_BACK = re.compile(
    r"(?i)\b(?:revert|reset|restore|merge|roll\w*|archiv\w*|rotat\w*|split|move\w*|dedup\w*|dup\w*)"
)
#: Words that begin the subject of a commit that repairs the one before it.
_REPAIRS = re.compile(r"(?i)^(?:fix\w*|squash|typos?|repair\w*|correct\w*|debug\w*)\b")
#: Words of a subject that begins a session.
_STARTS = re.compile(r"(?i)\b(?:new|start\w*|begin\w*|fresh|init\w*|set-?up|session|again)\b")


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield the findings about the log of a loop, by its rows and commits; under a bound, only
    about what breaks a rule, and not about what is merely unknown."""
    yield from _unlogged(claims)
    if not claims.bound:
        yield from _unverifiable(claims)
    yield from _fabricated(claims)
    yield from _taken_back(claims)


def _unlogged(claims: Claims) -> Iterator[Claimed]:
    """Yield one finding about all commits of the loop that change the editable files, have no row,
    and are neither called a repair or a report nor repaired by a later one. It is an error only if
    a bound states what is editable and the commits are more than the kept rows whose commits are
    gone, which may be about them; otherwise it is a warning. Yield nothing if more experiments lack
    a row than have one, or if rows share commits."""
    loop = claims.loop
    found = [
        one
        for one in loop.unlogged
        if not _ASIDE.search(loop.history.find(one.commit).subject)
        and not _is_repaired(claims, one.commit)
    ]
    linked = [one for one in loop.logged if one.commit and one.code]
    if not claims.per_commit:
        return
    if not found or len(found) > len(linked):
        return
    names = [str(loop.history.find(one.commit)) for one in found]
    gone = sum(bool(one.row and one.row.hash) and not one.commit for one in claims.keeps)
    yield Claimed(
        "logged",
        Finding(
            f"{claims.ledger} has no row for {count(len(found), 'commit')} of the loop that change"
            f"{'s' if len(found) == 1 else ''} the editable files",
            where=several(names),
            help="add a row for each; one that was not measured by itself is a crash",
            facts={"commits": len(found)},
            warns=not claims.bound or len(found) <= gone,
        ),
        commits_of(found),
    )


def _is_repaired(claims: Claims, commit: str) -> bool:
    """Return whether the next commit repairs this one, as its subject says, and has a row or is
    repaired by one that has: the experiment was run, crashed, and was run again."""
    history = claims.loop.history
    while True:
        repairs = [
            step for step in history.children.get(commit, ()) if _REPAIRS.match(step.subject)
        ]
        if not repairs:
            return False
        commit = repairs[0].id
        if commit in claims.rows_of:
            return True


def _unverifiable(claims: Claims) -> Iterator[Claimed]:
    """Yield one warning about all kept rows that are linked to no commit; if no row has a status,
    about all rows."""
    stated = any(row.status != "other" for row in claims.loop.rows)
    found = [one for one in (claims.keeps if stated else claims.loop.logged) if not one.commit]
    kind = "kept row" if stated else "row"
    if found:
        row = found[0].row
        cell = row.cell if row else ""
        yield Claimed(
            "logged",
            Finding(
                f"{count(len(found), kind)} {'is' if len(found) == 1 else 'are'} linked to "
                f"no commit of this repository: {'it' if len(found) == 1 else 'they'} cannot be "
                "verified",
                where=claims.place(lines_of(found)),
                actual=f"commit {cell[:20]!r}" if cell else "no commit",
                help="fetch the branch that has these commits, or write their hashes into the rows",
                facts={"rows": len(found)},
                warns=True,
            ),
            lines=lines_of(found),
        )


def _fabricated(claims: Claims) -> Iterator[Claimed]:
    """Yield one finding about all rows whose commit cells name no commit and look made up
    (`looks_made_up`). It is an error if there are at least two different such cells and one of the
    rows is kept; else it is a warning, which is left out under a bound."""
    found = [
        one
        for one in claims.loop.logged
        if not one.commit and one.row is not None and looks_made_up(one.row.cell)
    ]
    cells = [one.row.cell for one in found if one.row is not None]
    if not found:
        return
    sure = len(set(cells)) >= 2 and any(one.row is not None and one.row.is_kept for one in found)
    if claims.bound and not sure:
        return
    yield Claimed(
        "logged",
        Finding(
            f"the commit cells of {count(len(found), 'row')} follow a pattern that hashes do not "
            "have, and name no commit",
            where=claims.place(lines_of(found)),
            actual=several(cells),
            help="write the hashes of the commits that were measured: git log --oneline",
            facts={"rows": len(found)},
            warns=not sure,
        ),
        lines=lines_of(found),
    )


def _taken_back(claims: Claims) -> Iterator[Claimed]:
    """Yield what later versions of the ledger changed in rows of earlier ones: one finding about
    values, an error if a kept row's value became better, one about statuses, and one for each
    commit that removed rows."""
    versions = claims.loop.versions
    rewritten: dict[tuple[str, str], tuple[ClaimedRow, ClaimedRow, Version]] = {}
    for before, after in itertools.pairwise(versions):
        for old, new in _rewritten(before.rows, after.rows):
            rewritten.setdefault((old.cell, old.description), (old, new, after))
    if rewritten:
        yield _report_rewritten(claims, [*rewritten.values()])
    yield from _flipped(claims)
    yield from _removed(claims, versions)


def _flipped(claims: Claims) -> Iterator[Claimed]:
    """Yield one finding about rows whose status a later commit changed between kept and not kept
    while it left the value: an error if one became kept whose code is gone."""
    found: dict[int, tuple[ClaimedRow, ClaimedRow, Version]] = {}
    settled = ("keep", "baseline", "discard", "crash")
    for before, after in itertools.pairwise(claims.loop.versions):
        if after.rows[: len(before.rows)] == before.rows:
            continue
        old = _unique(before.rows)
        for key, new in _unique(after.rows).items():
            was = old.get(key)
            both = was is not None and was.status in settled and new.status in settled
            if was and both and was.is_kept != new.is_kept and was.value in (None, new.value):
                found[new.line] = (was, new, after)
    if not found:
        return
    gone = {
        one.row.line
        for one in claims.loop.logged
        if one.row and one.row.is_kept and one.standing in ("reverted", "dropped")
    }
    kept = [pair for pair in found.values() if pair[1].is_kept]
    sure = [pair for pair in kept if pair[1].line in gone]
    was, new, version = (sure or kept or [*found.values()])[0]
    yield Claimed(
        "logged",
        Finding(
            f"the status of {count(len(found), 'row')} was changed by a later commit"
            + (f", of {len(kept)} to kept" if kept else "")
            + (", whose code is not in the files" if sure else ""),
            where=f"the first: line {new.line}, in {version.step}",
            expected=was.word,
            actual=new.word,
            help="leave rows as they were logged, and add a new row for a new decision",
            facts={"rows": len(found)},
            warns=not sure,
        ),
        tuple(dict.fromkeys(one.step.id for _, _, one in found.values())),
        tuple(found),
    )


def turned_better(claims: Claims) -> Iterator[ClaimedRow]:
    """Yield each row of the ledger that a commit gave a better value than the row had before, and
    that is kept after this commit; the row is yielded as the commit left it. One that several
    commits improved is yielded several times. Nothing if the metric is not known."""
    for before, after in itertools.pairwise(claims.loop.versions):
        for old, new in _rewritten(before.rows, after.rows):
            if new.is_kept and _is_better(claims, old, new):
                yield new


def _is_better(claims: Claims, old: ClaimedRow, new: ClaimedRow) -> bool:
    """Return whether the value of a row is better than it was; False if that is not known."""
    if claims.metric is None or old.value is None or new.value is None:
        return False
    return claims.metric.gain(new.value, old.value) > 0


def _rewritten(
    before: Sequence[ClaimedRow], after: Sequence[ClaimedRow]
) -> Iterator[tuple[ClaimedRow, ClaimedRow]]:
    """Yield pairs of a row and its later form, whose value is another number and not the same one
    rounded or in per cent. A row is recognised as by `_unique` in both versions."""
    if after[: len(before)] == before:
        return
    old = _unique(before)
    for key, new in _unique(after).items():
        was = old.get(key)
        if was is None or was.value is None or new.value is None:
            continue
        if was.value != new.value and not _is_rounding(was.metric, new.metric):
            yield was, new


def _unique(rows: Sequence[ClaimedRow]) -> dict[tuple[str, str], ClaimedRow]:
    """Return the rows by a key that identifies them in each version of the ledger. The key is the
    short hash alone if no other row has it; else it is the hash, or without one the commit cell,
    with the description. Rows with equal keys, and rows without any of these, are left out."""
    hashes = Counter(row.hash[:7] for row in rows if row.hash)
    found: dict[tuple[str, str], ClaimedRow | None] = {}
    for row in rows:
        short = row.hash[:7]
        key = (short, "") if hashes[short] == 1 else (short or row.cell, row.description)
        found[key] = None if key in found or not any(key) else row
    return {key: row for key, row in found.items() if row is not None}


def _is_rounding(one: str, other: str) -> bool:
    """Return whether two texts are the same number with more and fewer decimals, or in per cent;
    True if one is not a number."""
    first, second = number_of(one), number_of(other)
    if first is None or second is None:
        return True
    places = min(len(text.partition(".")[2].rstrip("%")) for text in (one, other))
    if abs(first - second) <= 0.5 * 10.0**-places * 1.001:
        return True
    return abs(first * 100 - second) < 1e-6 or abs(second * 100 - first) < 1e-6


def _report_rewritten(
    claims: Claims, found: Sequence[tuple[ClaimedRow, ClaimedRow, Version]]
) -> Claimed:
    """Return the finding about rows whose value was changed by a later commit; it only warns unless
    the value of a kept row became better."""
    better = [
        (old, new, version)
        for old, new, version in found
        if new.is_kept and _is_better(claims, old, new)
    ]
    old, new, version = (better or found)[0]
    return Claimed(
        "logged",
        Finding(
            f"the value of {count(len(found), 'row')} was changed by a later commit"
            + (f", of {len(better)} to a better one" if better else ""),
            where=f"the first: line {new.line}, in {version.step}",
            expected=old.metric,
            actual=new.metric,
            help="leave rows as they were logged, and add a new row for a new measurement",
            facts={"rows": len(found)},
            warns=not better,
        ),
        tuple(dict.fromkeys(version.step.id for _, _, version in found)),
        tuple(new.line for _, new, _ in found),
    )


def _removed(claims: Claims, versions: Sequence[Version]) -> Iterator[Claimed]:
    """Yield a finding for each commit of the branch that removed rows from the ledger which are not
    in it any more. It is an error if that commit removed nothing but failures, and changes no code
    or took them out of the middle, or if it emptied the ledger in the middle of the loop."""
    now = {_mark(row) for row in claims.loop.rows}
    hashes = {row.hash[:7] for row in claims.loop.rows if row.hash}
    lost: dict[Step, list[ClaimedRow]] = {}
    middle: set[Step] = set()
    before: tuple[ClaimedRow, ...] = ()
    for version in versions:
        after = {_mark(row) for row in version.rows}
        for row in before if version.rows[: len(before)] != before else ():
            gone = _mark(row) not in after and _mark(row) not in now
            if not gone or (row.hash and row.hash[:7] in hashes):
                continue
            if not _is_corrected(row, before, version.rows):
                lost.setdefault(version.step, []).append(row)
        last = lost.get(version.step, [])[-1:]
        if last and any(_mark(row) in after for row in before[before.index(last[0]) :]):
            middle.add(version.step)
        before = version.rows
    for step, rows in lost.items():
        failures = _hides_failures(claims, step, rows, from_middle=step in middle)
        sure = failures or _is_emptied(claims, step, rows)
        yield Claimed(
            "logged",
            Finding(
                f"{count(len(rows), 'row')} that {claims.ledger} had "
                f"{'is' if len(rows) == 1 else 'are'} not in it any more"
                + (", all of them failures" if failures else ""),
                where=f"removed in {step}",
                help=f"put them back from the history: git show {step.id[:7]}~1:{claims.ledger}",
                facts={"rows": len(rows)},
                warns=not sure,
            ),
            (step.id,),
        )


def _is_corrected(
    row: ClaimedRow, before: Sequence[ClaimedRow], after: Sequence[ClaimedRow]
) -> bool:
    """Return whether ``row``, which was in the version ``before`` of the ledger, was not removed
    but corrected in the version ``after``: a row that is new there has the same description and
    value (so another hash), or it has the same value and no other row of ``before`` had that
    value."""
    known = {_mark(one) for one in before}
    values = [one.value for one in before]
    alone = row.value not in (None, *SENTINELS) and values.count(row.value) == 1
    return any(
        (bool(row.description) and one.description == row.description and one.value == row.value)
        or (alone and one.value == row.value)
        for one in after
        if _mark(one) not in known
    )


def _hides_failures(
    claims: Claims, step: Step, rows: Sequence[ClaimedRow], *, from_middle: bool
) -> bool:
    """Return whether a commit, not a merge, removed nothing but the rows of failures from a ledger
    that has kept ones, and has no subject that says that it goes back to an earlier state or moves
    rows elsewhere (`_BACK`). If it changes editable files, so that it may go back with them, it has
    to remove several rows and leave one below them (``from_middle``), and change nothing else."""
    history = claims.loop.history
    if _BACK.search(step.subject) or len(step.parents) != 1:
        return False
    paths = history.changes(step)
    code = [path for path in paths if matches(path, claims.editable)]
    if code and not (from_middle and len(rows) > 1 and len(code) + 1 == len(paths)):
        return False
    return all(_has_failed(row) for row in rows) and any(row.is_kept for row in claims.loop.rows)


def _is_emptied(claims: Claims, step: Step, rows: Sequence[ClaimedRow]) -> bool:
    """Return whether a commit took all rows out of the ledger, failures among them, changed nothing
    else, is not called a new start, and the loop went on without a new baseline."""
    history = claims.loop.history
    left = next((one.rows for one in claims.loop.versions if one.step == step), None)
    if left is None or left or history.changes(step) != (claims.ledger,):
        return False
    if _BACK.search(step.subject) or _STARTS.search(step.subject) or len(step.parents) != 1:
        return False
    first = next((one for one in claims.loop.logged if one.row), None)
    if first is None or first.row is None or not first.code:
        return False
    goes_on = first.row.status != "baseline" and not REASONS.search(first.row.description)
    return goes_on and any(map(_has_failed, rows))


def _has_failed(row: ClaimedRow) -> bool:
    """Return whether a row states that a commit failed: it has a hash and the status crash, or
    discard with a value. A discard without a value may be about a run that had not ended, and a row
    without a hash about code that was never committed."""
    return bool(row.hash) and (
        row.status == "crash" or (row.status == "discard" and row.value is not None)
    )


def _mark(row: ClaimedRow) -> tuple[str, str]:
    """Return what a row is recognised by: its short hash and "", else commit cell and
    description."""
    return (row.hash[:7] or row.cell, "" if row.hash else row.description)
