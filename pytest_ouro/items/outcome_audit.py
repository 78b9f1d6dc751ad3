"""What a session did to our rules after they were judged: notes, and what is no answer any more.

A project's own conftest.py and settings stand above any plugin, so this finds what it can and stops
nobody who knows it. Only ``pytest-ouro gate`` reads none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.finding import several

if TYPE_CHECKING:
    import pytest

#: Hooks through which a project could change what is said of a rule.
HOOKS = (
    *("pytest_collection_modifyitems", "pytest_collection_finish", "pytest_runtestloop"),
    *("pytest_runtest_protocol", "pytest_runtest_call", "pytest_runtest_makereport"),
    *("pytest_runtest_logreport", "pytest_report_teststatus", "pytest_sessionfinish"),
)
#: Options by which a person leaves rules out; given by hand, they are a wish.
_CHOOSING = (
    *("-k", "-m", "--deselect", "--lf", "--last-failed", "--nf", "--sw", "--stepwise"),
    *("--co", "--collect-only", "--setup-only", "--setup-plan", "-x", "--exitfirst", "--maxfail"),
)
ADVICE = "only pytest-ouro gate is authoritative"


class Watch:
    """Compares what the rules said when they were judged with what the session says of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._selected: list[str] = []
        self._said: dict[str, str] = {}

    def selected(self, ids: list[str]) -> None:
        """The rules that this session is to judge, before anybody could leave one out."""
        self._selected = ids

    def said(self, nodeid: str, outcome: str) -> None:
        """What a rule said of itself: ``passed``, ``failed`` or ``skipped``."""
        self._said[nodeid] = outcome

    def notes(self) -> list[str]:
        """Hooks of the project that could change an answer; most have innocent reasons."""
        found: dict[str, list[str]] = {}
        for name in HOOKS:
            for implementation in getattr(self._config.hook, name).get_hookimpls():
                file = getattr(implementation.plugin, "__file__", None)
                if file and self._is_the_projects(Path(file)):
                    found.setdefault(Path(file).name, []).append(name)
        could = "has hooks that could change what is said of a rule"
        return [f"{file} {could} ({several(names)}); {ADVICE}" for file, names in found.items()]

    def _is_the_projects(self, file: Path) -> bool:
        inside = self._config.rootpath in file.parents
        return inside and "site-packages" not in file.parts and file.parent != Path(__file__).parent

    def problems(self, session: pytest.Session) -> list[str]:
        """What shows that an answer was changed, kept back or never given."""
        told = self._told()
        changed = [
            nodeid
            for nodeid, outcome in self._said.items()
            if outcome != "passed" and told is not None and outcome not in told.get(nodeid, ())
        ]
        words = [f"{_several(changed)} reported otherwise than judged"] if changed else []
        if unjudged := self._unjudged(session):
            words.append(f"{_several(unjudged)} never judged")
        if "failed" in self._said.values() and session.exitstatus == 0:
            words.append("the exit status was 0 although a rule is broken")
        return [f"disarmed: {word}; {ADVICE}" for word in words]

    def _unjudged(self, session: pytest.Session) -> list[str]:
        """Rules that were to be judged and were not, for no reason that a person gave."""
        if session.shouldstop or session.shouldfail or self._is_chosen():
            return []
        if session.exitstatus not in (0, 1, 5) or hasattr(self._config, "workerinput"):
            return []
        if self._config.pluginmanager.has_plugin("dsession"):  # the workers judged them
            return []
        return [nodeid for nodeid in self._selected if nodeid not in self._said]

    def _is_chosen(self) -> bool:
        given = [str(arg) for arg in self._config.invocation_params.args]
        return any(arg.startswith(_CHOOSING) for arg in given)

    def _told(self) -> dict[str, set[str]] | None:
        """What the terminal counts each report as; None where there is no terminal."""
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return None
        told: dict[str, set[str]] = {}
        for category, reports in reporter.stats.items():
            for report in reports:
                word = "failed" if category == "error" else category
                told.setdefault(getattr(report, "nodeid", ""), set()).add(word)
        return told


def _several(ids: list[str]) -> str:
    rules = [nodeid.split("::", 1)[-1] for nodeid in ids]
    return f"{several(rules)} {'was' if len(rules) == 1 else 'were'}"
