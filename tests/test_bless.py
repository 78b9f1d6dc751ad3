"""``pytest-ouro bless``: a person declares the present files the truth."""

from functools import partial

import pytest

from pytest_ouro.cli import run
from pytest_ouro.cli.bless import bless as bless_files
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence import lock
from pytest_ouro.evidence.content import digest


@pytest.fixture
def bless(ouro):
    """``bless()``: exit status, output and errors."""
    return partial(ouro, "bless")


def read_lock(project):
    return lock.loads((project.path / "bound.lock").read_text())


def broken(project):
    return [j.rule for j in check_all(open_case(project.path / "bound.toml")) if j.broken]


def test_the_digest_of_every_file_that_a_rule_guards_is_written(project, bless):
    status, _, _ = bless()

    files = read_lock(project).files
    assert status == 0
    assert {"bound.toml", "prepare.py", "pyproject.toml"} <= files.keys()
    assert "train.py" not in files
    assert files["prepare.py"] == digest((project.path / "prepare.py").read_bytes())


def test_blessing_the_same_says_that_nothing_changed(bless):
    _, out, _ = bless()

    assert "changed:" not in out
    assert "added:" not in out
    assert "bound.lock declares " in out
    assert out.endswith("commit it\n")


def test_two_blessings_of_the_same_files_are_two(project, bless):
    bless()
    first = read_lock(project)
    bless()
    second = read_lock(project)

    assert first.files == second.files
    assert first.id != second.id


def test_a_baseline_is_kept_until_a_new_one_is_asked_for(project, ouro):
    bless = partial(ouro, "bless")
    bless()
    assert read_lock(project).baseline == ""

    _, out, _ = bless("--new-baseline")
    lock = read_lock(project)
    assert lock.baseline == lock.id
    assert out.endswith("the next run is a new baseline: it is compared with no earlier run\n")

    bless()
    assert read_lock(project).baseline == lock.baseline


def test_while_a_blessing_is_not_committed_the_harness_shadows_nothing(laws, bless):
    laws.edit("prepare.py", "A toy harness", "The toy harness")
    bless()

    assert broken(laws) == []


def test_what_becomes_the_truth_is_printed(project, bless):
    project.edit("prepare.py", "float(model)", "float(model) + 0")
    project.write({"requirements.txt": "six\n"})
    project.git("add", "requirements.txt")
    project.git("rm", "-q", "pyproject.toml")

    _, out, _ = bless()

    assert out.splitlines()[:-1] == [
        "changed: prepare.py",
        "removed: pyproject.toml",
        "added: requirements.txt",
    ]


def test_a_blessed_change_is_lawful_before_and_after_its_commit(project, bless):
    project.edit("prepare.py", "float(model)", "float(model) + 0")
    project.commit("widen eval")
    assert broken(project)

    bless()
    assert broken(project) == []

    project.commit("bless")
    assert broken(project) == []

    project.edit("prepare.py", "+ 0", "+ 1")
    assert "danger-zone::prepare" in broken(project)


def test_a_named_commit_goes_before_the_blessing_and_that_is_said(project, bless):
    project.git("config", "ouro.trust", "HEAD")
    trust = project.git("rev-parse", "--short=7", "HEAD")
    project.edit("prepare.py", "float(model)", "float(model) + 0")

    status, out, _ = bless()

    assert status == 0
    assert out.endswith(
        f"ouro: git config ouro.trust has priority over it, and names {trust}: "
        "a blessing counts once that names its commit\n"
        "  help: commit it under bound.lock, then name that commit: git config --unset ouro.trust, "
        "git commit, git config ouro.trust $(git rev-parse HEAD)\n"
    )
    project.commit("blessed")  # and so HEAD, the name, is the blessed commit
    assert broken(project) == []


def test_altered_rules_are_refused_until_they_are_blessed(project, bless):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "taste"')
    assert run(["gate"]) == 2

    bless()
    assert run(["gate"]) == 0


def test_a_byte_order_mark_before_the_rules_is_accepted(project, bless):
    """Editors write one at the start of a file, also of bound.lock."""
    for name in ("bound.toml", "bound.lock"):
        path = project.path / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert name == "bound.lock" or bless()[0] == 0
    project.commit("marks")
    assert check_all(open_case(project.path / "bound.toml"))


def test_line_endings_do_not_make_another_truth(project, bless):
    before = read_lock(project).files
    for name in ("prepare.py", "bound.toml"):
        path = project.path / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    bless()

    assert read_lock(project).files == before
    assert b"\r" not in (project.path / "bound.lock").read_bytes()


def test_a_damaged_lock_is_replaced(project, bless):
    (project.path / "bound.lock").write_text("<<<<<<< HEAD\n")

    status, out, _ = bless()

    assert status == 0
    assert "added: prepare.py" in out
    assert broken(project) == []


def test_it_is_called_from_any_folder(project, bless, monkeypatch):
    (project.path / "lab").mkdir()
    monkeypatch.chdir(project.path / "lab")

    assert bless()[0] == 0
    assert not (project.path / "lab" / "bound.lock").exists()


def test_the_lock_of_a_folder_names_files_from_the_top(project, bless):
    (project.path / "lab").mkdir()
    project.git("mv", "prepare.py", "train.py", "bound.toml", "lab")

    status, _, _ = bless("--bound", "lab/bound.toml")

    files = lock.loads((project.path / "lab" / "bound.lock").read_text()).files
    assert status == 0
    assert {"lab/bound.toml", "lab/prepare.py", "pyproject.toml"} <= files.keys()


def test_dependency_files_of_other_folders_are_left_alone(project, bless):
    project.write({"docs/requirements.txt": "mkdocs\n"})
    project.git("add", "docs")

    bless()

    assert "docs/requirements.txt" not in read_lock(project).files


def misspell(project):
    project.edit("bound.toml", 'id    = "prepare"', 'id = "prepare"\nhistroy = true')


def name_nothing(project):
    project.edit("bound.toml", 'paths = ["prepare.py"]\n\n', 'paths = ["perpare.py"]\n\n')


def misspell_script(project):
    project.edit("bound.toml", 'script    = "train.py"', 'script    = "trian.py"')


def remove_harness(project):
    (project.path / "prepare.py").unlink()


def link_harness(project):
    (project.path / "prepare.py").rename(project.path / "other.py")
    (project.path / "prepare.py").symlink_to("other.py")


def remove_bound(project):
    (project.path / "bound.toml").unlink()


def no_git(project):
    (project.path / ".git").rename(project.path / "git")


REFUSED = {
    misspell: "bound.toml:19: unknown key 'histroy' in [danger-zone]; did you mean 'history'?",
    name_nothing: "danger-zone::prepare: no tracked file matches perpare.py",
    misspell_script: "experiments run trian.py, which git does not track",
    remove_harness: "prepare.py is not a regular file, so it cannot be blessed",
    link_harness: "prepare.py is not a regular file, so it cannot be blessed",
    remove_bound: "no bound.toml in ",
    no_git: "no git repository at ",
}


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda f: f.__name__)
def test_what_cannot_be_the_truth_is_refused_and_nothing_is_written(project, bless, spoil):
    before = (project.path / "bound.lock").read_bytes()
    spoil(project)

    status, out, err = bless()

    assert (status, out) == (2, "")
    assert err.startswith(f"ouro: error: {REFUSED[spoil]}")
    assert (project.path / "bound.lock").read_bytes() == before


def test_an_untracked_file_is_not_blessed(project):
    project.git("rm", "-q", "--cached", "prepare.py")

    with pytest.raises(Exception, match=r"no tracked file matches prepare\.py"):
        bless_files(project.path / "bound.toml")


def test_a_lock_that_is_a_link_is_replaced_and_not_followed(project, tmp_path):
    outside = tmp_path / "precious"
    outside.write_text("precious")
    (project.path / "bound.lock").unlink()
    (project.path / "bound.lock").symlink_to(outside)

    assert project.ouro("bless").returncode == 0

    assert outside.read_text() == "precious"
    assert not (project.path / "bound.lock").is_symlink()


def test_a_blessing_that_cannot_be_remembered_is_a_warning(project):
    done = project.ouro("bless", XDG_STATE_HOME=str(project.path / "state"))

    assert done.returncode == 0
    assert "warning: this blessing cannot be remembered" in done.stderr
    assert not (project.path / "state").exists()


@pytest.mark.parametrize("text", ["commit\tloss\tstatus\n", "by hand\n"])
def test_a_ledger_to_which_no_row_can_be_added_is_a_warning(project, ouro, text):
    project.write({"results.tsv": text})

    status, _, err = ouro("bless")

    assert status == 0
    assert [line.split()[:2] for line in err.splitlines()] == [
        ["ouro:", "warning:"],
        ["help:", "name" if "\t" in text else "write"],
    ]
    assert "results.tsv:1: no " in err


def test_a_harness_that_returns_several_numbers_is_a_warning_that_the_help_heals(project, ouro):
    project.edit("prepare.py", "return float(model)", "return {'loss': 1.0, 'val_bpb_2': 2.0}")

    status, _, err = ouro("bless")
    assert status == 0
    assert (
        "warning: prepare.py: evaluate_bpb returns a dictionary without 'val_bpb', with loss, "
        "val_bpb_2, not one number\n  help: let it return a number, or a dictionary, and name one "
        "of its keys as 'metric' in bound.toml\n"
    ) in err

    project.edit("bound.toml", "budget ", 'metric = "loss"\ndirection = "lower"\nbudget ')
    assert "not one number" not in ouro("bless")[2]
