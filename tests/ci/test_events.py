"""Other events on a real runner: merge queue, pushes, dispatch, and the reusable workflow."""

from __future__ import annotations

import shutil

import pytest

from .act import ROOT, ZEROS, snippets
from .server import TOKEN
from .work import REPOSITORY, WORKFLOW, change_rules, improve, passed, widen

pytestmark = pytest.mark.tier(2)

PUSH = snippets("docs/ci.md")[0].replace("  merge_group:\n", "  push:\n  workflow_dispatch:\n")


@pytest.mark.parametrize(("work", "verdict"), [(improve, "lawful"), (widen, "broken")])
def test_a_merge_group(lab, work, verdict):
    work(lab)
    lab.branch("queue")
    lab.git("merge", "-q", "--no-ff", "--no-edit", "topic")
    head = lab.push("refs/heads/gh-readonly-queue/main/pr-7")
    group = {"head_sha": head, "base_sha": head, "base_ref": "refs/heads/main"}

    done = lab.judge({"merge_group": group, "repository": REPOSITORY}, "merge_group")

    assert done.verdict == verdict, done.said
    group["base_ref"] = "refs/heads/weak"
    assert lab.judge({"merge_group": group, "repository": REPOSITORY}, "merge_group").verdict == (
        "unjudged"
    )


def test_a_merge_group_with_approved_rules(lab):
    head = change_rules(lab)
    lab.server.runs = [passed(head, head_branch="topic", event="pull_request_target")]
    lab.branch("queue")
    lab.git("merge", "-q", "--no-ff", "--no-edit", "topic")
    ref = "refs/heads/gh-readonly-queue/main/pr-7-0123abc"
    group = {"head_sha": lab.push(ref), "head_ref": ref, "base_ref": "refs/heads/main"}
    lab.env = {"GITHUB_WORKFLOW_REF": f"owner/lab/{WORKFLOW}@refs/heads/main"}

    def judge():
        event = {"merge_group": group, "repository": REPOSITORY}
        return lab.judge(event, "merge_group", workflow=snippets("docs/ci.md")[2], token=TOKEN)

    done = judge()
    assert (done.job, done.verdict) == ("failure", "broken"), done.said
    environments = [{"name": "ouro-rules"}]
    approval = {"user": {"login": "alice"}, "state": "approved", "environments": environments}
    lab.server.approvals_of["41"] = [approval]
    done = judge()
    assert (done.job, done.verdict) == ("success", "approved"), done.said


def push(lab, branch, **facts):
    head = lab.push(f"refs/heads/{branch}")
    return {
        "ref": f"refs/heads/{branch}",
        "after": head,
        "before": head,
        "repository": REPOSITORY,
        **facts,
    }


def judge_push(lab, event, **how):
    return lab.judge(event, "push", workflow=PUSH, clone=lab.project.path, **how)


def test_pushes_to_another_branch(lab):
    improve(lab)
    done = judge_push(lab, push(lab, "run", before=ZEROS))  # new
    assert (done.job, done.verdict) == ("success", "lawful"), done.said
    bad = widen(lab)
    assert judge_push(lab, push(lab, "run")).verdict == "broken"
    lab.git("revert", "--no-edit", "HEAD")
    done = judge_push(lab, push(lab, "run", before=bad))  # after a bad one
    assert done.verdict == "broken"
    lab.branch()
    improve(lab)
    done = judge_push(lab, push(lab, "run", before=bad, forced=True))
    assert done.verdict == "lawful"
    done = judge_push(lab, push(lab, "run", after=ZEROS, deleted=True))
    assert (done.job, done.verdict) == ("failure", "unjudged")


def test_a_push_to_the_protected_branch(lab):
    lab.git("checkout", "-q", "main")
    good = lab.project.commit("the workflow", {WORKFLOW: PUSH})
    lab.env = {"GITHUB_WORKFLOW_REF": f"owner/lab/{WORKFLOW}@refs/heads/main"}
    bad = widen(lab)
    lab.git("revert", "--no-edit", "HEAD")
    event = push(lab, "main", before=bad)

    done = judge_push(lab, event, token=TOKEN)
    assert (done.job, done.verdict) == ("failure", "unjudged")
    assert "a push to 'main' itself" in done.said
    done = judge_push(lab, event, token=TOKEN, inputs=f"trust: {good}")
    assert (done.job, done.verdict) == ("failure", "broken"), done.said
    lab.server.runs = [passed(good)]
    done = judge_push(lab, event, token=TOKEN)
    assert (done.job, done.verdict) == ("failure", "broken"), done.said
    assert f"trust: {good[:7]} (branch main, which passed in run 41)" in done.last


def test_a_dispatch(lab):
    improve(lab)
    lab.push("refs/heads/topic")
    event = {"ref": "refs/heads/topic", "inputs": {}, "repository": REPOSITORY}

    done = lab.judge(event, "workflow_dispatch", workflow=PUSH, clone=lab.project.path)

    assert (done.job, done.verdict) == ("success", "lawful"), done.said


@pytest.mark.parametrize(("work", "job"), [(improve, "success"), (widen, "failure")])
def test_the_reusable_workflow(lab, work, job):
    """It fetches the action from the server, at the revision that the caller names."""
    tool = lab.folder / "tool"
    (tool / ".github").mkdir(parents=True)
    shutil.copytree(ROOT / ".github/workflows", tool / ".github/workflows")
    shutil.copy(lab.action / "action.yml", tool)
    for call in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "the tool"]):
        lab.git("-C", str(tool), *call)
    revision = lab.git("-C", str(tool), "rev-parse", "HEAD")
    bare = lab.server.root / "OWNER/pytest-ouro"
    lab.git("clone", "-q", "--bare", str(tool), str(bare))
    lab.git("-C", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true")
    work(lab)
    lab.action = tool
    text = snippets("docs/ci.md")[1].replace(f'revision: "{ZEROS}"', f'revision: "{revision}"')

    done = lab.judge(lab.request(), workflow=text)

    assert done.job == job, done.said
    assert done.last.startswith("ouro: lawful" if job == "success" else "ouro: broken"), done.said
