import json
import os
import subprocess
import sys

import pytest

from pytest_ouro.core.errors import RecordError
from pytest_ouro.evidence.records.journal import Journal


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


def test_there_is_nothing_before_the_first_run(journal):
    assert journal.records() == []
    assert journal.unfinished() == []
    assert journal.broken_link() == 0


def test_lines_are_numbered_and_chained(journal):
    first = journal.append({"event": "started", "run": "1"})
    second = journal.append({"event": "finished", "run": "1", "description": "é\n\t\u2028"})

    assert (first["seq"], first["prev"]) == (1, "")
    assert second["seq"] == 2
    assert len(second["prev"]) == 64
    assert journal.records() == [first, second]
    assert journal.broken_link() == 0


def test_a_run_that_never_finished_is_known(journal):
    journal.append({"event": "started", "run": "1"})
    journal.append({"event": "started", "run": "2"})
    journal.append({"event": "finished", "run": "1"})

    assert [record["run"] for record in journal.unfinished()] == ["2"]
    assert [record["run"] for record in journal.runs()] == ["1"]


@pytest.mark.parametrize("torn", [b"{", b'{"prev": "", "seq": 3, "run": "3"}', b"\0\0\0\0"])
def test_a_torn_last_line_is_no_record_and_is_cut_off(journal, torn):
    journal.append({"run": "1"})
    journal.append({"run": "2"})
    with journal.path.open("ab") as handle:
        handle.write(torn)

    assert [record["run"] for record in journal.records()] == ["1", "2"]
    assert journal.append({"run": "4"})["seq"] == 3
    assert [record["run"] for record in journal.records()] == ["1", "2", "4"]
    assert journal.broken_link() == 0


def test_an_edited_line_breaks_the_chain_at_the_next(journal):
    for run in "123":
        journal.append({"run": run, "val_bpb": 1.7})
    lines = journal.path.read_text().splitlines()
    lines[1] = lines[1].replace("1.7", "1.6")
    journal.path.write_text("\n".join(lines) + "\n")

    assert journal.broken_link() == 3


@pytest.mark.parametrize(("removed", "broken"), [(0, 1), (1, 2)])
def test_a_removed_line_breaks_the_chain(journal, removed, broken):
    for run in "123":
        journal.append({"run": run})
    lines = journal.path.read_text().splitlines()
    del lines[removed]
    journal.path.write_text("\n".join(lines) + "\n")

    assert journal.broken_link() == broken


@pytest.mark.parametrize("line", ["no JSON", "[1]", '"text"', ""])
def test_a_line_that_is_no_record_is_refused_by_its_number(journal, line):
    journal.append({"run": "1"})
    with journal.path.open("a") as handle:
        handle.write(line + "\n")

    with pytest.raises(RecordError, match=r"journal\.jsonl:2: not a record of a run"):
        journal.records()


def test_several_processes_at_once_keep_the_chain(journal):
    script = (
        "import sys, pathlib\n"
        "from pytest_ouro.evidence.records.journal import Journal\n"
        "import filelock\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "for n in range(30): journal.append({'run': sys.argv[2], 'n': n})\n"
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
    assert [record["seq"] for record in records] == list(range(1, 91))
    assert journal.broken_link() == 0
    for name in "abc":
        assert [r["n"] for r in records if r["run"] == name] == list(range(30))


def test_a_journal_that_cannot_be_written_is_an_error_with_its_remedy(tmp_path):
    (tmp_path / "ouro").write_text("in the way")

    with pytest.raises(RecordError, match=r"journal\.jsonl cannot be written") as caught:
        Journal(tmp_path).append({"run": "1"})

    assert "no run is made without its record" in caught.value.help


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_a_read_only_folder_is_an_error(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RecordError, match=r"cannot be written: Permission denied"):
            Journal(tmp_path).append({"run": "1"})
    finally:
        tmp_path.chmod(0o755)


def test_a_full_disk_leaves_whole_lines_only(journal, monkeypatch):
    journal.append({"run": "1"})
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:-4]))

    with pytest.raises(RecordError, match="No space left"):
        journal.append({"run": "2"})

    monkeypatch.undo()
    assert [json.loads(line)["run"] for line in journal.path.read_text().splitlines()] == ["1"]
