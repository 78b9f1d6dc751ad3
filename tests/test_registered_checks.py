"""Checks of people's own: by a conftest.py for pytest, by an entry point for every door."""

import pytest

from pytest_ouro.cli import run
from pytest_ouro.core.errors import BoundError
from pytest_ouro.engine import judge_all, open_case

MODULE = '''\
from dataclasses import dataclass

from pytest_ouro.checks import Check
from pytest_ouro.core.finding import Finding


@dataclass(frozen=True, kw_only=True)
class Size(Check):
    """No editable file is longer than ``lines``."""

    lines: int

    def findings(self, evidence):
        for name in evidence.layout.editable:
            count = (evidence.root / name).read_text().count("\\n")
            if count > self.lines:
                yield Finding(f"{name} has {count} lines", help="shorten it")
'''
HOOK = "\n\ndef pytest_ouro_checks():\n    return {'size': Size}\n"
RULE = '[[iron-law]]\nid = "short"\nrule = "train.py stays short."\ncheck = "size"\nlines = {}\n'
KEY = "iron-law::short"


@pytest.fixture
def stated(project):
    """State the rule, under a trusted commit: ``stated(100)``."""

    def stated(lines, **files):
        text = (project.path / "bound.toml").read_text() + "\n" + RULE.format(lines)
        project.write({f"{name}.py": content for name, content in files.items()})
        trust = project.commit("a rule of our own", {"bound.toml": text})
        project.git("config", "ouro.trust", trust)
        return trust

    return stated


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that registers the check, installed as packages are."""
    site = tmp_path / "site"
    info = site / "my_rules-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "my_rules.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest_ouro.checks]\nsize = my_rules:Size\n")
    monkeypatch.syspath_prepend(str(site))
    return site


def gate(project, capsys):
    status = run(["gate", "--bound", str(project.path / "bound.toml")])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_check_of_a_conftest_is_judged_under_pytest(project, stated):
    stated(3, conftest=MODULE + HOOK)

    done = project.pytest("bound.toml", "-v")

    assert done.returncode == 1
    assert f"{KEY} BROKEN: train.py has 16 lines" in done.stdout
    assert "  help: shorten it" in done.stdout
    assert f"bound.toml::{KEY} FAILED" in done.stdout
    assert "bound.toml::danger-zone::prepare PASSED" in done.stdout


def test_a_check_of_a_conftest_may_hold(project, stated):
    stated(100, conftest=MODULE + HOOK)

    done = project.pytest(f"bound.toml::{KEY}")

    assert done.returncode == 0
    assert "1 passed" in done.stdout


def test_the_gate_runs_no_conftest_and_says_where_checks_are_registered(project, stated, capsys):
    stated(100, conftest="raise SystemExit(0)\n" + MODULE + HOOK)

    status, out, err = gate(project, capsys)

    assert (status, out) == (2, "")
    line, help = err.splitlines()
    assert "bound.toml:" in line
    assert "unknown check 'size'" in line
    assert "entry point of the group pytest_ouro.checks" in line
    assert help.startswith("  help: the trusted rules are those of ")
    assert "the gate sees no conftest.py" in line


def test_a_check_of_a_package_is_judged_by_the_gate(project, stated, package, capsys):
    stated(3)

    status, out, _ = gate(project, capsys)

    assert status == 1
    assert f"{KEY} BROKEN: train.py has 16 lines" in out
    assert "  help: shorten it" in out


def test_a_check_of_a_package_is_judged_under_pytest(project, stated, package):
    stated(100)

    done = project.pytest(f"bound.toml::{KEY}", PYTHONPATH=str(package))

    assert "1 passed" in done.stdout


def test_its_parameters_are_read_as_strictly_as_ours(project, stated, package):
    trust = stated('"many"\nlinse = 3')

    with pytest.raises(BoundError) as caught:
        open_case(project.path / "bound.toml", trust=trust)

    wrong, unknown = sorted(caught.value.problems, key=len, reverse=True)
    assert "'lines' in [iron-law] must be a whole number" in wrong + unknown
    assert "unknown key 'linse' in [iron-law]; did you mean 'lines'?" in wrong + unknown


def test_a_package_cannot_stand_in_for_a_check_of_ours(project, package, tmp_path):
    entry = package / "my_rules-1.0.dist-info/entry_points.txt"
    entry.write_text("[pytest_ouro.checks]\nfrozen = my_rules:Size\n")
    project.edit("prepare.py", "float(model)", "0.5")

    broken = [j.rule for j in judge_all(open_case(project.path / "bound.toml")) if j.broken]

    assert "danger-zone::prepare" in broken


@pytest.mark.parametrize(
    "entry", ["size = nowhere:Size", "size = my_rules:Missing", "size = my_rules:dataclass"]
)
def test_a_package_that_does_not_load_is_said(project, stated, package, entry, capsys):
    stated(100)
    (package / "my_rules-1.0.dist-info/entry_points.txt").write_text(
        f"[pytest_ouro.checks]\n{entry}\n"
    )

    status, out, err = gate(project, capsys)

    assert (status, out) == (2, "")
    line, help = err.splitlines()
    assert line.startswith("ouro: error: bound.toml:")
    assert f"the check 'size' of a package: {entry.partition(' = ')[2]} " in line
    assert help.startswith("  help: ")


@pytest.mark.parametrize("answer", ["3", "Size", "type('Never', (Size,), {'paths': ()})"])
def test_a_hook_cannot_stand_in_for_a_check_of_ours(project, stated, answer):
    hook = f"\n\ndef pytest_ouro_checks():\n    return {{'size': Size, 'frozen': {answer}}}\n"
    stated(100, conftest=MODULE + hook)
    project.edit("prepare.py", "float(model)", "0.5")

    done = project.pytest("bound.toml")

    assert done.returncode == 1
    assert "danger-zone::prepare BROKEN: prepare.py changed" in done.stdout
