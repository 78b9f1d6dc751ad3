"""``pytest-ouro init --go``: from a repository without rules to a recorded baseline."""

import pytest


@pytest.mark.tier(2)
def test_the_author_of_the_environment_commits_the_rules(project, monkeypatch):
    project.git("rm", "-q", "bound.toml", "bound.lock")
    project.commit("no rules")
    project.git("config", "user.useConfigOnly", "true")
    (project.path.home() / ".gitconfig").unlink()
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "else@example.org")

    done = project.ouro("init", "--go", "--budget", "5")

    assert done.stdout.splitlines()[-1].startswith("ouro: keep val_bpb=")
    author = project.git("log", "-1", "--format=%an <%ae> %s")
    assert author == "Somebody Else <else@example.org> State and bless the rules of the experiment"


def test_without_an_author_the_words_of_git_and_the_commands_are_shown(project):
    project.git("rm", "-q", "bound.toml", "bound.lock")
    project.commit("no rules")
    project.git("config", "user.useConfigOnly", "true")
    (project.path.home() / ".gitconfig").unlink()

    done = project.ouro("init", "--go", "--budget", "5")

    assert done.returncode == 2
    assert "git did not commit bound.toml bound.lock: git commit failed: fatal: " in done.stderr
    assert "help: git add -f bound.toml bound.lock && git commit" in done.stderr


def test_a_baseline_that_a_signal_ends_is_an_exit_status_of_1(project):
    project.git("rm", "-q", "bound.toml", "bound.lock")
    (project.path / "conftest.py").write_text("import os\n\nos.kill(os.getpid(), 9)\n")
    project.commit("no rules")

    done = project.ouro("init", "--go", "--budget", "5")

    assert "blessed and committed" in done.stdout
    assert done.returncode == 1
