"""Read the ledger of an audited loop, with the meaning of its words for a status."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.audit.inference.metric import infer_metric
from pytest_ouro.audit.result import Inference
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.claims import columns
from pytest_ouro.evidence.claims.inferred.fates import Fates
from pytest_ouro.evidence.claims.inferred.words import Inferred, infer_words
from pytest_ouro.evidence.claims.link import Linker
from pytest_ouro.evidence.claims.rows import read_rows
from pytest_ouro.evidence.claims.versions import added_by, read_versions
from pytest_ouro.evidence.languages.kinds import is_code
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.audit.options import Options
    from pytest_ouro.evidence.claims.columns import Found
    from pytest_ouro.evidence.claims.commits import History, Step
    from pytest_ouro.evidence.claims.ledger_file import LedgerFile
    from pytest_ouro.evidence.claims.link import Link
    from pytest_ouro.evidence.claims.rows import ClaimedRow, Rows
    from pytest_ouro.evidence.claims.versions import Version
    from pytest_ouro.evidence.ledger.ledger import Ledger


@dataclass(frozen=True)
class Reading:
    """A ledger as it is read: its file, the name of its metric ("": unknown), and the meaning of
    words for a status that were unknown (None: there are none, or nothing shows it)."""

    file: LedgerFile
    metric: str
    words: Inferred | None = None

    @cached_property
    def ledger(self) -> Ledger:
        """The parsed ledger."""
        return self.file.parse(self.metric)

    @cached_property
    def found(self) -> Found:
        """The columns that are recognised by their cells; with ``words``, their column of statuses
        and its words are in it."""
        found = columns.find(self.ledger)
        if self.words is None:
            return found
        return found._replace(status=self.words.column, words=self.words.words)

    @cached_property
    def read(self) -> Rows:
        """The rows, and the lines that could not be read as rows."""
        return read_rows(self.ledger, self.metric, self.found)

    @property
    def rows(self) -> tuple[ClaimedRow, ...]:
        """The rows."""
        return self.read.rows

    def versions(self, history: History) -> tuple[Version, ...]:
        """Return the versions of the ledger in a history."""
        return read_versions(history, self.file.path, self.metric, self.found)

    def named(self, metric: str) -> Reading:
        """Return the same ledger, read with this name of the metric; itself if it has that
        already."""
        return self if metric == self.metric else replace(self, metric=metric)


@dataclass(frozen=True)
class FirstReading:
    """The first reading of a ledger, when nothing is known of the project yet, with the history of
    the ledger, and the link of each row."""

    reading: Reading
    versions: tuple[Version, ...]
    links: tuple[Link, ...]
    work: Work

    @property
    def commits(self) -> list[str]:
        """The full ids of the commits that rows are linked to, without those of baselines, in the
        order of the rows."""
        pairs = zip(self.reading.rows, self.links, strict=True)
        return [link.commit for row, link in pairs if link.commit and row.status != "baseline"]


class Work:
    """Tells which commits change the code of an experiment while the editable files are not known
    yet. Files of code and settings count, by their names; in a loop most of whose commits change
    none of these, every file counts that can be part of an experiment (`Fates.changes_code`)."""

    def __init__(self, history: History, fates: Fates) -> None:
        self._history, self._fates = history, fates
        self._wide = False

    def __call__(self, step: Step) -> bool:
        """Return whether a commit changes the code of an experiment; False for a merge and for a
        commit without a parent."""
        if self._wide:
            return self._fates.changes_code(step)
        return len(step.parents) == 1 and any(map(is_code, self._history.changes(step)))

    def widen(self, hashes: Sequence[str]) -> None:
        """Count every file that can be part of an experiment if most of the commits that these
        hashes name, and that change such a file, change no file of code or settings."""
        found = set(self._history.resolve(hashes).values())
        steps = [self._history.find(commit) for commit in found]
        work = [step for step in steps if self._fates.changes_code(step)]
        coded = sum(any(map(is_code, self._history.changes(step))) for step in work)
        self._wide = 2 * coded < len(work)


def read_first(file: LedgerFile, history: History, options: Options) -> FirstReading:
    """Return the first reading of a ledger. Raise RecordError if it has no row, or no column of the
    metric that the options name."""
    fates = Fates(history, file.path)
    work = Work(history, fates)
    reading = _start(file, options, None)
    if not reading.rows:
        raise messages.no_row(file.path)
    work.widen([row.hash for row in reading.rows if row.hash])
    versions = reading.versions(history)
    linker = Linker(history, added_by(versions), work)
    words = infer_words(
        reading.ledger,
        reading.found,
        reading.rows,
        lambda: fates.of_rows(reading.rows, linker),
        reading.metric,
    )
    if words:
        reading = _start(file, options, words)
        versions = reading.versions(history)
        linker = Linker(history, added_by(versions), work)
    return FirstReading(reading, versions, linker.link(reading.rows), work)


def _start(file: LedgerFile, options: Options, words: Inferred | None) -> Reading:
    """Return a ledger, read with the metric of the options or, without one, with the metric that
    the ledger alone shows ("": none). Raises as `infer_metric`."""
    before = Reading(file, options.metric, words)
    metric = infer_metric(before.ledger, options.metric, "", (), before.found).value
    return before.named(metric)


def explain_words(reading: Reading) -> list[Inference]:
    """Return an inference that lists for each class of status the first four words that were read
    as it, cut to 20 characters, and, if words were unknown, one with their meaning and what shows
    it."""
    words: dict[str, dict[str, None]] = {}
    for row in reading.rows:
        words.setdefault(row.status, {})[row.word[:20] or "(none)"] = None
    text = "; ".join(f"{status}: {', '.join([*found][:4])}" for status, found in words.items())
    why = "each class, and the words of the ledger that are read as it"
    found = [Inference("status words", text, why)]
    if reading.words:
        meant = ", ".join(f"{word} = {klass}" for word, klass in reading.words.words.items())
        found.append(
            Inference("unknown words", meant, f"column {reading.words.column}: {reading.words.why}")
        )
    return found
