"""``pytest-ouro uninit``: take back hooks, agents' entries and bound.lock; say what stays."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.cli.output import say
from pytest_ouro.core import limits
from pytest_ouro.core.plain_file import write_whole
from pytest_ouro.evidence import lock
from pytest_ouro.evidence.cache import cache_folder
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import agents, hooks, program_md, removal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

_REFS = "git for-each-ref --format='delete %(refname)' refs/ouro/ | git update-ref --stdin"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``uninit`` to its parser."""
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be removed, and change nothing"
    )


def main(args: argparse.Namespace) -> int:
    """Remove the git hooks, the agents' entries and sections, and bound.lock, which init and bless
    wrote, as far as `_Removal.search` finds them; with ``--dry-run`` remove nothing. Print each
    file, and what stays, such as bound.toml. Return 0, also if nothing is left to remove; OuroError
    if a file cannot be changed, or there is no repository."""
    folder = (Path.cwd() / args.bound).parent if args.bound else Path.cwd()
    git = Git.discover(folder)
    found = _Removal(git, folder)
    found.search()
    for path, text in found.texts.items():
        word = "changed" if text else "removed"
        if not args.dry_run:
            _write(path, text)
        say(f"{'would be ' if args.dry_run else ''}{word}: {_shown(path, git)}")
    if not found.texts:
        say("ouro: no hook, agent's entry or bound.lock of pytest-ouro is here")
    say("ouro: these stay:", *(f"  {line}" for line in [*found.stays, *_records(git)]))
    return 0


@dataclass
class _Removal:
    """What is to be removed from a repository; ``folder`` is that of its bound.toml. ``texts`` maps
    a file to its text without what pytest-ouro wrote, "" to delete it; ``stays`` are lines about
    what is left alone. Nothing is written here."""

    git: Git
    folder: Path
    texts: dict[Path, str] = field(default_factory=dict)
    stays: list[str] = field(default_factory=list)

    def search(self) -> None:
        """Note what is to be removed and what stays: of git's hooks, the agents' settings, and,
        directly in the top folder and in ``folder``, of bound.lock and the files ``*.md``.
        OuroError if a file is too large or cannot be read, or an agent's settings are not valid."""
        self._hooks()
        for agent in agents.AGENTS.values():
            path = self.git.top / agent.settings
            self._change(path, partial(removal.without_hooks, agent))
            if agents.COMMAND in self.texts.get(_real(path), _text(_real(path))):
                self.stays.append(f"{agent.settings} still calls the guard, in a command of yours")
        for folder in dict.fromkeys((self.git.top, self.folder)):
            for path in sorted(folder.glob("*.md")):
                self._change(path, removal.without_section)
            self._lock_and_rules(folder)
        is_gone = self.texts.get(_real(self.git.top / "AGENTS.md")) == ""
        for name in agents.IMPORTING:
            self._change(self.git.top / name, partial(removal.without_import, is_gone=is_gone))

    def _hooks(self) -> None:
        """Note git's hooks that ``init --hook`` wrote, and those of others that seem to call the
        gate, in git's folder and in the one that core.hooksPath names."""
        # Our own calls of git set core.hooksPath too, after the configured values.
        named = self.git.line("config", "--type=path", "--get-all", "core.hooksPath").splitlines()
        other = [self.git.top / named[-2]] if len(named) > 1 else []
        for folder in (self.git.common_dir / "hooks", *other):
            for name in hooks.NAMES:
                text = _text(folder / name)
                if text.startswith(hooks.MARK):
                    self.texts[folder / name] = ""
                elif "ouro" in text and "gate" in text:
                    path = shlex.quote(_shown(folder / name, self.git))
                    self.stays.append(f"{path} calls the gate: take that line out of it")

    def _lock_and_rules(self, folder: Path) -> None:
        """Add bound.lock of ``folder``, if it is there, to ``texts``, as a file to delete. Add
        lines to ``stays`` about bound.toml and each rendered program there (a file ``*.md`` with
        instructions that `program_md` wrote for an agent), which are left alone."""
        if os.path.lexists(folder / lock.NAME):
            self.texts[folder / lock.NAME] = ""
        rules = folder / "bound.toml"
        if rules.is_file():
            self.stays.append(f"{_shown(rules, self.git)}, the rules")
        for path in sorted(folder.glob("*.md")):
            if _text(path).startswith(program_md.MARK):
                self.stays.append(f"{_shown(path, self.git)}, a program for agents")

    def _change(self, path: Path, change: Callable[[str], str]) -> None:
        """Add the text that ``change`` returns for the text of the file at ``path`` to ``texts``,
        if it is another one. A link is followed; a file outside of the repository stays, and a line
        of ``stays`` says so."""
        path = _real(path)  # what a link leads to is changed, not the link
        before = self.texts.get(path, _text(path))
        after = change(before)
        if after == before:
            return
        if self.git.top.resolve() in path.parents:
            self.texts[path] = after
        else:
            self.stays.append(f"{path}, which lies outside of the repository")


def _real(path: Path) -> Path:
    """Return a path with its links followed; a link that leads to itself stays as it is."""
    return Path(os.path.realpath(path))  # of such a link, `resolve` raises RuntimeError


def _records(git: Git) -> Iterator[str]:
    """Yield a line for each thing that remains outside of the working tree: the journal and logs,
    the refs, the setting of trust and the cache, each with the command that removes it. The last
    line names the table of results and the log of a run, which are the user's."""
    journal = git.common_dir / "ouro"
    if journal.is_dir():
        size = sum(path.lstat().st_size for path in journal.rglob("*")) / 1e6
        yield f"{journal}, {size:.1f} MB: the journal and the logs of runs: rm -r {journal}"
    refs = git.line("for-each-ref", "--format=x", "refs/ouro/").count("x")
    if refs:
        yield f"refs/ouro/, {refs} refs that keep tried commits: {_REFS}"
    if git.line("config", "--get", "ouro.trust"):
        yield "git config ouro.trust, the trusted commit: git config --unset ouro.trust"
    if (cache := cache_folder()).is_dir():
        yield f"{cache}, for all your repositories: rm -r {cache}"
    yield "the table of results and run.log, which are yours"


def _text(path: Path) -> str:
    """Return the text of a regular file; "" if it is missing or something else, such as a folder.
    If ``path`` is a symbolic link to a file, the link is not followed: the text is the path that
    the link holds. LimitError above `limits.SMALL`, OuroError if it cannot be read."""
    data = read_file(path, limit=limits.SMALL) if path.is_file() else None
    return (data or b"").decode("utf-8", "surrogateescape")


def _shown(path: Path, git: Git) -> str:
    """Return a path relative to the top folder, or as it is if it lies elsewhere."""
    return str(path.relative_to(git.top) if path.is_relative_to(git.top) else path)


def _write(path: Path, text: str) -> None:
    """Replace a file by ``text``, or delete it for "". OuroError if that fails."""
    try:
        if text:
            write_whole(path.parent, path.name, text.encode("utf-8", "surrogateescape"))
        else:
            path.unlink()
    except OSError as error:
        raise messages.not_writable(str(path), str(error.strerror)) from None
