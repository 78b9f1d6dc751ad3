"""Data of a batch: what travels with the commits, what lies on each machine, and what no worker
would have."""

import json
import os
import shutil
from pathlib import Path

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence import data
from pytest_ouro.evidence.records import record_format
from pytest_ouro.experiment.batch.sent_data import demand_sent, describe_data

from .test_worker import carry_out

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
RULE = '\n[[danger-zone]]\nid = "data"\nrule = "Data is fixed."\ncheck = "frozen-data"\n'
PREPARE = "import pathlib\npathlib.Path('{0}').mkdir()\npathlib.Path('{0}/1.bin').write_text('1')\n"


@pytest.fixture
def with_data(field):
    """``with_data(globs, files, …)``: the toy experiment with this data, blessed; returns what a
    batch makes of it. ``untracked`` files are not committed."""
    cases = []

    def with_data(globs, files=(), *, untracked=(), prepare=""):
        more = 'prepare = "prepare.py"\n' if prepare else ""
        field.project.edit("bound.toml", "metric ", f"{more}data = {json.dumps(globs)}\nmetric ")
        bound = field.path / "bound.toml"
        bound.write_text(bound.read_text() + RULE)
        for name in (*files, *untracked):
            path = field.path / Path(name).expanduser()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        if prepare:
            field.project.write({"prepare.py": prepare})
        ignored = "".join(f"{name}\n" for name in untracked)
        field.project.write({".gitignore": f"run.log\nresults.tsv\n__pycache__/\n{ignored}"})
        field.project.bless()
        cases.append(open_case(bound, run_commands=True))
        return describe_data(cases[-1], cases[-1].experiment)

    with_data.demand = lambda: demand_sent(cases[-1], cases[-1].experiment)
    yield with_data
    for case in cases:
        case.close()


def test_committed_data_travels_and_other_data_lies_on_each_machine(with_data):
    sent = with_data(["d/*.bin", "~/far/*.bin"], ["d/1.bin", "~/far/2.bin"])

    assert sent.outside == ("~/far/*.bin",)
    assert [line.partition(" ")[0] for line in sent.brought] == ["d/1.bin"]
    assert sent.is_whole
    with_data.demand()


def test_the_digest_is_the_one_that_a_worker_states(field, with_data, request_for):
    sent = with_data(["d/*.bin", "~/far/*.bin"], ["d/1.bin", "~/far/2.bin"])

    began, *_ = [e for e in carry_out(request_for(field.idea(4.0))) if e.kind != "said"]

    assert record_format.read(began.record).data == sent.digest != ""


def test_a_node_with_the_same_files_has_the_same_digest(with_data, tmp_path, monkeypatch):
    sent = with_data(["d/*.bin", "~/far/*.bin"], ["d/1.bin", "~/far/2.bin"])
    there = tmp_path / "there"
    shutil.copytree(Path("~/far").expanduser(), there / "far")
    monkeypatch.setenv("HOME", str(there))

    lines = data.Fingerprints(tmp_path / "memory").lines(sent.outside, tmp_path)

    assert data.total_of([*lines, *sent.brought]) == sent.digest


def test_data_that_is_missing_here_has_no_digest(with_data):
    sent = with_data(["d/*.bin", "~/far/*.bin"], ["d/1.bin"])

    assert (sent.digest, sent.is_whole, len(sent.brought)) == ("", True, 1)


def test_data_that_no_worker_would_get_is_an_error(with_data):
    sent = with_data(["d/*.bin"], untracked=["d/1.bin"])

    assert not sent.is_whole
    with pytest.raises(OuroError) as caught:
        with_data.demand()
    assert caught.value.message == (
        "the data d/1.bin is not committed as it is here, so that no worker gets it"
    )
    assert "by an absolute path" in caught.value.help


def test_data_that_was_changed_since_its_commit_is_an_error(field, with_data):
    with_data(["d/*.bin"], ["d/1.bin"])
    field.project.write({"d/1.bin": "other"})

    with pytest.raises(OuroError, match=r"the data d/1.bin is not committed as it is here"):
        with_data.demand()


def test_data_that_is_nowhere_is_an_error(with_data):
    with_data(["d/*.bin"])

    with pytest.raises(OuroError, match=r"the data d/\*.bin is missing, so that no worker gets"):
        with_data.demand()


def test_data_that_a_worker_makes_need_not_be_committed(with_data):
    sent = with_data(["d/*.bin"], untracked=["d/1.bin"], prepare=PREPARE.format("d"))

    assert (sent.is_whole, sent.brought) == (False, ())
    with_data.demand()


def test_data_that_a_committed_link_leads_to_is_accepted(field, with_data, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/1.bin").write_text("1")
    (field.path / "d").symlink_to(tmp_path / "far")

    sent = with_data(["d/*.bin"])

    assert not sent.is_whole
    with_data.demand()


@pytest.mark.tier(2)
def test_ignored_data_in_the_repository_by_an_absolute_path(field, with_data):
    """As the help says: bound.lock has the name that the bound states, here and on a worker."""
    name = str(field.path / "d/1.bin")
    with_data([name], untracked=["d/1.bin"])
    commit = field.idea(4.0)

    assert field.verdicts(field.measure(commit)) == ["improved"]


@pytest.mark.tier(2)
def test_a_batch_whose_data_is_nowhere_starts_nothing(field, with_data):
    with_data(["d/*.bin"])
    commit = field.idea(4.0)

    batch = field.open(commit)
    with pytest.raises(OuroError, match="so that no worker gets it"):
        batch.measure(commit)
    batch.close()

    assert not field.runs()
