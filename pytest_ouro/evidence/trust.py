"""Where the rules and the frozen bytes are read from: a commit, or bound.lock."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.errors import TrustError
from pytest_ouro.evidence import lock as lockfile
from pytest_ouro.evidence.repository import digest, read_file

if TYPE_CHECKING:
    from pytest_ouro.evidence.git import Entry, Git
    from pytest_ouro.evidence.lock import Lock


@dataclass(frozen=True)
class Trust:
    """The truth that everything is compared with.

    ``commit`` is the commit that holds it; "" while a new bound.lock is not committed yet.
    ``lock`` is set when digests, not a commit, are the truth.
    """

    git: Git
    source: str
    commit: str
    lock: Lock | None = None
    lock_path: str = lockfile.NAME

    def __str__(self) -> str:
        if self.lock is None:
            return f"{self.commit[:7]} ({self.source})"
        return "bound.lock (rules read from the working tree)"

    @property
    def blessing_pending(self) -> bool:
        """A new bound.lock lies in the working tree and is not committed yet."""
        return self.lock is not None and not self.commit

    @cached_property
    def _tree(self) -> dict[str, Entry]:
        return self.git.tree(self.commit) if self.commit else {}

    @cached_property
    def paths(self) -> frozenset[str]:
        """The files that trust knows, from the repository's top."""
        return frozenset(self._tree if self.lock is None else self.lock.files)

    @cached_property
    def data(self) -> dict[str, str]:
        """The blessed digests of files outside git; a trusted commit has them in its bound.lock."""
        if self.lock is not None:
            return dict(self.lock.data)
        text = self.read(self.lock_path)
        if text is None:
            return {}
        lock = lockfile.loads(text.decode(errors="replace"), name=self.lock_path)
        return dict(lock.data)

    @property
    def committed(self) -> list[str]:
        """All files of the trusted commit, frozen or not; of HEAD while a blessing is pending."""
        head = self.git.commit("HEAD") if self.blessing_pending else ""
        return list(self.git.tree(head) if head else self._tree)

    def before(self, path: str) -> bytes | None:
        """The bytes of any file of the trusted commit, frozen or not; None where it has none."""
        entry = self._tree.get(path)
        return self.git.blobs([entry.blob])[0] if entry else None

    def digest(self, path: str) -> str:
        """``sha256:…`` of the trusted bytes of ``path``; "" where trust has no such file."""
        if self.lock is not None:
            return self.lock.files.get(path, "")
        data = self.read(path)
        return "" if data is None else digest(data)

    def read(self, path: str) -> bytes | None:
        """The trusted bytes of ``path``; None where trust has none, or none can be found.

        Under bound.lock they come from the commit that blessed it or from the working tree,
        and only if they have the blessed digest.
        """
        entry = self._tree.get(path)
        data = self.git.blobs([entry.blob])[0] if entry and entry.mode != "160000" else None
        if self.lock is None:
            return data
        wanted = self.lock.files.get(path)
        for found in (data, read_file(self.git.top / path) if wanted else None):
            if found is not None and digest(found) == wanted:
                return found
        return None


def resolve(
    git: Git, *, asked: str | None = None, asked_by: str = "--trust", bound_path: str
) -> Trust:
    """The trust to judge by: ``asked``, OURO_TRUST, ``git config ouro.trust``, or bound.lock.

    ``bound_path`` is bound.toml's path from the top; bound.lock lies beside it. TrustError
    names what is missing and how a person supplies it.
    """
    lock_path = bound_path.rpartition("/")[0]
    lock_path = f"{lock_path}/{lockfile.NAME}" if lock_path else lockfile.NAME
    for source, revision in (
        (asked_by, asked),
        ("OURO_TRUST", os.environ.get("OURO_TRUST")),
        ("git config ouro.trust", git.line("config", "--get", "ouro.trust") or None),
    ):
        if revision is not None:
            # An empty one is a variable that was not set: to fall back would be to judge by less.
            commit = git.commit(revision) if revision else ""
            if not commit:
                raise TrustError(
                    f"{source} names '{revision}', which is no commit of this repository",
                    help="git fetch it, or name a commit, branch or tag that a person trusts",
                )
            return Trust(git, source, commit, lock_path=lock_path)
    data = read_file(git.top / lock_path)
    if data is None:
        raise TrustError(
            f"no trusted rules: {lock_path} does not exist and no trusted commit was named",
            help="a person runs `pytest-ouro bless` and commits bound.lock, "
            "or names a commit: git config ouro.trust <commit>",
        )
    lock = lockfile.loads(data.decode(errors="replace"), name=lock_path)
    trust = Trust(git, lockfile.NAME, _blessing(git, lock_path, data), lock, lock_path)
    _refuse_altered_bound(trust, bound_path)
    return trust


def _blessing(git: Git, lock_path: str, data: bytes) -> str:
    """The commit that brought bound.lock as it lies here; "" if none did."""
    commit = git.line("rev-list", "-1", "HEAD", "--", lock_path)
    if commit and commit in _edges(git):
        raise TrustError(
            f"a shallow clone: the history since the blessing of {lock_path} is not all here",
            help="git fetch --unshallow (in CI: fetch-depth: 0)",
        )
    entry = git.tree(commit).get(lock_path) if commit else None
    if entry and digest(git.blobs([entry.blob])[0]) == digest(data):
        return commit
    return ""


def _edges(git: Git) -> list[str]:
    """The commits at which a shallow clone ends: each seems to bring all that it holds."""
    if not git.shallow:
        return []
    try:
        return (git.common_dir / "shallow").read_text().split()
    except OSError:
        return []


def _refuse_altered_bound(trust: Trust, bound_path: str) -> None:
    data = read_file(trust.git.top / bound_path)
    if data is None or digest(data) != trust.digest(bound_path):
        since = f"git checkout {trust.commit[:7]} -- {bound_path}" if trust.commit else ""
        raise TrustError(
            f"{bound_path} is not the one that was blessed (bound.lock): its rules are not trusted",
            help=f"undo the change{f': {since}' if since else ''}; "
            "a person may declare it the truth: pytest-ouro bless",
        )
