"""Build the guard's table of protections from the trusted rules, as the gate reads them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ouro.bound.read import NAME
from pytest_ouro.checks import sources
from pytest_ouro.core.errors import GitError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import environment, run_git
from pytest_ouro.evidence.paths import join, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.bound.read import Rule
    from pytest_ouro.engine import Case

#: Settings of agents' hooks: an edit could turn the guard off.
SETTINGS = (
    *(".claude/settings.json", ".claude/settings.local.json", ".claude/hooks/"),
    *(".codex/config.toml", ".codex/hooks.json", ".codex/hooks/"),
    *(".cursor/hooks.json", ".cursor/hooks/", ".gemini/settings.json", ".gemini/hooks/"),
)
PROJECT = (".pre-commit-config.yaml",)
GIT = ("ouro/", "hooks/", "config")


def keep(
    bound: str, path: str, common: str, state: Callable[[str, list[str]], list[Any]]
) -> dict[str, Any]:
    """The table of what is protected, also written to ``path``. OuroError as from the gate.

    ``state`` tells the state of all that the table follows from, given the trusted revision and
    the files of packages' checks.
    """
    case = open_case(Path(bound) / NAME)
    table = _table(case, common)
    revision = _revision(case)
    # The commit of a name such as main~3 may change while no watched file does.
    if not set(revision) & set("~^@{}:"):
        files = sorted({file for rule in case.bound.rules for file in sources(type(rule.checker))})
        kept = {
            "revision": revision,
            "sources": files,
            "state": state(revision, files),
            "table": table,
        }
        part = f"{path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(part, "w", encoding="utf-8") as handle:
                json.dump(kept, handle)
            os.replace(part, path)
        except OSError:
            pass  # the table is built again next time
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
    """The trusted commit; "" while a blessing is not committed."""
    return open_case(Path(bound) / NAME).trust.commit


def _revision(case: Case) -> str:
    """The name that a person gave for the trusted commit; "" where bound.lock is the truth."""
    if case.trust.lock is not None:
        return ""
    return os.environ.get("OURO_TRUST") or case.trust.git.line("config", "--get", "ouro.trust")


def _table(case: Case, common: str) -> dict[str, Any]:
    bound, trust, layout = case.bound, case.trust, case.evidence.layout
    rules = [rule for rule in bound.rules if rule.severity == "error"]
    protections = [(rule.key, rule.sentence, rule.checker.protects(layout)) for rule in rules]
    frozen = [(glob, rule.key, rule.sentence) for rule in rules for glob in _frozen(case, rule)]
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
            {"within": kept.within, "free": list(kept.free), "rule": key, "words": words}
            for key, words, kept in protections
            if kept.within is not None
        ],
        "untracked": [
            (glob, key, words) for key, words, kept in protections for glob in kept.untracked
        ],
        "install": next(([key, words] for key, words, kept in protections if kept.installs), []),
        "editable": list(bound.experiment.editable),
    }


def _frozen(case: Case, rule: Rule) -> Iterator[str]:
    """What one rule freezes: globs from the repository's top, absolute for data elsewhere."""
    layout = case.evidence.layout
    yield from rule.checker.protects(layout).frozen
    yield from (_real(case, glob) for glob in rule.checker.data_globs(layout))


def _real(case: Case, glob: str) -> str:
    """A glob of data, its folder without links: from the top where it lies in the repository."""
    top = os.path.realpath(case.repository.git.top)
    glob = os.path.join(case.bound.root, os.path.expanduser(glob))
    literal = glob.partition("*")[0].partition("?")[0].rpartition("/")[0]
    real = os.path.realpath(os.path.join(top, literal)) + glob[len(literal) :]
    return real.removeprefix(f"{top}/")
