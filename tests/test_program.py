"""`init --program` renders every rule of the bound for an agent, and adds nothing."""

import subprocess
from pathlib import Path

import pytest

from pytest_ouro.bound import read as bounds
from pytest_ouro.cli import run
from pytest_ouro.onboarding import program_md

ROOT = Path(__file__).parents[1]
BOUND = (ROOT / "bound.toml").read_text(encoding="utf-8")
EXPERIMENT = """\
[experiment]
script   = "train.py"
editable = ["train.py"]
harness  = "prepare.py"
evaluate = "evaluate_bpb"
budget   = 300
device   = "cuda"
"""
SCOPE = '[[iron-law]]\nid = "scope"\nrule = "Only  train.py\\nchanges."\ncheck = "scope"\n'
TASTE = (
    '[[never-do]]\nid = "taste"\nrule = "Never write ugly code."\ncheck = "human"\n'
    'reason = "taste"\n'
)


def rendered(*edits: tuple[str, str], text: str = EXPERIMENT + SCOPE) -> str:
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return program_md.render(bounds.parse(text))


def test_the_committed_program_is_up_to_date():
    expected = program_md.render(bounds.parse(BOUND))
    committed = (ROOT / "autoresearch/program.md").read_text(encoding="utf-8")

    assert committed == expected, "pytest-ouro init --program autoresearch/program.md"


def test_every_rule_is_listed_once_with_its_name_and_no_other_is():
    bound = bounds.parse(BOUND)
    bullets = [line for line in program_md.rules(bound) if line.startswith("- ")]

    assert bullets == [f"- {rule.sentence} (`{rule.key}`)" for rule in bound.rules]


def test_what_is_not_enforced_stands_apart_and_says_so():
    text = rendered(text=EXPERIMENT + SCOPE + TASTE)
    enforced, apart = text.split("### NOT ENFORCED")

    assert "- Only train.py changes. (`iron-law::scope`)" in enforced
    assert "ugly" not in enforced
    assert "- Never write ugly code. (`never-do::taste`, judged by people: taste)" in apart
    assert "NEVER DO" not in text
    warns = rendered(('check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "new"'))
    assert "(`iron-law::scope`, only warns: new)" in warns
    assert "### IRON LAWS" not in warns


def test_budget_metric_and_verdict_are_those_of_the_bound():
    text = rendered(("budget   = 300", 'budget = 90\nmetric = "loss"\ndirection = "higher"'))

    assert "`loss`: higher is better" in text
    assert "last line: `ouro: discard loss=… best=… reason=worse`" in text
    assert "| training | 90 seconds |" in text
    assert (
        "| its clock starts | with the first batch, at the latest 18 seconds after the start |"
        in text
    )
    assert "| a run is killed after | 180 seconds |" in text
    assert "- Better is a keep, provisionally. Beyond 2.8 standard deviations of repeats it" in text
    assert "- Within one standard deviation of repeats either way" in text
    hard = rendered((SCOPE, "[verdict]\nnoise = 0.01\nmargin = 1\n" + SCOPE))
    assert "- Better by more than 0.01414 is a keep, provisionally. Beyond 0.02828 it is" in hard
    assert "- Within 0.01 either way" in hard


def test_devices_differ_where_the_bound_has_them_differ():
    text = rendered(
        (
            'device   = "cuda"\n',
            "warmup-tokens = 4096\nwarmup-seconds = 30\n"
            '[experiment.cpu]\nbudget = 20\nclock = "cpu"\n',
        ),
    )

    assert "| | on a GPU | without one |" in text.replace("|  |", "| |")
    assert "| training | 300 seconds | 20 CPU seconds |" in text
    assert "| a run is killed after | 600 seconds | 80 seconds |" in text
    assert "| after 4,096 tokens, at the latest 40 CPU seconds after the start |" in text


def test_a_budget_of_batches_is_stated_in_batches():
    text = rendered(
        (
            'device   = "cuda"\n',
            '[experiment.cpu]\nbudget = 20\nclock = "steps"\nsteps = 1200\n',
        ),
    )

    assert "| training | 300 seconds | 1,200 batches |" in text
    start = "with the first batch, at the latest"
    assert (
        f"| {start} 60 seconds after the start | {start} 10 CPU seconds after the start |" in text
    )


def test_the_path_of_a_night_is_shown():
    text = rendered()
    calls = ("pytest-ouro calibrate", "pytest --ouro-certify", "pytest --ouro-confirm HEAD")
    assert [call for call in calls if f"`{call}" in text] == [*calls]
    assert "--ouro-repeat" not in text


def test_a_command_is_shown_as_one():
    text = rendered(
        ('script   = "train.py"', 'command = ["make", "bench"]\nevaluate-command = ["./score"]'),
        ('harness  = "prepare.py"\nevaluate = "evaluate_bpb"\n', ""),
    )

    assert "then `make bench` is run" in text
    assert "make_dataloader" not in text
    assert "its clock" not in text


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository, the current folder."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(repository):
    """A repository with a bound."""
    (repository / "bound.toml").write_text(EXPERIMENT + SCOPE)
    return repository


def test_it_is_printed_or_written_and_written_again(project, capsys):
    expected = program_md.render(bounds.parse(EXPERIMENT + SCOPE))

    assert run(["init", "--program"]) == 0
    assert capsys.readouterr().out == expected
    assert run(["init", "--program", "program.md"]) == 0
    assert capsys.readouterr().out == "ouro: wrote program.md, the program of bound.toml\n"
    assert (project / "program.md").read_text() == expected
    assert run(["init", "--program", "program.md"]) == 0
    assert "is up to date with bound.toml" in capsys.readouterr().out
    (project / "bound.toml").write_text(EXPERIMENT.replace("300", "90") + SCOPE)
    assert run(["init", "--program", "program.md"]) == 0
    assert "| training | 90 seconds |" in (project / "program.md").read_text()


def test_a_file_that_a_person_wrote_is_not_replaced(project, capsys):
    (project / "program.md").write_text("# Mine\n")

    assert run(["init", "--program", "program.md"]) == 2
    assert "program.md was written by hand" in capsys.readouterr().err
    assert (project / "program.md").read_text() == "# Mine\n"
    assert run(["init", "--program", "program.md", "--force"]) == 0
    assert "# experiment" in (project / "program.md").read_text()


def test_without_a_bound_there_is_no_program(repository, capsys):
    assert run(["init", "--program"]) == 2
    assert "bound.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "command"),
    [("", "pytest --ouro-certify"), ("a", "pytest a/bound.toml --ouro-certify")],
)
def test_an_agent_stops_when_the_night_is_over(folder, command):
    text = " ".join(program_md.loop(bounds.parse(EXPERIMENT + SCOPE, folder=folder)).split())

    stops = text.index("If it ends with `next=stop`, the night is over: start no further run")
    assert stops < text.index(f"`{command}`") < text.index("Until then, never stop")
