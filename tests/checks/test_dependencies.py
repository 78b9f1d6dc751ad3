"""``dependencies``: declared and locked packages stay; other keys of those files may change."""

import hashlib

import pytest

from pytest_ouro.engine import open_case
from pytest_ouro.engine.history import check_history

RULE = "never-do::add-dependencies"

CHANGES = [
    ("added to the project", '["six"]', '["six", "numpy>=2"]', "added numpy (dependencies) >=2"),
    ("removed", '["six"]', "[]", "removed six (dependencies)"),
    ("pinned", '["six"]', '["six==1"]', "changed six (dependencies)  → ==1"),
    ("from elsewhere", '["six"]', '["six @ git+https://e.org/x"]', "changed six (dependencies)"),
    ("stated twice", '["six"]', '["six @ git+https://e.org/x", "six"]', "changed six (depend"),
    ("an extra", "[project]", '[project.optional-dependencies]\nx = ["numpy"]\n[project]',
     "added numpy (extra x)"),
    ("a group", "[project]", '[dependency-groups]\ndev = ["numpy"]\n[project]',
     "added numpy (group dev)"),
    ("a group in a group", "[project]",
     '[dependency-groups]\na = ["six"]\nb = [{include-group = "a"}]\n[project]',
     "added six (group a), {'include-group': 'a'} (group b)"),
    ("a build requirement", "[project]", '[build-system]\nrequires = ["numpy"]\n[project]',
     "added numpy (build-system)"),
    ("the Python", "[project]", '[project]\nrequires-python = ">=3.12"', "added python >=3.12"),
    ("computed", 'dependencies = ["six"]', 'dynamic = ["dependencies"]',
     "added dependencies (dynamic) yes; removed six"),
    ("a source", "[project]", '[tool.uv.sources]\nsix = {git = "https://e.org/x"}\n[project]',
     "added tool.uv.sources"),
    ("an index", "[project]", '[[tool.uv.index]]\nurl = "https://e.org/x"\n[project]',
     "added tool.uv.index"),
    ("by poetry", "[project]", '[tool.poetry.dependencies]\nsix = "*"\n[project]',
     "added tool.poetry.dependencies"),
    ("by pixi", "[project]", '[tool.pixi.pypi-dependencies]\nsix = "*"\n[project]',
     "added tool.pixi.pypi-dependencies"),
    ("what is computed", "[project]",
     '[tool.setuptools.dynamic]\ndependencies = {file = ["more.txt"]}\n[project]',
     "added tool.setuptools.dynamic"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), [c[1:] for c in CHANGES],
                         ids=[c[0] for c in CHANGES])  # fmt: skip
def test_a_change_in_pyproject_is_described(project, judged, old, new, words):
    trust = project.git("rev-parse", "--short=7", "HEAD")
    project.edit("pyproject.toml", old, new)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline.startswith(f"pyproject.toml: {words}")
    assert finding.where == "changed in: the working tree"
    assert finding.help.startswith(f"git checkout {trust} -- pyproject.toml   (a person may bless")


def test_a_committed_change_names_its_commit(project, judged):
    project.edit("pyproject.toml", '["six"]', '["six", "numpy"]')
    head = project.commit("faster maths")

    [finding] = judged(RULE).findings

    assert finding.where.startswith(f"changed in: commit {head[:7]}")


def test_different_changes_in_different_places_are_all_reported(project, judged):
    project.edit("pyproject.toml", '["six"]', '["six", "numpy"]')
    project.git("add", "pyproject.toml")
    project.edit("pyproject.toml", '["six", "numpy"]', '["six", "scipy"]')

    headlines = {finding.where: finding.headline for finding in judged(RULE).findings}

    assert "numpy" in headlines["changed in: the index"]
    assert "scipy" in headlines["changed in: the working tree"]


def test_a_deleted_manifest_is_found(project, judged):
    (project.path / "pyproject.toml").unlink()

    [finding] = judged(RULE).findings

    assert finding.headline == "pyproject.toml: deleted"


PARTS = [
    ("six\nb\na\n", ["added a", "added b"]),
    ("six\na\nb\nc\nd\ne\n", ["added a", "added b", "added c", "added d", "added e"]),
    ("a>=1,<2\n", ["added a >=1,<2", "removed six"]),
    ("six==9\nsix==2\n", ["changed six  → ==9, ==2"]),
]


@pytest.mark.parametrize(("new", "parts"), PARTS)
def test_each_change_is_recognised_by_itself(project, judged, new, parts):
    trust = project.commit("requirements", {"requirements.txt": "six\n"})
    project.write({"requirements.txt": new})

    [finding] = judged(RULE, trust=trust).findings

    assert finding.identity == {f"requirements.txt {part}" for part in parts}


def test_each_package_of_a_new_file_is_recognised_by_itself(project, judged):
    project.write({"requirements.txt": "b\na\n"})

    [finding] = judged(RULE).findings

    words = ("a new dependency file", "added a", "added b")
    assert finding.identity == {f"requirements.txt {part}" for part in words}


def test_of_many_packages_that_are_still_there_no_commit_is_reported_as_undone(project):
    project.commit("five", {"requirements.txt": "b\nc\nd\ne\nf\n"})
    project.commit("one more", {"requirements.txt": "a\nb\nc\nd\ne\nf\n"})

    [result] = [r for r in check_history(open_case(project.path / "bound.toml")) if r.rule == RULE]

    assert [f.headline for f in result.findings] == [
        "requirements.txt: a new dependency file (a, b, c and 3 more)"
    ]


NEW_FILES = {
    "requirements.txt": ("numpy\n", "a new dependency file (numpy)"),
    "requirements-gpu.txt": ("torch==2\n", "a new dependency file (torch)"),
    "setup.py": ("setup()\n", "a new dependency file"),
    "environment.yml": ("- numpy\n", "a new dependency file"),
    "uv.lock": ('[[package]]\nname = "numpy"\nversion = "2"\n', "a new dependency file (numpy)"),
    ".python-version": ("3.9\n", "a new dependency file"),
}


@pytest.mark.parametrize("name", NEW_FILES)
def test_a_new_dependency_file_is_found(project, judged, name):
    text, words = NEW_FILES[name]
    project.write({name: text})

    [finding] = judged(RULE).findings

    assert finding.headline.startswith(f"{name}: {words}")
    assert finding.help.startswith(f"rm {name} ")


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("torch==2.1\nsix\n", "changed torch ==2.0 → ==2.1"),
        ("torch==2.0\nsix\nnumpy\n", "added numpy"),
        ("six\n", "removed torch"),
        ("torch==2.0\nsix\n-r more.txt\n", "added -r more.txt"),
        ("--index-url https://e.org\ntorch==2.0\nsix\n", "added --index-url https://e.org"),
        ("torch==9\ntorch==2.0\nsix\n", "changed torch ==2.0 → ==9, ==2.0"),
        ("torch[cuda]==2.0\nsix\n", "changed torch ==2.0 → [cuda]==2.0"),
    ],
)
def test_a_change_of_requirements_is_described(project, judged, new, words):
    trust = project.commit("requirements", {"requirements.txt": "torch==2.0\nsix\n"})
    project.write({"requirements.txt": new})

    [finding] = judged(RULE, trust=trust).findings

    assert finding.headline == f"requirements.txt: {words}"


def test_a_file_that_requirements_include_counts(project, judged):
    files = {"requirements.txt": "six\n-r deps/base.txt\n", "deps/base.txt": "-c pins\n"}
    trust = project.commit("requirements", {**files, "deps/pins": "torch==2\n"})
    assert judged(RULE, trust=trust).status == "holds"
    project.write({"deps/base.txt": "-c pins\nnumpy\n"})

    [finding] = judged(RULE, trust=trust).findings

    assert finding.headline == "deps/base.txt: added line numpy"


LOCK = (
    '[[package]]\nname = "six"\nversion = "1"\nsource = {registry = "https://registry.example"}\n'
)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"1"', '"2"', "changed six 1 → 2"),
        ("registry.example", "elsewhere.example", "the lock changed (same packages and versions)"),
        ('"six"', '"numpy"', "added numpy 1; removed six"),
    ],
)
def test_every_change_of_a_lock_is_found(project, judged, old, new, words):
    trust = project.commit("lock", {"uv.lock": LOCK})
    project.edit("uv.lock", old, new)

    [finding] = judged(RULE, trust=trust).findings

    assert finding.headline == f"uv.lock: {words}"


def version_bump(project):
    project.edit("pyproject.toml", 'version = "1"', 'version = "2"')


def tool_settings(project):
    project.edit("pyproject.toml", "[project]", "[tool.ruff]\nline-length = 100\n[project]")


def reformatted(project):
    project.edit("pyproject.toml", '["six"]', "[\n  'Six',  # compatibility\n]")


def commented(project):
    project.write({"requirements.txt": "# maths\nTorch == 2.0  # pinned\n\n\nsix\n"})


def reordered(project):
    project.write({"requirements.txt": "six\ntorch==2.0\n"})


def crlf(project):
    project.write({"requirements.txt": "torch==2.0\r\nsix\r\n"})


def crlf_lock(project):
    (project.path / "uv.lock").write_bytes(LOCK.replace("\n", "\r\n").encode())


def elsewhere(project):
    project.write({"docs/requirements.txt": "mkdocs\n", "old/setup.py": "setup()\n"})


HONEST = [
    *(version_bump, tool_settings, reformatted, commented, reordered, crlf, crlf_lock, elsewhere)
]


@pytest.mark.parametrize("work", HONEST, ids=lambda f: f.__name__)
def test_changes_that_install_the_same_packages_hold(project, judged, work):
    trust = project.commit("files", {"requirements.txt": "torch==2.0\nsix\n", "uv.lock": LOCK})

    work(project)

    assert judged(RULE, trust=trust).status == "holds"


def test_a_lock_that_git_lfs_keeps_is_compared_by_its_contents(project, judged):
    text = LOCK.replace("\n", "\r\n").encode()
    name = hashlib.sha256(text).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(text)}\n"
    trust = project.commit("a pointer", {"uv.lock": pointer})

    (project.path / "uv.lock").write_bytes(text)  # as git's own filter would have it
    assert judged(RULE, trust=trust).status == "holds"

    (project.path / "uv.lock").write_bytes(text + b"# more\r\n")
    assert judged(RULE, trust=trust).broken


def test_a_blessed_dependency_holds(project, judged):
    project.edit("pyproject.toml", '["six"]', '["six", "numpy"]')
    assert judged(RULE).broken

    project.bless()
    assert judged(RULE).status == "holds"


def test_without_the_trusted_text_a_change_is_still_found(project, judged):
    project.write({"note": ""})
    project.ouro("bless")
    project.edit("bound.lock", "blessed = ", "# not committed as it lies here\nblessed = ")
    project.edit("pyproject.toml", '["six"]', '["six", "numpy"]')

    [finding] = judged(RULE).findings

    assert finding.headline == "pyproject.toml: changed since it was blessed"


BLOCK = "# /// script\n# dependencies = [{}]\n# ///\n"


def test_a_dependency_that_the_script_states_of_itself_is_found(project, judged):
    old = (project.path / "train.py").read_text()
    trust = project.commit("a block", {"train.py": BLOCK.format("'six'") + old})
    assert judged(RULE, trust=trust).status == "holds"
    project.write({"train.py": BLOCK.format("'six', 'numpy'") + old})

    [finding] = judged(RULE, trust=trust).findings

    assert finding.headline == "train.py: added numpy (dependencies)"
    assert finding.where == ("its block of settings (# /// script), changed in: the working tree")


def test_a_dependency_of_the_script_is_blamed_on_the_commit_that_added_it(project, judged):
    text = (project.path / "train.py").read_text()
    trust = project.commit("a block", {"train.py": BLOCK.format("'six'") + text})
    project.commit("an idea", {"train.py": BLOCK.format("'six'") + text + "A = 1\n"})
    block = BLOCK.format("'six', 'numpy'")
    guilty = project.commit("numpy", {"train.py": block + text})
    project.commit("another idea", {"train.py": block + text + "B = 1\n"})

    [finding] = judged(RULE, trust=trust).findings

    assert finding.where.endswith(f'changed in: commit {guilty[:7]} "numpy"')
    drop = f"git reset --keep {guilty[:7]}~1"
    assert finding.help.endswith(f"; or drop it and the later commits: {drop}")
    project.git(*drop.split()[1:])
    assert judged(RULE, trust=trust).status == "holds"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import numpy", "imports numpy, which no trusted dependency provides"),
        ("import six, numpy.linalg", "imports numpy, which no trusted dependency provides"),
        ("def late():\n    from numpy import array", "imports numpy, which no trusted"),
    ],
)
def test_an_import_that_nothing_provides_is_found(project, judged, line, words):
    project.write({"train.py": f"x = 1\n{line}\n"})

    [finding] = judged(RULE).findings

    number = 2 + line.count("\n")
    assert finding.headline.startswith(f"train.py:{number} {words}")
    assert "pytest-ouro bless" in finding.help


@pytest.mark.parametrize("line", ["import math", "import six", "import prepare"])
def test_an_import_that_is_provided_holds(project, judged, line):
    project.write({"train.py": f"{line}\n"})

    assert judged(RULE).status == "holds"
