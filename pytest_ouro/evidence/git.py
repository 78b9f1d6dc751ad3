"""Git by plumbing only, so that the judged repository can neither colour an answer nor run code."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Settings of the repository that would run a program or hide a change during a plumbing call.
_OVERRIDES = (
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    f"core.hooksPath={os.devnull}",
    f"core.attributesFile={os.devnull}",
    "core.alternateRefsCommand=",
    "core.quotePath=false",
    "diff.external=",
    "submodule.recurse=false",
    "gc.auto=0",
)


def environment() -> dict[str, str]:
    """The process environment without ``GIT_*``, plus what keeps git literal and quiet."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env.update(
        LC_ALL="C",
        GIT_NO_REPLACE_OBJECTS="1",
        GIT_GRAFT_FILE=os.devnull,
        GIT_LITERAL_PATHSPECS="1",
        GIT_OPTIONAL_LOCKS="0",
        GIT_TERMINAL_PROMPT="0",
        GIT_ALLOW_PROTOCOL="none",
        GIT_NO_LAZY_FETCH="1",
    )
    return env


def run_git(*args: str, cwd: Path, stdin: bytes | None = None, index: str = "") -> bytes:
    """Standard output of one git call in ``cwd``; GitError when git fails or is missing.

    ``index`` is the value of GIT_INDEX_FILE to keep (git sets it for a partial commit).
    """
    env = environment()
    if index:
        env["GIT_INDEX_FILE"] = index
    command = ["git", "--no-optional-locks", "--no-replace-objects"]
    for setting in _OVERRIDES:
        command += ["-c", setting]
    try:
        done = subprocess.run(
            [*command, *args],
            cwd=cwd,
            env=env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
        )
    except OSError:
        if not cwd.is_dir():
            raise GitError(f"{cwd} is no folder") from None
        raise GitError(
            "git is not installed, and nothing can be judged without it",
            help="install git and run again",
        ) from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise GitError(f"git {args[0]} failed: {words[0]}")
    return done.stdout


def split(output: bytes) -> list[str]:
    """The fields of a ``-z`` output."""
    return [os.fsdecode(field) for field in output.split(b"\0") if field]


@dataclass(frozen=True)
class Entry:
    """One path of a tree or of the index. ``mode`` as git writes it: 100644, 100755, 120000, …"""

    mode: str
    blob: str
    skip: bool = False  # git was told not to expect the file in the working tree


@dataclass(frozen=True)
class Git:
    """A repository seen from its working tree's top folder."""

    top: Path
    common_dir: Path
    index: str = ""

    @classmethod
    def discover(cls, start: Path) -> Git:
        """The repository around ``start``; GitError with the remedy where there is none."""
        try:
            found = run_git(
                "rev-parse",
                "--path-format=absolute",
                "--show-toplevel",
                "--git-common-dir",
                cwd=start,
            )
        except GitError as error:
            if "not a git repository" in error.message:
                raise GitError(
                    f"no git repository at {start}: rules are judged against commits",
                    help="git init, then commit the experiment",
                ) from None
            raise
        top, common = os.fsdecode(found).splitlines()
        return cls(Path(top), Path(common))

    def relative(self, path: Path) -> str:
        """``path``, itself not followed if it is a link, from the top folder; GitError outside."""
        try:
            return (path.parent.resolve() / path.name).relative_to(self.top.resolve()).as_posix()
        except ValueError:
            raise GitError(
                f"{path} lies outside the working tree {self.top}",
                help="git config --unset core.worktree, if it names another folder",
            ) from None

    def call(self, *args: str, stdin: bytes | None = None) -> bytes:
        return run_git(*args, cwd=self.top, stdin=stdin, index=self.index)

    def line(self, *args: str) -> str:
        """The first line of the answer, or "" where git has none."""
        try:
            return os.fsdecode(self.call(*args)).strip()
        except GitError:
            return ""

    def commit(self, revision: str) -> str:
        """The full id of the commit that ``revision`` names; "" if it names none."""
        return self.line(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )

    def tree(self, commit: str) -> dict[str, Entry]:
        """Every file of a commit: path from the top folder, with ``/``."""
        entries = {}
        for field in split(self.call("ls-tree", "-r", "-z", "--full-tree", commit)):
            meta, path = field.split("\t", 1)
            mode, _, blob = meta.split(" ")
            entries[path] = Entry(mode, blob)
        return entries

    def staged(self) -> dict[str, Entry]:
        """Every file of the index. GitError while a merge has conflicts."""
        entries = {}
        for field in split(self.call("ls-files", "-s", "-v", "-z")):
            meta, path = field.split("\t", 1)
            flag, mode, blob, stage = meta.split(" ")
            if stage != "0":
                raise GitError(
                    f"{path} has a merge conflict", help="finish or abort the merge, then run again"
                )
            entries[path] = Entry(mode, blob, skip=flag in "Ss")
        return entries

    def blobs(self, ids: Iterable[str]) -> list[bytes]:
        """The contents of objects by id, in order, from one process."""
        wanted = list(ids)
        if not wanted:
            return []
        out = self.call("cat-file", "--batch", stdin="".join(f"{i}\n" for i in wanted).encode())
        contents, at = [], 0
        for blob in wanted:
            end = out.index(b"\n", at)
            header = out[at:end].split(b" ")
            if len(header) != 3:
                raise GitError(
                    f"object {blob[:10]} cannot be read from the repository",
                    help="a shallow or partial clone lacks it: git fetch --unshallow",
                )
            size = int(header[2])
            contents.append(out[end + 1 : end + 1 + size])
            at = end + 2 + size
        return contents

    def untracked(self, *, ignored: bool = False) -> list[str]:
        """Files that the index does not know; with ``ignored`` only those that git ignores."""
        kind = ["-i"] if ignored else []
        return split(self.call("ls-files", "-o", *kind, "--exclude-standard", "-z"))
