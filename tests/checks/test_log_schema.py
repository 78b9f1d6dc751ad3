"""``log-schema``: our rows are complete; rows from before our first record are only claims."""

import pytest

from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.record_format import from_json

RULE = "iron-law::log-every-experiment"
HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
GOOD = "a1b2c3d\t1.722615\t44.0\tkeep\tbaseline\n"
CRASH = "a1b2c3e\t0.000000\t0.0\tcrash\tOOM\n"


@pytest.fixture
def first_run(project):
    """Record a first run: ``first_run(rows)`` says how many rows the ledger had before it."""

    def first_run(rows):
        trust = project.git("rev-parse", "HEAD")
        Journal(project.path / ".git").append(
            from_json(
                {
                    "event": "started",
                    "run": "0123456789ab",
                    "commit": trust,
                    "time": "2025-01-01T00:00:00",
                    "worktree": "",
                    "trust": trust,
                    "ledger_rows": rows,
                }
            )
        )

    return first_run


def test_without_a_ledger_and_a_run_it_is_skipped(judged):
    judgement = judged(RULE)

    assert judgement.status == "skipped"
    assert judgement.reason == "no run recorded yet"


@pytest.mark.parametrize(
    "text",
    [HEADER, HEADER + GOOD + CRASH, GOOD, HEADER + "\n# x\n" + GOOD],
    ids=["header only", "two rows", "no header", "a comment"],
)
def test_whole_rows_hold(project, judged, first_run, text):
    first_run(0)
    project.write({"results.tsv": text})

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("baseline\t1.722615\t44.0\tkeep\tx", "'baseline' is not a commit hash"),
        ("a1b2c3d\t1.72\t44.0\tkeep\tx", "the metric is '1.72', not a number with six decimals"),
        ("a1b2c3d\t\u0661.722615\t44.0\tkeep\tx", "the metric is '\u0661.722615', not a number"),
        ("a1b2c3d\t1.722615\t-\tkeep\tx", "the memory is '-', not a number of GB"),
        ("a1b2c3d\t1.722615\t44.0\tbest\tx", "the status is 'best', not one of keep, discard,"),
        ("a1b2c3d\t0.000000\t0.0\tkeep\tx", "a keep with the metric 0.000000: only a crash"),
        ("a1b2c3d\t1.722615\t44.0\tkeep", "4 columns, not 5"),
        ("a1b2c3d\t1.722615\t44.0\tkeep\tx\ty", "6 columns, not 5"),
    ],
)
def test_a_damaged_row_is_named_by_its_line(project, judged, first_run, row, fault):
    first_run(0)
    project.write({"results.tsv": HEADER + GOOD + row + "\n"})

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline.startswith(f"results.tsv:3: {fault}")
    assert finding.where == "a row: line 3"
    assert "pytest-ouro log" in finding.help


def test_a_header_that_makes_the_memory_the_metric_is_found(project, judged, recorded):
    recorded()
    path = project.path / "results.tsv"
    path.write_text(path.read_text().replace("val_bpb\tmemory_gb", "memory_gb\tval_bpb"))

    [finding] = judged(RULE).findings

    assert finding.headline == (
        "results.tsv:2: the metric is '0.0', not a number with six decimals"
    )


def test_a_header_of_another_tool_before_our_first_record_is_accepted(project, judged, recorded):
    header = "commit\tstatus\tval_bpb\tmemory_gb\tdescription\n"
    project.write({"results.tsv": f"{header}abc1234\tkeep\t1.5\t0.1\ta claim\n"})
    recorded()

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status,sha,score\nkeep,a1b2c3d,1.722615\nbest,a1b2c3e,1.5\n", "the status is 'best'"),
        ("score\tpeak_mb\tsha\n1.722615\t9.0\ta1b2c3d\n1.722615\t9\ta1b2c3d\n",
         "the memory is '9', not a number of MB"),
        ("commit\tval_bpb\n a1b2c3d\t1.722615\n", "' a1b2c3d' is not a commit hash"),
        ("commit\tnotes\na1b2c3d\tx\n", "the ledger has no column for the commit or for the m"),
        ('{"commit": "a1b2c3d", "metric": 1.5}\n{"commit": "a1b2c3d", "metric": "1.5"}\n',
         "the metric is '1.5'"),
        ('{"commit": "a1b2c3d", "metric": null, "status": "crash"}\n{]\n', "no JSON object"),
    ],
)  # fmt: skip
def test_a_row_is_judged_by_the_names_of_its_columns(project, judged, first_run, text, fault):
    first_run(0)
    project.write({"results.tsv": text})

    [finding] = judged(RULE).findings

    line = len(text.splitlines())
    assert finding.headline.startswith(f"results.tsv:{line}: {fault}")
    assert finding.where == f"a row: line {line}"


def test_many_rows_are_reported_as_one_finding(project, judged, first_run):
    first_run(0)
    project.write({"results.tsv": HEADER + "x\n" * 9})

    [finding] = judged(RULE).findings

    assert finding.where == "9 rows: line 2, 3, 4 and 6 more"


FOREIGN = "baseline\t1.7\t-\tNEW_BEST\tby hand\n"


def test_rows_from_before_the_first_record_are_claims(project, judged, first_run):
    project.write({"results.tsv": HEADER + FOREIGN + FOREIGN})
    assert judged(RULE).status == "skipped"
    assert judged(RULE).reason.endswith("the 2 rows of results.tsv are claims")

    first_run(2)
    project.write({"results.tsv": HEADER + FOREIGN + FOREIGN + GOOD})
    assert judged(RULE).status == "holds"


def test_a_foreign_row_after_the_first_record_is_found(project, judged, first_run):
    first_run(1)
    project.write({"results.tsv": HEADER + FOREIGN + GOOD + FOREIGN})

    [finding] = judged(RULE).findings

    assert finding.where == "a row: line 4"


def test_strict_judges_every_row(project, judged, restate):
    restate('check = "log-schema"', 'check = "log-schema"\nstrict = true')
    project.write({"results.tsv": HEADER + FOREIGN})

    [finding] = judged(RULE).findings

    assert finding.headline == "results.tsv:2: 'baseline' is not a commit hash"


def test_windows_line_endings_are_accepted(project, judged, first_run):
    first_run(0)
    (project.path / "results.tsv").write_bytes((HEADER + GOOD).replace("\n", "\r\n").encode())

    assert judged(RULE).status == "holds"
