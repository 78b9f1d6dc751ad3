"""Apply the rules of a bound to a commit and to each one between trust and it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.core import limits
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import Answer, check_all, check_rule, demand_commit, open_commit
from pytest_ouro.evidence import trust as trusts
from pytest_ouro.evidence.evidence import Evidence
from pytest_ouro.evidence.paths import join
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.evidence.trust import Trust
from pytest_ouro.messages import limits as limit_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.bound.read import Rule
    from pytest_ouro.core.finding import Finding, RuleResult, Status
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.repository import Commit

    #: What earlier commits broke, by its identity, with those commits, oldest first.
    _Undone = dict[frozenset[str], tuple[Finding, list[Commit]]]


def judge_commit(
    git: Git,
    revision: str,
    *,
    bound: str = "",
    trust: str | None = None,
    trust_by: str = "--trust",
) -> list[Answer]:
    """Check the commit ``revision`` and the commits between trust and it, as `check_history` does.
    Return a list of one answer or, if ``bound`` is a glob, of one answer for each bound.toml that
    it matches in the trusted commit. The parameters are those of `open_commit`.

    Raise the errors of `open_commit` and `check_history`; TrustError if the glob matches nothing in
    the trusted commit, or if ``revision`` has a bound.toml of the glob that the trusted commit
    lacks.
    """
    from pytest_ouro.bound.truth import is_glob, select_bounds

    paths = [bound]
    if several := is_glob(bound):
        trusted = trusts.named(git, asked=trust, asked_by=trust_by)[0]
        paths = select_bounds(git, bound, trusted, demand_commit(git, revision))
    answers = []
    for path in paths:
        case = open_commit(git, revision, bound=path, trust=trust, trust_by=trust_by)
        answers.append(Answer(case, check_history(case), path if several else ""))
    return answers


def check_history(case: Case) -> list[RuleResult]:
    """Apply every rule to the checked commit, and each rule that is not skipped there to the
    commits between trust and it that `_list_earlier_commits` yields. Return one result for each
    rule, in the order of the bound. Raise OuroError as from `check_rule`, LimitError if there are
    too many commits.

    What a commit breaks is reported even if a later one reverts it, but not again if the checked
    commit still has it. Findings that only warn are not reported of earlier commits, unless the
    severity of the rule is ``warn``.
    """
    results = check_all(case)
    rules = case.bound.rules
    asked = [n for n, result in enumerate(results) if result.status != "skipped"]
    known = {n: {part for f in results[n].findings for part in f.identity} for n in asked}
    undone: dict[int, _Undone] = {n: {} for n in asked}
    for commit, evidence in _list_earlier_commits(case) if asked else ():
        for n in asked:  # every rule at once: the files of all commits would fill the memory
            for finding in check_rule(rules[n], evidence).findings:
                warns = finding.warns and rules[n].severity != "warn"
                if not (warns or finding.identity <= known[n]):
                    undone[n].setdefault(finding.identity, (finding, []))[1].append(commit)
    for n in asked:
        if undone[n]:
            results[n] = _with_undone(case, rules[n], results[n], undone[n])
    return results


def _with_undone(case: Case, rule: Rule, result: RuleResult, undone: _Undone) -> RuleResult:
    """Return the result of a rule with a further finding for each in ``undone``: what earlier
    commits broke and later ones undid. The result becomes broken, or warned if the severity of the
    rule is ``warn``."""
    further = [_describe_undone(case, finding, commits) for finding, commits in undone.values()]
    status: Status = "warned" if rule.severity == "warn" else "broken"
    reason = rule.reason if status == "warned" else ""
    return replace(result, status=status, findings=(*result.findings, *further), reason=reason)


def _describe_undone(case: Case, finding: Finding, commits: list[Commit]) -> Finding:
    """Return a copy of a finding of earlier commits whose violation later commits undid. Its
    ``where`` names the first of these ``commits`` and the number of the others; its ``help`` says
    by which git command a person joins the commits into one."""
    more = f" and {len(commits) - 1} more commits" if commits[1:] else ""
    oldest = case.repository.on_branch(commits[0])
    help = (
        f"git reset --soft {oldest[:7]}~1, then git commit: that joins the commits, and keeps the "
        "present files"
    )
    return replace(finding, where=f"in {commits[0]}{more}, undone since", help=help)


def _list_earlier_commits(case: Case) -> Iterator[tuple[Commit, Evidence]]:
    """Yield pairs: a commit between trust and the checked one, oldest first (both of these left
    out), and the evidence by which to check it, of that commit compared with trust.

    A commit that does not descend from trust is compared with their merge base, if bound.toml was
    the same there; otherwise it is left out. Raise LimitError if the number of commits times the
    files of the checked one is above the limit.
    """
    git, trust, head = case.repository.git, case.trust, case.repository.head
    files = len(case.repository.head_tree)
    commits = [commit for commit in case.repository.commits if commit.id != head]
    if len(commits) * files > limits.JUDGED_PATHS:
        raise limit_messages.too_many_commits(limits.JUDGED_PATHS // files)
    references: dict[str, Trust | None] = {trust.commit: trust}
    for commit in commits:
        parents = git.store.commit(commit.id)[1]
        if any(references.get(parent) is trust for parent in parents):
            reference: Trust | None = trust
        elif len(parents) == 1 and parents[0] in references:  # it has the merge base of its parent
            reference = references[parents[0]]
        else:
            base = git.line("merge-base", trust.commit, commit.id)
            reference = _trust_at(case, base) if base else None
        references[commit.id] = reference
        if reference is not None:
            repository = Repository(git, subject="commit", head=commit.id, tip=head)
            yield commit, Evidence(case.bound.layout, repository, reference)


def _trust_at(case: Case, base: str) -> Trust | None:
    """Return a trust whose reference for every file is the commit ``base``, in place of the case's;
    None if bound.toml was absent in that commit, or not equal to the trusted one."""
    path = join(case.bound.folder, bounds.NAME)
    rules = trusts.present(case.repository.git, path, base)
    if rules is None or rules != case.trust.read(path):
        return None
    return Trust(case.repository.git, case.trust.source, base, lock_path=case.trust.lock_path)
