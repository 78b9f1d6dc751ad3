"""Copy tried commits to the shared records, where every clone finds them, and where they stay when
a clone is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.ancestry import list_history
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.evidence.shared.place import RecordPlace

#: Of an object count below this, each object becomes a file of its own, as after a ``git push``.
_FEW = 100
#: The most known ancestors that git leaves out.
_MOST = 50
#: What was copied must survive a loss of power, as the journal does.
_DURABLE = ("core.fsync=loose-object,pack,pack-metadata",)


def copy_commit(place: RecordPlace, commit: str) -> None:
    """Copy a commit (full id) of the clone, with its history, to the shared records; do nothing if
    a ref there names it already, or if the clone shares none. Raise RecordError if it cannot be
    copied."""
    if place.folder is None:
        return
    try:
        kept = set(anchor.refs(place.common_dir).values())
        if commit in kept:
            return
        history = list_history(place.git, commit)
        copy_commits(place, [commit], [one for one in history if one in kept][:_MOST])
    except GitError as error:
        raise messages.uncopied_commit(commit, place.folder or place.top, error.message) from None


def copy_commits(place: RecordPlace, commits: Sequence[str], without: Iterable[str] = ()) -> None:
    """Copy commits of the clone with their history to the shared records, except for what the
    commits ``without`` have, which are there. Raise GitError if the clone lacks an object, or git
    fails; git computes the id of every object from its content."""
    asked = "".join([f"{one}\n" for one in commits] + [f"^{one}\n" for one in without]).encode()
    options = ("--revs", "--thin", "--delta-base-offset", "--stdout", "-q")
    packed = run_git("pack-objects", *options, cwd=place.git.top, stdin=asked)
    few = int.from_bytes(packed[8:12], "big") < _FEW  # the count in a pack's header
    unpack = ("unpack-objects", "-q") if few else ("index-pack", "--stdin", "--fix-thin")
    run_git(*unpack, cwd=place.top, also=_DURABLE, stdin=packed)
    for commit in commits:
        place.store.store.commit(commit)
