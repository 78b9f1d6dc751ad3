"""bound.toml as pytest items: BoundFile → Section → RuleItem, and the experiment among them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_ouro.checks import CHECKS, Check, load, provider, registered
from pytest_ouro.core.errors import BoundError, ExperimentError, OuroError
from pytest_ouro.engine import judge, open_case
from pytest_ouro.items import settings as options
from pytest_ouro.items.outcome_audit import ADVICE, OutcomeAudit
from pytest_ouro.items.outside_config import outside, refuse_outside_config
from pytest_ouro.report.text import result_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pytest_ouro.bound.read import Rule
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.run import Result


class RuleBroken(Exception):
    """A rule is broken: the judgement says where and what to do."""

    def __init__(self, judgement: RuleResult) -> None:
        super().__init__(judgement.rule)
        self.judgement = judgement


class RunFailed(Exception):
    """The experiment crashed, was refused, or broke a rule."""


class Session:
    """This session's bound, case and experiment; a plugin registered only when one is asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = options.from_config(config)
        self._case: Case | None = None
        self._result: Result | None = None
        self._refused: OuroError | None = None
        self._warned: list[str] = []
        self.audit = OutcomeAudit(config)
        if self.settings.experiment:
            self._demand_no_xdist()
            self._name_the_bound()

    def _demand_no_xdist(self) -> None:
        option = self.config.getoption
        spread = option("numprocesses", None) or option("dist", "no") != "no"
        if spread or hasattr(self.config, "workerinput"):
            raise pytest.UsageError(
                "--ouro-experiment cannot be used with -n: one run per device. Drop -n"
            )

    def _name_the_bound(self) -> None:
        """Make bound.toml an argument, alone if no path was given."""
        path = self.settings.bound
        if not path.is_file():
            raise pytest.UsageError(
                f"--ouro-experiment needs {path}, which does not exist: state the rules "
                "(pytest-ouro init), or name the file (--ouro-bound PATH)"
            )
        config = self.config
        given = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        others = [arg for arg in given if self._absolute(arg) != path]
        config.args[:] = [str(path), *others]

    def _absolute(self, arg: str) -> Path:
        given = Path(self.config.invocation_params.dir, arg.split("::")[0])
        return Path(os.path.abspath(given))  # noqa: PTH100 - keep symlinks

    @property
    def case(self) -> Case:
        """The opened case; OuroError says why there is none."""
        if self._case is None:
            self._case = open_case(
                self.settings.bound,
                trust=self.settings.trust,
                trust_by="--ouro-trust",
                checks=self._registered(),
            )
        return self._case

    def _registered(self) -> dict[str, type[Check]]:
        """The checks of conftest.py files and plugins.

        BoundError where two of them, or one of them and a package, give different checks one name.
        """
        found: dict[str, object] = {}
        givers = dict.fromkeys(CHECKS, "pytest-ouro")
        givers |= {n: provider(e[0]) for n, e in registered().items() if n not in givers}
        problems = []
        for hook in self.config.hook.pytest_ouro_checks.get_hookimpls():
            given: object = hook.function() or {}
            if not isinstance(given, Mapping):
                problems.append(f"{hook.plugin_name}: pytest_ouro_checks returns no mapping")
                continue
            for name, check in given.items():
                other = givers.setdefault(name, hook.plugin_name)
                if other != hook.plugin_name and check is not found.get(name, _loaded(name)):
                    problems.append(
                        f"{other} and {hook.plugin_name} each have a check {name!r}: "
                        "rename it in one of them"
                    )
                elif not (isinstance(check, type) and issubclass(check, Check)):
                    words = f"the check {name!r} is not a class derived from pytest_ouro.Check"
                    problems.append(f"{hook.plugin_name}: {words}")
                found[name] = check
        if problems:
            raise BoundError(tuple(problems))
        return cast("dict[str, type[Check]]", found)

    def experiment(self) -> Result:
        """The session's one run, made when first asked for. OuroError: none could be made."""
        if self._refused is not None:
            raise self._refused
        if self._result is None:
            from pytest_ouro.experiment.run import Order, run_experiment
            from pytest_ouro.report.progress import Progress

            asked = self.settings
            order = Order(asked.device, asked.budget, asked.settle, asked.repeat)
            progress = Progress(self.config)
            try:
                refuse_outside_config(self.config, self.case.repository.git.top)
                self._result = run_experiment(
                    self.case, order, progress=progress.show, say=progress.say
                )
            except OuroError as error:
                self._refused = error
                raise
            finally:
                progress.close()
            self._case = self.case.again(measured=self._result.record)
            if self._result.interrupted:
                raise KeyboardInterrupt
        return self._result

    def result_for_test(self) -> Result:
        """The run for a test that uses the fixture; the test fails where there was none."""
        try:
            result = self.experiment()
        except OuroError as error:
            pytest.fail(str(error), pytrace=False)
        if result.status == "closed":
            pytest.fail("no experiment was run: rules are broken", pytrace=False)
        return result

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        if file_path != self.settings.bound:
            return None
        named = any(self._absolute(arg) == file_path for arg in self.config.args)
        return BoundFile.from_parent(parent, path=file_path, session_=self) if named else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Rules come first, the run next, the rules about it then; -k and -m shrink no gate."""
        ours = [item for item in items if isinstance(item, RuleItem | ExperimentItem)]
        self.audit.expect([item.nodeid for item in ours if isinstance(item, RuleItem)])
        yield
        if self.settings.experiment:
            items[:] = [item for item in items if item not in ours]
            items[:0] = sorted(ours, key=attrgetter("order"))

    def pytest_report_collectionfinish(self) -> list[str]:
        if self._case is None or self.config.get_verbosity() < 0:
            return []
        case = self._case
        return [f"ouro: {case.bound.name}: {len(case.bound.rules)} rules, trust: {case.trust}"]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            warned = (value for name, value in report.user_properties if name == "warns")
            self._warned.extend(str(text) for text in warned)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._warned:
            terminalreporter.section("rules that warn")
            for text in self._warned:
                terminalreporter.write_line(text)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Whether the answers still stand; the last line of an experiment, after all that pytest
        says."""
        yield
        self._tell_what_was_disarmed(session)
        if self._case is not None:
            self._case.close()
        if not self.settings.experiment or self.config.option.collectonly:
            return
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        quiet = self.config.get_verbosity() < 0
        for text in self._result.lines(quiet=quiet) if self._result else ():
            reporter.write_line(text)
        line = self._result.last_line if self._result else options.CLOSED
        reporter.write_line(line)

    def _tell_what_was_disarmed(self, session: pytest.Session) -> None:
        problems = self.audit.problems(session)
        if problems and session.exitstatus in (0, 5):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        quiet = self.config.get_verbosity() < 0
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            for line in [*problems, *([] if quiet else self._notes())]:
                reporter.write_line(f"ouro: {line}")

    def _notes(self) -> list[str]:
        """What else could have changed an answer."""
        if self._case is None:
            return self.audit.notes()
        found = outside(self.config, self._case.repository.git.top)
        steered = "steers this session from outside of the repository"
        return [*(f"{file} {steered}; {ADVICE}" for file in found), *self.audit.notes()]


def _loaded(name: str) -> type[Check] | None:
    """The check of a package, or of ours; None where there is none that can be loaded."""
    try:
        return load(name)
    except (ImportError, KeyError):
        return None


class BoundFile(pytest.File):
    """bound.toml: its sections, and the experiment when one is asked for."""

    def __init__(self, *, session_: Session, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ouro = session_

    def collect(self) -> Iterator[pytest.Collector]:
        try:
            case = self.ouro.case
        except OuroError as error:
            raise self.CollectError(str(error)) from None
        for section in dict.fromkeys(rule.section for rule in case.bound.rules):
            rules = [rule for rule in case.bound.rules if rule.section == section]
            yield Section.from_parent(self, name=section, rules=rules)
        if self.ouro.settings.experiment:
            yield Section.from_parent(self, name="experiment", rules=[])
        case.close()  # the rules may be judged later, or by another worker

    def teardown(self) -> None:
        """Leave no git running once the last rule is judged."""
        self.ouro.case.close()


class Section(pytest.Collector):
    """One table of the bound (``danger-zone``, …): a collector, so that node ids can name rules."""

    parent: BoundFile

    def __init__(self, *, rules: list[Rule], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rules = rules

    def collect(self) -> Iterator[pytest.Item]:
        if self.name == "experiment":
            yield ExperimentItem.from_parent(self, name="run")
            return
        for rule in self.rules:
            item = RuleItem.from_parent(self, name=rule.id, rule=rule)
            item.add_marker(rule.section.replace("-", "_"))
            yield item


class OuroItem(pytest.Item):
    """What rules and the experiment have in common: how a failure is told."""

    #: Where it is judged: rules about the repository (0), the run (1), rules about the run (2).
    order: int

    @property
    def ouro(self) -> Session:
        parent = self.parent
        assert isinstance(parent, Section)
        return parent.parent.ouro

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        error = excinfo.value
        if isinstance(error, RuleBroken):
            return result_text(error.judgement, bound=self.path.name)
        if isinstance(error, RunFailed):
            return str(error)
        if isinstance(error, ExperimentError):
            return f"no experiment was run: {error}"
        if isinstance(error, OuroError):
            return f"{self.name}: could not judge: {error}"
        return super().repr_failure(excinfo, style)


class RuleItem(OuroItem):
    """One rule. It fails when the rule is broken, and never passes unjudged."""

    def __init__(self, *, rule: Rule, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rule = rule
        self.order = 2 if rule.checker.stage in ("run", "ledger") else 0

    def runtest(self) -> None:
        audit = self.ouro.audit
        audit.record(self.nodeid, "failed")
        judgement = judge(self.rule, self.ouro.case.evidence)
        if not judgement.broken:
            audit.record(self.nodeid, "skipped" if judgement.status == "skipped" else "passed")
        self.user_properties.append(("check", judgement.check))
        if judgement.broken:
            raise RuleBroken(judgement)
        if judgement.status == "warned":
            self.user_properties.append(("warns", result_text(judgement, bound=self.path.name)))
        if judgement.status == "skipped":
            raise pytest.skip.Exception(judgement.reason, _use_item_location=True)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, max(self.rule.line - 1, 0), f"{self.rule.key}"


class ExperimentItem(OuroItem):
    """The supervised run: passes when it was lawful, whether its commit is kept or discarded."""

    order = 1

    def runtest(self) -> None:
        result = self.ouro.experiment()
        facts: dict[str, str | float | None] = {
            "status": result.status,
            "reason": result.reason,
            "commit": result.commit,
            "level": result.level,
            "val_bpb": result.value,
            "peak_vram_mb": round(result.peak_vram_mb, 1),
        }
        if result.repeats:
            facts |= {"repeats": len(result.repeats.values), "sd": result.repeats.sd}
        self.user_properties.extend((n, value) for n, value in facts.items() if value is not None)
        if result.status == "closed":
            rules = ", ".join(judgement.rule for judgement in result.closed)
            raise RunFailed(f"no experiment was run: the gate is closed by {rules}")
        if result.status == "crash":
            raise RunFailed("\n".join([f"crash: {result.message}", *_quoted(result)]))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"experiment::{self.name}"


def _quoted(result: Result) -> list[str]:
    """The end of run.log, marked as what it is: text of the judged program."""
    return [f"  run.log | {line}" for line in result.tail[-12:]]
