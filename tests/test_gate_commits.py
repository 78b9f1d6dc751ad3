"""``gate --head`` and ``gate --pre-push``: commits as git objects, each on the way from trust."""

import json
import subprocess
import sys

import pytest

NOTHING = "0" * 40


@pytest.fixture
def trust(project):
    """The blessed commit; the work is done on a branch of its own."""
    commit = project.git("rev-parse", "HEAD")
    project.git("checkout", "-q", "-b", "run")
    return commit


def widen(project):
    project.edit("prepare.py", "float(model)", "0.5 * float(model)")


def better(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    return project.commit("a better model")


def test_a_lawful_commit(project, gate, trust):
    better(project)

    assert gate("--head", "HEAD", "--trust", trust) == (
        *(0, f"ouro: lawful: 5 rules hold, 2 skipped, trust: {trust[:7]} (--trust)\n", ""),
    )


def test_the_working_tree_and_the_index_are_not_looked_at(project, gate, trust):
    better(project)
    widen(project)
    project.git("add", "-A")
    project.write({"helper.py": "", "bound.toml": "not TOML", "results.tsv": "a\tb\n"})

    assert gate("--head", "HEAD", "--trust", trust)[0] == 0


def test_a_bad_commit_is_bad_whatever_is_checked_out(project, gate, trust):
    widen(project)
    bad = project.commit("widen eval")
    project.git("checkout", "-q", "main")

    status, out, _ = gate("--head", bad, "--trust", trust)

    assert status == 1
    assert "danger-zone::prepare BROKEN: prepare.py changed" in out


def numpy(project):
    project.edit("train.py", "import time\n", "import time\nimport numpy\n")
    return project.commit("numpy")


@pytest.mark.parametrize("again", [1, 2])
def test_a_bad_commit_and_its_revert_is_a_bad_commit(project, gate, trust, again):
    for _ in range(again):
        bad = numpy(project)
        project.git("revert", "--no-edit", "HEAD")
    better(project)

    status, out, _ = gate("--head", "run", "--trust", trust)

    assert status == 1
    lines = out.splitlines()
    assert lines[0].startswith("never-do::add-dependencies BROKEN: train.py:2 imports numpy")
    more = "" if again == 1 else " and 1 more commits"
    first = bad[:7] if again == 1 else lines[2].split()[2]
    assert lines[2] == f'  in commit {first} "numpy"{more}, undone since'
    assert lines[3].startswith(f"  help: git reset --soft {first}~1, then git commit")


def test_a_bad_commit_on_a_merged_side_branch_is_seen(project, gate, trust):
    project.git("checkout", "-q", "-b", "side")
    numpy(project)
    project.git("revert", "--no-edit", "HEAD")
    project.git("checkout", "-q", "run")
    better(project)
    project.git("merge", "-q", "--no-ff", "--no-edit", "side")

    assert gate("--head", "HEAD", "--trust", trust)[0] == 1


def test_a_trust_that_moved_on_is_not_held_against_the_branch(project, gate, trust):
    better(project)
    project.git("checkout", "-q", "main")
    widen(project)
    moved = project.bless()
    project.git("checkout", "-q", "run")
    project.git("merge", "-q", "--no-edit", "main")

    status, out, _ = gate("--head", "HEAD", "--trust", moved)

    assert (status, out.splitlines()[0][:12]) == (0, "ouro: lawful")


def test_a_better_model_on_main_is_not_held_against_the_branch(project, gate, trust):
    better(project)
    project.git("checkout", "-q", "main")
    project.commit("theirs", {"train.py": "import time\n" + "x = 1\n" * 9, "notes.md": "n\n"})
    project.git("checkout", "-q", "run")

    status, out, _ = gate("--head", "run", "--trust", "main")

    assert (status, out) == (
        *(0, f"ouro: lawful: 5 rules hold, 2 skipped, trust: {trust[:7]} (--trust)\n"),
    )


@pytest.mark.parametrize("name", ["prepare.py", "bound.toml", "pyproject.toml"])
def test_rules_that_main_changed_are_nobody_s_fault(project, gate, trust, name):
    better(project)
    project.git("checkout", "-q", "main")
    text = (project.path / name).read_text()
    project.write({name: f"{text}\n# changed by a person\n"})
    moved = project.bless()
    project.git("checkout", "-q", "run")
    how = ("--head", "run", "--trust", "main")

    status, out, err = gate(*how)

    assert (status, out) == (2, "")
    assert "the rules changed after this commit left the history of " in err
    assert name in err
    assert (
        f"help: rebase or merge, nothing else is asked: git fetch && git rebase {moved[:7]}" in err
    )
    project.git("rebase", "-q", moved[:7])
    assert gate(*how)[0] == 0


def test_what_the_branch_changed_is_its_fault_wherever_main_is(project, gate, trust):
    widen(project)
    project.commit("widen eval")
    project.git("checkout", "-q", "main")
    project.commit("theirs", {"notes.md": "n\n"})

    status, out, _ = gate("--head", "run", "--trust", "main")

    assert status == 1
    assert "danger-zone::prepare BROKEN: prepare.py changed" in out
    assert "notes.md" not in out


@pytest.fixture
def two(project):
    """Two experiments in folders of one repository, each watching its own; their commit."""
    for lab in ("a", "b"):
        for name in ("prepare.py", "train.py", "bound.toml", "pyproject.toml"):
            project.write({f"{lab}/{name}": (project.path / name).read_text()})
        project.edit(f"{lab}/bound.toml", 'check = "scope"', 'check = "scope"\nwithin = "."')
    for name in ("prepare.py", "train.py", "bound.toml", "bound.lock", "pyproject.toml"):
        (project.path / name).unlink()
    return project.commit("two experiments", {"README.md": "two\n"})


def test_several_bounds_are_judged_in_one_call(project, gate, two):
    how = ("--trust", two, "--head", "HEAD", "--bound", "**/bound.toml")
    project.commit("read me", {"README.md": "three\n"})
    assert gate(*how)[1].count("lawful: 5 rules hold") == 2
    project.edit("a/train.py", "MODEL = 2.0", "MODEL = 1.0")
    project.edit("b/prepare.py", "float(model)", "0.5")
    project.commit("good and bad")

    status, out, _ = gate(*how)

    assert status == 1
    assert "ouro: a/bound.toml: lawful: " in out
    assert "ouro: b/bound.toml: broken: " in out
    assert "b/prepare.py changed" in out
    judged = json.loads(gate(*how, "--json")[1])["refs"]
    assert [(one["ref"], one["lawful"]) for one in judged] == [
        ("a/bound.toml", True),
        ("b/bound.toml", False),
    ]


def test_a_bound_that_trust_lacks_is_not_passed_over(project, gate, two):
    project.commit("a third", {"c/bound.toml": (project.path / "a/bound.toml").read_text()})

    for glob in ("**/bound.toml", "x*/bound.toml"):
        status, _, err = gate("--trust", two, "--head", "HEAD", "--bound", glob)
        assert status == 2
        assert "there are no trusted rules" in err


def test_rules_come_from_trust_alone(project, gate, trust):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "x"')
    widen(project)
    project.bless()
    project.git("tag", "blessed")
    (project.path / "bound.toml").unlink()
    project.commit("and no rules at all")

    for head in ("blessed", "run"):
        status, out, _ = gate("--head", head, "--trust", trust)
        assert status == 1
        assert "iron-law::only-train-py BROKEN" in out


def test_a_bare_repository_is_enough(project, gate, trust, tmp_path, monkeypatch):
    better(project)
    project.git("clone", "-q", "--bare", str(project.path), str(tmp_path / "bare"))
    monkeypatch.chdir(tmp_path / "bare")

    assert gate("--head", "run", "--trust", trust)[0] == 0
    assert gate("--head", "run", "--trust", "main", "--bound", "bound.toml")[0] == 0

    monkeypatch.chdir(project.path)
    widen(project)
    project.commit("widen eval")
    project.git("push", "-q", str(tmp_path / "bare"), "run")
    monkeypatch.chdir(tmp_path / "bare")
    assert gate("--head", "run", "--trust", trust)[0] == 1


def test_a_bound_in_a_folder_is_found_in_the_trusted_commit(project, gate, trust, monkeypatch):
    for name in ("prepare.py", "train.py", "pyproject.toml", "bound.toml"):
        (project.path / "lab").mkdir(exist_ok=True)
        project.git("mv", name, f"lab/{name}")
    trust = project.commit("move")
    project.edit("lab/train.py", "MODEL = 2.0", "MODEL = 1.0")
    project.commit("a better model")
    how = ("--head", "HEAD", "--trust", trust)

    status, _, err = gate(*how)
    assert status == 2
    assert "has no bound.toml here or above" in err
    assert gate(*how, "--bound", "lab/bound.toml")[0] == 0
    monkeypatch.chdir(project.path / "lab")
    assert gate(*how)[0] == 0
    project.edit("lab/prepare.py", "float(model)", "0.5")
    project.commit("widen eval")
    assert gate(*how)[0] == 1


def test_a_commit_does_not_vouch_for_itself(gate, trust):
    status, out, err = gate("--head", "HEAD")

    assert (status, out) == (2, "")
    assert err.startswith("ouro: error: no trusted commit was named")


@pytest.mark.parametrize("head", ["nowhere", "", "--upload-pack=x", "HEAD:prepare.py"])
def test_only_a_commit_is_judged(gate, trust, head):
    status, out, err = gate(f"--head={head}", "--trust", trust)

    assert (status, out) == (2, "")
    assert "names no commit" in err


def test_nothing_to_judge_is_not_green_in_ci(project, gate, trust, monkeypatch):
    assert gate("--head", "main", "--trust", trust)[0] == 0
    assert gate("--staged")[0] == 0
    monkeypatch.setenv("CI", "true")

    for how in (("--head", "main", "--trust", trust), ("--staged",), ("--pre-push",)):
        status, out, err = gate(*how)
        assert (status, out) == (2, "")
        assert "nothing to judge" in err

    better(project)
    assert gate("--head", "HEAD", "--trust", trust)[0] == 0
    assert gate("--staged")[0] == 0


def test_expected_rules_must_be_judged(gate, trust):
    how = ("--head", "HEAD", "--trust", trust, "--expect")

    assert gate(*how, "all")[0] == 0
    assert gate(*how, "prepare,iron-law::only-train-py")[0] == 0
    status, out, err = gate(*how, "prepare,log-every-experiment,nothing")
    assert (status, out) == (2, "")
    assert "log-every-experiment (about the runs of a machine, not about a commit)" in err
    assert "nothing (no such rule)" in err


def line(project, branch, *, ref=""):
    return f"refs/heads/{branch} {project.git('rev-parse', branch)} refs/heads/{branch} {NOTHING}\n"


def test_every_pushed_ref_is_judged(project, gate, trust):
    better(project)
    project.git("branch", "good")
    widen(project)
    project.commit("widen eval")

    status, out, _ = gate("--pre-push", "origin", "url", stdin=line(project, "good"))
    assert status == 0
    assert out.startswith("ouro: refs/heads/good: lawful: 5 rules hold")

    both = line(project, "good") + line(project, "run")
    status, out, _ = gate("--pre-push", stdin=both)
    assert status == 1
    assert "ouro: refs/heads/run: broken: " in out

    said = json.loads(gate("--pre-push", "--json", stdin=both)[1])
    assert [(ref["ref"], ref["lawful"]) for ref in said["refs"]] == [
        ("refs/heads/good", True),
        ("refs/heads/run", False),
    ]


@pytest.mark.parametrize("name", ["a\u2028b", "\udcff\udcfe"], ids=["a line of Unicode", "bytes"])
def test_a_ref_may_have_any_name(project, gate, trust, name):
    better(project)
    project.git("branch", "good")
    subprocess.run(
        ["git", "update-ref", f"refs/heads/{name}", "HEAD"], cwd=project.path, check=True
    )

    assert (
        gate("--pre-push", stdin=line(project, "good").replace("heads/good", f"heads/{name}"))[0]
        == gate("--pre-push")[0]
        == 0
    )


def test_a_deletion_is_nothing_to_judge(project, gate, trust):
    widen(project)
    project.commit("widen eval")
    gone = f"(delete) {NOTHING} refs/heads/old {trust}\n"

    assert gate("--pre-push", stdin=gone) == (
        *(0, "ouro: nothing is pushed that could be judged\n", ""),
    )
    assert gate("--pre-push", stdin=gone + line(project, "run"))[0] == 1


def pages(project, *, files=("index.html",), branch="gh-pages"):
    """A branch without a past that holds these files; the run's branch is checked out again."""
    project.git("checkout", "-q", "--orphan", branch)
    project.git("rm", "-rqf", "--cached", ".")
    for name in files:
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_text("<p>Hello</p>\n")
        project.git("add", "-f", name)
    project.git("commit", "-q", "-m", "pages")
    project.git("checkout", "-qf", "run")


def test_a_mirror_may_hold_the_journal(project, gate, trust, recorded):
    better(project)
    project.git("branch", "good")
    recorded()
    widen(project)
    project.commit("widen eval")
    tree = project.git("rev-parse", "refs/ouro/journal")
    journal = f"refs/ouro/journal {tree} refs/ouro/journal {'0' * 40}\n"

    status, out, err = gate("--pre-push", stdin=journal + line(project, "good"))

    assert status == 0, out + err
    assert err.startswith("ouro: refs/ouro/journal: not judged")
    commit = project.git("rev-parse", "run")
    assert gate("--pre-push", stdin=journal.replace(tree, commit))[0] == 1


def test_a_branch_of_pages_is_skipped(project, gate, trust):
    pages(project)

    status, out, err = gate("--pre-push", stdin=line(project, "gh-pages"))
    assert (status, out) == (0, "ouro: nothing is pushed that could be judged\n")
    assert err == (
        "ouro: refs/heads/gh-pages: not judged: it shares no history with the experiment and has "
        "none of its files\n"
    )
    widen(project)
    project.commit("widen eval")
    status, out, _ = gate("--pre-push", stdin=line(project, "gh-pages") + line(project, "run"))
    assert status == 1
    assert "ouro: refs/heads/run: broken: " in out


@pytest.mark.parametrize("name", ["train.py", "prepare.py", "bound.toml"])
def test_files_of_the_experiment_are_judged_without_a_past_too(project, gate, trust, name):
    pages(project, files=["index.html", name])

    # What is called train.py there is no Python, and that cannot be judged.
    status = 2 if name == "train.py" else 1
    assert gate("--pre-push", "--trust", trust, stdin=line(project, "gh-pages"))[0] == status


def test_what_replaces_the_experiment_is_judged(project, gate, trust):
    pages(project)
    over = f"refs/heads/gh-pages {project.git('rev-parse', 'gh-pages')} refs/heads/run {trust}\n"

    assert gate("--pre-push", "--trust", trust, stdin=over)[0] == 1


def test_a_past_that_is_not_here_is_not_taken_for_another(project, gate, trust):
    pages(project)
    elsewhere = "1" * 40
    over = (
        f"refs/heads/gh-pages {project.git('rev-parse', 'gh-pages')} refs/heads/run {elsewhere}\n"
    )

    assert gate("--pre-push", "--trust", trust, stdin=over)[0] == 1


@pytest.mark.parametrize("lines", ["prepare.py\n", "a b c d\n", "refs/heads/run HEAD x y\n"])
def test_what_git_would_not_say_is_not_judged(gate, lines):
    status, out, err = gate("--pre-push", stdin=lines)

    assert (status, out) == (2, "")
    assert "not a line of a pre-push hook" in err


def test_a_tag_is_judged_by_its_commit(project, gate, trust):
    widen(project)
    project.commit("widen eval")
    project.git("tag", "-a", "v1", "-m", "first")
    project.git("reset", "-q", "--hard", trust)
    tag = f"refs/tags/v1 {project.git('rev-parse', 'v1')} refs/tags/v1 {NOTHING}\n"

    assert gate("--pre-push", stdin=tag)[0] == 1


def remote(project, tmp_path):
    project.git("clone", "-q", "--bare", str(project.path), str(tmp_path / "remote"))
    project.git("remote", "add", "origin", str(tmp_path / "remote"))
    project.git("fetch", "-q", "origin")


def test_where_the_lines_are_swallowed_all_that_is_new_is_judged(
    project, gate, trust, tmp_path, monkeypatch
):
    remote(project, tmp_path)
    better(project)
    good = project.git("rev-parse", "HEAD")
    monkeypatch.setenv("PRE_COMMIT_REMOTE_NAME", "origin")
    monkeypatch.setenv("PRE_COMMIT_TO_REF", good)
    monkeypatch.setenv("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/run")

    status, out, _ = gate("--pre-push")
    assert status == 0
    assert out.count("lawful") == 1

    project.git("checkout", "-q", "-b", "other")
    widen(project)
    project.commit("widen eval")
    status, out, _ = gate("--pre-push")
    assert status == 1
    assert "ouro: refs/heads/other: broken" in out
    assert "ouro: refs/heads/run: lawful" in out


def test_a_push_of_two_branches_is_stopped_by_the_bad_one(project, trust, tmp_path):
    remote(project, tmp_path)
    hook = project.path / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -m pytest_ouro gate --pre-push "$@"\n')
    hook.chmod(0o755)
    better(project)
    project.git("branch", "good")
    project.git("push", "-q", "origin", "good")
    widen(project)
    project.commit("widen eval")
    project.git("branch", "good2", "good")

    with pytest.raises(subprocess.CalledProcessError) as caught:
        project.git("push", "-q", "origin", "good2", "run")

    assert "refs/heads/run: broken" in caught.value.stdout + caught.value.stderr
    assert "good2" not in project.git("ls-remote", "--heads", "origin")


def test_staged_work_of_an_unfinished_merge_is_not_held_against_the_branch(project, gate, trust):
    better(project)
    project.git("checkout", "-q", "main")
    widen(project)
    moved = project.bless()
    project.git("checkout", "-q", "run")
    project.git("merge", "-q", "--no-commit", "main")
    assert gate("--staged", "--trust", moved)[0] == 0

    project.write({"helper.py": ""})
    project.git("add", "helper.py")
    status, out, _ = gate("--staged", "--trust", moved)
    assert status == 1
    assert "helper.py was added" in out


def test_what_an_unfinished_merge_brings_is_judged(project, gate, trust):
    project.git("checkout", "-q", "-b", "side")
    project.commit("a helper", {"helper.py": ""})
    project.git("checkout", "-q", "run")
    better(project)
    project.git("merge", "-q", "--no-commit", "side")

    status, out, _ = gate("--staged", "--trust", trust)

    assert status == 1
    assert "helper.py was added" in out


def test_an_amend_that_breaks_a_rule_is_seen(project, gate, trust):
    better(project)
    widen(project)
    project.git("add", "prepare.py")

    assert gate("--staged")[0] == 1


def test_a_foreign_index_is_refused(project, gate, trust, tmp_path, monkeypatch):
    clean = tmp_path / "index"
    clean.write_bytes((project.path / ".git/index").read_bytes())
    monkeypatch.setenv("GIT_INDEX_FILE", str(clean))
    widen(project)
    project.git("add", "prepare.py")

    status, _, err = gate("--staged")

    assert status == 2
    assert "which is not an index of this repository" in err
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert gate("--staged")[0] == 0
