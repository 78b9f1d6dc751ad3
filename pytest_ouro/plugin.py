"""The pytest plugin: options, markers and the fixture ``experiment``; the rest loads on demand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_ouro.experiment.result import Result

MARKERS = {
    "danger_zone": "a rule of the bound about a file or function that must not change",
    "never_do": "a rule of the bound about something that must not be done",
    "iron_law": "a rule of the bound that every experiment follows",
}


#: The variable that names the records that clones share, as it was when pytest started: before a
#: conftest.py, an ini file or another plugin could set it.
_RECORDS = "OURO_RECORDS"
_stated: dict[str, str | None] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options ``--ouro-…`` and the ini settings ``ouro_…`` to pytest's, and note the
    present value of OURO_RECORDS."""
    _stated[_RECORDS] = os.environ.get(_RECORDS)
    group = parser.getgroup("ouro", "bounded experiments")
    group.addoption(
        "--ouro-experiment",
        action="store_true",
        help="Judge every rule of bound.toml, then run its experiment once, supervised",
    )
    group.addoption(
        "--ouro-bound",
        metavar="PATH",
        help="The file of rules (default: bound.toml in the root folder)",
    )
    group.addoption(
        "--ouro-trust",
        metavar="REF",
        help="The commit whose rules and frozen files are the truth "
        "(default: OURO_TRUST, git config ouro.trust, bound.lock)",
    )
    group.addoption(
        "--ouro-device",
        choices=("auto", "cpu", "cuda"),
        help="Run on this device instead of the bound's",
    )
    group.addoption(
        "--ouro-budget",
        type=float,
        metavar="S",
        help="Rehearse with a shorter training budget of S seconds; such a run is never kept",
    )
    group.addoption(
        "--ouro-repeat",
        type=int,
        default=1,
        metavar="N",
        help="Run the commit N times, each with its own seeds, and decide on the mean",
    )
    group.addoption(
        "--ouro-candidates",
        action="extend",
        nargs="*",
        metavar="REV",
        help="With --ouro-experiment: measure these commits in place of HEAD, each as an item: "
        "revisions, ranges A..B, or @FILE with one of them on each line",
    )
    group.addoption(
        "--ouro-engine",
        metavar="ENGINE",
        help="Where candidates, repeats and the runs of --ouro-certify and --ouro-confirm are "
        "made: local (a run on each visible card, or in each slot of the processor), local=N (N at "
        "a time), or ray[=HOST:PORT] (a Ray cluster)",
    )
    group.addoption(
        "--ouro-certify",
        action="store_true",
        help="Measure the last keep and the night's baseline on fresh pairs of runs, and state "
        "whether the gain is certified",
    )
    group.addoption(
        "--ouro-pairs",
        type=int,
        metavar="N",
        help="The number of pairs of a certificate or ablation, from 2 to 1000 (default: 5)",
    )
    group.addoption(
        "--ouro-looks",
        type=int,
        default=0,
        metavar="N",
        help="State, before the first certificate of a night, that there will be at most N; each "
        "may then err with 0.05/N (default: not stated, each allows less than the one before)",
    )
    group.addoption(
        "--ouro-confirm",
        metavar="REV",
        help="Measure the kept commit REV and the keep before it on up to 8 fresh pairs of runs, "
        "and state whether the edit is confirmed",
    )
    group.addoption(
        "--ouro-ablate",
        action="store_true",
        help="Measure what the last keep loses without each group of the night's edits",
    )
    group.addoption(
        "--ouro-again",
        action="store_true",
        help="Run code that was measured before again; without it, the earlier value counts. With "
        "--ouro-certify and the like: begin another where one is unfinished, as a further look",
    )
    group.addoption(
        "--ouro-settle",
        action="store_true",
        help="Apply the verdict to the branch: a discard or crash returns it to its last keep",
    )
    group.addoption(
        "--ouro-report",
        action="append",
        default=[],
        metavar="FILE",
        help="Write, at the end, the page about the night (.html) or its picture (.svg, .png)",
    )
    group.addoption(
        "--ouro-trackio",
        metavar="PROJECT",
        help="Show the runs live in this project of trackio (pytest-ouro[trackio]), or of wandb as "
        "wandb:PROJECT",
    )
    group.addoption(
        "--ouro-audit",
        nargs="?",
        const="",
        metavar="SUBJECT",
        help="Audit a past run instead of collecting tests: a range, a revision, a pull request, "
        "a folder or a git directory (default: the current folder)",
    )
    parser.addini(
        "ouro_bound", "The same as --ouro-bound, from the root folder", type="string", default=""
    )
    parser.addini("ouro_settle", "The same as --ouro-settle", type="bool", default=False)
    parser.addini(
        "ouro_device",
        "The same as --ouro-device: auto, cpu or cuda",
        type="string",
        default="",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks ``pytest_ouro_…``, by which plugins and conftest.py files give checks and
    follow runs."""
    from pytest_ouro import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Refuse foreign configuration before pytest imports a conftest.py: raise UsageError, which
    ends pytest.

    With ``--ouro-audit``, an ini file of the audited repository is foreign, and no conftest.py is
    imported later. UsageError if an option that asks for runs is given too. With such an option
    alone, configuration from outside of the repository is foreign unless a person named it; then
    why nothing is run is printed before the UsageError, which has no text. Without these options,
    or if runs are asked for outside of a repository, nothing is refused.
    """
    if getattr(early_config.known_args_namespace, "ouro_audit", None) is not None:
        _isolate_audit(early_config)
        return
    if not _asks_for_runs(early_config.known_args_namespace):
        return
    from pytest_ouro.core.own_modules import speed_up_imports

    speed_up_imports()
    from pytest_ouro.items.outside_config import refuse_outside_config
    from pytest_ouro.items.settings import CLOSED
    from pytest_ouro.report.text import error_text
    from pytest_ouro.report.unforeseen import to_error

    try:
        refuse_outside_config(early_config)
    except Exception as error:
        sys.stdout.write(f"no experiment was run: {error_text(to_error(error))}\n{CLOSED}\n")
        raise pytest.UsageError from None  # without a message, which would follow the last line


def _isolate_audit(config: pytest.Config) -> None:
    """Keep what the audited repository configures out of this session; UsageError if pytest has
    read it already, or if an option that asks for runs is given too."""
    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.items.audit import isolate
    from pytest_ouro.report.text import error_text

    try:
        isolate(config)
    except OuroError as error:
        raise pytest.UsageError(error_text(error)) from None


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers of sections, and the hooks that load everything else: with
    ``--ouro-audit`` `items.audit.AuditHooks`; otherwise, if runs or a report are asked for, or an
    argument names a bound, `items.hooks.Hooks`. Raise UsageError for an invalid option, for runs
    that this session cannot make, and if OURO_RECORDS was changed since pytest started."""
    for name, text in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")
    if config.getoption("ouro_audit") is not None:
        from pytest_ouro.items.audit import AuditHooks

        config.pluginmanager.register(AuditHooks(config), "ouro-audit")
        return
    asked = _asks_for_runs(config.option) or bool(config.getoption("ouro_report"))
    if not asked and not _names_a_bound(config):
        return
    if os.environ.get(_RECORDS) != _stated.get(_RECORDS):
        from pytest_ouro.messages import plugin as messages

        raise pytest.UsageError(str(messages.changed_variable(_RECORDS)))
    from pytest_ouro.items.hooks import Hooks

    config.pluginmanager.register(Hooks(config), "ouro-session")


def _asks_for_runs(options: object) -> bool:
    """Return whether an option in a namespace of pytest's options, which may lack them, asks for
    runs: ``--ouro-experiment``, ``--ouro-certify``, ``--ouro-confirm`` or ``--ouro-ablate``."""
    names = ("ouro_experiment", "ouro_certify", "ouro_confirm", "ouro_ablate")
    return any(getattr(options, name, None) not in (None, False) for name in names)


def _names_a_bound(config: pytest.Config) -> bool:
    """Return whether an argument of pytest, or one of its testpaths, is a path or node id of a file
    with the name bound.toml or that of the configured bound. A folder that contains the file does
    not count."""
    given = config.getoption("ouro_bound") or config.getini("ouro_bound")
    names = {"bound.toml", Path(given).name} if given else {"bound.toml"}
    return any(Path(arg.split("::")[0]).name in names for arg in config.args)


@pytest.fixture(scope="session")
def experiment(request: pytest.FixtureRequest) -> Result:
    """Return the one supervised run of this session as a Result: val_bpb, status, reason, level, …,
    also if it crashed.

    The first test that asks for it starts the run, unless it was made before. Without
    ``--ouro-experiment``, or with ``--ouro-candidates``, the test is skipped. If no run could be
    made, or a broken rule kept it from being made, the test fails.
    """
    if request.config.pluginmanager.has_plugin("ouro-session"):
        from pytest_ouro.items.session import find_session

        session = find_session(request.config)
        if session.settings.candidates:
            pytest.skip("--ouro-candidates makes more than one run")
        if session.settings.experiment:
            return session.result_for_test()
    pytest.skip("needs --ouro-experiment")
