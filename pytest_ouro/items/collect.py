"""Collect bound.toml as pytest items: BoundFile → Section → RuleItem or ExperimentItem."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_ouro.core.errors import ExperimentError, OuroError
from pytest_ouro.core.escape import escape, escape_lines
from pytest_ouro.engine import check_rule, open_case
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.items.outcome_audit import ADVICE, OutcomeAudit
from pytest_ouro.items.outside_config import find_outside_config, refuse_outside_config
from pytest_ouro.items.registered import read_checks
from pytest_ouro.items.settings import CLOSED, absolute_path, read_settings
from pytest_ouro.items.time_limits import hold_time_limits
from pytest_ouro.messages import plugin as messages
from pytest_ouro.report.text import error_text, result_text
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path
    from typing import TypeGuard

    from pytest_ouro.bound.read import Rule
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.run import Result


#: What ends a run, in place of the time limit of another plugin.
_OWN = "'timeout' in bound.toml does"


class Failure(Exception):
    """Raised by an item for a broken rule, a crash, or no run; pytest shows its text alone."""


class Session:
    """The plugin that collects the bound and makes the run of one pytest session. To make it raises
    UsageError for an invalid option, and with ``--ouro-experiment`` for a missing bound or
    pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = read_settings(config)
        self._case: Case | None = None
        self._result: Result | None = None
        self._refused: OuroError | None = None
        self._warned: list[str] = []
        #: The rule that reported a finding first, by the finding's headline.
        self.reported: dict[str, str] = {}
        self.audit = OutcomeAudit(config)
        if self.settings.experiment:
            self._demand_no_xdist()
            self._name_the_bound()

    def _demand_no_xdist(self) -> None:
        """Raise UsageError if pytest-xdist spreads this session over processes; else do nothing."""
        option = self.config.getoption
        parallel = option("numprocesses", None) or option("dist", "no") != "no"
        if parallel or hasattr(self.config, "workerinput"):
            raise pytest.UsageError(str(messages.parallel_tests()))

    def _name_the_bound(self) -> None:
        """Put bound.toml first among the session's arguments, in place of any that name it; if the
        command line has no path, in place of all (those of testpaths). Raise UsageError if it is
        missing."""
        path = self.settings.bound
        if not path.is_file():
            raise pytest.UsageError(str(messages.bound_missing(path)))
        config = self.config
        given = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        config.args[:] = [str(path), *(arg for arg in given if absolute_path(config, arg) != path)]

    @property
    def case(self) -> Case:
        """The case, opened at the first use; once the run is made, the case that has its record.
        Raise OuroError if it cannot be opened."""
        if self._case is None:
            self._case = open_case(
                self.settings.bound,
                trust=self.settings.trust,
                trust_by="--ouro-trust",
                run_commands=True,
                checks=read_checks(self.config),
            )
        return self._case

    def experiment(self) -> Result:
        """Return the result of the session's one run, which the first call makes. Raise OuroError,
        the same in every call, if it could not be made. The call that makes it raises what ended it
        from outside: KeyboardInterrupt, or the exception by which a plugin ends a test."""
        if self._refused is not None:
            raise self._refused
        if self._result is None:
            with hold_time_limits() as rang:
                self._result = self._run(rang)
            self._case = self.case.again(measured=self._result.record)
            ended_by = self._result.ended_by
            if _ends_the_test(ended_by):
                raise ended_by
            if self._result.interrupted and ended_by is None:
                raise KeyboardInterrupt
        return self._result

    def _run(self, rang: list[str]) -> Result:
        """Make the run and return its result; OuroError, kept for later calls, if it cannot be
        made. Write a line about each module in ``rang``: its time limit passed meanwhile."""
        from pytest_ouro.experiment.run import Order, run_experiment
        from pytest_ouro.report.progress import Progress

        settings = self.settings
        order = Order(settings.device, settings.budget, settings.settle, settings.repeat)
        progress = Progress(self.config)
        try:
            refuse_outside_config(self.config, self.case.repository.git.top)
            return run_experiment(self.case, order, progress=progress.show, say=progress.say)
        except Exception as error:
            self._refused = to_error(error)
            raise self._refused from None
        finally:
            for owner in dict.fromkeys(rang):
                progress.say(f"ouro: {owner} has a time limit, which does not end a run; {_OWN}")
            progress.close()

    def result_for_test(self) -> Result:
        """Return the run's result to a test that uses the fixture, also if the run crashed. If no
        run was made, or a rule is broken, fail the test. Ctrl-C is raised as by `experiment`."""
        try:
            result = self.experiment()
        except OuroError as error:
            pytest.fail(error_text(error), pytrace=False)
        if result.status == "closed":
            pytest.fail("no experiment was run: rules are broken", pytrace=False)
        return result

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Return a collector for the bound's file if an argument of pytest names the file; else
        None. An argument that names a folder with the bound does not count."""
        if file_path != self.settings.bound:
            return None
        named = any(absolute_path(self.config, arg) == file_path for arg in self.config.args)
        return BoundFile.from_parent(parent, path=file_path) if named else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Pass the rules' node ids to the audit, before others deselect any. With
        ``--ouro-experiment``, also put our items first, in the order rules, run, rules about runs,
        even those that ``-k``, ``-m`` or another plugin deselected."""
        ours = [item for item in items if isinstance(item, RuleItem | ExperimentItem)]
        self.audit.expect([item.nodeid for item in ours if isinstance(item, RuleItem)])
        yield
        if self.settings.experiment:
            items[:] = [item for item in items if item not in ours]
            items[:0] = sorted(ours, key=attrgetter("order"))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Close git's processes if no rule is to be checked, or under xdist; they can restart."""
        ours = any(isinstance(item, OuroItem) for item in session.items)
        if self._case is not None and (not ours or hasattr(self.config, "workerinput")):
            self._case.close()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool | None:
        """Return True for the run, so that pytest-timeout sets no timer for it; else None."""
        return True if isinstance(item, ExperimentItem) else None

    def pytest_report_collectionfinish(self) -> list[str]:
        """Return a list of one line, which counts the rules and names trust; [] under ``-q``, or if
        the case was not opened."""
        if self._case is None or self.config.get_verbosity() < 0:
            return []
        case = self._case
        count = len(case.bound.rules)
        return [escape(f"ouro: {case.bound.name}: {count} rules, trust: {case.trust}")]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pass the report of a rule to the audit, and keep the text of a rule that only warns."""
        if report.when == "call":
            found = dict(report.user_properties)
            if "check" in found:
                self.audit.note_report(report)
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
        """Write problems, notes and the experiment's result after pytest's lines; close git's
        processes. Turn exit status 0 or 5 into 1 if the audit finds a changed outcome or an
        unchecked rule, if every rule was skipped, or if an experiment was asked for and not run
        (except where pytest only lists tests or fixtures)."""
        yield
        quiet = self.config.get_verbosity() < 0
        problems = self.audit.problems(session)
        if unjudged := self.audit.nothing_judged():
            problems.append(error_text(unjudged))
        asked = self.settings.experiment and not _only_shows(self.config)
        closed = asked and self._result is None
        if closed and self.config.option.setuponly:
            problems.append(error_text(messages.not_carried_out()))
        if (problems or closed) and session.exitstatus in (0, 5):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        lines = [f"ouro: {line}" for line in [*problems, *([] if quiet else self._notes())]]
        if self._case is not None:
            self._case.close()
        if asked:
            result = self._result
            lines += [*result.lines(quiet=quiet), result.last_line] if result else [CLOSED]
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            for line in lines:
                reporter.write_line(escape_lines(*line.split("\n")))

    def _notes(self) -> list[str]:
        """Return a line for each file that could have changed an outcome: one of the project with
        hooks, or, once the case is opened, configuration from outside the repository."""
        if self._case is None:
            return self.audit.notes()
        files = find_outside_config(self.config, self._case.repository.git.top)
        words = "configures this session from outside of the repository"
        return [*(f"{file} {words}; {ADVICE}" for file in files), *self.audit.notes()]


def _ends_the_test(error: BaseException | None) -> TypeGuard[BaseException]:
    """Return whether what ended a run must end the test: pytest's Exit, or not an Exception."""
    if isinstance(error, pytest.exit.Exception):
        return True
    return error is not None and not isinstance(error, Exception)


def _only_shows(config: pytest.Config) -> bool:
    """Return whether pytest was asked only to list tests or fixtures."""
    option = config.option
    return bool(option.collectonly or option.showfixtures or option.show_fixtures_per_test)


def find_session(config: pytest.Config) -> Session:
    """Return the session that the plugin registered, or None if it registered none."""
    return cast("Session", config.pluginmanager.get_plugin("ouro-session"))


class BoundFile(pytest.File):
    """The collector of bound.toml: its sections, and with ``--ouro-experiment`` that of the run."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield a section for each table of rules, and with ``--ouro-experiment`` a last one for
        the run. Raise CollectError with the reason if the rules cannot be read."""
        session = find_session(self.config)
        try:
            case = session.case
        except Exception as error:
            raise self.CollectError(error_text(to_error(error))) from None
        for section in dict.fromkeys(rule.section for rule in case.bound.rules):
            rules = [rule for rule in case.bound.rules if rule.section == section]
            yield Section.from_parent(self, name=section, rules=rules)
        if session.settings.experiment:
            yield Section.from_parent(self, name="experiment", rules=[])

    def teardown(self) -> None:
        """Close git's processes after the last rule; they start again when needed."""
        find_session(self.config).case.close()


class Section(pytest.Collector):
    """The collector of one section of the bound (``danger-zone``, …) with its ``rules``, or of the
    run, in a section ``experiment``. The section's name is a part of their node ids."""

    def __init__(self, *, rules: list[Rule], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rules = rules

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the item of the run if this is the section ``experiment``; else one for each rule,
        with the marker of its section."""
        if self.name == "experiment":
            yield ExperimentItem.from_parent(self, name="run")
            return
        for rule in self.rules:
            item = RuleItem.from_parent(self, name=rule.id, rule=rule)
            item.add_marker(rule.section.replace("-", "_"))
            yield item


class OuroItem(pytest.Item):
    """The base of our items, a rule or the run: a failure is shown as text without a traceback."""

    #: Rules about the repository (0) come before the run (1), rules about runs (2) after it.
    order: int

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the text that pytest shows for a failure: that of a Failure; why no run was made
        for an ExperimentError; for another Exception, why the rule could not be checked; for
        anything else, such as pytest's Exit, what ended the item from outside."""
        error = excinfo.value
        if isinstance(error, Failure):
            return str(error)
        if isinstance(error, ExperimentError):
            return f"no experiment was run: {error_text(error)}"
        if isinstance(error, Exception):
            return f"{self.name}: could not judge: {error_text(to_error(error))}"
        return escape(f"{self.name}: ended from outside by {type(error).__name__}: {error}")


class RuleItem(OuroItem):
    """One rule. It fails if the rule is broken, is skipped if the rule is skipped, and passes if
    the rule holds or only warns."""

    def __init__(self, *, rule: Rule, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rule = rule
        self.order = 2 if rule.checker.stage in ("run", "ledger") else 0

    def runtest(self) -> None:
        """Check the rule; raise Failure if it is broken, pytest's Skipped if it is skipped,
        OuroError if it cannot be checked. The outcome is recorded for the audit: first as "failed",
        so that an error is not taken for a pass."""
        session = find_session(self.config)
        audit = session.audit
        audit.record(self.nodeid, "failed")
        result = check_rule(self.rule, session.case.evidence)
        self.user_properties.append(("check", result.check))
        if result.broken:
            raise Failure(self._text(result, session.reported))
        audit.record(self.nodeid, "skipped" if result.status == "skipped" else "passed")
        if result.status == "warned":
            self.user_properties.append(("warns", result_text(result, bound=self.path.name)))
        if result.status == "skipped":
            raise pytest.skip.Exception(escape(result.reason), _use_item_location=True)

    def _text(self, result: RuleResult, reported: dict[str, str]) -> str:
        """Return the text of a broken rule: one line for a rule about runs if others reported its
        findings before. ``reported`` has those rules by headline of the finding, and is added
        to."""
        if self.order == 2:
            headlines = {finding.headline for finding in result.findings}
            if headlines and headlines <= reported.keys():
                first = reported[result.findings[0].headline]
                return escape(f"{result.rule} BROKEN: the same as {first}, above")
            reported |= dict.fromkeys(headlines - reported.keys(), result.rule)
        return result_text(result, bound=self.path.name)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the line of the rule in it, counted from 0, and the rule's key."""
        return self.path, max(self.rule.line - 1, 0), self.rule.key


class ExperimentItem(OuroItem):
    """The supervised run. It passes if the run is kept or discarded, and fails if the run crashed
    or none was made."""

    order = 1

    def runtest(self) -> None:
        """Make the run, unless it was made before; add its results (verdict, metric, level, …) to
        the item's properties. Failure if it crashed or a broken rule kept it from being made; other
        exceptions as `Session.experiment` raises them."""
        result = find_session(self.config).experiment()
        facts: dict[str, str | float | None] = {
            "status": result.status,
            "reason": result.reason,
            "commit": result.commit,
            "level": result.level,
            result.metric.name: result.value,
            "peak_vram_mb": round(result.peak_vram_mb, 1),
        }
        if result.repeats:
            facts |= {"repeats": len(result.repeats.values), "sd": result.repeats.sd}
        if result.record and (broken := result.record.broken_guards):
            facts["guards"] = "; ".join(str(guard["text"]) for guard in broken)
        self.user_properties.extend((n, value) for n, value in facts.items() if value is not None)
        if result.status == "closed":
            rules = ", ".join(broken.rule for broken in result.closed)
            raise Failure(escape(f"no experiment was run: the gate is closed by {rules}"))
        if result.status == "crash":
            # The end of run.log is marked: it is text of the judged program.
            by_rule = result.record is not None and result.reason is Reason.BREACH
            log = [] if by_rule else [f"  run.log | {line}" for line in result.tail[-12:]]
            why = result.message
            if isinstance(result.ended_by, Exception):
                why = error_text(to_error(result.ended_by))
            raise Failure(escape_lines(*f"crash: {why}".split("\n"), *log))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the line 0, and the name of the item."""
        return self.path, 0, f"experiment::{self.name}"
