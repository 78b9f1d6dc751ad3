"""``logged``: every recorded run has its row in the ledger, and every row its recorded run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, count, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Logged(Check):
    """Since the last blessing every recorded run has its row in the ledger, and every row its
    record. The journal is unchanged and has every run that was tried. Rows from before the first
    recorded run are claims, and are compared with the commits since trust where runs are logged by
    hand."""

    stage = "ledger"
    judges_claims = True

    def skipped(self, evidence: Evidence) -> str:
        """Return why the rule is skipped, `Evidence.only_claims`: no run was recorded in this
        working tree. "" if one was, if the journal is at fault or records are gone, if there are
        rows to judge as claims, or if rows that were written by hand break the rule
        (`_unrecorded`)."""
        if evidence.claimed or _unrecorded(evidence):
            return ""
        return evidence.only_claims

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about rows that are judged as claims, one about the first fault of the
        journal, one for each ref that was moved, and one each about all runs without a record, all
        runs without a row, and all rows without a run; nothing if all is right."""
        if evidence.claimed:
            from pytest_ouro.checks._claims import logged as claims
            from pytest_ouro.checks._claims.present import judge_present

            yield from judge_present(evidence, "logged", claims.judge)
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
        """Yield a finding for each ref of a run, ``refs/ouro/tried/<n>``, among those in
        `Evidence.tried` (which descend from the trusted commit), that names another commit than the
        record of the run's start."""
        for record in evidence.records:
            commit = evidence.tried.get(record.seq or 0)
            if commit and record.event == "started" and record.commit != commit:
                ref, place = record.tried_ref, evidence.place
                git = "git" if place.folder is None else f"git -C {quoted(str(place.top))}"
                yield Finding(
                    f"{ref} is not the commit that was tried",
                    where=f"run {record.run}",
                    expected=record.commit,
                    actual=commit,
                    help=f"{git} update-ref {ref} {record.commit}",
                    facts={"ref": ref},
                )

    def _forgotten(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield one finding if the journal lacks runs whose ref ``refs/ouro/tried/<n>`` is in the
        repository (`Evidence.tried`); otherwise nothing."""
        known = {record.seq for record in evidence.records}
        forgotten = sorted(number for number in evidence.tried if number not in known)
        if forgotten:
            yield Finding(
                f"journal.jsonl lacks {count(len(forgotten), 'run')} tried here",
                where=several([f"refs/ouro/tried/{number}" for number in forgotten]),
                help="put it back: pytest-ouro log --restore, or from a backup; a person starts a "
                "new one by moving it away and blessing",
                facts={"runs": len(forgotten)},
            )

    def _lost(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield one finding if some of `Evidence.runs`, the runs recorded since the last blessing,
        have no row in the ledger; otherwise nothing. Placebos need none."""
        from pytest_ouro.evidence.ledger.ledger import pair  # only with a ledger
        from pytest_ouro.evidence.records.rows import entry_of

        # The rows of placebos are written once the night is over.
        every = [run for run in evidence.runs if run.purpose != "placebo"]
        entries = [*map(entry_of, every)]
        lost = pair(reversed(evidence.ledger.rows), entries)[1]
        if lost:
            first = every[entries.index(lost[0])]
            yield Finding(
                f"{evidence.layout.ledger} lacks {count(len(lost), 'row')} of recorded runs",
                where=f"the first: {first.status} of commit {first.commit[:7]}",
                help="write them back: pytest-ouro log --restore",
                facts={"rows": len(lost)},
            )

    def _strays(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield one finding if rows of the ledger belong to none of `Evidence.all_runs`, all
        recorded runs, or, if each belongs to one, if rows were written by hand where only measured
        runs count (`_unrecorded`); otherwise nothing. The first `Evidence.inherited_rows` rows,
        which are older than the first record, are not looked at."""
        from pytest_ouro.evidence.ledger.ledger import pair  # only with a ledger
        from pytest_ouro.evidence.records.rows import entry_of

        rows = evidence.ledger.rows[evidence.inherited_rows :]
        strays = [row.line for row in pair(rows, [*map(entry_of, evidence.all_runs)])[0]]
        strays = strays or _unrecorded(evidence)
        if strays:
            name = evidence.layout.ledger
            yield Finding(
                f"{name}:{strays[0]}: no run was recorded for {count(len(strays), 'row')}",
                where=f"line {several([str(line) for line in strays])}",
                help="remove what was written by hand: only the supervisor logs runs "
                "(pytest --ouro-experiment)",
                facts={"rows": len(strays)},
            )


def _unrecorded(evidence: Evidence) -> list[int]:
    """Return the lines of the rows since trust that were written by hand, if the bound says that
    only measured runs count and no run is recorded yet; else []."""
    if evidence.layout.runs != "measured" or not evidence.only_claims:
        return []
    loop = evidence.by_hand
    if loop is None or loop.first_line is None:
        return []
    first = loop.first_line or 0
    return [row.line for row in loop.rows if row.line >= first]
