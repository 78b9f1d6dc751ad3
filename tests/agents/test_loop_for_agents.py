"""`init --agents` tells agents the loop, and leaves nothing beside it that says otherwise."""

import shutil

import pytest

from pytest_ouro.cli import run

PROGRAM = """\
# Research

Some words about the field.

## Setup

1. Propose a tag.
2. **Create the branch**: `git checkout -b research/<tag>`.
3. Initialize results.tsv with its header.

## Experimentation

You launch it as: `uv run train.py`.

**VRAM** is a soft constraint.

You can extract the metric:

```
grep "^val_bpb:" run.log
```

## NEVER DO

- Never touch prepare.py.

## The experiment loop

The loop runs on a branch of its own.

LOOP FOREVER:

1. Run it: `uv run train.py > run.log 2>&1`
2. Log it to results.tsv.
3. If it is worse, git reset.

**NEVER STOP**: do not pause to ask.
"""
RUNS_BY_HAND = """\
# Us

## Running

Run `python train.py > run.log`, then add a row to results.tsv.

## Style

Be kind.
"""


@pytest.fixture
def agents(project, monkeypatch, capsys):
    """``agents(files, *names)``: commit the files, call ``init --agents``; its status and texts."""
    monkeypatch.chdir(project.path)

    def agents(files, names="", commit=True):
        project.write(files)
        if commit:
            project.commit()
        status = run(["init", f"--agents={names}" if names else "--agents"])
        said = capsys.readouterr()
        return status, said.out, said.err

    return agents


def read(project, name):
    return (project.path / name).read_text(encoding="utf-8")


def test_agents_md_has_the_loop_in_our_commands(project, agents):
    assert agents({}, "claude")[0] == 0

    text = read(project, "AGENTS.md")
    assert "`pytest --ouro-experiment --ouro-settle -q`" in text
    assert "`pytest-ouro brief` says where the experiment stands" in text
    assert "Edit `train.py`" in text
    assert text.index("## Loop") < text.index("## BOUND")


def test_a_program_is_rendered_in_place_and_keeps_what_does_not_contradict(project, agents):
    status, out, _ = agents({"program.md": PROGRAM})

    assert status == 0
    assert "ouro: wrote program.md" in out
    assert "name the agents, and they call the guard too: --agents=claude,codex" in out
    text = read(project, "program.md")
    ours, _, kept = text.partition("## Kept of the program before")
    assert "`pytest --ouro-experiment --ouro-settle -q`" in ours
    assert kept == (
        "\n\nSome words about the field.\n\n### Setup\n\n1. Propose a tag.\n"
        "2. **Create the branch**: `git checkout -b research/<tag>`.\n\n"
        "### Experimentation\n\n**VRAM** is a soft constraint.\n\n"
        "### The experiment loop\n\nThe loop runs on a branch of its own.\n\n"
        "**NEVER STOP**: do not pause to ask.\n"
    )


def test_a_second_call_changes_nothing_and_a_new_budget_keeps_what_was_kept(project, agents):
    agents({"program.md": PROGRAM, "CLAUDE.md": RUNS_BY_HAND})
    texts = {name: read(project, name) for name in ("program.md", "CLAUDE.md", "AGENTS.md")}

    _, out, _ = agents({}, commit=False)

    assert out == "ouro: the agents' files state the loop and the rules already\n"
    assert texts == {name: read(project, name) for name in texts}
    project.edit("bound.toml", "budget    = 0.3", "budget    = 0.2")
    agents({}, commit=False)
    assert "| 0.2 seconds |" in read(project, "program.md")
    assert "soft constraint" in read(project, "program.md")


@pytest.mark.parametrize("name", ["CLAUDE.md", "GEMINI.md", "AGENTS.md"])
def test_a_section_that_runs_the_script_by_hand_is_marked_once(project, agents, name):
    assert agents({name: RUNS_BY_HAND}, "claude")[0] == 0
    assert agents({}, "claude")[0] == 0

    text = read(project, name)
    place = "this file" if name == "AGENTS.md" else "AGENTS.md"
    assert (
        "## Running\n\n> pytest-ouro runs, records and settles. Where this section says otherwise, "
        f"the loop in {place} counts.\n\nRun `python train.py"
    ) in text
    assert text.count("records and settles. Where") == 1
    assert "## Style\n\nBe kind.\n" in text


def test_words_without_a_heading_are_marked_at_the_top(project, agents):
    agents({"CLAUDE.md": "Run `uv run train.py`.\n"}, "claude")

    assert read(project, "CLAUDE.md").startswith("> pytest-ouro runs")


def test_a_bound_section_of_another_file_gives_way_to_the_import(project, agents):
    stated = "## BOUND\n\n### NEVER DO\n\n- Never modify prepare.py.\n"

    agents({"CLAUDE.md": f"# Us\n\n{stated}\n## Style\n\nBe kind.\n"}, "claude")

    assert read(project, "CLAUDE.md") == "# Us\n\n@AGENTS.md\n\n## Style\n\nBe kind.\n"


def test_a_rule_that_the_bound_lacks_is_not_lost(project, agents):
    stated = "## BOUND\n\n### NEVER DO\n\n- Never modify prepare.py.\n- Never shout.\n"

    agents({"CLAUDE.md": stated}, "claude")

    assert read(project, "CLAUDE.md") == f"{stated}\n@AGENTS.md\n"


@pytest.mark.parametrize("kind", ["untracked", "changed", "before the first commit"])
def test_a_program_that_git_does_not_have_is_not_replaced(project, agents, kind):
    if kind == "changed":
        project.commit("a program", {"program.md": PROGRAM})
    if kind == "before the first commit":
        shutil.rmtree(project.path / ".git")
        project.git("init", "-q")

    status, out, err = agents({"program.md": PROGRAM + "more\n"}, "claude", commit=False)

    assert (status, out) == (2, "")
    assert "program.md is not committed as it is" in err
    assert read(project, "program.md") == PROGRAM + "more\n"
    assert not (project.path / "AGENTS.md").exists()
    [help] = [line.partition("help: ")[2] for line in err.splitlines() if "help: " in line]
    assert help.endswith(", then run again")
    project.git(*help.removesuffix(", then run again").partition(" && ")[0].split()[1:])
    project.commit()
    assert agents({}, "claude")[0] == 0


def test_a_bound_below_the_top_is_named_in_the_commands(project, agents, monkeypatch):
    (project.path / "lab").mkdir()
    for name in ("bound.toml", "prepare.py", "train.py"):
        (project.path / name).rename(project.path / "lab" / name)
    project.commit()
    monkeypatch.chdir(project.path / "lab")

    assert agents({}, "claude", commit=False)[0] == 0

    text = read(project, "AGENTS.md")
    assert "`pytest lab/bound.toml --ouro-experiment --ouro-settle -q`" in text
    assert "`pytest-ouro brief --bound lab/bound.toml`" in text
    assert "from the repository's top folder" in text


def test_init_says_last_how_agents_learn_the_loop(project, monkeypatch, capsys):
    monkeypatch.chdir(project.path)

    assert run(["init", "--force"]) == 0

    last = capsys.readouterr().out.rstrip().rpartition("\n")[2]
    assert last.startswith("  pytest-ouro init --agents ")
