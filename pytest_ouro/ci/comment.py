"""Bring a report from the run of a pull request's own workflow onto the pull request.

The pull request can change that workflow, so that its report is hostile. The event of
``workflow_run`` is GitHub's own: it alone says which run and which commit it is about.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_ouro.ci.api import ask, download, send
from pytest_ouro.ci.question import read_event
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.foreign_json import table, tables
from pytest_ouro.messages import trust as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The name of the artefact, and of the one file in it.
ARTEFACT, FILE = "ouro-audit", "audit.md"
#: The most bytes of the report, and of the archive with it.
_REPORT, _ARCHIVE = 240_000, 400_000
#: Who posts, and how each comment of ours begins.
_BOT, START = "github-actions[bot]", "### ouro audit"


@dataclass(frozen=True)
class Finished:
    """The workflow run that the event ``workflow_run`` is about: its id (``run``), the full id of
    the commit that it ran for, the branch of that commit, and the repository that has the branch:
    its owner and its full name, as ``owner/name``. The last three are "" if the event lacks
    them."""

    run: int
    commit: str
    branch: str
    owner: str
    repository: str


def read_finished(env: Mapping[str, str]) -> Finished:
    """Return the workflow run that the job's event names. TrustError if the event cannot be read or
    names none, as for another event than ``workflow_run``, or if that run was not started by the
    event ``pull_request``."""
    run = table(read_event(env.get("GITHUB_EVENT_PATH", "")), "workflow_run")
    number, commit = run.get("id"), str(run.get("head_sha") or "")
    whole = isinstance(number, int) and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit)
    if not whole or run.get("event") != "pull_request":
        raise messages.no_finished_run(str(run.get("event") or ""))
    assert isinstance(number, int)
    repository = table(run, "head_repository")
    return Finished(
        number,
        commit,
        str(run.get("head_branch") or ""),
        str(table(repository, "owner").get("login") or ""),
        str(repository.get("full_name") or ""),
    )


def find_pull_request(env: Mapping[str, str], run: Finished) -> int | None:
    """Return the number of the one open pull request of the job's repository whose head is the
    run's commit now; None if there is none, or more than one. GitError if the server cannot be
    asked."""
    head = quote(f"{run.owner}:{run.branch}", safe="")
    found = tables(ask(env, f"pulls?state=open&per_page=100&head={head}"))
    numbers = [
        one.get("number")
        for one in found
        if table(one, "head").get("sha") == run.commit
        and table(one, "head", "repo").get("full_name") == run.repository
        and table(one, "base", "repo").get("full_name") == env.get("GITHUB_REPOSITORY", "")
    ]
    number = numbers[0] if len(numbers) == 1 else None
    return number if isinstance(number, int) else None


def read_report(env: Mapping[str, str], run: Finished) -> str:
    """Return the text of the report that the run left; of several, the newest. TrustError if it
    left none, or one that is not a small archive with the file `FILE` alone, in UTF-8; GitError if
    the server cannot be asked."""
    found = tables(ask(env, f"actions/runs/{run.run}/artifacts?name={ARTEFACT}"), "artifacts")
    sizes = [(one.get("id"), one.get("size_in_bytes")) for one in found if not one.get("expired")]
    known = [(i, size) for i, size in sizes if isinstance(i, int) and isinstance(size, int)]
    if not known:
        raise messages.no_report(ARTEFACT)
    number, size = max(known)
    if size > _ARCHIVE:
        raise messages.foreign_report(f"its archive has {size} bytes")
    return _unpack(download(env, f"actions/artifacts/{number}/zip"))


def _unpack(data: bytes) -> str:
    """Return the text of the report in ``data``, the bytes of a zip archive, without writing to the
    disk. TrustError unless the archive holds one file with the expected name, of limited size, in
    UTF-8."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.namelist() != [FILE]:
                raise messages.foreign_report(f"its archive is not {FILE} alone")
            with archive.open(FILE) as file:
                text = file.read(_REPORT + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, EOFError):
        raise messages.foreign_report("its archive cannot be read") from None
    if len(text) > _REPORT:
        raise messages.foreign_report(f"it has more than {_REPORT} bytes")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise messages.foreign_report("it is not UTF-8") from None


def post(env: Mapping[str, str], number: int, text: str) -> str:
    """Post a text as a comment on a pull request, or write it into the comment that was posted
    before, if that is one of the first hundred. Return "posted" or "updated". GitError as in
    `ask`."""
    comments = tables(ask(env, f"issues/{number}/comments?per_page=100"))
    ours = [
        one.get("id")
        for one in comments
        if table(one, "user").get("login") == _BOT and str(one.get("body") or "").startswith(START)
    ]
    content = {"body": text}
    if ours and isinstance(ours[0], int):
        send(env, "PATCH", f"issues/comments/{ours[0]}", content)
        return "updated"
    send(env, "POST", f"issues/{number}/comments", content)
    return "posted"
