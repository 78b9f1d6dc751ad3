"""``logged``: every recorded run has its row in the ledger, and every row its recorded run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.checks._wording import count
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Logged(Check):
    """Since the last blessing every recorded run has its row in the ledger, and every row its
    record. The journal is unchanged and has every run that was tried. Rows from before our first
    record are claims and are not judged."""

    stage = "ledger"

    def skipped(self, evidence: Evidence) -> str:
        return evidence.only_claims

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        if fault := evidence.journal_fault:
            yield Finding(
                f"journal.jsonl: {fault.headline}",
                where=f"{evidence.journal.path}:{fault.line}",
                expected=fault.expected,
                actual=fault.actual,
                help=fault.help,
                facts={"line": fault.line},
            )
        yield from self._moved(evidence)
        yield from self._forgotten(evidence)
        yield from self._lost(evidence)
        yield from self._strays(evidence)

    def _moved(self, evidence: Evidence) -> Iterator[Finding]:
        """Report refs of runs that name another commit than the record."""
        for record in evidence.records:
            commit = evidence.tried.get(record.seq or 0)
            if commit and record.event == "started" and record.commit != commit:
                ref = record.tried_ref
                yield Finding(
                    f"{ref} is not the commit that was tried",
                    where=f"run {record.run}",
                    expected=record.commit,
                    actual=commit,
                    help=f"git update-ref {ref} {record.commit}",
                    facts={"ref": ref},
                )

    def _forgotten(self, evidence: Evidence) -> Iterator[Finding]:
        """Report runs that git remembers and the journal does not."""
        known = {record.seq for record in evidence.records}
        forgotten = sorted(number for number in evidence.tried if number not in known)
        if forgotten:
            yield Finding(
                f"journal.jsonl lacks {count(len(forgotten), 'run')} tried here",
                where=several([f"refs/ouro/tried/{number}" for number in forgotten]),
                help="restore the journal from a backup; a person starts a new one by moving it "
                "away and blessing",
                facts={"runs": len(forgotten)},
            )

    def _lost(self, evidence: Evidence) -> Iterator[Finding]:
        """Report recorded runs without a row."""
        name = evidence.layout.ledger
        wanted = Counter(run.row for run in evidence.runs)
        lost = wanted - Counter(row.text for row in evidence.ledger.rows)
        if lost:
            first = next(run for run in evidence.runs if run.row in lost)
            recorded = {run.row for run in evidence.all_runs}
            older = evidence.ledger.rows[: evidence.inherited_rows]
            others = any(row.text not in recorded for row in older)
            yield Finding(
                f"{name} lacks {count(lost.total(), 'row')} of recorded runs",
                where=f"the first: {first.status} of commit {first.commit[:7]}",
                help=f"copy these rows from `pytest-ouro log --tsv` to the end of {name}, "
                "which has others"
                if others
                else f"write them back: pytest-ouro log --tsv > {name}",
                facts={"rows": lost.total()},
            )

    def _strays(self, evidence: Evidence) -> Iterator[Finding]:
        """Report rows without a recorded run."""
        recorded = Counter(run.row for run in evidence.all_runs)
        strays = []
        for row in evidence.ledger.rows[evidence.inherited_rows :]:
            if recorded[row.text] > 0:
                recorded[row.text] -= 1
            else:
                strays.append(row.line)
        if strays:
            name = evidence.layout.ledger
            yield Finding(
                f"{name}:{strays[0]}: no run was recorded for {count(len(strays), 'row')}",
                where=f"line {several([str(line) for line in strays])}",
                help="remove what was written by hand: only the supervisor logs runs "
                "(pytest --ouro-experiment)",
                facts={"rows": len(strays)},
            )
