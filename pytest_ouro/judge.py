"""The engine: rules × evidence → judgements. Every door calls this and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro import bound as bounds
from pytest_ouro.errors import TrustError
from pytest_ouro.evidence import trust as trusts
from pytest_ouro.evidence.git import Git
from pytest_ouro.evidence.observed import Evidence
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.finding import Judgement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_ouro.bound import Bound, Rule
    from pytest_ouro.checks import Check
    from pytest_ouro.evidence.journal import Record
    from pytest_ouro.evidence.repository import Subject
    from pytest_ouro.evidence.trust import Trust
    from pytest_ouro.tables import Experiment


#: What stands for the harness of an experiment that has none: no module or function has this name.
_EVALUATION = "evaluate-command"


@dataclass(frozen=True)
class Layout:
    """Where a bound's files lie, as evidence needs it."""

    bound: Bound

    @cached_property
    def folder(self) -> str:
        return self.bound.folder

    @cached_property
    def root(self) -> str:
        return self.bound.root

    @property
    def editable(self) -> tuple[str, ...]:
        return self.bound.experiment.editable

    @property
    def allowed(self) -> tuple[str, ...]:
        return self.bound.experiment.allowed

    @cached_property
    def ledger(self) -> str:
        return self.bound.path(self.bound.experiment.ledger)

    @property
    def harness(self) -> str:
        return self.bound.experiment.harness or _EVALUATION

    @property
    def evaluate(self) -> str:
        return self.bound.experiment.evaluate or _EVALUATION

    @property
    def loader(self) -> str:
        return self.bound.experiment.loader

    @property
    def metric(self) -> str:
        return self.bound.experiment.metric

    @property
    def data(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(p for e in self.bound.experiments.values() for p in e.data))

    def path(self, relative: str) -> str:
        return self.bound.path(relative)


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

    def again(self, measured: Record | None = None) -> Case:
        """The same case with nothing observed yet: after a run, the evidence is new."""
        git = Git.discover(self.repository.git.top, index=self.repository.git.index)
        repository = Repository(git, trust=self.repository.trust, subject=self.repository.subject)
        evidence = Evidence(Layout(self.bound), repository, self.trust, measured)
        return Case(self.bound, self.trust, evidence)


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
    Repository(git).head  # noqa: B018 - no commit yet: say so before anything else
    trust_found = trusts.resolve(git, asked=trust, asked_by=trust_by, bound_path=bound_path)
    data = trust_found.read(bound_path)
    if data is None:
        raise TrustError(
            f"trust {trust_found} has no {bound_path}: there are no trusted rules",
            help="name a commit that holds it",
        )
    folder = bound_path.rpartition("/")[0]
    bound = bounds.parse(
        bounds.decode(data, bound_path), folder=folder, name=bound_path, checks=checks
    )
    repository = Repository(git, trust=trust_found.commit, subject=subject)
    evidence = Evidence(Layout(bound), repository, trust_found, rehash=rehash)
    return Case(bound, trust_found, evidence)


def judge(rule: Rule, evidence: Evidence) -> Judgement:
    """Whether one rule holds. A rule about a run is judged on the last recorded one."""
    said = (rule.key, rule.sentence, rule.line, rule.check)
    if rule.judge.stage == "human":
        return Judgement(*said, "skipped", reason=f"only a person can judge it: {rule.reason}")
    if rule.judge.stage == "run" and evidence.run is None:
        return Judgement(*said, "skipped", reason="no run recorded yet")
    if rule.judge.stage == "ledger" and evidence.run is None and not evidence.ledger.exists:
        return Judgement(*said, "skipped", reason="no run recorded yet")
    if reason := rule.judge.skipped(evidence):
        return Judgement(*said, "skipped", reason=reason)
    findings = tuple(rule.judge.findings(evidence))
    if not findings:
        return Judgement(*said, "holds")
    if rule.severity == "warn" or all(finding.warns for finding in findings):
        return Judgement(*said, "warned", findings, reason=rule.reason)
    return Judgement(*said, "broken", findings)


def judge_all(case: Case) -> list[Judgement]:
    """Every rule, in the order of the bound."""
    return [judge(rule, case.evidence) for rule in case.bound.rules]


def judge_before_run(case: Case) -> list[Judgement]:
    """Every rule but those about a run that is not made yet."""
    return [judge(r, case.evidence) for r in case.bound.rules if r.judge.stage != "run"]


def judge_after_run(case: Case) -> list[Judgement]:
    """The rules about the run that has just been measured, and those that it may have broken."""
    rules = [r for r in case.bound.rules if r.judge.stage == "run" or r.judge.after_run]
    return [judge(rule, case.evidence) for rule in rules]
