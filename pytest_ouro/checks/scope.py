"""``scope``: only the editable files were changed since trust."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.checks._editable import is_link, missing, report_link
from pytest_ouro.checks._remedy import command_for, drop_command
from pytest_ouro.core import limits
from pytest_ouro.core.errors import LimitError, OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.core.schema import option
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.git.client import split
from pytest_ouro.evidence.paths import BoundFolder, Glob, inside, join, matches
from pytest_ouro.evidence.published import published
from pytest_ouro.evidence.python import shadows
from pytest_ouro.evidence.repository import Change
from pytest_ouro.messages import checks as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_ouro.evidence.evidence import Evidence, Layout
    from pytest_ouro.evidence.git.objects import Entry


#: Interpreters write it beside every module. `frozen-symbol` finds bytecode that was altered.
BYTECODE = ("**/__pycache__/*.pyc",)
#: Compiled files and archives, and files that are code.
_COMPILED = (
    *(".so", ".pyd", ".dll", ".dylib", ".pyc", ".pth", ".a", ".o", ".exe", ".whl", ".egg", ".zip"),
    *(".bin", ".pt", ".safetensors", ".pkl", ".npy", ".npz"),
)
_CODE = (".py", ".pyi", ".sh", ".c", ".cc", ".cpp", ".cu", ".rs", ".js", ".ts", ".toml", ".cfg")
#: What `documents` may name: prose, a wildcard only below a named folder, no words for agents.
_DOCUMENT = (
    r"(?s:(?!(.*/)?((?i:AGENTS|CLAUDE|GEMINI|program)\.|\.(?!\./)))"
    r"(\.\./)*([^*?.][^*?]*/.*|[^*?/]+)\.(md|rst|adoc))",
    ".md, .rst or .adoc files, by a wildcard only below a named folder, without hidden ones and "
    "the agents' own (AGENTS.md, CLAUDE.md, GEMINI.md, program.md)",
)
#: The places of changes whose bytes are not in git.
_ON_DISK = ("untracked", "working tree")
#: What is said of an untracked folder that can be opened, but not all that is in it.
_TOO_LONG = "with paths that are too long for the system"


@dataclass(frozen=True, kw_only=True)
class Scope(Check):
    """In the watched folder (``within``) only the editable files were changed since trust: by a
    commit, in the index, in the working tree, or by an untracked file. Exceptions: the ledger,
    files of ``allowed`` in ``[experiment]`` and Python's bytecode may be untracked, files of
    ``publish`` in ``[experiment]`` may be in report commits, texts of the rule's ``documents`` may
    change, and a commit may restore what trust has.

    The script, and trusted editable files that are named without a wildcard, must be there. A
    changed editable file may not be a link.
    """

    within: BoundFolder = option(
        "the folder that is watched, from the folder of bound.toml; by default the repository",
        default="",
    )
    documents: tuple[Glob, ...] = option(
        "texts that are not part of the experiment, and may change (globs)",
        default=(),
        pattern=_DOCUMENT,
    )

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield a finding if the watched folder has no file; one for each file that must be there
        and is gone, as the function `missing` finds them; one about all files that were changed and
        may not be; and one for each changed editable file that is a link or a submodule."""
        layout = evidence.layout
        within = self._watched(layout)
        editable = layout.editable_globs
        allowed = [*map(layout.path, layout.allowed), layout.ledger]
        documents = [*map(layout.path, self.documents)]
        if not _holds_files(evidence, within):
            yield Finding(
                f"no file is in {within}: nothing is watched",
                where=f"trust: {evidence.trust}",
                help="fix 'within' in bound.toml, then: pytest-ouro bless",
            )
        yield from missing(evidence)
        reports = published(evidence)
        strays: dict[str, list[Change]] = {}
        watched = [*evidence.repository.changes(within), *_ignore_files(evidence, within)]
        links: list[str] = []
        for change in (*watched, *_hidden(evidence, within, watched)):
            if matches(change.path, editable):
                if change.path not in links and is_link(evidence, change.path):
                    links.append(change.path)
                continue
            if change.place == "untracked" and matches(change.path, (*allowed, *BYTECODE)):
                continue
            if reports.lawful(change.path):
                continue
            if matches(change.path, documents) and _is_text(evidence, change):
                continue
            if evidence.trust.blessing_pending and change.place != "commit":
                continue  # a person has just blessed the working tree
            if _restores(evidence, change):
                continue
            strays.setdefault(change.path, []).append(change)
        if strays:
            yield _finding(evidence, strays)
        yield from map(report_link, links)

    def _watched(self, layout: Layout) -> str:
        """Return the watched folder relative to the repository's top; "" for the whole
        repository."""
        return join(layout.folder, self.within).rstrip("/") if self.within else ""

    def trusted_paths(self, evidence: Evidence) -> Iterable[str]:
        """Return the files that the rule freezes: none. TrustError if no file of the index is in
        the watched folder, unless that is the whole repository."""
        within = self._watched(evidence.layout)
        if within and not any(inside(path, within) for path in evidence.repository.index):
            raise messages.nothing_watched(within)
        return super().trusted_paths(evidence)

    def protects(self, layout: Layout) -> Protection:
        """Return that in the watched folder only editable files, those of ``allowed`` in
        ``[experiment]``, the rule's ``documents``, and Python's bytecode may change."""
        own = map(layout.path, (*layout.allowed, *self.documents))
        free = [*layout.editable_globs, *own, *BYTECODE]
        return Protection(within=self._watched(layout), free=free)


def _is_text(evidence: Evidence, change: Change) -> bool:
    """Return whether a changed file is a document by its name (`_DOCUMENT`: Markdown and the like,
    not hidden, and not one that agents read), and either was deleted or is a plain text: not a
    link, UTF-8 without a NUL, no larger than a script may be, and without ``#!`` at its start."""
    path, repository = change.path, evidence.repository
    if not re.fullmatch(_DOCUMENT[0], path) or is_link(evidence, path):
        return False
    data = _data(evidence, change, limit=limits.SCRIPT)
    if data is None:
        if change.place in _ON_DISK:
            return not os.path.lexists(repository.git.top / path)
        return path not in _tree(evidence, change)
    with contextlib.suppress(UnicodeDecodeError):
        return "\0" not in data.decode() and not data.startswith(b"#!")
    return False


def _tree(evidence: Evidence, change: Change) -> Mapping[str, Entry]:
    """Return the entries, by path, among which a changed file is to be looked up: for a change that
    a commit made, those of the commit that is checked, which may be a later one; for any other
    change, those of the index."""
    repository = evidence.repository
    return repository.head_tree if change.place == "commit" else repository.index


def _data(evidence: Evidence, change: Change, *, limit: int = limits.FILE) -> bytes | None:
    """Return the bytes that a changed file has in the place of the change; None if the file is
    gone, is not a file, has more than ``limit`` bytes, or cannot be read from the disk. Raise
    GitError if its bytes are missing in git, or damaged."""
    git, path = evidence.repository.git, change.path
    if change.place in _ON_DISK:
        with contextlib.suppress(OuroError):
            return read_file(git.top / path.rstrip("/"), limit=limit)
        return None
    with contextlib.suppress(LimitError):
        return git.contents(_tree(evidence, change).get(path), limit=limit, path=path)
    return None


def _restores(evidence: Evidence, change: Change) -> bool:
    """Return whether the commit of ``change`` leaves the file as it is in the trusted commit,
    absent files included; False for a change that is not committed, and for a commit without a
    parent."""
    store, trust = evidence.repository.git.store, evidence.trust.commit
    if change.commit is None or not trust or not store.commit(change.commit.id)[1]:
        return False
    return store.entry(change.commit.id, change.path) == store.entry(trust, change.path)


def _finding(evidence: Evidence, strays: dict[str, list[Change]]) -> Finding:
    """Return one finding about all changed files, since a hundred findings would be unreadable.
    ``strays`` maps each path to its changes, oldest first. The files that could do the most harm
    are named first (`_rank`)."""
    only = several(list(evidence.layout.editable))
    paths = sorted(strays, key=lambda path: (_rank(evidence, strays[path][-1]), path))
    path = paths[0]
    first, last = strays[path][0], strays[path][-1]
    if len(strays) == 1:
        headline = f"{path} was {first.kind}; only {only} may change"
        where = (
            f"{first.kind} in: {several([change.where for change in strays[path]])}"
            if last.place != "untracked"
            else f"untracked in the working tree{_closed(evidence, path)}"
        )
    else:
        headline = f"{len(strays)} files changed outside {only}"
        where = several([f"{one} ({strays[one][0].where})" for one in paths])
    return Finding(
        headline,
        where=where,
        help=_remedy(evidence, strays, paths) + _narrower(evidence, path),
        facts={"files": len(strays), "path": path, "place": last.place},
        paths=tuple(paths),
    )


def _rank(evidence: Evidence, change: Change) -> int:
    """Return how harmful a change could be, to sort by: 0 for a compiled or binary file, by its
    name (`_COMPILED`) or a NUL in its first 8000 bytes, 1 for code, by its name (`_CODE`) or
    ``#!``, 2 for any other file."""
    path = change.path
    if path.endswith(_COMPILED):
        return 0
    data = _data(evidence, change)
    if data and b"\0" in data[:8000]:
        return 0
    return 1 if path.endswith(_CODE) or (data or b"").startswith(b"#!") else 2


def _closed(evidence: Evidence, path: str) -> str:
    """Return words that say why git could not look into an untracked folder, whose path ends with
    ``/``. "" for a file, whose path does not, and for a folder that is a repository of its own."""
    folder = f"{evidence.repository.git.top}/{path}"
    if not path.endswith("/") or os.path.lexists(f"{folder}.git"):
        return ""
    why = _TOO_LONG if os.access(folder, os.R_OK | os.X_OK) else "and cannot be read"
    return f", {why}: nobody knows what is in it"


def _narrower(evidence: Evidence, path: str) -> str:
    """Return a note, to be put behind a help, on how a person may allow the change of the file at
    ``path``. Outside of bound.toml's folder, the rule may watch that folder alone; a text in that
    folder may be named in ``documents``. "" for any other file in that folder."""
    if inside(path, evidence.layout.folder):
        name = posixpath.relpath(path, evidence.layout.root or ".")
        if not re.fullmatch(_DOCUMENT[0], name) or not name.isprintable() or '"' in name:
            return ""
        return f'   (a person may let texts change: documents = ["{name}"] in bound.toml)'
    return '   (a person may watch that folder alone: within = "." in bound.toml)'


def _holds_files(evidence: Evidence, folder: str) -> bool:
    """Return whether a file of the index, the checked commit or the trusted commit is in
    ``folder``; True for "", the whole repository."""
    repository = evidence.repository
    places = (repository.index, repository.head_tree, evidence.trust.committed)
    return not folder or any(inside(path, folder) for place in places for path in place)


def _hidden(evidence: Evidence, within: str, seen: list[Change]) -> list[Change]:
    """Return, as untracked changes, the files that could be imported from the experiment's folder
    and that git hides in this clone alone; [] unless the working tree is checked.

    The .gitignore files that hide them are among them. ``seen`` are changes that are known already.
    Only files in ``within``, the watched folder, are returned.
    """
    repository = evidence.repository
    if repository.subject != "working tree":
        return []
    folder = f"{evidence.layout.root}/" if evidence.layout.root else ""
    top = repository.git.top / folder
    known = {*repository.index, *(change.path for change in seen)}
    known |= {path[: path.find("/", len(folder))] for path in known if path.startswith(folder)}
    names = [folder + name for name in shadows.modules(top) if folder + name not in known]
    found = [name for name in names if (repository.git.top / name / ".gitignore").is_file()]
    if (top / ".gitignore").is_file() and f"{folder}.gitignore" not in known:
        found.append(f"{folder}.gitignore")
    if names:
        per_folder = ("-o", "-z", "--exclude-per-directory=.gitignore", "--")
        found += split(repository.git.call("ls-files", *per_folder, *names))
    return [Change(path, "untracked", "added") for path in found if inside(path, within)]


def _ignore_files(evidence: Evidence, within: str) -> list[Change]:
    """Return the changes since trust of the .gitignore files in the folders above ``within``, the
    watched folder, which can hide files in it; [] if ``within`` is "", the whole repository."""
    above = within.split("/")
    names = {"/".join([*above[:depth], ".gitignore"]) for depth in range(len(above))}
    names -= {"/".join([within, ".gitignore"]).lstrip("/")}
    return evidence.repository.changes_of(names)


def _remedy(evidence: Evidence, strays: dict[str, list[Change]], paths: list[str]) -> str:
    """Return the shell command, or words, that undo the changes of one kind, the first that there
    is: commits come first, then the index and the working tree, then untracked folders, and
    untracked files last. Changes of other kinds are left to the finding of the next check, after
    the user has undone these.

    ``strays`` maps each path to its changes; ``paths`` are the same paths in the order to name
    them, at most 20 in a command.
    """
    layout, trust, repository = evidence.layout, evidence.trust, evidence.repository
    committed = [p for p in paths if any(change.commit for change in strays[p])]
    # The ledger and what runs leave stay on the disk: they hold results.
    stay = [layout.ledger, *map(layout.path, (*layout.allowed, *layout.publish))]
    if committed and (command := drop_command(evidence, committed, stay=stay)):
        return command
    placed: dict[str, list[str]] = {}
    for path in paths:
        placed.setdefault(_way_back(evidence, strays[path][-1]), []).append(path)
    for place in ("trust", "added", "index", "working tree"):
        if found := placed.get(place):
            command = {
                "trust": f"git checkout {trust.commit[:7]} --",  # the guard lets it pass
                # A new file stays in the working tree: it may be the ledger.
                "added": "git restore --staged --",
                "index": "git restore --staged --worktree --",
                "working tree": "git restore --",
            }[place]
            return command_for(repository, command, found)
    if found := placed.get("unreadable"):
        return command_for(repository, "chmod -R u+rwX", found)
    if found := placed.get("repository"):  # to remove it could lose its work
        path = repository.git.word(found[0])
        return f"{path} is a repository of its own: move it elsewhere, as by git worktree move"
    words = command_for(repository, "rm", placed.get("too long") or placed["untracked"])
    words += ", or put the idea into an editable file"
    return f"{words}; what a tool writes, a person adds to 'allowed' in bound.toml"


def _way_back(evidence: Evidence, change: Change) -> str:
    """Return how a change that is in no commit is undone: ``trust`` if the trusted commit has the
    file, otherwise ``added`` (a new file of the index), ``index`` or ``working tree``.

    For an untracked file return ``untracked``; for an untracked folder ``repository``, or
    ``unreadable`` or ``too long`` if git could not look into it.
    """
    if change.place == "untracked":
        if not change.path.endswith("/"):
            return "untracked"
        words = _closed(evidence, change.path)
        return ("too long" if _TOO_LONG in words else "unreadable") if words else "repository"
    trust = evidence.trust
    if trust.has_committed(change.path):
        return "trust"
    if change.place == "index" and change.kind == "added":
        return "added"
    return "index" if change.place == "index" else "working tree"
