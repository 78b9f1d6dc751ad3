"""Judge a submission by a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.policy.about_files import (
    judge_allowed,
    judge_artefact,
    judge_claims,
    judge_refused,
    judge_required,
)
from pytest_ouro.audit.policy.about_regions import judge_region
from pytest_ouro.audit.policy.about_runs import (
    judge_count,
    judge_numbers,
    judge_significance,
    read_runs,
)
from pytest_ouro.audit.policy.configuration import choose_configuration
from pytest_ouro.audit.policy.logs import Logs, read_logs
from pytest_ouro.audit.policy.notes import Notes
from pytest_ouro.audit.result import Audit
from pytest_ouro.core.finding import several
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from pytest_ouro.audit.policy.submission import Submission
    from pytest_ouro.audit.policy.tables import Policy


def judge(policy: Policy, submission: Submission) -> Audit:
    """Return the audit of a submission by a policy: its findings, a statement for each part of the
    policy on how far it was judged, and the facts read. Nothing of the submission is run."""
    notes = Notes()
    title = policy.title
    published = ", ".join(filter(None, (title.rules, title.as_of and f"as of {title.as_of}")))
    notes.record("policy", title.name, published or "the policy file states it")
    notes.record("record", submission.folder, f"{len(submission.names)} files")
    judge_required(policy.files, submission, notes)
    judge_allowed(policy.files, submission, notes)
    judge_refused(policy.refused, submission, notes)
    logs = judged = Logs((), (), ())
    if policy.runs is not None:
        logs = read_logs(policy.runs, policy.numbers, submission)
        whole = read_runs(policy.runs, policy.numbers, logs, submission, notes)
        judged = choose_configuration(policy.runs, policy.numbers, whole, submission, notes)
        judge_count(policy.runs, judged, submission, notes)
        judge_numbers(policy.numbers, judged, notes)
    for test in policy.tests:
        judge_significance(test, judged, submission, notes)
    for region in policy.regions:
        judge_region(region, submission, notes)
    if policy.artefact is not None:
        judge_artefact(policy.artefact, submission, judged, notes)
    judge_claims(policy.claims, submission, judged, notes)
    _state_rest(policy, submission, logs, notes)
    return Audit(
        subject=submission.subject,
        head=submission.head,
        inferences=tuple(notes.facts),
        statements=tuple(notes.statements),
        findings=tuple(notes.findings),
        notes=("what the logs say is claimed: nothing was run, and a log can be made up",),
    )


def _state_rest(policy: Policy, submission: Submission, logs: Logs, notes: Notes) -> None:
    """State which files of the record no part of the policy names, or that there are none, so that
    a reader knows how complete the judgement is. ``[[refused]]`` does not count."""
    known = {*(run.name for run in logs.runs), *logs.unread, *logs.excluded}
    globs = (*policy.files.required, *(policy.artefact.files if policy.artefact else ()))
    prefix = f"{submission.folder}/"
    named = [submission.place(r.file).removeprefix(prefix) for r in policy.regions]
    named += [claim.file for claim in policy.claims]
    if policy.runs and policy.runs.script:
        named.append(submission.place(policy.runs.script).removeprefix(prefix))
    rest = [
        name
        for name in submission.names
        if name not in known and name not in named and not matches(name, globs)
    ]
    if rest:
        notes.state("other-files", "not checked", f"no part of the policy reads {several(rest)}")
    else:
        notes.state("other-files", "reached", "the policy covers every file of the record")
