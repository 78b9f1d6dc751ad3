"""``log-schema``: every row of the ledger has commit hash, metric, memory, status, description."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, count, several
from pytest_ouro.core.schema import option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.ledger.ledger import Row
    from pytest_ouro.evidence.ledger.ledger_format import Cell


@dataclass(frozen=True, kw_only=True)
class LogSchema(Check):
    """Every row of the ledger has a commit hash and the metric with its decimals and, if there are
    such columns, the memory as a number and the status keep, discard or crash. Rows from before the
    first recorded run are claims: unless the rule is ``strict``, they are judged only where runs
    are logged by hand, and only on whether they fit the table's header."""

    strict: bool = option("judge the rows from before our first record as well", default=False)

    stage = "ledger"
    judges_claims = True

    def skipped(self, evidence: Evidence) -> str:
        """Return why the rule is skipped, `Evidence.only_claims`: no run was recorded in this
        working tree. "" if one was, if the journal is at fault or records are gone, if there are
        rows to judge as claims, or if the rule is ``strict``."""
        return "" if self.strict or evidence.claimed else evidence.only_claims

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about rows that are judged as claims; then one finding about all other
        rows that are not as they must be, which shows the first fault; nothing if there is none.
        Rows from before the first recorded run count as other rows only if the rule is
        ``strict``."""
        if evidence.claimed:
            from pytest_ouro.checks._claims import log_schema as claims
            from pytest_ouro.checks._claims.present import judge_present

            yield from judge_present(evidence, "log-schema", claims.judge)
        problems, metric = dict(evidence.ledger.problems), evidence.layout.metric
        inherited = 0 if self.strict else evidence.inherited_rows
        faults = [
            (row.line, fault)
            for row in evidence.ledger.rows[inherited:]
            if (fault := problems.get(row.line) or _fault(row, metric))
        ]
        name = evidence.layout.ledger
        if faults:
            lines = several([str(line) for line, _ in faults])
            yield Finding(
                f"{name}:{faults[0][0]}: {faults[0][1]}",
                where=f"{count(len(faults), 'row')}: line {lines}",
                expected=f"commit, {metric.number}, memory, keep|discard|crash, text",
                help="rows are written by the supervisor: remove what was written by hand "
                "(pytest-ouro log shows the recorded runs)",
                facts={"rows": len(faults)},
            )


def _fault(row: Row, metric: Metric) -> str:
    """Return in words the first thing that is wrong with a row of the ledger; "" if the row is
    valid. The row must have as many cells as the table has columns.

    A table without a column for the commit or the metric is a fault. A valid row has a commit of 7
    to 64 hexadecimal digits and a metric with its decimals. If there is a column for the status,
    the row has a known status; and if the metric can never be 0, only a crash has the metric 0. If
    there is a column for the memory, it has a number with a decimal point there.
    """
    columns = row.table.columns
    if not row.table.is_complete:
        return "the ledger has no column for the commit or for the metric"
    cells = [None if place is None else row.cells[place] for place in columns.known]
    commit, status = str(cells[0]), str(cells[3])
    crashed = status == "crash" or columns.status is None
    memory, value = _text(cells[2], 1, crashed), _text(cells[1], 6, crashed)
    if isinstance(cells[1], float | int) and not isinstance(cells[1], bool):
        value = metric.text(cells[1])
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        return f"'{commit[:20]}' is not a commit hash"
    from pytest_ouro.evidence.ledger.ledger_names import STATUSES  # only with a ledger

    if columns.status is not None and status not in STATUSES:
        return f"the status is '{status[:20]}', not one of {', '.join(STATUSES)}"
    if not metric.writes(value):
        return f"the metric is '{value[:20]}', not {metric.number}"
    if not crashed and float(value) == 0 and metric.is_impossible(0.0):
        return f"a {status} with the metric {value}: only a crash has none"
    if columns.memory is not None and not re.fullmatch(r"[0-9]+\.[0-9]+", memory):
        return f"the memory is '{memory[:20]}', not a number of {columns.unit}"
    return ""


def _text(cell: Cell, decimals: int, crashed: bool) -> str:
    """Return a cell of the ledger as text: a number with ``decimals`` decimals; null as ``null``,
    or as the number 0 if ``crashed`` (the row is or may be about a crash); any other cell as `str`
    of it."""
    if (isinstance(cell, float | int) and not isinstance(cell, bool)) or (cell is None and crashed):
        return f"{cell or 0.0:.{decimals}f}"
    return "null" if cell is None else str(cell)
