"""Losses by row of judged runs: their file, its digest in the record, what certificates say."""

import datetime
import hashlib
import json
import math

import pytest

from pytest_ouro.child.losses.file import unpack
from pytest_ouro.core.errors import RecordError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.row_losses import path_of, read_losses
from pytest_ouro.experiment.records import prune
from pytest_ouro.experiment.selection.certify import certify
from tests.experiment.judged import make_judged
from tests.experiment.judged import model_script as script


@pytest.fixture
def judged(lab, fork_runs):
    return make_judged(lab, fork_runs)


def test_a_judged_run_keeps_its_losses_by_row(judged):
    run = judged.run(script()).record

    path = path_of(judged.journal, run.run)
    content = path.read_bytes()
    assert (run.level, run.rows) == ("judged", 64)
    assert run.row_losses == hashlib.sha256(content).hexdigest()
    assert path.parent == judged.path / ".git/ouro/rows"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    found = read_losses(judged.journal, run)
    assert found == unpack(content)
    bits = sum(found.row_nats) / (math.log(2) * sum(found.row_bytes))
    assert bits == pytest.approx(run.value, rel=1e-6)
    assert judged.journal.runs()[0].row_losses == run.row_losses
    judged.clean()


def test_a_run_without_a_judge_has_none(lab):
    run = lab.run(lab.script(2.0)).record
    assert (run.row_losses, read_losses(lab.journal, run)) == ("", None)
    assert not (lab.path / ".git/ouro/rows").exists()


@pytest.mark.tier(2)
def test_a_changed_file_is_found_by_its_digest(judged, ouro):
    run = judged.run(script()).record
    assert ouro("log")[0] == 0
    path = path_of(judged.journal, run.run)
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(RecordError, match="the losses by row were changed"):
        read_losses(judged.journal, run)
    status, said, err = ouro("log")
    assert (status, run.commit[:7] in said) == (2, True)
    assert f"{path} is not what was recorded" in err
    remedy = next(line for line in err.splitlines() if "help:" in line)
    assert remedy.endswith(f"rm {path}")
    path.unlink()  # the remedy
    assert read_losses(judged.journal, run) is None
    assert ouro("log")[0] == 0


@pytest.mark.tier(2)
def test_a_changed_digest_is_found_by_the_journal(judged):
    judged.run(script())
    lines = judged.journal.lines()
    table = json.loads(lines[-1])
    table["row_losses"] = "0" * 64
    judged.journal.path.write_bytes(b"\n".join([*lines[:-1], json.dumps(table).encode(), b""]))
    assert "is not what was recorded" in judged.journal.fault().headline


def test_prune_removes_them(judged, ouro, monkeypatch):
    run = judged.run(script()).record
    path = path_of(judged.journal, run.run)
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)

    class Later(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return later

    monkeypatch.setattr(prune.datetime, "datetime", Later)
    status, said, err = ouro("log", "--prune", "4")
    assert (status, err, path.exists()) == (0, "", True)
    assert said.startswith("ouro: removed 0 logs (0.0 MB) and 0 refs ")
    status, said, err = ouro("log", "--prune", "2")
    assert (status, err, path.exists()) == (0, "", False)
    assert said.startswith("ouro: removed 1 logs, 1 files of losses by row (0.0 MB) and 0 refs ")
    assert read_losses(judged.journal, run) is None
    assert ouro("log")[0] == 0


@pytest.mark.tier(2)
def test_a_folder_that_cannot_be_written_costs_no_run(judged):
    (judged.path / ".git/ouro").mkdir(exist_ok=True)
    (judged.path / ".git/ouro/rows").write_text("in the way")
    said = []
    result = judged.run(script(), say=said.append)
    assert (result.status, result.record.row_losses) == ("keep", "")
    assert len([line for line in said if "the losses by row are not stored" in line]) == 1
    judged.clean()


@pytest.mark.tier(2)
def test_a_certificate_tells_what_other_rows_add(judged, ouro):
    judged.run(script(1.0))
    judged.run(script(0.5))
    case = open_case(judged.path / "bound.toml")

    found = certify(case, pairs=2)

    one = found.statement
    runs = {run.run: run for run in judged.journal.runs()}
    pairs = [[read_losses(judged.journal, runs[name]) for name in p["runs"]] for p in one.pairs]
    nats = [
        sum(a.row_nats[i] - b.row_nats[i] for a, b in pairs) / 2
        for i in range(len(pairs[0][0].rows))
    ]
    sizes = pairs[0][0].row_bytes
    slope, n = sum(nats) / sum(sizes), len(sizes)
    squares = sum((d - slope * b) ** 2 for d, b in zip(nats, sizes, strict=True))
    expected = math.sqrt(n * squares / (n - 1)) / (sum(sizes) * math.log(2))
    assert one.rows_se == pytest.approx(expected, rel=1e-9)
    assert f"a further standard error of {one.metric.text(one.rows_se)}" in found.lines()[1]


@pytest.mark.tier(2)
def test_the_certificate_of_runs_without_a_judge_has_no_such_error(lab):
    lab.run(lab.script(2.0))
    lab.run(lab.script(1.0))
    one = certify(open_case(lab.path / "bound.toml"), pairs=2).statement
    assert one.rows_se is None
