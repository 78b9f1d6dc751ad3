"""Find the commits that the words of ``--ouro-candidates`` name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.records.sharing import advise_fetch
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.shared.place import RecordPlace

#: The most candidates of a batch.
MOST = 10_000


@dataclass(frozen=True)
class Candidate:
    """A commit to try, by its full id, and the ``word`` that named it: a revision, or a range."""

    commit: str
    word: str


@dataclass(frozen=True)
class Found:
    """The candidates in the order in which they were named, each commit once, and ``notes``: lines
    about what was left out."""

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]


def find_candidates(place: RecordPlace, words: Sequence[str]) -> Found:
    """Return the candidates that these words name: revisions, and ranges ``A..B``. ``place`` is
    where the records of the clone are kept.

    A range has the commits that B has and A has not, oldest first, without merges; HEAD stands for
    an end that is left out. Empty words and those that begin with ``# ``, which come from the lines
    of a file, do not count. Raise ExperimentError if a word names no commit or is ``A...B``, or if
    there are no candidates or more than `MOST`.
    """
    found: dict[str, Candidate] = {}
    notes: list[str] = []
    twice = 0
    for word in filter(None, map(str.strip, words)):
        if word == "#" or word.startswith("# "):  # no revision has a space there
            continue
        commits, merges = _find_commits(place, word)
        if merges:
            count = "1 merge" if merges == 1 else f"{merges} merges"
            notes.append(f"{count} in {word} left out: name a merge by itself to try it")
        for commit in commits:
            twice += commit in found
            found.setdefault(commit, Candidate(commit, word))
    if not found:
        raise messages.no_candidates()
    if twice:
        notes.append(f"{twice} of the candidates {'was' if twice == 1 else 'were'} named before")
    if len(found) > MOST:
        raise messages.too_many_candidates(len(found), MOST)
    return Found(tuple(found.values()), tuple(notes))


def _find_commits(place: RecordPlace, word: str) -> tuple[list[str], int]:
    """Return the commits that a revision or range names, and the number of merges in a range, which
    are left out. Raise ExperimentError if it names none, or is ``A...B``."""
    git = place.git
    older, dots, newer = word.partition("..")
    if newer.startswith("."):
        raise messages.symmetric_range(word)
    if not dots:
        if not (commit := git.commit(word)):
            raise messages.no_such_candidate(word, advise_fetch(place, word))
        return [commit], 0
    ends = [git.commit(end or "HEAD") for end in (older, newer)]
    for end, commit in zip((older, newer), ends, strict=True):
        if not commit:
            raise messages.no_such_candidate(end, advise_fetch(place, end))
    span = f"{ends[0]}..{ends[1]}"
    commits = _list(git, "--no-merges", span)
    if not commits:
        raise messages.empty_range(word)
    return commits, len(_list(git, "--merges", span))


def _list(git: Git, which: str, span: str) -> list[str]:
    """Return the ids of the commits of one kind in a range, oldest first, at most one more than
    `MOST`."""
    most = f"--max-count={MOST + 1}"
    return git.call("rev-list", "--reverse", "--topo-order", most, which, span).decode().split()
