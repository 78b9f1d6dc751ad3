"""What a job fetches and asks, from a server on loopback: each error by its cause."""

from __future__ import annotations

import json
import subprocess
from itertools import count

import pytest

from pytest_ouro.ci.approval import find_approvers
from pytest_ouro.ci.fetch import fetch
from pytest_ouro.ci.question import ask_github
from pytest_ouro.core.errors import OuroError, TrustError

from .server import TOKEN


@pytest.fixture
def bare(project, server):
    """``bare("owner/lab")``: the project on the server; the folder of its repository."""

    def bare(name):
        path = server.root / name
        project.git("clone", "-q", "--bare", str(project.path), str(path))
        project.git("-C", str(path), "config", "uploadpack.allowAnySHA1InWant", "true")
        return path

    return bare


@pytest.fixture
def ask(project, server, tmp_path, monkeypatch):
    """``ask("owner/lab", INPUT_TOKEN=...)``: fetch what a pull request asks; its id of main."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    (tmp_path / "helper").write_text(f"#!/bin/sh\ntouch {tmp_path}/was-asked\n")
    (tmp_path / "helper").chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(tmp_path / "helper"))
    monkeypatch.setenv("GIT_ASKPASS", str(tmp_path / "helper"))
    subprocess.run(
        ["git", "config", "--global", "credential.helper", str(tmp_path / "helper")], check=True
    )

    number = count()

    def ask(repository, head="", *, url="", base="main", seconds=60, **env):
        event = tmp_path / "event.json"
        head = head or project.git("rev-parse", "HEAD")
        request = {"head": {"sha": head}, "base": {"ref": base}}
        event.write_text(
            json.dumps({"repository": {"default_branch": base}, "pull_request": request})
        )
        question = ask_github(
            {
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_SERVER_URL": url or server.url,
                "GITHUB_REPOSITORY": repository,
                **env,
            }
        )
        assert TOKEN not in repr(question)
        git, tip = fetch(question, tmp_path / f"judged-{next(number)}", seconds=seconds)
        git.close()
        assert not (tmp_path / "was-asked").exists()
        return tip

    return ask


@pytest.mark.parametrize("text", ["", "{", "1", "[]", '[["repository", {}]]', "[" * 100_000])
def test_an_event_that_is_not_an_object_is_named(tmp_path, text):
    event = tmp_path / "event.json"
    event.write_text(text)

    with pytest.raises(TrustError, match="the event cannot be read"):
        ask_github({"GITHUB_EVENT_PATH": str(event)})


def test_a_public_repository_needs_no_token(project, bare, ask):
    bare("owner/lab")

    assert ask("owner/lab") == project.git("rev-parse", "main")


def test_a_private_one_is_read_with_the_token(project, bare, ask, server):
    bare("private/lab")

    assert ask("private/lab", INPUT_TOKEN=TOKEN) == project.git("rev-parse", "main")
    assert {user for _, user in server.calls} == {f"x-access-token:{TOKEN}"}


@pytest.mark.parametrize(
    ("token", "words"), [("", "asks for a token, and none was given"), ("bad", "refuses the token")]
)
def test_a_refused_token_is_distinguished(bare, ask, tmp_path, token, words):
    bare("private/lab")

    with pytest.raises(OuroError, match=words) as caught:
        ask("private/lab", INPUT_TOKEN=token)

    assert "contents: read" in caught.value.help
    assert not (tmp_path / "was-asked").exists()


def test_a_missing_repository_commit_and_branch_are_distinguished(bare, ask):
    bare("owner/lab")

    with pytest.raises(OuroError, match=r"owner/none is not there, or the token may not see it"):
        ask("owner/none")
    with pytest.raises(OuroError, match=r"commit eeeeeee is not on http"):
        ask("owner/lab", "e" * 40)
    with pytest.raises(OuroError, match=r"branch nowhere is not on http"):
        ask("owner/lab", base="nowhere")


def test_a_dead_server_and_a_silent_one_are_distinguished(bare, ask, server):
    bare("owner/lab")

    with pytest.raises(OuroError, match=r"http://127.0.0.1:9/owner/lab cannot be read: "):
        ask("owner/lab", url="http://127.0.0.1:9")
    server.silent = True
    with pytest.raises(OuroError, match=r"did not give .* in 3 seconds"):
        ask("owner/lab", seconds=3)


ENVIRONMENT = "ouro-rules"


def approval(name="alice", state="approved", environment=ENVIRONMENT):
    return {"user": {"login": name}, "state": state, "environments": [{"name": environment}]}


@pytest.fixture
def approvers(server):
    def approvers(token=TOKEN):
        job = {"GITHUB_API_URL": f"{server.url}/api", "GITHUB_REPOSITORY": "owner/lab"}
        return find_approvers({**job, "GITHUB_RUN_ID": "1", "INPUT_TOKEN": token}, ENVIRONMENT)

    return approvers


def test_who_approved_a_run_is_asked_of_the_server(server, approvers):
    server.approvals = [approval(), approval("bob", "rejected"), approval("eve", environment="x")]

    assert approvers() == ["alice"]
    assert server.calls == [("/api/repos/owner/lab/actions/runs/1/approvals", f"Bearer {TOKEN}")]


@pytest.mark.parametrize("said", [[], [approval(state="rejected")], {}, [None], [{"user": "x"}]])
def test_without_an_approval_nobody_approved(server, approvers, said):
    server.approvals = said

    with pytest.raises(OuroError, match="nobody approved this run"):
        approvers()


def test_a_server_that_does_not_say_approves_nothing(server, approvers):
    server.approvals = [approval()]

    with pytest.raises(OuroError, match="the server answers 403"):
        approvers("bad")
