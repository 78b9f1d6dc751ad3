"""Git objects in memory, and a repository that is written from them without starting git."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_FILE = "100644"
_FOLDER = "40000"
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"


class Objects:
    """A store of objects by their ids (40 hex)."""

    def __init__(self) -> None:
        self._raw: dict[str, bytes] = {}
        self._refers: dict[str, tuple[str, ...]] = {}
        self._trees: dict[str, dict[str, str]] = {}
        self._blobs: dict[str, bytes] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def _add(self, kind: str, body: bytes, refers: Iterable[str] = ()) -> str:
        raw = f"{kind} {len(body)}\0".encode() + body
        name = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        self._raw[name] = raw
        self._refers[name] = tuple(refers)
        return name

    def blob(self, data: bytes) -> str:
        """Store a file's bytes."""
        name = self._add("blob", data)
        self._blobs[name] = data
        return name

    def tree(self, files: Mapping[str, bytes]) -> str:
        """Store files by their paths, and return the id of the root tree."""
        folders: dict[str, dict[str, bytes]] = {}
        entries: list[tuple[str, str, str]] = []
        for path, data in files.items():
            top, _, rest = path.partition("/")
            if rest:
                folders.setdefault(top, {})[rest] = data
            else:
                entries.append((top, _FILE, self.blob(data)))
        entries += [(top, _FOLDER, self.tree(inner)) for top, inner in folders.items()]
        # git sorts a folder as if its name ended with a slash
        entries.sort(key=lambda entry: entry[0] + ("/" if entry[1] == _FOLDER else ""))
        body = b"".join(
            f"{mode} {name}\0".encode() + bytes.fromhex(entry) for name, mode, entry in entries
        )
        return self._add("tree", body, [entry for _, _, entry in entries])

    def commit(
        self,
        files: Mapping[str, bytes],
        parents: Iterable[str],
        message: str,
        author: str,
        when: tuple[int, str],
    ) -> str:
        """Store a commit.

        ``author`` is ``Name <mail>``; ``when`` has the seconds since 1970 and the timezone (+hhmm).
        """
        parents = tuple(parents)
        tree = self.tree(files)
        stamp = f"{author} {when[0]} {when[1]}"
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {stamp}", f"committer {stamp}", "", message]
        name = self._add("commit", ("\n".join(lines) + "\n").encode(), (tree, *parents))
        self._trees[name] = {path: self.blob(data) for path, data in files.items()}
        return name

    def files(self, commit: str) -> dict[str, bytes]:
        """The files of a commit by their paths."""
        return {path: self._blobs[blob] for path, blob in self._trees[commit].items()}

    def parents(self, commit: str) -> tuple[str, ...]:
        """The parents of a commit, the first one first."""
        return self._refers[commit][1:]

    def message(self, commit: str) -> str:
        """The message of a commit, without the last line end."""
        return self._raw[commit].decode().split("\n\n", 1)[1].removesuffix("\n")

    def reachable(self, tips: Iterable[str]) -> set[str]:
        """The ids of all objects that these commits lead to."""
        found: set[str] = set()
        waiting = list(tips)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._refers[name])
        return found

    def write(self, folder: Path, refs: Mapping[str, str], head: str) -> None:
        """Write a repository with these branches into an empty folder, ``head`` being checked out.

        What no branch leads to is left out, as in a clone. The index and the files are not written.
        """
        git = folder / ".git"
        for name in ("objects", "refs/heads", "refs/tags"):
            (git / name).mkdir(parents=True)
        (git / "HEAD").write_text(f"ref: refs/heads/{head}\n")
        (git / "config").write_text(_CONFIG)
        full = {
            name if name.startswith("refs/") else f"refs/heads/{name}": commit
            for name, commit in refs.items()
        }
        lines = [f"{commit} {name}\n" for name, commit in sorted(full.items())]
        (git / "packed-refs").write_text(
            "# pack-refs with: peeled fully-peeled sorted \n" + "".join(lines)
        )
        (git / "objects/pack").mkdir()
        self._write_pack(git / "objects/pack", sorted(self.reachable(refs.values())))

    def _write_pack(self, folder: Path, names: list[str]) -> None:
        """Write one pack and its index (version 2): quicker to write and read than loose files."""
        pack = bytearray(b"PACK" + (2).to_bytes(4, "big") + len(names).to_bytes(4, "big"))
        offsets, sums = [], []
        for name in names:
            offsets.append(len(pack))
            entry = _pack_entry(self._raw[name])
            sums.append(zlib.crc32(entry).to_bytes(4, "big"))
            pack += entry
        pack += (digest := _sha1(bytes(pack)))
        firsts = [int(name[:2], 16) for name in names]
        index = bytearray(b"\xfftOc" + (2).to_bytes(4, "big"))
        for limit in range(256):
            index += sum(first <= limit for first in firsts).to_bytes(4, "big")
        index += b"".join(bytes.fromhex(name) for name in names) + b"".join(sums)
        index += b"".join(offset.to_bytes(4, "big") for offset in offsets) + digest
        index += _sha1(bytes(index))
        base = folder / f"pack-{digest.hex()}"
        base.with_suffix(".pack").write_bytes(pack)
        base.with_suffix(".idx").write_bytes(index)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _pack_entry(raw: bytes) -> bytes:
    """An object as an entry of a pack: its kind and size in seven-bit groups, then its body."""
    head, _, body = raw.partition(b"\0")
    kind = {b"commit": 1, b"tree": 2, b"blob": 3}[head.split()[0]]
    size = len(body)
    out = bytearray([(kind << 4) | (size & 15)])
    size >>= 4
    while size:
        out[-1] |= 128
        out.append(size & 127)
        size >>= 7
    return bytes(out) + zlib.compress(body, 1)
