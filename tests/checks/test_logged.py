"""``logged``: every recorded run has its row, every row its recorded run."""

import contextlib
import json
from dataclasses import replace

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_case
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
    assert finding.help == "write them back: pytest-ouro log --restore"


def test_a_ledger_that_is_gone_lacks_all_rows(recorded, ledger, judged):
    recorded()
    ledger.unlink()

    assert "lacks a row of recorded runs" in judged(RULE).findings[0].headline


@pytest.mark.parametrize("gone", [False, True])
def test_the_help_is_the_remedy_and_keeps_the_rows_that_only_the_ledger_has(
    recorded, ledger, judged, ouro, gone
):
    claim = HEADER + "a1b2c3d\t1.0\t1.0\tkeep\tby hand\n"
    ledger.write_text(claim)
    recorded("keep", 2.0)
    recorded("discard", 2.5)
    whole = ledger.read_text()
    if gone:
        ledger.unlink()
    else:
        ledger.write_text(claim)

    [finding] = judged(RULE).findings
    assert finding.headline == "results.tsv lacks 2 rows of recorded runs"
    assert finding.help == "write them back: pytest-ouro log --restore"
    status, out, _ = ouro("log", "--restore")

    assert (status, out.splitlines()[-1]) == (
        0,
        "ouro: results.tsv lacked 2 rows of recorded runs: written now",
    )
    assert ledger.read_text() == (whole.replace(claim, HEADER) if gone else whole)
    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("count", [1, 5])
def test_a_row_without_a_recorded_run_is_found(recorded, ledger, judged, count):
    recorded()
    with ledger.open("a") as file:
        file.write("a1b2c3d\t1.000000\t1.0\tkeep\tby hand\n" * count)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    many = "a row" if count == 1 else f"{count} rows"
    assert finding.headline == f"results.tsv:3: no run was recorded for {many}"
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
    assert judged(RULE).findings[0].headline.startswith("results.tsv:7: no run was recorded")


def test_a_blessing_starts_again(project, recorded, ledger, judged):
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


@pytest.mark.parametrize("old", ["val_bpb", "status", "memory_gb"])
def test_an_edited_row_is_found_whatever_the_header_was_made_to_say(recorded, ledger, judged, old):
    recorded("discard", 2.5)
    text = ledger.read_text()
    assert judged(RULE).status == "holds"
    name = {"val_bpb": "score", "status": "notes", "memory_gb": "memory_mb"}[old]
    edit = {
        "val_bpb": ("2.5", "1.5"),
        "status": ("discard", "keep"),
        "memory_gb": ("\t0.0", "\t9.0"),
    }
    ledger.write_text(text.replace(old, name).replace(*edit[old]))

    assert [finding.headline for finding in judged(RULE).findings] == [
        "results.tsv lacks a row of recorded runs",
        "results.tsv:2: no run was recorded for a row",
    ]


FOREIGN = {
    "other columns": "idea\tSTATUS\tHash\tVal BPB\thypothesis\nx\tkept\tHEAD\t1.9\ty\n",
    "CSV": 'commit,val_bpb,status,notes,cost\nbaseline,1.9,keep,"a, b",\n',
    "semicolons": "commit;metric;peak_mb;status;notes\r\nbaseline;1.9;;keep;x\r\n",
    "JSON lines": '{"rev": "HEAD", "score": 1.9, "status": "kept", "notes": null, "tokens": [1]}\n',
    "Markdown": "# A\n\n| rev | bpb | status | notes |\n|---|---|---|---|\n| a | 1 | - | x |\n",
}


@pytest.mark.parametrize("form", FOREIGN)
def test_rows_in_a_foreign_table_are_of_their_runs(project, recorded, ledger, judged, form):
    ledger.write_text(FOREIGN[form], newline="")
    recorded("keep", 2.0, description='wider, with "a | b"')
    recorded("crash")
    assert judged(RULE).status == "holds"
    whole = ledger.read_bytes().decode()
    assert whole.startswith(FOREIGN[form])

    ledger.write_text(whole.replace("keep", "discard").replace("crash", "keep"), newline="")
    [lost, _] = judged(RULE).findings
    assert "lacks 2 rows of recorded runs" in lost.headline


def test_the_columns_that_we_do_not_know_may_be_filled_in_by_hand(recorded, ledger, judged):
    ledger.write_text("commit\tval_bpb\tstatus\thypothesis\tcost\tnotes\n")
    recorded("keep", 2.0, description="wider")
    ledger.write_text(ledger.read_text().replace("keep\t\t\t", "keep\tit learns more\t3 $\t"))

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

    assert finding.headline == "journal.jsonl: line 2 is not what was recorded"
    assert finding.where == f"{path}:2"
    assert finding.help == "put back what was recorded: pytest-ouro log --restore"
    assert project.ouro("log", "--restore").returncode == 0
    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("change", [rewritten, unlinked])
def test_a_broken_chain_of_records_that_git_does_not_hold_is_found(
    project, recorded, judged, change
):
    recorded()
    recorded("discard", 2.5)
    path = Journal(project.path / ".git").path
    lines = path.read_text().splitlines()
    record = json.loads(lines[1])
    change(record)
    lines[1] = json.dumps(record)
    path.write_text("\n".join([*lines, ""]))
    project.git("update-ref", "-d", "refs/ouro/journal")

    finding = judged(RULE).findings[0]

    line = 2 if change is unlinked else 3
    assert finding.headline == (
        f"journal.jsonl: the chain is broken at line {line}: a record was changed or removed"
    )
    assert finding.where == f"{path}:{line}"
    assert f"mv {path}" in finding.help


def test_a_removed_record_is_found(project, recorded, judged):
    recorded("keep", 2.0)
    recorded("discard", 2.5)
    path = Journal(project.path / ".git").path
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:1], *lines[2:]]))

    assert "line 2 is not what was recorded" in judged(RULE).findings[0].headline


def test_a_torn_last_line_is_neither_a_record_nor_a_breach(project, recorded, judged):
    recorded()
    with Journal(project.path / ".git").path.open("a") as file:
        file.write('{"prev": "')

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("field", ["val_bpb", "value", "status", "best", "reason", "commit"])
def test_an_edit_of_the_last_record_is_found_and_put_back(project, recorded, judged, field):
    recorded("keep", 2.0)
    recorded("discard", 2.5)
    path = Journal(project.path / ".git").path
    *lines, last = path.read_text().splitlines()
    other = {"status": "keep", "reason": "improved", "commit": "a" * 40}.get(field, 9.0)
    path.write_text("\n".join([*lines, json.dumps({**json.loads(last), field: other}), ""]))

    [finding, *_] = judged(RULE).findings

    assert finding.headline == "journal.jsonl: line 4 is not what was recorded"
    assert project.ouro("log").returncode == 2
    assert project.ouro("log", "--restore").returncode == 0
    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("ledger_too", [False, True])
def test_a_journal_that_is_removed_is_found_and_put_back(
    project, recorded, ledger, judged, ledger_too
):
    recorded("keep", 2.0)
    Journal(project.path / ".git").path.unlink()
    if ledger_too:
        ledger.unlink()

    [finding, *_] = judged(RULE).findings

    assert finding.headline == "journal.jsonl: lines that were recorded are gone"
    assert (finding.expected, finding.actual) == ("2 lines", "0 lines")
    assert project.ouro("log", "--restore").returncode == 0
    assert ledger_too or judged(RULE).status == "holds"


def test_a_ref_that_holds_another_commit_than_was_tried_is_found(project, recorded, judged):
    commit = recorded("keep", 2.0)["commit"]
    project.edit("train.py", "\n", "\n\n")
    project.commit("another")
    project.git("update-ref", "refs/ouro/tried/1", "HEAD")

    [finding] = judged(RULE).findings

    assert finding.headline == "refs/ouro/tried/1 is not the commit that was tried"
    project.git(*finding.help.split()[1:])
    assert finding.expected == commit
    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("name", ["²", "٣", "9" * 5000])
def test_a_ref_whose_name_is_not_a_number_of_ours_is_not_a_tried_commit(
    project, recorded, judged, name
):
    commit = recorded("keep", 2.0)["commit"]
    git = project.path / ".git"
    packed = git / "packed-refs"
    packed.write_text(f"{commit} refs/ouro/tried/{name}\n", "utf-8")

    assert judged(RULE).status == "holds"
    assert project.ouro("gate").returncode == 0
    recorded("keep", 1.9)
    assert judged(RULE).status == "holds"


def test_packed_refs_behind_a_link_could_have_tried_commits_and_are_refused(project, recorded):
    recorded(worktree="other", row="")
    (project.path / "refs").write_text(f"{project.git('rev-parse', 'HEAD')} refs/ouro/tried/1\n")
    (project.path / ".git/packed-refs").symlink_to("../refs")

    with (
        contextlib.closing(open_case(project.path / "bound.toml")) as case,
        pytest.raises(OuroError, match="packed-refs is not a regular file but a link"),
    ):
        case.evidence.only_claims  # noqa: B018 - it looks for tried commits


def test_a_ref_whose_name_is_not_utf_8_is_ignored_in_a_shallow_clone(project, recorded, judged):
    recorded("keep", 2.0)
    commit = project.git("rev-parse", "HEAD")
    (project.path / ".git/shallow").write_text(project.git("rev-list", "--max-parents=0", "HEAD"))
    packed = project.path / ".git/packed-refs"
    packed.write_bytes(commit.encode() + b" refs/ouro/tried/\xff\n")

    assert judged(RULE).status == "holds"


def test_a_clone_without_our_refs_holds(project, recorded, judged, tmp_path):
    recorded("keep", 2.0)
    project.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    done = replace(project, path=tmp_path / "clone").ouro("gate")
    assert done.returncode == 0, done.stdout + done.stderr
