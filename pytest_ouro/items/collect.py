"""Collect bound.toml as pytest items: BoundFile → Section → RuleItem, ExperimentItem,
CandidateItem or SelectionItem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.core.escape import escape, escape_lines
from pytest_ouro.engine import check_rule
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.items.session import find_session
from pytest_ouro.messages import selection as messages
from pytest_ouro.report.text import error_text, result_text
from pytest_ouro.report.unforeseen import to_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.bound.read import Rule
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.experiment.batch.candidates import Found
    from pytest_ouro.experiment.result import Result


class Failure(Exception):
    """Raised by an item for a broken rule, a crash, a run without a value that counts, or no run;
    pytest shows its text alone."""


class BoundFile(pytest.File):
    """The collector of bound.toml: its sections, and that of the runs that are asked for."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield a section for each table of rules, and a last one for the runs that are asked
        for. Raise CollectError with the reason if the rules cannot be read."""
        session = find_session(self.config)
        try:
            case = session.case
        except Exception as error:
            raise self.CollectError(error_text(to_error(error))) from None
        for section in dict.fromkeys(rule.section for rule in case.bound.rules):
            rules = [rule for rule in case.bound.rules if rule.section == section]
            yield Section.from_parent(self, name=section, rules=rules)
        if session.settings.task:
            name = "experiment" if session.settings.experiment else "selection"
            yield Section.from_parent(self, name=name, rules=[])

    def teardown(self) -> None:
        """Close git's processes after the last rule; they start again when needed."""
        find_session(self.config).case.close()


class Section(pytest.Collector):
    """The collector of one section of the bound (``danger-zone``, …) with its ``rules``, or of the
    runs that are asked for, in a section ``experiment`` or ``selection``. The section's name is a
    part of their node ids."""

    def __init__(self, *, rules: list[Rule], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rules = rules

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the items of the runs if this is their section; else one for each rule, with the
        marker of its section."""
        if self.name == "experiment":
            if find_session(self.config).settings.candidates:
                yield from self._collect_candidates()
            else:
                yield ExperimentItem.from_parent(self, name="run")
            return
        if self.name == "selection":
            task = find_session(self.config).settings.task
            yield SelectionItem.from_parent(self, name=task.removeprefix("--ouro-"))
            return
        for rule in self.rules:
            item = RuleItem.from_parent(self, name=rule.id, rule=rule)
            item.add_marker(rule.section.replace("-", "_"))
            yield item

    def _collect_candidates(self) -> Iterator[pytest.Item]:
        """Yield an item for each candidate of the session. Raise CollectError with the reason if
        `Session.find_candidates` raises an error."""
        session = find_session(self.config)
        try:
            found = session.find_candidates()
        except Exception as error:
            raise self.CollectError(error_text(to_error(error))) from None
        session.notes += found.notes
        commits = [one.commit for one in found.candidates]
        length = 7
        while len({commit[:length] for commit in commits}) < len(commits):
            length += 1
        for commit in commits:
            name = f"run[{commit[:length]}]"
            yield CandidateItem.from_parent(self, name=name, commit=commit, found=found)


class OuroItem(pytest.Item):
    """The base of our items, each of which checks a rule or makes runs: a failure is shown as text
    without a traceback."""

    #: Rules about the repository (0) come before the run (1), rules about runs (2) after it.
    order: int

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the text that pytest shows for a failure: that of a Failure; why no run was made
        for an ExperimentError; for another Exception, why the rule could not be checked; for
        anything else, such as pytest's Failed, what ended the item from outside."""
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
        OuroError if it cannot be checked. The outcome is recorded in the `OutcomeAudit`: first as
        "failed", so that an error is not taken for a pass."""
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
        """Return the text of a broken rule. For a rule about runs or records all of whose headlines
        other rules reported before, it is one line that names one of those rules. ``reported`` maps
        the headline of each finding of such a rule to the rule that reported it; new headlines are
        added."""
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


class MeasuringItem(OuroItem):
    """The base of the items that make runs."""

    order = 1

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the line 0, and the name of the item with that of its section."""
        return self.path, 0, f"{self.parent.name if self.parent else ''}::{self.name}"


class ExperimentItem(MeasuringItem):
    """The supervised run. It passes if the run is kept or discarded, and fails if the run crashed
    or none was made."""

    def runtest(self) -> None:
        """Make the run, unless it was made before; add its results (verdict, metric, level, …) to
        the item's properties. Raise Failure if it crashed or a broken rule kept it from being made;
        other exceptions as `Session.experiment` raises them."""
        self.report(find_session(self.config).experiment())

    def report(self, result: Result) -> None:
        """Add what came of a run to the item's properties. Raise Failure if it crashed, or a broken
        rule kept it from being made."""
        facts: dict[str, str | float | None] = {
            "status": result.status,
            "reason": result.reason,
            "state": result.state or None,
            "commit": result.commit,
            "level": result.level,
            result.metric.name: result.value,
            "peak_vram_mb": round(result.peak_vram_mb, 1),
        }
        if run := result.record:
            facts |= {"run": run.run, "gain": run.gain, "window_seconds": run.window_seconds}
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


class CandidateItem(ExperimentItem):
    """The supervised run of ``commit``, one of the candidates ``found``, which are measured
    together."""

    def __init__(self, *, commit: str, found: Found, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._commit = commit
        self._found = found

    def runtest(self) -> None:
        """Wait for the result of the candidate; add it to the item's properties. Raise Failure as
        `ExperimentItem` does; other exceptions as `Session.measure_candidate` raises them."""
        session = find_session(self.config)
        self.report(session.measure_candidate(self._commit, self._found.candidates))


class SelectionItem(MeasuringItem):
    """A certificate, a confirmation or an ablation. It passes if its runs gave values, whatever the
    statement is, and fails if one gave no value that counts, or none was made."""

    def runtest(self) -> None:
        """Measure the pairs; add the numbers of the statement to the item's properties. Raise
        Failure if a run gave no value that counts, or if a broken rule kept it from being made;
        other exceptions as `Session.select` raises them."""
        selection = find_session(self.config).select()
        facts = selection.facts
        self.user_properties.extend((n, v) for n, v in facts.items() if v is not None)
        result = selection.result
        if result is None:
            return
        if result.status == "closed":
            raise Failure(escape(f"{result.commit[:7]} was not run: {selection.message}"))
        log = [f"  run.log | {line}" for line in result.tail[-12:]]
        first = f"the run of {result.commit[:7]} gave no value that counts: {selection.message}"
        raise Failure(escape_lines(*first.split("\n"), *log, f"help: {messages.GO_ON}"))
