"""Every known way around the rules, in a real repository, and the rules that see it.

The rules are the fifteen of this repository's own bound.toml. A row that says ``set()`` is work
that only looks like an evasion: an alarm would be the fault.
"""

import importlib.util
import marshal
import shutil
import subprocess
import sys

import pytest

from pytest_ouro.cli import run
from pytest_ouro.core.errors import GitError, OuroError
from pytest_ouro.engine import check_all, open_case

pytestmark = pytest.mark.usefixtures("laws")

HARNESS = {"prepare", "modify-prepare", "evaluate-bpb"}
SCOPE = {"only-train-py"}
#: The rules that read the script.
SCRIPT = {"modify-evaluation", "add-dependencies"}
HISTORY = {"modify-prepare"} | SCOPE
ALL = HARNESS | SCOPE
SHADOW = {"evaluate-bpb"}


def broken(project, **how):
    """The ids of the broken rules."""
    case = open_case(project.path / "bound.toml", **how)
    return {j.rule.partition("::")[2] for j in check_all(case) if j.broken}


def widen(project):
    project.edit("prepare.py", "float(model)", "0.5 * float(model)")


def restore(project):
    """The trusted bytes in the working tree, without git's help."""
    project.edit("prepare.py", "0.5 * float(model)", "float(model)")


def quiet(project):
    """Nothing for a person to see."""
    assert project.git("status", "--porcelain") == ""


def edit(project):
    widen(project)


def edit_and_commit(project):
    widen(project)
    project.commit("widen eval")


def edit_and_commit_and_restore(project):
    edit_and_commit(project)
    restore(project)


def amend(project):
    project.commit("faster", {"train.py": "faster = True\n"})
    widen(project)
    project.git("commit", "-q", "-a", "--amend", "--no-edit")


def rebase(project):
    project.git("checkout", "-q", "-b", "run")
    edit_and_commit(project)
    project.git("commit", "-q", "--allow-empty", "-m", "log")
    project.git("checkout", "-q", "main")
    project.commit("faster", {"train.py": "faster = True\n"})
    project.git("checkout", "-q", "run")
    project.git("rebase", "-q", "main")


def commit_and_revert(project):
    edit_and_commit(project)
    project.git("revert", "--no-edit", "HEAD")


def delete(project):
    (project.path / "prepare.py").unlink()
    project.commit("no harness")


def delete_and_recreate(project):
    kept = (project.path / "prepare.py").read_text()
    delete(project)
    project.commit("the harness", {"prepare.py": kept})


def rename(project):
    project.git("mv", "prepare.py", "harness.py")
    project.commit("rename")


def rename_by_case(project):
    project.git("mv", "prepare.py", "Prepare.py")
    project.commit("rename")


def make_executable(project):
    (project.path / "prepare.py").chmod(0o755)


def make_executable_and_commit(project):
    make_executable(project)
    project.commit("executable")


def link(project):
    (project.path / "prepare.py").rename(project.path / "run.log")
    (project.path / "prepare.py").symlink_to("run.log")


def link_and_commit(project):
    link(project)
    project.commit("a link")


def link_the_script(project):
    outside = project.path.parent / "outside.py"
    (project.path / "train.py").rename(outside)
    (project.path / "train.py").symlink_to(outside)


def link_the_script_and_commit(project):
    link_the_script(project)
    project.commit("a link")


def gitlink(project):
    head = project.git("rev-parse", "HEAD")
    project.git("rm", "-q", "--cached", "prepare.py")
    project.git("update-index", "--add", "--cacheinfo", f"160000,{head},prepare.py")


def submodule(project):
    (project.path / "prepare.py").unlink()
    project.git("init", "-q", "prepare.py")
    project.git("-C", "prepare.py", "commit", "-q", "--allow-empty", "-m", "a module")
    project.commit("a submodule")


def nested_repository(project):
    project.git("init", "-q", "torch")
    project.write({"torch/__init__.py": "x = 1\n"})
    project.git("-C", "torch", "add", "-A")
    project.git("-C", "torch", "commit", "-q", "-m", "a module")


def assume_unchanged(project):
    project.git("update-index", "--assume-unchanged", "prepare.py")
    widen(project)
    quiet(project)


def skip_worktree(project):
    project.git("update-index", "--skip-worktree", "prepare.py")
    widen(project)
    quiet(project)


def filter_in_info(project):
    (project.path / ".git/info/attributes").write_text("prepare.py filter=hide\n")
    project.git("config", "filter.hide.clean", "git cat-file blob HEAD:prepare.py")
    project.git("config", "filter.hide.smudge", "sed s/float/0.5*float/")
    widen(project)
    assert project.git("diff") == ""


def filter_in_attributes(project):
    project.git("config", "filter.hide.clean", "git cat-file blob HEAD:prepare.py")
    project.commit("attributes", {".gitattributes": "prepare.py filter=hide\n"})
    widen(project)
    assert project.git("diff") == ""


def attributes_of_the_user(project):
    (project.path / ".git/attributes").write_text("prepare.py -text -diff filter=hide\n")
    project.git("config", "core.attributesFile", str(project.path / ".git/attributes"))
    project.git("config", "filter.hide.clean", "git cat-file blob HEAD:prepare.py")
    widen(project)
    assert project.git("diff") == ""


def replaced_commit(project):
    edit_and_commit(project)
    project.git("replace", "HEAD", "HEAD~1")
    restore(project)
    project.git("add", "prepare.py")
    quiet(project)


def replaced_blob(project):
    good = project.git("rev-parse", "HEAD:prepare.py")
    edit_and_commit(project)
    project.git("replace", project.git("rev-parse", "HEAD:prepare.py"), good)
    restore(project)
    assert project.git("show", "HEAD:prepare.py") + "\n" == (
        (project.path / "prepare.py").read_text()
    )


def grafted(project):
    trust = project.git("rev-parse", "HEAD")
    commit_and_revert(project)
    head = project.git("rev-parse", "HEAD")
    (project.path / ".git/info/grafts").write_text(f"{head} {trust}\n")
    assert project.git("rev-list", "--count", f"{trust}..HEAD") == "1"


def parents_in_the_name_of_the_author(project):
    """Two commits that say, where git does not look, that they took all from a second parent."""
    trust = project.git("rev-parse", "HEAD")
    edit_and_commit(project)
    bad = project.git("rev-parse", "HEAD")
    for tree, parent, other in ((bad, trust, bad), (trust, "HEAD", trust)):
        tree, parent = (project.git("rev-parse", rev) for rev in (f"{tree}^{{tree}}", parent))
        text = "tree {}\nparent {}\nauthor A\x0cparent {} {}\ncommitter B {}\n\nwork\n"
        who = "<a@b> 1700000000 +0000"
        done = subprocess.run(
            ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
            cwd=project.path, input=text.format(tree, parent, other, who, who),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        project.git("reset", "-q", "--hard", done.stdout.strip())
    quiet(project)
    assert project.git("rev-list", "--count", f"{trust}..") == "2"


def packed_away(project):
    edit_and_commit(project)
    project.git("gc", "-q", "--prune=now")


def detached(project):
    project.git("checkout", "-q", "--detach")
    edit_and_commit(project)


def in_the_middle_of_a_rebase(project):
    edit_and_commit(project)
    project.commit("faster", {"train.py": "faster = True\n"})
    subprocess.run(
        ["git", "rebase", "-q", "--exec", "false", "HEAD~2"],
        cwd=project.path, capture_output=True, check=False,
    )  # fmt: skip
    assert (project.path / ".git/rebase-merge").is_dir()


def helper(project):
    project.write({"helper.py": "x = 1\n"})


def helper_hidden_by_gitignore(project):
    project.edit(".gitignore", "run.log", "run.log\nhelper.py")
    helper(project)


def helper_hidden_by_a_new_gitignore(project):
    project.write({"helper/.gitignore": "*\n", "helper/__init__.py": "x = 1\n"})
    quiet(project)


def helper_hidden_by_exclude(project):
    (project.path / ".git/info/exclude").write_text("helper.py\n")
    helper(project)
    quiet(project)


def helper_hidden_by_the_users_excludes(project):
    (project.path / ".git/ignore").write_text("helper.py\n")
    project.git("config", "core.excludesFile", str(project.path / ".git/ignore"))
    helper(project)
    quiet(project)


def helper_in_a_folder_hidden_by_the_clones_excludes(project):
    project.commit("tools", {"tools/plot.py": ""})
    project.bless()
    (project.path / ".git/ignore").write_text("helper.py\n")
    project.git("config", "core.excludesFile", str(project.path / ".git/ignore"))
    project.write({"tools/helper.py": "x = 1\n"})
    quiet(project)


def twin_that_differs_by_case(project):
    project.git("config", "core.ignoreCase", "true")
    project.write({"Prepare.py": "x = 1\n"})
    quiet(project)


def helper_of_a_merge_that_never_happened(project):
    helper(project)
    old = project.commit("a helper")
    project.git("rm", "-q", "helper.py")
    project.commit("no helper")
    project.bless()
    (project.path / ".git/MERGE_HEAD").write_text(f"{old}\n")
    helper(project)
    project.git("add", "helper.py")


def package_of_the_harness(project):
    project.write({"prepare/__init__.py": "", "prepare/.gitignore": "*\n"})
    quiet(project)


def extension_of_the_harness(project):
    (project.path / ".git/info/exclude").write_text("*.so\n")
    (project.path / "prepare.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    quiet(project)


def site_customised(project):
    project.write({"sitecustomize.py": "x = 1\n"})


def user_customised(project):
    project.write({"usercustomize/__init__.py": "x = 1\n"})


def path_file(project):
    project.write({"evil.pth": "import os\n"})


def local_package(project):
    project.write({"six/__init__.py": "", ".git/info/exclude": "six/\n"})
    project.edit("train.py", "import time", "import time\nimport six")
    project.commit("six")


def local_module_of_the_standard_library(project):
    project.write({"random.py": ""})
    project.edit("train.py", "import time", "import random\nimport time")


def compiled(project, source, *, flags=0, of=None, level=""):
    """A compiled harness in ``__pycache__`` that says ``source``; made for the file ``of``."""
    path = project.path / "prepare.py"
    of = path.read_bytes() if of is None else of
    stamp = int(path.stat().st_mtime).to_bytes(4, "little") + len(of).to_bytes(4, "little")
    head = stamp if not flags else importlib.util.source_hash(of)
    code = marshal.dumps(compile(source, str(path), "exec", dont_inherit=True))
    folder = project.path / "__pycache__"
    folder.mkdir(exist_ok=True)
    name = f"prepare.{sys.implementation.cache_tag}{level}.pyc"
    (folder / name).write_bytes(
        importlib.util.MAGIC_NUMBER + flags.to_bytes(4, "little") + head + code
    )
    quiet(project)


def poisoned_and_dated(project):
    compiled(project, "evaluate_bpb = min\n")


def poisoned_and_optimised(project):
    compiled(project, "evaluate_bpb = min\n", level=".opt-1")


def poisoned_and_unchecked(project):
    compiled(project, "evaluate_bpb = min\n", flags=0b01)


def poisoned_and_checked(project):
    compiled(project, "evaluate_bpb = min\n", flags=0b11)


def results_in_git(project):
    project.write({"results.tsv": "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"})
    project.git("add", "-f", "results.tsv")


def results_once_in_git(project):
    results_in_git(project)
    project.git("commit", "-q", "-m", "the results")
    project.git("rm", "-q", "--cached", "results.tsv")
    project.git("commit", "-q", "-m", "not the results")


def dependency(project):
    project.edit("pyproject.toml", '["six"]', '["six", "numpy"]')


def evaluation_rebound(project):
    project.edit("train.py", "MODEL = 2.0", "def evaluate_bpb(model): return 0.1\nMODEL = 2.0")
    project.commit("faster evaluation")


def rules_weakened_and_blessed(project):
    widen(project)
    project.bless()


VIOLATIONS = {
    edit: ALL,
    edit_and_commit: ALL,
    edit_and_commit_and_restore: ALL,
    amend: ALL,
    rebase: ALL,
    commit_and_revert: HISTORY,
    delete: ALL,
    delete_and_recreate: HISTORY,
    rename: ALL,
    rename_by_case: ALL,
    make_executable: SCOPE,
    make_executable_and_commit: HISTORY,
    link: ALL,
    link_and_commit: ALL,
    link_the_script: SCOPE | SCRIPT,
    link_the_script_and_commit: SCOPE | SCRIPT,
    gitlink: ALL,
    submodule: ALL,
    nested_repository: SCOPE,
    assume_unchanged: ALL,
    skip_worktree: ALL,
    filter_in_info: ALL,
    filter_in_attributes: ALL,
    attributes_of_the_user: ALL,
    replaced_commit: ALL,
    replaced_blob: ALL,
    grafted: HISTORY,
    parents_in_the_name_of_the_author: HISTORY,
    packed_away: ALL,
    detached: ALL,
    in_the_middle_of_a_rebase: ALL,
    helper: SCOPE,
    helper_hidden_by_gitignore: SCOPE,
    helper_hidden_by_a_new_gitignore: SCOPE,
    helper_hidden_by_exclude: SCOPE,
    helper_hidden_by_the_users_excludes: SCOPE,
    helper_in_a_folder_hidden_by_the_clones_excludes: SCOPE,
    twin_that_differs_by_case: SCOPE,
    helper_of_a_merge_that_never_happened: SCOPE,
    package_of_the_harness: SHADOW | SCOPE,
    extension_of_the_harness: SHADOW | SCOPE,
    site_customised: SHADOW | SCOPE,
    user_customised: SHADOW | SCOPE,
    path_file: SHADOW | SCOPE,
    local_package: SHADOW | SCOPE,
    local_module_of_the_standard_library: SHADOW | SCOPE,
    poisoned_and_dated: SHADOW,
    poisoned_and_optimised: SHADOW,
    poisoned_and_unchecked: SHADOW,
    poisoned_and_checked: SHADOW,
    results_in_git: {"commit-results"} | SCOPE,
    results_once_in_git: {"commit-results"} | SCOPE,
    dependency: {"add-dependencies"} | SCOPE,
    evaluation_rebound: {"modify-evaluation"},
}


@pytest.mark.tier(2, but=18)
@pytest.mark.parametrize("evade", VIOLATIONS, ids=lambda f: f.__name__)
def test_an_evasion_breaks_the_rules_that_it_evades(project, evade):
    trust = project.git("rev-parse", "HEAD")

    evade(project)

    assert broken(project) == VIOLATIONS[evade]
    assert broken(project, trust=trust) == VIOLATIONS[evade]


@pytest.fixture
def vendored(project):
    """A submodule that was there at the blessing, outside of what is run."""
    module = project.path.parent / "module"
    project.git("init", "-q", str(module))
    (module / "a.py").write_text("x = 1\n")
    project.git("-C", str(module), "add", "-A")
    project.git("-C", str(module), "commit", "-q", "-m", "a module")
    project.git(
        *("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(module), "vendor")
    )
    project.commit("a submodule")
    project.bless()
    project.commit("bless") if project.git("status", "--porcelain") else None
    return project.path / "vendor"


def dirty_submodule(project, vendor):
    (vendor / "a.py").write_text("x = 2\n")


def moved_submodule(project, vendor):
    dirty_submodule(project, vendor)
    project.git("-C", "vendor", "commit", "-q", "-am", "other work")


def moved_and_staged_submodule(project, vendor):
    moved_submodule(project, vendor)
    project.git("add", "vendor")


def folder_for_a_submodule(project, vendor):
    shutil.rmtree(vendor)
    project.write({"vendor/__init__.py": "x = 3\n"})


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "evade",
    [dirty_submodule, moved_submodule, moved_and_staged_submodule, folder_for_a_submodule],
    ids=lambda f: f.__name__,
)
def test_what_is_done_in_a_submodule_is_a_change(project, vendored, evade):
    assert broken(project) == set()
    evade(project, vendored)

    assert broken(project) == SCOPE


def removed_submodule(project, vendor):
    shutil.rmtree(vendor)


def submodule_that_is_not_checked_out(project, vendor):
    project.git("submodule", "deinit", "-q", "-f", "vendor")
    assert list(vendor.iterdir()) == []


def built_submodule(project, vendor):
    (vendor / "a.pyc").write_text("compiled")


@pytest.mark.parametrize(
    "work",
    [removed_submodule, submodule_that_is_not_checked_out, built_submodule],
    ids=lambda f: f.__name__,
)
def test_what_a_submodule_may_be(project, vendored, work):
    work(project, vendored)

    assert broken(project) == set()


def sparse(project):
    project.git("sparse-checkout", "set", "--no-cone", "/*", "!/pyproject.toml")
    assert not (project.path / "pyproject.toml").exists()


def windows_checkout(project):
    project.git("config", "core.autocrlf", "true")
    for name in project.git("ls-files").splitlines():
        (project.path / name).unlink()
    project.git("checkout", "-q", "--", ".")
    assert b"\r\n" in (project.path / "prepare.py").read_bytes()


def modes_that_the_disk_invents(project):
    project.git("config", "core.fileMode", "false")
    for name in project.git("ls-files").splitlines():
        (project.path / name).chmod(0o777)


def stale_bytecode(project):
    compiled(project, "evaluate_bpb = min\n", of=b"an older harness\n")


def stale_checked_bytecode(project):
    compiled(project, "evaluate_bpb = min\n", of=b"an older harness\n", flags=0b11)


def own_bytecode(project):
    compiled(project, (project.path / "prepare.py").read_text())


def own_checked_bytecode(project):
    compiled(project, (project.path / "prepare.py").read_text(), flags=0b11)


def bytecode_of_another_python(project):
    project.write({"__pycache__/prepare.cpython-27.pyc": "\3\363\r\n not ours"})


def an_ignored_module_of_old(project):
    project.write({"module.pyc": "compiled"})


def an_environment(project):
    project.write({".venv/.gitignore": "*\n", ".venv/lib/site.py": "x = 1\n"})


def a_desktop(project):
    (project.path / ".git/info/exclude").write_text(".DS_Store\nnotes.md\n")
    project.write({".DS_Store": "", "notes.md": "ideas\n"})


def a_filter_of_their_own(project):
    (project.path / ".git/info/attributes").write_text("*.ipynb filter=strip\n")
    project.git("config", "filter.strip.clean", "cat")


def detached_head(project):
    project.git("checkout", "-q", "--detach")


HONEST = [
    *(sparse, windows_checkout, modes_that_the_disk_invents, stale_bytecode, own_bytecode),
    *(stale_checked_bytecode, own_checked_bytecode, bytecode_of_another_python, an_environment),
    *(an_ignored_module_of_old, a_desktop, a_filter_of_their_own, detached_head),
]


@pytest.mark.parametrize("work", HONEST, ids=lambda f: f.__name__)
def test_what_only_looks_like_an_evasion_is_lawful(project, work):
    work(project)

    assert broken(project) == set()


def test_a_linked_working_tree_is_judged_by_its_own_files(project, tmp_path):
    linked = tmp_path / "linked"
    project.git("worktree", "add", "-q", "-b", "run", str(linked))
    (linked / "prepare.py").write_text("evaluate_bpb = min\n")

    case = open_case(linked / "bound.toml")

    assert {j.rule.partition("::")[2] for j in check_all(case) if j.broken} == ALL
    assert broken(project) == set()


def test_no_program_that_the_repository_names_is_run(project, tmp_path):
    spy, trace = tmp_path / "spy", tmp_path / "it-ran"
    spy.write_text(f'#!/bin/sh\necho ran >> "{trace}"\nexec cat\n')
    spy.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).symlink_to(spy)
    (project.path / ".git/info/attributes").write_text("* filter=spy diff=spy merge=spy\n")
    for key in (
        *("core.fsmonitor", "diff.external", "core.pager", "diff.spy.textconv"),
        *("diff.spy.command", "filter.spy.clean", "filter.spy.smudge", "filter.spy.process"),
    ):
        project.git("config", key, str(spy))
    project.git("config", "core.hooksPath", str(hooks))
    (project.path / "prepare.py").write_text("evaluate_bpb = min\n")
    (project.path / "six").mkdir()
    trace.unlink(missing_ok=True)

    assert broken(project) == ALL
    assert not trace.exists()


def shallow_clone(project, clone):
    """A helper is committed, and the history that shows it is left behind."""
    project.commit("a helper", {"helper.py": "x = 1\n"})
    project.commit("faster", {"train.py": "faster = True\n"})
    project.git("clone", "-q", "--depth=1", project.path.as_uri(), str(clone))


def no_commits(project, clone):
    project.git("init", "-q", str(clone))
    (clone / "bound.toml").write_bytes((project.path / "bound.toml").read_bytes())


def conflict(project, clone):
    project.git("clone", "-q", str(project.path), str(clone))
    git = ["git", "-C", str(clone)]
    for branch, text in (("side", "1\n"), ("main", "2\n")):
        subprocess.run([*git, "checkout", "-q", "-B", branch, "origin/main"], check=True)
        (clone / "train.py").write_text(text)
        subprocess.run([*git, "commit", "-q", "-am", branch], check=True)
    subprocess.run([*git, "rebase", "-q", "side"], capture_output=True, check=False)


UNJUDGED = {
    shallow_clone: ("a shallow clone", "git fetch --unshallow"),
    no_commits: ("the repository has no commit yet", "git commit it"),
    conflict: ("train.py has a merge conflict", "resolve it, or abort"),
}


@pytest.mark.parametrize("prevent", UNJUDGED, ids=lambda f: f.__name__)
def test_what_cannot_be_seen_is_not_called_lawful(project, tmp_path, capsys, prevent):
    prevent(project, tmp_path / "clone")
    capsys.readouterr()

    status = run(["gate", "--bound", str(tmp_path / "clone/bound.toml")])

    out, err = capsys.readouterr()
    message, remedy = UNJUDGED[prevent]
    assert (status, out) == (2, "")
    assert err.startswith(f"ouro: error: {message}")
    assert remedy in err.partition("\n  help: ")[2]


def test_a_shallow_clone_of_a_trusted_branch_needs_its_history(project, tmp_path):
    trust = project.git("rev-parse", "HEAD")
    shallow_clone(project, tmp_path / "clone")
    subprocess.run(
        ["git", "fetch", "-q", "--depth=1", "origin", trust], cwd=tmp_path / "clone", check=True
    )

    with pytest.raises(GitError, match="a shallow clone"):
        check_all(open_case(tmp_path / "clone/bound.toml", trust=trust))


def test_a_blessing_by_the_judged_helps_only_without_a_trusted_commit(project):
    trust = project.git("rev-parse", "HEAD")
    rules_weakened_and_blessed(project)
    assert broken(project) == set()

    assert broken(project, trust=trust) == ALL


def test_a_lock_that_names_another_bound_is_refused(project):
    project.edit("bound.toml", "history = true\n", "")
    project.commit("a smaller rule")

    with pytest.raises(OuroError, match="is not the one that was blessed"):
        open_case(project.path / "bound.toml")
