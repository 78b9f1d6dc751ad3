"""Play the script of the demo: each try is an edit and a commit, which the engine runs and judges
as any other."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pytest_ouro.cli.bless import bless
from pytest_ouro.cli.demo.script import EDITABLE, read_files
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.run import Order, run_experiment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ouro.cli.demo.script import Try
    from pytest_ouro.experiment.result import Result

#: Settings of the repository, by which it needs none of the user or of the machine: an identity, no
#: signatures, the repository's own hooks, of which there are none, and no files of the user's that
#: ignore or filter others.
_SETTINGS = {
    "user.name": "ouro demo",
    "user.email": "demo@localhost",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "core.hooksPath": ".git/hooks",
    "core.autocrlf": "false",
    "core.safecrlf": "false",
    "core.fsmonitor": "false",
    "core.excludesFile": os.devnull,
    "core.attributesFile": os.devnull,
}


class Stage:
    """The repository in which the demo is played, in an empty folder. ``say`` is called with lines
    about the course of a run, such as that it waits.

    Raise OuroError if git is missing or fails, OSError if a file cannot be written.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.path, self._say = folder, say
        self._files = read_files()
        first = "init.defaultBranch=main"  # git first: without it, the folder stays empty
        run_git("init", "--quiet", "--template=", cwd=folder, also=(first,))
        for name, text in self._files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        for name, value in _SETTINGS.items():
            run_git("config", "--local", name, value, cwd=folder)
        self._commit("A sorting network", *self._files)
        bless(self.bound)
        self._commit("Begin with bubble sort; bless the rules", "bound.lock")

    @property
    def bound(self) -> Path:
        """The path of bound.toml."""
        return self.path / "bound.toml"

    @property
    def journal(self) -> Journal:
        """The journal of the repository."""
        return Journal(self.path / ".git")

    def attempt(self, one: Try) -> Result:
        """Make the edit of a try, commit it, run it and settle the branch; return the result.

        If a rule is broken, nothing is run; then the edit is taken back, as an agent would have to.
        Raise KeyboardInterrupt for Ctrl-C, with the branch where it was before the try.
        """
        head = run_git("rev-parse", "HEAD", cwd=self.path).decode().strip()
        rows = self._read_rows()
        try:
            self._edit(one)
            case = open_case(self.bound, run_commands=True)
            with contextlib.closing(case):
                result = run_experiment(case, Order(settle=True), say=self._say)
            if result.interrupted:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            run_git("reset", "--quiet", "--hard", head, cwd=self.path)
            raise
        if result.status == "closed":
            run_git("reset", "--quiet", "--hard", head, cwd=self.path)
            self._rows.write_bytes(rows)
        return result

    def _edit(self, one: Try) -> None:
        """Append the try's text to its file; if it has ``code``, write its version of the editable
        file. Commit those of the two that are files of the experiment, if there are any."""
        if one.append:
            with (self.path / one.file).open("a", encoding="utf-8", newline="\n") as file:
                file.write(one.append)
        if one.code:
            text = one.edit(self._files[EDITABLE])
            (self.path / EDITABLE).write_text(text, encoding="utf-8", newline="\n")
        tracked = [one.file] if one.file in self._files else []
        if one.code or tracked:
            self._commit(one.says, EDITABLE, *tracked)

    @property
    def _rows(self) -> Path:
        """The path of the ledger."""
        return self.path / "results.tsv"

    def _read_rows(self) -> bytes:
        """Return the content of the ledger, b"" if there is none."""
        return self._rows.read_bytes() if self._rows.exists() else b""

    def _commit(self, message: str, *names: str) -> None:
        """Add the files ``names``, relative to the repository's top, to the index, and commit the
        whole index without git's hooks; the commit is empty if nothing changed. Raise what
        `run_git` raises."""
        run_git("add", "--", *names, cwd=self.path)
        words = ("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message)
        run_git(*words, cwd=self.path)
