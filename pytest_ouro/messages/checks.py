"""Errors that keep a rule from being judged: raised by the engine and by checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import NoRulesError, OuroError, TrustError
from pytest_ouro.core.finding import several

if TYPE_CHECKING:
    from collections.abc import Sequence


def no_trusted_commit() -> TrustError:
    """A commit is to be judged, and no option, variable or setting names the commit whose rules are
    trusted."""
    return TrustError(
        "no trusted commit was named: a commit cannot vouch for its own rules",
        help="name one: --trust REF (in CI: the commit of the base branch), "
        "or git config ouro.trust <commit>",
    )


def no_bound_in_commit(commit: str, name: str) -> TrustError:
    """The trusted commit, or the judged one if none is named, has no bound.toml (``name``) in the
    present folder or above. It is a NoRulesError."""
    return NoRulesError(
        f"commit {commit:.7} has no {name} here or above: no trusted rules",
        help="name a commit that has it (--trust REF), or the file: --bound PATH",
    )


def rules_moved(trust: str, paths: list[str], commit: str) -> TrustError:
    """The files ``paths``, which are the rules or frozen by them, changed in the trusted history
    after the judged commit left it, and the judged commit does not have the change. ``commit`` is
    the trusted commit, ``trust`` its name in words."""
    return TrustError(
        f"the rules changed after this commit left the history of {trust}: {several(paths)}",
        help=f"rebase or merge, nothing else is asked: git fetch && git rebase {commit:.7}, or git "
        f"merge {commit:.7}",
    )


def no_trusted_bound(trust: str, path: str) -> TrustError:
    """The trusted commit lacks the bound.toml at ``path``, whose rules are asked for or which the
    judged commit has. ``path`` may be a glob; then no file in the trusted commit matches it. It is
    a NoRulesError."""
    return NoRulesError(
        f"trust {trust} has no {path}: there are no trusted rules",
        help="name a commit that has it (--trust REF, under pytest --ouro-trust REF), "
        "or another file: --bound PATH",
    )


def check_failed(rule: str, check: str, place: str, reason: str) -> OuroError:
    """A check that is not pytest-ouro's own raised an unexpected exception: ``reason``, at
    ``place`` (``file:line`` of its code)."""
    return OuroError(
        f"{rule}: the check '{check}' failed at {place}: {reason}",
        help="fix it in the package that provides it; or a person removes the rule from "
        "bound.toml and blesses that: pytest-ouro bless",
    )


def unreadable_script(place: str, python: str, why: str, command: str, commit: str) -> OuroError:
    """The Python that runs the gate, of version ``python``, cannot parse the script at ``place``,
    so that no rule can be judged by it; ``why`` is the reason.

    ``command`` is the command of the gate under the project's Python. ``commit`` is the id of the
    earlier commit that has the script; "" if the judged commit, the index or the working tree has
    it.
    """
    otherwise = (
        f"join that commit with the next one: git reset --soft {commit:.7}~1, git commit"
        if commit
        else "fix the syntax"
    )
    return OuroError(
        f"{place} cannot be read as Python {python}: {why}",
        help=f"run the gate by the project's Python: {command}   (if that cannot read it either, "
        f"{otherwise})",
    )


def nested_script(path: str) -> OuroError:
    """A script is nested too deeply to be parsed, so no rule knows what is in it."""
    return OuroError(
        f"{path} is nested too deeply to be read",
        help="write long sums, chains and lists as loops or as several statements",
    )


def no_tracked_file(paths: Sequence[str]) -> TrustError:
    """A rule freezes files, and git tracks none that matches its globs ``paths``."""
    return TrustError(
        f"no tracked file matches {', '.join(paths)}",
        help="git add the file, or fix the paths in bound.toml",
    )


def nothing_watched(folder: str) -> TrustError:
    """A rule watches a folder in which git tracks no file."""
    return TrustError(
        f"no tracked file is in {folder}: nothing would be watched",
        help="git add its files, or fix 'within' in bound.toml",
    )


def command_not_started(command: str, reason: str) -> OuroError:
    """The operating system cannot start the program of a rule with the check ``command``."""
    return OuroError(
        f"`{command}` cannot be started: {reason}",
        help="install the program; or a person fixes 'command' in bound.toml and blesses that: "
        "pytest-ouro bless",
    )
