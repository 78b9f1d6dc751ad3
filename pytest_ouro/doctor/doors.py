"""Examine where the gate and the guard are called: at commits, in CI, before agents' edits."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.escape import quoted
from pytest_ouro.doctor.item import Item
from pytest_ouro.doctor.switches import find_off, user_settings
from pytest_ouro.doctor.trusting import find_trust, try_hook
from pytest_ouro.onboarding import agents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.evidence.git.client import Git

#: What an agent does without a call of any hook.
_UNSEEN = {"codex": "; it calls no hook for what it types into a shell that runs (write_stdin)"}
#: Agents that look for a project's settings only in the folder where they are started.
_WHERE_STARTED = ("claude", "gemini")
_GATE = re.compile(r"pytest[-_]ouro\b.*\bgate\b|\bouro-gate\b")
_PRE_COMMIT = ".pre-commit-config.yaml"
_WORKFLOWS = (
    *(".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml"),
    *(".circleci/config.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "Jenkinsfile"),
    *(".woodpecker.yml", ".woodpecker/*.yaml", ".forgejo/workflows/*.y*ml", ".buildkite/*.yml"),
)


def examine_doors(git: Git, bound: Path | None) -> Iterator[Item]:
    """Yield the items about the pre-commit hook, CI and the agents, in this order: whether hook and
    CI call the gate (the command that judges commits), and the agents' settings the guard (the
    command that an agent asks before it edits). ``bound`` is the path of bound.toml, None if it is
    missing."""
    yield _examine_hook(git)
    yield _examine_ci(git.top)
    yield from _examine_agents(git.top, bound)


def _examine_hook(git: Git) -> Item:
    """Return the item about the pre-commit hook: ``ok`` if it runs the gate, itself or through the
    tool pre-commit.

    ``weak``: the gate is configured for the tool, but the tool's hook is not installed; ``off``:
    the gate is not configured for the tool, and no hook that is executable runs it.
    """
    hook = _find_hooks(git) / "pre-commit"
    runs = hook.is_file() and os.access(hook, os.X_OK)
    lines = _read_lines(hook) if runs else []
    where = os.path.relpath(hook, git.top) if hook.is_relative_to(git.top) else str(hook)
    configured = _calls_gate(_read_lines(git.top / _PRE_COMMIT))
    if _calls_gate(lines):
        return Item("pre-commit", "ok", f"{where} runs the gate; --no-verify skips it")
    if configured and any("pre-commit" in line or "pre_commit" in line for line in lines):
        words = f"{_PRE_COMMIT} names the gate, and its hook is installed"
        return Item("pre-commit", "ok", f"{words}; --no-verify skips it")
    if configured:
        words = f"{_PRE_COMMIT} names the gate, but no hook is installed in this clone"
        return Item("pre-commit", "weak", words, "pre-commit install")
    if runs:
        words, help = f"{where} does not run the gate", "add to it: pytest-ouro gate --staged"
        return Item("pre-commit", "off", words, help)
    words = "no hook judges a commit before it is made"
    if hook.parent == git.common_dir / "hooks":
        return Item("pre-commit", "off", words, "pytest-ouro init --hook")
    line = "#!/bin/sh\\nexec pytest-ouro gate --staged\\n"
    file, folder = quoted(where), quoted(str(Path(where).parent))
    help = f"mkdir -p {folder} && printf '{line}' > {file} && chmod +x {file}"
    return Item("pre-commit", "off", words, help)


def _find_hooks(git: Git) -> Path:
    """Return the folder of the repository's hooks, which may not exist: the configured
    ``core.hooksPath``, or else ``hooks`` in the common git folder."""
    # Our own calls of git set core.hooksPath too, after the configured values.
    configured = git.line("config", "--type=path", "--get-all", "core.hooksPath").splitlines()[:-1]
    return git.top / configured[-1] if configured else git.common_dir / "hooks"


def _examine_ci(top: Path) -> Item:
    """Return the item about the first workflow that runs the gate: ``ok`` if a line of it has
    ``--trust`` or OURO_TRUST, else ``weak``; ``off`` if no workflow runs the gate."""
    command = "pytest-ouro gate --trust BASE"
    base = "BASE: the commit of the base branch"
    paths = [path for pattern in _WORKFLOWS for path in sorted(top.glob(pattern))]
    for path in paths:
        lines = _read_lines(path)
        if not _calls_gate(lines):
            continue
        words = f"{path.relative_to(top)} runs the gate"
        if any("--trust" in line or "OURO_TRUST" in line for line in lines):
            return Item("ci", "ok", f"{words}; make it a required check")
        words += ", by the rules of the judged commit itself"
        return Item("ci", "weak", words, f"{command}   ({base})")
    words = "no workflow runs the gate, where an agent cannot skip it"
    return Item("ci", "off", words, f"{command}   (as a required job; {base})")


def _examine_agents(top: Path, bound: Path | None) -> Iterator[Item]:
    """Yield an item for each agent that the project uses; one that is ``off`` if there are no files
    of an agent. ``bound`` is the path of bound.toml, None if there is none."""
    found = agents.found(top)
    if not found:
        words = "no files of an agent here, so none asks the guard before it edits"
        yield Item("agents", "off", words, f"pytest-ouro init --agents={','.join(agents.AGENTS)}")
    fault = cache(lambda: try_hook(top, bound) if bound else "")
    for name in found:
        yield _examine_agent(top, name, fault)


def _examine_agent(top: Path, name: str, fault: Callable[[], str]) -> Item:
    """Return the item about the agent ``name``: ``ok`` if its settings call the guard before it
    acts, even if it is not known whether the agent's program trusts them; ``weak`` if a session
    that is started in the current folder would not read those settings. It is ``off`` if the
    settings do not call the guard, if other settings turn hooks off or cannot be read, if the
    agent's program does not trust the hooks, or if ``fault``, which tries the hook's command,
    returns what is wrong."""
    topic = f"agents {name}"
    if not _calls_guard(top / agents.AGENTS[name].settings, name):
        words = "it edits without asking the guard"
        return Item(topic, "off", words, f"pytest-ouro init --agents={name}")
    if off := list(find_off(top, name)):
        words = f"{'; '.join(off)}: the guard is not called"
        return Item(topic, "off", words, "take the setting out, then run doctor again")
    trust = find_trust(top, name)
    if trust.holds is False:
        return Item(topic, "off", f"{trust.why}: the guard is not called", trust.next)
    if words := fault():
        help = "put pytest-ouro on the PATH that agents have, and call doctor with that PATH"
        return Item(topic, "off", words, help)
    words = "the guard is called, and prevents mistakes, not intent"
    if not trust.holds:
        words = words.replace("called", "configured")
        words += "; whether the program trusts the hook, it shows itself"
    words += _UNSEEN.get(name, "")
    if name not in _WHERE_STARTED or _in_home(name):
        return Item(topic, "ok", words)
    shown = user_settings(name)[0]
    here = Path.cwd().resolve()
    if here == top.resolve() or not here.is_relative_to(top.resolve()):
        words += f"; in a sub-folder it would not be called: put the hooks into {shown} too"
        return Item(topic, "ok", words)
    if _calls_guard(here / agents.AGENTS[name].settings, name):
        return Item(topic, "ok", words)
    words = "the guard is not called in a session that is started in this folder"
    return Item(topic, "weak", words, f"cd {quoted(str(top))}   (or put it into {shown} too)")


def _in_home(name: str) -> bool:
    """Return whether the user's settings of an agent, which hold in all projects, have all of the
    guard's hooks."""
    return _calls_guard(user_settings(name)[1], name)


def _calls_guard(settings: Path, name: str) -> bool:
    """Return whether the file of an agent's settings has all of the guard's hooks; False if it is
    absent, empty or cannot be read."""
    agent, text = agents.AGENTS[name], "\n".join(_read_lines(settings))
    try:
        return bool(text.strip()) and agents.merge(agent, text) == text
    except OuroError:
        return False


def _calls_gate(lines: list[str]) -> bool:
    """Return whether one of the lines seems to call the gate."""
    return any(_GATE.search(line) for line in lines)


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a file without those whose first character, after blanks, is ``#``; an
    empty list if it is absent or cannot be read."""
    try:
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return []
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]
