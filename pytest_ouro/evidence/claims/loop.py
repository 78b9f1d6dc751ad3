"""The loop as its claims tell it: its extent, its experiments, and where each one stands."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.core.errors import GitError, LimitError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.claims.statuses import says_again
from pytest_ouro.evidence.paths import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.evidence.claims.commits import History, Step
    from pytest_ouro.evidence.claims.link import Link
    from pytest_ouro.evidence.claims.rows import ClaimedRow, Rows
    from pytest_ouro.evidence.claims.versions import Version

#: Where the change of an experiment is at the end of the loop: in the files of the branch, in some
#: of them (in part), taken back by a later commit, replaced by later ones, or not on the branch; ""
#: if there is none.
Standing = Literal["on the branch", "in part", "reverted", "superseded", "dropped", ""]

#: Lines that make a change a matter of choice.
_OPTION = re.compile(
    rb"add_argument|argparse|environ|getenv|\bflags?\b|=\s*(?:True|False|None)\b|^if "
)
_REVERTS = re.compile(r"(?i)\b(?:revert|reset|roll(?:ed)? ?back|undo|restore)")


@dataclass(frozen=True)
class Experiment:
    """One experiment: its commit and that one's parent (full ids, "": unknown), its row (None: it
    has none), how the two were linked, the editable files that it changes, all files that it
    changes, and where its change stands ("": it has no commit)."""

    commit: str
    parent: str
    row: ClaimedRow | None
    how: str
    code: tuple[str, ...]
    paths: tuple[str, ...]
    standing: Standing


@dataclass(frozen=True)
class Loop:
    """A past loop. ``start`` is the full id of the commit that it starts from, ``end`` that of its
    last commit ("": unknown), ``steps`` the commits that ``end`` reaches and ``start`` does not,
    each after its parents. ``experiments`` are those of the rows, in the order of the ledger, then
    those without a row. ``rows`` are all rows, ``lost`` and ``odd`` as in `Rows`, ``versions`` the
    history of the ledger."""

    history: History
    start: str
    end: str
    steps: tuple[Step, ...]
    experiments: tuple[Experiment, ...]
    rows: tuple[ClaimedRow, ...]
    lost: tuple[int, ...]
    odd: tuple[int, ...]
    versions: tuple[Version, ...]

    @property
    def logged(self) -> tuple[Experiment, ...]:
        """The experiments that have a row, in the order of the ledger."""
        return tuple(one for one in self.experiments if one.row is not None)

    @property
    def unlogged(self) -> tuple[Experiment, ...]:
        """The experiments that have no row, in the order of the history."""
        return tuple(one for one in self.experiments if one.row is None)

    @cached_property
    def first_line(self) -> int | None:
        """The line of the first row about a commit of the history other than ``start``, or about
        one made from such a commit or from ``start`` and dropped, as a discard is. None if there is
        no such row."""
        made = self.history.by_id.keys()
        return min(
            (
                one.row.line
                for one in self.logged
                if one.row
                and (one.commit in made or (one.commit and one.parent in {*made, self.start}))
                and one.commit != self.start
            ),
            default=None,
        )


def extent(
    history: History,
    rows: Sequence[ClaimedRow],
    links: Sequence[Link],
    is_work: Callable[[Step], bool],
) -> tuple[str, str]:
    """Return the full ids of the commit that the loop starts from and of its last commit; two empty
    texts if no row has a commit of the history. ``is_work`` says whether a commit changes the code
    of an experiment.

    Of the commits to which rows are linked, the last in the history ends the loop. The first starts
    it if it is the commit of a baseline, does not change the code, or has no parent; otherwise the
    parent of the first starts it.
    """
    linked = [
        (history.by_id[link.commit], row.status)
        for row, link in zip(rows, links, strict=True)
        if link.commit in history.by_id
    ]
    if not linked:
        return "", ""
    first = min(linked, key=lambda one: one[0].place)[0]
    last = max(linked, key=lambda one: one[0].place)[0]
    statuses = {status for step, status in linked if step == first}
    starts = "baseline" in statuses or not is_work(first) or not first.parent
    return first.id if starts else first.parent, last.id


def build(
    history: History,
    bounds: tuple[str, str],
    read: Rows,
    links: Sequence[Link],
    *,
    editable: Sequence[str],
    versions: tuple[Version, ...] = (),
) -> Loop:
    """Return the loop between the commits ``bounds``. It has the experiments of these rows and
    their links, and those of the commits without a row that have one parent and change a file of
    the globs ``editable``, except for those that take changes back.

    A kept row that only measures the code kept before again (see `_measures_again`) becomes a
    baseline.
    """
    start, end = bounds
    steps = _between(history, start, end)
    inside = {step.id: n for n, step in enumerate(steps)}
    logged = {link.commit for link in links}
    undone = _Undone(history, _between(history, start, history.head), editable, logged)
    experiments = []
    seen: set[str] = set()
    best: float | None = None
    for row, link in zip(read.rows, links, strict=True):
        step = history.find(link.commit) if link.commit else None
        seen |= {link.commit, link.stated}
        if step and row.status == "keep" and _measures_again(history, step, row, best, editable):
            row = row._replace(status="baseline")
        best = row.value if row.is_kept else best
        experiments.append(_experiment(history, step, row, link.how, undone, inside, editable))
    for step in steps:
        if (
            step.id in seen
            or len(step.parents) != 1
            or not matching(history.changes(step), editable)
        ):
            continue
        if not (_REVERTS.search(step.subject) or undone.restores(step)):
            experiments.append(_experiment(history, step, None, "", undone, inside, editable))
    return Loop(history, start, end, steps, tuple(experiments), *read, versions)


def _measures_again(
    history: History, step: Step, row: ClaimedRow, best: float | None, editable: Sequence[str]
) -> bool:
    """Return whether a kept row only measures again the code that was kept before. Either its value
    is ``best``, the value kept before, and its commit only moves editable files; or the row says
    that it is measured again, and its commit has one parent and changes no editable file, as a
    person's repair of what measures does. The latter is False if ``editable`` is empty."""
    if row.value is not None and row.value == best and moved(history, step, editable):
        return True
    code = matching(history.changes(step), editable)
    return bool(editable) and not code and len(step.parents) == 1 and says_again(row.description)


def moved(history: History, step: Step, editable: Sequence[str]) -> dict[str, str]:
    """Return a dict from the old path to the new one of each editable file that a commit moves
    without a change; {} if the commit moves no editable file, or changes or deletes one. Files that
    it adds do not count."""
    paths = history.changes(step)
    found = {}
    for path in matching(paths, editable):
        old, now = history.entry(step.parent, path), history.entry(step.id, path)
        if now is not None and old is None:
            continue  # what is moved there is found from its old path
        others = (p for p in paths if p != path and not history.entry(step.parent, p))
        blobs = ((p, history.entry(step.id, p)) for p in others)
        new = next((p for p, entry in blobs if entry and old and entry.blob == old.blob), "")
        if now is not None or not new:
            return {}
        found[path] = new
    return found


def _between(history: History, start: str, end: str) -> tuple[Step, ...]:
    """Return the commits that ``end`` reaches and ``start`` does not, each after its parents; () if
    ``end`` is not in the history."""
    if end not in history.by_id:
        return ()
    before = _reached(history, start)
    after = _reached(history, end)
    return tuple(step for step in history.steps if step.id in after and step.id not in before)


def _reached(history: History, commit: str) -> set[str]:
    """Return the ids of a commit of the history and of all its ancestors there; an empty set if it
    is not in the history."""
    found: set[str] = set()
    todo = [commit]
    while todo:
        one = todo.pop()
        if one in history.by_id and one not in found:
            found.add(one)
            todo += history.by_id[one].parents
    return found


def _experiment(
    history: History,
    step: Step | None,
    row: ClaimedRow | None,
    how: str,
    undone: _Undone,
    inside: dict[str, int],
    editable: Sequence[str],
) -> Experiment:
    """Return the experiment of a commit ``step`` and a ``row``, either of which may be missing
    (None). ``how`` says how the two were linked, ``undone`` tells where the change of a commit of
    the loop stands, and ``inside`` has the ids of the loop's commits. Any other commit is "on the
    branch" if it is in the history, else "dropped"."""
    if step is None:
        return Experiment("", "", row, how, (), (), "")
    paths = history.changes(step)
    code = tuple(matching(paths, editable))
    standing: Standing = "dropped"
    if step.id in inside:
        standing = undone.standing(step)
    elif step.place >= 0:
        standing = "on the branch"
    return Experiment(step.id, step.parent, row, how, code, paths, standing)


class _Lines(NamedTuple):
    """What became of the lines of a file in a loop, by the places of the commits that changed it:
    those of which every new line is in every later version, and no new line is a matter of choice
    (``left``); and the lines that a commit without new ones ``removed``."""

    left: set[int]
    removed: dict[int, frozenset[bytes]]


class _Undone:
    """Tells whether later commits of a loop took a change of the editable files back. ``logged``
    are the commits (full ids) that have rows."""

    def __init__(
        self, history: History, steps: Sequence[Step], editable: Sequence[str], logged: set[str]
    ) -> None:
        self._history, self._steps, self._editable = history, steps, tuple(editable)
        self._logged = logged
        self._after: dict[str, list[tuple[int, str]]] = {}
        self._seen: dict[tuple[str, str], list[int]] = {}
        self._texts: dict[str, frozenset[bytes]] = {}
        self._places = {step.id: n for n, step in enumerate(steps)}
        self._known: dict[str, _Lines] = {}
        self._standings: dict[str, Standing] = {}
        for n, step in enumerate(steps):
            for path in matching(history.changes(step), self._editable):
                blob = self._blob(step.id, path)
                self._after.setdefault(path, []).append((n, blob))
                self._seen.setdefault((path, blob), []).append(n)

    def _blob(self, commit: str, path: str) -> str:
        """Return the id of a file in a commit; "" if it is absent."""
        entry = self._history.entry(commit, path)
        return entry.blob if entry else ""

    def restores(self, step: Step) -> bool:
        """Return whether a commit gives each editable file that it changes the bytes that it had
        before the loop or in an earlier commit of the loop. False if it changes none."""
        paths = matching(self._history.changes(step), self._editable)
        first = {path: self._blob(self._steps[0].parent, path) for path in paths}
        now = self._places.get(step.id, -1)
        return bool(paths) and all(
            (blob := self._blob(step.id, path)) == first[path]
            or any(n < now for n in self._seen.get((path, blob), ()))
            for path in paths
        )

    def standing(self, step: Step) -> Standing:
        """Return where the change of a commit of the loop is at the head of the history; "on the
        branch" if it changes no editable file."""
        if step.id not in self._standings:
            self._standings[step.id] = self._find_standing(step)
        return self._standings[step.id]

    def _find_standing(self, step: Step) -> Standing:
        """Compute where the change of a commit of the loop is at the head of the history, which
        `standing` returns and keeps."""
        place = self._places[step.id]
        paths = matching(self._history.changes(step), self._editable)
        before = {path: self._blob(step.parent, path) for path in paths}
        if not paths:
            return "on the branch"
        returned = {path: self._returning(path, before[path], place) for path in paths}
        if all(returned.values()):
            return "reverted"
        kept = [path for path in paths if not returned[path]]
        if not all(self._is_left(step, path, place) for path in kept):
            return "superseded"
        if len(kept) == len(paths):
            return "on the branch"
        # a commit with a row that takes only some of it back tries the rest
        first = {steps[0].id for steps in returned.values() if steps}
        return "superseded" if first & self._logged else "in part"

    def _returning(self, path: str, blob: str, place: int) -> list[Step]:
        """Return the commits after ``place`` that give a file the bytes ``blob`` again."""
        return [self._steps[n] for n in self._seen.get((path, blob), ()) if n > place]

    def _is_left(self, step: Step, path: str, place: int) -> bool:
        """Return whether a change is left standing in a file: whether every later version has all
        lines that the commit was the first to have. False if one of these is an option, a setting
        or an ``if``, since the change may be there and not in use, and for a commit that only
        brings earlier lines back. For a commit that only removes lines: whether no version from it
        on has all of them. Lines of up to three characters do not count."""
        lines = self._lines(path)
        if place not in lines.removed:
            return place in lines.left
        removed = lines.removed[place]
        blobs = [self._blob(step.id, path)]
        blobs += [blob for n, blob in self._after[path] if n > place]
        return not any(removed <= self._text(blob) for blob in dict.fromkeys(blobs))

    def _lines(self, path: str) -> _Lines:
        """Return what became of the lines of a file in the loop, from one look at each version."""
        if path not in self._known:
            self._known[path] = self._follow(path)
        return self._known[path]

    def _follow(self, path: str) -> _Lines:
        """Compute what became of the lines of a file in the loop, which `_lines` returns and
        keeps."""
        last = self._text(self._blob(self._steps[0].parent, path))
        first = dict.fromkeys(last, -1)
        left, removed = set[int](), dict[int, frozenset[bytes]]()
        for place, blob in self._after[path]:
            before = self._text(self._blob(self._steps[place].parent, path))
            text = self._text(blob)
            added, gone = _telling(text - before), _telling(before - text)
            new = added.difference(first)
            if new and not any(map(_OPTION.search, new)):
                left.add(place)
            elif gone and not added:
                removed[place] = gone
            first.update(dict.fromkeys(text.difference(first), -1))
            first.update(dict.fromkeys(new, place))
            left.difference_update([first[line] for line in last - text])
            last = text
        return _Lines(left, removed)

    def _text(self, blob: str) -> frozenset[bytes]:
        """Return the lines of a file (by its blob id) without the blanks around them; an empty set
        if it is "" or cannot be read."""
        if blob not in self._texts:
            if len(self._texts) > 256:
                self._texts.clear()
            self._texts[blob] = self._read(blob)
        return self._texts[blob]

    def _read(self, blob: str) -> frozenset[bytes]:
        """Read the lines of a file (by its blob id), which `_text` returns and keeps; an empty set
        for an absent or missing file."""
        try:
            data = self._history.git.store.read(blob) if blob else b""
        except (GitError, LimitError):
            data = b""
        return frozenset(map(bytes.strip, data.splitlines()))


def _telling(lines: frozenset[bytes]) -> frozenset[bytes]:
    """Return the lines that have more than three characters; shorter ones tell nothing."""
    return frozenset(line for line in lines if len(line) > 3)
