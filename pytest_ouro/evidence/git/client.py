"""Call git by plumbing commands only, so that the repository cannot change answers or run code."""

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
    """Return a copy of the environment of this process with ``LC_ALL=C``, in which the ``GIT_*``
    variables are replaced by some that keep git from asking, fetching, taking locks, replacing
    objects and expanding paths.

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
    """Return the program and arguments of one git call with the arguments ``args`` in ``cwd``, with
    `_OVERRIDES` and the settings ``also`` (``name=value``), which win."""
    settings = [word for setting in (*_OVERRIDES, *also) for word in ("-c", setting)]
    start = ("git", "-C", str(cwd), "--no-optional-locks", "--no-replace-objects")
    return [*start, *settings, *args]


def run_git(
    *args: str, cwd: Path, index: str = "", also: tuple[str, ...] = (), stdin: bytes = b""
) -> bytes:
    """Call git with ``args`` in ``cwd`` and return its standard output. GitError if it fails, is
    missing, or is silent for too long; OuroError as in `refuse_what_blocks` if git waits for a pipe
    or a device.

    ``index`` is the value for GIT_INDEX_FILE, which git sets for a partial commit ("": none),
    ``also`` are further settings (``name=value``), and ``stdin`` is its standard input.
    """
    return _run(args, cwd, index, also, stdin)[0]


def _run(
    args: Sequence[str], cwd: Path, index: str, also: tuple[str, ...], stdin: bytes = b""
) -> tuple[bytes, bytes]:
    """Call git as `run_git` does; return its standard output and its standard error."""
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
    """Return the output of ``git ARGS`` in ``start``; ``args`` begin with ``rev-parse``. GitError
    if it fails; with the remedy if there is no repository or no working tree."""
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
    """Return the path that ``git rev-parse OPTION`` prints in ``start``, whatever characters it
    has. GitError as in `_rev_parse`."""
    return os.fsdecode(_rev_parse(start, "rev-parse", "--path-format=absolute", option))[:-1]


def _git_folders(start: Path) -> Iterator[Path]:
    """Yield the path of ``.git`` in a folder, then in each folder above it."""
    return (folder / ".git" for folder in (start, *start.parents))


def _own_index(index: str, top: Path, common_dir: Path) -> str:
    """Return ``index``, the value for GIT_INDEX_FILE, unchanged; GitError if it is not "" and lies
    outside the repository's git folder."""
    if index and common_dir.resolve() not in (top / index).resolve().parents:
        raise messages.foreign_index(index)
    return index


def _unreadable(error: bytes, tracked: Collection[str]) -> list[str]:
    """Return the folders that git could not open, as it says in its standard error ``error``, each
    with ``/`` at its end; [] if there are none.

    Git cuts a line whose path is too long to be opened. Then the folder is the uppermost one of the
    path that has no file of ``tracked`` in it.
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
    """Return the fields of a ``-z`` output, which NUL bytes end, as texts, without empty ones."""
    return [field for field in os.fsdecode(output).split("\0") if field]


@dataclass(frozen=True)
class Git:
    """A repository, as seen from the top folder of a working tree.

    ``folder`` is the working tree's own git folder, ``common_dir`` the one that all of them share;
    ``head`` is the id of the commit that is checked out ("" before the first one), ``branch`` its
    branch ("" if HEAD is detached). ``shallow`` says that old commits are absent. ``index`` is the
    GIT_INDEX_FILE of a partial commit. From `objects`, ``top`` is any folder, and ``prefix`` its
    path in the repository. With ``from_top``, `word` returns paths from the repository's top.
    Methods that read objects raise LimitError also if they read more than `limits.OBJECTS` bytes in
    all.
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
        """Return the repository and working tree around the folder ``start``. GitError with the
        remedy if there is none, or if ``index`` ("" for git's own) lies outside of its git folder;
        OuroError as in `refuse_special_files`."""
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
        """Return the repository around the folder ``start``, which may be bare, to read objects
        only: ``head``, ``branch`` and ``index`` are "". GitError if there is none; OuroError as in
        `refuse_special_files`."""
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
        """Return the repository with its present HEAD. It shares the reader of objects with this
        one, and may read `limits.OBJECTS` bytes again. Errors as in `discover`, which is called
        instead if git's files do not show HEAD."""
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
        """Return ``path`` (a link itself, not its target) relative to the top folder, with ``/``;
        GitError if it lies outside."""
        try:
            return (path.parent.resolve() / path.name).relative_to(self.top.resolve()).as_posix()
        except ValueError:
            raise messages.outside_working_tree(path, self.top) from None

    def word(self, path: str) -> str:
        """Return a path, given from the repository's top, as a word of a command of a help, as
        `quoted` writes it: relative to the folder where pytest-ouro was called, as git prints
        paths; from the top if that is not in the repository, or with ``from_top``."""
        if self.from_top or self._called_in == "." or self._is_away:
            return quoted(path)
        end = "/" if path.endswith("/") else ""
        return quoted(posixpath.relpath(path, self._called_in) + end)

    @property
    def way_to_top(self) -> str:
        """The path of the repository's top from the current folder, if that is not in the
        repository: commands must then be given at the top; "" if it is."""
        up = "../" * (self.prefix.count("/") + 1 if self.prefix else 0)
        return os.path.relpath(self.top / up) if self._is_away else ""

    @property
    def _is_away(self) -> bool:
        """Whether pytest-ouro was called outside of the repository."""
        return self._called_in.split("/")[0] == ".."

    @cached_property
    def _called_in(self) -> str:
        """The folder where pytest-ouro was called, from the repository's top: the current one; or,
        in a hook, which may change to another folder, the one where git was called."""
        here = os.path.relpath(Path.cwd(), os.path.realpath(self.top))
        here = posixpath.normpath(posixpath.join(self.prefix, here))
        asked_in = os.environ.get("GIT_PREFIX")  # git tells its hooks
        if asked_in is None or here.split("/")[0] == "..":
            return here
        return posixpath.normpath(asked_in or ".")

    def call(self, *args: str) -> bytes:
        """Call git in the top folder, and return its standard output; errors as in `run_git`."""
        return run_git(*args, cwd=self.top, index=self.index, also=self._names)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The setting that makes names case-sensitive, if the file system is; () if it is not. The
        file system is probed as git does it, whatever the repository's settings say."""
        return () if (self.common_dir / "CoNfIg").exists() else ("core.ignoreCase=false",)

    def line(self, *args: str) -> str:
        """Return git's output for ``args`` as text, without blanks at its ends; "" if git fails or
        is missing. OuroError as in `run_git` if git waits for a pipe or a device."""
        try:
            return os.fsdecode(self.call(*args)).strip()
        except GitError:
            return ""

    def commit(self, revision: str) -> str:
        """Return the full id of the commit that ``revision`` names, of a tag the one that it leads
        to; "" if it names no commit, or git fails."""
        return self.line(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )

    def is_ambiguous(self, revision: str) -> bool:
        """Return whether several refs, or a ref and a file in .git, have the name ``revision``;
        False if nothing has. Git prefers a tag or such a file to a branch, and only warns about it.
        GitError or OSError if git cannot be asked."""
        asked = ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        called = command(*asked, cwd=self.top, also=("core.warnAmbiguousRefs=true",))
        return b" is ambiguous" in spawn.output(called, environment())[2]

    def tree(self, commit: str) -> dict[str, Entry]:
        """Return a dict from the path of every file, link and submodule of a commit (full id), from
        the top folder with ``/``, to its entry. GitError if there is no such commit or it is
        damaged, LimitError if its tree is too large."""
        return self.store.files(self.store.commit(commit)[0])

    def file(self, commit: str, path: str) -> bytes | None:
        """Return the bytes of a file of a commit (full id), of a link the path that it holds; None
        if it is absent, a folder or a submodule. GitError or LimitError as in `tree` and
        `contents`."""
        return self.contents(self.tree(commit).get(path), path=path)

    def contents(
        self, entry: Entry | None, *, limit: int = limits.FILE, path: str = ""
    ) -> bytes | None:
        """Return the bytes of the object that an entry of a tree or the index names; None for a
        submodule, or if ``entry`` is None.

        LimitError, which names ``path``, if they are more than ``limit``; LimitError too if all
        that was read is more than `limits.OBJECTS`. GitError if the object is missing or damaged.
        """
        if entry is None or entry.is_submodule:
            return None
        return self.store.read(entry.blob, limit=limit, path=path)

    def files(self, *, untracked: bool = True) -> tuple[dict[str, Entry], list[str]]:
        """Return a tuple: the entries of the index by path, and the paths of the untracked files
        that git does not ignore; [] for these without ``untracked``.

        A folder that git could not read, or that is another repository, is in the second list with
        ``/`` at its end. GitError while a merge has conflicts; errors as in `run_git`.
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
            entries[path] = Entry(mode, blob, skip=flag in "Ss")
        return entries, [*_unreadable(error, entries), *unknown]

    def blobs(self, ids: Iterable[str]) -> list[bytes]:
        """Return the bytes of the objects with these ids, in order; GitError if one is missing or
        damaged, LimitError if one has more bytes than `limits.FILE`."""
        return [self.store.read(blob) for blob in ids]

    def close(self) -> None:
        """End the process that reads objects; the next read starts it again."""
        if "store" in self.__dict__:
            self.store.close()

    @cached_property
    def store(self) -> Objects:
        """The reader of objects, a process that starts with the first read."""
        asked = command("cat-file", "--batch", cwd=self.top)
        return Objects(asked, environment(), late=partial(refuse_what_blocks, self.top))
