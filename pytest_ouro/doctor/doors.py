"""Which doors the gate stands at: commits, CI, agents' tool calls."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.doctor.item import Item
from pytest_ouro.onboarding import agents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.git.client import Git

_GATE = re.compile(r"pytest[-_]ouro\b.*\bgate\b|\bouro-gate\b")
_PRE_COMMIT = ".pre-commit-config.yaml"
_WORKFLOWS = (
    *(".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml"),
    *(".circleci/config.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "Jenkinsfile"),
    *(".woodpecker.yml", ".woodpecker/*.yaml", ".forgejo/workflows/*.y*ml", ".buildkite/*.yml"),
)


def doors(git: Git) -> Iterator[Item]:
    """The doors of a repository, in the order in which they are told."""
    yield _hook(git)
    yield _ci(git.top)
    yield _guard(git.top)


def _hook(git: Git) -> Item:
    """The hook that git runs before a commit, by itself or through the framework pre-commit."""
    hook = _hooks_folder(git) / "pre-commit"
    runs = hook.is_file() and os.access(hook, os.X_OK)
    text = _lines(hook) if runs else []
    where = os.path.relpath(hook, git.top) if hook.is_relative_to(git.top) else str(hook)
    configured = _calls(_lines(git.top / _PRE_COMMIT))
    if _calls(text):
        return Item("pre-commit", "ok", f"{where} runs the gate; --no-verify leaves it out")
    if configured and any("pre-commit" in line or "pre_commit" in line for line in text):
        words = f"{_PRE_COMMIT} names the gate, and its hook is installed"
        return Item("pre-commit", "ok", f"{words}; --no-verify leaves it out")
    if configured:
        words = f"{_PRE_COMMIT} names the gate, but no hook is installed in this clone"
        return Item("pre-commit", "weak", words, "pre-commit install")
    if runs:
        words, help = f"{where} does not run the gate", "add to it: pytest-ouro gate --staged"
    else:
        line = "#!/bin/sh\\nexec pytest-ouro gate --staged\\n"
        words = "no hook judges a commit before it is made"
        file, folder = shlex.quote(where), shlex.quote(str(Path(where).parent))
        help = f"mkdir -p {folder} && printf '{line}' > {file} && chmod +x {file}"
    return Item("pre-commit", "off", words, help)


def _hooks_folder(git: Git) -> Path:
    # Our own calls of git set the option too: the last value is theirs.
    named = git.line("config", "--type=path", "--get-all", "core.hooksPath").splitlines()[:-1]
    return git.top / named[-1] if named else git.common_dir / "hooks"


def _ci(top: Path) -> Item:
    for pattern in _WORKFLOWS:
        for path in sorted(top.glob(pattern)):
            calls = _calls(_lines(path))
            if not calls:
                continue
            words = f"{path.relative_to(top)} runs the gate"
            if any("--trust" in line or "OURO_TRUST" in line for line in _lines(path)):
                return Item("ci", "ok", f"{words}; make it a required check")
            return Item(
                "ci", "weak", f"{words}, by the rules of the judged commit itself",
                "pytest-ouro gate --trust BASE   (BASE: the commit of the base branch)",
            )  # fmt: skip
    return Item(
        "ci", "off", "no workflow runs the gate, where an agent cannot leave it out",
        "pytest-ouro gate --trust BASE   (as a required job; BASE: the commit of the base branch)",
    )  # fmt: skip


def _guard(top: Path) -> Item:
    """Whether the agents that the project uses ask the guard before they act."""
    found = agents.found(top)
    if not found:
        words = "no files of an agent here, so none asks the guard before it edits"
        return Item("agents", "off", words, f"pytest-ouro init --agents={','.join(agents.AGENTS)}")
    unguarded = [name for name in found if not _asks(top, agents.AGENTS[name])]
    if unguarded:
        words = f"{', '.join(unguarded)}: edits without asking the guard"
        return Item("agents", "off", words, f"pytest-ouro init --agents={','.join(unguarded)}")
    return Item("agents", "ok", f"{', '.join(found)}: the guard is asked; help, not a fence")


def _asks(top: Path, agent: agents.Agent) -> bool:
    text = "\n".join(_lines(top / agent.settings))
    try:
        return (
            bool(text.strip()) and agents.merge(agent, text) == text and not (agents.disables(text))
        )
    except OuroError:
        return False


def _calls(lines: list[str]) -> list[str]:
    return [line for line in lines if _GATE.search(line)]


def _lines(path: Path) -> list[str]:
    """The lines of a file but comments; none where there is no file."""
    try:
        text = path.read_text(errors="replace") if path.is_file() else ""
    except OSError:
        return []
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]
