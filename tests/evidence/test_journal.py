import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from pytest_ouro.core.errors import RecordError
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.record_format import from_json
from pytest_ouro.evidence.records.rows import row_of


def record(run, event="started", **facts):
    """The JSON of a record of the run with this digit."""
    more = {"status": "keep", "reason": "baseline", "val_bpb": 2.0, "description": "an idea"}
    whole = {
        "event": event,
        "run": run * 12,
        "commit": "a" * 40,
        "time": "2025-01-01T00:00:00+00:00",
        **(more if event == "finished" else {}),
        **facts,
    }
    return {**whole, "row": row(whole)} if event == "finished" else whole


def row(table):
    """The row of a finished run."""
    return row_of(from_json({"row": "", **table}))


def add(journal, table):
    """Append a record as the supervisor does."""
    return journal.append(from_json(table))


def append(journal, *lines):
    """Add lines to the file alone, chained to those that are there."""
    for line in lines:
        there = journal.lines()
        prev = hashlib.sha256(there[-1]).hexdigest() if there else ""
        chained = {"prev": prev, "seq": len(there) + 1, **line} if isinstance(line, dict) else line
        data = json.dumps(chained).encode() if isinstance(line, dict) else line
        journal.folder.mkdir(exist_ok=True)
        with journal.path.open("ab") as file:
            file.write(data + b"\n")


@pytest.fixture
def journal(tmp_path):
    run_git("init", "--quiet", "--bare", ".", cwd=tmp_path)
    return Journal(tmp_path)


def test_a_new_journal_is_empty(journal):
    assert journal.records() == []
    assert journal.unfinished() == []
    assert journal.broken_link() == 0


def test_lines_are_numbered_and_chained(journal):
    first = add(journal, record("1"))
    second = add(journal, record("1", "finished", description="é\n\t\u2028"))

    assert (first.seq, first.prev) == (1, "")
    assert second.seq == 2
    assert len(second.prev) == 64
    assert journal.records() == [first, second]
    assert journal.broken_link() == 0


@pytest.mark.parametrize("digits", [40, 64])
def test_the_tree_of_lines_is_the_same_whatever_was_computed_before(digits):
    like, lines = "0" * digits, [b"one", b"two", b"three"]

    def afresh(lines):
        anchor._computed.clear()
        return anchor.tree(lines, like=like)

    others = (
        [],
        lines[:1],
        lines[:2],
        [b"one", b"2", b"three"],
        [b"1", *lines[1:]],
        [*lines, b"4"],
    )
    wanted = [afresh(one) for one in others]
    assert len(set(wanted)) == len(others)
    for one, tree in zip(others, wanted, strict=True):
        anchor.tree(lines, like=like)
        assert anchor.tree(one, like=like) == tree


def test_a_run_without_a_finished_line_is_unfinished(journal):
    add(journal, record("1"))
    add(journal, record("2"))
    add(journal, record("1", "finished"))

    assert [record.run for record in journal.unfinished()] == ["2" * 12]
    assert [record.run for record in journal.runs()] == ["1" * 12]


@pytest.mark.parametrize("found", [None, b"", b"torn", b"other\n", b"other\ntorn"], ids=repr)
def test_restoring_keeps_every_byte_that_was_there(journal, found):
    add(journal, record("1"))
    recorded = journal.path.read_bytes()
    journal.path.unlink()
    if found is not None:
        journal.path.write_bytes(found)

    aside = journal.restore()

    assert aside == journal.folder / "journal.found-1.jsonl"
    assert aside.read_bytes() == (found or b"")
    assert journal.path.read_bytes() == recorded


@pytest.mark.parametrize(("there", "help"), [(False, "pytest --ouro-experiment"), (True, "bless")])
def test_restoring_without_a_copy_says_what_can_be_done(journal, there, help):
    if there:
        journal.path.parent.mkdir(parents=True, exist_ok=True)
        journal.path.write_bytes(b"other\n")

    with pytest.raises(RecordError, match="nothing to restore") as caught:
        journal.restore()

    assert caught.value.help.endswith(help)


def test_restoring_leaves_a_torn_line_behind_what_was_recorded(journal):
    add(journal, record("1"))
    with journal.path.open("ab") as file:
        file.write(b"torn")
    there = journal.path.read_bytes()

    assert journal.restore() is None
    assert journal.path.read_bytes() == there


def test_restoring_renames_what_is_not_a_file(journal):
    add(journal, record("1"))
    journal.path.unlink()
    journal.path.mkdir()

    assert journal.restore().read_bytes() == b""
    assert (journal.folder / "journal.found-1.other").is_dir()
    assert len(journal.records()) == 1


def test_restoring_overwrites_nothing_that_was_kept_before(journal):
    add(journal, record("1"))
    journal.path.unlink()
    journal.path.symlink_to("now")
    earlier = journal.folder / "journal.found-1.other"
    earlier.symlink_to("before")

    assert journal.restore() == journal.folder / "journal.found-2.jsonl"
    assert earlier.readlink().name == "before"
    assert (journal.folder / "journal.found-2.other").readlink().name == "now"


@pytest.mark.parametrize("torn", [b"{", b'{"prev": "", "seq": 3, "run": "3"}', b"\0\0\0\0"])
def test_a_torn_last_line_is_ignored_and_cut_off(journal, torn):
    add(journal, record("1"))
    add(journal, record("2"))
    with journal.path.open("ab") as handle:
        handle.write(torn)

    assert [record.run for record in journal.records()] == ["1" * 12, "2" * 12]
    assert add(journal, record("4")).seq == 3
    assert [record.run for record in journal.records()] == ["1" * 12, "2" * 12, "4" * 12]
    assert journal.broken_link() == 0


def test_an_edited_line_breaks_the_chain_at_the_next(journal):
    for run in "123":
        add(journal, record(run, val_bpb=1.7))
    lines = journal.path.read_text().splitlines()
    lines[1] = lines[1].replace("1.7", "1.6")
    journal.path.write_text("\n".join(lines) + "\n")

    assert journal.broken_link() == 3


@pytest.mark.parametrize(("removed", "broken"), [(0, 1), (1, 2)])
def test_a_removed_line_breaks_the_chain(journal, removed, broken):
    for run in "123":
        add(journal, record(run))
    lines = journal.path.read_text().splitlines()
    del lines[removed]
    journal.path.write_text("\n".join(lines) + "\n")

    assert journal.broken_link() == broken


@pytest.mark.parametrize("line", ["no JSON", "[1]", '"text"', ""])
def test_a_line_that_is_not_a_record_is_refused_by_its_number(journal, line):
    add(journal, record("1"))
    with journal.path.open("a") as handle:
        handle.write(line + "\n")

    with pytest.raises(RecordError, match=r"journal\.jsonl:2: not a record of a run"):
        journal.records()


def test_several_processes_at_once_keep_the_chain(journal):
    script = (
        "import sys, pathlib\n"
        "from pytest_ouro.evidence.records.journal import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "from pytest_ouro.evidence.records.run_record import StartedRun\n"
        "facts = {'commit': 'a' * 40, 'time': '2025-01-01T00:00:00', 'run': sys.argv[2] * 12}\n"
        "for n in range(10): journal.append(StartedRun(**facts, salt=n))\n"
    )
    command = [sys.executable, "-c", script, str(journal.common_dir)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([*command, name], **pipes) for name in "abc"]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=60)

    assert [child.returncode for child in children] == [0, 0, 0]
    records = journal.records()
    assert [record.seq for record in records] == list(range(1, 31))
    assert journal.broken_link() == 0
    for name in "abc":
        assert [r.salt for r in records if r.run == name * 12] == list(range(10))


def test_a_journal_that_cannot_be_written_is_an_error_with_its_remedy(tmp_path):
    (tmp_path / "ouro").write_text("in the way")

    with pytest.raises(RecordError, match=r"journal\.jsonl cannot be written") as caught:
        add(Journal(tmp_path), record("1"))

    assert "no run is made without its record" in caught.value.help


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_a_read_only_folder_is_an_error(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RecordError, match=r"cannot be written: Permission denied"):
            add(Journal(tmp_path), record("1"))
    finally:
        tmp_path.chmod(0o755)


def test_a_full_disk_leaves_whole_lines_only(journal, monkeypatch):
    add(journal, record("1"))
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:-4]))

    with pytest.raises(RecordError, match="No space left"):
        add(journal, record("2"))

    monkeypatch.undo()
    assert [json.loads(line)["run"] for line in journal.path.read_text().splitlines()] == ["1" * 12]
    assert journal.fault() is None


# Values that a line may have.

DEEP = 200_000
ODD = {
    "a run that is a path": {"run": "../../../victim"},
    "an absolute path": {"run": "/tmp/victim"},
    "an empty run": {"run": ""},
    "a run with a newline": {"run": "0123456789ab\n"},
    "other digits": {"run": "\u0660" * 12},
    "no run": {"run": None},
    "a series that is a path": {"series": ".."},
    "a pid in words": {"pid": "4194304"},
    "a pid of a flag": {"pid": True},
    "a commit that is short": {"commit": "abc"},
    "a commit that is an option": {"commit": "--output=x"},
    "a number in words": {"window_seconds": "1.0"},
    "a time that is a number": {"time": 5},
    "a working tree that is a list": {"worktree": ["a"]},
    "holds that are a text": {"holds": "cpu"},
    "a huge number": {"anything": 10**400},
    "half a character": {"description": "\ud800"},
    "another event": {"event": "note"},
}


@pytest.mark.parametrize("kind", ODD)
def test_a_field_with_an_invalid_value_is_refused_by_its_line(journal, kind):
    add(journal, record("1"))
    append(journal, {**record("2"), **ODD[kind]})

    with pytest.raises(RecordError, match=r"journal\.jsonl:2: not a record of a run") as caught:
        journal.records()

    assert "pytest-ouro log --restore" in caught.value.help


@pytest.mark.parametrize("fact", ["event", "run", "commit", "time", "status", "reason", "row"])
def test_a_record_without_a_required_key_is_refused_by_its_line(journal, fact):
    whole = record("1", "finished")
    del whole[fact]
    append(journal, whole)

    with pytest.raises(RecordError, match=rf"journal\.jsonl:1: .*{fact}|status"):
        [run.status for run in journal.records()]


@pytest.mark.parametrize(
    "line",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"event": "started", "claims": ' + b"[" * 50 + b"]" * 50 + b"}",
        b"9" * 100_000,
        b'{"seq": ' + b"9" * 100_000 + b"}",
        b'{"budget": NaN}',
        b'{"budget": -Infinity}',
        b'{"budget": 1e999}',
        b'{"run": "0123456789ab", "run": "0123456789ab"}',
        b'{"run": "\xff"}',
        b"null",
        b"1",
    ],
    ids=lambda line: line[:30].decode(errors="replace"),
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_odd_json_is_refused_by_its_line_and_the_journal_restored(journal, line, place):
    for run in "12":
        add(journal, record(run))
    whole = journal.lines()
    odd = [*whole[:place], line, *whole[place:]]
    journal.path.write_bytes(b"\n".join([*odd, b""]))

    with pytest.raises(RecordError, match=rf"journal\.jsonl:{place + 1}: not a record of a run"):
        journal.records()
    with pytest.raises(RecordError, match=rf"journal\.jsonl:{place + 1}: ") as caught:
        add(journal, record("3"))
    assert caught.value.help == "put back what was recorded: pytest-ouro log --restore"

    aside = journal.restore()
    assert journal.lines() == whole
    assert aside.read_bytes().split(b"\n")[:-1] == odd
    assert add(journal, record("3")).seq == 3


@pytest.mark.parametrize("run", ["../x", "/tmp/x", "", "0123456789ab/..", None])
def test_an_invalid_run_id_never_becomes_a_path(journal, run):
    with pytest.raises(RecordError, match="is not the id of a run"):
        journal.place(run)


# Git's copy.


def edited(lines):
    lines[-1] = lines[-1].replace(b"2.0", b"9.0")


def removed(lines):
    del lines[-1]


def cut(lines):
    del lines[-3:]


def emptied(lines):
    lines.clear()


def exchanged(lines):
    lines[-1] = lines[-2]


def doubled(lines):
    lines.append(lines[-1])


EDITS = [edited, removed, cut, emptied, exchanged, doubled]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("hashed", ["sha1", "sha256"])
def test_an_edited_journal_is_detected_and_restored(tmp_path, edit, hashed):
    run_git("init", "--quiet", f"--object-format={hashed}", ".", cwd=tmp_path)
    journal = Journal(tmp_path / ".git")
    for run in "12":
        add(journal, record(run))
        add(journal, record(run, "finished"))
    whole = journal.lines()
    assert journal.fault() is None
    lines = journal.lines()
    edit(lines)
    journal.path.write_bytes(b"".join(line + b"\n" for line in lines))

    assert journal.fault()
    with pytest.raises(RecordError, match=r"journal\.jsonl:\d") as caught:
        add(journal, record("3"))
    assert caught.value.help == "put back what was recorded: pytest-ouro log --restore"
    journal.restore()
    assert journal.lines() == whole
    assert journal.fault() is None
    assert journal.restore() is None
    run_git("gc", "--quiet", "--prune=now", cwd=tmp_path)
    assert add(journal, record("3")).seq == 5
    assert journal.fault() is None
    run_git("fsck", "--strict", cwd=tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_removed_journal_is_detected_and_restored(journal, packed):
    add(journal, record("1"))
    whole = journal.lines()
    if packed:
        run_git("pack-refs", "--all", cwd=journal.common_dir)
    shutil.rmtree(journal.folder)

    assert journal.fault().headline == "lines that were recorded are gone"
    with pytest.raises(RecordError, match="expected 1 lines, not 0"):
        add(journal, record("2"))
    journal.restore()
    assert journal.lines() == whole


def test_records_that_git_does_not_hold_are_accepted_and_then_stored_in_git(journal):
    append(journal, record("1"), record("1", "finished"))
    assert journal.fault() is None

    add(journal, record("2"))

    assert journal.recorded() == journal.lines()


def test_a_journal_with_edited_records_that_git_does_not_hold_refuses_a_new_line(journal):
    append(journal, record("1"), {**record("1", "finished"), "val_bpb": 9.0})

    fault = journal.fault()
    assert (fault.line, fault.headline) == (2, "'row' in line 2 contradicts what it follows from")
    assert f"mv {journal.path}" in fault.help
    with pytest.raises(RecordError, match="'row' in line 2"):
        add(journal, record("2"))


def test_a_new_journal_continues_the_numbers_of_tried_commits(journal):
    blob = run_git("hash-object", "-w", "--stdin", cwd=journal.common_dir).decode().strip()
    run_git("update-ref", "refs/ouro/tried/41", blob, cwd=journal.common_dir)

    assert [add(journal, record(run)).seq for run in "12"] == [42, 43]


@pytest.mark.parametrize("name", ["²", "07", "9" * 17])
def test_a_new_journal_leaves_out_refs_that_are_not_numbered_by_us(journal, name):
    blob = run_git("hash-object", "-w", "--stdin", cwd=journal.common_dir).decode().strip()
    for one in ("3", name):
        run_git("update-ref", f"refs/ouro/tried/{one}", blob, cwd=journal.common_dir)

    assert add(journal, record("1")).seq == 4


@pytest.mark.parametrize("torn", [b"", b'{"prev": "'])
def test_a_writer_that_is_killed_before_it_writes_the_line_loses_nothing(
    journal, monkeypatch, torn
):
    """Git has the line already, and the place of the run shows that a record is missing."""

    class Killed(BaseException):
        pass

    def killed(self, lines, line):
        with journal.path.open("ab") as file:
            file.write(torn)
        raise Killed

    add(journal, record("1"))
    place = journal.place("1" * 12)
    place.parent.mkdir()
    place.touch()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_write", killed)
        with pytest.raises(Killed):
            add(journal, record("1", "finished"))

    assert journal.fault() is None
    journal.complete()
    assert [one.event for one in journal.records()] == ["started", "finished"]
    assert journal.recorded() == journal.lines()


@pytest.mark.parametrize("way", ["lock", "folder"])
def test_a_lock_or_folder_in_the_place_of_the_ref_does_not_stop_a_record(journal, way):
    place = journal.common_dir / anchor.REF
    if way == "lock":
        place.parent.mkdir(parents=True)
        place.with_name("journal.lock").touch()
    else:
        (place / "x").mkdir(parents=True)
        (place / "x" / "y").write_text("in the way")

    add(journal, record("1"))

    assert journal.recorded() == journal.lines()


def test_lost_git_objects_do_not_stop_a_record(journal):
    add(journal, record("1"))
    for folder in (journal.common_dir / "objects").iterdir():
        if len(folder.name) == 2:
            shutil.rmtree(folder)

    add(journal, record("2"))

    assert journal.fault() is None
    assert journal.recorded() is None
    journal.path.write_text("")
    assert "git update-ref -d refs/ouro/journal" in journal.fault().help


# Facts that are recorded twice.


def series(number, value, **facts):
    return {"series": "5" * 12, "repeat": number, "repeats": 2, "val_bpb": value, **facts}


KEPT = {"commit": "b" * 40, "code_size": 90, "peak_mb": 5.0}
AFTER = {"best": 2.0, "best_commit": "b" * 40, "best_code_size": 90, "best_peak_mb": 5.0}
TWICE = {
    "row": {"row": "aaaaaaa\t1.000000\t0.0\tkeep\tan idea"},
    "val_bpb": {"outcome": "ok", "value": 3.0},
    "code_size": {"code_size": 1},
    "commit": {"commit": "c" * 40},
    "tried": {"tried": "refs/ouro/tried/1"},
    "gain": {"best": 3.0, "gain": 0.5},
    "best": {**AFTER, "best": 3.0},
    "best_code_size": {**AFTER, "best_code_size": 91},
    "best_peak_mb": {**AFTER, "best_peak_mb": 6.0},
    "best_commit": {**AFTER, "best_commit": "d" * 40},
    "seq": {"seq": 3},
}


@pytest.mark.parametrize("field", TWICE)
def test_what_is_recorded_twice_must_agree(journal, field):
    append(journal, record("1", **KEPT), record("1", "finished", **KEPT))
    append(journal, record("2", code_size=80), record("2", "finished", **AFTER, code_size=80))
    assert journal.fault() is None
    lines = journal.path.read_bytes().splitlines()
    last = {**json.loads(lines[-1]), **TWICE[field]}
    if field != "row":
        last["row"] = row(last)
    journal.path.write_bytes(b"\n".join([*lines[:-1], json.dumps(last).encode(), b""]))

    fault = journal.fault()

    assert fault.headline == f"'{field}' in line 4 contradicts what it follows from"
    assert fault.expected != fault.actual


@pytest.mark.parametrize(
    ("facts", "field"), [({}, ""), ({"mean": 1.0}, "mean"), ({"sd": 1.0}, "sd"), ({"n": 3}, "n")]
)
def test_a_series_is_what_its_runs_are(journal, facts, field):
    ended = {"n": 2, "mean": 2.5, "sd": 0.5**0.5, **facts}
    append(journal, record("1", "finished", **series(1, 2.0)))
    append(journal, record("2", "finished", **series(2, 3.0), **ended))

    fault = journal.fault()

    assert (fault.headline.split()[0] if fault else "") == (f"'{field}'" if field else "")


def test_a_journal_that_is_gone_is_found_also_where_git_has_another_format(journal, monkeypatch):
    add(journal, record("1"))
    copy = run_git("rev-parse", anchor.REF, cwd=journal.common_dir).decode().strip()
    journal.path.unlink()
    (journal.common_dir / "refs/ouro/journal").unlink()
    (journal.common_dir / "reftable").mkdir()
    assert journal.fault() is None
    monkeypatch.setattr(anchor, "refs", lambda folder: {anchor.REF: copy})  # as a newer git says

    assert "gone" in journal.fault().headline
