"""``frozen``: every way to change a file is found, and honest work holds."""

import hashlib
import subprocess

import pytest

from pytest_ouro.engine import open_case

NOW = "danger-zone::prepare"
EVER = "never-do::modify-prepare"


def widen(project):
    project.edit("prepare.py", "float(model)", "0.5 * float(model)")


def restore(project):
    """Write the trusted bytes into the working tree without git."""
    project.edit("prepare.py", "0.5 * float(model)", "float(model)")


def edit(project):
    widen(project)


def stage_and_restore(project):
    widen(project)
    project.git("add", "prepare.py")
    restore(project)


def commit(project):
    widen(project)
    project.commit("widen eval")


def commit_and_edit(project):
    commit(project)
    project.edit("prepare.py", "0.5", "0.25")


def amend(project):
    project.commit("faster", {"train.py": "faster = True\n"})
    widen(project)
    project.git("commit", "-q", "-a", "--amend", "--no-edit")


def delete(project):
    (project.path / "prepare.py").unlink()


def git_rm(project):
    project.git("rm", "-q", "prepare.py")


def rename(project):
    project.git("mv", "prepare.py", "harness.py")
    project.commit("rename")


def make_folder(project):
    delete(project)
    project.write({"prepare.py/__init__.py": ""})


def link(project):
    (project.path / "prepare.py").rename(project.path / "elsewhere.py")
    (project.path / "prepare.py").symlink_to("elsewhere.py")


def assume_unchanged(project):
    project.git("update-index", "--assume-unchanged", "prepare.py")
    widen(project)
    assert project.git("status", "--porcelain") == ""


def skip_worktree(project):
    project.git("update-index", "--skip-worktree", "prepare.py")
    widen(project)
    assert project.git("status", "--porcelain") == ""


def filtered(project):
    (project.path / ".git/info/attributes").write_text("prepare.py filter=hide\n")
    project.git("config", "filter.hide.clean", "git cat-file blob HEAD:prepare.py")
    widen(project)
    assert project.git("diff") == ""


def replaced(project):
    commit(project)
    project.git("replace", "HEAD", "HEAD~1")
    restore(project)
    project.git("add", "prepare.py")
    assert project.git("status", "--porcelain") == ""


VIOLATIONS = {
    edit: "changed in: the working tree",
    stage_and_restore: "changed in: the index",
    commit: 'changed in: commit HEAD "widen eval"',
    commit_and_edit: 'changed in: commit HEAD "widen eval", the working tree',
    amend: 'changed in: commit HEAD "faster"',
    delete: "changed in: the working tree",
    git_rm: "changed in: the index",
    rename: 'changed in: commit HEAD "rename"',
    make_folder: "changed in: the working tree",
    link: "changed in: the working tree",
    assume_unchanged: "changed in: the working tree",
    skip_worktree: "changed in: the working tree",
    filtered: "changed in: the working tree",
    replaced: 'changed in: commit HEAD "widen eval"',
}


@pytest.mark.parametrize("violate", VIOLATIONS, ids=lambda f: f.__name__)
def test_a_changed_file_is_found_where_it_was_changed(project, judged, violate):
    trust = project.git("rev-parse", "--short=7", "HEAD")

    violate(project)

    judgement = judged(NOW)
    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline.startswith("prepare.py changed (sha256 ")
    head = project.git("rev-parse", "--short=7", "HEAD")
    assert finding.where == VIOLATIONS[violate].replace("HEAD", head)
    also = "--ignore-skip-worktree-bits " if violate is skip_worktree else ""
    reset = f"git checkout {also}{trust} -- prepare.py "
    reset = "git reset --" if "commit" in finding.where else reset
    assert finding.help.startswith(reset)
    assert finding.help.endswith("   (a person may bless a change: pytest-ouro bless)")
    assert judged(EVER).broken


@pytest.mark.parametrize("remove", [delete, git_rm, rename, make_folder], ids=lambda f: f.__name__)
def test_a_file_that_is_gone_is_said_to_be_gone(project, judged, remove):
    remove(project)

    [finding] = judged(NOW).findings

    assert finding.headline.endswith("→ no such file)")


def test_the_help_is_the_remedy(project, judged):
    commit(project)
    [finding] = judged(NOW).findings

    project.git(*finding.help.split("   ")[0].split()[1:])

    assert judged(NOW).status == "holds"
    assert judged(EVER).status == "holds"


def test_a_commit_and_its_revert_are_both_remembered(project, judged):
    commit(project)
    bad = project.git("rev-parse", "--short=7", "HEAD")
    project.git("revert", "--no-edit", "HEAD")

    assert judged(NOW).status == "holds"
    judgement = judged(EVER)
    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline == "prepare.py was changed by 2 commits since trust"
    assert '"widen eval"' in finding.where
    assert '"Revert "widen eval""' in finding.where
    assert finding.help == f"git reset --keep {bad}~1"


def test_a_change_that_came_by_a_merge_is_in_the_history(project, judged):
    project.git("checkout", "-q", "-b", "side")
    commit(project)
    project.git("revert", "--no-edit", "HEAD")
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "--no-edit", "side")

    [finding] = judged(EVER).findings

    assert '"widen eval"' in finding.where


def test_a_merge_that_itself_changes_the_file_is_in_the_history(project, judged):
    project.git("checkout", "-q", "-b", "side")
    project.commit("faster", {"train.py": "faster = True\n"})
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "--no-commit", "side")
    commit(project)
    project.git("revert", "--no-edit", "-m", "1", "HEAD")

    [finding] = judged(EVER).findings

    assert '"widen eval"' in finding.where


def test_many_commits_are_reported_as_one_finding(project, judged):
    for number in range(5):
        project.edit("prepare.py", "float(model)", "float(model) ")
        project.commit(f"widen {number}")

    finding = judged(EVER).findings[-1]

    assert finding.headline == "prepare.py was changed by 5 commits since trust"
    assert finding.where.endswith("and 2 more")


def test_a_path_that_names_nothing_protects_nothing(project, judged):
    project.edit("bound.toml", 'paths = ["prepare.py"]', 'paths = ["perpare.py"]')
    trust = project.commit("a slip of the pen")

    [finding] = judged(NOW, trust=trust).findings

    assert finding.headline == "perpare.py is not among the trusted files: nothing is protected"
    assert finding.where == f"trust: {trust[:7]} (--trust)"


def test_a_glob_protects_each_of_its_files(project, judged, restate):
    project.write({"harness/a.py": "A = 1\n", "harness/b.py": "B = 1\n"})
    project.git("add", "harness")
    restate('paths = ["prepare.py"]\n\n', 'paths = ["harness/*.py"]\n\n')
    project.write({"harness/a.py": "A = 2\n", "harness/b.py": "B = 2\n"})

    headlines = [finding.headline for finding in judged(NOW).findings]

    assert len(headlines) == 2
    assert headlines[0].startswith("harness/a.py changed")
    assert headlines[1].startswith("harness/b.py changed")


@pytest.mark.parametrize("staged", [False, True], ids=["untracked", "staged"])
def test_the_help_removes_a_file_that_was_added(project, judged, restate, staged):
    project.write({"lib/a.py": ""})
    project.commit("a library")
    restate('paths = ["prepare.py"]\n\n', 'paths = ["prepare.py", "lib/*.py"]\n\n')
    project.write({"lib/new.py": "x = 1\n"})
    if staged:
        project.git("add", "lib/new.py")

    [finding] = judged(NOW).findings

    assert finding.headline == "lib/new.py was added among the frozen files"
    command, _, _ = finding.help.partition("   ")
    assert command == ("git rm -f lib/new.py" if staged else "rm lib/new.py")
    subprocess.run(command, cwd=project.path, shell=True, check=True)
    assert judged(NOW).status == "holds"


def test_what_is_staged_is_judged_without_the_working_tree(project, judged):
    edit(project)
    assert judged(NOW, subject="index").status == "holds"

    project.git("add", "prepare.py")
    restore(project)
    assert judged(NOW, subject="index").broken


def test_a_commit_is_judged_without_changes_on_top(project, judged):
    edit(project)
    project.git("add", "prepare.py")
    assert judged(NOW, subject="commit").status == "holds"

    project.commit("widen eval")
    restore(project)
    assert judged(NOW, subject="commit").broken


def crlf(project):
    path = project.path / "prepare.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def edit_train(project):
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    project.commit("a better model")


def executable(project):
    (project.path / "prepare.py").chmod(0o755)


def touched(project):
    path = project.path / "prepare.py"
    path.write_bytes(path.read_bytes())


def edited_and_undone(project):
    widen(project)
    restore(project)


HONEST = [crlf, edit_train, executable, touched, edited_and_undone]


@pytest.mark.parametrize("work", HONEST, ids=lambda f: f.__name__)
def test_honest_work_holds(project, judged, work):
    work(project)

    assert judged(NOW).status == "holds"
    assert judged(EVER).status == "holds"


def test_a_file_committed_with_crlf_is_the_same_text(project, judged):
    crlf(project)
    project.git("-c", "core.autocrlf=false", "commit", "-q", "-a", "-m", "line endings")

    assert judged(NOW).status == "holds"


@pytest.mark.parametrize("content", [b"\0weights" * 100, b"a,b\r\n1,2\r\n"], ids=["binary", "text"])
def test_a_file_that_git_lfs_keeps_is_compared_by_its_contents(project, judged, restate, content):
    name = hashlib.sha256(content).hexdigest()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n"
    project.commit("a pointer", {"vocab.bin": text})
    (project.path / "vocab.bin").write_bytes(content)
    restate('paths = ["prepare.py"]\n\n', 'paths = ["vocab.bin"]\n\n')
    project.git("reset", "-q", "HEAD~1", "--", "vocab.bin")  # as git's own filter would have it
    project.git("commit", "-q", "--amend", "--no-edit")
    assert judged(NOW).status == "holds"

    (project.path / "vocab.bin").write_bytes(content + b"!")
    assert judged(NOW).broken


def test_a_change_that_a_person_blessed_holds(project, judged):
    edit(project)
    project.bless()

    assert judged(NOW).status == "holds"
    assert judged(EVER).status == "holds"


def test_a_trusted_branch_that_advanced_is_the_new_trust(project, judged):
    project.git("checkout", "-q", "-b", "run")
    edit_train(project)
    project.git("checkout", "-q", "main")
    project.commit("fix the harness", {"prepare.py": "def evaluate_bpb(model): return 1.0\n"})
    project.git("checkout", "-q", "run")
    project.git("merge", "-q", "--no-edit", "main")

    assert judged(NOW, trust="main").status == "holds"
    assert judged(EVER, trust="main").status == "holds"


def test_a_shallow_clone_without_the_trusted_history_is_not_judged(project, tmp_path):
    from pytest_ouro.core.errors import GitError

    trust = project.git("rev-parse", "HEAD")
    for number in range(3):
        project.commit(f"{number}")
    clone = tmp_path / "clone"
    project.git("clone", "-q", "--depth=1", project.path.as_uri(), str(clone))
    project.git("-C", str(clone), "fetch", "-q", "--depth=1", "origin", trust)

    case = open_case(clone / "bound.toml", trust=trust)

    with pytest.raises(GitError, match="a shallow clone") as caught:
        case.repository.commits  # noqa: B018
    assert "fetch-depth: 0" in caught.value.help
