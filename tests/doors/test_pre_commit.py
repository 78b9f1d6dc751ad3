"""The hooks under the real pre-commit and prek: what they refuse, and what they allow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
RUNNERS = {
    "pre-commit": [sys.executable, "-m", "pre_commit"],
    "prek": [str(Path(sys.executable).with_name("prek"))],
}
PAGE = (ROOT / "docs/pre-commit.md").read_text(encoding="utf-8")
SHARED, LOCAL = [yaml.safe_load(part.split("```")[0]) for part in PAGE.split("```yaml\n")[1:]]
TYPES = ("pre-commit", "pre-merge-commit", "pre-push")


def install(project, runner, config):
    """The runner's own hooks, in a project that has a commit with this configuration."""
    command = RUNNERS[runner]
    if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"{runner} is not installed")
    text = yaml.safe_dump(config)
    project.commit("hooks", {".pre-commit-config.yaml": text})
    project.bless()
    types = [word for kind in TYPES for word in ("--hook-type", kind)]
    subprocess.run([*command, "install", *types], cwd=project.path, check=True, capture_output=True)


def with_runners(tier):
    """Return the names of the runners as parameters: prek, and from ``tier`` on pre-commit."""
    return ["prek", pytest.param("pre-commit", marks=pytest.mark.tier(tier))]


@pytest.fixture(params=with_runners(3))
def runner(request):
    return request.param


#: Tests that show in tier 2 that pre-commit runs the hooks as prek does.
IN_TIER_2 = pytest.mark.parametrize("runner", with_runners(2), indirect=True)


@pytest.fixture
def hooked(project, on_the_path, runner):
    """The project with both hooks, which run in the environment of the tests."""
    hooks = [{**hook, "language": "system"} for hook in HOOKS]
    for hook in hooks:
        del hook["minimum_pre_commit_version"]  # for a repository of hooks alone
    install(project, runner, {"repos": [{"repo": "local", "hooks": hooks}]})
    project.git("checkout", "-q", "-b", "run")
    return project


def better(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")


def widen(project):
    project.edit("prepare.py", "float(model)", "0.5 * float(model)")


@IN_TIER_2
def test_the_loop_s_own_commit_passes(hooked, tried):
    better(hooked)
    hooked.write({"results.tsv": "commit\tval_bpb\n", "run.log": "step 1\n"})

    status, said = tried("commit", "-a", "-m", "a better model")

    assert status == 0, said
    assert hooked.git("show", "-s", "--format=%s") == "a better model"


def harness(project):
    widen(project)
    project.git("add", "prepare.py")


def results(project):
    project.write({"results.tsv": "commit\tval_bpb\n"})
    project.git("add", "-f", "results.tsv")


def dependency(project):
    project.edit("pyproject.toml", '["six"]', '["six", "einops"]')
    project.git("add", "pyproject.toml")


def rules(project):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "x"')
    project.git("add", "bound.toml")


@IN_TIER_2
@pytest.mark.parametrize(
    ("work", "words"),
    [
        (harness, "danger-zone::prepare BROKEN: prepare.py changed"),
        (results, "never-do::commit-results BROKEN: results.tsv is in git"),
        (dependency, "never-do::add-dependencies BROKEN: pyproject.toml"),
        (rules, "bound.toml is not the one that was blessed"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_commit_that_breaks_a_rule_is_refused(hooked, tried, work, words):
    head = hooked.git("rev-parse", "HEAD")
    better(hooked)
    hooked.git("add", "train.py")
    work(hooked)

    status, said = tried("commit", "-m", "sneaky")

    assert status == 1
    assert words in said
    assert hooked.git("rev-parse", "HEAD") == head


def test_the_refusal_tells_an_agent_what_to_do_instead(hooked, tried):
    results(hooked)

    _, said = tried("commit", "-m", "the results")

    lines = [line.strip() for line in said.splitlines()]
    assert "help: git rm --cached -- results.tsv" in lines
    assert any(
        "ouro: refused. Do what the help says, or stop and ask a person." in s for s in lines
    )
    assert any("--no-verify" in line for line in lines)


def test_what_is_staged_is_judged_not_what_lies_there(hooked, tried):
    better(hooked)
    hooked.git("add", "train.py")
    widen(hooked)
    status, said = tried("commit", "-m", "good is staged, bad is not")
    assert status == 0, said

    hooked.git("add", "prepare.py")
    hooked.git("show", "HEAD:prepare.py")
    (hooked.path / "prepare.py").write_text(hooked.git("show", "HEAD:prepare.py") + "\n")
    status, said = tried("commit", "-m", "bad is staged, good lies there")
    assert status == 1
    assert "modify-prepare BROKEN" in said


def test_hunks_of_one_file_are_judged_by_what_is_staged(hooked, tried):
    """One hunk of train.py is staged and another is not, as after ``git add -p``."""
    better(hooked)
    hooked.git("add", "train.py")
    hooked.edit("train.py", "import time\n", "import time\nimport numpy\n")
    status, said = tried("commit", "-m", "one hunk")
    assert status == 0, said

    hooked.git("add", "train.py")
    hooked.edit("train.py", "import numpy\n", "")
    status, said = tried("commit", "-m", "the other")
    assert status == 1
    assert "add-dependencies BROKEN: train.py:2 imports numpy" in said


def test_commit_all_is_judged_by_git_s_own_index(hooked, tried):
    widen(hooked)

    status, said = tried("commit", "-a", "-m", "widen eval")

    assert status == 1
    assert "modify-prepare BROKEN" in said


def test_a_partial_commit_is_judged_by_its_own_index(hooked, tried):
    better(hooked)
    harness(hooked)

    status, said = tried("commit", "-m", "only this", "prepare.py")
    assert status == 1
    assert "modify-prepare BROKEN" in said
    status, said = tried("commit", "-m", "only that", "train.py")
    assert status == 0, said
    assert hooked.git("show", "--format=", "--name-only") == "train.py"


def test_an_amend_is_judged(hooked, tried):
    better(hooked)
    assert tried("commit", "-a", "-m", "a better model")[0] == 0
    status, said = tried("commit", "--amend", "-m", "other words")
    assert status == 0, said

    harness(hooked)
    status, said = tried("commit", "--amend", "--no-edit")
    assert status == 1
    assert "modify-prepare BROKEN" in said


def test_a_merge_is_judged_by_what_it_brings(hooked, tried):
    hooked.git("checkout", "-q", "-b", "side")
    hooked.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "nothing")
    hooked.write({"helper.py": ""})
    hooked.git("add", "helper.py")
    hooked.git("commit", "-q", "--no-verify", "-m", "a helper")
    hooked.git("checkout", "-q", "run")
    better(hooked)
    assert tried("commit", "-a", "-m", "a better model")[0] == 0

    status, said = tried("merge", "--no-edit", "side")
    assert status != 0
    assert "only-train-py BROKEN: helper.py was added" in said

    hooked.git("merge", "--abort")
    status, said = tried("merge", "--no-edit", "side~1")
    assert status == 0, said


def test_a_merge_of_a_trust_that_moved_on_passes(hooked, tried):
    better(hooked)
    assert tried("commit", "-a", "-m", "a better model")[0] == 0
    hooked.git("checkout", "-q", "main")
    widen(hooked)
    assert hooked.ouro("bless").returncode == 0
    hooked.git("commit", "-q", "-a", "--no-verify", "-m", "a wider harness, blessed")
    hooked.git("checkout", "-q", "run")
    hooked.git("config", "ouro.trust", "main")

    status, said = tried("merge", "--no-edit", "main")

    assert status == 0, said


def test_a_linked_worktree_is_judged_by_its_own_index(hooked, tried, tmp_path):
    hooked.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    there = type(hooked)(tmp_path / "other")
    better(there)
    assert tried("commit", "-a", "-m", "a better model", cwd=there.path)[0] == 0
    widen(there)
    status, said = tried("commit", "-a", "-m", "widen eval", cwd=there.path)

    assert status == 1
    assert "modify-prepare BROKEN" in said


@IN_TIER_2
def test_every_pushed_branch_is_judged(hooked, tried, remote):
    assert tried("push", "-q", "origin", "main")[0] == 0
    hooked.git("fetch", "-q", "origin")
    better(hooked)
    assert tried("commit", "-a", "-m", "a better model")[0] == 0
    hooked.git("branch", "good")
    widen(hooked)
    hooked.git("commit", "-q", "-a", "--no-verify", "-m", "widen eval")

    status, said = tried("push", "origin", "good", "run")

    assert status != 0
    assert "refs/heads/run: broken" in said
    assert subprocess.run(
        ["git", "branch", "--format=%(refname:short)"],
        cwd=remote, capture_output=True, text=True, check=True,
    ).stdout.split() == ["main"]  # fmt: skip

    hooked.git("branch", "-q", "-D", "good")
    hooked.git("reset", "-q", "--hard", "HEAD~1")
    status, said = tried("push", "origin", "run")
    assert status == 0, said


def test_a_bad_commit_and_its_revert_do_not_leave(hooked, tried, remote):
    assert tried("push", "-q", "origin", "main")[0] == 0
    hooked.edit("train.py", "import time\n", "import time\nimport numpy\n")
    hooked.git("commit", "-q", "-a", "--no-verify", "-m", "numpy")
    hooked.git("revert", "--no-edit", "HEAD")

    status, said = tried("push", "origin", "run")

    assert status != 0
    assert "add-dependencies BROKEN" in said


def all_files(project, runner, **env):
    done = subprocess.run(
        [*RUNNERS[runner], "run", "--all-files"],
        cwd=project.path, env={**os.environ, **env},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_with_nothing_staged_every_commit_is_judged(hooked, runner):
    status, said = all_files(hooked, runner)
    assert status == 0, said
    status, said = all_files(hooked, runner, CI="true")
    assert status == 1
    assert "nothing to judge" in said

    better(hooked)
    hooked.git("commit", "-q", "-a", "--no-verify", "-m", "a better model")
    status, said = all_files(hooked, runner, CI="true")
    assert status == 0, said

    hooked.edit("train.py", "import time\n", "import time\nimport numpy\n")
    hooked.git("commit", "-q", "-a", "--no-verify", "-m", "numpy")
    hooked.git("revert", "--no-edit", "HEAD")
    status, said = all_files(hooked, runner, CI="true")
    assert status == 1
    assert "add-dependencies BROKEN" in said
    assert "undone since" in said


def test_the_page_s_hooks_of_the_project_s_own_environment(project, tried, on_the_path, runner):
    install(project, runner, LOCAL)
    better(project)
    status, said = tried("commit", "-a", "-m", "a better model")
    assert status == 0, said

    results(project)
    assert tried("commit", "-m", "the results")[0] == 1


def test_the_page_names_the_hooks_that_there_are():
    [repository] = SHARED["repos"]

    assert repository["hooks"] == [{"id": hook["id"]} for hook in HOOKS]
    assert SHARED["default_install_hook_types"] == LOCAL["default_install_hook_types"] == [*TYPES]
    stages = {stage for hook in HOOKS for stage in hook["stages"]}
    assert stages == {*TYPES, "manual"}


def test_git_alone(project, tried, remote, on_the_path, monkeypatch):
    [recipe] = [part.split("```")[0] for part in PAGE.split("```sh\n")[1:]]
    subprocess.run(["sh", "-e", "-c", recipe], cwd=project.path, check=True)
    assert tried("push", "-q", "origin", "main")[0] == 0
    better(project)
    status, said = tried("commit", "-a", "-m", "a better model")
    assert status == 0, said
    project.git("branch", "good")

    results(project)
    status, said = tried("commit", "-m", "the results")
    assert status == 1
    assert "commit-results BROKEN" in said
    project.git("commit", "-q", "--no-verify", "-m", "the results")
    status, said = tried("push", "origin", "good", "main")
    assert status != 0
    assert "refs/heads/good: lawful" in said
    assert "refs/heads/main: broken" in said

    monkeypatch.setenv("PATH", os.environ["PATH"].split(":", 1)[1])
    if shutil.which("pytest-ouro") is None:
        assert tried("commit", "--allow-empty", "-m", "unjudged")[0] != 0


def test_the_page_shows_what_a_refusal_says(hooked, tried):
    results(hooked)
    _, said = tried("commit", "-m", "the results")
    lines = {line.strip() for line in said.splitlines()}
    shown = PAGE.split("## A refusal\n\n```\n")[1].split("```")[0]

    assert {line.strip() for line in shown.splitlines()} <= lines


def test_what_no_hook_can_bind(hooked, tried):
    widen(hooked)
    assert tried("commit", "-a", "--no-verify", "-m", "skipped")[0] == 0
    trust = hooked.git("rev-parse", "main")

    done = hooked.ouro("gate", "--head", "HEAD", "--trust", trust)

    assert done.returncode == 1
    assert "modify-prepare BROKEN" in done.stdout


@pytest.fixture(scope="module")
def hook_repository(tmp_path_factory):
    """A clone of this repository with the files of the working tree, as one commit."""
    path = tmp_path_factory.mktemp("hooks") / "pytest-ouro"
    shutil.copytree(
        ROOT / "pytest_ouro", path / "pytest_ouro", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, path / name)
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for args in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "a release"]):
        subprocess.run(["git", *args], cwd=path, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=path, capture_output=True, text=True, check=True
    )
    return f"file://{path}", head.stdout.strip()


@pytest.mark.tier(2)
def test_the_hooks_install_themselves(project, tried, remote, hook_repository, runner, monkeypatch):
    """``language: python``: the runner makes its own environment, without torch."""
    url, revision = hook_repository
    monkeypatch.setenv("PRE_COMMIT_HOME", str(project.path.parent / "cache"))
    monkeypatch.setenv("PREK_HOME", str(project.path.parent / "cache"))
    ids = [{"id": hook["id"]} for hook in HOOKS]
    install(project, runner, {"repos": [{"repo": url, "rev": revision, "hooks": ids}]})
    better(project)
    status, said = tried("commit", "-a", "-m", "a better model")
    if "No matching distribution" in said or "NewConnectionError" in said:
        pytest.skip("no package registry can be reached")
    assert status == 0, said

    installed = [p.name for p in project.path.parent.glob("cache/**/site-packages/*")]
    assert "pytest_ouro" in installed
    assert "torch" not in installed
    results(project)
    status, said = tried("commit", "-m", "the results")
    assert status == 1
    assert "commit-results BROKEN" in said
    project.git("commit", "-q", "--no-verify", "-m", "the results")
    assert tried("push", "origin", "main")[0] != 0
