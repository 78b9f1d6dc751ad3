"""``init`` writes a right bound, or an honestly partial one, for layouts as they are found."""

import dataclasses
import json
import shlex
import subprocess
import sys

import pytest

from pytest_ouro.bound import read as bounds
from pytest_ouro.cli import run

from .init_guided_layouts import GUIDED
from .init_language_layouts import LANGUAGES
from .init_layouts import LAYOUTS, PLAIN
from .init_ledger_layouts import LEDGERS
from .init_more_layouts import MORE
from .init_printing_layouts import PRINTING

ALL = {**LAYOUTS, **MORE, **PRINTING, **LANGUAGES, **LEDGERS, **GUIDED}


@pytest.fixture
def make(project, tmp_path):
    """``make(layout)``: its repository, with its files committed."""

    def make(layout):
        repository = dataclasses.replace(project, path=tmp_path / "lab")
        repository.path.mkdir()
        repository.git("init", "-q")
        repository.commit("the experiment", layout.files)
        repository.write(layout.later)
        return repository

    return make


@pytest.fixture
def call(monkeypatch, capsys):
    """``call(folder, *words)``: the exit status, standard output and standard error."""

    def call(folder, *words):
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["pytest-ouro", *words])
        status = run(words)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def helps(error):
    return [line.partition("help: ")[2] for line in error.splitlines() if "help: " in line]


@pytest.mark.tier(2, but=30)
@pytest.mark.parametrize("name", ALL)
def test_a_layout_gets_a_bound_whose_first_gate_holds_or_it_is_said(make, call, name):
    layout = ALL[name]
    repository = make(layout)
    folder = repository.path / layout.folder

    status, out, err = call(folder, "init", *layout.args)

    if layout.refused:
        assert (status, out) == (2, "")
        assert any(layout.refused in help for help in helps(err)), err
        return
    assert (status, err) == (0, "")
    bound = bounds.parse((folder / "bound.toml").read_text(encoding="utf-8"))
    assert {key: getattr(bound.experiment, key) for key in layout.experiment} == layout.experiment
    assert [words for words in layout.says if words not in out] == []
    checks = {rule.check for rule in bound.rules}
    assert checks.issuperset(layout.checks)
    assert checks.isdisjoint(layout.lacks)
    if "does not hold yet" in out:
        assert layout.later
        return
    repository.git("add", "-A")
    repository.commit("rules")
    assert call(folder, "bless")[0] == 0
    repository.git("add", "-A")
    repository.commit("bless")
    status, out, _ = call(folder, "gate")
    assert status == 0, out


def test_a_dry_run_writes_nothing_and_says_the_same(make, call):
    repository = make(LAYOUTS["the original"])

    status, out, _ = call(repository.path, "init", "--dry-run", "--json")

    said = json.loads(out)
    assert status == 0
    assert (said["written"], said["rules"], said["lacks"]) == (False, 15, [])
    assert said["next"] == ["pytest-ouro init"]
    assert bounds.parse(said["text"]).experiment.script == "train.py"
    assert not (repository.path / "bound.toml").exists()
    forced = call(repository.path, "init", "--dry-run", "--force", "--json")[1]
    assert json.loads(forced)["next"] == ["pytest-ouro init --force"]
    assert "script   train.py, run by python" in call(repository.path, "init", "--dry-run")[1]


def test_the_next_commands_hold_where_init_was_called(make, call):
    repository = make(LAYOUTS["the script in a folder"])
    named = ("--bound", "lab/bound.toml")

    _, out, _ = call(repository.path, "init", *named)

    commands = out.partition("next:\n")[2].splitlines()
    program = f"{shlex.quote(sys.executable)} -m pytest_ouro"
    for command in commands[:2]:
        words = command.replace("pytest-ouro", program)
        subprocess.run(["sh", "-ec", words], cwd=repository.path, check=True, capture_output=True)
    assert "  pytest --ouro-bound lab/bound.toml --ouro-experiment   # the baseline" in commands
    assert call(repository.path, "gate", *named)[0] == 0
    assert repository.git("status", "--porcelain") == ""


def test_an_error_is_an_object_too(make, call):
    repository = make(LAYOUTS["a metric of unclear direction"])

    status, out, err = call(repository.path, "init", "--json")

    said = json.loads(out)
    assert (status, err) == (2, "")
    assert said["error"] == ["it is not clear whether a lower or a higher quux is better"]
    assert "--direction higher" in said["help"]


def test_a_metric_that_is_printed_in_another_way_is_read_from_its_place(make, call):
    layout = ALL["a benchmark of Cargo that states no label"]
    repository = make(layout)
    _, _, err = call(repository.path, "init")
    [help] = helps(err)
    assert "add --metric-from, such as json:KEY or 'regex:mean of ([0-9.]+)'" in help

    place = "regex:mean of ([0-9.]+)"
    status, _, _ = call(repository.path, "init", "--metric", "ns", "--metric-from", place)

    assert status == 0
    assert 'metric-from  = "regex:mean of' in (repository.path / "bound.toml").read_text()


def test_a_number_that_no_sentence_demands_gets_no_guard(make, call):
    repository = make(LAYOUTS["limits of other numbers"])

    _, out, _ = call(repository.path, "init")

    assert out.count("[[guard]]") == 1
    assert "p_value" not in out


def test_the_program_that_we_rendered_states_no_rules(make, call):
    repository = make(LAYOUTS["instructions in the original's words"])
    theirs = repository.path / "program.md"
    call(repository.path, "init")
    theirs.unlink()
    assert call(repository.path, "init", "--program", "program.md")[0] == 0
    assert "more than one thread" in theirs.read_text(encoding="utf-8")  # a rule of the bound

    status, out, _ = call(repository.path, "init", "--force")

    assert status == 0
    assert "rules, from the preset autoresearch\n" in out
    assert "more than one thread" not in (repository.path / "bound.toml").read_text("utf-8")


def test_what_people_wrote_below_a_rendered_program_is_read(make, call):
    repository = make(LAYOUTS["instructions in the original's words"])
    call(repository.path, "init")
    theirs = repository.path / "program.md"
    assert call(repository.path, "init", "--program", "program.md", "--force")[0] == 0
    rendered = theirs.read_text(encoding="utf-8")
    theirs.write_text(f"{rendered}\n**You CANNOT do:**\n\n- Ask the search service.\n")

    assert call(repository.path, "init", "--force")[0] == 0

    assert "Ask the search service." in (repository.path / "bound.toml").read_text("utf-8")


def test_the_help_repeats_what_was_given(make, call):
    repository = make(LAYOUTS["nothing that says what may change"])

    _, _, err = call(repository.path, "init", "--command", "bash bench.sh", "--unit", "ms")

    [help] = helps(err)
    assert help.endswith("init --command 'bash bench.sh' --unit ms --editable a.c")


def test_a_repository_without_a_commit_is_said(project, tmp_path, call):
    repository = dataclasses.replace(project, path=tmp_path / "lab")
    repository.path.mkdir()
    repository.git("init", "-q")
    repository.write(PLAIN)

    status, out, _ = call(repository.path, "init")

    assert status == 0
    assert "does not hold yet: the repository has no commit yet" in out
    assert "help: git add -A && git commit -m 'The experiment'" in out


def test_bless_says_what_the_first_gate_will_find(make, call):
    repository = make(LAYOUTS["the original"])
    call(repository.path, "init")
    repository.write({"notes.bin": "x"})
    repository.edit("prepare.py", "0.5", "0.6")

    status, out, _ = call(repository.path, "bless")

    assert status == 0
    assert "files the truth; commit it with prepare.py\n" in out
    assert "ouro: does not hold yet: neither in git nor ignored: notes.bin" in out
