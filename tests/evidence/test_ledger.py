"""The ledger as people and other tools write it: every row is read, or named with its line."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_ouro.core.errors import RecordError
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.ledger.ledger_names import commit_of, number_of, status_of
from pytest_ouro.evidence.ledger.ledger_table import Entry
from pytest_ouro.evidence.ledger.metric_names import named_direction

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def parse(text, metric="val_bpb", name="results.tsv"):
    data = text if isinstance(text, bytes) else text.encode()
    return ledger.parse(data, Path(name), metric)


def claims(found):
    """What each whole row says: its line, commit, value (None for a crash), MB, status, text."""
    for row in found.rows:
        if cells := row.cells:
            columns = row.table.columns
            commit, metric, memory, status, words = (
                "" if place is None or cells[place] is None else str(cells[place])
                for place in columns.known
            )
            meaning, used = status_of(status), number_of(memory)
            value = None if meaning == "crash" else number_of(metric)
            used = used if used is None or columns.megabytes else used * 1024
            yield row.line, commit_of(commit), value, used, meaning, words.strip()


@pytest.fixture
def read():
    return parse


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


#: Headers of public repositories, a row below each, and what it claims: hash, value, MB, status.
CENSUS = {
    "canonical": (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "a1b2c3d\t1.5\t2.0\tkeep\tx",
        ("a1b2c3d", 1.5, 2048.0, "keep", "x"),
    ),
    "an iteration for a commit": (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "12\t99.0\t-\tcrash\tOOM",
        ("", None, None, "crash", "OOM"),
    ),
    "score, no memory": (
        "commit\tscore\tsharpe\tmax_dd\tstatus\tdescription",
        "a1b2c3d\t1.5\t2\t3\treverted\tx",
        ("a1b2c3d", 1.5, None, "discard", "x"),
    ),
    "many more columns": (
        "commit\tkind\tthread\tval_bpb\tdelta_vs_best\tmemory_gb\tstatus\thypothesis\tdescription",
        "a1b2c3d\tk\tt\t1.5\t-0.1\t2\ttentative\th\tx",
        ("a1b2c3d", 1.5, 2048.0, "", "x"),
    ),
    "before and after": (
        "commit\tmetric_before\tmetric_after\tdelta\tstatus\tdescription",
        "a1b2c3d\t2.0\t1.5\t-0.5\trejected\tx",
        ("a1b2c3d", 1.5, None, "discard", "x"),
    ),
    "an index first": (
        "# metric_direction: lower\niteration\tcommit\tmetric\tdelta\tguard\tstatus\tdescription",
        "3\ta1b2c3d\t1.5\t-\tpass\tkeep (reworked)\tx",
        ("a1b2c3d", 1.5, None, "keep", "x"),
    ),
    "names with digits": (
        "hash\tF1\t5min_tokens\t2nd\tval_bpb\tstatus\tdescription",
        "a1b2c3d\t1\t2\t3\t1.5\tkeep\tx",
        ("a1b2c3d", 1.5, None, "keep", "x"),
    ),
    "a time first": (
        "timestamp\tcommit\tstatus\tscore\tbudget_sec\tdescription",
        "2026-01-01\tbaseline\tKEEP ✓\t1.5\t300\tx",
        ("", 1.5, None, "keep", "x"),
    ),
    "no status": (
        "git_commit\tval_bpb\tpeak_mb\tnotes",
        "A1B2C3D4E5\t1.5\t9328.2 MB\tx",
        ("a1b2c3d4e5", 1.5, 9328.2, "", "x"),
    ),
    "neither commit nor status": (
        "val_bpb\tartifact_bytes\tmemory_mb\tnotes",
        "1.5\t7\t2.0\tx",
        ("", 1.5, 2.0, "", "x"),
    ),
    "another case": (
        "SHA\tVal BPB\tPeak VRAM (GB)\tOutcome\tNotes",
        "a1b2c3d\t1.5\tN/A\tFAILED\tx",
        ("a1b2c3d", None, None, "crash", "x"),
    ),
    "CSV": (
        "commit,val_bpb,memory_gb,status,description",
        'a1b2c3d,1.5,2.0,keep,"wider, ""much"" wider"',
        ("a1b2c3d", 1.5, 2048.0, "keep", 'wider, "much" wider'),
    ),
    "CSV with a line end in a cell": (
        "description,status,commit,val_bpb",
        '"wider,\ndeeper",kept,HEAD,1.5',
        ("", 1.5, None, "keep", "wider,\ndeeper"),
    ),
    "semicolons": (
        "rev; metric; decision",
        "a1b2c3d; 1.5; discard",
        ("a1b2c3d", 1.5, None, "discard", ""),
    ),
    "JSON lines": (
        '{"type": "config", "name": "speed"}',
        '{"run": 1, "commit": "a1b2c3d", "metric": 1.5, "status": "checks_failed", "metrics": {}}',
        ("a1b2c3d", 1.5, None, "", ""),
    ),
    "a Markdown table": (
        "# Results\n\nAll of them.\n\n| commit | val_bpb | status | notes |\n|:--|--:|---|---|",
        "| a1b2c3d | 1.5 | keep | a \\| b |",
        ("a1b2c3d", 1.5, None, "keep", "a | b"),
    ),
    "no header": ("", "HEAD\t1.5\t2.0\tkeep\tx", ("", 1.5, 2048.0, "keep", "x")),
}


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("known", CENSUS)
def test_what_a_row_claims(known, codec, end):
    header, row, claim = CENSUS[known]
    text = f"{header}\n{row}".lstrip("\n").replace("\n", end)
    description = claim[-1].replace("\n", "\n")

    *_, last = claims(parse(text.encode(codec)))

    assert last[1:] == (*claim[:-1], description)
    assert parse(text.encode(codec)).problems == ()


def test_a_column_of_another_metric_is_not_the_metric_s():
    found = parse("commit\tval_loss\tval_bpb\tstatus\nx\t1\t2\tkeep\n", "score")
    assert found.table.columns.metric is None
    for metric, place in (("val_loss", 1), ("loss", 1), ("bpb", 2), ("VAL-BPB", 2)):
        text = "commit\tval_loss\tval_bpb\tscore\n"
        assert parse(text, metric).table.columns.metric == place
    assert parse("commit\tmetric\tvalue\n", "score").table.columns.metric == 2


def test_a_header_in_the_middle_applies_to_the_rows_below_it(read):
    found = read(HEADER + "a1b2c3d\t1.5\t2.0\tkeep\tx\ncommit\tstatus\tscore\nb1b2c3d\tkeep\t2.5\n")

    assert [claim[2] for claim in claims(found)] == [1.5, 2.5]
    assert found.table.names == ("commit", "status", "score")


def test_two_records_on_a_line_are_two_of_json_and_are_named_in_a_table(read):
    row = {"commit": "a1b2c3d", "val_bpb": 1.5}
    assert len(list(claims(read(json.dumps(row) * 2)))) == 2

    found = read(HEADER + "a1b2c3d\t1.5\t2.0\tkeep\txb1b2c3d\t1.5\t2.0\tkeep\ty\n")
    assert found.problems == ((2, "9 columns, not 5: two rows on one line"),)


def test_lines_above_the_header_and_lines_without_json_are_named(read):
    found = read("My results\n" + HEADER + "a1b2c3d\t1.5\t2.0\tkeep\tx\n")
    assert (found.problems, len(found.rows)) == (((1, "1 columns, not 5"),), 2)

    found = read('{"commit": "HEAD", "score": 1}\nby hand\n[1]\n{"commit": 1\n')
    assert [line for line, _ in found.problems] == [2, 3, 4]


def test_an_open_quote_in_a_csv_ledger_costs_its_row_alone(read):
    found = read('commit,val_bpb,status,notes\na,1.5,keep,"open\nb,1.5,keep,"x, y"\nc,1.5,keep,z\n')

    assert [row.line for row in found.rows] == [2, 3, 4]
    assert [claim[-1] for claim in claims(found)][-2:] == ["x, y", "z"]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        *((word, "keep") for word in ("keep", "Kept", "KEEP ✓", "✅ keep", "NEW_BEST", "baseline")),
        *((word, "discard") for word in ("discard", "Reverted", "rejected (worse)", "REVERT")),
        *((word, "crash") for word in ("crash", "FAIL", "failed", "error: OOM", "timeout", "nan")),
        *((word, "") for word in ("", "-", "pending", "not kept", "curriculum_0.67", "n/a")),
    ],
)
def test_a_status_is_known_by_its_first_word(text, meaning):
    assert status_of(text) == meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, None) for text in ("", "-", "N/A", "NaN", "inf", "1e999", "none", "x1", "1.2.3")),
        *((text, 1.5) for text in ("1.5", " 1.50 ", "+1.5", "~1.5", "1.5 GB", "15e-1", "1.5%")),
        ("-0.25", -0.25),
        ("0.000000", 0.0),
    ],
)
def test_a_number_is_read_with_its_unit_and_sentinels_have_none(text, value):
    assert number_of(text) == value


@pytest.mark.parametrize("text", ["baseline", "HEAD", "-------", "12", "iter1", "deadbeefs", ""])
def test_a_word_for_a_commit_has_no_hash(text):
    assert commit_of(text) == ""
    assert commit_of(f"A1B2C3D {text}") == "a1b2c3d"


LINES = st.lists(
    st.sampled_from(
        [
            *(HEADER.rstrip(), "commit,val_bpb,status", "| commit | score |", "|---|---|", '{"'),
            *('{"commit": "a", "score": 1}', '{"commit": {}, "score": [1], "status": null}', '"'),
            *(
                "a1b2c3d\t1.5\t2.0\tkeep\tx",
                'a,1,"k',
                "# x",
                "====",
                "\ufeff",
                "\r",
                "\0",
                "[" * 9999,
            ),
        ]
    )
    | st.text()
)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r", " "]), st.sampled_from(["utf-8", "utf-16"]))
@example(["commit,val_bpb", "x" * 200_000], "\n", "utf-8")
def test_every_line_with_a_cell_is_a_row_a_header_or_a_comment(lines, end, codec):
    rows_are_accounted_for(end.join(lines).encode(codec, "replace"))


@given(st.binary())
@example(b"\xff\xfe\0")
@example(b"\0" * 50)
@example(b"{}")
def test_any_bytes_are_read(data):
    rows_are_accounted_for(data)


def rows_are_accounted_for(data):
    found = parse(data)
    problems = {line for line, _ in found.problems}
    whole = {claim[0] for claim in claims(found)}
    assert {row.line for row in found.rows} == problems | whole
    entry = Entry("a1b2c3d", "1.500000", 2048.0, "keep", "x")
    strays, lost = ledger.pair(found.rows, [entry])
    assert len(strays) in (len(found.rows), len(found.rows) - 1)
    assert bool(lost) == (len(strays) == len(found.rows))
    ledger.column_fault(found, "val_bpb")


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("bits_per_byte", "lower"),
        ("val_loss_per_token", "lower"),
        ("per_token_loss", "lower"),
        ("cycles_per_byte", "lower"),
        ("ms_per_step", "lower"),
        ("bytes_per_second", "higher"),
        ("tokens_per_sec", "higher"),
        ("instructions_per_cycle", "higher"),
    ],
)
def test_the_name_of_a_rate_tells_its_direction(name, direction):
    assert named_direction(name) == direction
