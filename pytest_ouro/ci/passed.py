"""Find where the judgement of a push to the protected branch starts: the newest ancestor that
passed, or the commit that the workflow names. The commit before the push vouches for nothing.

A run vouches for a commit only if it ran the workflow as it is now: who could push another one
there could have made it pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_ouro.ci.api import ask
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.foreign_json import table, tables
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.ci.question import Question
    from pytest_ouro.evidence.git.client import Git

#: Ancestors among which a passed one is sought, and runs that the server is asked for.
_ANCESTORS = 50_000
_RUNS = 100


@dataclass(frozen=True)
class Start:
    """The trusted ``commit`` of a judgement in CI: its rules judge the commits after it. ``by``
    says who vouches for it. ``refusal`` says why no passed run could be searched for, so that the
    commit that the workflow names is used; "" if there was no such error."""

    commit: str
    by: str
    refusal: str = ""


def find_start(env: Mapping[str, str], git: Git, question: Question) -> Start:
    """Return the commit from which to judge a push to the protected branch: the nearest ancestor of
    the judged commit that the workflow names as trusted, or that passed a run of the same workflow
    file; else the commit that the workflow names.

    GitError or TrustError if there is no such commit. If the workflow names a commit, an error of
    the search for passed runs is not raised, but returned as `Start.refusal`.
    """
    order = ("rev-list", "--topo-order", f"--max-count={_ANCESTORS}", question.head)
    ancestors = git.call(*order).decode().split()[1:]
    path, known, refusal = workflow_path(env), {}, ""
    now = git.tree(question.head).get(path)
    try:
        if now is None:
            raise messages.no_passed_check(question.base, "the commit does not have this workflow")
        known = _list_passed(env, path, question.base)
    except OuroError as error:
        if not question.trust:
            raise
        refusal = str(error)
    for commit in ancestors:
        if commit == question.trust:
            return Start(commit, "the workflow", refusal)
        if commit in known and git.tree(commit).get(path) == now:
            return Start(commit, f"branch {question.base}, which passed in run {known[commit]}")
    if question.trust:
        return Start(question.trust, "the workflow", refusal)
    raise messages.no_passed_check(
        question.base, "no ancestor has a passed run of this workflow as it is now"
    )


def workflow_path(env: Mapping[str, str]) -> str:
    """Return the path of the job's workflow file in the job's repository; "" if the workflow lies
    in another repository, or the job names none."""
    path, _, _ = env.get("GITHUB_WORKFLOW_REF", "").partition("@refs/")
    repository = f"{env.get('GITHUB_REPOSITORY', '')}/"
    return path.removeprefix(repository) if path.startswith(repository) else ""


def list_runs(env: Mapping[str, str], path: str, **facts: str) -> list[Mapping[str, object]]:
    """Return GitHub's entries of the newest runs of the workflow at ``path`` that have all these
    ``facts`` (keys of an entry with their values), newest first; runs that have not ended are among
    them. The server selects the runs, and each is compared with the facts again here. GitError if
    the server does not answer."""
    name = quote(path.rpartition("/")[2])
    names = {"head_branch": "branch", "conclusion": "status"}
    asked = {names.get(key, key): value for key, value in facts.items()}
    words = "&".join(f"{key}={quote(value, safe='')}" for key, value in asked.items())
    said = ask(env, f"actions/workflows/{name}/runs?{words}&per_page={_RUNS}")
    return [
        run
        for run in tables(said, "workflow_runs")
        if all(run.get(key) == value for key, value in facts.items())
        and str(run.get("path", "")).partition("@")[0] == path
    ]


def _list_passed(env: Mapping[str, str], path: str, base: str) -> dict[str, object]:
    """Return a dict from the ids of commits that passed one of the newest runs of the workflow at
    ``path``, as pushes to the branch ``base`` of this repository, to the ids of these runs.
    GitError if the server does not answer."""
    facts = {"head_branch": base, "event": "push", "conclusion": "success"}
    return {
        str(run.get("head_sha")): run.get("id")
        for run in list_runs(env, path, **facts)
        if table(run, "head_repository").get("full_name") == env.get("GITHUB_REPOSITORY")
    }
