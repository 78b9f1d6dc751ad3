"""Damaged files and unusual machines: one clear line, exit status 2, nothing written."""

import errno
import json
import os
import random
import shutil

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.records.journal import Journal

pytestmark = pytest.mark.usefixtures("laws")

#: Bytes without a meaning, the same in each run.
NOISE = random.Random(1).randbytes(4096)


@pytest.fixture
def command(project, ouro):
    """``command("gate")``: exit status, output and errors; nothing may have been written."""

    def command(*args):
        before = listing(project.path)
        answer = ouro(*args)
        assert listing(project.path) == before
        return answer

    return command


def listing(folder):
    """Return the size and time of every file, including those of git."""
    found = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        found[path] = (stat.st_size, stat.st_mtime_ns) if path.is_file() else ()
    return found


def one_clear_line(err, message):
    first, *more = err.splitlines()
    assert first.startswith("ouro: error: ")
    assert message in first
    assert len(first) < 400
    assert all(line.startswith("  help: ") for line in more)


BOUNDS = {
    "binary": (NOISE + b"\xff\0", "not UTF-8"),
    "a null": (b'[bound]\nname = "a\0b"\n', "not TOML"),
    "not UTF-8": (b'# fine\n[bound]\nname = "\xff"\n', "bound.toml:3: not UTF-8"),
    "UTF-16": ("[bound]".encode("utf-16"), "not UTF-8"),
    "no TOML": (b"<<<<<<< HEAD\n", "not TOML"),
    "empty": (b"", "the table [experiment] is missing"),
    "tables for values": (b"[experiment]\nscript = {}\n", "'script' in [experiment] must be text"),
    "deep": (b"x = " + b"[" * 5000 + b"]" * 5000, "not TOML"),
}


@pytest.mark.parametrize("kind", BOUNDS)
def test_a_bound_that_is_not_valid(project, command, kind):
    data, message = BOUNDS[kind]
    (project.path / "bound.toml").write_bytes(data)

    status, out, err = command("gate")
    assert (status, out) == (2, "")
    one_clear_line(err, "bound.toml is not the one that was blessed")

    status, out, err = command("bless")
    assert (status, out) == (2, "")
    assert message in err
    *problems, remedy = err.splitlines()
    assert all(line.startswith("ouro: error: bound.toml") for line in problems)
    assert remedy.startswith("  help: ")

    trust = project.commit("a bad bound")
    status, out, err = command("gate", "--trust", trust)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("size", [1_000_001, 3 << 30])
def test_a_bound_that_is_too_long(project, command, size):
    with (project.path / "bound.toml").open("r+b") as file:
        file.truncate(size)

    for name in ("gate", "bless"):
        status, _, err = command(name)
        assert status == 2
        one_clear_line(err, f"bound.toml has {size} bytes: it could not be judged, at most 1000000")


def test_a_committed_bound_that_is_too_long(project, command):
    (project.path / "bound.toml").write_bytes(b"#" * 1_000_001)
    trust = project.commit("a long bound")

    status, _, err = command("gate", "--trust", trust)

    assert status == 2
    one_clear_line(err, "1000001 bytes; a bound has at most 1000000")


def test_a_bound_that_is_a_folder(project, command):
    (project.path / "bound.toml").unlink()
    (project.path / "bound.toml").mkdir()

    status, _, err = command("gate", "--bound", "bound.toml")

    assert status == 2
    one_clear_line(err, "bound.toml is not a regular file but a folder")


def test_a_bound_that_is_not_there(command):
    for name in ("gate", "bless"):
        status, _, err = command(name, "--bound", "bond.toml")

        assert status == 2
        one_clear_line(err, "bond.toml does not exist: there are no rules to")


def test_no_bound_at_all(project, command):
    (project.path / "bound.toml").unlink()

    status, _, err = command("gate")

    assert status == 2
    one_clear_line(err, "no bound.toml in ")
    assert "pytest-ouro init" in err


@pytest.mark.parametrize(
    "args", [("bless",), ("init", "--program", "bound.lock"), ("init", "--render", "bound.lock")]
)
def test_a_folder_where_a_file_is_written(project, command, args):
    (project.path / "bound.lock").unlink()
    (project.path / "bound.lock").mkdir()

    status, out, err = command(*args)

    assert (status, out) == (2, "")
    one_clear_line(err, "bound.lock")
    assert "is not a regular file but a folder" in err


@pytest.fixture
def closed(monkeypatch):
    """``closed("prepare.py")``: files of that name may not be read, as root could."""
    really = os.open

    def closed(name):
        def refuse(path, *args, **kwargs):
            if str(path).endswith(f"/{name}"):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return really(path, *args, **kwargs)

        monkeypatch.setattr(os, "open", refuse)

    return closed


@pytest.mark.parametrize("name", ["bound.toml", "bound.lock", "prepare.py", "train.py"])
def test_a_file_that_may_not_be_read(project, closed, pytester, command, monkeypatch, name):
    project.write({"train.py": "# another\n"})
    monkeypatch.chdir(project.path)
    closed(name)

    status, out, err = command("gate")
    assert (status, out) == (2, "")
    one_clear_line(err, f"{name} cannot be read: Permission denied")

    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "bound.toml")
    assert done.ret != 0
    assert f"{name} cannot be read: Permission denied" in done.stdout.str()
    assert "Traceback" not in done.stdout.str()
    assert "read_bytes" not in done.stdout.str()


@pytest.mark.parametrize("args", [("init", "--force"), ("gate",), ("bless",), ("log",)])
@pytest.mark.parametrize("kind", ["made so", "a clone"])
def test_a_bare_repository_has_no_working_tree(project, command, monkeypatch, args, kind):
    if kind == "a clone":
        bare = project.path.with_name("bare.git")
        project.git("clone", "-q", "--bare", ".", str(bare))
        monkeypatch.chdir(bare)
    else:
        project.git("config", "core.bare", "true")

    status, out, err = command(*args)

    assert (status, out) == (2, "")
    one_clear_line(err, "has no working tree")
    assert "gate --head REV" in err


def test_where_there_is_neither_git_nor_a_bound(command, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, "no git repository at ")
    assert "git init" in err


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe\0", b"<<<<<<< HEAD\n", b"", b"files = 3\n", b"[files]\n'a' = 'sha1:x'\n",
     b"[files]\n[data]\nx = 3\n"],
)  # fmt: skip
def test_a_lock_that_is_not_valid(project, command, text):
    (project.path / "bound.lock").write_bytes(text)

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, "bound.lock is damaged")


def test_a_ledger_of_nulls(project, recorded, command):
    (project.path / "results.tsv").write_bytes(b"\0" * 5000)
    assert command("gate")[0] == 0

    (project.path / "results.tsv").unlink()
    recorded()
    (project.path / "results.tsv").write_bytes(b"\0" * 5000)
    status, out, err = command("gate")
    assert (status, err) == (1, "")
    assert "never-do::skip-logging BROKEN: results.tsv lacks a row" in out
    assert "\0" not in out
    assert max(map(len, out.splitlines())) < 400


def folder(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


@pytest.mark.parametrize("make", [folder, pipe], ids=lambda f: f.__name__)
def test_a_ledger_that_is_not_a_file(project, command, make):
    make(project.path / "results.tsv")

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, "results.tsv cannot be read")


JOURNALS = {
    "binary": NOISE[:512] + b"\xff\n",
    "no JSON": b'{"prev": "", "event": "started"}\n{{{\n',
    "no record": b"[1, 2]\n",
    "a number": b"NaN\n",
    "a record without its facts": b'{"prev": "", "event": "finished", "worktree": ""}\n',
}


@pytest.mark.parametrize("kind", JOURNALS)
def test_a_damaged_journal(project, command, kind):
    path = Journal(project.path / ".git").path
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(JOURNALS[kind])

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, "journal.jsonl")
    assert "\n  help: " in err


@pytest.fixture
def without(project, recorded):
    """Remove a fact from the last record of the journal."""

    def without(fact):
        recorded()
        path = Journal(project.path / ".git").path
        first, last = path.read_text().splitlines()
        record = json.loads(last)
        del record[fact]
        path.write_text(f"{first}\n{json.dumps(record)}\n")

    return without


@pytest.mark.parametrize("fact", ["commit", "status", "row"])
def test_a_record_that_lacks_a_fact(without, command, fact):
    without(fact)

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, f"lacks '{fact}'")


@pytest.mark.parametrize("fact", ["tolerance", "budget"])
def test_a_record_that_lost_a_fact_that_older_ones_lack(without, command, fact):
    without(fact)

    status, out, err = command("gate")

    assert (status, err) == (1, "")
    assert "BROKEN: journal.jsonl: line 2 is not what was recorded" in out


def test_a_journal_that_is_a_folder(project, command):
    Journal(project.path / ".git").path.mkdir(parents=True)

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, "journal.jsonl")


def test_no_git(project, command, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, "git is not installed")
    assert "install git" in err


@pytest.mark.parametrize("part", [".", ".git", ".git/objects"])
def test_a_repository_that_vanishes_between_two_calls(project, part):
    case = open_case(project.path / "bound.toml")
    shutil.rmtree(project.path / part)

    with pytest.raises(OuroError) as caught:
        check_all(case)

    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


def head(project):
    (project.path / ".git/HEAD").write_text("nonsense\n")


def index(project):
    (project.path / ".git/index").write_bytes(b"DIRC" + NOISE[:64])


def config(project):
    (project.path / ".git/config").write_text("[core\n")


def objects(project):
    shutil.rmtree(project.path / ".git/objects")
    (project.path / ".git/objects").mkdir()


@pytest.mark.parametrize("damage", [head, index, config, objects], ids=lambda f: f.__name__)
def test_a_damaged_repository(project, command, damage):
    damage(project)

    status, out, err = command("gate")

    assert (status, out) == (2, "")
    one_clear_line(err, "")


SOURCES = {
    "binary": NOISE[:2048],
    "nulls": b"\0" * 2048,
    "deep": b"x = " + b"(" * 5000 + b")" * 5000,
    "minus": b"x = " + b"-" * 100_000 + b"1\n",
    "not UTF-8": b"x = '\xff'\n",
    "not an encoding": b"# coding: sha256\nx = 1\n",
    "UTF-16": "import six\n".encode("utf-16"),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", ["train.py", "prepare.py", "pyproject.toml"])
def test_a_source_that_is_not_python_is_judged(project, command, name, kind):
    (project.path / name).write_bytes(SOURCES[kind])

    status, out, err = command("gate")

    if name == "train.py":
        assert (status, out) == (2, "")
        one_clear_line(err, "train.py")
        return
    assert (status, err) == (1, "")
    assert max(map(len, out.splitlines())) < 400
    broken = {
        line.split(" ")[0].partition("::")[2] for line in out.splitlines() if "BROKEN" in line
    }
    assert "only-train-py" in broken
    assert ("evaluate-bpb" if name == "prepare.py" else "add-dependencies") in broken


@pytest.mark.parametrize("name", ["train.py", "prepare.py", "__pycache__/prepare.x.pyc"])
def test_a_pipe_keeps_nobody_waiting(project, command, name):
    path = project.path / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)

    assert command("gate")[0] == (1 if name in ("train.py", "prepare.py") else 0)


def test_a_name_that_is_not_text(project, command):
    try:
        os.close(os.open(os.fsencode(project.path) + b"/\xff\xfe.py", os.O_CREAT, 0o644))
    except OSError:
        pytest.skip("this file system wants text")

    status, out, _ = command("gate")

    assert status == 1
    assert "iron-law::only-train-py BROKEN" in out
