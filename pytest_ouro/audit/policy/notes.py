"""Collect what the judgement of a submission finds and states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.result import AuditFinding, Inference, Statement
from pytest_ouro.core.finding import Finding

if TYPE_CHECKING:
    from pytest_ouro.audit.result import State


class Notes:
    """What the judgement of one submission has found: its findings, statements and facts, each in
    the order in which they were added. Findings and statements with the same ``check`` belong
    together."""

    def __init__(self) -> None:
        self.findings: list[AuditFinding] = []
        self.statements: list[Statement] = []
        self.facts: list[Inference] = []

    def find(
        self,
        check: str,
        headline: str,
        *,
        path: str = "",
        line: int = 0,
        expected: str = "",
        actual: str = "",
        help: str = "",
        warns: bool = False,
    ) -> None:
        """Add a finding of the check ``check``. ``path`` is the file that it is about, relative to
        the repository's top ("" for none), and ``line`` its line, from 1 (0 for none). ``expected``
        is what the policy demands, ``actual`` what was found instead, and ``help`` what the
        submitter can do. If ``warns``, it is a warning and no error."""
        place: dict[str, str | int] = {"path": path} if path else {}
        finding = Finding(
            headline,
            where=f"{path}:{line}" if line else path,
            expected=expected,
            actual=actual,
            help=help,
            facts={**place, "line": line} if line else place,
            warns=warns,
            paths=(path,) if path else (),
        )
        self.findings.append(AuditFinding(check, finding))

    def state(self, check: str, state: State, why: str) -> None:
        """Add a statement on how far the check ``check`` was judged (``state``), and why in
        words."""
        self.statements.append(Statement(check, state, why))

    def record(self, what: str, value: str, why: str) -> None:
        """Add a fact that was read: ``what`` it is, its ``value``, and in ``why`` how it was
        found."""
        self.facts.append(Inference(what, value, why))
