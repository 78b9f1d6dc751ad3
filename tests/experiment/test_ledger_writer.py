"""Rows are added by the names of the header, in the format of the file, whole or not at all."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.core.errors import RecordError
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.ledger.ledger_table import Entry
from pytest_ouro.experiment.records import ledger_writer

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
MORE = (("timestamp", "2026-01-01T00:00:00+00:00"), ("branch", "main"))
KEPT = Entry("a1b2c3d", "1.500000", 2048.0, "keep", 'a, "b" | c', MORE)
CRASH = Entry("b1b2c3d", "0.000000", 0.0, "crash", "OOM", MORE)
ROW = 'a1b2c3d\t1.500000\t2.0\tkeep\ta, "b" | c\n'


@pytest.fixture
def append(tmp_path):
    def append(before=None, *entries, name="results.tsv", metric="val_bpb"):
        path = tmp_path / name
        if before is not None:
            path.write_bytes(before if isinstance(before, bytes) else before.encode())
        for entry in entries or (KEPT,):
            ledger_writer.append(path, entry, metric=metric, lock=tmp_path / "lock")
        return path.read_bytes()

    return append


def test_the_first_row_is_written_with_the_header(append):
    crash = "b1b2c3d\t0.000000\t0.0\tcrash\tOOM\n"

    assert append().decode() == HEADER + ROW
    assert append(None, CRASH).decode() == HEADER + ROW + crash


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("log", "commit\tscore\tmemory_gb\tstatus\tdescription\na1b2c3d\t"),
        ("log.csv", "commit,score,memory_gb,status,description\na1b2c3d,"),
        ("log.jsonl", '{"commit": "a1b2c3d", "score": 1.5, "memory_gb": 2.0, "status": "keep"'),
        ("log.md", "| commit | score | memory_gb | status | description |\n| --- | --- |"),
    ],
)
@pytest.mark.parametrize("before", [None, b""])
def test_the_name_of_a_new_ledger_decides_on_its_format(append, name, start, before, tmp_path):
    assert append(before, name=name, metric="score").decode().startswith(start)
    found = ledger.read(tmp_path / name, "score")
    assert (found.problems, ledger.pair(found.rows, [KEPT])) == ((), ([], []))


WRITTEN = {
    "other columns": (
        "commit\tcycle\tscore\timprovement\tstatus\tdescription\nHEAD\t1\t9\t0\tkeep\tx\n",
        'a1b2c3d\t\t1.500000\t\tkeep\ta, "b" | c\n',
    ),
    "another order and case": (
        "Notes\tSTATUS\tPeak MB\tVal BPB\tSHA\tTimestamp\n",
        'a, "b" | c\tkeep\t2048.0\t1.500000\ta1b2c3d\t2026-01-01T00:00:00+00:00\n',
    ),
    "no line end": (HEADER + "x\t1\t2\tkeep\ty", "\n" + ROW),
    "no header": ("x\t1\t2\tkeep\ty\n", ROW),
    "comments alone": ("# my results\n", HEADER + ROW),
    "CRLF": (HEADER.replace("\n", "\r\n"), ROW.replace("\n", "\r\n")),
    "CRLF, no line end": (
        (HEADER + "x\t1\t2\tkeep\ty").replace("\n", "\r\n"),
        "\r\n" + ROW.replace("\n", "\r\n"),
    ),
    "CSV": (
        "commit,val_bpb,cost,status,notes\n",
        'a1b2c3d,1.500000,,keep,"a, ""b"" | c"\n',
    ),
    "semicolons": ("commit;val_bpb;status\n", "a1b2c3d;1.500000;keep\n"),
    "JSON lines": (
        '{"type": "config"}\n{"run": 1, "commit": "x", "metric": 9, "status": "keep"}\n',
        '{"run": null, "commit": "a1b2c3d", "metric": 1.5, "status": "keep"}\n',
    ),
    "Markdown": (
        "# R\n\n| commit | val_bpb | notes |\n|---|---|---|\n",
        '| a1b2c3d | 1.500000 | a, "b" \\| c |\n',
    ),
    "a header in the middle": (HEADER + "commit\tval_bpb\n", "a1b2c3d\t1.500000\n"),
}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_row_is_written_by_the_names_and_in_the_format_of_the_ledger(
    append, form, codec, tmp_path
):
    before, row = WRITTEN[form]
    data = before.encode(codec)

    after = append(data)

    assert after.startswith(data)
    assert after.decode(codec) == before + row
    found = ledger.read(tmp_path / "results.tsv", "val_bpb")
    assert ledger.pair(found.rows[-1:], [KEPT]) == ([], [])


def test_a_crash_has_null_in_json(append):
    after = append('{"commit": "x", "metric": 9, "peak_mb": 1}\n', CRASH)

    assert json.loads(after.splitlines()[-1]) == {
        "commit": "b1b2c3d",
        "metric": None,
        "peak_mb": None,
    }


@pytest.mark.parametrize(
    ("before", "what"),
    [
        ("by hand\n", "results.tsv:1: no header names the columns, and a row has 2, not 5"),
        ("\nHEAD\t1\tx\n", "results.tsv:2: no header names the columns, and a row has 3, not 5"),
        ("commit\tval_loss\tstatus\n", "results.tsv:1: no column is named val_bpb: "),
        ("val_bpb\tstatus\n", "results.tsv:1: no column is named commit: "),
        ("# x\nstatus\tnotes\n", "results.tsv:2: no column is named commit or val_bpb: "),
        ('{"commit": "x"}\n', "results.tsv:1: no column is named val_bpb: "),
        ("{}\n", "results.tsv:1: no column is named commit or val_bpb: "),
    ],
)
def test_where_a_row_has_no_place_nothing_is_written(append, tmp_path, before, what):
    before = before.replace("by hand", "by\\thand")
    with pytest.raises(RecordError) as refused:
        append(before)

    assert what in refused.value.message
    assert "or move the file out of the repository" in refused.value.help
    assert (tmp_path / "results.tsv").read_text() == before


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_row_that_was_cut_off_anywhere_is_completed(tmp_path, form, codec):
    def complete(there):
        return there + ledger_writer._missing(there, tmp_path / "x.tsv", KEPT, "val_bpb", True)

    before, _ = WRITTEN[form]
    start = before.encode(codec)
    whole = complete(start)
    begun = len(start) + (4 if before[-1] != "\n" and codec == "utf-16" else 0)
    for size in range(begun, len(whole)):
        assert complete(whole[:size]) == whole


@pytest.mark.parametrize("name", ["x.tsv", "x.csv", "x.jsonl", "x.md"])
def test_a_new_ledger_that_was_cut_off_anywhere_is_completed(tmp_path, name):
    def complete(there):
        return there + ledger_writer._missing(there, tmp_path / name, KEPT, "val_bpb", True)

    whole = complete(b"")
    for size in range(len(whole)):
        assert complete(whole[:size]) == whole


@given(st.text(), st.sampled_from([",", ";", "\t", "|", ""]))
def test_any_description_is_read_back(tmp_path_factory, description, separator):
    from pytest_ouro.evidence.ledger.ledger_format import Format
    from pytest_ouro.evidence.ledger.ledger_table import Table, one_line

    entry = KEPT._replace(description=one_line(description))
    table = Table.new(Format(separator), "val_bpb")
    text = "\n".join([*table.header, table.text(entry)])

    found = ledger.parse(text.encode(), tmp_path_factory.getbasetemp() / "x.tsv", "val_bpb")

    assert (found.problems, ledger.pair(found.rows, [entry])) == ((), ([], []))


def test_a_ledger_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="cannot be written") as caught:
        ledger_writer.append(tmp_path, KEPT, metric="val_bpb", lock=tmp_path / "lock")

    assert "the journal holds the run" in caught.value.help


def test_a_pipe_is_refused(tmp_path):
    path = tmp_path / "results.tsv"
    os.mkfifo(path)

    with pytest.raises(
        RecordError, match=r"results\.tsv cannot be written: it is not a regular file"
    ):
        ledger_writer.append(path, KEPT, metric="val_bpb", lock=tmp_path / "lock")
