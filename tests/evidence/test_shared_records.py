"""Records that clones share: where they are, what names that place, and what is refused."""

import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from pytest_ouro.core.child_environment import child_environment
from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.record_format import from_json
from pytest_ouro.evidence.shared.join import join
from pytest_ouro.evidence.shared.named import configuration, find_named
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.records import record, sharing
from pytest_ouro.experiment.records.start_files import StartFiles


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that the user names for shared records, by the variable."""
    made = tmp_path / "records"
    made.mkdir()
    monkeypatch.setenv("OURO_RECORDS", str(made))
    return made


@pytest.fixture
def clone(project, tmp_path):
    """``clone("one")``: a clone of the project."""

    def clone(name, *args):
        made = type(project)(tmp_path / "clones" / name)
        project.git("clone", "-q", *args, f"file://{project.path}", str(made.path))
        made.identify()
        return made

    return clone


def place_of(project):
    return find_place(Git.discover(project.path))


def joined(project):
    join(place_of(project))
    return place_of(project)


def start(project, digit):
    """Record the start of a run of HEAD as a supervisor does, and return its record."""
    case = open_case(project.path / "bound.toml")
    facts = {"run": digit * 12, "commit": case.repository.head, "trust": case.trust.commit}
    time = "2025-01-01T00:00:00+00:00"
    known = {"event": "started", "time": time, "worktree": case.evidence.worktree, **facts}
    started = record.start(case, from_json(known))
    case.close()
    return started


def keep(project, digit, value=1.5):
    """Record a run of HEAD that is kept, with its row, and return its record."""
    started = start(project, digit)
    case = open_case(project.path / "bound.toml")
    facts = {"status": "keep", "reason": "improved", "outcome": "ok", "value": value}
    facts |= {"val_bpb": value, "metric": "val_bpb", "tried": started.tried_ref, "row": ""}
    known = {**started.to_json(), **facts, "event": "finished", "seq": None, "evaluations": 1}
    written = record.finish(case, from_json({k: v for k, v in known.items() if v is not None}))
    case.close()
    return written


def refused(call, *args):
    """The error that a call raises, as text."""
    with pytest.raises(OuroError) as caught:
        call(*args)
    return str(caught.value)


def test_a_clone_keeps_its_own_records_if_nothing_is_named(project):
    place = place_of(project)

    assert (place.common_dir, place.worktree, place.closed) == (project.path / ".git", "", ())
    assert not join(place)
    assert place.store is place.git


def test_what_one_clone_records_all_know(folder, clone):
    one, two = clone("one"), clone("two")
    mine, other = joined(one), joined(two)

    start(one, "1")

    assert mine.journal.path == other.journal.path
    assert folder in mine.journal.path.parents
    (run,) = other.journal.records()
    assert run.worktree == mine.worktree != other.worktree
    assert mine.worktree.startswith("one-")
    assert not (one.path / ".git/ouro/journal.jsonl").exists()
    assert anchor.refs(other.common_dir)[run.tried_ref] == run.commit
    assert one.git("rev-parse", run.tried_ref) == run.commit
    assert other.journal.fault() is None


def test_a_linked_working_tree_has_the_name_of_its_clone_too(folder, clone, tmp_path):
    one = clone("one")
    one.git("worktree", "add", "-q", str(tmp_path / "linked"))
    name = joined(one).worktree

    assert find_place(Git.discover(tmp_path / "linked")).worktree == f"{name}/linked"


def test_reading_writes_nothing(folder, clone):
    one = clone("one")

    assert place_of(one).journal.records() == []
    assert [*folder.iterdir()] == []
    assert not (one.path / ".git/ouro").exists()


@pytest.mark.parametrize("by", ["the variable", "the configuration", "~"])
def test_the_user_names_the_folder(by, tmp_path, monkeypatch):
    home = Path("~").expanduser()
    named = home / "shared" if by == "~" else tmp_path
    if by == "the variable":
        monkeypatch.setenv("OURO_RECORDS", str(tmp_path))
    else:
        path = Path(configuration())
        path.parent.mkdir(parents=True)
        path.write_text('records = "~/shared"\n' if by == "~" else f"records = '{tmp_path}'\n")

    assert find_named().folder == named
    monkeypatch.setenv("OURO_RECORDS", "clone")
    assert find_named() is None, "each clone its own, whatever the configuration names"


def test_no_setting_of_a_repository_names_it(project, tmp_path, monkeypatch):
    for name in ("ouro.records", "ouro.trust.records", "core.records"):
        project.git("config", name, str(tmp_path))
    project.write({"config.toml": f"records = '{tmp_path}'\n"})
    project.write({".config/pytest-ouro/config.toml": f"records = '{tmp_path}'\n"})
    assert place_of(project).folder is None

    monkeypatch.setenv("XDG_CONFIG_HOME", str(project.path / ".config"))
    assert "lies in the repository itself" in refused(place_of, project)


REFUSED = {
    "relative": "OURO_RECORDS names 'records', which is not an absolute path",
    "empty": "OURO_RECORDS names '', which is not an absolute path",
    "missing": "which OURO_RECORDS names for shared records, does not exist",
    "a file": "cannot be used: it is not a folder",
    "closed": "cannot be used: Permission denied",
    "another user's": "belongs to user 12345, and shared records are for clones of one user",
    "in the repository": "lies in the repository itself",
    "of one project": "has the records of one project",
    "of another project": "has those of the project that begins with aaaaaaaaaaaa, not the records",
    "of another program": "has something else, not the records of the project that begins with",
    "a project of another user": "belongs to user 12345",
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_place_that_cannot_be_used_is_one_error_with_one_help(what, folder, project, monkeypatch):
    if "user" in what and os.geteuid():
        pytest.skip("only root gives files away")
    named = {"relative": "records", "empty": "", "in the repository": f"{project.path}/x"}
    top = folder / project.git("rev-list", "--max-parents=0", "HEAD")[:12]
    if what == "missing":
        folder.rmdir()
    elif what == "a file":
        folder.rmdir()
        folder.touch()
    elif what == "closed":
        monkeypatch.setattr("os.access", lambda path, mode: path != folder)
    elif what == "another user's":
        os.chown(folder, 12345, 12345)
    elif what.startswith(("of", "a project")):
        top = joined(project).top
        (project.path / ".git/ouro/clone").unlink()
        if what == "of one project":
            named[what] = str(top)
        elif what == "of another project":
            (top / ".git/ouro/project").write_text(f"{'a' * 40}\n")
        elif what == "of another program":
            (top / ".git/ouro/project").unlink()
        else:
            os.chown(top, 12345, 12345)
    monkeypatch.setenv("OURO_RECORDS", named.get(what, str(folder)))

    said = refused(place_of, project)

    assert REFUSED[what] in said
    assert said.count("help: ") == 1


@pytest.mark.parametrize(
    "text", ["records = 1", "record = '/x'", "records = ", "[records]\nfolder = '/x'"]
)
def test_a_configuration_that_is_misspelt_is_refused(text):
    path = Path(configuration())
    path.parent.mkdir(parents=True)
    path.write_text(text)

    assert refused(find_named).startswith(f"{path}: ")


def test_a_shallow_clone_is_refused(folder, clone):
    said = refused(place_of, clone("one", "--depth=1"))

    assert "a shallow clone cannot share" in said
    assert said.endswith("help: git fetch --unshallow")


def test_a_clone_that_shares_does_not_fall_back_to_its_own_records(
    folder, clone, monkeypatch, tmp_path
):
    one = clone("one")
    joined(one)

    monkeypatch.delenv("OURO_RECORDS")
    said = refused(place_of, one)
    assert "the records of this clone are shared, and nothing names their folder" in said
    assert str(folder) not in said, "no file of a repository may propose a folder"

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    for file in other.glob("*/.git/ouro/clones/*"):
        file.unlink()
    monkeypatch.setenv("OURO_RECORDS", str(other))
    assert "this clone shares its records with others, and not by" in refused(place_of, one)


def test_a_copy_of_a_clone_is_another_clone_and_a_moved_one_is_not(folder, clone, tmp_path):
    one = clone("one")
    name = joined(one).worktree
    shutil.copytree(one.path, tmp_path / "copy")
    copy = type(one)(tmp_path / "copy")

    assert joined(copy).worktree.startswith("copy-")
    assert place_of(one).worktree == name

    one.path.rename(tmp_path / "moved")
    moved = type(one)(tmp_path / "moved")
    assert place_of(moved).worktree == name
    assert joined(moved).joined


def test_the_first_clone_brings_its_records_along(project, recorded, clone, folder, monkeypatch):
    monkeypatch.delenv("OURO_RECORDS")
    run = recorded()
    project.git("update-ref", "refs/ouro/tried/1", "HEAD")
    project.write({f".git/ouro/runs/{run.run}.log": "a log\n"})
    other = clone("other")
    monkeypatch.setenv("OURO_RECORDS", str(folder))

    place = joined(project)

    assert (place.worktree, place.journal.fault()) == ("", None)
    assert [one.run for one in joined(other).journal.runs()] == [run.run]
    assert (place.journal.folder / "runs" / f"{run.run}.log").read_text() == "a log\n"
    assert anchor.refs(place.common_dir)["refs/ouro/tried/1"] == run.commit
    assert place.keeps(run.commit)


def test_two_journals_do_not_become_one(project, recorded, clone, folder, monkeypatch):
    other = clone("other")
    joined(other)
    start(other, "1")
    monkeypatch.setenv("OURO_RECORDS", "clone")
    recorded()
    monkeypatch.setenv("OURO_RECORDS", str(folder))

    said = refused(join, place_of(project))

    assert "this clone has records of its own" in said
    assert not (project.path / ".git/ouro/clone").exists()


def test_a_commit_of_another_clone_is_named_with_the_command_that_fetches_it(folder, clone):
    one, two = clone("one"), clone("two")
    joined(one)
    place = joined(two)
    commit = one.commit("better", {"train.py": "MODEL = 1.5\n"})
    run = keep(one, "1")

    assert sharing.count_lacking(place, place.journal.runs()) == 1
    line = sharing.describe_unseen(place, place.journal.runs(), [])
    command = f"git fetch {place.top} {run.tried}"
    assert line == (
        f"another clone kept {commit[:7]} val_bpb=1.500000, which this clone lacks: {command}"
    )
    assert sharing.advise_fetch(place, commit[:9]) == command
    assert sharing.advise_fetch(place, "0" * 9) == ""

    two.git(*command.split()[1:])
    assert sharing.describe_unseen(place_of(two), place.journal.runs(), []) == ""
    two.git(*sharing.fetch_all(place).replace("'", "").split()[1:])
    assert two.git("rev-parse", run.tried) == commit


def test_rules_about_records_judge_each_clone_by_its_own_runs(folder, clone):
    one, two = clone("one"), clone("two")
    joined(one), joined(two)
    one.commit("better", {"train.py": "MODEL = 1.5\n"})
    keep(one, "1")

    mine, other = (open_case(p.path / "bound.toml").evidence for p in (one, two))

    assert [len(mine.all_runs), len(other.all_runs), len(other.records)] == [1, 0, 2]
    assert mine.tried == other.tried == {1: one.git("rev-parse", "HEAD")}
    assert (mine.journal_fault, other.journal_fault) == (None, None)
    assert len(mine.ledger.rows) == 1
    assert not other.ledger.exists


def test_many_writers_leave_whole_lines_and_rows(folder, clone):
    one, two = clone("one"), clone("two")
    joined(one), joined(two)

    def write(project, first):
        for number in range(first, first + 3):
            keep(project, f"{number:x}")

    fork = multiprocessing.get_context("fork")
    works = [(one, 0), (one, 3), (two, 6), (two, 9)]
    writers = [fork.Process(target=write, args=work) for work in works]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    journal = place_of(one).journal
    assert (len(journal.lines()), journal.fault(), journal.unfinished()) == (24, None, [])
    assert [line.seq for line in journal.records()] == [*range(1, 25)]
    for project in (one, two):
        found = ledger.read(project.path / "results.tsv", "val_bpb")
        assert (len(found.rows), found.problems) == (6, ())


def test_what_a_run_changes_of_the_clone_s_name_is_put_back(folder, clone):
    one = clone("one")
    place = joined(one)
    before = StartFiles.read(place.git, place)
    for file in place.own_files:
        file.write_text(f"- {'a' * 40}\n")

    said = before.restore()

    names = {line.partition(" was changed")[0].rpartition("/")[2] for line in said}
    assert names == {"clone", place.clone}
    assert place_of(one).clone == place.clone


def test_the_program_that_is_measured_does_not_learn_the_folder(folder):
    assert not {name for name in child_environment() if name.startswith("OURO_")}
