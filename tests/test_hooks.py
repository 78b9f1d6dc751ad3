"""docs/plugins.md: its plugin follows runs, and pytest shows what the page says."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
[PLUGIN] = re.findall(r"(?ms)^`night_log.py`:\n\n```python\n(.*?)^```$", PAGE)
#: It evaluates at once: on a busy machine the budget of the toy could be exceeded.
QUICK = """
from prepare import evaluate_bpb

print(f"val_bpb: {evaluate_bpb(2.0):.6f}")
"""
#: A plugin whose hooks all fail, each in another way.
FAULTY = """
import pytest

def pytest_ouro_run_started(config, run):
    raise ValueError(f"no place for {run.run}")

def pytest_ouro_run_finished(config, run):
    pytest.fail("not what I want")

def pytest_ouro_verdict(config, result):
    pytest.exit("enough")
"""


@pytest.fixture
def log(tmp_path, monkeypatch):
    """``log()``: what the plugin of the page wrote; pytest can load it, and one that fails."""
    (tmp_path / "night_log.py").write_text(PLUGIN)
    (tmp_path / "faulty.py").write_text(FAULTY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("NIGHT_LOG", str(tmp_path / "log"))
    return lambda: [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


@pytest.mark.tier(2)
def test_a_plugin_follows_a_run_and_one_that_fails_changes_nothing(project, log):
    project.commit("an idea", {"train.py": QUICK})

    done = project.pytest("-p", "faulty", "-p", "night_log", "--ouro-experiment")

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("ouro: keep val_bpb=2.000000")
    run = log()[0]["run"]
    assert log() == [
        {"event": "started", "run": run, "purpose": "search"},
        {"event": "finished", "run": run, "status": "keep", "value": 2.0},
        {"event": "verdict", "line": lines[-1]},
    ]
    place = r"failed at .*faulty\.py:\d+"
    wanted = [
        f"run_started {place}: ValueError: no place for {run}",
        f"run_finished {place}: Failed: not what I want",
        f"verdict {place}: Exit: enough",
    ]
    warnings = [line for line in lines if line.startswith("ouro: warning: pytest_ouro_")]
    for line, words in zip(warnings, wanted, strict=True):
        assert re.fullmatch(f"ouro: warning: pytest_ouro_{words}; the run counts", line)


def test_a_broken_rule_is_a_verdict_without_a_run(project, run_pytest, log):
    project.write({"stray.py": ""})

    result = run_pytest("-p", "night_log", "--ouro-experiment")

    assert result.ret == 1
    assert log() == [{"event": "verdict", "line": result.outlines[-1]}]
    assert log()[0]["line"].startswith("ouro: closed")


def test_the_header_names_the_bound_and_what_is_asked_for(project, run_pytest):
    project.write({"pytest.ini": "[pytest]\nouro_settle = true\n", "test_it.py": ""})

    run_pytest("bound.toml", "--ouro-device=cpu", "--collect-only").stdout.fnmatch_lines(
        ["ouro: rules of bound.toml, --ouro-settle, --ouro-device=cpu"]
    )
    run_pytest("test_it.py").stdout.no_fnmatch_line("ouro:*")


def test_help_shows_the_options_in_one_group_and_ini_keys_of_their_names(run_pytest):
    lines = run_pytest("--help").outlines

    start = lines.index("bounded experiments:")
    options = [line.split()[0] for line in lines[start:] if line.startswith("  --ouro-")]
    keys = [line.split()[0] for line in lines if line.startswith("  ouro_")]
    assert "--ouro-experiment" in options
    assert keys
    assert {f"--{key.replace('_', '-')}" for key in keys} <= {one.split("=")[0] for one in options}
    for key in keys:
        assert f"`{key}`" in PAGE
    group = lines[start + 1 : start + 1 + lines[start + 1 :].index("")]
    assert all(line.startswith("  ") for line in group)


@pytest.mark.parametrize("args", [["bound.toml"], ["--ouro-experiment"]])
def test_without_autoload_the_plugin_is_loaded_by_name_or_nothing_passes(
    run_pytest, monkeypatch, args
):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    assert run_pytest(*args).ret == 4
    assert run_pytest("-p", "ouro", *args, "--collect-only").ret == 0
