"""``pytest --ouro-audit``: the audit of a past run as items, one for each statement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.audit.options import Options
from pytest_ouro.audit.run import audit
from pytest_ouro.audit.text import last_line
from pytest_ouro.audit.words import describe_place
from pytest_ouro.core.errors import GitError
from pytest_ouro.core.escape import escape, escape_lines
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.items.settings import find_tasks
from pytest_ouro.messages import plugin as messages
from pytest_ouro.report.redact import shorten
from pytest_ouro.report.text import error_text
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pytest_ouro.audit.result import Audit, AuditFinding, Statement


def isolate(config: pytest.Config) -> None:
    """Keep pytest from loading a conftest.py, and its cache plugins from writing into the audited
    repository. Raise OuroError if an option that asks for runs is given too, or if the ini file
    that pytest has read already belongs to that repository."""
    namespace = config.known_args_namespace
    if tasks := find_tasks(namespace):
        raise messages.audit_alone(tasks[0])
    namespace.noconftest = True
    for name in ("cacheprovider", "stepwise"):  # they write below the root folder
        if config.pluginmanager.has_plugin(name):
            config.pluginmanager.unregister(name=name)
    place = Path(namespace.ouro_audit or ".")
    start = place if place.is_dir() else Path.cwd()
    try:
        git = Git.objects(start)
    except GitError:
        return  # the audit says so
    top = Path(git.line("rev-parse", "--show-toplevel") or git.common_dir).resolve()
    if config.inipath is not None and top in config.inipath.resolve().parents:
        raise messages.audited_configuration(str(config.inipath))


class AuditHooks:
    """The plugin of a session that audits: it collects the statements in place of tests."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.audit: Audit | None = None
        config.args = []  # no file of the audited repository is collected

    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Make the audit, and replace ``items``, in place, by what `AuditCollector.collect` returns
        for it. Raise UsageError if the audit fails, as where nothing can be audited."""
        try:
            self.audit = audit(Options(subject=self.config.option.ouro_audit))
        except Exception as error:
            raise pytest.UsageError(error_text(to_error(error))) from None
        items[:] = AuditCollector.from_parent(
            session, name="audit", nodeid="audit", audit=self.audit
        ).collect()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the warnings of the audit below a heading; nothing if there are none."""
        found = self.audit.warnings if self.audit else ()
        if found:
            terminalreporter.section("warnings of the audit")
            for one in found:
                terminalreporter.write_line(_escape_finding(one))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Write the audit's conclusion as the last line. If no statement could be judged, make a
        session that would pass fail: an audit without data must not look clean."""
        yield
        if self.audit is None:
            return
        if self.audit.reach == "nothing" and session.exitstatus in (0, 5):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(escape(last_line(self.audit)))


class AuditCollector(pytest.Collector):
    """The collector of the statements of an audit."""

    def __init__(self, *, audit: Audit, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.audit = audit

    def collect(self) -> list[pytest.Item]:
        """Return an item for each statement of the audit, and for each further check that has
        findings."""
        return [*self._collect()]

    def _collect(self) -> Iterator[pytest.Item]:
        """Yield the items that `collect` returns."""
        states = {one.name: one for one in self.audit.statements}
        for name in dict.fromkeys([*states, *(one.check for one in self.audit.findings)]):
            found = [one for one in self.audit.errors if one.check == name]
            yield AuditItem.from_parent(
                self, name=escape(name), statement=states.get(name), found=found
            )


class AuditItem(pytest.Item):
    """One statement of an audit, or one check that has findings but no statement, as a test. It
    fails if its check found an error, is skipped if the statement could not be judged, and passes
    otherwise."""

    def __init__(
        self, *, statement: Statement | None, found: list[AuditFinding], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.statement, self.found = statement, found

    def runtest(self) -> None:
        """Raise AuditFailure if the check found an error, pytest's Skipped if the statement could
        not be judged."""
        if self.found:
            raise AuditFailure("\n".join(map(_escape_finding, self.found)))
        if self.statement is not None and self.statement.state != "reached":
            why = escape(shorten(f"{self.statement.state}: {self.statement.why}"))
            raise pytest.skip.Exception(why, _use_item_location=True)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the text of the findings, without a traceback; for an error other than
        AuditFailure, what pytest returns."""
        if isinstance(excinfo.value, AuditFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the root folder, the line 0, and ``audit::`` with the name of the item."""
        return self.path, 0, f"audit::{self.name}"


class AuditFailure(Exception):
    """Raised by an `AuditItem` whose check found errors. Its text is that of all these findings."""


def _escape_finding(one: AuditFinding) -> str:
    """Return a finding as a text of one to four escaped, redacted lines, each cut to 600
    characters: the check and headline, and what it has of place, difference and help."""
    finding = one.finding
    place = describe_place(one)
    details = [
        f"  where: {place}" if place else "",
        f"  expected: {finding.expected}; found: {finding.actual}" if finding.expected else "",
        f"  help: {finding.help}" if finding.help else "",
    ]
    parts = [f"{one.check}: {finding.headline}", *filter(None, details)]
    return escape_lines(*(shorten(part, 600) for part in parts))
