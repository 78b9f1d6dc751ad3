"""From every state that a night can reach, the printed commands alone lead to a lawful commit."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from pytest_ouro.evidence.content import digest
from tests.experiment.loop import Loop, start_loop

#: How many printed commands may be needed.
MOST = 3
#: What a person does by hand where a help says so.
REFUSED = ("noise = 0.0", "noise = 0.0\nsigmas = 2")


class Night(RuleBasedStateMachine):
    """A night of an agent, and of a person who blesses, commits and configures beside it."""

    def __init__(self, make_loop):
        super().__init__()
        self.loop = make_loop()
        self.folder = self.loop.path.parent
        self.trees, self.runs, self.value = 0, set(), 2.0

    # What the agent does.

    @rule(work=st.sampled_from(["better", "worse", "same", "implausible", "crash"]))
    def edit(self, work):
        self.value *= 0.97 if work == "better" else 1.0
        value = {"worse": self.value + 1, "implausible": 70.0}.get(work, self.value)
        before = "raise SystemExit(1)\n" if work == "crash" else ""
        self.loop.write(work=f"{before}x = {value:.6f}\n")

    @rule()
    def commit(self):
        self.loop.git("add", "-A")
        self.loop.hooked("commit", "-qm", "an idea")

    @rule()
    def commit_without_the_hook(self):
        self.loop.git("add", "-A")
        self.loop.hooked("commit", "-q", "--no-verify", "-m", "an idea")

    @rule()
    def amend(self):
        self.loop.hooked("commit", "-q", "-a", "--amend", "-m", "a better idea")

    @rule(options=st.sampled_from([(), ("--ouro-settle",), ("--ouro-budget", "5")]))
    def run(self, options):
        self.loop.here(self.loop.run_pytest, "--ouro-experiment", "-q", *options)
        self.loop.ouro("--version")  # takes what pytest printed, so that the next answer lacks it
        self.remember()

    @rule(name=st.sampled_from(["evaluate", "notes", "bound"]))
    def edit_what_is_not_to_be_edited(self, name):
        path = self.loop.path / {"bound": "bound.toml", "notes": "notes.md"}.get(name, f"{name}.py")
        text = path.read_text() if path.exists() else ""
        path.write_text(f"{text}# once more\n")

    @rule()
    def merge(self):
        git = self.loop.git
        if self.depth() < 2 or not self.clean():
            return
        branch = git("branch", "--show-current")
        git("checkout", "-q", "-b", f"side{len(git('branch'))}", "HEAD~1")
        self.edit("better")
        self.commit_without_the_hook()
        git("checkout", "-q", branch)
        if self.loop.hooked("merge", "-q", "--no-edit", "-X", "theirs", "-")[0]:
            self.loop.hooked("merge", "--abort")

    @rule(onto=st.sampled_from(["HEAD~1", "HEAD~2"]))
    def drop_a_commit(self, onto):
        if self.depth() > 3 and self.clean():
            done = self.loop.hooked("rebase", "-q", "-X", "theirs", "--onto", onto, "HEAD~1")
            if done[0]:
                self.loop.hooked("rebase", "--abort")

    @rule()
    def write_a_row(self):
        ledger = self.loop.path / "results.tsv"
        if ledger.exists():
            text = ledger.read_text()
            ledger.write_text(f"{text}abc1234\t0.100000\t0.0\tkeep\tby hand\n")

    @rule()
    def lose_the_ledger(self):
        (self.loop.path / "results.tsv").unlink(missing_ok=True)

    # What a person does.

    @rule(options=st.sampled_from([(), ("--new-baseline",)]))
    def bless(self, options):
        self.loop.here(self.loop.ouro, "bless", *options)

    @rule()
    def go_to_a_worktree(self):
        self.trees += 1
        place = self.folder / f"linked{self.trees}"
        self.loop.git("worktree", "add", "-q", str(place), "-b", place.name)
        self.loop = replace(self.loop, path=place)

    @rule()
    def trust_a_commit(self):
        self.loop.git("config", "ouro.trust", self.loop.git("rev-parse", "HEAD"))

    @rule()
    def trust_the_lock(self):
        self.loop.hooked("config", "--unset", "ouro.trust")

    @rule()
    def bless_what_is_refused_now(self):
        """The rules were blessed by an older version that accepted them."""
        bound, lock = self.loop.path / "bound.toml", self.loop.path / "bound.lock"
        before = digest(bound.read_bytes())
        if before in lock.read_text() and REFUSED[1] not in bound.read_text():
            bound.write_text(bound.read_text().replace(*REFUSED))
            lock.write_text(lock.read_text().replace(before, digest(bound.read_bytes())))
            self.commit_without_the_hook()

    @rule()
    def remove_the_hook(self):
        hook = self.loop.path / ".git/hooks/pre-commit"
        if hook.parent.is_dir():
            hook.unlink(missing_ok=True)

    # What must hold.

    @rule()
    def find_the_way_out(self):
        """Obey the printed commands until an idea is committed and every rule holds, and every
        recorded run has its row."""
        self.edit("better")
        said = []
        for _ in range(MOST + 1):
            self.loop.git("add", "-u")
            status, out = self.loop.gate("--staged")
            if not status:
                done = self.loop.hooked("commit", "-q", "--allow-empty", "-m", "an idea")
                assert done[0] == 0, done[1]
                status, out = self.loop.gate()
                if not status:
                    break
            said.append(out)
            said.append(self.obey(out))
        else:
            pytest.fail("no way out:\n" + "\n----\n".join(said))
        self.remember()

    def obey(self, out):
        """Do what the first help of an answer says; return what was done and its output."""
        found = re.search(r"^ *help: (.*)$", out, re.MULTILINE)
        assert found, out
        assert "--no-verify" not in found[1]
        done = []
        for step in re.split(r"[,;] (?:then )?|   \(", found[1].partition(", or ")[0]):
            words = re.sub(r"^(?:run |.*: (?=git |pytest-ouro |rm |mv ))", "", step)
            if step.startswith("or ") or (done and step.startswith("a person may")):
                break
            if words == "correct bound.toml":
                bound = self.loop.path / "bound.toml"
                bound.write_text(bound.read_text().replace(*reversed(REFUSED)))
            elif words.startswith("remove what was written by hand"):
                ledger = self.loop.path / "results.tsv"
                lines = ledger.read_text().splitlines(keepends=True)
                ledger.write_text("".join(line for line in lines if "by hand" not in line))
            elif words.startswith(("commit ", "git commit")):
                done.append(self.shell("git add -A && git commit -qm 'as the help says'"))
            elif words.startswith(("git ", "rm ", "mv ", "pytest-ouro ")):
                done.append(self.shell(words))
            else:
                done.append(f"(not obeyed: {step})")
        return "\n".join(done)

    def shell(self, command):
        """Run a printed command; return it with its output."""
        command = command.replace("pytest-ouro", f"{sys.executable} -m pytest_ouro")
        done = subprocess.run(
            ["sh", "-ec", command], cwd=self.loop.path, capture_output=True, text=True, check=False
        )
        return f"$ {command}: {done.returncode} {done.stdout}{done.stderr}"

    def remember(self):
        """Assert that no record and no recorded row was lost, and remember the present ones."""
        folder = self.loop.path / self.loop.git("rev-parse", "--git-common-dir")
        journal = folder / "ouro/journal.jsonl"
        lines = journal.read_text().splitlines() if journal.exists() else []
        runs = {json.loads(line)["run"] for line in lines}
        assert self.runs <= runs
        self.runs = runs

    def depth(self):
        return int(self.loop.git("rev-list", "--count", "--first-parent", "HEAD"))

    def clean(self):
        return not self.loop.git("status", "--porcelain", "-uno")

    def teardown(self):
        self.find_the_way_out()


#: Walks and steps of each, by tier.
WALKS = {1: (3, 8), 2: (10, 12), 3: (300, 12)}


@pytest.mark.tier(2)
def test_the_printed_commands_lead_to_a_lawful_commit(project, tmp_path, ouro, run_pytest, request):
    numbers = count()
    template = replace(project, path=tmp_path / "template")

    def make_loop():
        """Return a loop like the first one, in a folder of its own."""
        folder = tmp_path / f"night{next(numbers)}" / "loop"
        if not template.path.exists():
            template.begin()
            start_loop(template, ouro, run_pytest, '"metric"', 20)
        shutil.copytree(template.path, folder)
        made = Loop(replace(project, path=folder), folder, ouro, run_pytest)
        made.git("update-index", "-q", "--refresh")
        return made

    walks, steps = WALKS[request.config.getoption("tier")]
    run_state_machine_as_test(
        lambda: Night(make_loop),
        settings=settings(
            max_examples=walks,
            stateful_step_count=steps,
            phases=[Phase.generate],  # a walk is short enough to be read as it is
        ),
    )
