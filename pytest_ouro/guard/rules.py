"""Build the guard's table of protections from the trusted rules, as the gate reads them."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from pytest_ouro.bound.read import NAME
from pytest_ouro.checks import sources
from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git import spawn
from pytest_ouro.evidence.git.client import command, environment, run_git
from pytest_ouro.evidence.paths import join, matches
from pytest_ouro.evidence.shared.named import configuration, find_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.engine import Case

#: Files that turn hooks on: an edit could turn the guard or the gate off. Those of agents also
#: count in the home folder, and those of git are in the repository's git folder.
_AGENTS = (
    *(".claude/settings.json", ".claude/settings.local.json", ".claude/hooks/"),
    *(".codex/config.toml", ".codex/hooks.json", ".codex/hooks/"),
    *(".cursor/hooks.json", ".cursor/hooks/", ".gemini/settings.json", ".gemini/hooks/"),
)
_GIT = ("ouro/", "hooks/", "config")


class Table(TypedDict):
    """The guard's table of protections, in the form in which it is stored as JSON: what the trusted
    rules of one bound.toml forbid to change, and in which words. The attributes of
    `protected.Protections` have the same names, and are described there."""

    top: str
    bound: str
    frozen: list[tuple[str, str, str]]
    files: list[tuple[str, str, str]]
    own: list[str]
    scopes: list[tuple[str, list[str], str, str]]
    untracked: list[tuple[str, str, str]]
    install: list[str]
    editable: list[str]


def build(
    bound: str, path: str, common: str, state: Callable[[str, list[str]], list[Any]]
) -> Table:
    """Return the table of what the trusted rules protect, built from the rules, and store it in the
    file ``path``. It is not stored if the trusted revision is an expression such as ``main~3``, or
    if the file cannot be written. OuroError if the rules cannot be read.

    ``bound`` is the folder of bound.toml, ``common`` the git folder that all working trees share.
    ``state`` returns the state of everything that the table is built from, given the trusted
    revision ("" if none) and the files of packages' checks.
    """
    case = open_case(Path(bound) / NAME)
    table = _table(case, common)
    trusted = revision(case)
    # The commit of a name such as main~3 may change while no watched file does.
    if not set(trusted) & set("~^@{}:"):
        files = sorted({file for rule in case.bound.rules for file in sources(type(rule.checker))})
        cached = {
            "revision": trusted,
            "sources": files,
            "state": state(trusted, files),
            "table": table,
        }
        store(path, json.dumps(cached).encode())
    return table


def store(path: str, data: bytes) -> None:
    """Write ``data`` to the file ``path`` of the guard's cache, in one step, readable by this user
    alone. Do nothing if the file cannot be written: the next call then finds out again what it
    would hold."""
    file = Path(path)
    with contextlib.suppress(OSError):
        make_folder(file.parent.parent, file.parent.name)
        write_whole(file.parent, file.name, data, mode=0o600)


def is_ignored(top: str, name: str) -> bool:
    """Return whether git ignores a file, which need not exist. ``name`` is its path from the folder
    ``top``. False if git fails."""
    env = environment()
    del env["GIT_LITERAL_PATHSPECS"]  # this one command refuses it
    asked = command("check-ignore", "-q", "--", f"./{name}", cwd=Path(top))
    return spawn.output(asked, env)[0] == 0


def is_tracked(top: str, name: str) -> bool:
    """Return whether git's index has the file, or anything in the folder, called ``name``. GitError
    if git fails."""
    return bool(run_git("ls-files", "-z", "--", name, cwd=Path(top)))


def is_known(bound: str, name: str) -> bool:
    """Return whether the trusted commit has a file ``name``, or anything in a folder ``name``, a
    path from the repository's top; True while a blessing is not committed. OuroError if the rules
    cannot be read."""
    trust = open_case(Path(bound) / NAME).trust
    return not trust.commit or any(f"{path}/".startswith(f"{name}/") for path in trust.committed)


def restores_trusted(bound: str, name: str, source: str) -> bool:
    """Return whether a restore from the revision ``source``, or from the index for "", brings back
    the trusted bytes of the file ``name``, a path from the repository's top. If ``source`` is the
    id of the trusted commit, or 7 or more of its first digits, return True without reading the
    file. OuroError if the rules or git's objects cannot be read."""
    case = open_case(Path(bound) / NAME)
    if len(source) >= 7 and case.trust.commit.startswith(source):
        return True
    git, tree = case.repository.git, case.repository.index
    if source:
        commit = git.commit(source)
        tree = git.tree(commit) if commit else {}
    data = git.contents(tree.get(name), limit=limits.FILE, path=name)
    return data is not None and data == case.trust.read(name)


def commit_with(bound: str, name: str) -> str:
    """Return the full id of the trusted commit; "" if it does not have the file called ``name``, or
    while a blessing is not committed. OuroError if the rules cannot be read."""
    trust = open_case(Path(bound) / NAME).trust
    return trust.commit if name in trust.committed else ""


def revision(case: Case) -> str:
    """Return the revision that a person gave as the trusted one, by OURO_TRUST or git's setting
    ``ouro.trust``; "" if neither is set, or if bound.lock states what is trusted."""
    if case.trust.lock is not None:
        return ""
    return os.environ.get("OURO_TRUST") or case.trust.git.line("config", "--get", "ouro.trust")


def _table(case: Case, common: str) -> Table:
    """Return the table of what the trusted rules protect, with the files that enforce rules. Rules
    that only warn protect nothing. ``common`` is the git folder that all working trees share."""
    layout = case.evidence.layout
    frozen: list[tuple[str, str, str]] = []
    scopes: list[tuple[str, list[str], str, str]] = []
    untracked: list[tuple[str, str, str]] = []
    install: list[str] = []
    for rule in case.bound.rules:
        if rule.severity != "error":
            continue
        words = (rule.key, rule.sentence)
        protection = rule.checker.protects(layout)
        data = [_real(case, glob) for glob in rule.checker.data_globs(layout)]
        frozen += [(glob, *words) for glob in (*protection.frozen, *data)]
        untracked += [(glob, *words) for glob in protection.untracked]
        if protection.within is not None:
            scopes.append((protection.within, list(protection.free), *words))
        if protection.installs:
            install = install or [*words]
    top = os.path.realpath(case.repository.git.top)
    home = os.path.expanduser("~")
    return {
        "top": top,
        "bound": os.path.join(top, case.bound.folder),
        "frozen": frozen,
        "files": [
            (os.path.join(top, path), key, sentence)
            for path in sorted(case.trust.paths)
            for glob, key, sentence in frozen
            if matches(path, [glob])
        ],
        "own": [
            *(join(case.bound.folder, name) for name in (NAME, "bound.lock")),
            *(*_AGENTS, ".pre-commit-config.yaml"),
            *(os.path.join(home, name) for name in _AGENTS),
            *(os.path.join(common, name).removeprefix(f"{top}/") for name in _GIT),
            *_shared(),
        ],
        "scopes": scopes,
        "untracked": untracked,
        "install": install,
        "editable": list(case.bound.experiment.editable),
    }


def _shared() -> list[str]:
    """Return the path of the user's configuration, which may name the folder of records that clones
    share, and that folder; neither need exist."""
    found = [configuration()]
    with contextlib.suppress(OuroError):  # a run reports it
        if named := find_named():
            found.append(f"{named.folder}/")
    return [path for path in found if path]


def _real(case: Case, glob: str) -> str:
    """Return a glob of data with ``~`` and the links in the folder before its first wildcard
    resolved: relative to the repository's top, or absolute for data elsewhere."""
    top = os.path.realpath(case.repository.git.top)
    glob = os.path.join(case.bound.root, os.path.expanduser(glob))
    literal = glob.partition("*")[0].partition("?")[0].rpartition("/")[0]
    real = os.path.realpath(os.path.join(top, literal)) + glob[len(literal) :]
    return real.removeprefix(f"{top}/")
