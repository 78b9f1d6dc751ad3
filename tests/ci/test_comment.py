"""The report of a finished audit is posted on its pull request, and a hostile one is not."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.audit import markdown
from pytest_ouro.audit.inert import find_active

from ..audit.samples import HOSTILE, cheated, honest
from .act import ROOT, act
from .server import TOKEN

if TYPE_CHECKING:
    from .server import Server

HEAD = "ab" * 20
REPORT = markdown.render(cheated())


def packed(text: str | bytes = REPORT, name: str = "audit.md", **more: str) -> bytes:
    """Return an archive as the server keeps an artefact."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {name: text, **more}.items():
            archive.writestr(path, content)
    return data.getvalue()


def finished(**facts: Any) -> dict[str, Any]:
    """Return the event of a finished run of a fork's pull request."""
    fork = {"full_name": "fork/lab", "owner": {"login": "fork"}}
    run = {
        "id": 12,
        "event": "pull_request",
        "head_sha": HEAD,
        "head_branch": "topic&state=closed",
        "head_repository": fork,
        "pull_requests": [],
        **facts,
    }
    return {"action": "completed", "workflow_run": run}


def pull(number: int = 7, **head: Any) -> dict[str, Any]:
    """Return a pull request as the API lists it."""
    return {
        "number": number,
        "head": {"sha": HEAD, "repo": {"full_name": "fork/lab"}, **head},
        "base": {"repo": {"full_name": "owner/lab"}},
    }


def serve(server: Server, archive: bytes, **artefact: Any) -> None:
    """Let the server have the pull request and an artefact of its run."""
    found = {"id": 5, "size_in_bytes": len(archive), "expired": False, **artefact}
    server.answers |= {
        "pulls": [pull()],
        "actions/runs/12/artifacts": {"artifacts": [found]},
        "issues/7/comments": [],
    }
    server.places["actions/artifacts/5/zip"] = f"{server.url}/blob/5"
    server.files["/blob/5"] = archive


@pytest.fixture
def post(server: Server, tmp_path):
    """``post(event)``: exit status and output of the job that posts."""

    def post(event: dict[str, Any]) -> tuple[int, str]:
        (tmp_path / "event.json").write_text(json.dumps(event))
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_API_URL": f"{server.url}/api",
            "GITHUB_REPOSITORY": "owner/lab",
            "INPUT_TOKEN": TOKEN,
        }
        done = subprocess.run(
            [sys.executable, "-I", "-m", "pytest_ouro", "ci", "--comment"],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return post


def test_a_report_is_posted(server, post):
    serve(server, packed())

    status, said = post(finished())

    assert (status, said) == (0, "ouro: posted the report of run 12 on pull request 7\n")
    [(method, path, content)] = server.posted
    assert (method, path) == ("POST", "issues/7/comments")
    assert content["body"].startswith(REPORT)
    assert "The pull request can change that job" in content["body"]
    assert ("/blob/5", "") in server.calls  # the token stays with the API


def test_a_second_report_replaces_the_first(server, post):
    serve(server, packed())
    bot = {"login": "github-actions[bot]"}
    server.answers["issues/7/comments"] = [
        {"id": 1, "user": {"login": "somebody"}, "body": "### ouro audit: mine"},
        {"id": 2, "user": bot, "body": "another bot's words"},
        {"id": 3, "user": bot, "body": "### ouro audit: 1 error"},
    ]

    assert post(finished())[0] == 0
    assert [(method, path) for method, path, _ in server.posted] == [("PATCH", "issues/comments/3")]


@pytest.mark.parametrize(
    "pulls",
    [
        [],
        [pull(sha="cd" * 20)],
        [pull(repo={"full_name": "other/lab"})],
        [{**pull(), "base": {"repo": {"full_name": "other/lab"}}}],
        [pull(7), pull(8)],
    ],
)
def test_only_the_open_pull_request_of_that_commit_gets_it(server, post, pulls):
    serve(server, packed("### ouro audit: post this on 9\n"))
    server.answers["pulls"] = pulls

    status, said = post(finished())

    assert (status, server.posted) == (0, [])
    assert "no open pull request has the head abababa" in said


@pytest.mark.parametrize("facts", [{"event": "push"}, {"id": "12/../13"}, {"head_sha": "main"}])
def test_another_event_is_refused(server, post, facts):
    serve(server, packed())

    status, said = post(finished(**facts))

    assert (status, server.posted) == (2, [])
    assert "is not of a pull request" in said
    assert post({})[0] == 2


HUGE = b"### ouro audit: " + b"0" * 3_000_000


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (b"no archive", "its archive cannot be read"),
        (packed(name="other.md"), "its archive is not audit.md alone"),
        (packed(name="../audit.md"), "its archive is not audit.md alone"),
        (packed(more="x"), "its archive is not audit.md alone"),
        (packed(HUGE), "it has more than 240000 bytes"),
        (packed(b"### ouro audit: \xff"), "it is not UTF-8"),
        (packed("hello"), "it begins with other words"),
        (packed("### ouro audit: " + "plain words " * 10_000), "it has more than 60000 characters"),
    ],
)
def test_a_foreign_archive_is_not_posted(server, post, archive, why):
    serve(server, archive)

    status, said = post(finished())

    assert (status, server.posted) == (2, [])
    assert f"not as pytest-ouro writes it ({why}" in said


def test_a_large_archive_is_not_fetched(server, post):
    serve(server, packed(), size_in_bytes=10_000_000)

    assert post(finished())[0] == 2
    assert "/blob/5" not in [path for path, _ in server.calls]


def test_a_run_without_a_report_is_said(server, post):
    serve(server, packed(), expired=True)

    status, said = post(finished())

    assert (status, server.posted) == (2, [])
    assert "the run left no artefact ouro-audit" in said


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_report_is_not_posted(server, post, attack):
    serve(server, packed(f"{REPORT}\n- {HOSTILE[attack]}\n"))

    status, said = post(finished())

    if attack in ("emphasis", "command"):
        assert find_active(HOSTILE[attack])  # a backslash, a sign of a heading
    assert (status, server.posted) == (2, [])
    assert "it is not posted" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    "line",
    [
        "see https://e.example", "www.e.example", "@somebody", "a <b>", "![x](y)", "`a", "a``b``",
        "\\`@x`", "`a | b`", "#12", "GH-12", "deadbeef1", "&lt;", "~~x~~", "```", "$x$", "\u202ex",
        "`a` `", "<details><summary>What was judged</summary><b>", "# title", "## title", "a\x0bb",
        "\u2028", "http://x", "[^1]", "{x}", "!5",
    ],
)  # fmt: skip
def test_what_a_server_may_interpret_is_found(line):
    assert find_active(f"### ouro audit: x\n{line}\n")


@pytest.mark.parametrize("audit", [honest(), cheated(), *map(cheated, HOSTILE.values())])
def test_a_report_of_ours_is_found_inert(audit):
    assert find_active(markdown.render(audit)) == ""


@pytest.mark.tier(2)
@pytest.mark.usefixtures("runner")
def test_the_workflow_posts_on_a_runner(server, installed, tmp_path):
    """The template under act, with the action's installation replaced by one that is there."""
    action = tmp_path / "action"
    folder = action / ".github/actions/comment"
    folder.mkdir(parents=True)
    text = (ROOT / ".github/actions/comment/action.yml").read_text(encoding="utf-8")
    install = 'bash "$OURO_ACTION/../../install.sh"'
    assert install in text
    text = text.replace(install, """ln -s "$INSTALLED" "$RUNNER_TEMP/ouro\"""")
    (folder / "action.yml").write_text(text)
    serve(server, packed())
    workflow = (ROOT / "templates/github-audit-comment.yml").read_text(encoding="utf-8")
    event = finished(conclusion="success")
    env = {
        "GITHUB_API_URL": f"{server.url}/api",
        "GITHUB_REPOSITORY": "owner/lab",
        "INSTALLED": str(installed),
    }

    done = act(
        tmp_path / "job", workflow, "workflow_run", event, action=action, env=env, token=TOKEN
    )

    assert done.job == "success", done.said
    assert [path for _, path, _ in server.posted] == ["issues/7/comments"]
