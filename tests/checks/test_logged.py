"""``logged``: every recorded run has its row, every row its recorded run."""

import json

import pytest

from pytest_ouro.evidence.records.journal import Journal

RULE = "never-do::skip-logging"
HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
pytestmark = pytest.mark.usefixtures("laws")


@pytest.fixture
def ledger(project):
    return project.path / "results.tsv"


def test_before_the_first_run_it_is_skipped(judged):
    assert judged(RULE).status == "skipped"


def test_rows_of_recorded_runs_hold(recorded, judged):
    recorded("keep", 2.0)
    recorded("discard", 2.5)
    recorded("crash")

    assert judged(RULE).status == "holds"


def removed(text):
    return "".join(text.splitlines(keepends=True)[:-1])


def edited(text):
    return text.replace("2.500000", "1.500000")


def reworded(text):
    return text.replace("discard", "keep")


def emptied(text):
    return HEADER


@pytest.mark.parametrize(
    ("change", "rows"),
    [(removed, "a row"), (edited, "a row"), (reworded, "a row"), (emptied, "2 rows")],
)
def test_a_recorded_run_without_its_row_is_found(recorded, ledger, judged, change, rows):
    commit = recorded("keep", 2.0)["commit"]
    recorded("discard", 2.5)
    ledger.write_text(change(ledger.read_text()))

    judgement = judged(RULE)

    assert judgement.status == "broken"
    finding = judgement.findings[0]
    assert finding.headline == f"results.tsv lacks {rows} of recorded runs"
    first = "keep" if change is emptied else "discard"
    assert finding.where == f"the first: {first} of commit {commit[:7]}"
    assert finding.help == "write them back: pytest-ouro log --tsv > results.tsv"


def test_a_ledger_that_is_gone_lacks_all_rows(recorded, ledger, judged):
    recorded()
    ledger.unlink()

    assert "lacks a row of recorded runs" in judged(RULE).findings[0].headline


def test_the_help_is_the_remedy(project, recorded, ledger, judged):
    recorded("keep", 2.0)
    recorded("discard", 2.5)
    ledger.write_text(HEADER)

    ledger.write_text(project.ouro("log", "--tsv").stdout)

    assert judged(RULE).status == "holds"


def test_the_help_keeps_the_rows_that_only_the_ledger_has(recorded, ledger, judged):
    claim = HEADER + "a1b2c3d\t1.0\t1.0\tkeep\tby hand\n"
    ledger.write_text(claim)
    recorded("keep", 2.0)
    recorded("discard", 2.5)
    ledger.write_text(claim)

    [finding] = judged(RULE).findings

    assert finding.headline == "results.tsv lacks 2 rows of recorded runs"
    assert finding.help == (
        "copy these rows from `pytest-ouro log --tsv` to the end of results.tsv, which has others"
    )


@pytest.mark.parametrize("count", [1, 5])
def test_a_row_that_no_run_stands_behind_is_found(recorded, ledger, judged, count):
    recorded()
    with ledger.open("a") as file:
        file.write("a1b2c3d\t1.000000\t1.0\tkeep\tby hand\n" * count)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    many = "a row" if count == 1 else f"{count} rows"
    assert finding.headline == f"results.tsv:3: no recorded run stands behind {many}"
    assert finding.where == ("line 3" if count == 1 else "line 3, 4, 5 and 2 more")
    assert "only the supervisor logs runs" in finding.help


def test_the_same_row_twice_needs_two_runs(recorded, ledger, judged):
    recorded()
    ledger.write_text(ledger.read_text() + ledger.read_text().splitlines()[1] + "\n")
    assert judged(RULE).broken

    recorded(row="")
    assert judged(RULE).status == "holds"


def test_rows_from_before_our_first_record_are_claims(recorded, ledger, judged):
    ledger.write_text(HEADER + "baseline\t1.0\t-\tbest\tby hand\n" * 3)
    recorded()
    recorded("discard", 2.5)
    assert judged(RULE).status == "holds"

    with ledger.open("a") as file:
        file.write("baseline\t1.0\t-\tbest\tby hand\n")
    assert judged(RULE).findings[0].headline.startswith("results.tsv:7: no recorded run")


def test_a_blessing_starts_anew(project, recorded, ledger, judged):
    recorded()
    ledger.write_text(HEADER + "a1b2c3d\t1.000000\t1.0\tkeep\tby hand\n")
    assert judged(RULE).broken
    project.edit("prepare.py", "float(model)", "1.5 * float(model)")
    project.bless()
    assert judged(RULE).status == "holds"

    recorded("discard", 2.5)
    assert judged(RULE).status == "holds"


def test_runs_of_another_working_tree_are_not_missed_here(recorded, judged):
    recorded(worktree="other", row="")
    recorded()

    assert judged(RULE).status == "holds"


def rewritten(record):
    record["val_bpb"] = 0.1


def unlinked(record):
    record["prev"] = "0" * 64


@pytest.mark.parametrize("change", [rewritten, unlinked])
def test_a_broken_chain_is_found(project, recorded, judged, change):
    recorded()
    recorded("discard", 2.5)
    path = Journal(project.path / ".git").path
    lines = path.read_text().splitlines()
    record = json.loads(lines[1])
    change(record)
    lines[1] = json.dumps(record)
    path.write_text("\n".join([*lines, ""]))

    finding = judged(RULE).findings[0]

    line = 2 if change is unlinked else 3
    assert finding.headline == (
        f"the journal's chain is broken at line {line}: a record was changed or removed"
    )
    assert finding.where == f"{path}:{line}"
    assert finding.help.startswith("restore the journal from a backup")


def test_a_removed_record_is_found(project, recorded, judged):
    recorded("keep", 2.0)
    recorded("discard", 2.5)
    path = Journal(project.path / ".git").path
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:1], *lines[2:]]))

    assert "chain is broken at line 2" in judged(RULE).findings[0].headline


def test_a_torn_last_line_is_no_record_and_no_breach(project, recorded, judged):
    recorded()
    with Journal(project.path / ".git").path.open("a") as file:
        file.write('{"prev": "')

    assert judged(RULE).status == "holds"
