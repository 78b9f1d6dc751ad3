"""Records that are torn, cut, edited or cannot be written: no run is lost or counted twice."""

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.core.errors import ExperimentError, OuroError, RecordError
from pytest_ouro.engine import check_before_run, open_case
from pytest_ouro.evidence.cache import cache_folder
from pytest_ouro.experiment.terms import temp_folders

LOGGED = (
    '[[iron-law]]\nid    = "log-every-experiment"',
    '[[never-do]]\nid    = "skip-logging"\nrule  = "Never skip logging."\ncheck = "logged"\n\n'
    '[[iron-law]]\nid    = "log-every-experiment"',
)


@pytest.fixture
def logged(lab):
    """The laboratory with the rule that ledger and journal agree."""
    lab.bound(LOGGED)
    return lab


def ledger(lab):
    return lab.path / "results.tsv"


def refused(lab, headline):
    """Assert that this finding closes the next run, which leaves no record."""
    before = lab.journal.records()
    done = lab.pytest()
    assert done.returncode == 1
    assert done.stdout.rstrip().endswith("reason=rules-broken")
    assert f"never-do::skip-logging BROKEN: {headline}" in done.stdout
    assert lab.journal.records() == before
    gate = lab.project.ouro("gate")
    assert gate.returncode == 1
    assert headline in gate.stdout


# The ledger: read-only, a folder, missing, edited.


def removed(lines):
    del lines[1]


def changed(lines):
    lines[1] = lines[1].replace("2.0", "1.0")


def added(lines):
    lines.append("a1b2c3d\t1.000000\t0.0\tkeep\tby hand\n")


def emptied(lines):
    lines.clear()


@pytest.mark.tier(3, but=2)
@pytest.mark.parametrize(
    ("edit", "headline"),
    [
        (removed, "results.tsv lacks a row of recorded runs"),
        (changed, "results.tsv lacks a row of recorded runs"),
        (added, "results.tsv:4: no run was recorded for a row"),
        (emptied, "results.tsv lacks 2 rows of recorded runs"),
    ],
)
def test_an_edited_ledger_closes_the_gate_until_it_is_restored(logged, edit, headline):
    logged.run(logged.script(2.0))
    logged.run(logged.script(3.0))
    logged.whole("baseline", "worse")
    whole = ledger(logged).read_text()
    lines = whole.splitlines(keepends=True)
    edit(lines)
    ledger(logged).write_text("".join(lines))
    refused(logged, headline)
    ledger(logged).write_text(logged.project.ouro("log", "--tsv").stdout)
    assert ledger(logged).read_text() == whole
    assert logged.run().reason == "unchanged"
    logged.whole("baseline", "worse", "unchanged")


@pytest.mark.tier(2)
def test_a_ledger_that_is_gone_closes_the_gate(logged):
    logged.run(logged.script())
    ledger(logged).unlink()
    refused(logged, "results.tsv lacks a row of recorded runs")


def test_without_the_rule_a_missing_ledger_is_started_again(lab):
    lab.run(lab.script())
    ledger(lab).unlink()
    assert lab.run(lab.script(1.0)).reason == "improved"
    assert [row[3] for row in lab.rows] == ["keep"]
    lab.clean()


def test_a_folder_in_the_ledgers_place_is_reported_before_the_run(lab, last_line):
    lab.commit(lab.script())
    ledger(lab).mkdir()
    done = lab.pytest()
    assert done.returncode == 1
    assert "results.tsv cannot be read: it is not a regular file" in done.stdout
    assert last_line(done) == "ouro: closed reason=cannot-run"
    assert lab.journal.records() == []
    ledger(lab).rmdir()
    assert lab.run().status == "keep"
    lab.whole("baseline")


@pytest.mark.parametrize("help", ["name that column", "move the file"])
def test_a_ledger_without_a_column_for_the_metric_is_reported_before_the_run(
    logged, tmp_path, help
):
    ledger(logged).write_text("commit\tloss\tstatus\nHEAD\t1.5\tkeep\n")
    with pytest.raises(RecordError, match=r"results\.tsv:1: no column is named val_bpb") as refused:
        logged.run(logged.script())
    assert logged.journal.records() == []
    assert help in refused.value.help

    if help == "move the file":
        ledger(logged).rename(tmp_path / "old.tsv")
    else:
        ledger(logged).write_text(ledger(logged).read_text().replace("loss", "val_bpb"))
    assert logged.run().reason == "baseline"
    assert logged.rows[-1][1] == "2.000000"
    assert logged.project.ouro("gate").returncode == 0


def test_rows_go_into_a_csv_ledger_with_windows_line_ends(logged):
    head = b'status,notes,val_bpb,cost,commit\r\nkept,"a, b",9,1,HEAD'
    ledger(logged).write_bytes(head)
    logged.run(logged.script(3.0))
    logged.commit(logged.script(2.0), 'wider, "deeper"')
    logged.run()
    one, two = (run.commit[:7] for run in logged.journal.runs())
    rows = f'\r\nkeep,an idea,3.000000,,{one}\r\nkeep,"wider, ""deeper""",2.000000,,{two}\r\n'
    assert ledger(logged).read_bytes() == head + rows.encode()
    assert not [j for j in check_before_run(open_case(logged.path / "bound.toml")) if j.broken]
    logged.clean()


@pytest.mark.parametrize("name", ["results.tsv", "run.log", ".git/ouro/journal.jsonl"])
def test_a_record_that_cannot_be_opened_is_reported_before_the_run(lab, monkeypatch, name):
    """As with a read-only or immutable file; root can write to one that is only read-only."""
    lab.run(lab.script())
    opens = os.open

    def forbids(path, flags, *args, **more):
        if Path(str(path)).name == Path(name).name and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        return opens(path, flags, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", forbids)
        with pytest.raises(ExperimentError) as refused:
            lab.run()
    assert refused.value.message == (
        f"{lab.path / name} cannot be written: Operation not permitted: "
        "the run could not be recorded"
    )
    lab.whole("baseline")
    assert lab.run().reason == "unchanged"
    lab.whole("baseline", "unchanged")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_ledger_is_reported_before_the_run(lab):
    lab.run(lab.script())
    ledger(lab).chmod(0o444)
    with pytest.raises(ExperimentError, match=r"results.tsv cannot be written: Permission denied"):
        lab.run()
    lab.whole("baseline")


@pytest.mark.parametrize("name", ["results.tsv", "run.log", ".git/ouro/journal.jsonl"])
def test_a_record_that_is_a_link_is_refused_before_the_run(lab, tmp_path, name):
    (tmp_path / "victim").write_text("precious")
    (lab.path / name).parent.mkdir(exist_ok=True)
    (lab.path / name).symlink_to(tmp_path / "victim")
    with pytest.raises(OuroError, match=r"link|not a record"):
        lab.run(lab.script())
    assert (tmp_path / "victim").read_text() == "precious"
    (lab.path / name).unlink()
    assert lab.run().status == "keep"
    lab.whole("baseline")


def test_a_log_that_became_a_link_is_not_copied(lab, tmp_path):
    """The script replaces its log; what the link names may be a secret of the user."""
    (tmp_path / "secret").write_text("secret")
    log, secret = str(lab.path / "run.log"), str(tmp_path / "secret")
    lab.run(lab.script(before=f"import os; os.unlink({log!r}); os.symlink({secret!r}, {log!r})"))
    kept = (lab.path / ".git/ouro/runs").glob("*.log")
    assert "secret" not in [path.read_text() for path in kept]


# The journal: torn, shortened.


def test_a_torn_line_is_a_run_that_was_killed_and_said_so(lab):
    """Killed while the finished line was written: the row is missing."""
    script = (
        "import os, signal, sys\n"
        "from pytest_ouro.evidence.records import journal\n"
        "write = os.write\n"
        "def tears(handle, data):\n"
        "    if b'finished' in data:\n"
        "        write(handle, data[: len(data) // 2])\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return write(handle, data)\n"
        "journal.os.write = tears\n"
        "import pytest\n"
        "pytest.main(['--ouro-experiment', '-q'])\n"
    )
    commit = lab.commit(lab.script())
    done = subprocess.run([sys.executable, "-c", script], cwd=lab.path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not lab.journal.path.read_bytes().endswith(b"\n")
    assert [record["event"] for record in lab.journal.records()] == ["started"]
    said = []
    assert lab.run(lab.script(1.0), say=said.append).reason == "improved"
    assert said == [f"ouro: results.tsv lacked the row of the run of {commit[:7]}: written now"]
    lab.whole("baseline", "improved")


def shortened(count):
    return lambda lines: lines[:-count]


def replaced(line, old, new):
    return lambda lines: [*lines[:line], lines[line].replace(old, new), *lines[line + 1 :]]


DEEP = "[" * 200_000 + "]" * 200_000 + "\n"
EDITS = {
    "the last line is gone": shortened(1),
    "the last run is gone": shortened(2),
    "all lines are gone": shortened(4),
    "the last value": replaced(3, '"val_bpb": 3.0', '"val_bpb": 1.0'),
    "the last status": replaced(3, '"discard"', '"keep"'),
    "the last best": replaced(3, '"best": 2.0', '"best": 9.0'),
    "the last reason": replaced(3, '"worse"', '"improved"'),
    "an older value": replaced(1, '"val_bpb": 2.0', '"val_bpb": 9.0'),
    "a line twice": lambda lines: [*lines, lines[-1]],
}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_journal_closes_the_gate_until_it_is_put_back(logged, edit):
    logged.run(logged.script(2.0))
    logged.run(logged.script(3.0))
    whole = logged.journal.path.read_text()
    lines = EDITS[edit](whole.splitlines(keepends=True))
    assert "".join(lines) != whole
    logged.journal.path.write_text("".join(lines))
    refused(logged, "journal.jsonl: ")
    assert logged.project.ouro("log").returncode == 2
    assert logged.project.ouro("log", "--restore").returncode == 0
    assert logged.journal.path.read_text() == whole
    assert logged.run().reason == "unchanged"
    logged.whole("baseline", "worse", "unchanged")


@pytest.mark.tier(3, but=1)
@pytest.mark.parametrize("edit", ["the last value", "the last line is gone", "all lines are gone"])
def test_without_the_rule_no_run_is_made_on_an_edited_journal(lab, last_line, edit):
    lab.run(lab.script(2.0))
    lab.run(lab.script(3.0))
    whole = lab.journal.path.read_text()
    lab.journal.path.write_text("".join(EDITS[edit](whole.splitlines(keepends=True))))
    lab.commit(lab.script(2.5))

    done = lab.pytest()

    assert last_line(done) == "ouro: closed reason=cannot-run"
    assert "pytest-ouro log --restore" in done.stdout
    assert lab.project.ouro("log", "--restore").returncode == 0
    assert lab.run().reason == "worse"
    lab.whole("baseline", "worse", "worse")


@pytest.mark.tier(2, but=1)
@pytest.mark.tier(3, but=2)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("kind", ["deep", "path", "row"])
def test_a_line_that_is_not_a_record_is_reported_at_every_door_and_removed(
    logged, ouro, kind, place
):
    logged.run(logged.script(2.0))
    whole = logged.journal.path.read_text()
    lines = whole.splitlines(keepends=True)
    victim = logged.path.parent / "victim"
    victim.write_text("precious")
    odd = {**json.loads(lines[0]), "pid": 4194304, "process": "gone"}
    odd |= {"path": {"run": str(victim)}, "row": {"row": ["a"]}, "deep": {}}[kind]
    lines.insert(place, DEEP if kind == "deep" else json.dumps(odd) + "\n")
    logged.journal.path.write_text("".join(lines))

    doors = [["gate"], ["gate", "--json"], ["gate", "--staged"], ["gate", "--sarif"]]
    doors += [["log"], ["log", "--tsv"], ["log", "--json"], ["doctor"]]
    for words in doors:
        status, out, err = ouro(*words)
        said = out + err
        assert status != 0, words
        assert "Traceback" not in said, words
        assert f"journal.jsonl:{place + 1}" in said, words
        assert "pytest-ouro log --restore" in said, words
    for done in (logged.project.pytest("bound.toml"), logged.pytest()):
        assert done.returncode != 0
        assert "Traceback" not in done.stdout
        assert "pytest-ouro log --restore" in done.stdout
    assert ouro("bless")[0] == 0
    logged.project.git("checkout", "bound.lock")
    assert victim.read_text() == "precious"

    assert ouro("log", "--restore")[0] == 0
    assert logged.journal.path.read_text() == whole
    assert ouro("gate")[0] == 0
    assert logged.run(logged.script(1.0)).reason == "improved"


def test_a_damaged_journal_that_git_does_not_hold_is_moved_away(logged):
    """Execute the commands of the help; the refs of all tried commits remain."""
    logged.run(logged.script(2.0))
    tried = logged.project.git("rev-parse", "refs/ouro/tried/1")
    logged.project.git("update-ref", "-d", "refs/ouro/journal")
    logged.journal.path.write_text(DEEP)

    done = logged.project.ouro("gate")

    assert done.returncode == 2
    help = done.stderr.split("help: ")[1].strip()
    ouro = f"{sys.executable} -m pytest_ouro"
    command = help.split("blesses: ")[1].replace("pytest-ouro", ouro).replace("; ", " && ")
    subprocess.run(command, shell=True, cwd=logged.path, check=True)
    logged.project.git("commit", "-qam", "bless")
    assert logged.run(logged.script(1.0)).reason == "baseline"
    assert logged.project.ouro("gate").returncode == 0
    assert logged.project.git("rev-parse", "refs/ouro/tried/1") == tried
    assert logged.project.git("rev-parse", "refs/ouro/tried/2")


# Full disks.


@pytest.mark.parametrize("place", ["project", "cache", "scratch"])
def test_a_full_disk_is_reported_before_the_run(lab, monkeypatch, tmp_path, place):
    (tmp_path / "scratch").mkdir()
    cache_folder().mkdir(parents=True)
    monkeypatch.setattr(temp_folders.tempfile, "tempdir", str(tmp_path / "scratch"))
    full = {"project": lab.path, "cache": cache_folder(), "scratch": tmp_path / "scratch"}
    usage = shutil.disk_usage

    def measured(path):
        free = 3 << 20 if Path(path).is_relative_to(full[place]) else usage(path).free
        return usage(path)._replace(free=free)

    monkeypatch.setattr(shutil, "disk_usage", measured)
    with pytest.raises(ExperimentError) as refused:
        lab.run(lab.script())
    assert re.fullmatch(
        rf"the disk of {full[place]}\S* is full: 3 MB are free, and a run needs 16",
        refused.value.message,
    )
    assert refused.value.help == "free some space and run again"
    assert lab.journal.records() == []
    monkeypatch.undo()
    assert lab.run().status == "keep"
    lab.whole("baseline")


def test_no_folder_for_temporary_files_is_reported(lab, monkeypatch):
    def none(*args, **kwargs):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(temp_folders.tempfile, "TemporaryDirectory", none)
    with pytest.raises(ExperimentError, match="no folder for temporary files can be made"):
        lab.run(lab.script())
    assert lab.journal.records() == []


@pytest.fixture
def disk(tmp_path):
    """A separate disk of 40 MB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.tier(2)
def test_a_run_that_fills_the_disk_is_recorded_all_the_same(lab, disk, last_line):
    moved = type(lab)(type(lab.project)(disk / "project"))
    shutil.copytree(lab.path, moved.path)
    moved.project.git("update-index", "-q", "--refresh")
    fills = (
        f"with open({str(disk / 'big')!r}, 'wb', buffering=0) as big:\n"
        "    try:\n"
        "        while True: big.write(bytes(1 << 12))\n"
        "    except OSError: pass\n"
        "print('full', flush=True)\n"
    )
    commit = moved.commit(moved.script(before=fills))
    done = moved.pytest()
    assert done.returncode == 0, done.stdout
    assert last_line(done).startswith("ouro: keep val_bpb=2.000000")
    moved.whole("baseline")
    assert moved.rows[0][0] == commit[:7]

    done = moved.pytest()
    assert done.returncode == 1
    assert re.search(r"the disk of \S+ is full: 0 MB are free, and a run needs 16", done.stdout)
    assert last_line(done) == "ouro: closed reason=cannot-run"
    moved.whole("baseline")
    (disk / "big").unlink()
    assert moved.run().reason == "unchanged"
    moved.whole("baseline", "unchanged")


def test_a_row_for_which_there_was_no_room_is_written_by_the_next_start(logged):
    """The journal's line was written; then the disk was full."""
    script = (
        "import errno, os, sys\n"
        "from pytest_ouro.experiment.records import ledger_writer as ledger\n"
        "def full(handle): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "ledger.os = type(sys)('os')\n"
        "ledger.os.__dict__.update(os.__dict__, fsync=full)\n"
        "import pytest\n"
        "sys.exit(pytest.main(['--ouro-experiment', '-q']))\n"
    )
    commit = logged.commit(logged.script())
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=logged.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "results.tsv cannot be written: No space left on device" in done.stdout
    assert "the journal holds the run, and the next run writes its row" in done.stdout
    assert ledger(logged).read_bytes() == b""
    said = []
    assert logged.run(logged.script(1.0), say=said.append).reason == "improved"
    assert said == [f"ouro: results.tsv lacked the row of the run of {commit[:7]}: written now"]
    logged.whole("baseline", "improved")


def test_files_that_may_not_grow_lose_no_record(lab):
    """A stand-in for quotas: no file may become larger than the journal is now."""
    lab.run(lab.script())
    size = lab.journal.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))
    try:
        with pytest.raises(RecordError, match="File too large"):
            lab.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    lab.whole("baseline")
    assert lab.run().reason == "unchanged"
    lab.whole("baseline", "unchanged")


def test_a_log_that_cannot_be_kept_keeps_no_run_from_its_record(lab):
    lab.journal.folder.mkdir()
    (lab.journal.folder / "runs").write_text("in the way")
    assert lab.run(lab.script()).status == "keep"
    lab.whole("baseline")


def test_locks_that_cannot_be_made_are_reported(lab):
    cache_folder().mkdir(parents=True)
    (cache_folder() / "locks").write_text("in the way")
    with pytest.raises(OuroError, match="locks cannot be written: Not a directory") as refused:
        lab.run(lab.script())
    assert "XDG_CACHE_HOME" in refused.value.help
    assert lab.journal.records() == []
