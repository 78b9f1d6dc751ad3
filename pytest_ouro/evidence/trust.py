"""Find the trust (a named commit or bound.lock), and read the trusted rules and files from it."""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence import lock as lockfile
from pytest_ouro.evidence.content import (
    digest,
    has_digest,
    kind_of,
    read_file,
    read_own,
    refuse_other,
    same_content,
)
from pytest_ouro.evidence.git.attributes import as_committed
from pytest_ouro.evidence.paths import join
from pytest_ouro.messages import limits as limit_messages
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry
    from pytest_ouro.evidence.lock import Lock

#: The source of trust that git's configuration names, the repository's own or the user's.
CONFIG = "git config ouro.trust"


@dataclass(frozen=True)
class Trust:
    """What rules and frozen files are compared with: a named commit, or bound.lock.

    ``source`` is the option, environment variable or git setting that names the commit, or
    "bound.lock". ``lock`` is the content of bound.lock if its digests are the reference, otherwise
    None. ``commit`` is the full id of the named commit, or of the one that introduced this content
    of bound.lock; "" if bound.lock is not committed yet ("a blessing is pending"). ``read_at`` is
    the id of the commit from which bound.lock was read ("": from the working tree). ``lock_path``
    and ``bound_path`` are the repository-relative paths of bound.lock and bound.toml.
    """

    git: Git
    source: str
    commit: str
    lock: Lock | None = None
    lock_path: str = lockfile.NAME
    read_at: str = ""
    bound_path: str = ""

    @property
    def named_by_user(self) -> bool:
        """Whether an option or environment variable names the trusted commit, not git's
        configuration or bound.lock."""
        return self.source not in (lockfile.NAME, CONFIG)

    @cached_property
    def vouching_lock(self) -> Lock | None:
        """The bound.lock by which a person blessed the trusted bound.toml. This is ``lock`` if that
        is not None. Otherwise it is the bound.lock in the trusted commit, if it has the digest of
        that commit's bound.toml, and None if it has not, or if one of the two files is missing.

        Raise TrustError if the bound.lock in the trusted commit is damaged, GitError or LimitError
        if it cannot be read.
        """
        if self.lock is not None:
            return self.lock
        committed, rules = self.read(self.lock_path), self.read(self.bound_path)
        if committed is None or rules is None:
            return None
        lock = _parse(committed, self.lock_path)
        return lock if has_digest(rules, lock.files.get(self.bound_path, "")) else None

    @property
    def renewal(self) -> str:
        """What a person must do to change the rules and have them trusted, as the end of a sentence
        in a message: commands and words, without a full stop."""
        edit = (
            "correct bound.toml, run pytest-ouro bless, commit bound.toml and bound.lock together"
        )
        if self.lock is not None:
            return edit
        if self.source == CONFIG:
            return (
                f"git config --unset ouro.trust, {edit}, "
                "then git config ouro.trust $(git rev-parse HEAD)"
            )
        return f"{edit}, and let {self.source} name that commit"

    def __str__(self) -> str:
        """Return in words what the trust is: a short commit id and its source, or bound.lock and
        whether it was read from the judged commit or the working tree."""
        if self.lock is None:
            return f"{self.commit[:7]} ({self.source})"
        place = "judged commit" if self.read_at else "working tree"
        return f"bound.lock (rules read from the {place})"

    @property
    def blessing_pending(self) -> bool:
        """Whether bound.lock is the reference, and no commit contains its present content yet."""
        return self.lock is not None and not self.commit

    @cached_property
    def _tree(self) -> dict[str, Entry]:
        """The entries of all files of the trusted commit, by path; {} while a blessing is pending.
        Raise GitError or LimitError if they cannot be read."""
        return self.git.tree(self.commit) if self.commit else {}

    @cached_property
    def paths(self) -> frozenset[str]:
        """The repository-relative paths of all trusted files: those that bound.lock lists if it is
        the reference, otherwise all files of the trusted commit."""
        return frozenset(self._tree if self.lock is None else self.lock.files)

    @cached_property
    def data(self) -> dict[str, str]:
        """The blessed digests (``sha256:…``) of files outside git, by their names in bound.lock; {}
        if there is no bound.lock. Raise TrustError if the one in the trusted commit is damaged."""
        return {} if self._stated_lock is None else dict(self._stated_lock.data)

    @property
    def baseline(self) -> str:
        """The id of the blessing since which runs are compared; "" to compare all runs. Raise
        TrustError if the bound.lock in the trusted commit is damaged."""
        return "" if self._stated_lock is None else self._stated_lock.baseline

    @cached_property
    def _stated_lock(self) -> Lock | None:
        """``lock``, or otherwise the bound.lock in the trusted commit; None if that has none. Raise
        TrustError if it is damaged, OuroError if it cannot be read."""
        if self.lock is not None:
            return self.lock
        committed = self.read(self.lock_path)
        return None if committed is None else _parse(committed, self.lock_path)

    @cached_property
    def committed(self) -> frozenset[str]:
        """The paths of all files of the trusted commit, whether a rule freezes them or not. If
        bound.lock is the reference and not committed yet (`blessing_pending`), the paths of all
        files of HEAD; empty before the first commit. Raise GitError or LimitError if they cannot be
        read."""
        head = self.git.commit("HEAD") if self.blessing_pending else ""
        return frozenset(self.git.tree(head) if head else self._tree)

    def names_in(self, folder: str) -> frozenset[str]:
        """Return the names of the files and folders directly in ``folder`` ("": the top) of the
        trusted commit, or of HEAD while a blessing is pending; an empty set if there is no such
        folder."""
        if folder not in self._names_in:
            start = f"{folder}/" if folder else ""
            inner = (path[len(start) :] for path in self.committed if path.startswith(start))
            self._names_in[folder] = frozenset(path.partition("/")[0] for path in inner)
        return self._names_in[folder]

    @cached_property
    def _names_in(self) -> dict[str, frozenset[str]]:
        """What `names_in` has returned so far, by its argument ``folder``; {} at first."""
        return {}

    def has_committed(self, path: str) -> bool:
        """Return whether the trusted commit has a file at this path, frozen or not (a submodule is
        not a file); False while a blessing is pending."""
        entry = self._tree.get(path)
        return entry is not None and not entry.is_submodule

    def before(self, path: str) -> bytes | None:
        """Return the bytes of a file in the trusted commit, frozen or not; None if it has no such
        file, or while a blessing is pending. Raise GitError or LimitError if they cannot be
        read."""
        return self.git.file(self.commit, path) if self.commit else None

    def can_restore(self, path: str) -> bool:
        """Return whether the trusted commit has the trusted bytes of ``path``, so that git can
        restore them. Return False if it has no such file, or other bytes than the blessed ones (the
        file changed between its blessing and the commit of bound.lock), and while a blessing is
        pending."""
        data = self.before(path)
        return data is not None and (self.lock is None or has_digest(data, self.digest(path)))

    def digest(self, path: str) -> str:
        """Return ``sha256:…`` of the trusted bytes of ``path``, as bound.lock lists it if that is
        the reference; "" if the file is not trusted. Raise GitError or LimitError if the bytes
        cannot be read."""
        if self.lock is not None:
            return self.lock.files.get(path, "")
        data = self.read(path)
        return "" if data is None else digest(data)

    def read(self, path: str) -> bytes | None:
        """Return the trusted bytes of ``path``; None if the file is not trusted or its bytes cannot
        be found. Raise OuroError if a file cannot be read.

        If ``lock`` is None, these are the bytes in the trusted commit. Otherwise they are the bytes
        that have the blessed digest, from the trusted commit or else from where bound.lock was read
        (a commit or the working tree).
        """
        data = self.before(path)
        if self.lock is None:
            return data
        wanted = self.lock.files.get(path)
        if not wanted:
            return None
        if data is not None and has_digest(data, wanted):
            return data
        found = present(self.git, path, self.read_at)
        return found if found is not None and has_digest(found, wanted) else None


def present(git: Git, path: str, commit: str, *, limit: int = limits.FILE) -> bytes | None:
    """Return the bytes of the file at a repository-relative path in ``commit`` (full id). If
    ``commit`` is "", return those of the file on disk, converted to what git would store
    (`as_committed`). Return the path of its target for a symbolic link, and None if there is no
    file.

    Raise LimitError if the file has more than ``limit`` bytes, OuroError if it cannot be read.
    """
    if commit:
        return git.contents(git.tree(commit).get(path), limit=limit, path=path)
    data = read_file(git.top / path, limit=limit)
    return data and as_committed(git, path, data)


def refuse_other_in_tree(git: Git, path: str) -> None:
    """Raise OuroError if something other than a regular file is at this repository-relative path of
    the working tree; otherwise return. The error's help removes it, and restores the file from HEAD
    if HEAD has it."""
    place = str(git.top / path)
    if kind_of(place):
        tracked = git.head and git.store.entry(git.head, path)
        refuse_other(place, restore=f"git checkout HEAD -- {quoted(place)}" if tracked else "")


def named(git: Git, *, asked: str | None = None, asked_by: str = "--trust") -> tuple[str, str]:
    """Return the full id of the commit that is named as trust, and the name of the source that
    names it; two empty strings if no source names one.

    The sources are, in this order: ``asked`` unless it is None (the source's name is ``asked_by``);
    the variable OURO_TRUST if it is set; ``git config ouro.trust`` unless it is empty. Only the
    first of these counts. Raise TrustError if it is empty, ambiguous or not the name of a commit.
    """
    sources: dict[str, Callable[[], str | None]] = {
        asked_by: lambda: asked,
        "OURO_TRUST": lambda: os.environ.get("OURO_TRUST"),
        CONFIG: lambda: git.line("config", "--default=", "--get", "ouro.trust") or None,
    }
    for source, ask in sources.items():
        if (revision := ask()) is not None:
            # An empty name is an unset variable: a fallback would weaken what is checked.
            commit = git.commit(revision) if revision else ""
            if not commit:
                raise messages.not_a_commit(source, revision)
            if not commit.startswith(revision) and git.is_ambiguous(revision):
                raise messages.ambiguous_name(source, revision)
            return commit, source
    return "", ""


def resolve(
    git: Git,
    *,
    asked: str | None = None,
    asked_by: str = "--trust",
    bound_path: str,
    read_at: str = "",
) -> Trust:
    """Return the trust: the commit that `named` finds, or otherwise bound.lock beside bound.toml.

    ``bound_path`` is bound.toml's repository-relative path. ``read_at`` is the id of the commit in
    which bound.lock is read ("": in the working tree). Raise TrustError if the named commit is
    invalid; or, without one, if bound.lock is missing or damaged, if bound.toml is missing or does
    not have the digest in bound.lock, or if a shallow clone lacks the commit that introduced
    bound.lock; OuroError if a file cannot be read.
    """
    lock_path = join(bound_path.rpartition("/")[0], lockfile.NAME)
    commit, source = named(git, asked=asked, asked_by=asked_by)
    if commit:
        return Trust(git, source, commit, lock_path=lock_path, bound_path=bound_path)
    if not read_at:
        refuse_other_in_tree(git, lock_path)
    data = present(git, lock_path, read_at, limit=limits.LOCK)
    if data is None:
        raise messages.no_trusted_rules(lock_path)
    lock = _parse(data, lock_path)
    commit = _blessing(git, lock_path, data, read_at or git.head)
    trust = Trust(git, lockfile.NAME, commit, lock, lock_path, read_at, bound_path)
    _refuse_altered_bound(trust, bound_path)
    return trust


def _parse(data: bytes, lock_path: str) -> Lock:
    """Return the lock that is written in ``data``. Raise TrustError, which names ``lock_path``, if
    it is damaged."""
    return lockfile.loads(data.decode(errors="replace"), name=lock_path)


def _blessing(git: Git, lock_path: str, data: bytes, head: str) -> str:
    """Return the id of the commit that introduced the present content ``data`` of bound.lock in the
    history of ``head``. Return "" if bound.lock has another content in ``head`` or is missing
    there, or if ``head`` is "".

    Raise TrustError if a shallow clone ends before that commit, LimitError if it is more than
    `limits.COMMITS` commits back.
    """
    entry = git.store.entry(head, lock_path) if head else None
    if entry is None or not same_content(git.blobs([entry.blob])[0], data):
        return ""
    edges, commit, seen = _edges(git), head, 0
    while commit not in edges:
        seen += 1
        if seen > limits.COMMITS:
            raise limit_messages.too_many_commits(limits.COMMITS)
        parents = git.store.commit(commit)[1]
        older = [parent for parent in parents if git.store.entry(parent, lock_path) == entry]
        if not older:
            return commit
        commit = older[0]
    raise messages.shallow_history(lock_path)


def _edges(git: Git) -> list[str]:
    """Return the ids of the commits at which a shallow clone is cut off, which seem to have no
    parents and so to add all their files; [] for a complete clone."""
    if not git.shallow:
        return []
    return (read_own(git.common_dir / "shallow") or b"").decode(errors="replace").split()


def _refuse_altered_bound(trust: Trust, bound_path: str) -> None:
    """Raise TrustError if bound.toml is missing or has not the blessed digest; otherwise return. It
    is read from the commit ``trust.read_at`` or, if that is "", from disk. Raise OuroError if it
    cannot be read, or if something else, such as a folder, is in its place."""
    data = present(trust.git, bound_path, trust.read_at, limit=limits.BOUND)
    if data is None and not trust.read_at:
        refuse_other_in_tree(trust.git, bound_path)
    blessed = trust.digest(bound_path)
    if data is None and not blessed:
        raise messages.no_bound(bound_path)
    if data is None or not has_digest(data, blessed):
        raise messages.altered_bound(bound_path, _restore(trust, bound_path))


def _restore(trust: Trust, path: str) -> str:
    """Return the git command that restores the blessed bytes of a file; "" if the trusted commit
    does not have them."""
    if not trust.can_restore(path):
        return ""
    from pytest_ouro.evidence.git.advice import command_for  # for an error alone

    index: dict[str, Entry] = {}
    with contextlib.suppress(GitError):  # while a merge has conflicts
        index = {} if trust.read_at else trust.git.files(untracked=False)[0]
    return command_for(trust.git, index, f"git checkout {trust.commit[:7]} --", [path])
