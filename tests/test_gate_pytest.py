"""``gate --pytest``: an isolated pytest must agree with the gate."""

from functools import partial

import pytest

from pytest_ouro.cli import gate as gates
from pytest_ouro.cli import under_pytest

from .disarming.attempts import CONFTESTS

ALL = ("deselects", "reports", "exit-status", "ends-at-once", "patches-the-engine")


@pytest.fixture
def gate(ouro):
    """``gate(*args)``: run ``gate --pytest``; return exit status, output and errors."""
    return partial(ouro, "gate", "--pytest")


@pytest.fixture
def disarmed(project, monkeypatch):
    """All the ways to turn a plain pytest green, at once."""
    project.write({"conftest.py": "\n".join(CONFTESTS[name] for name in ALL)})
    project.write({"pytest.ini": "[pytest]\naddopts = --collect-only -p no:ouro\n"})
    project.write({"evil.py": "import os\nos._exit(0)\n", "json.py": "raise SystemExit(0)\n"})
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    monkeypatch.setenv("PYTEST_PLUGINS", "evil")
    monkeypatch.setenv("PYTHONPATH", str(project.path))


@pytest.mark.tier(2)
def test_both_report_lawful(project, gate):
    status, out, err = gate()
    assert (status, err) == (0, "")
    assert out.startswith("ouro: lawful: 5 rules hold, 2 skipped")

    assert gate("--trust", project.git("rev-parse", "HEAD"))[0] == 0


@pytest.mark.tier(2)
def test_a_project_can_disarm_neither(project, gate, disarmed):
    project.edit("prepare.py", "float(model)", "0.5")

    status, out, err = gate()

    assert (status, err) == (1, "")
    assert "danger-zone::prepare BROKEN" in out


@pytest.mark.tier(2)
def test_a_disagreement_is_an_error(project, gate, monkeypatch):
    honest = gates.check_all
    project.edit("prepare.py", "float(model)", "0.5")
    monkeypatch.setattr(gates, "check_all", lambda case: honest(case)[1:])

    status, out, err = gate()

    assert (status, out) == (2, "")
    assert err.startswith(
        "ouro: error: pytest and the gate disagree: "
        "danger-zone::prepare (no such rule, under pytest failed)"
    )


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("last", ["--collect-only", "--no-such-option"])
def test_a_pytest_that_judges_nothing_does_not_agree(gate, monkeypatch, last):
    command = under_pytest._command
    monkeypatch.setattr(under_pytest, "_command", lambda *args: [*command(*args), last])

    status, out, err = gate()

    assert (status, out) == (2, "")
    assert "disagree" in err or "wrote no report" in err


def test_it_judges_a_working_tree_only(gate):
    with pytest.raises(SystemExit) as caught:
        gate("--staged")
    assert caught.value.code == 2
