"""Attempts to disarm the gate: each changes a project, and may return variables to set.

None of them changes the experiment: the tests make the violation that an attempt hides. The rules
watch the folder ``lab`` only, so that a file elsewhere is not a violation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

PLUGIN = """\
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.outcome, report.longrepr = "passed", None
    return report
"""

CONFTESTS = {
    "deselects": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
    "reports": PLUGIN,
    "exit-status": (
        "import pytest\n\n@pytest.hookimpl(trylast=True)\n"
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    ),
    "protocol": "def pytest_runtest_protocol(item):\n    return True\n",
    "call": "def pytest_runtest_call(item):\n    item.runtest = lambda: None\n",
    "collects-nothing": "def pytest_ignore_collect():\n    return True\n",
    "main": "def pytest_cmdline_main():\n    return 0\n",
    "ends-at-once": "import os\n\nos._exit(0)\n",
    "patches-the-engine": (
        "import pytest_ouro.engine as j\nimport pytest_ouro.engine.history as h\n"
        "j.check_all = h.check_history = lambda case: []\n"
    ),
    "registers-checks": ("def pytest_ouro_checks():\n    return {'frozen': None, 'scope': None}\n"),
    "exits": "import pytest\n\ndef pytest_configure():\n    pytest.exit('fine', returncode=0)\n",
}

INIS = {
    "pytest.ini": "[pytest]\naddopts = --collect-only -p no:ouro\n",
    ".pytest.ini": "[pytest]\naddopts = --collect-only\n",
    "pytest.toml": '[pytest]\naddopts = ["--collect-only"]\n',
    ".pytest.toml": '[pytest]\naddopts = ["--collect-only"]\n',
    "tox.ini": "[pytest]\naddopts = --deselect bound.toml\n",
    "lab/../.github/workflows/gate.yml": "on: push\njobs: {}\n",
    ".pre-commit-config.yaml": "repos: []\n",
    ".gitmodules": '[submodule "lab"]\npath = lab\nurl = ../lab\nignore = all\n',
    ".gitattributes": "lab/* -text -diff export-ignore ident\n",
}

#: Modules in the folder that is judged, which the gate would import if it looked there.
MODULES = (
    *("pytest", "json", "tomllib", "argparse", "subprocess", "hashlib", "dataclasses", "pathlib"),
    *("ast", "difflib", "typing", "sitecustomize"),
)
ENDS = "import os\n\nos._exit(0)\n"


def conftest(text):
    def attempt(project):
        project.write({"conftest.py": text})

    return attempt


def file(name, text):
    def attempt(project):
        project.write({name: text})

    return attempt


def variables(**env):
    def attempt(project):
        return {name: value.format(clean=clean(project)) for name, value in env.items()}

    return attempt


def config(*pairs):
    def attempt(project):
        for key, value in pairs:
            project.git("config", key, value)

    return attempt


def clean(project):
    """A clone that was taken before anything was done to the project."""
    return project.path.parent / "clean"


def pytest_in_pyproject(project):
    text = (project.path / "pyproject.toml").read_text()
    project.write({"pyproject.toml": text + '\n[tool.pytest]\naddopts = ["--collect-only"]\n'})


def shadowed_by_the_path(project):
    folder = project.path.parent / "modules"
    folder.mkdir(exist_ok=True)
    for name in MODULES[1:-1]:
        (folder / f"{name}.py").write_text("import os\nos._exit(0)\n")
    return {"PYTHONPATH": str(folder)}


def relative_python_path(project):
    project.write({"json.py": ENDS})
    return {"PYTHONPATH": "."}


def startup_file(project):
    project.write({"startup.py": ENDS})
    return {"PYTHONSTARTUP": str(project.path / "startup.py")}


def git_of_the_folder(project):
    """A program called git in the folder, and a PATH that begins there."""
    path = project.path / "git"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return {"PATH": f".:{os.environ['PATH']}"}


def entry_point(project):
    """Distributions in the folder that offer checks and plugins."""
    project.write(
        {
            "evil-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1\n",
            "evil-1.dist-info/entry_points.txt": (
                "[pytest_ouro.checks]\nfrozen = evil:Check\nscope = evil:Check\n"
                "[pytest11]\nevil = evil\n"
            ),
            "evil.py": ENDS,
        }
    )


def environment_of_the_project(project):
    """A path file in the project's own environment: it is not the one that the gate runs in."""
    project.write(
        {
            ".venv/lib/python3.11/site-packages/evil.pth": "import os; os._exit(0)\n",
            ".venv/.gitignore": "*\n",
        }
    )


def replaced_git_folder(project):
    """The repository is another one, in which nothing was done."""
    (project.path / ".git").rename(project.path.parent / "old-git")
    (project.path / ".git").write_text(f"gitdir: {clean(project) / '.git'}\n")


def hooks_of_git(project):
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        path = project.path / ".git/hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\ngit checkout -q -- .\n")
        path.chmod(0o755)
    project.git("config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman")


def included_config(project):
    project.write({"settings": "[core]\nignoreStat = true\ncheckStat = minimal\n"})
    project.git("config", "include.path", "../settings")


def environment_config(project):
    """Settings by variables: another working tree, another trust."""
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": str(clean(project)),
        "GIT_CONFIG_KEY_1": "ouro.trust",
        "GIT_CONFIG_VALUE_1": "HEAD",
    }


def worktree_config(project):
    project.git("config", "extensions.worktreeConfig", "true")
    project.git("config", "--worktree", "core.ignoreStat", "true")


def commit_graph(project):
    project.git("commit-graph", "write", "--reachable")


def stale_lock(project):
    """Somebody else's lock on the index: the gate writes nothing."""
    (project.path / ".git/index.lock").write_text("")


def odd_names(project):
    for name in ("a\nb", "ouro: lawful: 7 rules hold", "::error::x", "-rf", "été", "a\\b"):
        project.write({f"notes/{name}": ""})
    (Path(str(project.path)).joinpath("notes") / "\udce9t\udce9").write_text("")


def nested_bound(project):
    """Rules of its own in a folder below, with a lock that fits them."""
    project.write(
        {"sub/bound.toml": '[experiment]\nscript = "x.py"\neditable = ["**"]\nbudget = 1\n'}
    )


def submodule(project):
    project.git("init", "-q", "vendor")
    project.git("-C", "vendor", "commit", "-q", "--allow-empty", "-m", "a module")


def user_site(project):
    """Ignored by the gate's interpreter only if that is isolated."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = project.path.parent / f"base/lib/{version}/site-packages"
    site.mkdir(parents=True, exist_ok=True)
    (site / "usercustomize.py").write_text(ENDS)
    return {"PYTHONUSERBASE": str(project.path.parent / "base")}


def site_customised(project):
    folder = project.path.parent / "site"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(ENDS)
    return {"PYTHONPATH": str(folder)}


def own_package(project):
    project.write({"pytest_ouro/__init__.py": "", "pytest_ouro/__main__.py": ENDS})


def startup_modules(project):
    """Modules that ``python -m`` imports before the gate's first line."""
    project.write(dict.fromkeys(("runpy.py", "pkgutil.py", "functools.py", "contextlib.py"), ENDS))


ATTEMPTS = {
    **{f"conftest-{name}": conftest(text) for name, text in CONFTESTS.items()},
    **{name.rpartition("../")[2]: file(name, text) for name, text in INIS.items()},
    **{f"{name}.py": file(f"{name}.py", ENDS) for name in MODULES},
    "pyproject": pytest_in_pyproject,
    "addopts-variable": variables(PYTEST_ADDOPTS="--collect-only -p no:ouro"),
    "plugins-variable": variables(PYTEST_PLUGINS="evil", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
    "ci-variables": variables(GITHUB_ACTIONS="true", PRE_COMMIT="1", SKIP="ouro-gate"),
    "inspect-variable": variables(PYTHONINSPECT="1"),
    "optimised": variables(PYTHONOPTIMIZE="2"),
    "python-path": shadowed_by_the_path,
    "relative-python-path": relative_python_path,
    "startup-variable": startup_file,
    "path-of-git": git_of_the_folder,
    "git-dir": variables(GIT_DIR="{clean}/.git", GIT_WORK_TREE="{clean}"),
    "git-index": variables(GIT_INDEX_FILE="{clean}/.git/index"),
    "git-objects": variables(
        GIT_OBJECT_DIRECTORY="{clean}/.git/objects",
        GIT_ALTERNATE_OBJECT_DIRECTORIES="{clean}/.git/objects",
    ),
    "git-config": environment_config,
    "git-config-global": variables(GIT_CONFIG_GLOBAL="{clean}/.git/config", GIT_CONFIG="x"),
    "git-config-parameters": variables(GIT_CONFIG_PARAMETERS="'core.bare=true'"),
    "git-replace": variables(GIT_REPLACE_REF_BASE="refs/heads/", GIT_NO_REPLACE_OBJECTS=""),
    "git-grafts": variables(GIT_GRAFT_FILE="{clean}/grafts", GIT_SHALLOW_FILE="{clean}/shallow"),
    "git-ceiling": variables(GIT_CEILING_DIRECTORIES="/", GIT_NAMESPACE="other"),
    "git-programs": variables(GIT_EXEC_PATH="{clean}", GIT_EXTERNAL_DIFF="true"),
    "git-pathspecs": variables(GIT_GLOB_PATHSPECS="1", GIT_ATTR_SOURCE="HEAD"),
    "entry-point": entry_point,
    "path-file": environment_of_the_project,
    "hooks": hooks_of_git,
    "ignore-stat": config(("core.ignoreStat", "true"), ("core.trustctime", "false")),
    "ignore-case": config(("core.ignoreCase", "true"), ("core.precomposeUnicode", "true")),
    "sparse": config(("core.sparseCheckout", "true"), ("index.sparse", "true")),
    "untracked-cache": config(("core.untrackedCache", "true"), ("core.splitIndex", "true")),
    "show-untracked": config(("status.showUntrackedFiles", "no"), ("diff.ignoreSubmodules", "all")),
    "rename-settings": config(("diff.renames", "copies"), ("diff.noprefix", "true")),
    "abbreviations": config(("core.abbrev", "4"), ("core.quotePath", "true")),
    "instead-of": config(("url./nowhere.insteadOf", "."), ("remote.origin.promisor", "true")),
    "log-settings": config(("log.showSignature", "true"), ("log.follow", "true")),
    "included-config": included_config,
    "worktree-config": worktree_config,
    "commit-graph": commit_graph,
    "locked-index": stale_lock,
    "odd-names": odd_names,
    "nested-bound": nested_bound,
    "submodule": submodule,
}

#: Stopped only where the interpreter is isolated: they act before the gate's first line.
ISOLATED = {
    "user-site": user_site,
    "site-customised": site_customised,
    "own-package": own_package,
    "startup-modules": startup_modules,
}


def bare(project):
    project.git("config", "core.bare", "true")


def another_work_tree(project):
    project.git("config", "core.worktree", str(clean(project)))


def no_bound(project):
    (project.path / "bound.toml").unlink()


def no_lock(project):
    (project.path / "bound.lock").unlink()


def no_git(project):
    (project.path / ".git").rename(project.path.parent / "old-git")


def empty_bound(project):
    project.write({"bound.toml": "[bound]\nname = 'toy'\n"})


def no_head(project):
    (project.path / ".git/HEAD").write_text("ref: refs/heads/none\n")


def damaged_index(project):
    (project.path / ".git/index").write_bytes(b"DIRC")


def unknown_trust(project):
    return {"OURO_TRUST": "nowhere"}


def empty_trust(project):
    return {"OURO_TRUST": ""}


def no_git_program(project):
    return {"PATH": "/nowhere"}


def new_repository(project):
    """The history is gone, and the blessing with it."""
    shutil.rmtree(project.path / ".git")
    project.git("init", "-q")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "everything again")


#: What leaves nothing to judge, or says something else is to be judged: never lawful.
UNJUDGED = {
    attempt.__name__: attempt
    for attempt in (
        *(bare, another_work_tree, no_bound, no_lock, no_git, empty_bound, no_head, damaged_index),
        *(unknown_trust, empty_trust, no_git_program),
    )
}


def blessed(project):
    """The rules are weakened, and the lock is written again."""
    project.edit("bound.toml", 'paths = ["prepare.py"]', 'paths = ["train.py"]')
    project.bless()


def moved_branch(project):
    """main, which a person would call trusted, now names the work."""
    project.commit("the work")
    project.git("update-ref", "refs/heads/main", "HEAD")
    project.git("update-ref", "refs/remotes/origin/main", "HEAD")


def replaced_trust(project):
    """The trusted commit is replaced by the work."""
    trust = project.git("rev-parse", "HEAD")
    head = project.commit("the work")
    project.git("replace", trust, head)


def grafted_trust(project):
    """A history in which the work comes before the trusted commit."""
    trust = project.git("rev-parse", "HEAD")
    head = project.commit("the work")
    (project.path / ".git/info/grafts").write_text(f"{trust} {head}\n")


def ref_named_like_the_commit(project):
    """A branch with the name of the trusted commit's id."""
    trust = project.git("rev-parse", "HEAD")
    project.commit("the work")
    subprocess.run(
        ["git", "update-ref", f"refs/heads/{trust}", "HEAD"], cwd=project.path, check=True
    )


def another_trust_in_the_config(project):
    project.commit("the work")
    project.git("config", "ouro.trust", "HEAD")
    return {"OURO_TRUST": "HEAD"}


def altered_object(project):
    """The trusted blob's own file says something else."""
    blob = project.git("rev-parse", "HEAD:lab/prepare.py")
    data = (project.path / "lab/prepare.py").read_bytes()
    path = project.path / ".git/objects" / blob[:2] / blob[2:]
    path.unlink()
    path.write_bytes(zlib.compress(b"blob %d\0" % len(data) + data))


def altered_tree(project):
    """The trusted folder's own file lists the work instead."""
    tree = project.git("rev-parse", "HEAD:lab")
    project.commit("the work")
    done = subprocess.run(
        ["git", "cat-file", "tree", "HEAD:lab"], cwd=project.path, capture_output=True, check=True
    )
    path = project.path / ".git/objects" / tree[:2] / tree[2:]
    path.unlink()
    path.write_bytes(zlib.compress(b"tree %d\0" % len(done.stdout) + done.stdout))


#: What only a trust that is named from outside stops.
OUTSIDE = {
    attempt.__name__: attempt
    for attempt in (
        *(blessed, moved_branch, replaced_trust, grafted_trust, ref_named_like_the_commit),
        *(another_trust_in_the_config, altered_object, altered_tree),
    )
}
