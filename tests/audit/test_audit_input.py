"""What the audit says where there is little or nothing to judge, and that it executes nothing."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_ouro.audit.options import Options
from pytest_ouro.audit.run import audit
from pytest_ouro.cli import run

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
TRAIN = "from prepare import evaluate_bpb\nLR = {lr}\nprint(f'val_bpb: {{evaluate_bpb(LR):.6f}}')\n"
PREPARE = "TIME_BUDGET = 300\ndef evaluate_bpb(model):\n    return 1.0\n"


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit everything but the ledger, and return the short hash."""
    git(folder, "add", "-A", ".", ":!results.tsv")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "--short", "HEAD")


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A loop of three kept experiments after a baseline."""
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "config", "user.email", "a@example.org")
    git(tmp_path, "config", "user.name", "A")
    (tmp_path / "prepare.py").write_text(PREPARE)
    (tmp_path / "train.py").write_text(TRAIN.format(lr=0.01))
    rows = [f"{commit(tmp_path, 'Start')}\t1.000000\t1.0\tkeep\tbaseline\n"]
    for number in (2, 3, 4):
        (tmp_path / "train.py").write_text(TRAIN.format(lr=number / 100))
        hash = commit(tmp_path, f"rate {number}")
        rows.append(f"{hash}\t{1 - number / 100:.6f}\t1.0\tkeep\trate {number}\n")
    (tmp_path / "results.tsv").write_text(HEADER + "".join(rows))
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """The exit status, the output and the error output of the command."""
    status = run(["audit", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_an_honest_loop_stands(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, loop)

    assert status == 0
    assert "kept results: 4, of which 4 stand" in out
    assert out.endswith("ouro: audit: no error: 0 errors, 0 warnings; 4 rows, 3 commits\n")


def test_json_has_the_same(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (loop / "prepare.py").write_text(PREPARE.replace("300", "900"))
    (loop / "train.py").write_text(TRAIN.format(lr=0.09))
    hash = commit(loop, "longer")
    with (loop / "results.tsv").open("a") as file:
        file.write(f"{hash}\t0.900000\t1.0\tkeep\tlonger\n")

    status, out, _ = call(capsys, loop, "--json")

    facts = json.loads(out)
    assert status == 1
    assert facts["broken"] is True
    assert {one["check"] for one in facts["findings"]} == {"frozen", "budget-exact"}
    assert facts["kept"][-1]["verdict"] == "void"
    assert facts["honest_best"]["value"] == 0.96


def test_a_row_of_a_commit_outside_of_the_range_does_not_stand(
    loop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(loop)

    _, out, _ = call(capsys, "HEAD~1", "--json")

    facts = json.loads(out)
    assert [one["verdict"] for one in facts["kept"]] == ["stands", "stands", "stands", "doubtful"]
    assert facts["honest_best"]["value"] == 0.97


@pytest.mark.parametrize("name", ["no-such-revision", "a..b", "#7", "."])
def test_without_a_repository_one_line_and_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    status, out, error = call(capsys, name)

    assert (status, out) == (2, "")
    assert error.count("\n") == 2
    assert "help: " in error


def test_without_a_commit_or_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(tmp_path, "init", "-q")
    assert call(capsys, tmp_path)[0] == 2
    git(tmp_path, "config", "user.email", "a@example.org")
    git(tmp_path, "config", "user.name", "A")
    (tmp_path / "train.py").write_text("pass\n")
    commit(tmp_path, "Start")

    status, _, error = call(capsys, tmp_path)

    assert status == 2
    assert "no table of results in the working tree or in the history" in error


def test_a_metric_that_no_column_has_is_an_error(
    loop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", str(loop), "--metric", "accuracy"]) == 2

    said = capsys.readouterr().err
    assert "no column is named accuracy; the columns are: commit, val_bpb" in said
    assert run(["audit", str(loop), "--metric", "val_bpb"]) == 0


def test_junk_as_a_ledger(loop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (loop / "results.tsv").open("wb") as file:
        file.truncate(100 << 20)

    status, _, error = call(capsys, loop)
    named = call(capsys, loop, "--ledger", loop / "results.tsv")

    assert status == named[0] == 2
    assert "results.tsv" in error
    (loop / "results.tsv").write_bytes(bytes(range(256)) * 64)
    assert call(capsys, loop)[0] == 2


def test_a_shallow_clone_is_an_honest_partial_answer(
    loop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = tmp_path_factory.mktemp("clone") / "shallow"
    git(loop, "clone", "-q", "--depth", "2", f"file://{loop}", str(clone))
    (clone / "results.tsv").write_bytes((loop / "results.tsv").read_bytes())

    found = audit(Options(subject=str(clone)))

    assert found.notes == ("The clone is shallow: nothing is known of older commits.",)
    assert [one.verdict for one in found.kept][:2] == ["doubtful", "doubtful"]
    assert not found.broken


def test_rows_without_commits_reach_no_check_of_commits(loop: Path) -> None:
    text = (loop / "results.tsv").read_text()
    for hash in git(loop, "log", "--format=%h").split():
        text = text.replace(hash, "9fe32ac"[::-1])
    (loop / "results.tsv").write_text(text.replace("rate", "other"))

    found = audit(Options(subject=str(loop)))

    states = {one.name: one.state for one in found.statements}
    assert states["frozen"] == states["scope"] == states["settled"] == "not reached"
    assert states["metric"] == "reached"
    assert not any(one.verdict == "stands" for one in found.kept)


def test_nothing_of_the_repository_is_executed(
    loop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mark = tmp_path_factory.mktemp("mark") / "ran"
    script = loop / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    (loop / "conftest.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (loop / "sitecustomize.py").write_text(f"open({str(mark)!r}, 'w')\n")
    commit(loop, "Tools")
    (loop / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for name in ("filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "diff.external"):
        git(loop, "config", name, str(script))
    git(loop, "config", "core.fsmonitor", str(script))
    git(loop, "config", "log.showSignature", "true")
    git(loop, "config", "gpg.program", str(script))

    audit(Options(subject=str(loop)))

    assert not mark.exists()


def test_a_range_judges_its_own_commits(loop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(loop)

    found = audit(Options(subject="HEAD~1..HEAD"))

    assert found.counts.commits == 1
    assert found.start == git(loop, "rev-parse", "HEAD~1")


def test_a_partial_clone_stands_for_nothing(
    loop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    git(loop, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path_factory.mktemp("clone") / "partial"
    asked = ("clone", "-q", "--filter=blob:none", "--no-checkout")
    git(loop, *asked, f"file://{loop}", str(clone))
    (clone / "results.tsv").write_bytes((loop / "results.tsv").read_bytes())

    found = audit(Options(subject=str(clone)))

    states = {one.name: one.state for one in found.statements}
    assert "reached" not in {states[name] for name in ("frozen", "evaluation", "budget-exact")}
    assert not any(one.verdict == "stands" for one in found.kept)
