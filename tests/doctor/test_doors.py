"""What the doctor reports about commits, CI and agents; its next steps are run."""

import shutil
import subprocess

import pytest

from tests.doctor.conftest import follow


def test_the_hook_that_is_next_stops_a_commit(doctor, project):
    report = doctor()
    assert report.state["pre-commit"] == "off"
    assert report.next["pre-commit"] == "pytest-ouro init --hook"

    shutil.rmtree(project.path / ".git/hooks", ignore_errors=True)
    follow(project, report.next["pre-commit"])

    assert doctor().state["pre-commit"] == "ok"
    project.edit("prepare.py", "float(model)", "0.5")
    with pytest.raises(subprocess.CalledProcessError):
        follow(project, "git commit -qam 'widen eval'")


def test_the_next_step_writes_where_git_looks_for_hooks(doctor, project):
    project.git("config", "core.hooksPath", "hooks")

    follow(project, doctor().next["pre-commit"])

    assert doctor().state["pre-commit"] == "ok"
    assert (project.path / "hooks/pre-commit").is_file()


def test_a_hook_elsewhere_or_in_a_comment(doctor, project):
    hook = project.path / "hooks/pre-commit"
    project.write({"hooks/pre-commit": "#!/bin/sh\n# pytest-ouro gate --staged\n"})
    hook.chmod(0o755)
    project.git("config", "core.hooksPath", "hooks")
    report = doctor()
    assert report.state["pre-commit"] == "off"
    assert report.words["pre-commit"] == "hooks/pre-commit does not run the gate"

    hook.write_text("#!/bin/sh\npytest-ouro gate --staged\n")
    assert doctor().state["pre-commit"] == "ok"
    hook.chmod(0o644)  # git runs only an executable hook
    assert doctor().state["pre-commit"] == "off"


def test_pre_commit_s_configuration_counts_once_it_is_installed(doctor, project):
    project.write({".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: ouro-gate\n"})
    report = doctor()
    assert (report.state["pre-commit"], report.next["pre-commit"]) == ("weak", "pre-commit install")

    project.write({".git/hooks/pre-commit": "#!/bin/sh\nexec pre-commit hook-impl\n"})
    (project.path / ".git/hooks/pre-commit").chmod(0o755)
    assert doctor().state["pre-commit"] == "ok"


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("pytest-ouro gate --trust $BASE", "ok"),
        ("python -I -m pytest_ouro gate --trust $BASE --head $HEAD", "ok"),
        ("pytest-ouro gate", "weak"),
        ("pytest", "off"),
    ],
)
def test_a_workflow_runs_the_gate_or_does_not(doctor, project, step, state):
    project.write({".github/workflows/test.yml": f"steps:\n# pytest-ouro gate\n- run: {step}\n"})

    assert doctor().state["ci"] == state


def test_agents_ask_the_guard_after_the_next_step(doctor, project):
    assert doctor().state["agents"] == "off"
    project.write({".claude/settings.json": "{}", ".cursor/hooks.json": "{}"})
    report = doctor()
    assert report.words["agents"] == "claude, cursor: edits without asking the guard"

    follow(project, report.next["agents"])
    assert doctor().state["agents"] == "ok"

    settings = project.path / ".claude/settings.json"
    settings.write_text(settings.read_text().replace("{", '{"disableAllHooks": true,', 1))
    assert doctor().words["agents"] == "claude: edits without asking the guard"
