"""Trusted rules that this version refuses: every door says so, and how to get corrected rules
trusted."""

import json
import subprocess
import sys

import pytest

from pytest_ouro.evidence.content import digest

OLD = ("noise = 0.01", "noise = 0.01\nsigmas = 2")
FAULT = "'sigmas' in [verdict] is gone: write margin = 0 in place of 'sigmas' and 'hard'"
LOCK_HELP = "run pytest-ouro bless, commit bound.toml and bound.lock together"


@pytest.fixture
def old(project):
    """A project whose rules were blessed by a version that knew the key ``sigmas``."""
    project.bless()
    before = digest((project.path / "bound.toml").read_bytes())
    project.edit("bound.toml", *OLD)
    after = digest((project.path / "bound.toml").read_bytes())
    project.edit("bound.lock", before, after)
    project.commit("bless with an older version")
    return project


def line(project):
    text = (project.path / "bound.toml").read_text()
    return text[: text.index("sigmas")].count("\n") + 1


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "door",
    [
        ("ouro", "gate"),
        ("ouro", "gate", "--staged"),
        ("ouro", "gate", "--head", "HEAD", "--trust", "HEAD"),
        ("ouro", "doctor"),
        ("pytest", "bound.toml"),
        ("pytest", "--ouro-experiment"),
    ],
    ids=" ".join,
)
def test_a_door_tells_the_fault_and_the_way_to_new_trust(old, door):
    kind, *args = door

    done = getattr(old, kind)(*args)

    said = done.stdout + done.stderr
    assert done.returncode not in (0, 1)
    assert f"bound.toml:{line(old)}: {FAULT}" in said
    assert "run pytest-ouro bless, commit bound.toml and bound.lock together" in said
    assert "Traceback" not in said


def test_the_json_answer_has_the_help(old):
    answer = json.loads(old.ouro("gate", "--json").stdout)

    assert answer["lawful"] is None
    assert FAULT in answer["error"]
    assert LOCK_HELP in answer["help"]


def test_the_guard_refuses_and_tells_the_way(old):
    payload = {
        "session_id": "1",
        "cwd": str(old.path),
        "hook_event_name": "PreToolUse",
        "tool_name": "Edit",
        "tool_input": {"file_path": str(old.path / "train.py"), "old_string": "a"},
    }

    done = subprocess.run(
        [sys.executable, "-m", "pytest_ouro", "guard"],
        input=json.dumps(payload), cwd=old.path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert FAULT in done.stderr
    assert LOCK_HELP in done.stderr


def test_the_log_needs_no_rules(old):
    assert old.ouro("log").returncode == 0


def hook(project):
    path = project.path / ".git/hooks/pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -m pytest_ouro gate --staged\n")
    path.chmod(0o755)


def test_a_corrected_bound_is_blessed_and_committed_through_the_hook(old):
    hook(old)
    old.edit("bound.toml", "sigmas = 2", "margin = 0")

    blessed = old.ouro("bless")
    old.git("add", "bound.toml", "bound.lock")
    staged = old.ouro("gate", "--staged")
    old.git("commit", "-q", "-m", "correct the rules")

    assert (blessed.returncode, blessed.stderr) == (0, "")
    assert staged.returncode == 0, staged.stdout
    assert old.ouro("gate").returncode == 0
    assert old.git("status", "--porcelain") == ""


def test_a_bound_that_is_still_faulty_is_not_blessed(old):
    done = old.ouro("bless")

    assert done.returncode == 2
    assert FAULT in done.stderr


def test_under_a_configured_commit_the_help_leads_to_a_lawful_gate(old):
    old.git("config", "ouro.trust", old.git("rev-parse", "HEAD"))
    hook(old)
    refused = old.ouro("gate")
    old.edit("bound.toml", "sigmas = 2", "margin = 0")
    unset, name = "git config --unset ouro.trust", "git config ouro.trust $(git rev-parse HEAD)"

    old.git(*unset.split()[1:])
    assert old.ouro("bless").returncode == 0
    old.git("commit", "-q", "-am", "correct the rules")
    old.git("config", "ouro.trust", old.git("rev-parse", "HEAD"))

    assert refused.returncode == 2
    assert FAULT in refused.stderr
    assert unset in refused.stderr
    assert name in refused.stderr
    assert old.ouro("gate").returncode == 0


@pytest.mark.parametrize("by", ["--trust", "OURO_TRUST"])
def test_under_a_named_commit_the_help_says_who_must_name_the_new_one(old, by):
    head = old.git("rev-parse", "HEAD")
    args, env = (["--trust", head], {}) if by == "--trust" else ([], {by: head})

    done = old.ouro("gate", *args, **env)

    assert done.returncode == 2
    assert f"let {by} name that commit" in done.stderr
