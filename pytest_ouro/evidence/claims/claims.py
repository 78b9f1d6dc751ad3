"""All that a past loop claims, as the checks judge it."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.core.finding import several
from pytest_ouro.evidence.claims.columns import counts_up
from pytest_ouro.evidence.languages.kinds import is_code
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.claims.loop import Experiment, Loop
    from pytest_ouro.evidence.claims.rows import ClaimedRow


#: How many characters of changed lines are kept; others are found again when they are asked for.
_KEPT = 16 << 20


class Edit(NamedTuple):
    """What a commit changes in a text: the lines that it adds and those that it removes, each once
    and followed by a line break. A line that the text also has elsewhere is neither. Their order is
    arbitrary."""

    added: str
    removed: str

    @property
    def changed(self) -> str:
        """The lines that were added or removed."""
        return self.added + self.removed


class Edits:
    """Finds what commits change in texts, which ``read`` returns for a commit and a path. What it
    found is kept, up to a limit: all checks ask for the same edits, and one commit after
    another."""

    def __init__(self, read: Callable[[str, str], str]) -> None:
        self._known: dict[tuple[str, str, str], Edit] = {}
        self._room = _KEPT

        @lru_cache(maxsize=4)  # what is after one commit is before the next
        def lines(commit: str, path: str) -> frozenset[str]:
            """Return the lines of a file in a commit."""
            return frozenset(read(commit, path).splitlines())

        self._lines = lines

    def find(self, parent: str, commit: str, path: str) -> Edit:
        """Return what a file's text in ``commit`` changes of that in ``parent``."""
        key = parent, commit, path
        if key in self._known:
            return self._known[key]
        before, after = self._lines(parent, path), self._lines(commit, path)
        found = Edit(_join(after - before), _join(before - after))
        size = len(found.added) + len(found.removed)
        if size <= self._room:
            self._room -= size
            self._known[key] = found
        return found


def _join(lines: Iterable[str]) -> str:
    """Return lines as a text in which a line break follows each."""
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Claims:
    """What is judged of a past loop: its commits and rows (``loop``), the path of its ledger, the
    metric (None: not known; with a metric, its direction is known too), and the globs of editable
    and frozen files relative to the repository's top. ``evaluate`` is the harness's function that
    returns the metric ("": unknown), ``instructions`` are the words of the project for its agents.
    ``unread`` grows by the files whose bytes `text` could not read, as in a partial clone, each
    once for a commit. ``bound`` is whether a trusted bound.toml states all this; otherwise it is
    inferred. ``budget`` is the stated training time in seconds (None: unknown)."""

    loop: Loop
    ledger: str
    metric: Metric | None
    editable: tuple[str, ...]
    frozen: tuple[str, ...]
    evaluate: str = ""
    instructions: str = ""
    bound: bool = False
    budget: float | None = None
    unread: dict[str, None] = field(default_factory=dict)

    @cached_property
    def keeps(self) -> tuple[Experiment, ...]:
        """The experiments whose row says that they were kept, or are a baseline, in the order of
        the ledger."""
        return tuple(one for one in self.loop.logged if one.row is not None and one.row.is_kept)

    @cached_property
    def rows_of(self) -> dict[str, list[ClaimedRow]]:
        """The rows that have a commit, by its full id."""
        found: dict[str, list[ClaimedRow]] = {}
        for one in self.loop.logged:
            if one.commit and one.row:
                found.setdefault(one.commit, []).append(one.row)
        return found

    @cached_property
    def commit_of(self) -> dict[int, str]:
        """The full id of the commit of each row that has one, by the row's line."""
        return {row.line: commit for commit, rows in self.rows_of.items() for row in rows}

    @cached_property
    def first_kept(self) -> dict[str, int]:
        """By the full id of a commit ("": of rows without one), the line of its first row that was
        kept or is a baseline."""
        kept = [(one.commit, one.row.line) for one in self.keeps if one.row is not None]
        return dict(reversed(kept))

    @cached_property
    def counting(self) -> frozenset[str]:
        """The columns, by normalised name, whose numbers count the rows."""
        found: dict[str, list[float]] = {}
        for row in self.loop.rows:
            for name, value in row.others:
                found.setdefault(name, []).append(value)
        return frozenset(name for name, values in found.items() if counts_up(values))

    @cached_property
    def per_commit(self) -> bool:
        """Whether the rows are mostly about commits of their own, as in a loop that commits each
        experiment; False if many rows name one commit, as for variants of one code. True if no row
        has a commit."""
        linked = sum(map(len, self.rows_of.values()))
        return linked <= 1.5 * len(self.rows_of)

    @cached_property
    def measuring_texts(self) -> dict[str, str]:
        """The texts of the files of code that no experiment may change, at the start of the loop,
        by their paths: the first 20 by path. {} if the start is unknown or cannot be read."""
        try:
            tree = self.loop.history.git.tree(self.loop.start) if self.loop.start else {}
        except OuroError:
            return {}
        paths = [path for path in tree if matches(path, self.frozen) and is_code(path)]
        return {path: self.text(self.loop.start, path) for path in sorted(paths)[:20]}

    def is_kept(self, commit: str) -> bool:
        """Return whether a row says that the commit was kept as an experiment. A baseline does not
        count. False in a loop where many rows name one commit (see `per_commit`)."""
        return self.per_commit and any(row.status == "keep" for row in self.rows_of.get(commit, ()))

    def place(self, lines: Iterable[int]) -> str:
        """Return words for lines of the ledger: ``results.tsv: line 3, 4, 7 and 2 more``."""
        return f"{self.ledger}: line {several([str(line) for line in lines])}"

    def edit(self, parent: str, commit: str, path: str) -> Edit:
        """Return what a file's text in a commit changes of that in another one. A text is "" as in
        `text`."""
        return self._edits.find(parent, commit, path)

    @cached_property
    def _edits(self) -> Edits:
        """The finder of edits of this loop."""
        return Edits(self.text)

    def text(self, commit: str, path: str) -> str:
        """Return the text of a file in a commit; "" if it is absent, large or cannot be read."""
        entry = self.loop.history.entry(commit, path)
        if entry is None or entry.is_submodule:
            return ""
        try:
            data = self.loop.history.git.store.read(entry.blob, limit=limits.SCRIPT, path=path)
        except OuroError:
            self.unread[f"{path} of {commit[:7]}"] = None
            return ""
        return data.decode("utf-8", "replace")
