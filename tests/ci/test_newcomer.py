"""Follow docs/ci.md, block by block, in a repository that has no rules yet."""

from __future__ import annotations

import re
import subprocess

import pytest

from .act import ROOT
from .conftest import Lab
from .server import TOKEN
from .work import WORKFLOW

pytestmark = pytest.mark.tier(2)


def block(section, language):
    """The first block in a language below the heading that begins with ``section``."""
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    below = re.split(r"^## ", text.partition(f"\n## {section}")[2], maxsplit=1, flags=re.M)[0]
    return re.search(rf"```{language}\n(.*?)```", below, re.DOTALL)[1]


@pytest.fixture
def newcomer(project, server, tmp_path, action, installed, on_the_path, runner):
    """A laboratory whose repository has an experiment and a README, and no rules."""
    for name in ("bound.toml", "bound.lock"):
        (project.path / name).unlink()
    project.write({"README.md": "# The lab\n"})
    subprocess.run(["rm", "-rf", project.path / ".git"], check=True)
    project.begin()
    project.commit("an experiment")
    made = Lab(project, server, tmp_path, action, installed)
    made.git("clone", "-q", "--bare", str(project.path), str(made.bare))
    made.git("-C", str(made.bare), "config", "uploadpack.allowAnySHA1InWant", "true")
    made.git("remote", "add", "origin", str(made.bare))
    made.git("push", "-q", "-u", "origin", "main")
    return made


@pytest.fixture
def follow(newcomer):
    """``follow(commands)``: type the commands of a block."""

    def follow(commands):
        done = subprocess.run(
            ["sh", "-ec", commands],
            cwd=newcomer.project.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    return follow


@pytest.fixture
def judge(newcomer):
    """``judge("topic", "a label")``: the outcome for a branch, by the workflow on main."""

    def judge(branch, *labels):
        newcomer.git("checkout", "-q", branch)
        workflow = newcomer.git("-C", str(newcomer.bare), "show", f"main:{WORKFLOW}")
        request = newcomer.request(labels=[{"name": label} for label in labels])
        return newcomer.judge(request, workflow=workflow, token=TOKEN)

    return judge


def test_the_page_leads_to_a_check_that_binds(newcomer, follow, judge):
    lab = newcomer
    follow(block("1.", "console"))
    lab.project.write({WORKFLOW: block("2.", "yaml")})
    follow(block("2.", "console"))
    follow("pytest-ouro gate")
    follow(block("3.", "console"))

    good, bad = judge("trial-good"), judge("trial-bad")

    assert (good.job, good.verdict) == ("success", "lawful"), good.said
    assert good.last.startswith("ouro: lawful")
    assert (bad.job, bad.verdict) == ("failure", "broken"), bad.said
    last = (lab.project.path / "prepare.py").read_text().count("\n")
    assert any(
        (place.get("file"), place.get("line")) == ("prepare.py", str(last))
        for _, place, _ in bad.annotations
    )


def test_the_page_leads_to_an_approved_change(newcomer, follow, judge):
    lab = newcomer
    follow(block("1.", "console"))
    lab.project.write({WORKFLOW: block("5.", "yaml")})
    follow(block("2.", "console"))
    lab.branch("person")
    lab.project.edit("bound.toml", "budget ", "budget = 9 #")
    lab.project.bless()
    label = re.search(r"label `([\w-]+)`", (ROOT / "docs/ci.md").read_text(encoding="utf-8"))[1]

    done = judge("person")
    assert (done.job, done.verdict) == ("failure", "broken"), done.said
    assert "set the label" in done.said
    assert judge("person", label).verdict == "broken"
    lab.server.approvals = [
        {"user": {"login": "alice"}, "state": "approved", "environments": [{"name": label}]}
    ]
    done = judge("person", label)
    assert (done.job, done.verdict) == ("success", "approved"), done.said
    assert "approved by @alice" in done.said
    assert "| experiment.budget |" in done.summary
