"""results.tsv as people and other tools write it, and as we do."""

import os

import pytest

from pytest_ouro.core.errors import RecordError
from pytest_ouro.evidence.records import ledger

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "results.tsv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return ledger.read(path)

    return read


VARIANTS = {
    "canonical": (HEADER + "a1b2c3d\t1.722615\t44.0\tkeep\tbaseline\n"),
    "without a header": ("HEAD\t1.722615\t44.0\tkeep\tfirst\n"),
    "a comment, other columns, another order": (
        "# metric_direction: lower\n"
        "iteration\tcommit\tmetric\tdelta\tguard\tstatus\tdescription\n"
        "1\ta1b2c3d\t0.91\t-0.1\tok\tkeep-candidate\tfirst\n"
    ),
    "another metric": ("commit\tval_rmse\tstatus\tdescription\na1b2c3d\t0.5\tkeep\tx\n"),
    "extra columns": (
        "commit\tval_bpb\tmemory_gb\tmfu\ttok_per_sec\tstatus\tdescription\n"
        "a1b2c3d\t1.7\t5.0\t39.8\t1000\tdiscard\tx\n"
    ),
    "columns by other names": (
        "git_commit\tscore\tmemory_mb\tstatus\tnotes\nunknown\t9.4\t9328.2\tok\tx\n"
    ),
    "Windows line endings": (
        HEADER.replace("\n", "\r\n") + "a1b2c3d\t1.7\t44.0\tkeep\tbaseline\r\n"
    ),
    "a literal backslash t": (HEADER + "a1b2c3d\\t1.7\\t-\\tkeep\\tbaseline\n"),
    "shouted, with words after the status": (HEADER + "a1b2c3d\t1.7\t44.0\t KEEP (reworked)\tx\n"),
    "an invented commit": (HEADER + "baseline\t1.7\t0.0\tkeep\tx\n"),
    "separators": (HEADER + "\n===== night two =====\n   \na1b2c3d\t1.7\t44.0\tkeep\tx\n"),
    "no line ending": (HEADER + "a1b2c3d\t1.7\t44.0\tkeep\tx"),
    "bytes that are not UTF-8": (HEADER.encode() + b"a1b2c3d\t1.7\t44.0\tkeep\tcaf\xe9\n"),
}


@pytest.mark.parametrize("text", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_way_to_write_a_row_is_read(read, text):
    found = read(text)
    whole = text if isinstance(text, str) else text.decode(errors="replace")

    assert [row.text for row in found.rows] == [whole.splitlines()[-1]]
    assert found.problems == ()


def test_duplicate_commits_are_two_runs(read):
    row = "a1b2c3d\t1.7\t44.0\tkeep\tx\n"

    assert len(read(HEADER + row + row).rows) == 2


def test_lines_are_counted_as_an_editor_counts_them(read):
    found = read("# a\n\n" + HEADER + "\na1b2c3d\t1.7\t44.0\tkeep\tx\n")

    assert [row.line for row in found.rows] == [5]


def test_rows_of_another_width_are_kept_and_reported_with_their_line(read):
    found = read(HEADER + "a1b2c3d\t1.7\t44.0\tcrash\tTraceback\n  File x\n\tat\ta\tb\tc\td\n")

    assert len(found.rows) == 3
    assert found.problems == ((3, "1 columns, not 5"), (4, "6 columns, not 5"))


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", HEADER, HEADER.rstrip()])
def test_a_ledger_may_have_no_rows(read, text):
    found = read(text)

    assert found.exists
    assert found.rows == ()


def test_a_missing_ledger_does_not_exist(tmp_path):
    assert not ledger.read(tmp_path / "results.tsv").exists


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="cannot be read"):
        ledger.read(tmp_path)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("a1b2c3d\t1.722615\t44.0\tkeep\tx", ""),
        ("a1b2c3d\t1.722615\t0.0\tdiscard\t", ""),
        ("a1b2c3d\t0.000000\t0.0\tcrash\tOOM", ""),
        ("a1b2c3d\t-0.722615\t44.0\tkeep\tx", ""),
        ("a" * 40 + "\t1.722615\t44.0\tkeep\tx", ""),
        ("", "1 columns"),
        ("a1b2c3d,1.722615,44.0,keep,x", "1 columns"),
        ("a1b2c3d\t1.722615\t44.0\tkeep\tx\ty", "6 columns"),
        ("g1b2c3d\t1.722615\t44.0\tkeep\tx", "not a commit hash"),
        ("A1B2C3D\t1.722615\t44.0\tkeep\tx", "not a commit hash"),
        ("a1b2\t1.722615\t44.0\tkeep\tx", "not a commit hash"),
        ("a1b2c3d\t1.722615\t44.0\tKEEP\tx", "the status is 'KEEP'"),
        ("a1b2c3d\t1.722615\t44.0\t\tx", "the status is ''"),
        ("a1b2c3d\tnan\t44.0\tkeep\tx", "the metric is 'nan'"),
        ("a1b2c3d\t1.7226\t44.0\tkeep\tx", "the metric is '1.7226'"),
        ("a1b2c3d\t0.000000\t44.0\tdiscard\tx", "a discard with the metric 0.000000"),
        ("a1b2c3d\t1.722615\t-\tkeep\tx", "the memory is '-'"),
        ("a1b2c3d\t1.722615\t44\tkeep\tx", "the memory is '44'"),
    ],
)
def test_strict_faults(row, fault):
    found = ledger.strict_fault(row)

    assert fault in found
    assert bool(found) == bool(fault)


@pytest.mark.parametrize(
    ("value", "status", "description"),
    [
        (1.7, "keep", "tabs\tand\nnewlines\r and \x1b[31mcolour"),
        (None, "crash", ""),
        (0.98765432, "discard", "é"),
    ],
)
def test_written_rows_have_the_strict_form(value, status, description):
    row = ledger.row("a" * 40, value, 44.01, status, description)

    assert ledger.strict_fault(row) == ""
    assert "\x1b" not in row


def test_a_crash_is_written_with_zeros():
    assert ledger.row("a" * 40, None, 3.0, "crash", "OOM") == ("aaaaaaa\t0.000000\t0.0\tcrash\tOOM")


@pytest.fixture
def append(tmp_path):
    path = tmp_path / "results.tsv"

    def append(line):
        ledger.append(path, line, metric="val_bpb", lock=tmp_path / "lock")
        return path.read_bytes()

    return append


def test_the_first_row_is_written_with_the_header(append):
    assert append("a\tb") == HEADER.encode() + b"a\tb\n"
    assert append("c\td") == HEADER.encode() + b"a\tb\nc\td\n"


def test_an_empty_file_gets_the_header_too(append, tmp_path):
    (tmp_path / "results.tsv").write_bytes(b"")

    assert append("a\tb") == HEADER.encode() + b"a\tb\n"


def test_existing_lines_are_never_rewritten(append, tmp_path):
    (tmp_path / "results.tsv").write_bytes(b"by hand\r\nno end of line")

    assert append("a\tb") == b"by hand\r\nno end of line\na\tb\n"


def test_a_ledger_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="cannot be written") as caught:
        ledger.append(tmp_path, "row", metric="val_bpb", lock=tmp_path / "lock")

    assert "the journal holds the run" in caught.value.help


def test_a_pipe_is_refused(tmp_path):
    path = tmp_path / "results.tsv"
    os.mkfifo(path)

    with pytest.raises(
        RecordError, match=r"results\.tsv cannot be written: it is not a regular file"
    ):
        ledger.append(path, "a1b2c3d\t1.0\t0.0\tkeep\tx", metric="val_bpb", lock=tmp_path / "lock")
