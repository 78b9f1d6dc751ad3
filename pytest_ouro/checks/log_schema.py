"""``log-schema``: every row of the ledger has commit hash, metric, memory, status, description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.checks._wording import count
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.core.schema import option
from pytest_ouro.evidence.records.ledger import strict_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class LogSchema(Check):
    """Every row of the ledger has a commit hash, the metric with six decimals, the memory in GB,
    keep, discard or crash, and a description. Rows from before our first record are not judged."""

    strict: bool = option("judge the rows from before our first record as well", default=False)

    stage = "ledger"

    def skipped(self, evidence: Evidence) -> str:
        return "" if self.strict else evidence.only_claims

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        ledger = evidence.ledger
        inherited = 0 if self.strict else evidence.inherited_rows
        faults = [
            (row.line, fault)
            for row in ledger.rows[inherited:]
            if (fault := strict_fault(row.text))
        ]
        name = evidence.layout.ledger
        if ledger.swapped and not inherited:
            yield Finding(
                f"{name}:{ledger.swapped}: the header names the columns in another order",
                expected="commit, metric, memory, status, description, as the rows have them",
                help="fix the header: a program that reads the rows by it reads wrong numbers",
                facts={"line": ledger.swapped},
            )
        if faults:
            lines = several([str(line) for line, _ in faults])
            yield Finding(
                f"{name}:{faults[0][0]}: {faults[0][1]}",
                where=f"{count(len(faults), 'row')}: line {lines}",
                expected="commit, metric with six decimals, memory in GB, keep|discard|crash, text",
                help="rows are written by the supervisor: remove what was written by hand "
                "(pytest-ouro log shows the recorded runs)",
                facts={"rows": len(faults)},
            )
