"""The audit of a pull request in a job: its commits are read as objects, and nothing of it runs."""

from __future__ import annotations

import pytest

from pytest_ouro.audit.inert import find_active

from ..audit.leaderboards import SPEED, speed_log, speed_record
from .act import ROOT

POLICY = (ROOT / "docs/examples/policies/nanogpt-speedrun.toml").read_text(encoding="utf-8")


@pytest.fixture
def board(desk):
    """The laboratory, whose main branch has a policy; the topic branch is checked out."""
    desk.git("checkout", "-q", "main")
    desk.project.commit("a policy", {"policy.toml": POLICY.replace("waived", "# waived")})
    desk.push("refs/heads/main")
    desk.branch()
    return desk


def report(desk):
    return (desk.folder / "audit.md").read_text(encoding="utf-8")


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("losses", "status", "words"),
    [
        ((3.2781, 3.2776, 3.2790, 3.2769), 0, "no findings in what was judged"),
        ((3.2799, 3.2810, 3.2790), 1, "1 error"),
    ],
)
def test_a_record_is_judged_by_the_policy_of_the_base(board, losses, status, words):
    board.project.commit("a record", speed_record(losses))

    found, said = board.call(board.request(), "--audit", INPUT_POLICY="policy.toml")

    assert found == status, said
    text = report(board)
    assert text.startswith(f"### ouro audit: {words}")
    assert find_active(text) == ""
    assert (board.folder / "summary.md").read_text(encoding="utf-8") == text
    output = (board.folder / "outputs").read_text(encoding="utf-8")
    assert output == f"markdown={board.folder / 'audit.md'}\n"


def test_nothing_of_the_pull_request_is_run_or_believed(board, tmp_path):
    ran = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    files = dict.fromkeys(("conftest.py", "sitecustomize.py", "pytest_ouro/__init__.py"), ran)
    lax = POLICY.replace("below = 3.28", "below = 9.0")
    record = speed_record((3.2799, 3.2810, 3.2790))
    board.project.commit("a record", {**files, **record, "policy.toml": lax})

    status, said = board.call(board.request(), "--audit", INPUT_POLICY="policy.toml")

    assert status == 1, said
    text = report(board)
    assert "the runs do not show a mean below 3.28" in text.replace("`", "")
    assert "policy.toml" in text  # it is not a file that the policy allows
    assert not (tmp_path / "ran").exists()


def test_a_policy_that_the_base_lacks_is_said(board):
    board.project.commit("a record", speed_record())

    status, said = board.call(board.request(), "--audit", INPUT_POLICY="other.toml")

    assert status == 2
    assert "branch main has no policy other.toml" in said
    assert "::error title=ouro could not audit::" in said
    assert report(board).startswith("### ouro audit: could not judge")


def test_a_pull_request_without_a_record_is_said(board):
    board.project.commit("a text", {"notes.md": "x\n"})

    status, said = board.call(board.request(), "--audit", INPUT_POLICY="policy.toml")

    assert status == 2
    assert "no record: nothing in it is in a folder records/track_1_short/*" in said


def test_a_hostile_subject_path_and_log_do_nothing(board):
    evil = "@x #1 <b> [l](http://e.example) `c`"
    files = speed_record()
    files[f"{SPEED}/{evil.replace('/', '_')}.txt"] = speed_log(3.2, 9, f"X = '{evil}'\n")
    board.project.commit(evil, files)

    board.call(board.request(), "--audit", INPUT_POLICY="policy.toml")

    assert find_active(report(board)) == ""


def test_gitlab_keeps_the_report_where_the_job_wants_it(board, tmp_path):
    board.project.commit("a record", speed_record())
    head = board.push("refs/merge-requests/7/head")

    status, said = board.call(
        {},
        "--audit",
        "--out",
        str(tmp_path),
        GITHUB_ACTIONS="",
        GITLAB_CI="true",
        CI_REPOSITORY_URL=f"{board.server.url}/owner/lab",
        CI_DEFAULT_BRANCH="main",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main",
        CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED="true",
        CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=head,
        INPUT_POLICY="policy.toml",
    )

    assert status == 0, said
    assert (tmp_path / "audit.md").read_text(encoding="utf-8").startswith("### ouro audit: no find")


def test_a_loop_of_a_pull_request_is_audited(desk):
    desk.branch()
    rows = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    for value in (1.5, 1.4, 1.3):
        desk.project.edit("train.py", "MODEL = 2.0", f"MODEL = {value}  # tried\nMODEL = 2.0")
        commit = desk.project.commit(f"model {value} @x <b>")
        rows += f"{commit[:7]}\t{value}\t1.0\tkeep\tmodel {value} @x <b>\n"
    desk.project.write({"results.tsv": rows})
    desk.git("add", "-f", "results.tsv")
    desk.project.commit("the results")

    status, said = desk.call(desk.request(), "--audit")

    assert status in (0, 1), said
    text = report(desk)
    assert "- ledger: `results.tsv`" in text
    assert "of 3 kept results" in text
    assert find_active(text) == ""
