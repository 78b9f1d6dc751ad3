"""Fetch the judged commit and the base branch as objects, with our own settings of git alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_ouro.evidence.git.client import Git, command, environment
from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.ci.question import Question
    from pytest_ouro.core.errors import GitError

#: Seconds for one call of git.
SECONDS = 120
#: What git says when the server refuses, and when it lacks what was asked for.
_REFUSED = r"Authentication failed|could not read Username|error: 40[13]\b"
_ABSENT = r"[Rr]epository .*not found|error: 404\b|does not appear to be a git repository"
_LACKS = r"not our ref|[Cc]ouldn't find remote ref|no such remote ref|unadvertised object"
_SLOW = r"Operation too slow|timed? ?out"


def fetch(question: Question, folder: Path, *, seconds: float = SECONDS) -> tuple[Git, str]:
    """Create a bare repository in the new folder ``folder``, and fetch the base branch and the
    judged commit of ``question`` into it. Return a tuple: the repository, and the id of the
    branch's present commit. GitError, which names the cause, if either cannot be fetched, or if one
    call of git takes more than ``seconds``."""
    folder.mkdir(parents=True)
    call = _Caller(question, folder, seconds)
    call("init", "--quiet", "--bare", what="")
    branch = f"refs/heads/{question.base}"
    get = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", question.server)
    call(*get, f"+{branch}:{branch}", what=f"branch {question.base}")
    call(*get, question.head, what=f"commit {question.head[:7]}")
    git = Git.objects(folder)
    tip = git.commit(branch)
    if not tip or not git.commit(question.head):
        raise messages.no_such_commit(branch if not tip else question.head)
    return git, tip


def fetch_commit(question: Question, folder: Path, commit: str) -> None:
    """Fetch ``commit`` from the server of ``question`` into the repository in ``folder``. GitError
    if it cannot be fetched, or if git takes too long."""
    call = _Caller(question, folder, SECONDS)
    get = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", question.server)
    call(*get, commit, what=f"commit {commit[:7]}")


class _Caller:
    """A function that calls git in ``folder`` with the settings of `_variables`, which isolate it,
    and ends it after ``seconds``."""

    def __init__(self, question: Question, folder: Path, seconds: float) -> None:
        self._server = question.server
        self._sent = bool(question.header)
        self._folder = folder
        self._seconds = seconds
        self._env = {**environment(), **_variables(question, folder)}

    def __call__(self, *args: str, what: str) -> None:
        """Call git with ``args``; its output is discarded. GitError if it fails or takes too long.
        ``what`` says for the message what should be fetched; "" if nothing."""
        process = subprocess.Popen(
            command(*args, cwd=self._folder),
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            said = process.communicate(timeout=self._seconds)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # git's own helpers too
            process.communicate()
            raise messages.server_too_slow(self._server, what, self._seconds) from None
        if process.returncode:
            raise _explain(said, self._server, what, sent=self._sent)


def _variables(question: Question, folder: Path) -> dict[str, str]:
    """Return the environment variables that isolate a call of git: no prompt, no credential helper,
    no settings of the machine or the user, no redirects, and only the protocol of the question's
    server. The header that authorises is sent to that server alone, and is in no argument, which
    other users could read."""
    address = urlsplit(question.server)
    settings = {
        "credential.helper": "",
        "core.askPass": "",
        "http.followRedirects": "false",
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": "30",
    }
    if question.header:
        settings[f"http.{address.scheme}://{address.netloc}/.extraHeader"] = question.header
    variables = {
        "HOME": str(folder),  # no .netrc
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": address.scheme,
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _explain(said: str, server: str, what: str, *, sent: bool) -> GitError:
    """Return the error for a call of git that failed. ``said`` is what git wrote to standard error,
    ``what`` is what should be fetched, and ``sent`` is whether a token was sent."""
    lines = [line for line in said.strip().splitlines() if line.strip()] or ["no message"]
    words = next((line for line in lines if re.match("fatal: |error: |remote: ", line)), lines[0])
    if re.search(_REFUSED, said):
        return messages.server_refuses(server, sent=sent)
    if re.search(_ABSENT, said):
        return messages.no_such_repository(server)
    if re.search(_LACKS, said):
        return messages.not_on_server(what, server)
    if "shallow" in said:
        return messages.shallow_server(server)
    if re.search(_SLOW, said):
        return messages.server_too_slow(server, what, 0)
    return messages.server_unreachable(server, words.removeprefix("fatal: "))
