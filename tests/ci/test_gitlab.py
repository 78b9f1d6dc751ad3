"""Merge requests on a runner: the template under gitlab-ci-local (npm), which also needs rsync."""

from __future__ import annotations

import os
import subprocess
from xml.etree import ElementTree

import pytest

from .act import ROOT, find
from .work import change_rules, improve, widen

pytestmark = pytest.mark.tier(3)


@pytest.fixture
def tool(lab):
    """The address and revision of a tool whose installation is there already."""
    folder = lab.folder / "tool/.github"
    folder.mkdir(parents=True)
    (folder / "install.sh").write_text(f'ln -s "{lab.installed}" "$RUNNER_TEMP/ouro"\n')
    for call in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "the tool"]):
        lab.git("-C", str(folder.parent), *call)
    bare = lab.server.root / "OWNER/pytest-ouro"
    lab.git("clone", "-q", "--bare", str(folder.parent), str(bare))
    lab.git("-C", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true")
    revision = lab.git("-C", str(bare), "rev-parse", "HEAD")
    return f"{lab.server.url}/OWNER/pytest-ouro", revision


@pytest.fixture
def judge(lab, tool):
    """``judge(NAME=value)``: exit status, output and JUnit of the job of a merge request."""
    program = find("gitlab-ci-local")
    if not (program and find("rsync")):
        pytest.skip("gitlab-ci-local or rsync is not installed: not run")

    def judge(**env):
        where = lab.folder / "gitlab"
        where.mkdir(exist_ok=True)
        text = (ROOT / "templates/gitlab-ci.yml").read_text(encoding="utf-8")
        (where / ".gitlab-ci.yml").write_text(text.replace("  image: python:3.13\n", ""))
        lab.git("-C", str(where), "init", "-q")
        lab.git("-C", str(where), "remote", "add", "origin", "http://127.0.0.1/x/y.git")
        lab.project.git("-C", str(where), "commit", "-q", "--allow-empty", "-m", "x")
        head = lab.push("refs/merge-requests/7/head")
        variables = {
            "GITLAB_CI": "true",
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_REPOSITORY_URL": f"{lab.server.url}/owner/lab",
            "CI_DEFAULT_BRANCH": "main",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED": "true",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": head,
            "OURO_SOURCE": tool[0],
            "OURO_REVISION": tool[1],
            **env,
        }
        given = [word for pair in variables.items() for word in ("--variable", "=".join(pair))]
        done = subprocess.run(
            [program, "ouro-gate", "--force-shell-executor", *given],
            cwd=where,
            env={**os.environ, "HOME": str(lab.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        found = sorted(where.rglob("ouro.xml"))
        suite = ElementTree.parse(found[0]).getroot()[0] if found else None
        return done.returncode, done.stdout, suite

    return judge


@pytest.mark.parametrize(("work", "status"), [(improve, 0), (widen, 1)])
def test_a_merge_request(lab, judge, work, status):
    work(lab)

    found, said, suite = judge()

    assert bool(found) is bool(status), said
    assert f"ouro: {'broken' if status else 'lawful'}" in said
    assert "(branch main)" in said
    assert suite is not None
    assert (suite.get("failures") == "0") is (status == 0)


def test_a_target_of_its_own(lab, judge):
    lab.branch("weak")
    change_rules(lab)
    lab.push("refs/heads/weak")
    improve(lab)

    found, said, suite = judge(CI_MERGE_REQUEST_TARGET_BRANCH_NAME="weak")

    assert found, said
    assert "goes to 'weak', and only the rules of 'main' count" in said
    assert suite is not None
    assert suite.get("errors") == "1"
