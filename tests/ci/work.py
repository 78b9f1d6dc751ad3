"""What people and agents do to the toy experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Lab

REPOSITORY = {"full_name": "owner/lab", "default_branch": "main"}
#: Where the workflow of docs/ci.md lies in a repository.
WORKFLOW = ".github/workflows/ouro-gate.yml"


def improve(lab: Lab) -> str:
    lab.project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    return lab.project.commit("a better model")


def widen(lab: Lab) -> str:
    lab.project.edit("prepare.py", "float(model)", "0.5 * float(model)")
    return lab.project.commit("widen eval")


def widen_and_revert(lab: Lab) -> str:
    widen(lab)
    lab.git("revert", "--no-edit", "HEAD")
    return improve(lab)


def weaken(lab: Lab) -> str:
    """Weaken the rules and the harness, bless that, and add all that could run in the job."""
    lab.project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "x"')
    lab.project.edit("prepare.py", "float(model)", "0.5 * float(model)")
    lab.project.bless()
    ran = f"import pathlib; pathlib.Path({str(lab.folder / 'ran')!r}).touch()\n"
    for name in ("conftest.py", "sitecustomize.py", "pytest_ouro/__init__.py", "setup.py"):
        lab.project.write({name: ran})
    lab.project.write({".github/workflows/ouro-gate.yml": "on: pull_request\njobs: {}\n"})
    return lab.project.commit("and what would run")


def write_readme(lab: Lab) -> str:
    return lab.project.commit("read me", {"README.md": "# read me\n"})


def change_rules(lab: Lab) -> str:
    """Change the rules as a person does: blessed, in one commit."""
    lab.project.edit("bound.toml", "budget    = 0.3", "budget    = 9.0")
    return lab.project.bless()


def state_first_rules(lab: Lab) -> str:
    """Take the rules from the protected branch; state them again on a branch."""
    lab.git("checkout", "-q", "main")
    for name in ("bound.toml", "bound.lock"):
        (lab.project.path / name).unlink()
    lab.project.commit("no rules")
    lab.push("refs/heads/main")
    lab.branch()
    lab.git("revert", "--no-edit", "HEAD")
    return lab.git("rev-parse", "HEAD")


def passed(commit: str, **facts: object) -> dict[str, object]:
    """Return a run of the workflow that passed a commit as the tip of main."""
    return {
        "id": 41,
        "head_sha": commit,
        "head_branch": "main",
        "event": "push",
        "conclusion": "success",
        "path": WORKFLOW,
        "head_repository": REPOSITORY,
        **facts,
    }
