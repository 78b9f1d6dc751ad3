"""From the trusted bound, as the gate reads it, to what the guard protects."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ouro.bound.read import NAME
from pytest_ouro.checks.scope import BYTECODE
from pytest_ouro.core.errors import GitError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.dependencies import DECLARED, LOCKED
from pytest_ouro.evidence.git.client import environment, run_git
from pytest_ouro.evidence.paths import join, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.bound.read import Rule
    from pytest_ouro.engine import Case

#: What holds agents' hooks, and git's: to edit it is to disarm the guard.
SETTINGS = (
    *(".claude/settings.json", ".claude/settings.local.json", ".claude/hooks/"),
    *(".codex/config.toml", ".codex/hooks.json", ".codex/hooks/"),
    *(".cursor/hooks.json", ".cursor/hooks/", ".gemini/settings.json", ".gemini/hooks/"),
)
PROJECT = (".pre-commit-config.yaml",)
GIT = ("ouro/", "hooks/", "config")


def keep(bound: str, path: str, common: str, state: Callable[[str], list[Any]]) -> dict[str, Any]:
    """The table of what is protected, also written to ``path``. OuroError as from the gate.

    ``state`` tells the state of all that the table follows from, given the trusted revision.
    """
    case = open_case(Path(bound) / NAME)
    table = _table(case, common)
    revision = _revision(case)
    # A name such as main~3 may come to mean another commit without a trace here.
    if not set(revision) & set("~^@{}:"):
        kept = {
            "revision": revision,
            "state": state(revision),
            "table": table,
        }
        part = f"{path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(part, "w", encoding="utf-8") as handle:
                json.dump(kept, handle)
            os.replace(part, path)
        except OSError:
            pass  # what cannot be kept costs time, no truth
    return table


def is_ignored(top: str, name: str) -> bool:
    """Whether git ignores a file, there or not yet."""
    env = environment()
    del env["GIT_LITERAL_PATHSPECS"]  # this one command refuses it
    asked = ["git", "-c", "core.fsmonitor=false", "check-ignore", "-q", "--", f"./{name}"]
    return not subprocess.run(asked, cwd=top, env=env, capture_output=True, check=False).returncode


def is_tracked(top: str, name: str) -> bool:
    """Whether git's index has the file, or anything in the folder, called ``name``."""
    try:
        return bool(run_git("ls-files", "-z", "--", name, cwd=Path(top)))
    except GitError:
        return False


def is_known(bound: str, name: str) -> bool:
    """Whether the trusted commit has the file, or anything in the folder, called ``name``."""
    trust = open_case(Path(bound) / NAME).trust
    return not trust.commit or any(f"{path}/".startswith(f"{name}/") for path in trust.committed)


def trusted_commit(bound: str) -> str:
    """The commit that holds the truth; "" while a blessing is not committed."""
    return open_case(Path(bound) / NAME).trust.commit


def _revision(case: Case) -> str:
    """The name by which a person trusts a commit; "" where bound.lock is the truth."""
    if case.trust.lock is not None:
        return ""
    return os.environ.get("OURO_TRUST") or case.trust.git.line("config", "--get", "ouro.trust")


def _table(case: Case, common: str) -> dict[str, Any]:
    bound, trust = case.bound, case.trust
    rules = [rule for rule in bound.rules if rule.severity == "error"]
    frozen = [(glob, rule.key, rule.sentence) for rule in rules for glob in _globs(case, rule)]
    top = os.path.realpath(case.repository.git.top)
    home = os.path.expanduser("~")
    return {
        "top": top,
        "bound": os.path.join(top, bound.folder),
        "root": bound.root,
        "frozen": frozen,
        "files": [
            (os.path.join(top, path), rule, words)
            for path in sorted(trust.paths)
            for glob, rule, words in frozen
            if matches(path, [glob])
        ],
        "own": [
            *(join(bound.folder, name) for name in (NAME, "bound.lock")),
            *(*SETTINGS, *PROJECT),
            *(os.path.join(home, name) for name in SETTINGS),
            *(os.path.join(common, name).removeprefix(f"{top}/") for name in GIT),
        ],
        "scopes": [
            {
                "within": join(bound.folder, getattr(rule.checker, "within", "")).rstrip("/"),
                "editable": [bound.path(path) for path in bound.experiment.editable],
                "allowed": [*map(bound.path, bound.experiment.allowed), *BYTECODE],
                "rule": rule.key,
                "words": rule.sentence,
            }
            for rule in rules
            if rule.check == "scope"
        ],
        "untracked": [
            (bound.path(path), rule.key, rule.sentence)
            for rule in rules
            if rule.check == "untracked"
            for path in getattr(rule.checker, "paths", ())
        ],
        "install": next(
            ([rule.key, rule.sentence] for rule in rules if rule.check == "dependencies"), []
        ),
        "editable": list(bound.experiment.editable),
    }


def _globs(case: Case, rule: Rule) -> Iterator[str]:
    """What one rule freezes: globs from the repository's top, absolute ones for data."""
    bound, checker = case.bound, rule.checker
    if rule.check == "frozen":
        yield from map(bound.path, getattr(checker, "paths", ()))
    elif rule.check == "frozen-symbol":
        yield bound.path(getattr(checker, "path", ""))
    elif rule.check == "frozen-data":
        data = getattr(checker, "paths", ()) or case.evidence.layout.data
        for glob in (*data, *getattr(checker, "train", ())):
            yield _real(case, os.path.join(bound.root, os.path.expanduser(glob)))
    elif rule.check == "evaluation":
        experiment = bound.experiment
        yield from (bound.path(name) for name in (experiment.harness, experiment.prepare) if name)
    elif rule.check == "dependencies":
        folder, _, last = bound.root.rpartition("/")
        folders = [bound.root]
        while last:
            folders.append(folder)
            folder, _, last = folder.rpartition("/")
        for folder in dict.fromkeys(folders):
            yield from (join(folder, name) for name in (*DECLARED, *LOCKED))


def _real(case: Case, glob: str) -> str:
    """A glob of data without links in its folder: relative where it lies in the repository."""
    top = os.path.realpath(case.repository.git.top)
    literal = glob.partition("*")[0].partition("?")[0].rpartition("/")[0]
    real = os.path.realpath(os.path.join(top, literal)) + glob[len(literal) :]
    return real.removeprefix(f"{top}/")
