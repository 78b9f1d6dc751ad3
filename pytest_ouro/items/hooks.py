"""The hooks of pytest through which the rules and the run take part in a session."""

from __future__ import annotations

import os
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.core.escape import escape, escape_lines
from pytest_ouro.items.collect import BoundFile, MeasuringItem, OuroItem, RuleItem
from pytest_ouro.items.outcome_audit import ADVICE
from pytest_ouro.items.outside_config import find_outside_config
from pytest_ouro.items.session import open_session
from pytest_ouro.items.settings import absolute_path
from pytest_ouro.messages import plugin as messages
from pytest_ouro.report.text import error_text

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Hooks:
    """The plugin that collects the bound and reports on it, with its ``session``. Raise UsageError,
    when it is made, for an invalid option, and, if runs are asked for, for a missing bound or
    pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.session = open_session(config)
        self._warned: list[str] = []
        if self.session.settings.task:
            self._demand_no_xdist()
            self._name_the_bound()

    def _demand_no_xdist(self) -> None:
        """Raise UsageError if pytest-xdist spreads this session over processes; else do nothing."""
        option = self.config.getoption
        parallel = option("numprocesses", None) or option("dist", "no") != "no"
        if parallel or hasattr(self.config, "workerinput"):
            raise pytest.UsageError(str(messages.parallel_tests(self.session.settings.task)))

    def _name_the_bound(self) -> None:
        """For an option that asks for runs, let pytest collect bound.toml whatever the command line
        names, since a run needs the rules: put the file first among the session's arguments, in
        place of any that name it; if the command line has no path, in place of all (those of
        testpaths). Raise UsageError if the file is missing."""
        path = self.session.settings.bound
        if not path.is_file():
            raise pytest.UsageError(str(messages.bound_missing(path, self.session.settings.task)))
        config = self.config
        given = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        config.args[:] = [str(path), *(arg for arg in given if absolute_path(config, arg) != path)]

    def pytest_report_header(self) -> list[str]:
        """Return a list of one line, which names the bound, from the folder in which pytest was
        started, and what the options and ini keys ask for; [] if no argument names the bound."""
        settings, folder = self.session.settings, self.config.invocation_params.dir
        if not self._is_named(settings.bound):
            return []
        words = [f"rules of {os.path.relpath(settings.bound, folder)}"]
        words += [settings.task] if settings.task else []
        words += ["--ouro-settle"] if settings.settle else []
        words += [f"--ouro-device={settings.device}"] if settings.device else []
        return [escape(f"ouro: {', '.join(words)}")]

    def _is_named(self, path: Path) -> bool:
        """Return whether an argument of this session is the path of a file or a node id in it."""
        return any(absolute_path(self.config, arg) == path for arg in self.config.args)

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Return a collector for the bound's file if an argument of pytest names the file; else
        None. An argument that names a folder with the bound does not count."""
        if file_path != self.session.settings.bound:
            return None
        named = self._is_named(file_path)
        return BoundFile.from_parent(parent, path=file_path) if named else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Pass the rules' node ids to the `OutcomeAudit`, before other plugins deselect any. With
        an option that asks for runs, also put our items first, in the order rules, run, rules about
        runs or records, even those that ``-k``, ``-m`` or another plugin deselected."""
        ours = [item for item in items if isinstance(item, RuleItem | MeasuringItem)]
        self.session.audit.expect([item.nodeid for item in ours if isinstance(item, RuleItem)])
        yield
        if self.session.settings.task:
            items[:] = [item for item in items if item not in ours]
            items[:0] = sorted(ours, key=attrgetter("order"))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Close git's processes if no rule is to be checked, or under xdist; they can restart."""
        ours = any(isinstance(item, OuroItem) for item in session.items)
        if self.session.opened is not None and (not ours or hasattr(self.config, "workerinput")):
            self.session.opened.close()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool | None:
        """Return True for an item that makes runs, so that pytest-timeout sets no timer for it;
        else None."""
        return True if isinstance(item, MeasuringItem) else None

    def pytest_report_collectionfinish(self) -> list[str]:
        """Return a list of one line, which counts the rules and names the trust; [] under ``-q``,
        or if the case was not opened."""
        if self.session.opened is None or self.config.get_verbosity() < 0:
            return []
        case = self.session.opened
        count = len(case.bound.rules)
        return [escape(f"ouro: {case.bound.name}: {count} rules, trust: {case.trust}")]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pass the report of a rule to the `OutcomeAudit`, and keep the text of a rule that only
        warns."""
        if report.when == "call":
            found = dict(report.user_properties)
            if "check" in found:
                self.session.audit.note_report(report)
            if "warns" in found:
                self._warned.append(str(found["warns"]))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the text of each rule that only warns, below a heading, if there are any."""
        if self._warned:
            terminalreporter.section("rules that warn")
            for text in self._warned:
                terminalreporter.write_line(escape_lines(*text.split("\n")))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Write problems, notes and the result of the runs after pytest's lines; close git's
        processes. Turn exit status 0 or 5 into 1 if the `OutcomeAudit` finds a changed outcome or
        an unchecked rule, if every rule was skipped, if the batch of candidates has a fault, if
        runs were asked for and gave no result (except where pytest only lists tests or fixtures),
        or if a report cannot be written."""
        yield
        quiet = self.config.get_verbosity() < 0
        problems = self.session.audit.problems(session)
        if unjudged := self.session.audit.nothing_judged():
            problems.append(error_text(unjudged))
        asked = bool(self.session.settings.task) and not _only_shows(self.config)
        if fault := self.session.finish_batch():
            problems.append(fault)
        outcome = self.session.outcome or self.session.result or self.session.selection
        closed = asked and outcome is None
        if closed and self.config.option.setuponly:
            problems.append(error_text(messages.not_carried_out()))
        if (problems or closed) and session.exitstatus in (0, 5):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        notes = [] if quiet else [*self._notes(), *self.session.notes]
        lines = [f"ouro: {line}" for line in [*problems, *notes]]
        if self.session.settings.reports and not _only_shows(self.config):
            from pytest_ouro.items.reports import write_reports

            lines += write_reports(session, self.session.settings)
        if self.session.opened is not None:
            self.session.opened.close()
        if asked:
            last = [*outcome.lines(quiet=quiet), outcome.last_line] if outcome else []
            lines += last or [self.session.closed]
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            for line in lines:
                reporter.write_line(escape_lines(*line.split("\n")))

    def _notes(self) -> list[str]:
        """Return a line for each file that could have changed an outcome: one of the project with
        hooks, or, once the case is opened, configuration from outside the repository."""
        if self.session.opened is None:
            return self.session.audit.notes()
        files = find_outside_config(self.config, self.session.opened.repository.git.top)
        words = "configures this session from outside of the repository"
        return [*(f"{file} {words}; {ADVICE}" for file in files), *self.session.audit.notes()]


def _only_shows(config: pytest.Config) -> bool:
    """Return whether pytest was asked only to list tests or fixtures."""
    option = config.option
    return bool(option.collectonly or option.showfixtures or option.show_fixtures_per_test)
