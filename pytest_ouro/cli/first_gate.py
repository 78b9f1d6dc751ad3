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
    """One thing that does not hold yet, for `init` and `bless` to tell. ``rule`` is the section and
    id of the broken rule, as in ``iron-law::only-train-py``; "" if the lack is not a broken rule.
    ``what`` describes the lack. ``help`` says what to do, mostly by a command; "" if nothing is
    known. ``commit`` are the files that only have to be committed."""

    rule: str
    what: str
    help: str
    commit: tuple[str, ...] = ()


def lacks(git: Git, bound: Bound, bound_path: str, make_lock: Callable[[], Lock]) -> list[Lack]:
    """Return what must be committed, or ignored by git, before a run, and then what the first gate
    would find if bound.toml (at ``bound_path``, relative to the repository's top) and the
    bound.lock that ``make_lock`` returns were committed now; [] if all holds.

    In a repository without a commit, that is the only lack. If the rules cannot be judged, the
    error is not raised: it is the only lack, but left out if files must be committed or ignored,
    since that may be the cause.
    """
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
    """A repository as it will be once the files ``own`` (paths relative to its top) are committed:
    `changes` leaves them out. `lacks` judges it as the first gate will."""

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
    """Yield the changes of the working tree since HEAD, the trusted commit of ``repository``.
    Untracked files that a run may leave, such as the ledger, are left out."""
    layout = bound.layout
    allowed = [*map(layout.path, layout.allowed), layout.ledger, "**/__pycache__/*.pyc"]
    for change in repository.changes():
        if change.place != "untracked" or not matches(change.path, allowed):
            yield change


def _commit(bound: Bound, changes: list[Change], repository: Repository) -> Iterator[Lack]:
    """Yield at most two lacks. One lists the ``changes`` to commit: those of tracked files, and
    untracked files that are code or editable. The other lists the remaining untracked files, for
    git to ignore. Each has a command that fixes it; for more than `_NAMED` files to ignore, the
    command names the first ones."""
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
    """Return the topmost folder of a path that holds no file of ``tracked``, with ``/`` at its end,
    so that git can ignore it as a whole; the path itself if there is no such folder."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        folder = f"{posixpath.join(*parts[:depth])}/"
        if not any(name.startswith(folder) for name in tracked):
            return folder
    return path


def _words(git: Git, names: list[str]) -> str:
    """Return the file names as quoted arguments of a shell command, with blanks between; the top
    folder alone if there are more than `_NAMED`."""
    return " ".join(map(git.word, names if len(names) <= _NAMED else ["."]))


def _few(names: list[str]) -> str:
    """Return the first `_NAMED` names with commas between, and how many more there are, if any."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _broken(result: RuleResult, seen: set[str]) -> Iterator[Lack]:
    """Yield a lack for each finding of a broken rule; nothing for any other rule. A finding about
    changed files that are all in ``seen`` is left out, since they are reported already."""
    for finding in result.findings if result.broken else ():
        if not (finding.paths and seen.issuperset(finding.paths)):
            yield Lack(result.rule, finding.headline, finding.help or "")
