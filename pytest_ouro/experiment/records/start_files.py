"""Detect and undo what a run changed in files that later programs start from.

These are the settings and hooks that git reads for the repository, and the user's files that git,
shells, Python and sessions start from. They are compared by their bytes, since which settings run a
program differs between versions of git. Only the settings of branches, which a push writes, may
change.
"""

from __future__ import annotations

import contextlib
import os
import stat
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.errors import GitError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.git.client import run_git, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.shared.place import RecordPlace

#: A longer file is compared by its size and times, and cannot be restored.
_MAX_BYTES = 1 << 20
#: The number of changes that are listed.
_LINES = 5
#: Files and folders of a folder that git uses as a repository.
_GIT = (
    *("config", "config.worktree", "hooks", "info/attributes", "info/exclude", "info/grafts"),
    *("info/sparse-checkout", "objects/info/alternates", "commondir", "gitdir"),
)
#: Files and folders of the home folder: shells, sessions, ssh, Python's tools, git.
_HOME = (
    *(".profile", ".bash_profile", ".bash_login", ".bashrc", ".bash_logout", ".bash_aliases"),
    *(".zshenv", ".zprofile", ".zshrc", ".zlogin", ".zlogout", ".kshrc", ".mkshrc", ".shrc"),
    *(".cshrc", ".tcshrc", ".login", ".logout", ".inputrc", ".xprofile", ".xsession", ".xinitrc"),
    *(".pam_environment", ".ssh/config", ".ssh/rc", ".ssh/environment", ".ssh/authorized_keys"),
    *(".vimrc", ".tmux.conf", ".screenrc", ".gdbinit", ".ipython/profile_default/startup"),
    *(".pdbrc", ".pythonrc", ".pythonrc.py", ".pip/pip.conf", ".gitconfig"),
)
#: Files and folders of ``$XDG_CONFIG_HOME``.
_CONFIG = (
    *("git", "fish/config.fish", "fish/conf.d", "fish/functions", "environment.d", "autostart"),
    *("systemd/user", "pip/pip.conf", "uv/uv.toml", "pytest-ouro/config.toml"),
)
#: Variables that name a file of this kind.
_VARIABLES = ("GIT_CONFIG_GLOBAL", "BASH_ENV", "ENV", "PYTHONSTARTUP")
#: The names of files of settings that git reads.
_SETTINGS = ("config", "config.worktree", ".gitconfig")
#: Files of a user's own site-packages that Python runs when it starts.
_SITE = ("*.pth", "usercustomize*", "sitecustomize*")
_SITES = (".local/lib/python*/site-packages", "Library/Python/*/lib/python/site-packages")


class _Entry(NamedTuple):
    """What is at a path: its kind (``file``, ``link``, ``folder``, ``node`` or ``other``) and
    permissions (0 for a ``link`` and an ``other``).

    A ``node`` is a device, a pipe or a socket; its ``mode`` includes the type. ``data`` are the
    bytes of a file, the target of a link, the number of a device, and the metadata or error of an
    ``other``.
    """

    kind: str
    data: bytes = b""
    mode: int = 0


@dataclass(frozen=True)
class StartFiles:
    """What later programs start from (settings and hooks of git, start-up files of shells and of
    Python), as it was before a run, so that `restore` can undo what the run changed there.

    ``entries`` has each file, link and folder that existed, by path. ``named`` are the paths that
    settings of git name: included files, folders of hooks and the like; they need not exist. Paths
    are texts: a run looks at some fifty, and most are never used for more.
    """

    git: Git
    named: frozenset[str]
    entries: dict[str, _Entry]
    place: RecordPlace | None = None

    @classmethod
    def read(cls, git: Git, place: RecordPlace | None = None) -> StartFiles:
        """Return the files and folders as they are now, with what links among them lead to, and
        those of ``place``, where the records are kept."""
        entries = _entries(_places(git, place))
        named = frozenset(_named_by_settings(git, entries))
        return cls(git, named, {**_entries(named - entries.keys()), **entries}, place)

    def restore(self) -> list[str]:
        """Restore the files; return a line for each of the first ``_LINES`` paths that were
        changed, and one more line that counts the others; [] if none was.

        What was found at a path is renamed and kept beside it, since a person may have made the
        change; a new file is only renamed. Left as they are: a new folder (what lies in it counts),
        and ``.git/config`` if only settings of branches differ. What cannot be restored, such as a
        file of more than ``_MAX_BYTES``, is reported with the reason, and nothing is raised.
        """
        now = self._read_again()
        if now == self.entries:
            return []
        lines = self._restore_folders(now)
        if lines:
            now = self._read_again()  # what is in these folders may be readable only now
        moved: set[Path] = set()
        for path in sorted(map(Path, self.entries.keys() | now.keys())):
            before, after = self.entries.get(str(path)), now.get(str(path))
            was_moved = bool(moved) and not moved.isdisjoint(path.parents)
            if was_moved:
                after = None
            if before == after:
                continue
            if after and after.kind == "folder" and (before is None or before.kind == "folder"):
                continue  # only its permissions count, which are restored, and what lies in it
            if before and after and self._is_lawful(path, before, after):
                continue
            moved.add(path)
            done = _put(path, before, after)
            if not was_moved:
                lines.append(f"{self._call(path)} was changed while the run went on ({done})")
        more = [f"and {len(lines) - _LINES} more"] if len(lines) > _LINES else []
        return [*lines[:_LINES], *more]

    def _read_again(self) -> dict[str, _Entry]:
        """Return what is now at the paths that `read` looked at, and at those that it would."""
        places = _places(self.git, self.place)
        return _entries([*places, *self.named, *self.entries], known=self.entries)

    def _restore_folders(self, now: dict[str, _Entry]) -> list[str]:
        """Restore the permissions of what still is a folder; return a line for each restored."""
        lines = []
        for path in sorted(map(Path, self.entries.keys() & now.keys())):
            before, after = self.entries[str(path)], now[str(path)]
            if before.kind == after.kind == "folder" and before != after:
                done = _put(path, before, after)
                lines.append(f"{self._call(path)} was changed while the run went on ({done})")
        return lines

    def _is_lawful(self, path: Path, before: _Entry, after: _Entry) -> bool:
        """Return whether a change may stay: ``path`` is the repository's ``.git/config``, or what
        that links to, is still a file with the same permissions, and only harmless settings of
        branches differ in it."""
        config = f"{self.git.common_dir}/config"
        if str(path) not in (config, _follow(config)) or before.kind != "file":
            return False
        from pytest_ouro.experiment.records.branch_settings import only_branches_differ

        same = (before.kind, before.mode) == (after.kind, after.mode)
        return same and only_branches_differ(before.data, after.data, folder=self.git.top)

    def _call(self, path: Path) -> str:
        """Return a path as messages name it: from ``.git/``, from the repository's top or from
        ``~/`` if it lies there, otherwise whole."""
        for folder, name in ((self.git.common_dir, ".git/"), (self.git.top, ""), (_home(), "~/")):
            if folder is not None and folder in path.parents:
                return f"{name}{path.relative_to(folder)}"
        return str(path)


def _put(path: Path, before: _Entry | None, after: _Entry | None) -> str:
    """Put back at a path what was there before the run (``before``; None: nothing), and move what
    is there now (``after``) aside. If both are folders, restore only the permissions.

    Return a clause that says what was done, or why it failed, and where the moved file is.
    """
    kept = ""
    try:
        if before and after and before.kind == after.kind == "folder":
            path.chmod(before.mode)
            return "it is put back"
        if before is not None and before.kind == "node":
            made = _make_node(path, before)  # first, since a device may not be missing
            kept = _move_aside(path)
            made.rename(path)
            return _say_put(kept)
        kept = _move_aside(path)
        if before is not None:
            _write(path, before)
    except OSError as error:
        moved = f"; what is there now was moved to {kept}" if kept else ""
        return f"it cannot be put back: {error.strerror}{moved}"
    return _say_put(kept)


def _say_put(kept: str) -> str:
    """Return the clause that says that a path is as before the run. ``kept`` is the new name of
    what was found there, "" if nothing was."""
    return f"it is put back; if you changed it, take it from {kept}" if kept else "it is put back"


def _make_node(path: Path, entry: _Entry) -> Path:
    """Make the node that the entry describes beside ``path`` under a new name, which is returned.
    Raise OSError if this user may not make it: only root makes devices."""
    made = path.with_name(f"{path.name}.{os.urandom(6).hex()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(made, entry.mode, int(entry.data))
    made.chmod(stat.S_IMODE(entry.mode))
    return made


def _move_aside(path: Path) -> str:
    """Rename what is at the path to ``<name>.found``, with a number if that name is in use.

    Return the new name; "" if nothing is at the path.
    """
    if not os.path.lexists(path):
        return ""
    names = (f"{path.name}.found{number or ''}" for number in count())
    name = next(name for name in names if not os.path.lexists(path.with_name(name)))
    path.rename(path.with_name(name))
    return name


def _write(path: Path, entry: _Entry) -> None:
    """Make the folder, link or file that the entry describes; OSError for the kind ``other``."""
    if entry.kind == "folder":
        path.mkdir(parents=True)
        path.chmod(entry.mode)
    elif entry.kind == "link":
        path.symlink_to(os.fsdecode(entry.data))
    elif entry.kind == "file":
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(entry.data)
            os.fchmod(file.fileno(), entry.mode)
    else:
        raise OSError(0, "it was too large before the run")


def _home() -> Path | None:
    """Return the user's home folder; None if it is not known."""
    with contextlib.suppress(RuntimeError):
        return Path.home()
    return None


def _places(git: Git, place: RecordPlace | None) -> list[str]:
    """Return the paths of files and folders that programs start from by a fixed name or variable:
    git's in the repository, its submodules and the shared records of ``place``, the files that say
    how the clone is called there, and the user's. They need not exist."""
    common, own = str(git.common_dir), str(git.folder)
    repositories = {common, own, *_submodules(f"{common}/modules")}
    found: list[str] = []
    if place is not None:
        repositories.add(str(place.common_dir))
        found += map(str, place.own_files)
    found += [path for folder in sorted(repositories) for path in _below(folder, _GIT)]
    if not (git.top / ".git").is_dir():
        found.append(f"{git.top}/.git")
    if home := _home():
        found += _below(str(home), _HOME)
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        found += _below(str(config), _CONFIG)
        sites = [site for pattern in _present(str(home), _SITES) for site in home.glob(pattern)]
        found += [str(path) for site in sites for pattern in _SITE for path in site.glob(pattern)]
    if dotfiles := os.environ.get("ZDOTDIR"):
        found += [str(Path(dotfiles, name)) for name in _HOME if name.startswith(".z")]
    named = filter(None, map(os.environ.get, _VARIABLES))
    return [*found, *(str(Path(name).absolute()) for name in named)]


def _present(folder: str, names: tuple[str, ...]) -> list[str]:
    """Return those of ``names``, paths relative to ``folder``, whose first part is in it; upper and
    lower case count as equal, as on some disks. Return all names if the folder cannot be listed.
    One list is one call, where most of the names are absent."""
    try:
        there = {name.casefold() for name in os.listdir(folder)}  # noqa: PTH208 - text
    except OSError:
        return [*names]
    return [name for name in names if name.partition("/")[0].casefold() in there]


def _below(folder: str, names: tuple[str, ...]) -> list[str]:
    """Return the paths of those of the names that are `_present` in a folder."""
    return [f"{folder}/{name}" for name in _present(folder, names)]


def _submodules(folder: str) -> Iterator[str]:
    """Yield the git folders of submodules below a folder ``modules``, nested ones too."""
    for below in _listed(folder):
        if os.path.isfile(f"{below}/HEAD"):  # noqa: PTH113 - text
            yield below
            yield from _submodules(f"{below}/modules")
        elif os.path.isdir(below) and not os.path.islink(below):  # noqa: PTH112, PTH114 - text
            yield from _submodules(below)


def _listed(folder: str) -> list[str]:
    """Return the paths in a folder, sorted; an empty list if it is a link, or cannot be listed."""
    try:
        names = [] if os.path.islink(folder) else os.listdir(folder)  # noqa: PTH114, PTH208 - text
        return [f"{folder}/{name}" for name in sorted(names)]
    except OSError:
        return []


def _named_by_settings(git: Git, paths: Iterable[str]) -> Iterator[str]:
    """Yield the files and folders that git's files of settings among ``paths`` name, whether they
    exist or not: included files, which are read too, and folders of hooks, files of attributes and
    excludes. At most 100 files are read."""
    todo = [Path(path) for path in paths if path.rpartition("/")[2] in _SETTINGS]
    seen: set[Path] = set()
    while todo and len(seen) < 100:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for key, value in _settings(file):
            path = Path(os.path.expanduser(value))  # noqa: PTH111 - it does not raise
            if key == "include.path" or (key.startswith("includeif.") and key.endswith(".path")):
                todo.append(file.parent / path)
                yield str(file.parent / path)
            elif key in ("core.hookspath", "core.attributesfile", "core.excludesfile"):
                yield str(git.top / path)
            elif key == "init.templatedir":
                yield str(git.top / path / "hooks")


def _settings(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each setting in a git config file.

    Yield nothing if it is not a file, if git cannot read it, or if a search of its text shows
    that no setting names a file.
    """
    try:
        data = file.read_bytes().lower() if file.is_file() else b""
        if not any(word in data for word in (b"path", b"sfile", b"templatedir")):
            return
        listed = split(run_git("config", "--file", str(file), "--list", "-z", cwd=file.parent))
    except (GitError, OSError):
        return
    for line in listed:
        key, _, value = line.partition("\n")
        yield key, value


def _entries(places: Iterable[str], known: dict[str, _Entry] | None = None) -> dict[str, _Entry]:
    """Return what is at these paths, by path; from each folder among them also what it contains,
    three levels deep. Paths with nothing are left out.

    Without ``known``, what links lead to is included. ``known`` is what was there before the run.
    With it, no link is followed, and a file that is not in it becomes an ``other`` whose bytes are
    not read, since the run may have made that file.
    """
    found: dict[str, _Entry] = {}
    todo = [(path, 3) for path in places]
    while todo:
        path, depth = todo.pop()
        if path in found:
            continue
        entry = _entry(path, max_bytes=_MAX_BYTES if known is None or path in known else -1)
        if entry is None:
            continue
        found[path] = entry
        if entry.kind == "link" and known is None:
            todo.append((_follow(path), depth))
        elif entry.kind == "folder" and depth:
            todo += [(below, depth - 1) for below in _listed(path)]
    return found


def _follow(path: str) -> str:
    """Return the path that a link leads to in the end; one of the links if they form a loop."""
    return os.path.realpath(path)  # before Python 3.13, Path.resolve raises for a loop


def _entry(path: str, *, max_bytes: int) -> _Entry | None:
    """Return what is at a path; None if nothing is.

    A file of more than ``max_bytes`` bytes is ``other`` with its metadata; what cannot be read is
    ``other`` with the error. The times of a ``node`` do not count: any program may use a device.
    """
    try:
        state = os.lstat(path)
        mode = stat.S_IMODE(state.st_mode)
        if stat.S_ISLNK(state.st_mode):
            return _Entry("link", os.fsencode(os.readlink(path)))  # noqa: PTH115 - text
        if stat.S_ISDIR(state.st_mode):
            return _Entry("folder", mode=mode)
        if not stat.S_ISREG(state.st_mode):
            return _Entry("node", str(state.st_rdev).encode(), state.st_mode)
        if state.st_size > max_bytes:
            facts = (state.st_mode, state.st_size, state.st_mtime_ns, state.st_ino)
            return _Entry("other", repr(facts).encode())
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return _Entry("file", os.read(fd, state.st_size + 1), mode)
        finally:
            os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _Entry("other", str(error.strerror).encode())
