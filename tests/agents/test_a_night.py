"""A clone in the original's layout, set up by us, goes through a night of an agent that knows only
what our files and messages say, and never stops."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_ouro.evidence.records.journal import Journal

pytestmark = pytest.mark.tier(3)

PREPARE = """\
TIME_BUDGET = 1
MAX_SEQ_LEN = 8

def make_dataloader(split="train"):
    while True:
        yield [1, 2, 3]

def evaluate_bpb(model):
    return abs(model - 1.0) + 0.5
"""
TRAIN = """\
import time
from prepare import TIME_BUDGET, evaluate_bpb, make_dataloader
WEIGHT = 2.0
print("begin", flush=True)
begin = time.monotonic()
for batch in make_dataloader():
    if time.monotonic() - begin >= TIME_BUDGET:
        break
    time.sleep(0.01)
took = time.monotonic() - begin
val_bpb = evaluate_bpb(WEIGHT)
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {took:.1f}")
"""
PROGRAM = """\
# research

## Setup

1. **Create the branch**: `git checkout -b research/<tag>`.

## The loop

LOOP FOREVER:

1. Run it: `uv run train.py > run.log 2>&1`
2. Log it to results.tsv; if it is worse, git reset.

**NEVER STOP**.
"""
FILES = {
    "prepare.py": PREPARE,
    "train.py": TRAIN,
    "program.md": PROGRAM,
    "CLAUDE.md": "# Us\n\n## Running\n\nRun `uv run train.py > run.log 2>&1`.\n",
    "pyproject.toml": '[project]\nname = "toy"\nversion = "0"\ndependencies = ["numpy"]\n',
    ".gitignore": "results.tsv\nrun.log\n__pycache__/\n",
}
#: A git command in a help, up to the prose around it.
GIT = re.compile(r"\bgit [a-z][^(;,\n]*?(?= and commit\b| then\b|\s*[(;,]|\s*$)")


@dataclass
class Agent:
    """It reads AGENTS.md for its two commands, asks the brief, and does what it says."""

    project: object
    said: list = field(default_factory=list)

    def shell(self, command):
        """Run a command as an agent does, without an editor; return what it printed."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "GIT_EDITOR": "false", "GIT_SEQUENCE_EDITOR": "false"}
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.project.path, env=env, capture_output=True,
            text=True, timeout=600, check=False,
        )  # fmt: skip
        self.said.append(f"$ {command}\n{done.stdout}{done.stderr}")
        assert "Traceback" not in re.sub(r"(?m)^  run.log \|.*", "", self.said[-1]), self.said[-1]
        limit = 24_100 if "--json" in command else 8_000
        assert len(self.said[-1]) < limit, "too long for a context"
        return done.stdout + done.stderr

    @property
    def loop(self):
        """The commands that AGENTS.md tells: the brief and the run."""
        text = (self.project.path / "AGENTS.md").read_text()
        return re.findall(r"`(pytest-ouro brief)`", text)[0], re.findall(
            r"`(pytest --ouro-experiment[^`]*)`", text)[0]  # fmt: skip

    def brief(self):
        return json.loads(self.shell(f"{self.loop[0]} --json"))

    def obey(self, text):
        """Give the git commands that a help names."""
        commands = GIT.findall(text)
        assert commands, f"no command to obey in: {text}"
        for command in commands:
            self.shell(command)

    def settle_down(self, steps=4):
        """Do what the brief says until it asks for an idea. Return how many steps that took."""
        for taken in range(steps):
            facts = self.brief()
            step = facts["next"]
            if step["step"] == "edit":
                return taken
            if step["step"] == "fix":
                self.obey(step["help"])
            for command in step["commands"]:
                self.shell(command.replace("what you try", "as the brief says"))
        facts = self.brief()
        assert facts["next"]["step"] == "edit", "\n".join([*self.said[-12:], str(facts["next"])])
        return steps

    def try_it(self, idea, words):
        """Change the script, commit and run as AGENTS.md says; return the last line."""
        self.edit(idea)
        self.shell(f'git commit -am "{words}"')
        assert self.hook() == ""
        line = self.run()
        assert self.hook() == ""
        return line

    def hook(self):
        """What the guard shows after a call."""
        call = {"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_input": {}}
        done = subprocess.run(
            [sys.executable, "-m", "pytest_ouro", "guard"], cwd=self.project.path,
            input=json.dumps({**call, "cwd": str(self.project.path)}), capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2 * bool(done.stderr)
        return done.stderr

    def edit(self, idea):
        path = self.project.path / "train.py"
        text = re.sub(r"(?m)^WEIGHT = .*", f"WEIGHT = {idea}", path.read_text())
        path.write_text(text)

    def run(self):
        return self.shell(self.loop[1]).rstrip().splitlines()[-1]


@pytest.fixture
def agent(new_repository):
    """An agent in a clone that a person has set up by what our commands print."""
    project, agent = new_repository, Agent(new_repository)
    project.commit("the experiment", FILES)
    agent.shell("pytest-ouro init")
    # A busy machine is not what is tested.
    text = (project.path / "bound.toml").read_text()
    text = re.sub(r"(?m)^tolerance .*", "tolerance = 5", text)
    project.write({"bound.toml": re.sub(r"(?m)^timeout .*", "timeout = 60", text)})
    project.commit("State the rules")
    assert "ouro: wrote AGENTS.md" in agent.shell("pytest-ouro init --agents"), agent.said
    project.commit("Tell the agents")
    agent.shell("pytest-ouro bless && git add bound.lock && git commit -m 'Bless the rules'")
    agent.shell("pytest-ouro init --hook")
    agent.shell("git checkout -q -b research/night")
    assert agent.settle_down() == 1, "\n".join(agent.said)  # the baseline
    return agent


def test_the_files_state_one_loop(agent):
    for name in ("AGENTS.md", "program.md"):
        text = (agent.project.path / name).read_text()
        assert "pytest --ouro-experiment --ouro-settle -q" in text
    assert "uv run train.py" not in (agent.project.path / "program.md").read_text()
    assert "the loop in AGENTS.md counts" in (agent.project.path / "CLAUDE.md").read_text()


def test_a_night_of_ten_runs_never_stops(agent):
    project = agent.project
    head = lambda: project.git("rev-parse", "HEAD")  # noqa: E731

    assert agent.try_it("1.8", "lower the weight").startswith("ouro: keep")
    assert agent.settle_down() == 0

    kept = head()
    assert " reason=worse" in agent.try_it("2.5", "raise the weight")
    assert agent.settle_down() == 0
    assert head() == kept

    assert agent.try_it("1 / 0", "divide").startswith("ouro: crash")
    assert agent.settle_down() == 0
    assert head() == kept

    over = agent.try_it("(time.sleep(3600), 1.2)[1]", "sleep before training")
    assert over.startswith("ouro: crash"), over
    assert agent.settle_down() == 0

    # It breaks a rule: the hook refuses the commit, and its help heals.
    with (project.path / "prepare.py").open("a") as handle:
        handle.write("# better\n")
    refused = agent.shell('git commit -am "a better evaluation"')
    assert "never-do::modify-prepare BROKEN" in refused
    assert "never-do::modify-prepare BROKEN" in agent.hook()
    assert agent.settle_down() <= 3
    assert agent.hook() == ""
    assert head() == kept

    # It breaks a rule behind the hook's back.
    with (project.path / "prepare.py").open("a") as handle:
        handle.write("# better\n")
    agent.shell('git commit --no-verify -am "a better evaluation"')
    assert "prepare.py changed" in agent.hook()
    assert agent.run() == f"ouro: closed commit={head()[:7]} reason=rules-broken"
    assert agent.settle_down() <= 3
    assert head() == kept

    # A person interrupts a run; the agent starts again.
    agent.edit("1.6")
    agent.shell('git commit -am "lower it again"')
    interrupt(agent)
    facts = agent.brief()
    assert facts["next"]["step"] == "run", facts["next"]
    assert facts["tried"][0]["reason"] == "interrupted", "\n".join(agent.said[-4:])
    assert agent.settle_down() == 1
    assert agent.brief()["best"]["value"] == pytest.approx(1.1)
    kept = head()

    # A person changes the rules and blesses them: what was kept stays, and so does the blessing.
    text = (project.path / "bound.toml").read_text()
    project.write({"bound.toml": text.replace("timeout = 60", "timeout = 61")})
    agent.shell("pytest-ouro bless")
    assert agent.settle_down() <= 3
    blessed = head()
    assert blessed != kept
    assert " reason=worse" in agent.try_it("2.6", "raise it after the blessing")
    assert agent.settle_down() == 0
    assert head() == blessed

    # It amends the commit that was kept, and what was tried.
    assert agent.try_it("1.4", "lower it more").startswith("ouro: keep")
    agent.shell('git commit --amend -m "lower it more, in other words"')
    assert agent.settle_down() <= 3
    agent.edit("1.3")
    agent.shell('git commit -am "lower it"; git commit --amend -m "lower it a little"')
    assert agent.run().startswith("ouro: keep")

    # Everything is added to git, also what may not be.
    agent.edit("1.2")
    agent.shell("git add -Af . && git commit -m everything")
    assert "commit-results BROKEN" in agent.hook()
    assert agent.settle_down() <= 3
    assert agent.hook() == ""
    assert agent.try_it("1.1", "the last one").startswith("ouro: keep")

    facts = agent.brief()
    assert facts["gate"]["open"]
    assert facts["best"]["is_head"]
    assert facts["count"]["runs"] >= 10
    runs = Journal(project.path / ".git").runs()
    rows = (project.path / "results.tsv").read_text().splitlines()[1:]
    assert len(rows) == len(runs) == facts["count"]["runs"]


def interrupt(agent):
    """Start a run, and interrupt it when its script trains."""
    log = agent.project.path / "run.log"
    log.unlink()
    command = [sys.executable, "-m", *agent.loop[1].split()]
    process = subprocess.Popen(
        command, cwd=agent.project.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 300
    while not (log.exists() and "begin" in log.read_text()) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    agent.said.append(process.communicate(timeout=300)[0].decode())
