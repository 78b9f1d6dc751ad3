"""``pytest-ouro audit`` in each form, of a loop and by a policy, with its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_ouro.audit import html, json_report, text
from pytest_ouro.audit.result import Statement
from pytest_ouro.cli import run
from pytest_ouro.core.fast_dataclass import replace

from .leaderboards import SPEED, make_board, speed_record
from .samples import HOSTILE, SECRETS, cheated, honest

EXAMPLE = Path(__file__).parents[2] / "docs/examples/policies/nanogpt-speedrun.toml"
LOSING = (3.2799, 3.2810, 3.2790)


@pytest.fixture
def board(tmp_path, monkeypatch):
    made = make_board(tmp_path / "board")
    monkeypatch.chdir(made.path)
    return made


@pytest.fixture
def policy(tmp_path):
    """A policy that waives nothing."""
    path = tmp_path / "policy.toml"
    path.write_text(EXAMPLE.read_text().replace("waived", "# waived"))
    return path


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("--markdown", "### ouro audit: 1 error"),
        ("--html", "<!doctype html>"),
        ("--sarif", "{"),
        ("--json", "{"),
        (None, "audit of "),
    ],
)
def test_a_pull_request_is_judged_in_each_form(board, policy, capsys, form, start):
    board.commit(speed_record(LOSING))

    status = run(["audit", f"{board.base}..HEAD", "--policy", str(policy), *filter(None, [form])])

    out = capsys.readouterr().out
    assert status == 1
    assert out.startswith(start)
    assert "3.28" in out
    if form in ("--json", "--sarif"):
        json.loads(out)


def test_a_record_is_judged_by_its_folder_or_its_commit(board, policy, capsys):
    board.commit(speed_record())

    for subject in (SPEED, "HEAD"):
        assert run(["audit", subject, "--policy", str(policy)]) == 0, capsys.readouterr()

    out = capsys.readouterr().out
    assert "allowed-files: not checked" in out
    assert "allowed-files: reached" in out


@pytest.mark.parametrize(
    ("form", "start"), [("--markdown", "### ouro audit: could not judge"), ("--json", "{")]
)
def test_what_cannot_be_judged_is_said_in_the_form(board, policy, capsys, form, start):
    status = run(["audit", f"{board.base}..HEAD", "--policy", str(policy), form])

    said = capsys.readouterr()
    assert status == 2
    assert said.out.startswith(start)
    assert "no record" in said.err
    assert "Traceback" not in said.out + said.err


def test_a_faulty_policy_is_an_error(board, tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_text("[policy]\nname = 1\n")

    assert run(["audit", "HEAD", "--policy", str(path)]) == 2

    said = capsys.readouterr().err
    assert "x.toml:2: 'name' in [policy] must be text" in said
    assert "lacks the table [submission]" in said


@pytest.mark.parametrize("form", [text, json_report])
@pytest.mark.parametrize("attack", HOSTILE)
def test_text_and_json_are_escaped(form, attack):
    out = form.render(cheated(HOSTILE[attack], HOSTILE[attack]))

    assert out.replace("\n", "").isprintable()
    assert "##[" not in out
    assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("form", [text, json_report, html])
@pytest.mark.parametrize("secret", SECRETS)
def test_text_and_json_hide_secrets(form, secret):
    assert SECRETS[secret] not in form.render(cheated(secret))


def test_the_last_line_is_short_and_never_clean_without_data():
    nothing = replace(honest(), statements=(Statement("scope", "not reached", "no ledger"),))

    lines = [text.render(audit).splitlines()[-1] for audit in (cheated(), honest(), nothing)]

    assert lines == [
        "ouro: audit: broken: 1 error, 1 warning; 3 rows, 2 commits",
        "ouro: audit: no error: 0 errors, 0 warnings; 3 rows, 3 commits",
        "ouro: audit: not judged: 0 errors, 0 warnings; 3 rows, 3 commits; nothing could be "
        "judged: no ledger",
    ]


def test_json_is_json_whatever_was_claimed():
    audit = honest()
    [first, *rest] = audit.kept
    odd = replace(audit, kept=(replace(first, value=float("nan")), *rest))

    def refuse(name):
        raise AssertionError(name)

    assert json.loads(json_report.render(odd), parse_constant=refuse)["kept"][0]["value"] is None
