"""The engine: rules × evidence → judgements. Every door calls this and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.checks import CHECKS
from pytest_ouro.core.errors import GitError, OuroError, TrustError
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.core.finding import RuleResult
from pytest_ouro.evidence import trust as trusts
from pytest_ouro.evidence.evidence import Evidence, Layout
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.evidence.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_ouro.bound.read import Bound, Rule
    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.checks import Check
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.records.run_record import MeasuredRun
    from pytest_ouro.evidence.repository import Commit, Subject


#: What stands for the harness of an experiment that has none: no module or function has this name.
_EVALUATION = "evaluate-command"


@dataclass(frozen=True)
class Case:
    """A bound, what it is judged against, and what it is judged from."""

    bound: Bound
    trust: Trust
    evidence: Evidence

    @property
    def repository(self) -> Repository:
        return self.evidence.repository

    @property
    def experiment(self) -> Experiment:
        return self.bound.experiment

    def close(self) -> None:
        """Leave no git running."""
        for git in (self.trust.git, self.repository.git):
            git.close()

    def again(self, measured: MeasuredRun | None = None) -> Case:
        """The same case with nothing observed yet: after a run, the evidence is new."""
        git = Git.discover(self.repository.git.top, index=self.repository.git.index)
        repository = Repository(git, trust=self.repository.trust, subject=self.repository.subject)
        evidence = Evidence(layout(self.bound), repository, self.trust, measured)
        return Case(self.bound, self.trust, evidence)


@dataclass(frozen=True)
class Answer:
    """What the gate says of one case; ``ref`` is how a push calls what was judged."""

    case: Case
    judgements: list[RuleResult]
    ref: str = ""

    @property
    def broken(self) -> bool:
        return any(judgement.broken for judgement in self.judgements)

    @property
    def ran(self) -> list[RuleResult]:
        """The judgements of rules that were not skipped."""
        return [judgement for judgement in self.judgements if judgement.status != "skipped"]

    @property
    def empty(self) -> bool:
        """Whether trust already holds all that was judged, so that no rule could be broken."""
        repository = self.case.repository
        return repository.subject != "working tree" and not (
            repository.commits or repository.staged
        )


def layout(bound: Bound) -> Layout:
    """Where a bound's files lie, as evidence needs it."""
    experiment = bound.experiment
    return Layout(
        folder=bound.folder,
        root=bound.root,
        editable=experiment.editable,
        allowed=experiment.allowed,
        publish=experiment.publish,
        ledger=bound.path(experiment.ledger),
        harness=experiment.harness or _EVALUATION,
        evaluate=experiment.evaluate or _EVALUATION,
        loader=experiment.loader,
        metric=experiment.metric,
        data=tuple(dict.fromkeys(p for e in bound.experiments.values() for p in e.data)),
        run_by_us=tuple(name for name in (experiment.harness, experiment.prepare) if name),
    )


def open_case(
    path: Path,
    *,
    trust: str | None = None,
    trust_by: str = "--trust",
    subject: Subject = "working tree",
    index: str = "",
    rehash: bool = False,
    checks: Mapping[str, type[Check]] | None = None,
) -> Case:
    """Read the trusted rules that belong to the bound.toml at ``path``.

    OuroError (git, trust or bound) says what keeps them from being judged. ``index`` is the
    GIT_INDEX_FILE to keep for a partial commit; ``rehash`` reads all data again; ``checks`` are
    those registered beside ours.
    """
    git = Git.discover(path.parent, index=index)
    bound_path = git.relative(path)
    try:
        Repository(git).head  # noqa: B018 - no commit yet: say so before anything else
        trust_found = trusts.resolve(git, asked=trust, asked_by=trust_by, bound_path=bound_path)
        bound = _rules(trust_found, bound_path, checks)
    except OuroError:
        git.close()  # whoever keeps the error would keep it running
        raise
    repository = Repository(git, trust=trust_found.commit, subject=subject)
    evidence = Evidence(layout(bound), repository, trust_found, rehash=rehash)
    return Case(bound, trust_found, evidence)


def open_commit(
    git: Git, revision: str, *, bound: str = "", trust: str | None = None, named: bool = True
) -> Case:
    """The case of one commit, as git objects alone: nothing is read from any working tree.

    ``bound`` is bound.toml's path in the repository, by default the nearest to ``git.prefix``.
    ``named``: the trusted commit must be named from outside; else a bound.lock of the judged
    commit itself will do.
    """
    head = git.commit(revision)
    if not head:
        raise GitError(f"'{revision}' names no commit", help="git fetch it, or fix the name")
    commit, _ = trusts.named(git, asked=trust)
    if named and not commit:
        raise TrustError(
            "no trusted commit was named: a commit cannot vouch for its own rules",
            help="name one: --trust REF (in CI: the commit of the base branch), "
            "or git config ouro.trust <commit>",
        )
    path = bound or _nearest_bound(git, commit or head)
    found = trusts.resolve(git, asked=trust, bound_path=path, read_at="" if commit else head)
    rules = _rules(found, path)
    repository = Repository(git, trust=found.commit, subject="commit", head=head)
    return Case(rules, found, Evidence(layout(rules), repository, found))


def _nearest_bound(git: Git, commit: str) -> str:
    """The bound.toml of a commit that is nearest to where the question was asked."""
    tree, folder = git.tree(commit), git.prefix
    while True:
        path = f"{folder}/{bounds.NAME}".lstrip("/")
        if path in tree:
            return path
        if not folder:
            raise TrustError(
                f"commit {commit[:7]} has no {bounds.NAME} here or above: no trusted rules",
                help="name a commit that holds it (--trust REF), or the file: --bound PATH",
            )
        folder = folder.rpartition("/")[0]


def _rules(trust: Trust, path: str, checks: Mapping[str, type[Check]] | None = None) -> Bound:
    """The trusted rules."""
    data = trust.read(path)
    if data is None:
        raise TrustError(
            f"trust {trust} has no {path}: there are no trusted rules",
            help="name a commit that holds it",
        )
    folder = path.rpartition("/")[0]
    help = f"the trusted rules are those of {trust}; to replace them, {trust.renewal}"
    return bounds.parse(
        bounds.decode(data, path), folder=folder, name=path, checks=checks, help=help
    )


def judge(rule: Rule, evidence: Evidence) -> RuleResult:
    """Whether one rule holds."""
    said = (rule.key, rule.sentence, rule.line, rule.check)
    if rule.checker.stage == "human":
        return RuleResult(*said, "skipped", reason=f"only a person can judge it: {rule.reason}")
    if reason := _no_run_for(rule, evidence) or rule.checker.skipped(evidence):
        return RuleResult(*said, "skipped", reason=reason)
    findings = _findings(rule, evidence)
    if not findings:
        return RuleResult(*said, "holds")
    if rule.severity == "warn" or all(finding.warns for finding in findings):
        return RuleResult(*said, "warned", findings, reason=rule.reason)
    return RuleResult(*said, "broken", findings)


def _findings(rule: Rule, evidence: Evidence) -> tuple[Finding, ...]:
    """The findings of a rule. OuroError where the check of a package has a fault."""
    try:
        return tuple(rule.checker.findings(evidence))
    except OuroError:
        raise
    except Exception as error:
        if rule.check in CHECKS:
            raise
        last = error.__traceback__
        while last and last.tb_next:
            last = last.tb_next
        where = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last else ""
        raise OuroError(
            f"{rule.key}: the check '{rule.check}' failed at {where}: "
            f"{type(error).__name__}: {error}",
            help="fix it in the package that it comes from",
        ) from error


def _no_run_for(rule: Rule, evidence: Evidence) -> str:
    """Why there is no run or record that this rule could judge here; "" where there is one.

    A rule about a run judges that run: when it is measured, and later while what was run is still
    there. It never judges the next commit, or nobody could commit what fixes the run.
    """
    stage, subject = rule.checker.stage, evidence.repository.subject
    if stage == "repository":
        return ""
    if subject == "commit":
        return "about the runs of a machine, not about a commit"
    if stage == "run" and subject == "index":
        return "about a run, not about the next commit"
    if stage == "run" and evidence.run is None:
        return "no run recorded of what is here" if evidence.runs else "no run recorded yet"
    if stage == "ledger" and not _has_records(evidence):
        return "no run recorded yet"
    return ""


def _has_records(evidence: Evidence) -> bool:
    """Whether anything was recorded. Records that are gone are a fault of the journal."""
    return bool(evidence.ledger.exists or evidence.journal_fault or evidence.all_runs)


def judge_all(case: Case) -> list[RuleResult]:
    """Every rule, in the order of the bound."""
    return [judge(rule, case.evidence) for rule in case.bound.rules]


def judge_history(case: Case) -> list[RuleResult]:
    """Every rule on the judged commit, and on each commit between trust and it: a bad commit and
    its revert are still a bad commit."""
    judgements = judge_all(case)
    at = [n for n, judgement in enumerate(judgements) if judgement.status == "holds"]
    bad: dict[int, list[tuple[Commit, RuleResult]]] = {}
    for commit, evidence in _on_the_way(case):
        for n in at:
            judgement = judge(case.bound.rules[n], evidence)
            if judgement.broken or (case.bound.rules[n].severity == "warn" and judgement.findings):
                bad.setdefault(n, []).append((commit, judgement))
    for n, commits in bad.items():
        commit, judgement = commits[0]
        more = f" and {len(commits) - 1} more commits" if len(commits) > 1 else ""
        judgements[n] = replace(
            judgement,
            findings=tuple(
                replace(
                    finding,
                    where=f"in {commit}{more}, undone since",
                    help="a revert leaves the bad commit in the history: "
                    f"git rebase -i {commit.id[:7]}~1 and drop it",
                )
                for finding in judgement.findings
            ),
        )
    return judgements


def _on_the_way(case: Case) -> Iterator[tuple[Commit, Evidence]]:
    """The commits between trust and the judged one, each as a tree of its own.

    What lies beside trust is compared with where it left trust's history, if the rules were the
    same there.
    """
    git, trust, head = case.repository.git, case.trust, case.repository.head
    commits = [commit for commit in case.repository.commits if commit.id != head]
    if not commits:
        return
    after = {trust.commit}  # and all that descends from it
    for commit in commits:
        truth: Trust | None = trust
        if after.isdisjoint(git.store.commit(commit.id)[1]):
            base = git.line("merge-base", trust.commit, commit.id)
            truth = _same_rules(case, base) if base else None
        else:
            after.add(commit.id)
        if truth is not None:
            repository = Repository(git, subject="commit", head=commit.id)
            yield commit, Evidence(layout(case.bound), repository, truth)


def _same_rules(case: Case, base: str) -> Trust | None:
    """An ancestor of trust as the truth; None where it had other rules."""
    path = f"{case.bound.folder}/{bounds.NAME}".lstrip("/")
    then = trusts.present(case.repository.git, path, base)
    if then is None or then != case.trust.read(path):
        return None
    return Trust(case.repository.git, case.trust.source, base, lock_path=case.trust.lock_path)


def judge_before_run(case: Case) -> list[RuleResult]:
    """Every rule but those about a run that is not made yet."""
    return [judge(r, case.evidence) for r in case.bound.rules if r.checker.stage != "run"]


def judge_after_run(case: Case) -> list[RuleResult]:
    """The rules about the run that has just been measured, and those that it may have broken."""
    rules = [r for r in case.bound.rules if r.checker.stage == "run" or r.checker.after_run]
    return [judge(rule, case.evidence) for rule in rules]
