"""Recognise, in a merge queue and on the protected branch, what people approved on pull requests.

A step of the branch (a merge, a squash, one rebased commit) is accepted as it is if it is exactly
what git makes of its parent and the head of a pull request, and a person approved the last run of
the workflow for that head. All other steps are judged, each by the rules before it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_ouro.ci.api import ask
from pytest_ouro.ci.approval import find_approvers
from pytest_ouro.ci.fetch import fetch_commit
from pytest_ouro.ci.passed import Start, list_runs, workflow_path
from pytest_ouro.core.errors import GitError, TrustError
from pytest_ouro.core.foreign_json import table
from pytest_ouro.engine.history import judge_commit
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.ci.question import Question
    from pytest_ouro.engine import Answer
    from pytest_ouro.evidence.git.client import Git

#: Steps of which the server is asked, and seconds in all.
_STEPS = 50
_SECONDS = 180
_NUMBER = re.compile(r"#(\d{1,9})\b")


@dataclass
class Parts:
    """The result for a merge group, or a push to the protected branch, that was judged step by
    step. A step is one commit on the first-parent line of the group or push, with what it merges;
    one that people approved as a pull request is accepted without being judged. ``approved`` maps
    the id of each approved step to the names of the people, ``answers`` are about the commits of
    all other steps, and ``before`` is the id of the first step's parent ("": it has none)."""

    answers: list[Answer] = field(default_factory=list)
    approved: dict[str, list[str]] = field(default_factory=dict)
    before: str = ""


def judge_in_parts(
    env: Mapping[str, str], git: Git, question: Question, start: Start, environment: str
) -> Parts:
    """Judge a merge group, or a push to the protected branch, step by step from ``start``: each
    step that people approved in ``environment`` is accepted, and those between are judged by the
    rules before them. Return the result. TrustError if people approved no step, or if there are too
    many steps to ask about them in time; another OuroError if a part cannot be judged."""
    steps = git.call(
        "rev-list", "--first-parent", "--reverse", question.head, f"^{start.commit}"
    ).decode()
    found, trust = Parts(), start
    end, why = time.monotonic() + _SECONDS, "it has none"
    for number, step in enumerate(steps.split()):
        if number >= _STEPS or time.monotonic() > end:
            raise messages.unapproved_steps(question.what, environment, "it has too many of them")
        parent = (git.store.commit(step)[1] or ("",))[0]
        found.before = found.before or parent
        try:
            names = _find_approvers(env, git, question, step, environment)
        except (TrustError, GitError) as error:
            why = f"{step[:7]}: {error.message}"
            continue
        found.answers += _judge_part(git, question, parent, trust)
        found.approved[step] = names
        trust = Start(step, f"{start.by}, approved by {', '.join(f'@{n}' for n in names)}")
    if not found.approved:
        raise messages.unapproved_steps(question.what, environment, why)
    found.answers += _judge_part(git, question, question.head, trust)
    return found


def _judge_part(git: Git, question: Question, head: str, start: Start) -> list[Answer]:
    """Return the answers about the commits of ``head`` that ``start`` lacks, judged by the rules of
    ``start``; [] if there are no such commits, or if ``head`` is ""."""
    if not head or not git.call("rev-list", "-1", head, f"^{start.commit}").strip():
        return []
    return judge_commit(git, head, bound=question.bound, trust=start.commit, trust_by=start.by)


def _find_approvers(
    env: Mapping[str, str], git: Git, question: Question, step: str, environment: str
) -> list[str]:
    """Return the names of the people who approved the pull request that made the commit ``step``.
    TrustError if git does not make the same tree of the step's parent and the head of any pull
    request, if the last run for the pull request did not pass, or if nobody approved it; GitError
    if the server does not answer."""
    tree, parents = git.store.commit(step)[:2]
    path, why = workflow_path(env), "git does not make it of a pull request, or is older than 2.38"
    for head in _list_heads(env, git, question, step):
        if git.line("merge-tree", "--write-tree", parents[0], head) != tree:
            continue
        runs = list_runs(env, path, head_sha=head, event="pull_request_target") if path else []
        runs = [run for run in runs if run.get("conclusion") != "cancelled"]
        if runs and runs[0].get("conclusion") == "success":
            return find_approvers(env, environment, run=str(runs[0].get("id")))
        why = "the last run for its pull request did not pass"
    raise messages.unapproved(environment, why)


def _list_heads(env: Mapping[str, str], git: Git, question: Question, step: str) -> Iterator[str]:
    """Yield the ids of the commits that may be the head of the pull request which made the commit
    ``step``; the caller must verify each. For a merge of two parents, that is the second parent.
    For a commit with one parent, they are the heads of the pull requests that the last two numbers
    in its subject name and, for the judged commit, the branch of the merge queue; each head is
    fetched.

    A pull request that was closed, or merged as another commit, is left out, since its change may
    have been reverted. GitError at the end if the server failed and no head was found.
    """
    _, *others = git.store.commit(step)[1]
    yield from others if len(others) == 1 else ()
    if others or not git.store.commit(step)[1]:
        return
    named = _NUMBER.findall(git.store.subject(step))[-2:]
    if step == question.head:
        named += re.findall(r"/pr-(\d{1,9})-[0-9a-f]+$", question.queue)
    fault, found = None, False
    for number in dict.fromkeys(named):
        try:
            pull = table(ask(env, f"pulls/{number}"))
            is_merged = pull.get("merged") is True and pull.get("merge_commit_sha") == step
            head = table(pull, "head").get("sha")
            if not (is_merged or pull.get("state") == "open") or not isinstance(head, str):
                continue
            if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", head):
                continue
            fetch_commit(question, git.top, head)
        except GitError as error:  # a subject may name an issue too
            fault = error
            continue
        found = True
        yield head
    if fault and not found:
        raise fault
