"""Find where the records of a clone are kept: in its own git folder, or in a repository that the
clones of its project share.

That repository lies in the folder that the user names (see `named`), and is called by the first
commit of the trusted history, which all clones have. It holds what a clone's git folder would: the
journal and the files beside it, their refs, and every tried commit. The file ``ouro/clone`` in a
clone's git folder says that it shares its records, and how it is called in them.
"""

from __future__ import annotations

import os
import re
import stat
from functools import cached_property
from pathlib import Path

from pytest_ouro.core.errors import GitError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.content import read_own
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.git.files import name_worktree
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.shared.named import Named, find_named
from pytest_ouro.messages import records as messages

#: In the git folder of a clone, the file with its name and the first commit of its project.
MARK = "ouro/clone"
#: In the git folder of shared records: the file that states the project, and the folder with a
#: file for each clone, which holds the path of that clone's git folder.
PROJECT, CLONES = "ouro/project", "ouro/clones"
#: The name of the clone that brought its records along; there its working trees keep their names.
FIRST = "-"
#: The name of a clone that has not joined yet. No record has it.
_NEW = "?"
_MARK = re.compile(r"(-|[A-Za-z0-9][\w-]{0,60}) ([0-9a-f]{40}(?:[0-9a-f]{24})?)\n", re.ASCII)
#: The digits of the first commit that name the folder of a project.
_DIGITS = 12


@dataclass(frozen=True)
class RecordPlace:
    """Where the records of the clone ``git`` are kept: in the git folder ``common_dir``, which is
    its own unless ``folder`` names the folder of shared records; then it may not exist yet.

    ``source`` is what named that folder, ``project`` the full id of the project's first commit, and
    ``clone`` the name of this clone in the records ("?": it has none yet). ``joined``: the clone is
    known there, under this name and path. Without shared records the three texts are "", and
    ``joined`` is True.
    """

    git: Git
    common_dir: Path
    folder: Path | None = None
    source: str = ""
    project: str = ""
    clone: str = ""
    joined: bool = True

    @property
    def top(self) -> Path:
        """The folder of the repository that holds the records."""
        return self.git.top if self.folder is None else self.common_dir.parent

    @property
    def closed(self) -> tuple[Path, ...]:
        """The folders of records outside of the clone, which no run may read: () if there are
        none."""
        return () if self.folder is None else (self.top,)

    @cached_property
    def journal(self) -> Journal:
        """The journal, not read yet; its file may not exist."""
        return Journal(self.common_dir)

    @property
    def worktree(self) -> str:
        """The name of the present working tree in the records: that of the clone, a ``/`` and the
        name of the linked working tree, as far as there are these; "" for the main working tree of
        a clone that shares nothing, or that brought its records along."""
        linked = name_worktree(self.git.folder, self.git.common_dir)
        clone = "" if self.clone == FIRST else self.clone
        return "/".join(filter(None, (clone, linked)))

    @property
    def is_named(self) -> bool:
        """Whether this clone has a name in the records: it joined them, here or at another path."""
        return self.clone not in ("", _NEW)

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The files that say how this clone is called; () if it has no name in the records
        (`is_named`)."""
        if not self.is_named:
            return ()
        return (self.git.common_dir / MARK, self.common_dir / CLONES / self.clone)

    @cached_property
    def store(self) -> Git:
        """The repository that holds the records, and all tried commits. It is the clone itself if
        it shares nothing, or if no shared records have begun."""
        if self.folder is None or not self.common_dir.is_dir():
            return self.git
        return Git.objects(self.top)

    def close(self) -> None:
        """End the git process that reads the store; the next read starts another."""
        if "store" in self.__dict__:
            self.store.close()

    def keeps(self, commit: str) -> bool:
        """Return whether the store has the commit with this full id."""
        return _has(self.store, commit)

    def lacks(self, commit: str) -> bool:
        """Return whether the clone lacks the commit with this full id."""
        return not _has(self.git, commit)

    def find_holder(self, commit: str) -> Git:
        """Return the repository that has a recorded commit (full id): the clone, or else the store;
        the clone if none has it."""
        if self.folder is None or not self.lacks(commit) or not self.keeps(commit):
            return self.git
        return self.store


def find_place(git: Git) -> RecordPlace:
    """Return where the records of a clone are kept. Nothing is written.

    A clone without a commit has its own, and so has a repository that is read for its objects alone
    (`Git.objects`), of which nothing asks for records. Raise RecordError if the folder that the
    user names cannot be used, if it has another project's records or does not know this clone, if
    the clone shares its records and no folder is named, or if it is shallow; TrustError if what is
    named as trusted is not a commit, GitError if git fails.
    """
    if not git.head:
        return RecordPlace(git, git.common_dir)
    named, mark = find_named(), _read_mark(git.common_dir)
    if named is None:
        if mark is not None:
            raise messages.records_elsewhere(git.common_dir / MARK)
        return RecordPlace(git, git.common_dir)
    _demand_usable(named, git)
    clone, joined = _NEW, False
    if mark is not None:
        clone, project = mark
        common_dir = _find_project(named.folder, project)
        registered = read_own(common_dir / CLONES / clone)
        if registered is None:
            raise messages.unknown_clone(named.folder, git.common_dir / MARK)
        path = os.fsdecode(registered).rstrip("\n")
        joined = path == os.path.realpath(git.common_dir)
        if not joined and _read_mark(Path(path)) == mark:  # this is a copy of that clone
            clone = _NEW
    else:
        project = _find_first_commit(git, named.folder)
        common_dir = _find_project(named.folder, project)
    return RecordPlace(git, common_dir, named.folder, named.source, project, clone, joined)


def _read_mark(common_dir: Path) -> tuple[str, str] | None:
    """Return the name of the clone with this git folder, and the first commit of its project, as
    its mark has them; None without a mark. Raise OuroError if it is damaged, not a regular file, or
    cannot be read."""
    stated = read_own(common_dir / MARK)
    if stated is None:
        return None
    match = _MARK.fullmatch(stated.decode(errors="replace"))
    if match is None:
        raise messages.damaged_mark(common_dir / MARK)
    return match[1], match[2]


def _demand_usable(named: Named, git: Git) -> None:
    """Raise RecordError if the folder that is named for shared records is missing, not a folder of
    this user that can be written, or that of one project; or if it, or the configuration that names
    it, lies in the repository ``git``."""
    folder, source = named
    own = {Path(os.path.realpath(path)) for path in (git.top, git.common_dir)}
    for path in (folder, Path(os.path.realpath(source)) if source[:1] == "/" else folder):
        if own & {path, *path.parents}:
            raise messages.place_in_repository(path, source)
    try:
        found = folder.stat()
    except FileNotFoundError:
        raise messages.no_place(folder, source) from None
    except OSError as error:
        raise messages.unusable_place(folder, source, error.strerror or str(error)) from None
    if not stat.S_ISDIR(found.st_mode):
        raise messages.unusable_place(folder, source, "it is not a folder")
    if found.st_uid != os.geteuid():
        raise messages.foreign_place(folder, found.st_uid, os.geteuid())
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise messages.unusable_place(folder, source, os.strerror(13))
    if os.path.lexists(folder / ".git" / PROJECT):
        raise messages.place_of_one_project(folder, folder.parent)


def _find_project(folder: Path, project: str) -> Path:
    """Return the git folder of the shared records of a project, given by its first commit; it may
    not exist. Raise RecordError if something else is in its place, or if another user owns it."""
    top = folder / project[:_DIGITS]
    try:
        found = top.lstat()
    except OSError:
        return top / ".git"
    if found.st_uid != os.geteuid():
        raise messages.foreign_place(top, found.st_uid, os.geteuid())
    stated = (read_own(top / ".git" / PROJECT) or b"").decode(errors="replace").strip()
    if stated != project or not stat.S_ISDIR(found.st_mode):
        raise messages.other_project(top, project, stated)
    return top / ".git"


def _find_first_commit(git: Git, folder: Path) -> str:
    """Return the full id of the first commit of a clone's trusted history: that of the commit that
    is named as trusted, or else of HEAD, by first parents. Raise RecordError for a shallow clone,
    TrustError if what is named is not a commit, GitError if git fails."""
    from pytest_ouro.evidence.trust import named  # a clone asks it until it has joined

    if git.shallow:
        raise messages.shallow_project(folder)
    commit = named(git)[0] or git.head
    return git.call("rev-list", "--first-parent", "--max-parents=0", commit).decode().strip()


def _has(git: Git, commit: str) -> bool:
    """Return whether a repository has the commit with this full id."""
    try:
        git.store.commit(commit)
    except GitError:
        return False
    return True
