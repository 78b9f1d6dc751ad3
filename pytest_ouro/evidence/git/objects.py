"""Read git objects through one ``git cat-file`` process, and verify that their bytes hash to their
ids."""

from __future__ import annotations

import hashlib
import os
import re
from functools import partial
from itertools import repeat, takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.evidence.git.spawn import Conversation
from pytest_ouro.messages import git as messages
from pytest_ouro.messages import limits as limit_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator


class Entry(NamedTuple):
    """One entry of a git tree or of the index. ``mode`` is git's octal text, such as 100644, 100755
    or 120000; ``blob`` is the full id of the object. ``skip`` is whether the index marks it
    skip-worktree (False for an entry of a tree)."""

    mode: str
    blob: str
    skip: bool = False  # skip-worktree is set: the file may be absent from the working tree

    @property
    def is_submodule(self) -> bool:
        """Whether the entry is the commit of a submodule, whose bytes this repository does not
        have."""
        return self.mode == "160000"


Kind = Literal["added", "changed", "deleted"]
#: The entries of one tree object by name; mode 40000 is a folder.
Folder = dict[str, Entry]
_FOLDER = "40000"
_FOLDER_MODE = _FOLDER.encode()
_NOTHING = Entry("", "")
#: Mode and id of a name that a tree lacks.
_ABSENT = (b"", b"")
#: Mode, name and id of a tree entry; the number is the length of an id in bytes.
_FIELDS = rb"([0-7]+) ([^\0]*)\0(.{%d})"
_HEX = b"0123456789abcdef"
_NO_NAMES = frozenset({b"", b".", b".."})
#: Mode and id of the entries of a tree, by name.
_Tree = dict[bytes, tuple[bytes, bytes]]
#: The characters that HFS+ ignores within a name.
_IGNORED = dict.fromkeys(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
)

#: The bytes of objects that are kept in memory for the next read.
_KEPT = 128 << 20
#: The entries of parsed folders and trees that are kept.
_KEPT_ENTRIES = 4 * limits.ENTRIES
#: The listings of whole trees that are kept: each commit of a history has another tree.
_KEPT_TREES = 4
#: Codecs of Python that take time with the square of the text.
_SLOW_CODECS = ("idna", "punycode")


class Objects:
    """A reader of git objects by their full ids, through one process ``git cat-file --batch``,
    which ends with :meth:`close` or when this reader is freed.

    Each method that reads raises GitError if an object is missing or damaged, and LimitError if
    one is too large or all that were read have more than `limits.OBJECTS` bytes.
    """

    def __init__(
        self,
        command: list[str],
        env: dict[str, str],
        *,
        late: Callable[[], None] = lambda: None,
    ) -> None:
        """Read by ``command`` (the call of git) in the environment ``env``; it is started by the
        first read, which raises OSError if that fails.

        ``late`` is called while git does not answer for seconds; an error that it raises ends
        the wait. It must not refer to this reader, which would then never be freed.
        """
        self._program = (command, env)
        self._late = late
        self._known: dict[str, bytes] = {}
        self._room = _KEPT
        self._unread = limits.OBJECTS
        self._parsed: dict[str, _Tree] = {}
        self._folders: dict[str, Folder] = {}
        self._files: dict[tuple[str, str], dict[str, Entry]] = {}
        self._trees: dict[str, dict[str, Entry]] = {}
        self._listed = 0
        self._git: Conversation | None = None

    def __del__(self) -> None:
        """End the process. `weakref.finalize` would do it too, but takes long to import."""
        self._end()

    def _end(self) -> None:
        """End the process, if it runs."""
        git, self._git = self._git, None
        if git is not None:
            git.hang_up()

    def close(self) -> None:
        """End the process and forget all objects that were read; the next read starts another
        process."""
        self._end()
        self._room = _KEPT
        self._known.clear()
        self._trees.clear()
        self._forget()
        self.renew()

    def renew(self) -> None:
        """Set the count of bytes that were read, which `limits.OBJECTS` limits, back to 0."""
        self._unread = limits.OBJECTS

    def read(self, name: str, *, limit: float = limits.FILE, path: str = "") -> bytes:
        """Return the bytes of the object with the full id ``name``, from memory if they were
        kept there. Raise GitError if it is missing, or its bytes do not hash to the id.

        Raise LimitError, which names the file ``path``, if it has more than ``limit`` bytes (a
        commit or tree: `limits.COMMIT` or `limits.FOLDER`), or if more than `limits.OBJECTS`
        bytes were read since `renew`. With ``limit=limits.UNLIMITED`` its bytes are not counted.
        """
        data = self._known.get(name)
        if data is None:
            data = self._read(name, limit, path)
            if len(data) <= self._room and limit != limits.UNLIMITED:
                self._room -= len(data)
                self._known[name] = data
        elif len(data) > limit:
            raise limit_messages.too_large(path or f"object {name:.10}", len(data), int(limit))
        return data

    def _read(self, name: str, limit: float, path: str) -> bytes:
        """Return the bytes of the object with the full id ``name`` from git, not from memory. Raise
        GitError if it is missing or damaged, LimitError if it, or all that was read since `renew`,
        is too large; ``limit`` and ``path``, the file that the error names, are as in `read`."""
        if self._unread < 0:
            raise limit_messages.too_many_objects(limits.OBJECTS)
        git = self._git = self._git or Conversation(*self._program, late=self._late)
        try:
            git.ask.write(name.encode() + b"\n")
            git.ask.flush()
            header = git.answer.readline().split()
        except OSError:
            header = []
        if len(header) != 3:
            raise messages.missing_object(name)
        self._refuse_too_large(name, header[1], int(header[2]), limit, path)
        data = git.answer.read(int(header[2]) + 1)[:-1]
        if object_id(header[1], data, like=name) != name:  # git does not verify this
            raise messages.damaged_object(name)
        return data

    def _refuse_too_large(self, name: str, kind: bytes, size: int, limit: float, path: str) -> None:
        """Count the ``size`` bytes of an object that git is about to write. If they, or the total,
        are too many, end git's process and raise LimitError."""
        limit = {b"commit": limits.COMMIT, b"tree": limits.FOLDER}.get(kind, limit)
        self._unread -= size if limit != limits.UNLIMITED else 0
        if size <= limit and self._unread >= 0:
            return
        self._end()  # git is about to write the bytes: ask another process for other objects
        if size > limit:
            if path:
                raise limit_messages.too_large(path, size, int(limit))
            raise limit_messages.too_large_object(kind.decode(), name, size, int(limit))
        raise limit_messages.too_many_objects(limits.OBJECTS)

    def commit(self, name: str) -> tuple[str, list[str]]:
        """Return the id of the tree of a commit (full id), and the list of the ids of its parents.
        Raise GitError if there is no such commit or it is damaged."""
        tree, *rest = self.read(name).split(b"\n")
        # Like git, ignore a line "parent" further down, as in an author's name.
        parents = takewhile(lambda line: line.startswith(b"parent "), rest)
        ids = [line.partition(b" ")[2] for line in (tree, *parents)]
        if not (tree.startswith(b"tree ") and all(ids)) or b"".join(ids).strip(_HEX):
            raise messages.damaged_object(name)
        return ids[0].decode(), [one.decode() for one in ids[1:]]

    def subject(self, name: str) -> str:
        """Return the first paragraph of a commit's message as one line; "" if the message is
        empty.

        It is decoded by the commit's ``encoding`` header, otherwise as UTF-8; invalid bytes are
        replaced. Raise GitError if the commit (full id) is missing or damaged.
        """
        head, _, message = self.read(name).partition(b"\n\n")
        encoding = head.partition(b"\nencoding ")[2].partition(b"\n")[0]
        paragraph = message.lstrip(b"\n").partition(b"\n\n")[0]
        try:
            name = encoding.decode() or "utf-8"
            text = paragraph.decode("utf-8" if name.lower() in _SLOW_CODECS else name)
        except (LookupError, ValueError):
            text = paragraph.decode(errors="replace")
        return " ".join(text.split())

    def folder(self, tree: str) -> Folder:
        """Return the entries directly in a tree (full id), folders included, by name. Raise
        GitError if the tree is missing, damaged or has a forbidden name."""
        if tree not in self._folders:
            fields = self._fields(tree)
            self._keep_room(len(fields))
            modes, ids = zip(*fields.values(), strict=True) if fields else ((), ())
            values = zip(map(bytes.decode, modes), map(bytes.hex, ids), repeat(False))
            entries = map(partial(tuple.__new__, Entry), values)  # Entry() is slower by half
            # One call decodes all names: a folder may have thousands.
            names = os.fsdecode(b"\0".join(fields)).split("\0")
            self._folders[tree] = dict(zip(names, entries, strict=False))
        return self._folders[tree]

    def _keep_room(self, entries: int) -> None:
        """Count ``entries`` more parsed entries that are kept in memory. If they become too many
        (`_KEPT_ENTRIES`), forget all that was parsed, and count again from 0."""
        self._listed += entries
        if self._listed > _KEPT_ENTRIES:
            self._forget()

    def _forget(self) -> None:
        """Forget all parsed trees, and set their count to 0."""
        self._listed = 0
        self._parsed.clear()
        self._folders.clear()
        self._files.clear()

    def _fields(self, tree: str) -> _Tree:
        """Return ``(mode, id)`` of each entry directly in a tree (full id), by name, all as bytes.
        No Python loop runs over the entries, of which a large history has many thousands.

        Raise GitError if the tree is missing or damaged, or has a name that must not be written to
        disk: an empty one, ``.``, ``..``, one that occurs twice, has a slash, or could mean
        ``.git``.
        """
        if tree not in self._parsed:
            data, width = self._read(tree, limits.FOLDER, ""), len(tree) // 2
            fields = re.findall(_FIELDS % width, data, re.DOTALL)
            modes, names, ids = zip(*fields, strict=True) if fields else ((), (), ())
            if sum(map(len, (*modes, *names))) + (width + 2) * len(fields) != len(data):
                raise messages.damaged_object(tree)  # there are bytes between the fields
            found = dict(zip(names, zip(modes, ids, strict=True), strict=True))
            joined = b"/".join(names)
            invalid = not _NO_NAMES.isdisjoint(found) or any(map(_leads_to_git, _suspects(joined)))
            if fields and (invalid or len(found) != joined.count(b"/") + 1):
                raise messages.invalid_tree(tree, sorted(map(os.fsdecode, names)))
            self._keep_room(len(found))
            self._parsed[tree] = found
        return self._parsed[tree]

    def files(self, tree: str) -> dict[str, Entry]:
        """Return the entry of every file, link and submodule in a tree (full id), at any depth, by
        its path from that tree; {} for an empty one. Raise GitError if a tree is missing, damaged
        or has a forbidden name, and LimitError if it has too many or too deep entries."""
        files = self._trees.pop(tree, None)
        if files is None:
            files = self._files_in(tree, "", _Walk(tree))
        self._trees[tree] = files
        while len(self._trees) > _KEPT_TREES:
            del self._trees[next(iter(self._trees))]  # the one that was not asked for longest
        return files

    def _files_in(self, tree: str, folder: str, walk: _Walk) -> dict[str, Entry]:
        """Return the entry of every file, link and submodule, at any depth, in a tree that is at
        the path ``folder`` ("", or with a final slash), by paths that begin with ``folder``.
        ``walk`` counts the entries, and raises LimitError."""
        if (tree, folder) not in self._files:
            entries, found = self.folder(tree), {}
            walk.enter(folder, entries)
            for name, entry in entries.items():
                if entry.mode == _FOLDER:
                    found.update(self._files_in(entry.blob, f"{folder}{name}/", walk))
                else:
                    found[folder + name] = entry
            if folder:
                self._keep_room(len(found))
                self._files[tree, folder] = found
            return found
        return self._files[tree, folder]

    def entry(self, commit: str, path: str) -> Entry | None:
        """Return the entry of the file, link or submodule at a repository-relative path of a commit
        (full id); None if nothing is there, or a folder. Raise GitError if the commit or a tree on
        the way is missing or damaged."""
        above, _, name = path.rpartition("/")
        entry = self._folder_at(commit, above).get(name, _NOTHING)
        return None if entry.mode in ("", _FOLDER) else entry

    def files_in(self, commit: str, folder: str) -> list[str]:
        """Return the repository-relative paths of the files, links and submodules of a commit (full
        id) that lie directly in ``folder`` ("": the top); [] if there is no such folder. Raise
        GitError if the commit or a tree on the way is missing or damaged."""
        start = f"{folder}/" if folder else ""
        found = self._folder_at(commit, folder).items()
        return [start + name for name, entry in found if entry.mode != _FOLDER]

    def _folder_at(self, commit: str, path: str) -> Folder:
        """Return the entries directly in the folder ``path`` of a commit (full id), by name ("":
        the top); {} if there is no such folder."""
        tree = self.commit(commit)[0]
        for name in path.split("/") if path else ():
            entry = self.folder(tree).get(name, _NOTHING)
            if entry.mode != _FOLDER:
                return {}
            tree = entry.blob
        return self.folder(tree)

    def difference(self, old: str, new: str) -> Iterator[tuple[str, Kind]]:
        """Yield the path, and "added", "changed" or "deleted", of each file that differs in
        bytes or mode from the tree ``old`` to the tree ``new`` (full ids; "" is an empty tree).

        Raise GitError if a tree is missing, damaged or has a forbidden name, and LimitError if
        the trees have too many entries.
        """
        return self._difference(old, new, "", _Walk(new))

    def _difference(
        self, old: str, new: str, folder: str, walk: _Walk
    ) -> Iterator[tuple[str, Kind]]:
        """Yield the path and the kind of change of each file that differs between two trees (full
        ids, "" for an empty one) at the path ``folder`` ("", or with a final slash). ``walk``
        counts the entries, and raises LimitError."""
        if old == new:
            return
        old_fields = self._fields(old) if old else {}
        new_fields = self._fields(new) if new else {}
        walk.enter(folder, old_fields.keys() | new_fields.keys())
        differing = {name for name, _ in old_fields.items() ^ new_fields.items()}
        for raw in sorted(differing):
            path = folder + os.fsdecode(raw)
            was, old_id = old_fields.get(raw, _ABSENT)
            now, new_id = new_fields.get(raw, _ABSENT)
            old_tree = old_id.hex() if was == _FOLDER_MODE else ""
            new_tree = new_id.hex() if now == _FOLDER_MODE else ""
            yield from self._difference(old_tree, new_tree, f"{path}/", walk)
            was_file, is_file = (mode not in (b"", _FOLDER_MODE) for mode in (was, now))
            if was_file or is_file:
                kind: Kind = "changed" if was_file and is_file else "added"
                yield path, kind if is_file else "deleted"


def _suspects(names: bytes) -> list[str]:
    """Return, in lower case, a selection of the slash-separated ``names`` that includes each one
    that a file system may take for ``.git``; `_leads_to_git` then decides about each.

    If all characters are ASCII these are only the names with ``git``, and [] if no name has
    ``.git`` or ``git~1``; otherwise they are all names.
    """
    lowered = names.lower()
    if lowered.isascii():
        if b".git" not in lowered and b"git~1" not in lowered:
            return []
        return [name.decode() for name in lowered.split(b"/") if b"git" in name]
    return lowered.decode(errors="replace").split("/")


def _leads_to_git(name: str) -> bool:
    """Return whether HFS+ or NTFS may take ``name``, which is in lower case, for ``.git``.

    HFS+ ignores some characters. NTFS splits at backslashes, ignores final dots and spaces and
    all after a colon, and has the short name ``git~1`` for ``.git``.
    """
    parts = name.translate(_IGNORED).split("\\")
    return any(part.partition(":")[0].rstrip(" .") in (".git", "git~1") for part in parts)


class _Walk:
    """Counts of the entries and path characters that one walk through the folders of a tree has
    met."""

    def __init__(self, tree: str) -> None:
        self._tree = tree
        self._entries = self._characters = 0

    def enter(self, folder: str, names: Collection[str] | Collection[bytes]) -> None:
        """Count the entries ``names`` of the folder at the path ``folder``. Raise LimitError if the
        walk has met too many entries or path characters, or this folder is too deep."""
        self._entries += len(names) or 1
        self._characters += len(names) * len(folder) + sum(map(len, names))
        depth = folder.count("/")
        if self._entries > limits.ENTRIES:
            raise limit_messages.too_large_tree(self._tree, "entries", limits.ENTRIES)
        if self._characters > limits.PATHS:
            what = "characters in the paths of its files"
            raise limit_messages.too_large_tree(self._tree, what, limits.PATHS)
        if depth > limits.DEPTH:
            what = "folders within each other"
            raise limit_messages.too_large_tree(self._tree, what, limits.DEPTH)


def object_id(kind: bytes, data: bytes, *, like: str) -> str:
    """Return git's object id (hexadecimal) of ``data`` as an object of this ``kind``, such as
    ``b"blob"``: by SHA-256 if the id ``like`` has 64 digits, otherwise by SHA-1."""
    new = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return new(b"%b %d\0" % (kind, len(data)) + data, usedforsecurity=False).hexdigest()
