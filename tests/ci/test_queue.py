"""A merge queue, and a push to the protected branch: what people approved is not judged again."""

from __future__ import annotations

import pytest

from .server import TOKEN
from .work import REPOSITORY, WORKFLOW, change_rules, improve, passed, state_first_rules, widen

ENVIRONMENT = "ouro-rules"


@pytest.fixture
def approve(desk):
    """``approve(commit)``: a run for the pull request 7 of that head, which a person approved."""

    def approve(head, *, number="7", by="alice", **facts):
        run = str(70 + len(desk.server.runs))
        desk.server.runs.insert(
            0, passed(head, id=int(run), head_branch="topic", event="pull_request_target", **facts)
        )
        desk.server.pulls[number] = {"head": {"sha": head}, "state": "open"}
        desk.server.approvals_of[run] = by and [
            {
                "user": {"login": by},
                "state": "approved",
                "environments": [{"name": ENVIRONMENT}],
            }
        ]
        desk.push(f"refs/pull/{number}/head")

    return approve


@pytest.fixture
def queue(desk):
    """``queue()``: judge HEAD as the merge group of pull request 7."""

    def queue(**env):
        head = desk.push("refs/heads/gh-readonly-queue/main/pr-7-0123abc")
        group = {
            "head_sha": head,
            "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-0123abc",
            "base_ref": "refs/heads/main",
        }
        event = {"merge_group": group, "repository": REPOSITORY}
        return desk.call(event, **{"INPUT_ENVIRONMENT": ENVIRONMENT, **env})

    return queue


def merge(desk, *how):
    """Merge ``topic`` into the present branch as a queue does; return the commit."""
    desk.git("merge", "-q", *(how or ("--no-ff",)), "--no-edit", "topic")
    if how:
        desk.git("commit", "-q", "-m", "Change the rules")
    return desk.git("rev-parse", "HEAD")


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("how", [(), ("--squash",)])
def test_approved_rules_are_green_in_the_queue(desk, queue, approve, how):
    approve(change_rules(desk))
    desk.branch("queue")
    merge(desk, *how)

    status, said = queue()

    assert status == 0, said
    assert "is a pull request that @alice approved" in said
    assert "verdict=approved" in (desk.folder / "outputs").read_text()
    assert "| experiment.budget | 0.3 | 9.0 |" in (desk.folder / "summary.md").read_text()


def test_a_squash_names_its_pull_request_in_its_subject(desk, queue, approve):
    approve(change_rules(desk), number="12")
    desk.branch("queue")
    desk.git("merge", "-q", "--squash", "topic")
    desk.git("commit", "-q", "-m", "Change the rules (#12)")
    desk.branch("further", "queue")
    improve(desk)
    desk.server.pulls["7"] = {"head": {"sha": "not an id"}}

    assert queue()[0] == 0


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("subject", ["As #3 asks (#12)", "Change the rules (#12), for #3"])
def test_a_subject_may_name_an_issue_too(desk, queue, approve, subject):
    approve(change_rules(desk), number="12")
    desk.branch("queue")
    improve(desk)
    desk.git("commit", "-q", "--amend", "-m", "A better model, for #4")
    desk.git("merge", "-q", "--squash", "topic")
    desk.git("commit", "-q", "-m", subject)

    status, said = queue()

    assert status == 0, said


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"state": "open"}, 0),
        ({"state": "closed", "merged": True}, 0),
        ({"state": "closed", "merged": True, "merge_commit_sha": "1" * 40}, 1),
        ({"state": "closed", "merged": False, "merge_commit_sha": None}, 1),
    ],
)
def test_an_approved_change_is_made_once(desk, queue, approve, facts, status):
    approve(change_rules(desk), number="12")
    desk.branch("queue")
    desk.git("merge", "-q", "--squash", "topic")
    desk.git("commit", "-q", "-m", "Change the rules again (#12)")
    merged = {"merge_commit_sha": desk.git("rev-parse", "HEAD")}
    desk.server.pulls["12"] |= {**merged, **facts}
    desk.server.pulls["7"] = {"head": {"sha": "not an id"}, "state": "open"}

    found, said = queue()

    assert found == status, said


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(("work", "status"), [(improve, 0), (widen, 1)])
@pytest.mark.parametrize("first", [True, False])
def test_what_is_beside_it_in_the_group_is_judged(desk, queue, approve, work, status, first):
    approve(change_rules(desk))
    desk.branch("other", "main")
    work(desk)
    desk.branch("queue")
    if first:
        merge(desk)
    desk.git("merge", "-q", "--no-ff", "--no-edit", "other")
    if not first:
        merge(desk)

    found, said = queue()

    assert found == status, said
    assert "@alice approved" in said
    if status:
        assert "prepare.py changed" in said
        assert "bound.toml changed" not in said


def test_nothing_is_added_to_it_in_the_merge(desk, queue, approve):
    approve(change_rules(desk))
    desk.branch("queue")
    merge(desk)
    desk.project.edit("prepare.py", "float(model)", "0.5")
    desk.git("commit", "-qa", "--amend", "--no-edit")

    status, said = queue()

    assert status == 1, said
    assert "git does not make it of a pull request" in said
    assert "prepare.py changed" in said


def refuse(desk, approve, head):
    approve(head, by="")


def fail_later(desk, approve, head):
    approve(head)
    approve(head, conclusion="failure")


def wait_again(desk, approve, head):
    approve(head)
    approve(head, conclusion=None, by="")


def approve_another(desk, approve, head):
    approve(desk.git("rev-parse", "main"))


def approve_elsewhere(desk, approve, head):
    approve(head)
    for reviews in desk.server.approvals_of.values():
        reviews[0]["environments"] = [{"name": "other"}]


def run_another_workflow(desk, approve, head):
    approve(head, path=".github/workflows/other.yml")


def run_on_the_change(desk, approve, head):
    approve(head)
    desk.server.runs[0]["event"] = "pull_request"


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "how",
    [
        refuse,
        fail_later,
        wait_again,
        approve_another,
        approve_elsewhere,
        run_another_workflow,
        run_on_the_change,
    ],
)
def test_without_an_approval_of_its_last_run_it_is_red(desk, queue, approve, how):
    head = change_rules(desk)
    how(desk, approve, head)
    desk.branch("queue")
    merge(desk)

    status, said = queue()

    assert status == 1, said
    assert "no step of the merge group was approved in the environment 'ouro-rules'" in said
    assert "verdict=broken" in (desk.folder / "outputs").read_text()


def test_a_cancelled_run_says_nothing(desk, queue, approve):
    head = change_rules(desk)
    approve(head)
    approve(head, conclusion="cancelled", by="")
    desk.branch("queue")
    merge(desk)

    assert queue()[0] == 0


def test_rules_that_are_not_blessed_do_not_pass(desk, queue, approve):
    desk.project.edit("bound.toml", "budget    = 0.3", "budget    = 9.0")
    approve(desk.project.commit("and not blessed"))
    desk.branch("queue")
    merge(desk)

    status, said = queue()

    assert status == 2, said
    assert "is not the one that was blessed" in said


def test_nobody_is_asked_without_need_or_environment(desk, queue, approve):
    improve(desk)
    desk.branch("queue")
    merge(desk)
    assert queue()[0] == 0
    widen(desk)
    assert queue(INPUT_ENVIRONMENT="")[0] == 1
    assert not [path for path, _ in desk.server.calls if path.startswith("/api/")]


def test_a_server_that_does_not_say_is_named(desk, queue, approve):
    approve(change_rules(desk))
    desk.branch("queue")
    merge(desk)

    status, said = queue(INPUT_TOKEN="bad")

    assert status == 1, said
    assert "the server answers 403" in said
    assert TOKEN not in said


@pytest.mark.tier(2)
def test_the_first_rules_go_through_the_queue(desk, queue, approve):
    topic = state_first_rules(desk)
    desk.branch("queue")
    merge(desk)
    status, said = queue()
    assert status == 2, said
    assert "has no bound.toml" in said

    approve(topic)

    status, said = queue()
    assert status == 0, said


def test_approved_rules_are_green_on_the_protected_branch(desk, approve):
    first = desk.git("rev-parse", "main")
    approve(change_rules(desk))
    desk.git("checkout", "-q", "main")
    changed = merge(desk)
    desk.server.runs.append(passed(first))

    def push():
        head = desk.push("refs/heads/main")
        event = {"ref": "refs/heads/main", "after": head, "repository": REPOSITORY}
        return desk.call(event, INPUT_ENVIRONMENT=ENVIRONMENT)

    status, said = push()
    assert status == 0, said
    assert f"{changed[:7]} is a pull request that @alice approved" in said
    desk.server.runs.insert(0, passed(changed, id=90))
    improve(desk)
    status, said = push()
    assert status == 0, said
    assert "which passed in run 90" in said
    assert WORKFLOW in desk.server.runs[0]["path"]
