"""``pytest-ouro gate --pytest``: run the rules under an isolated pytest too, and compare."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pytest_ouro.evidence.shared.named import VARIABLE
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    from pytest_ouro.engine import Answer

#: The environment variables that pytest inherits: none of Python's, git's or pytest's.
_INHERITED = (
    *("PATH", "HOME", "TMPDIR", "TEMP", "SYSTEMROOT", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
    VARIABLE,
)
#: pytest's word for each status of a rule.
_WORDS = {"holds": "passed", "warned": "passed", "broken": "failed", "skipped": "skipped"}


def demand_agreement(answer: Answer, bound: Path) -> None:
    """Run the rules of the answer's bound, the file ``bound``, under pytest too, and do nothing if
    all outcomes are the same. Else raise OuroError, which lists each rule with different outcomes,
    or that only one of the two reports. Also OuroError as from `read_outcomes`."""
    ours = {result.rule: _WORDS[result.status] for result in answer.results}
    theirs = read_outcomes(answer, bound)
    differences = [
        f"{rule} ({ours.get(rule, 'no such rule')}, under pytest {theirs.get(rule, 'not judged')})"
        for rule in {**ours, **theirs}
        if ours.get(rule) != theirs.get(rule)
    ]
    if differences:
        raise messages.disagreement(differences)


def read_outcomes(answer: Answer, bound: Path) -> dict[str, str]:
    """Run pytest in an isolated process on the rules of ``bound``, the path of a bound.toml, under
    the same trust as the gate, whose results are ``answer``. Return pytest's outcomes: a dict from
    ``section::id`` of each rule to ``passed``, ``failed`` or ``skipped``. Raise OuroError if pytest
    leaves no readable report, or if its exit status does not fit the outcomes."""
    with tempfile.TemporaryDirectory(prefix="ouro-") as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
        report = folder / "report.xml"
        done = subprocess.run(
            [*_command(answer, bound, folder), f"--junitxml={report}"],
            cwd=bound.parent,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        try:
            cases = list(ElementTree.parse(report).iter("testcase"))
        except (OSError, ElementTree.ParseError):
            lines = done.stdout.decode(errors="replace").strip().splitlines() or ["none"]
            raise messages.no_report(lines[-1][:160]) from None
    found = {f"{_section(case)}::{case.get('name')}": _outcome(case) for case in cases}
    if done.returncode != int("failed" in found.values()):
        raise messages.unexplained_status(done.returncode)
    return found


def _command(answer: Answer, bound: Path, folder: Path) -> list[str]:
    """Return the words that start pytest on the bound alone, under the answer's trust, and without
    the project's settings, conftest.py files or plugins. ``folder`` holds its ini file and compiled
    modules."""
    trust = answer.case.trust
    named = ["--ouro-trust", trust.commit] if trust.lock is None else []
    return [
        *(sys.executable, "-I", "-X", f"pycache_prefix={folder}", "-m", "pytest"),
        *("-c", str(folder / "pytest.ini"), f"--rootdir={bound.parent}", "--noconftest"),
        *("-p", "no:cacheprovider", "-p", "pytest_ouro.plugin"),
        *(f"--ouro-bound={bound}", *named, str(bound)),
    ]


def _environment() -> dict[str, str]:
    """Return the environment of the isolated pytest: the variables of _INHERITED that are set, and
    one that keeps pytest from loading installed plugins."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _section(case: ElementTree.Element) -> str:
    """Return the section of a rule: the last part of the test case's class name; "" without one."""
    return (case.get("classname") or "").rpartition(".")[2]


def _outcome(case: ElementTree.Element) -> str:
    """Return ``passed``, ``failed`` (also for an error) or ``skipped`` for a test case."""
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"
