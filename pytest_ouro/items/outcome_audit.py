"""Detect project hooks or options that changed, dropped or overrode the results of our rules.

A project's own conftest.py can defeat any plugin, so this check is not complete. Only
``pytest-ouro gate`` reads no pytest configuration at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.finding import several
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    import pytest

    from pytest_ouro.core.errors import OuroError

#: Hooks by which a project could change the reported outcome of a rule.
HOOKS = (
    *("pytest_collection_modifyitems", "pytest_collection_finish", "pytest_runtestloop"),
    *("pytest_runtest_protocol", "pytest_runtest_call", "pytest_runtest_makereport"),
    *("pytest_runtest_logreport", "pytest_report_teststatus", "pytest_sessionfinish"),
)
#: Options that select rules; on the command line they are a person's choice.
_CHOOSING = (
    *("--deselect", "--lf", "--last-failed", "--nf", "--new-first", "--sw", "--stepwise"),
    *("--sw-skip", "--stepwise-skip", "--co", "--collect-only", "--setup-only", "--setup-plan"),
    *("--exitfirst", "--maxfail"),
)
_SHORT = ("-k", "-m", "-x")  # a value or further letters may follow
ADVICE = "only pytest-ouro gate is authoritative"


class OutcomeAudit:
    """A comparison of the outcomes that the items of pytest-ouro gave to the rules with those that
    the session reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._expected: list[str] = []
        self._outcomes: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._was_judged = False

    def expect(self, ids: list[str]) -> None:
        """Set the node ids of the rules to be checked, as collected, before a hook can deselect
        any."""
        self._expected = ids

    def record(self, nodeid: str, outcome: str) -> None:
        """Record the outcome of a rule as its item found it in this process: ``passed``, ``failed``
        or ``skipped``. A later call for the same ``nodeid`` replaces it."""
        self._outcomes[nodeid] = outcome

    def note_report(self, report: pytest.TestReport) -> None:
        """Note from pytest's report of a rule that it was checked or that it was skipped, and why.
        With xdist, the report comes from the worker that checked the rule."""
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self._skipped[report.nodeid] = reason.removeprefix("Skipped: ")
        else:
            self._was_judged = True

    def nothing_judged(self) -> OuroError | None:
        """Return, without raising it, the error that no rule was checked, if all rules that were
        reported were skipped. None if one was not skipped, if no rule was reported, or if a person
        chose rules by a node id or by an option of the command line."""
        named = any("::" in arg for arg in self._config.args)
        if self._was_judged or not self._skipped or named or self._is_chosen():
            return None
        rules = [f"{nodeid.split('::')[-1]} ({why})" for nodeid, why in self._skipped.items()]
        return messages.nothing_judged(rules)

    def notes(self) -> list[str]:
        """Return a line for each name of the project's files that have hooks that could change an
        outcome; [] if there is none."""
        found: dict[str, list[str]] = {}
        for name in HOOKS:
            for implementation in getattr(self._config.hook, name).get_hookimpls():
                file = getattr(implementation.plugin, "__file__", None)
                if file and self._is_the_projects(Path(file)):
                    found.setdefault(Path(file).name, []).append(name)
        could = "has hooks that could change the outcome of a rule"
        return [f"{file} {could} ({several(names)}); {ADVICE}" for file, names in found.items()]

    def _is_the_projects(self, file: Path) -> bool:
        """Return whether a plugin's file lies in or below the root folder, and neither in
        site-packages nor in the folder of this module."""
        inside = self._config.rootpath in file.parents
        return inside and "site-packages" not in file.parts and file.parent != Path(__file__).parent

    def problems(self, session: pytest.Session) -> list[str]:
        """Return a line for each kind of sign that outcomes were overruled: rules that were broken
        or skipped here and are reported otherwise, rules that were collected and never checked, and
        an exit status of 0 although a rule is broken. [] if there is none."""
        reported = self._reported()
        changed = [
            nodeid
            for nodeid, outcome in self._outcomes.items()
            if outcome != "passed"
            and reported is not None
            and outcome not in reported.get(nodeid, ())
        ]
        words = [f"{_name_rules(changed)} reported otherwise than judged"] if changed else []
        if unjudged := self._unjudged(session):
            words.append(f"{_name_rules(unjudged)} never judged")
        if "failed" in self._outcomes.values() and session.exitstatus == 0:
            words.append("the exit status was 0 although a rule is broken")
        return [f"disarmed: {word}; {ADVICE}" for word in words]

    def _unjudged(self, session: pytest.Session) -> list[str]:
        """Return the node ids of the expected rules that were not checked. [] if the session
        stopped early or ended by an error (an exit status other than 0, 1 and 5), if `_is_chosen`,
        or under xdist."""
        if session.shouldstop or session.shouldfail or self._is_chosen():
            return []
        if session.exitstatus not in (0, 1, 5) or hasattr(self._config, "workerinput"):
            return []
        if self._config.pluginmanager.has_plugin("dsession"):  # xdist's workers checked them
            return []
        return [nodeid for nodeid in self._expected if nodeid not in self._outcomes]

    def _is_chosen(self) -> bool:
        """Return whether an argument of the command line is one of the options by which a person
        leaves rules unchecked: it is in ``_CHOOSING``, with or without ``=VALUE``, or begins with
        one of ``_SHORT``. PYTEST_ADDOPTS and ini files do not count."""
        given = [str(arg) for arg in self._config.invocation_params.args]
        return any(a.partition("=")[0] in _CHOOSING or a.startswith(_SHORT) for a in given)

    def _reported(self) -> dict[str, set[str]] | None:
        """Return a dict from node id to the set of outcomes that pytest's terminal counts for it,
        an error as ``failed``; None without a terminal reporter."""
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return None
        reported: dict[str, set[str]] = {}
        for category, reports in reporter.stats.items():
            for report in reports:
                word = "failed" if category == "error" else category
                reported.setdefault(getattr(report, "nodeid", ""), set()).add(word)
        return reported


def _name_rules(ids: list[str]) -> str:
    """Return the rules of these node ids as words, with the verb: ``a was``, ``a, b were``."""
    rules = [nodeid.split("::", 1)[-1] for nodeid in ids]
    return f"{several(rules)} {'was' if len(rules) == 1 else 'were'}"
