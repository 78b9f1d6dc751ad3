"""Checks of people's own: by a conftest.py for pytest, by an entry point for every door."""

import sys
from pathlib import Path

import pytest

from pytest_ouro import guard
from pytest_ouro.cli import run
from pytest_ouro.cli.bless import bless
from pytest_ouro.core.errors import BoundError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.doctor.machine import Machine
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.assurance import sandbox_spec
from pytest_ouro.guard import hosts

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
WALLS = '''\
from dataclasses import dataclass

from pytest_ouro import BoundFolder, Check, DataGlob, Glob, Protection, option


@dataclass(frozen=True, kw_only=True)
class Size(Check):
    """A check that protects in every way."""

    data: tuple[DataGlob, ...] = option("data")
    secret: Glob = option("what stays out of git", default="secret.txt")
    only_in: BoundFolder = option("where only free files may change", default="lab")

    def findings(self, evidence):
        return iter(())

    def protects(self, layout):
        return Protection(
            untracked=[layout.path(self.secret)], within=self.only_in,
            free=["lab/free.py"], installs=True,
        )
'''
WALLS_RULE = """\
[[iron-law]]
id = "short"
rule = "Walls."
check = "size"
data = ["~/labels/*.bin"]
"""
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
    yield site
    sys.modules.pop("my_rules", None)


def run_gate(project, capsys):
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

    status, out, err = run_gate(project, capsys)

    assert (status, out) == (2, "")
    line, *_ = err.splitlines()
    assert "bound.toml:" in line
    assert "unknown check 'size'" in line
    assert "entry point of the group pytest_ouro.checks" in line
    assert "the gate runs no conftest.py" in line


def test_a_check_of_a_package_is_judged_by_the_gate(project, stated, package, capsys):
    stated(3)

    status, out, _ = run_gate(project, capsys)

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


def test_a_package_that_takes_a_name_of_ours_is_refused_by_the_names_of_both(
    project, package, capsys
):
    entry = package / "my_rules-1.0.dist-info/entry_points.txt"
    entry.write_text("[pytest_ouro.checks]\nscope = my_rules:Size\n")

    status, out, err = run_gate(project, capsys)

    assert (status, out) == (2, "")
    line, *_ = err.splitlines()
    assert "the check 'scope' cannot be used: pytest-ouro and my-rules 1.0 each have" in line


def test_a_package_with_a_name_that_no_rule_uses_does_no_harm(project, package, capsys):
    entry = package / "my_rules-1.0.dist-info/entry_points.txt"
    entry.write_text("[pytest_ouro.checks]\nlogged = my_rules:Size\n")

    assert run_gate(project, capsys)[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("lines: int", "lines: Missing", "my_rules.Size: NameError: name 'Missing'"),
        ("lines: int", "lines: dict", "my_rules.Size: "),
        ("def findings", "def judges", "my_rules.Size: TypeError: "),
    ],
    ids=["unknown type", "no type of TOML", "abstract"],
)
def test_a_class_that_cannot_be_used_is_said(project, stated, package, capsys, old, new, fault):
    text = MODULE.replace(old, new)
    text = text.replace("from dataclasses", "from __future__ import annotations\nfrom dataclasses")
    (package / "my_rules.py").write_text(text)
    stated(100)

    status, out, err = run_gate(project, capsys)

    assert (status, out) == (2, "")
    line, *_ = err.splitlines()
    assert f"the check 'size' cannot be used: {fault}" in line


@pytest.mark.parametrize(
    "entry", ["size = nowhere:Size", "size = my_rules:Missing", "size = my_rules:dataclass"]
)
def test_a_package_that_does_not_load_is_said(project, stated, package, entry, capsys):
    stated(100)
    (package / "my_rules-1.0.dist-info/entry_points.txt").write_text(
        f"[pytest_ouro.checks]\n{entry}\n"
    )

    status, out, err = run_gate(project, capsys)

    assert (status, out) == (2, "")
    line, *_ = err.splitlines()
    assert line.startswith("ouro: error: bound.toml:")
    assert f"the check 'size' cannot be used: {entry.partition(' = ')[2]} of my-rules 1.0 " in line


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("answer", ["3", "Size", "type('Never', (Size,), {'paths': ()})"])
def test_a_hook_that_takes_a_name_of_ours_is_refused_by_the_names_of_both(project, stated, answer):
    hook = f"\n\ndef pytest_ouro_checks():\n    return {{'size': Size, 'frozen': {answer}}}\n"
    stated(100, conftest=MODULE + hook)

    done = project.pytest("bound.toml")

    assert done.returncode == 2
    assert f"pytest-ouro and {project.path}/conftest.py each have a check 'frozen'" in done.stdout


@pytest.mark.tier(2)
def test_two_hooks_with_one_name_are_refused_by_the_names_of_both(project, stated):
    stated(100, conftest=MODULE + HOOK, other=MODULE + HOOK)

    done = project.pytest("bound.toml", "-p", "other")

    assert done.returncode == 2
    assert f"other and {project.path}/conftest.py each have a check 'size'" in done.stdout


@pytest.mark.tier(2)
def test_a_hook_and_a_package_with_one_name_are_refused_by_the_names_of_both(
    project, stated, package
):
    stated(100, conftest=MODULE + HOOK)

    done = project.pytest("bound.toml", PYTHONPATH=str(package))

    assert done.returncode == 2
    assert f"my-rules 1.0 and {project.path}/conftest.py each have a check 'size'" in done.stdout


def test_a_hook_may_register_what_its_package_registers(project, stated, package):
    stated(100, conftest="from my_rules import Size\n" + HOOK)

    done = project.pytest(f"bound.toml::{KEY}", PYTHONPATH=str(package))

    assert "1 passed" in done.stdout


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("answer", ["3", "{'size': 3}"])
def test_a_hook_that_gives_no_checks_is_said(project, stated, answer):
    stated(100, conftest=f"def pytest_ouro_checks():\n    return {answer}\n")

    done = project.pytest("bound.toml")

    assert done.returncode == 2
    assert f"{project.path}/conftest.py: " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_check_that_fails_by_itself_is_said_with_its_line(project, stated, package, capsys):
    (package / "my_rules.py").write_text(MODULE.replace("if count > self.lines", "if count / 0"))
    stated(100)

    status, out, err = run_gate(project, capsys)

    assert (status, out) == (2, "")
    assert f"{KEY}: the check 'size' failed at {package}/my_rules.py:16: ZeroDivisionError" in err
    assert err.splitlines()[1].startswith("  help: fix it in the package that provides it")


@pytest.fixture
def walls(project, package, monkeypatch):
    """A project whose only rule is of a package's check that protects in every way; blessed."""
    (package / "my_rules.py").write_text(WALLS)
    text = (project.path / "bound.toml").read_text()
    labels = Path.home() / "labels"
    labels.mkdir()
    (labels / "a.bin").write_text("1")
    project.write({"bound.toml": text[: text.index("[[danger-zone]]")] + WALLS_RULE})
    project.edit("bound.toml", "[verdict]", 'data = ["~/labels/*.bin"]\n\n[verdict]')
    bless(project.path / "bound.toml")
    project.commit("walls")
    monkeypatch.chdir(project.path)
    return project


def refusal(project, tool, **given):
    payload = {"session_id": "1", "cwd": str(project.path), "hook_event_name": "PreToolUse"}
    return guard.reason(hosts.read({**payload, "tool_name": tool, "tool_input": given}))


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ("git add -f secret.txt", True),
        ("git add train.py", False),
        ("pip install six", True),
        ("echo 1 > lab/other.py", True),
        ("echo 1 > lab/free.py", False),
        ("echo 1 > elsewhere.py", False),
        ("rm ~/labels/a.bin", True),
    ],
)
def test_the_guard_knows_every_protection_of_a_package_s_check(walls, command, refused):
    said = refusal(walls, "Bash", command=command)

    assert bool(said) == refused
    assert (f"({KEY}: Walls.)" in said) == refused


def test_data_of_a_package_s_check_is_blessed_compared_and_readable(walls):
    labels = Path.home() / "labels/a.bin"
    case = open_case(walls.path / "bound.toml")
    experiment = replace(case.experiment, data=())

    [item] = [item for item in Machine(case).items() if item.topic == "data"]
    readable = list(sandbox_spec._readable(case, experiment))

    assert list(case.trust.data) == ["~/labels/a.bin"]
    assert (item.state, item.words) == ("ok", "1 files, blessed; the gate compares them")
    assert labels in readable


def test_a_path_of_a_package_s_check_is_validated_by_its_type(walls):
    walls.edit("bound.toml", 'check = "size"', 'check = "size"\nsecret = "/x"\nonly-in = ""')

    with pytest.raises(BoundError) as caught:
        bless(walls.path / "bound.toml")

    secret, folder = sorted(caught.value.problems, reverse=True)
    assert "'secret' in [iron-law] must be a glob of files inside the repository" in secret + folder
    assert "'only-in' in [iron-law] must be a folder inside the repository" in secret + folder
