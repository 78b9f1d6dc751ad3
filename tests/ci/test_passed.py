"""A push to the protected branch is judged from the newest ancestor that passed there."""

from __future__ import annotations

import pytest

from pytest_ouro.ci.api import ask
from pytest_ouro.core.errors import OuroError

from .server import TOKEN
from .work import REPOSITORY, WORKFLOW, improve, passed, widen


@pytest.fixture
def push(desk):
    """``push()``: put HEAD on the server's main; exit status and output of the job for that."""
    desk.git("checkout", "-q", "main")

    def push(**env):
        before = desk.git("ls-remote", str(desk.bare), "refs/heads/main").split("\t")[0]
        head = desk.push("refs/heads/main")
        event = {"ref": "refs/heads/main", "before": before, "after": head}
        return desk.call({**event, "repository": REPOSITORY}, **env)

    return push


def test_a_push_is_judged_from_the_newest_ancestor_that_passed(desk, push):
    first = desk.git("rev-parse", "HEAD")
    desk.server.runs = [passed(first)]
    good = improve(desk)

    status, said = push()
    assert status == 0, said
    assert f"trust: {first[:7]} (branch main, which passed in run 41)" in said
    desk.server.runs = [passed(good, id=42), passed(first)]
    desk.git("commit", "-q", "--allow-empty", "-m", "further")
    assert f"trust: {good[:7]} (branch main, which passed in run 42)" in push()[1]


def test_the_commit_before_a_push_vouches_for_nothing(desk, push):
    desk.server.runs = [passed(desk.git("rev-parse", "HEAD"))]
    widen(desk)
    assert push()[0] == 1
    desk.git("revert", "--no-edit", "HEAD")

    status, said = push()

    assert status == 1, said
    assert "undone since" in said


@pytest.mark.tier(2, but=2)
@pytest.mark.parametrize(
    "facts",
    [
        {"head_branch": "topic"},
        {"event": "workflow_dispatch"},
        {"conclusion": "failure"},
        {"path": ".github/workflows/other.yml"},
        {"head_repository": {"full_name": "stranger/lab"}},
        {"head_sha": "e" * 40},
    ],
)
def test_another_run_vouches_for_nothing(desk, push, facts):
    desk.server.runs = [passed(desk.git("rev-parse", "HEAD"), **facts)]
    desk.server.say = lambda path, query: {"workflow_runs": desk.server.runs}
    improve(desk)

    status, said = push()

    assert status == 2, said
    assert "no ancestor has a passed run of this workflow as it is now" in said
    assert "trust: <full id>" in said


def test_a_run_of_another_workflow_text_vouches_for_nothing(desk, push):
    """Who can push to main could make a run pass that judges nothing, and restore the file."""
    good = desk.git("rev-parse", "HEAD")
    weak = desk.project.commit("always green", {WORKFLOW: "on: push\njobs: {}\n"})
    widened = widen(desk)
    desk.git("checkout", "-q", good, "--", WORKFLOW)
    desk.project.commit("as before")
    desk.server.runs = [passed(widened), passed(weak), passed(good)]

    status, said = push()

    assert status == 1, said
    assert f"trust: {good[:7]}" in said


@pytest.mark.tier(2)
def test_the_workflow_names_the_first_good_commit(desk, push):
    first = desk.git("rev-parse", "HEAD")
    good = improve(desk)

    status, said = push(INPUT_TRUST=first)
    assert status == 0, said
    assert f"trust: {first[:7]} (the workflow)" in said
    desk.server.runs = [passed(good)]
    desk.git("commit", "-q", "--allow-empty", "-m", "further")
    assert f"trust: {good[:7]} (branch main, which passed" in push(INPUT_TRUST=first)[1]
    desk.server.runs = [passed(first)]
    assert f"trust: {good[:7]} (the workflow)" in push(INPUT_TRUST=good)[1]


def test_a_server_that_does_not_say_is_an_error_by_its_cause(desk, push):
    first = desk.git("rev-parse", "HEAD")
    improve(desk)

    status, said = push(INPUT_TOKEN="bad")
    assert status == 2
    assert "cannot be asked: the server answers 403" in said
    assert "actions: read" in said
    assert "no token was sent" in push(INPUT_TOKEN="")[1]
    assert "cannot be asked" in push(GITHUB_API_URL="http://127.0.0.1:9")[1]
    assert "GITHUB_API_URL lacks" in push(GITHUB_API_URL="")[1]
    assert "does not have this workflow" in push(GITHUB_WORKFLOW_REF="owner/other/x.yml@refs/x")[1]
    desk.server.say = lambda path, query: ["no", "runs"]
    assert push()[0] == 2

    status, said = push(INPUT_TOKEN="bad", INPUT_TRUST=first)
    assert status == 0, said
    assert "the server answers 403" in said
    assert f"trust: {first[:7]} (the workflow)" in said


def test_the_token_is_sent_to_no_other_server(desk, push, server):
    desk.server.elsewhere = f"{server.url}/api/elsewhere"
    improve(desk)

    status, said = push()

    assert status == 2
    assert "the server answers 302" in said
    assert not [path for path, _ in server.calls if path.endswith("/elsewhere")]


def test_a_head_that_the_workflow_names_is_compared_with_the_branch(desk, push):
    first = desk.git("rev-parse", "HEAD")
    desk.server.runs = [passed(first)]
    head = improve(desk)

    status, said = push(INPUT_HEAD=head)

    assert (status, TOKEN in said) == (2, False)
    assert "no commit that main lacks" in said


def test_a_silent_server_is_not_waited_for_without_end(server):
    server.silent = True

    with pytest.raises(OuroError, match="did not answer in 1 seconds"):
        ask({"GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": "owner/lab"}, "x", seconds=1)
