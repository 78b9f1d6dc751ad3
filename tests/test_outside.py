"""pytest configuration from outside of the repository affects no experiment unless it is named."""

import os
import shlex
import subprocess
import sys

import pytest

from pytest_ouro.items.outcome_audit import ADVICE

CLOSED = "ouro: closed reason=cannot-run"
#: A conftest.py that leaves a file when it is imported.
TRACE = "import pathlib\npathlib.Path(__file__).with_name('steered').write_text('x')\n"

#: Files above the repository, and the one that is named. None of them is imported.
STEERED = {
    "pytest.ini": ({"pytest.ini": "[pytest]\nouro_bound = project/bound.toml\n"}, "../pytest.ini"),
    "an empty ini": ({".pytest.ini": ""}, "../.pytest.ini"),
    "pytest.toml": ({"pytest.toml": "[pytest]\n"}, "../pytest.toml"),
    "tox.ini": ({"tox.ini": "[pytest]\n"}, "../tox.ini"),
    "setup.cfg": ({"setup.cfg": "[tool:pytest]\n"}, "../setup.cfg"),
    "pyproject": ({"pyproject.toml": "[tool.pytest.ini_options]\nminversion = '1'\n"}, "pyproject"),
    "further above": ({"../pytest.ini": "[pytest]\n"}, "../../pytest.ini"),
    "another bound": (
        {"pytest.ini": "[pytest]\nouro_bound = no/bound.toml\ntestpaths = no\n"},
        "../pytest.ini",
    ),
    "options": (
        {"pytest.ini": "[pytest]\naddopts = --collect-only --ouro-bound=../bound.toml -c x.ini\n"},
        "../pytest.ini",
    ),
    "names itself": ({"pytest.ini": "[pytest]\naddopts = -c ../pytest.ini\n"}, "../pytest.ini"),
    "patterns": ({"pytest.ini": "[pytest]\npython_files = *.py\n"}, "../pytest.ini"),
    "a plugin": (
        {
            "pytest.ini": "[pytest]\naddopts = -p evil\npythonpath = .\n",
            "evil.py": "def pytest_runtest_call(item):\n    item.obj = None\n",
        },
        "../pytest.ini",
    ),
}


@pytest.fixture
def above(project):
    """Write files in the folder above the repository, with a conftest.py that leaves a trace."""

    def above(files):
        for name, text in {"conftest.py": TRACE, **files}.items():
            (project.path.parent / name).write_text(text)
        return project.path.parent / "steered"

    yield above
    (project.path.parent.parent / "pytest.ini").unlink(missing_ok=True)


def assert_refused(project, done, named):
    """Assert that no experiment was run, that this is reported, and the stable last line."""
    assert done.returncode != 0
    assert done.stdout.rstrip("\n").split("\n")[-1] == CLOSED
    assert "would configure the experiment from outside of the repository" in done.stdout
    assert named in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project.path / ".git/ouro/journal.jsonl").exists()


def help_command(done):
    """Return the arguments of the command that the help names."""
    [line] = [line for line in done.stdout.splitlines() if line.startswith("  help: ")]
    return shlex.split(line.partition("leave it out: pytest ")[2])


@pytest.mark.tier(2, but=1)
@pytest.mark.tier(3, but=3)
@pytest.mark.parametrize("name", STEERED)
def test_an_experiment_is_refused_before_a_conftest_from_there_is_imported(project, above, name):
    files, named = STEERED[name]
    trace = above(files)
    if name == "pyproject":  # pytest takes the nearest one, whether or not it has options
        project.git("rm", "-q", "pyproject.toml")

    done = project.pytest("--ouro-experiment", "-q")

    assert_refused(project, done, named)
    assert not trace.exists()
    if name != "pyproject":
        healed = project.pytest(*help_command(done))
        assert " reason=baseline" in healed.stdout, healed.stdout + healed.stderr
        assert not trace.exists()


def test_an_ini_above_with_the_option_help_fails(project, above):
    above({"pytest.ini": "[pytest]\naddopts = --help\n"})

    done = project.pytest("--ouro-experiment")

    assert done.returncode == 4
    assert CLOSED in done.stdout  # pytest's help comes after it


def test_a_setup_py_above_makes_no_root_folder(project, above):
    project.git("rm", "-q", "pyproject.toml")
    project.commit("no pyproject")
    trace = above({"setup.py": ""})

    assert_refused(project, project.pytest("--ouro-experiment", "bound.toml"), "../setup.py")
    assert not trace.exists()


def test_a_conftest_above_is_refused_where_pytest_would_load_it(project, above):
    trace = above({})

    done = project.pytest("--ouro-experiment", "-c", os.devnull, "--rootdir=.", "--confcutdir=/usr")

    assert_refused(project, done, "../conftest.py")
    assert not trace.exists()


def test_a_conftest_that_is_loaded_later_is_refused_too(project, above):
    above({})
    elsewhere = project.path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "conftest.py").write_text("")
    (elsewhere / "test_it.py").write_text("def test_it(experiment):\n    pass\n")
    project.write({"pytest.ini": "[pytest]\naddopts = ../elsewhere\n"})
    project.bless()

    assert_refused(project, project.pytest("--ouro-experiment"), "../elsewhere/conftest.py")


def test_a_conftest_alone_above_is_not_loaded_and_gives_no_alarm(project, above):
    trace = above({})

    assert " reason=baseline" in project.pytest("--ouro-experiment").stdout
    assert not trace.exists()


@pytest.mark.tier(2, but=2)
@pytest.mark.parametrize("how", ["-c", "--config-file=", "-cglued", "--rootdir=", "PYTEST_ADDOPTS"])
def test_configuration_that_a_person_names_is_used(project, above, how):
    trace = above({"pytest.ini": "[pytest]\nouro_bound = project/bound.toml\n"})
    words, env = {
        "-c": (["-c", "../pytest.ini", "--confcutdir=.."], {}),
        "--config-file=": (["--config-file=../pytest.ini", "--confcutdir=.."], {}),
        "-cglued": (["-c../pytest.ini", "--confcutdir=.."], {}),
        "--rootdir=": (["--rootdir=.."], {}),
        "PYTEST_ADDOPTS": ([], {"PYTEST_ADDOPTS": "-c ../pytest.ini --confcutdir=.."}),
    }[how]

    done = project.pytest("--ouro-experiment", *words, **env)

    assert " reason=baseline" in done.stdout, done.stdout + done.stderr
    assert trace.exists()


def test_a_named_ini_does_not_allow_an_unnamed_conftest(project, above):
    trace = above({"pytest.ini": "[pytest]\nouro_bound = project/bound.toml\n"})

    done = project.pytest("--ouro-experiment", "-c", "../pytest.ini")

    assert_refused(project, done, "../conftest.py")
    assert not trace.exists()


def test_a_bound_in_a_folder_uses_configuration_at_the_top_of_its_repository(project):
    project.git("mv", "-k", *("bound.toml", "bound.lock", "prepare.py", "train.py"), ".")
    folder = project.path / "sub"
    folder.mkdir()
    names = ("bound.toml", "prepare.py", "train.py", "pyproject.toml", ".gitignore")
    project.git("mv", *names, "sub/")
    project.git("rm", "-q", "bound.lock")
    project.write({"pytest.ini": "[pytest]\nouro_bound = sub/bound.toml\n", "conftest.py": ""})
    project.commit("a folder")
    subprocess.run([sys.executable, "-m", "pytest_ouro", "bless"], cwd=folder, check=True)
    project.commit("bless")

    assert " reason=baseline" in project.pytest("--ouro-experiment").stdout


def test_a_linked_worktree_has_its_own_top(project):
    project.write({"pytest.ini": "[pytest]\n"})
    project.git("worktree", "add", "-q", "linked", "-b", "other")
    command = [sys.executable, "-m", "pytest", "--ouro-experiment", "-p", "no:cacheprovider"]

    done = subprocess.run(
        command, cwd=project.path / "linked", capture_output=True, text=True, check=False
    )

    assert_refused(project, done, "../pytest.ini")


def test_a_named_bound_determines_the_repository(project, above):
    above({"pytest.ini": "[pytest]\n"})
    bound = str(project.path / "bound.toml")
    command = [sys.executable, "-m", "pytest", "--ouro-experiment", "-p", "no:cacheprovider", bound]

    done = subprocess.run(
        command, cwd=project.path.parent, capture_output=True, text=True, check=False
    )

    assert_refused(project, done, "pytest.ini")


@pytest.mark.tier(2)
def test_rules_alone_are_judged_with_a_note(project, above):
    above({"pytest.ini": "[pytest]\n"})

    done = project.pytest("bound.toml")

    assert done.returncode == 0, done.stdout
    for name in ("../pytest.ini", "../conftest.py"):
        note = f"ouro: {name} configures this session from outside of the repository; {ADVICE}"
        assert note in done.stdout
    assert "from outside" not in project.pytest("-c", "pyproject.toml", "bound.toml").stdout


@pytest.mark.tier(2)
def test_the_gate_reads_none_of_it(project, above):
    trace = above({"pytest.ini": "[pytest]\naddopts = -p evil\n"})

    assert project.ouro("gate").returncode == 0
    assert project.ouro("gate", "--pytest").returncode == 0
    assert not trace.exists()
