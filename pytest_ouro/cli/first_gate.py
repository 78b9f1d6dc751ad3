"""Judge once what was just written or blessed, as the first gate after its commit will."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.escape import quoted
from pytest_ouro.engine import check_rule
from pytest_ouro.evidence import lock as lockfile
from pytest_ouro.evidence.evidence import Evidence
from pytest_ouro.evidence.paths import join, matches
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.evidence.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.bound.read import Bound
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.lock import Lock
    from pytest_ouro.evidence.repository import Change

#: Endings of files that belong in a commit; other files in the way are better ignored.
_SOURCES = (
    *(".py", ".pyi", ".sh", ".c", ".cc", ".cpp", ".h", ".cu", ".rs", ".go", ".js", ".mjs", ".ts"),
    *(".rb", ".jl", ".swift", ".java", ".kt", ".toml", ".cfg", ".md", ".lock", ".yaml", ".yml"),
)
#: How many files a command names.
_NAMED = 12


@dataclass(frozen=True)
class Lack:
    """What does not hold yet: ``rule``, its section and id, as ``iron-law::only-train-py`` ("" for
    none), ``what`` it is in words, and ``help``, the one command that heals it ("" if there is
    none). ``commit`` are files that only wait for a commit."""

    rule: str
    what: str
    help: str
    commit: tuple[str, ...] = ()


def lacks(git: Git, bound: Bound, bound_path: str, make_lock: Callable[[], Lock]) -> list[Lack]:
    """Return what the first gate would find, if bound.toml (at ``bound_path``, from the top) and
    the bound.lock that ``make_lock`` returns were committed now; before that, what must be
    committed, or ignored by git, before a run. [] if all holds. In a repository without a commit,
    that is the only lack. An OuroError is not raised: it is one lack, or left out beside lacks that
    may cause it."""
    if not git.commit("HEAD"):
        call = "git add -A && git commit -m 'The experiment'"
        return [Lack("", "the repository has no commit yet", call)]
    head, lock_path = git.commit("HEAD"), join(bound.folder, lockfile.NAME)
    found: list[Lack] = []
    try:
        repository = _AfterCommit(git, head, {bound_path, lock_path})
        changes = list(_uncommitted(bound, repository))
        found += _commit(bound, changes, repository)
        trust = Trust(git, lockfile.NAME, head, make_lock(), lock_path, "", bound_path)
        evidence = Evidence(bound.layout, repository, trust)
        results = [check_rule(rule, evidence) for rule in bound.rules]
        seen = {change.path for change in changes}
        return [*found, *(lack for result in results for lack in _broken(result, seen))]
    except OuroError as error:  # an uncommitted file can be the cause
        return found or [Lack("", error.message, error.help or "")]


class _AfterCommit(Repository):
    """The repository with the files ``own`` (paths from the top) as they will be once they are
    committed: `changes` leaves them out."""

    def __init__(self, git: Git, trust: str, own: set[str]) -> None:
        """Make the repository of the working tree of ``git``, compared with the commit
        ``trust``."""
        super().__init__(git, trust=trust)
        self._own = own

    def changes(self, within: str = "") -> list[Change]:
        """Return the changes in the folder ``within`` ("" for all), without those of the files
        ``own``."""
        return [change for change in super().changes(within) if change.path not in self._own]


def _uncommitted(bound: Bound, repository: Repository) -> Iterator[Change]:
    """Yield the changes since the trusted commit of ``repository``, which is HEAD, without
    untracked files that a run may leave."""
    layout = bound.layout
    allowed = [*map(layout.path, layout.allowed), layout.ledger, "**/__pycache__/*.pyc"]
    for change in repository.changes():
        if change.place != "untracked" or not matches(change.path, allowed):
            yield change


def _commit(bound: Bound, changes: list[Change], repository: Repository) -> Iterator[Lack]:
    """Yield what must be committed (changes of what git tracks, and untracked files of code or that
    may be edited), and what git should ignore (other untracked files), each with one command;
    nothing if there are no ``changes``."""
    layout = bound.layout
    commit: list[str] = []
    ignore: list[str] = []
    for change in changes:
        is_code = change.path.endswith(_SOURCES) or matches(change.path, layout.editable_globs)
        known = change.place != "untracked"
        (commit if known or is_code else ignore).append(change.path)
    tracked, git = set(repository.index), repository.git
    if names := list(dict.fromkeys(commit)):
        call = f"git add -- {_words(git, names)} && git commit -m 'The experiment'"
        yield Lack("", f"not committed: {_few(names)}", call, tuple(names))
    if names := list(dict.fromkeys(_folder(path, tracked) for path in ignore)):
        lines = " ".join(quoted(f"/{name}") for name in names[:_NAMED])
        file = git.word(".gitignore")
        call = f"printf '%s\\n' {lines} >> {file} && git add {file} && "
        call += "git commit -m 'Ignore local files'"
        yield Lack("", f"neither in git nor ignored: {_few(names)}", call)


def _folder(path: str, tracked: set[str]) -> str:
    """Return the highest folder of a path that holds no file of ``tracked``, with ``/`` at its end;
    the path itself if each of its folders holds one, or it is in none."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        folder = f"{posixpath.join(*parts[:depth])}/"
        if not any(name.startswith(folder) for name in tracked):
            return folder
    return path


def _words(git: Git, names: list[str]) -> str:
    """Return the files as words of a shell's command; the word of the top folder if they are more
    than `_NAMED`."""
    return " ".join(map(git.word, names if len(names) <= _NAMED else ["."]))


def _few(names: list[str]) -> str:
    """Return the first `_NAMED` names with commas between, and how many more there are, if any."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _broken(result: RuleResult, seen: set[str]) -> Iterator[Lack]:
    """Yield each finding of a broken rule as a lack, without those that have paths which are all in
    ``seen``, named already; nothing for a rule that is not broken."""
    for finding in result.findings if result.broken else ():
        if not (finding.paths and seen.issuperset(finding.paths)):
            yield Lack(result.rule, finding.headline, finding.help or "")
