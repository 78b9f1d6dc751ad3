"""Call git's plumbing commands with settings under which a repository can neither change the
answers nor run code."""

from __future__ import annotations

import os
import posixpath
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.git import spawn
from pytest_ouro.evidence.git.files import read_head
from pytest_ouro.evidence.git.objects import Entry, Objects
from pytest_ouro.evidence.git.special_files import refuse_special_files, refuse_what_blocks
from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

#: Settings that override those of the repository which run a program or hide a change.
_OVERRIDES = (
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    f"core.hooksPath={os.devnull}",
    f"core.attributesFile={os.devnull}",
    "core.alternateRefsCommand=",
    "core.commitGraph=false",  # git would take parents from it unchecked
    "core.quotePath=false",
    "advice.graftFileDeprecated=false",  # of the empty file below
    "diff.external=",
    "submodule.recurse=false",
    "gc.auto=0",
)


def environment() -> dict[str, str]:
    """Return the environment for a git process: that of this process, with ``LC_ALL=C``, and
    with all ``GIT_*`` variables replaced by ones that forbid prompts, fetches, optional locks,
    replacement objects, grafts and pathspec patterns.

    Relative folders are removed from PATH: the checked folder could contain a program "git".
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    folders = env.get("PATH", os.defpath).split(os.pathsep)
    env.update(
        PATH=os.pathsep.join(filter(os.path.isabs, folders)),
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


def command(*args: str, cwd: Path, also: tuple[str, ...] = ()) -> list[str]:
    """Return the command line (program and arguments) that runs ``git ARGS`` in ``cwd``, with
    settings that disable hooks, programs and caches that could change the answer (`_OVERRIDES`).
    The settings ``also``, each ``name=value``, take precedence over these."""
    settings = [word for setting in (*_OVERRIDES, *also) for word in ("-c", setting)]
    start = ("git", "-C", str(cwd), "--no-optional-locks", "--no-replace-objects")
    return [*start, *settings, *args]


def run_git(
    *args: str, cwd: Path, index: str = "", also: tuple[str, ...] = (), stdin: bytes = b""
) -> bytes:
    """Run ``git ARGS`` in ``cwd`` and return its standard output.

    ``index`` becomes GIT_INDEX_FILE, unless it is ""; ``also`` are more settings, each
    ``name=value``; ``stdin`` is the standard input. Raise GitError if git is missing, fails, blocks
    for ever or prints nothing for ten minutes; and OuroError if a pipe or device in the repository
    blocks it.
    """
    return _run(args, cwd, index, also, stdin)[0]


def _run(
    args: Sequence[str], cwd: Path, index: str, also: tuple[str, ...], stdin: bytes = b""
) -> tuple[bytes, bytes]:
    """Run git as `run_git` does, and return its standard output and its standard error."""
    env = environment()
    if index:
        env["GIT_INDEX_FILE"] = index
    try:
        called = command(*args, cwd=cwd, also=also)
        status, said, error = spawn.output(
            called, env, stdin, late=partial(refuse_what_blocks, cwd)
        )
    except OSError:
        raise messages.not_installed() from None
    if status:
        if not cwd.is_dir():
            raise messages.not_a_directory(cwd)
        lines = error.decode(errors="replace").strip().splitlines() or ["no message"]
        first = next((line for line in lines if line.startswith("fatal: ")), lines[0])
        lines.remove(first)
        raise messages.failed(args[0], first, " ".join(map(str.strip, lines)))
    return said, error


def _rev_parse(start: Path, *args: str) -> bytes:
    """Return the output of ``git ARGS`` in ``start``, where ``args`` begin with ``rev-parse``. If
    git fails, raise a GitError that explains the cause: no repository, a damaged one, one that is
    gone, or no working tree; otherwise the error of `run_git`."""
    try:
        return run_git(*args, cwd=start)
    except GitError as error:
        _, known, gone = error.message.partition("not a git repository: ")
        if known:
            raise messages.repository_gone(start, gone) from None
        if "not a git repository" in error.message:
            if refused := next((at for at in _git_folders(start) if os.path.lexists(at)), None):
                raise messages.damaged_repository(refused) from None
            raise messages.no_repository(start) from None
        if "must be run in a work tree" in error.message:
            raise messages.no_working_tree(start) from None
        raise


def _ask_path(start: Path, option: str) -> str:
    """Return the absolute path that ``git rev-parse OPTION`` prints in ``start``, even if the path
    has a line break. Raise GitError if git fails."""
    return os.fsdecode(_rev_parse(start, "rev-parse", "--path-format=absolute", option))[:-1]


def _git_folders(start: Path) -> Iterator[Path]:
    """Yield ``start / ".git"``, then the same for each folder above ``start``, whether it exists or
    not."""
    return (folder / ".git" for folder in (start, *start.parents))


def _own_index(index: str, top: Path, common_dir: Path) -> str:
    """Return ``index`` (a value for GIT_INDEX_FILE, relative to ``top`` or absolute) unchanged.
    Raise GitError if it is not "" and lies outside ``common_dir``."""
    if index and common_dir.resolve() not in (top / index).resolve().parents:
        raise messages.foreign_index(index)
    return index


def _unreadable(error: bytes, tracked: Collection[str]) -> list[str]:
    """Return the folders that git reports in ``error``, its standard error, as impossible to open,
    each with a final ``/``; [] if there are none.

    Git cuts the line if the path is too long. Of such a path, the uppermost folder that contains no
    file of ``tracked`` is returned, since it contains the folder that git could not open.
    """
    found = []
    for line in os.fsdecode(error).split("\n"):
        _, warned, rest = line.partition("warning: could not open directory '")
        name, whole, _ = rest.rpartition("': ")
        if warned and not whole:
            above = list(accumulate(rest.split("/"), "{}/{}".format))
            inside = (one for one in above if not any(p.startswith(f"{one}/") for p in tracked))
            name = next(inside, rest)
        if warned:
            found.append(f"{name.rstrip('/')}/")
    return found


def split(output: bytes) -> list[str]:
    """Return the NUL-separated fields of the output of a git command with ``-z``, decoded, without
    empty fields."""
    return [field for field in os.fsdecode(output).split("\0") if field]


@dataclass(frozen=True)
class Git:
    """A repository and its top folder, with methods that read it through git.

    ``common_dir`` is the git folder that all working trees share, ``folder`` the git folder of this
    one. ``head`` is the full id of the commit HEAD ("" before the first commit), ``branch`` the
    name of the branch that is checked out ("" if HEAD is detached). ``shallow`` says that git
    history is cut. ``index`` is GIT_INDEX_FILE, or "". `objects` makes one whose ``top`` is any
    folder, with ``prefix`` as its repository-relative path. With ``from_top``, `word` returns paths
    from ``top``, not from the user's folder. Methods that read objects raise LimitError once all
    have read more than `limits.OBJECTS` bytes together since the last `close` or `again`.
    """

    top: Path
    common_dir: Path
    folder: Path
    head: str = ""
    branch: str = ""
    shallow: bool = False
    index: str = ""
    prefix: str = ""
    from_top: bool = False

    @classmethod
    def discover(cls, start: Path, *, index: str = "") -> Git:
        """Return the repository of the working tree that contains the folder ``start``.
        ``index`` is the file to use as git's index ("": the usual one).

        Raise GitError if there is no repository or working tree, or if ``index`` lies outside
        the git folder; and OuroError if `refuse_special_files` finds a file that git would wait
        for.
        """
        refuse_special_files(start)
        where = ("--show-toplevel", "--git-common-dir", "--absolute-git-dir")
        asked = ("rev-parse", "--path-format=absolute", *where, "--is-shallow-repository")
        try:
            found = run_git(*asked, "HEAD", "--symbolic-full-name", "HEAD", cwd=start)
        except GitError:  # no commit yet, or no repository
            found = _rev_parse(start, *asked) + b"\n\n"
        *paths, shallow, head, ref = os.fsdecode(found).split("\n")[:-1]
        if len(paths) != len(where):  # a folder has a line break in its name
            paths = [_ask_path(start, one) for one in where]
        top, common, folder = map(Path, paths)
        return cls(
            *(top, common, folder),
            head=head,
            branch=ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else "",
            shallow=shallow == "true",
            index=_own_index(index, top, common),
        )

    @classmethod
    def objects(cls, start: Path) -> Git:
        """Return the repository around the folder ``start``, which may be bare, for reading objects
        only: ``head``, ``branch`` and ``index`` are "". Raise GitError if there is none, and
        OuroError if `refuse_special_files` finds a file that git would wait for."""
        refuse_special_files(start)
        where = ("--git-common-dir", "--absolute-git-dir", "--show-prefix")
        asked = ("rev-parse", "--path-format=absolute", *where, "--is-shallow-repository")
        *paths, shallow = os.fsdecode(_rev_parse(start, *asked)).split("\n")[:-1]
        if len(paths) != len(where):  # a folder has a line break in its name
            paths = [_ask_path(start, one) for one in where]
        common, folder, prefix = paths
        return cls(
            *(start, Path(common), Path(folder)), shallow=shallow == "true", prefix=prefix[:-1]
        )

    def again(self) -> Git:
        """Return this repository with its present HEAD and branch, from git's files if possible; it
        then shares this object's reader of objects, whose count towards `limits.OBJECTS` starts
        again from 0. Otherwise return that of `discover`, whose errors are raised."""
        refuse_special_files(self.top)
        found = read_head(self.folder, self.common_dir)
        if found is None or self.shallow != (self.common_dir / "shallow").exists():
            return Git.discover(self.top, index=self.index)
        now = replace(self, head=found[0], branch=found[1])
        if "store" in self.__dict__:
            now.__dict__["store"] = self.store
            self.store.renew()
        return now

    def relative(self, path: Path) -> str:
        """Return ``path`` relative to the top folder, with ``/``; a symbolic link stands for
        itself, not for its target. Raise GitError if it lies outside."""
        try:
            return (path.parent.resolve() / path.name).relative_to(self.top.resolve()).as_posix()
        except ValueError:
            raise messages.outside_working_tree(path, self.top) from None

    def word(self, path: str) -> str:
        """Return ``path``, which is repository-relative, as a quoted shell word for a ``help:``
        command. The word is relative to the folder where the user called pytest-ouro. It is
        repository-relative if that folder is outside the repository, or if the attribute
        ``from_top`` is True."""
        if self.from_top or self._called_in == "." or self._is_away:
            return quoted(path)
        end = "/" if path.endswith("/") else ""
        return quoted(posixpath.relpath(path, self._called_in) + end)

    @property
    def way_to_top(self) -> str:
        """The path from the current folder to the repository's top, if pytest-ouro was called
        outside the repository; "" if it was called inside."""
        up = "../" * (self.prefix.count("/") + 1 if self.prefix else 0)
        return os.path.relpath(self.top / up) if self._is_away else ""

    @property
    def _is_away(self) -> bool:
        """Whether pytest-ouro was called outside of the repository."""
        return self._called_in.split("/")[0] == ".."

    @cached_property
    def _called_in(self) -> str:
        """The folder where the user called pytest-ouro, relative to the repository's top. In a hook
        of git, which runs in another folder, this is the folder where the user called git."""
        here = os.path.relpath(Path.cwd(), os.path.realpath(self.top))
        here = posixpath.normpath(posixpath.join(self.prefix, here))
        asked_in = os.environ.get("GIT_PREFIX")  # git tells its hooks
        if asked_in is None or here.split("/")[0] == "..":
            return here
        return posixpath.normpath(asked_in or ".")

    def call(self, *args: str) -> bytes:
        """Run ``git ARGS`` in the top folder with this index, and return its standard output. Raise
        GitError if it fails, OuroError if a pipe or device in the repository blocks it."""
        return run_git(*args, cwd=self.top, index=self.index, also=self._names)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The settings to pass to git: ``core.ignoreCase=false`` if the file system distinguishes
        case, whatever the repository's config says; otherwise ()."""
        return () if (self.common_dir / "CoNfIg").exists() else ("core.ignoreCase=false",)

    def line(self, *args: str) -> str:
        """Return the output of ``git ARGS`` as text without blanks at its ends; bytes that are not
        UTF-8 become surrogates, as in `os.fsdecode`. Return "" if git is missing, fails or is given
        up as `run_git` says. Raise OuroError if a pipe or device in the repository blocks git."""
        try:
            return os.fsdecode(self.call(*args)).strip()
        except GitError:
            return ""

    def commit(self, revision: str) -> str:
        """Return the full id of the commit that ``revision`` names (a tag is followed to its
        commit); "" if it names no commit, or git fails."""
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = self.line(*asked)
        return "" if found.startswith("^") else found  # ^REV leaves a commit out

    def is_ambiguous(self, revision: str) -> bool:
        """Return whether git warns that ``revision`` is ambiguous: more than one ref or file in
        .git has that name, as a branch and a tag. Return False if nothing has it. Raise GitError or
        OSError if git cannot be run."""
        asked = ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        called = command(*asked, cwd=self.top, also=("core.warnAmbiguousRefs=true",))
        return b" is ambiguous" in spawn.output(called, environment())[2]

    def tree(self, commit: str) -> dict[str, Entry]:
        """Return the entry of every file, link and submodule of a commit (full id), by its
        repository-relative path. Raise GitError if the commit or a tree is missing or damaged, and
        LimitError if the tree is too large."""
        return self.store.files(self.store.commit(commit)[0])

    def file(self, commit: str, path: str) -> bytes | None:
        """Return the bytes of the file at a repository-relative path of a commit (full id); for a
        symbolic link, the path of its target. Return None if nothing is there, or a folder or
        submodule. Raise GitError if an object is missing or damaged, and LimitError if one is too
        large."""
        return self.contents(self.tree(commit).get(path), path=path)

    def contents(
        self, entry: Entry | None, *, limit: int = limits.FILE, path: str = ""
    ) -> bytes | None:
        """Return the bytes of the blob of ``entry``; None if ``entry`` is None or a submodule.

        Raise GitError if the blob is missing or damaged, and LimitError, whose message names
        ``path``, if it has more than ``limit`` bytes or the total of `limits.OBJECTS` is
        exceeded.
        """
        if entry is None or entry.is_submodule:
            return None
        return self.store.read(entry.blob, limit=limit, path=path)

    def files(self, *, untracked: bool = True) -> tuple[dict[str, Entry], list[str]]:
        """Return the entries of the index by repository-relative path, and the list of untracked
        paths that git does not ignore ([] if not ``untracked``). The list also has, with a final
        ``/``, folders that git cannot read or that are repositories.

        Raise GitError if a merge has conflicts or git fails, OuroError if a pipe or device
        blocks it.
        """
        others = ("-o", "--exclude-standard") if untracked else ()
        asked = ("ls-files", "-c", *others, "-s", "-v", "-z")
        said, error = _run(asked, self.top, self.index, self._names)
        entries: dict[str, Entry] = {}
        unknown = []
        for field in split(said):
            if field.startswith("? "):
                unknown.append(field[2:])
                continue
            meta, _, path = field.partition("\t")
            flag, mode, blob, stage = meta.split(" ")
            if stage != "0":
                raise messages.merge_conflict(path)
            entries[path] = Entry(mode, blob, flag in "Ss")
        return entries, [*_unreadable(error, entries), *unknown]

    def blobs(self, ids: Iterable[str]) -> list[bytes]:
        """Return the bytes of the objects with these full ids, in the same order. Raise GitError if
        one is missing or damaged, and LimitError if one has more than `limits.FILE` bytes, or if
        ``store`` has read more than `limits.OBJECTS` bytes in all."""
        return [self.store.read(blob) for blob in ids]

    def close(self) -> None:
        """End the ``git cat-file`` process that reads objects, and forget what was read; the next
        read starts another process."""
        if "store" in self.__dict__:
            self.store.close()

    @cached_property
    def store(self) -> Objects:
        """The reader of objects: starts a ``git cat-file`` process when it is first used."""
        asked = command("cat-file", "--batch", cwd=self.top)
        return Objects(asked, environment(), late=partial(refuse_what_blocks, self.top))
