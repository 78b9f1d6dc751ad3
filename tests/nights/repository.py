"""A repository whose commits and journal are written in bulk: thousands in seconds."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING, TypeVar

from pytest_ouro.cli.bless import bless
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor, record_format
from pytest_ouro.evidence.records.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.line import Line

R = TypeVar("R", bound="Line")
_WHO = "The agent <agent@localhost>"
_SETTINGS = ("user.name=A person", "user.email=person@localhost", "commit.gpgsign=false")


class Repository:
    """A new repository in ``folder``, with ``files`` on the branch ``night``, which are blessed.

    `commit` and `append` keep what they are given until `flush` writes it.
    """

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.path = folder
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        run_git("init", "--quiet", "--template=", "--initial-branch=night", cwd=folder)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "the experiment")
        bless(folder / "bound.toml")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "bless")
        self.head = self._git("rev-parse", "HEAD").decode().strip()
        self.parents: dict[str, str] = {}
        self.lines: list[Line] = []
        self._raw: list[bytes] = []
        self._marks: dict[str, int] = {}
        self._import = self._start_import()
        self.case: Case = open_case(folder / "bound.toml")
        self.journal = Journal(self.case.repository.git.common_dir)

    def _git(self, *words: str) -> bytes:
        """Run git in the repository with an identity of its own; return its output."""
        return run_git(*words, cwd=self.path, also=_SETTINGS)

    def _start_import(self) -> subprocess.Popen[bytes]:
        """Start the process that writes commits."""
        return subprocess.Popen(
            ("git", "fast-import", "--quiet", "--force"),
            cwd=self.path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
        )

    @property
    def next_number(self) -> int:
        """The number of the journal's next line."""
        return len(self.lines) + 1

    def commit(self, parent: str, text: str, message: str, at: int) -> str:
        """Commit ``text`` as train.py on top of ``parent``, at a time in seconds since 1970; return
        the id."""
        mark = len(self._marks) + 1
        data, says = text.encode(), message.encode("utf-8", "surrogateescape")
        self._send(
            b"commit refs/ouro/writing\nmark :%d\n" % mark
            + f"author {_WHO} {at} +0000\ncommitter {_WHO} {at} +0000\n".encode()
            + b"data %d\n%b\n" % (len(says), says)
            + f"from {self._name(parent)}\nM 100644 inline train.py\n".encode()
            + b"data %d\n%b\nget-mark :%d\n" % (len(data), data, mark)
        )
        assert self._import.stdout is not None
        found = self._import.stdout.readline().decode().strip()
        assert found, "git fast-import failed"
        self.parents[found] = parent
        self._marks[found] = mark
        return found

    def set_ref(self, name: str, commit: str) -> None:
        """Let the ref name the commit."""
        self._send(f"reset {name}\nfrom {self._name(commit)}\n\n".encode())

    def _name(self, commit: str) -> str:
        """Return the name of a commit for the process that writes them: its own mark, or the id."""
        return f":{self._marks[commit]}" if commit in self._marks else commit

    def _send(self, command: bytes) -> None:
        """Send a command to the process that writes commits."""
        assert self._import.stdin is not None
        self._import.stdin.write(command)
        self._import.stdin.flush()

    def history(self, commit: str) -> list[str]:
        """Return the ids of a commit and its ancestors, newest first, down to the blessed one."""
        found = [commit]
        while (parent := self.parents.get(found[-1])) is not None:
            found.append(parent)
        return found

    def append(self, record: R) -> R:
        """Add a record to the journal, and return it as it is written."""
        prev = hashlib.sha256(self._raw[-1]).hexdigest() if self._raw else ""
        written = replace(record, prev=prev, seq=self.next_number)
        self._raw.append(record_format.write(written))
        self.lines.append(written)
        return written

    def flush(self) -> None:
        """Write all commits and the journal's file, so that others can read them."""
        assert self._import.stdin is not None
        self._import.stdin.close()
        assert self._import.wait() == 0
        assert self._import.stdout is not None
        self._import.stdout.close()
        self._marks.clear()
        run_git("update-ref", "-d", "refs/ouro/writing", cwd=self.path)
        make_folder(self.journal.common_dir, "ouro")
        content = b"".join(line + b"\n" for line in self._raw)
        write_whole(self.journal.folder, self.journal.path.name, content, mode=0o600)
        self._import = self._start_import()

    def close(self, tip: str) -> None:
        """Write everything, git's copy of the journal too, and check the branch out at ``tip``.
        Raise RecordError if the journal contradicts itself."""
        self.flush()
        assert self._import.stdin is not None
        self._import.communicate()
        anchor.write(self.journal.common_dir, self._raw, "")
        self._git("reset", "--quiet", "--hard", tip)
        self.case = self.case.again()
        self.journal.demand_whole()
