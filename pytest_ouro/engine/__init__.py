"""Apply the rules of a bound to the evidence. Every door gets its rule results from this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_ouro.bound import read as bounds
from pytest_ouro.checks import CHECKS
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.core.finding import RuleResult
from pytest_ouro.evidence import trust as trusts
from pytest_ouro.evidence.evidence import Evidence
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.paths import join
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.messages import checks as messages
from pytest_ouro.messages import git as git_messages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_ouro.bound.read import Bound, Rule
    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.checks import Check
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
    from pytest_ouro.evidence.repository import Subject
    from pytest_ouro.evidence.trust import Trust


class Listener(Protocol):
    """What is called when a run of a case is recorded. Its methods raise no Exception."""

    def start(self, run: StartedRun) -> None:
        """Take the record of a run that starts. Its line in the journal is written already, and
        there is no process yet."""

    def finish(self, run: FinishedRun) -> None:
        """Take the record of a run that has ended, with its verdict. Its line in the journal is
        written already."""


@dataclass(frozen=True)
class Case:
    """The trusted rules of an experiment, their trust, and the evidence to which they apply.
    ``listener`` is called with the records of runs that are made of the case; None if nothing
    is."""

    bound: Bound
    trust: Trust
    evidence: Evidence
    listener: Listener | None = None

    @property
    def repository(self) -> Repository:
        """The git repository as the case's evidence observes it: ``evidence.repository``."""
        return self.evidence.repository

    @property
    def experiment(self) -> Experiment:
        """The experiment of the bound's ``cpu`` profile, for the keys that are the same on every
        device: ``bound.experiment``."""
        return self.bound.experiment

    def close(self) -> None:
        """Stop the git processes that the case keeps open. They start again when needed."""
        for git in (self.trust.git, self.repository.git):
            git.close()
        if "place" in self.evidence.__dict__:
            self.evidence.place.close()

    def again(self, measured: MeasuredRun | None = None) -> Case:
        """Return a new case with the same rules and trust, whose evidence is observed again, with
        the present HEAD or, if a commit alone is checked, with that commit: for use after a run.
        ``measured`` is the run that has just ended, if rules are to be applied to it. Data files
        are read again only if their size or times changed. Raise GitError if the repository cannot
        be read."""
        git, subject = self.repository.git.again(), self.repository.subject
        head = self.repository.head if subject == "commit" else ""
        repository = Repository(git, trust=self.repository.trust, subject=subject, head=head)
        allowed = self.evidence.run_commands
        evidence = Evidence(
            self.bound.layout, repository, self.trust, measured, run_commands=allowed
        )
        return Case(self.bound, self.trust, evidence, self.listener)

    def at(self, commit: str) -> Case:
        """Return a new case with the same rules and trust for a commit, given by its full id: what
        is checked and measured is that commit alone, whatever HEAD, index and working tree have."""
        git, trust = self.repository.git.again(), self.repository.trust
        repository = Repository(git, trust=trust, subject="commit", head=commit)
        allowed = self.evidence.run_commands
        evidence = Evidence(self.bound.layout, repository, self.trust, run_commands=allowed)
        return Case(self.bound, self.trust, evidence, self.listener)


@dataclass(frozen=True)
class Answer:
    """The ``results`` of the rules of one case. ``ref`` is the git ref that was checked before a
    push, or the path of bound.toml if a glob of several was asked for; else ""."""

    case: Case
    results: list[RuleResult]
    ref: str = ""

    @property
    def broken(self) -> bool:
        """Whether a rule is broken; one that only warns does not count."""
        return any(result.broken for result in self.results)

    @property
    def touched(self) -> bool:
        """Whether a change since the trusted commit is in a file that concerns the experiment (see
        `reaches`): bound.toml or bound.lock, the harness or another frozen file, an editable file,
        the ledger, or a file that a rule watches by its folder."""
        from pytest_ouro.bound.truth import reaches  # only where several cases are checked

        return reaches(self.case.bound, self.case.repository)

    @property
    def ran(self) -> list[RuleResult]:
        """The results of the rules that were not skipped; [] if all were."""
        return [result for result in self.results if result.status != "skipped"]

    @property
    def empty(self) -> bool:
        """Whether a commit or an index was checked that has neither commits since the trusted one
        nor a staged change. Always False for a working tree."""
        repository = self.case.repository
        changed = repository.commits or repository.staged
        return repository.subject != "working tree" and not changed


def open_case(
    path: Path,
    *,
    trust: str | None = None,
    trust_by: str = "--trust",
    subject: Subject = "working tree",
    index: str = "",
    rehash: bool = False,
    run_commands: bool = False,
    from_top: bool = False,
    checks: Mapping[str, type[Check]] | None = None,
    listener: Listener | None = None,
) -> Case:
    """Return the case of the bound.toml at ``path``: its rules as trust has them, and the evidence.

    ``trust`` is the revision to trust, and ``trust_by`` the option that gave it, for messages; if
    it is None, OURO_TRUST, git's setting ouro.trust or bound.lock decides. ``subject`` is what is
    checked: "commit" HEAD alone, "index" the index too, "working tree" the files as well. ``index``
    is the path of the index that git uses for ``git commit PATH`` and passes to hooks as
    GIT_INDEX_FILE; "" is the repository's own index. With ``rehash`` all data is read again;
    ``run_commands`` allows the commands that the bound names. With ``from_top``, the commands that
    errors advise have paths relative to the repository's top. ``checks``, by name, are known beside
    those of pytest-ouro and of packages; ``listener`` is that of the case. Raise GitError,
    TrustError, BoundError, LimitError or another OuroError if the rules cannot be read.
    """
    git = replace(Git.discover(path.parent, index=index), from_top=from_top)
    bound_path = git.relative(path)
    try:
        Repository(git).head  # noqa: B018 - report a repository without a commit first
        found = trusts.resolve(git, asked=trust, asked_by=trust_by, bound_path=bound_path)
        bound = _read_rules(found, bound_path, checks)
    except OuroError:
        git.close()  # the error's traceback would keep its process running
        raise
    repository = Repository(git, trust=found.commit, subject=subject)
    evidence = Evidence(bound.layout, repository, found, rehash=rehash, run_commands=run_commands)
    return Case(bound, found, evidence, listener)


def open_commit(
    git: Git,
    revision: str,
    *,
    bound: str = "",
    trust: str | None = None,
    trust_by: str = "--trust",
    named: bool = True,
) -> Case:
    """Return the case of one commit. Only git objects and settings are read, no file of a working
    tree.

    ``bound`` is bound.toml's path in the repository; if it is "", the nearest one in or above
    ``git.prefix`` is used, in the trusted commit if one is named, else in the checked one. With
    ``named``, ``trust`` (which ``trust_by`` names), OURO_TRUST or git's setting ouro.trust must
    name the trusted commit; without it, a bound.lock of the checked commit is enough. If a trusted
    commit is named, the checked one is compared with the point where it left the history of that
    commit, as `point_of_departure` says. Raise GitError, TrustError, BoundError, LimitError or
    another OuroError if ``revision`` names no commit, if the rules cannot be read, or if the
    trusted commit has rules or frozen files that changed after that point and that the checked
    commit does not have.
    """
    head = demand_commit(git, revision)
    commit, _ = trusts.named(git, asked=trust, asked_by=trust_by)
    if named and not commit:
        raise messages.no_trusted_commit()
    path = bound or _nearest_bound(git, commit or head)
    read_at = "" if commit else head
    found = trusts.resolve(git, asked=trust, asked_by=trust_by, bound_path=path, read_at=read_at)
    rules = _read_rules(found, path)
    repository = Repository(git, trust=found.commit, subject="commit", head=head)
    if commit:
        from pytest_ouro.bound.truth import point_of_departure

        found = point_of_departure(found, rules, repository)
    return Case(rules, found, Evidence(rules.layout, repository, found))


def demand_commit(git: Git, revision: str) -> str:
    """Return the full id of the commit that ``revision`` names; GitError if it names none."""
    if not (head := git.commit(revision)):
        raise git_messages.no_such_commit(revision)
    return head


def _nearest_bound(git: Git, commit: str) -> str:
    """Return the path of the bound.toml that a commit has in the folder ``git.prefix``, or in the
    nearest folder above, up to the repository's top. Raise TrustError if there is none."""
    tree, folder = git.tree(commit), git.prefix
    while (path := join(folder, bounds.NAME)) not in tree:
        if not folder:
            raise messages.no_bound_in_commit(commit, bounds.NAME)
        folder = folder.rpartition("/")[0]
    return path


def _read_rules(trust: Trust, path: str, checks: Mapping[str, type[Check]] | None = None) -> Bound:
    """Return the bound that the bound.toml at ``path`` states as trust has that file; its rules may
    use ``checks``, by name, too. Raise TrustError if trust lacks the file, BoundError if it is
    faulty, another OuroError if it cannot be read."""
    data = trust.read(path)
    if data is None:
        raise messages.no_trusted_bound(str(trust), path)
    remedy = f"the trusted rules are those of {trust}; to replace them, {trust.renewal}"
    return bounds.read(data, path, checks=checks, remedy=remedy)


def check_rule(rule: Rule, evidence: Evidence) -> RuleResult:
    """Apply one rule to the evidence and return its result. Raise OuroError if its check cannot be
    carried out; an exception that is a fault of a check of pytest-ouro itself is raised as it is.

    The rule is skipped if a person must judge it or there is nothing to check. It holds if its
    check finds nothing. It is warned if its severity is ``warn`` or every finding only warns;
    otherwise it is broken.
    """
    about = (rule.key, rule.sentence, rule.line, rule.check)
    if rule.checker.stage == "human":
        return RuleResult(*about, "skipped", reason=f"only a person can judge it: {rule.reason}")
    if reason := _no_run_for(rule, evidence) or rule.checker.skipped(evidence):
        return RuleResult(*about, "skipped", reason=reason)
    findings = _findings(rule, evidence)
    claimed = _is_claimed(rule, evidence)
    if not findings:
        return RuleResult(*about, "holds", claimed=claimed)
    if rule.severity == "warn" or all(finding.warns for finding in findings):
        return RuleResult(*about, "warned", findings, reason=rule.reason, claimed=claimed)
    return RuleResult(*about, "broken", findings, claimed=claimed)


def _is_claimed(rule: Rule, evidence: Evidence) -> bool:
    """Return whether a rule is judged by rows of a ledger that the supervisor did not write. The
    caller makes sure that the rule is not skipped."""
    return rule.checker.judges_claims and evidence.claimed is not None


def _findings(rule: Rule, evidence: Evidence) -> tuple[Finding, ...]:
    """Return the findings of a rule; () if it holds. Raise OuroError if its check is from a package
    or a hook and raises any exception; one that a check of pytest-ouro raises is raised as it
    is."""
    try:
        return tuple(rule.checker.findings(evidence))
    except OuroError:
        raise
    except Exception as error:
        if rule.check in CHECKS:
            raise
        import traceback  # only a faulty check needs it

        last = traceback.extract_tb(error.__traceback__)[-1]
        place, reason = f"{last.filename}:{last.lineno}", f"{type(error).__name__}: {error}"
        raise messages.check_failed(rule.key, rule.check, place, reason) from error


def _no_run_for(rule: Rule, evidence: Evidence) -> str:
    """Return why a rule about a run or about the records has nothing to judge here; "" if it has
    something to judge, or if it is a rule about the repository.

    For a commit alone that was not measured just now, neither kind of rule has anything to judge.
    For the index, no rule about a run has: the next commit may be the one that takes back what the
    run broke. Elsewhere, a rule that judges rows written by hand has something to judge if there
    are such rows. Any other rule about a run needs `Evidence.run`: a run that has just been
    measured, or one of HEAD without a later edit. Any other rule about the records needs a ledger,
    a recorded run, or a sign that records are damaged or gone.
    """
    stage, subject = rule.checker.stage, evidence.repository.subject
    if stage == "repository":
        return ""
    if subject == "commit" and evidence.measured is None:
        return "about the runs of a machine, not about a commit"
    if stage == "run" and subject == "index":
        return "about a run, not about the next commit"
    if _is_claimed(rule, evidence):
        return ""
    if stage == "run" and evidence.run is None:
        return "no run recorded of what is here" if evidence.runs else "no run recorded yet"
    if stage == "ledger" and not evidence.has_ledger:
        return evidence.only_claims
    return ""


def check_all(case: Case) -> list[RuleResult]:
    """Apply every rule and return the results, in the order of the bound. Raise OuroError as from
    `check_rule`."""
    return [check_rule(rule, case.evidence) for rule in case.bound.rules]


def check_before_run(case: Case) -> list[RuleResult]:
    """Apply every rule except for those about a run, which is still to come. Return their results
    in the order of the bound. Raise OuroError as from `check_rule`."""
    return [check_rule(r, case.evidence) for r in case.bound.rules if r.checker.stage != "run"]


def check_after_run(case: Case) -> list[RuleResult]:
    """Apply, after a run, the rules about the run that has just ended, and the rules about the
    repository or the records that a run may break. Return the results of these rules only, in the
    order of the bound. Raise OuroError as from `check_rule`."""
    rules = [r for r in case.bound.rules if r.checker.stage == "run" or r.checker.after_run]
    return [check_rule(rule, case.evidence) for rule in rules]
