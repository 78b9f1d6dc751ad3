"""Read from a job's variables what is to be judged, and the branch whose rules count.

The judged party chooses neither: a pull request names its base, an event the commit before it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pytest_ouro.core.foreign_json import table
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADS = "refs/heads/"


@dataclass(frozen=True)
class Question:
    """What a job asks.

    ``server`` is the repository's address without a user, ``header`` authorises to read it ("" for
    none), ``head`` is the full id of the judged commit, ``base`` the branch whose rules count,
    ``trust`` the commit that the workflow names as trusted ("" for none), ``bound`` the path or
    glob of bound.toml ("" if none is named). ``what`` names the change in messages; ``on_base``
    says that it was pushed to that branch, ``queue`` is the branch of a merge group ("-" if it is
    not known), "" for any other change.
    """

    server: str
    header: str = field(repr=False)
    head: str
    base: str
    trust: str = ""
    bound: str = ""
    what: str = "the change"
    on_base: bool = False
    queue: str = ""


def ask_github(env: Mapping[str, str]) -> Question:
    """Return the question of a job of GitHub, read from its variables ``env`` and its event.
    TrustError if the event cannot be read, if it names no commit or the workflow trusts what is not
    the full id of one, if no base branch is named, or if a pull request or merge group goes to
    another branch than the base."""
    event = read_event(env.get("GITHUB_EVENT_PATH", ""))
    repository = table(event, "repository")
    base = env.get("INPUT_BASE_BRANCH") or str(repository.get("default_branch") or "")
    if not base:
        raise messages.no_base_branch()
    trust, given = env.get("INPUT_TRUST", ""), env.get("INPUT_HEAD", "")
    on_base, queue = False, ""
    if request := table(event, "pull_request"):
        what, target = "the pull request", str(table(request, "base").get("ref") or "")
        head = table(request, "head").get("sha")
    elif group := table(event, "merge_group"):
        what, target = "the merge group", str(group.get("base_ref") or "").removeprefix(_HEADS)
        head, queue = group.get("head_sha"), str(group.get("head_ref") or "-")
    else:
        what, target = "the push", base
        ref = str(event.get("ref") or env.get("GITHUB_REF") or "")
        head = event.get("after") or env.get("GITHUB_SHA")
        on_base = ref in (base, _HEADS + base) and not given
    if target != base:
        raise messages.other_base(what, target, base)
    return Question(
        f"{env['GITHUB_SERVER_URL']}/{env['GITHUB_REPOSITORY']}",
        _basic("x-access-token", env.get("INPUT_TOKEN", "")),
        _commit(given or head, what),
        base,
        _commit(trust, "trust") if trust else "",
        env.get("INPUT_BOUND", ""),
        what,
        on_base,
        queue,
    )


def ask_gitlab(env: Mapping[str, str]) -> Question:
    """Return the question of a job of GitLab for a merge request, read from its variables ``env``.
    TrustError if no commit or base branch is named, if the merge request goes to another branch
    than the base, or if GitLab does not protect that branch."""
    what = "the merge request"
    base = env.get("INPUT_BASE_BRANCH") or env.get("CI_DEFAULT_BRANCH", "")
    target = env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "")
    if not base:
        raise messages.no_base_branch()
    if target != base:
        raise messages.other_base(what, target, base)
    if env.get("CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED") != "true":
        raise messages.unprotected_base(base)
    address = urlsplit(env.get("CI_REPOSITORY_URL", ""))
    server = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))
    head = env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or env.get("CI_COMMIT_SHA")
    return Question(
        server,
        _basic(address.username or "", address.password or ""),
        _commit(head, what),
        base,
        bound=env.get("INPUT_BOUND", ""),
        what=what,
    )


def read_event(path: str) -> dict[str, object]:
    """Return the JSON object in the file at ``path``, GitHub's description of the event that
    started the job. TrustError if the file is missing, cannot be read, or has no JSON object."""
    try:
        event = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise messages.no_event(path)
    return event


def _commit(value: object, what: str) -> str:
    """Return ``value`` if it is the full id of a commit. TrustError if it is not, or if it consists
    of zeros, as for a deleted branch. ``what`` names for the message what states the value."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value):
        if value.strip("0"):
            return value
        raise messages.branch_deleted(what)
    raise messages.names_no_commit(what, str(value or ""))


def _basic(user: str, secret: str) -> str:
    """Return an HTTP header that authorises by a user name and a secret (basic authentication); ""
    if the secret is ""."""
    if not secret:
        return ""
    from base64 import b64encode

    return f"Authorization: Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"
