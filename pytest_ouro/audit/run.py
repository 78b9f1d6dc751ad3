"""Audit a past run: find its ledger, rebuild its loop, judge it, and say how far that reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.inference.metric import infer_direction, infer_metric
from pytest_ouro.audit.inference.project import infer_layout
from pytest_ouro.audit.inference.subject import find_subject
from pytest_ouro.audit.reading import explain_words, read_first
from pytest_ouro.audit.result import Audit, AuditFinding, Counts, Inference
from pytest_ouro.audit.verdict.judge import Judgement, judge
from pytest_ouro.audit.verdict.kept import draw_curve, find_best, judge_kept
from pytest_ouro.audit.verdict.statements import make_statements
from pytest_ouro.audit.verdict.weigh import weigh
from pytest_ouro.audit.words import number
from pytest_ouro.checks import judge_claims
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.metric import Metric
from pytest_ouro.evidence.claims import loop as loops
from pytest_ouro.evidence.claims import tables
from pytest_ouro.evidence.claims.claims import Claims
from pytest_ouro.evidence.claims.commits import MOST, History
from pytest_ouro.evidence.claims.link import Linker
from pytest_ouro.evidence.claims.versions import added_by
from pytest_ouro.evidence.paths import matches, matching
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.audit.inference.layout import Layout
    from pytest_ouro.audit.inference.subject import Subject
    from pytest_ouro.audit.options import Options
    from pytest_ouro.audit.reading import Work
    from pytest_ouro.evidence.claims.commits import Step
    from pytest_ouro.evidence.claims.ledger_file import LedgerFile
    from pytest_ouro.evidence.claims.loop import Loop
    from pytest_ouro.evidence.claims.rows import ClaimedRow, Rows
    from pytest_ouro.evidence.claims.versions import Version


def audit(options: Options) -> Audit:
    """Audit what the options name. Nothing of the audited repository is executed. Raise OuroError
    if there is no repository, no commit, or no ledger with a row, or if what an option names is not
    there."""
    subject = find_subject(options.subject)
    try:
        return _audit(subject, options)
    finally:
        subject.git.close()


def _audit(subject: Subject, options: Options) -> Audit:
    """Return the audit of a subject. Raises as `audit`."""
    history = History(subject.git, subject.head)
    file, faults = _find_ledger(subject, history, options)
    first = read_first(file, history, options)
    start, _ = loops.extent(history, first.reading.rows, first.links, first.work)
    steps = (history.find(commit) for commit in first.commits)
    work = [history.changes(step) for step in steps if step.parents]
    layout = infer_layout(
        subject.git,
        start or subject.since or _oldest(history),
        work,
        file.path,
        options,
        first.reading.metric,
        subject.folder,
    )
    layout = _follow(history, layout)
    name = infer_metric(
        first.reading.ledger, options.metric, layout.metric, layout.said, first.reading.found
    )
    reading = first.reading.named(name.value)
    rows = reading.rows
    stated = layout.direction if layout.metric == name.value else ""
    if layout.prose.file:
        named = name.value and name.value.lower() in layout.prose.whole.lower()
        stated = layout.prose.direction(name.value) if named else ""
    direction, why = infer_direction(
        name.value, reading.ledger.text.text, rows, options.direction, stated
    )
    known = Metric.named(name.value, direction) if name.value and direction else None
    same = reading is first.reading
    versions = first.versions if same else reading.versions(history)
    loop = _build(subject, history, reading.read, versions, layout, first.work)
    evaluate = layout.bound.layout.evaluate if layout.bound else ""
    claims = Claims(
        loop,
        file.path,
        known,
        layout.editable,
        layout.frozen,
        evaluate if evaluate.isidentifier() else "",
        layout.prose.whole,
        budget=layout.budget,
    )
    judged = judge(loop, layout.bound) if layout.bound and loop.steps else None
    findings = _findings(claims, layout, judged)
    unjudged = "" if judged else "the rules of the loop are not known, so its code was not judged"
    if claims.unread:
        unjudged = f"the code cannot be read: {next(iter(claims.unread))}"
    kept = judge_kept(claims, findings, unjudged)
    claimed_best, honest_best = find_best(claims, kept, known)
    return Audit(
        subject=subject.name,
        head=subject.head,
        start=loop.start,
        end=loop.end,
        ledger=file.path,
        metric=known,
        inferences=(
            Inference("ledger", file.path, _why_ledger(file, options, rows)),
            *explain_words(reading),
            name,
            why,
            *layout.inferences,
            *_extent(loop),
        ),
        statements=make_statements(claims, layout, judged),
        findings=findings,
        kept=kept,
        claimed_best=claimed_best,
        honest_best=honest_best,
        curve=draw_curve(claims, kept, known),
        counts=_count(claims),
        notes=_notes(subject, history, loop, faults),
    )


def _follow(history: History, layout: Layout) -> Layout:
    """Return the layout with more editable paths: those to which commits move editable files
    without changing them."""
    editable = list(layout.editable)
    for step in history.steps:
        if len(step.parents) == 1:
            new = loops.moved(history, step, editable).values()
            editable += [path for path in new if not matches(path, editable)]
    return replace(layout, editable=tuple(editable))


def _find_ledger(
    subject: Subject, history: History, options: Options
) -> tuple[LedgerFile, tuple[str, ...]]:
    """Return the ledger and, in words, which files look like one and cannot be read (() if an
    option names the ledger). Raise RecordError if no file can be one; LimitError if the one that an
    option names is too large."""
    if options.ledger:
        return tables.read_given(options.ledger, history, subject.top), ()
    file, faults = tables.find(history, subject.top, subject.folder)
    if file is None and subject.top is None and subject.git.head:
        tracked = frozenset(subject.git.tree(subject.git.head))
        file, faults = tables.find(history, subject.git.top, without=tracked)
    if file is None:
        raise messages.nothing_to_audit(subject.name, list(faults))
    return file, faults


def _build(
    subject: Subject,
    history: History,
    read: Rows,
    versions: tuple[Version, ...],
    layout: Layout,
    work: Work,
) -> Loop:
    """Return the loop of the rows ``read``. Commits of experiments are those that change an
    editable file; if the layout names none, those that ``work`` says. The loop starts after
    ``subject.since`` at the earliest."""

    def is_work(step: Step) -> bool:
        """Return whether a commit, not a merge, changes an editable file; what `work` says if the
        layout names none."""
        if not layout.editable:
            return work(step)
        return len(step.parents) == 1 and bool(matching(history.changes(step), layout.editable))

    links = Linker(history, added_by(versions), is_work).link(read.rows)
    start, end = loops.extent(history, read.rows, links, is_work)
    if subject.since:
        start, end = _limited(history, start, subject.since), end or subject.head
    return loops.build(
        history,
        (start, end),
        read,
        links,
        editable=layout.editable,
        versions=versions,
    )


def _limited(history: History, start: str, since: str) -> str:
    """Return the later of the commit that the loop starts from and that of the range."""
    places = {step.id: step.place for step in history.steps}
    return start if places.get(start, -1) > places.get(since, -1) else since


def _oldest(history: History) -> str:
    """Return the full id of the oldest commit of the branch that was read; that of the last commit
    if none was."""
    return history.branch[0].id if history.branch else history.head


def _findings(claims: Claims, layout: Layout, judged: Judgement | None) -> tuple[AuditFinding, ...]:
    """Return all findings, without repeats (`_once`): errors first, then in the order of the
    history, those about no commit last."""
    found = [*weigh(judged.broken, claims, layout)] if judged else []
    known = {(one.check, one.commits) for one in found if one.severity == "error"}
    found += [
        AuditFinding(*claimed)
        for claimed in judge_claims(claims)
        if claimed.check != "evaluation" or (claimed.check, claimed.commits) not in known
    ]
    places = {step.id: n for n, step in enumerate(claims.loop.steps)}
    return tuple(
        sorted(
            _once(found),
            key=lambda one: (
                one.severity != "error",
                min((places.get(c, 0) for c in one.commits), default=len(places)),
            ),
        )
    )


def _once(found: Sequence[AuditFinding]) -> list[AuditFinding]:
    """Return the findings without those that repeat another: of several about one change, the most
    severe one stays, of equal ones the first. Findings by `frozen` and `frozen-symbol` are about
    one change if they name one file and the same commits, those by `dependencies` if they name the
    same commits."""
    best: dict[object, AuditFinding] = {}
    for one in found:
        for key in _keys(one):
            known = best.setdefault(key, one)
            if known.severity != "error" and one.severity == "error":
                best[key] = one
    return [one for one in found if not _keys(one) or any(best[key] is one for key in _keys(one))]


def _keys(one: AuditFinding) -> list[object]:
    """Return a key for each change that a finding is about, by which `_once` finds other findings
    about the same change; [] if the check's findings do not repeat another's."""
    if one.check == "dependencies":
        return [(one.check, one.commits)]
    if one.check in ("frozen", "frozen-symbol"):
        return [(path, one.commits) for path in one.finding.paths]
    return []


def _why_ledger(file: LedgerFile, options: Options, rows: Sequence[ClaimedRow]) -> str:
    """Return how the ledger was found, and the number of its rows, as the reason that the audit
    states."""
    if options.ledger:
        return f"given by --ledger; {number(len(rows), 'row')}"
    of = f" {file.commit[:7]}" if file.commit else ""
    why = f"; {file.why}" if file.why else ""
    return f"found in the {file.place}{of}; {number(len(rows), 'row')}{why}"


def _extent(loop: Loop) -> list[Inference]:
    """Return one inference, in a list: the loop as ``START..END`` in short ids ("" if its end is
    not known), and how many rows are linked in which way."""
    how: dict[str, int] = {}
    for one in loop.logged:
        how[one.how or "none"] = how.get(one.how or "none", 0) + 1
    words = {
        "hash": "linked by hash",
        "added": "linked by the commit that adds them",
        "subject": "linked by subject",
        "none": "not linked to a commit",
    }
    linked = ", ".join(f"{many} {words[name]}" for name, many in how.items())
    if not loop.end:
        return [Inference("loop", "", f"rows: {linked}; none to a commit of the branch")]
    value = f"{loop.start[:7]}..{loop.end[:7]}"
    return [Inference("loop", value, f"{number(len(loop.steps), 'commit')}; rows: {linked}")]


def _count(claims: Claims) -> Counts:
    """Return the counts of the audit."""
    loop = claims.loop
    statuses = [row.status for row in loop.rows]
    return Counts(
        rows=len(loop.rows),
        kept=statuses.count("keep") + statuses.count("baseline"),
        discarded=statuses.count("discard"),
        crashed=statuses.count("crash"),
        other=statuses.count("other"),
        unreadable=len(loop.lost),
        unverifiable=sum(not one.commit for one in claims.keeps),
        commits=len(loop.steps),
        unlogged=len(loop.unlogged),
    )


def _notes(
    subject: Subject, history: History, loop: Loop, faults: Sequence[str]
) -> tuple[str, ...]:
    """Return what limits the audit, in whole sentences: ``faults``, which name the files that look
    like a ledger and cannot be read; a shallow clone; commits that were too many to read; no commit
    of the loop on the branch."""
    notes = [f"Not read: {fault}." for fault in faults]
    if subject.git.shallow:
        notes.append("The clone is shallow: nothing is known of older commits.")
    if history.cut:
        notes.append(f"Only the last {MOST} commits were read.")
    if not loop.steps:
        notes.append("No commit of the loop is on this branch, so no commit was judged.")
    return tuple(notes)
