"""The nights that are written for tests of what reads records."""

from collections import Counter

import pytest

from pytest_ouro.cli import run
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.row_losses import demand_unchanged, read_losses
from pytest_ouro.evidence.records.states import keep_states

from .nights import Shape, write_night


@pytest.fixture
def night(tmp_path):
    """``night(runs=120, …)``: write a night, and return its journal."""

    def night(**facts):
        folder = tmp_path / f"night-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Journal(write_night(folder, Shape(**facts)) / ".git")

    return night


def results(journal):
    ended = [one for one in journal.statements() if one.result != "stated"]
    return [(one.event, one.result) for one in ended if one.event != "look"]


def test_a_night_has_all_that_a_night_may_have(night):
    journal = night()
    runs = journal.runs()

    assert sum(run.purpose == "search" for run in runs) == 120
    assert {run.purpose for run in runs} >= {"search", "placebo", "pair"}
    reasons = {run.reason.value for run in runs}
    assert reasons >= {"baseline", "improved", "marginal", "worse", "within-noise", "guard"}
    assert reasons >= {"crash", "oom", "nan", "timeout", "breach", "lost"}
    found = Counter(results(journal))
    assert found.keys() >= {
        ("confirmation", "confirmed"),
        ("confirmation", "refuted"),
        ("certificate", "granted"),
        ("ablation", "measured"),
    }
    assert found["ablation", "measured"] > 1
    (look,) = (one for one in journal.statements() if one.event == "look" and one.gap is not None)
    assert 0 < look.gap < look.claimed, "the vault has a part of the gain"
    states = Counter(state.state for state in keep_states(runs, journal.statements()).values())
    assert states.keys() >= {"provisional", "confirmed", "refuted"}
    assert {run.time[:10] for run in runs} == {"2026-10-24", "2026-10-25"}
    assert any("iron-law" in rule or "never-do" in rule for run in runs for rule in run.findings)


def test_its_records_and_commits_are_whole(night, monkeypatch, capsys):
    journal = night(runs=40)
    folder = journal.common_dir.parent
    monkeypatch.chdir(folder)

    assert journal.fault() is None
    assert run_git("fsck", "--no-dangling", cwd=folder) == b""
    assert run_git("status", "--porcelain", cwd=folder) == b""
    runs = journal.runs()
    demand_unchanged(journal, runs)
    kept = next(run for run in runs if run.status == "keep")
    assert len(read_losses(journal, kept).rows) == 48
    tried = run_git("for-each-ref", "refs/ouro/tried", cwd=folder).splitlines()
    assert len(tried) == len(runs)
    diff = run_git("show", "--format=%s", runs[1].commit, "--", "train.py", cwd=folder).decode()
    assert diff.startswith(runs[1].description)
    assert run(("log",)) == 0
    assert run(("brief",)) == 0
    assert kept.commit[:7] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"runs": 0}, []),
        ({"runs": 1}, []),
        ({"runs": 40, "certified": False}, ("certificate", "not-granted")),
        ({"runs": 40, "certified": None}, None),
        ({"runs": 9, "only_crashes": True}, []),
    ],
)
def test_its_certificate(night, facts, expected):
    journal = night(**facts)
    found = results(journal)

    assert len([run for run in journal.runs() if run.purpose == "search"]) == facts["runs"]
    if expected is None:
        assert all(event != "certificate" for event, _ in found)
    else:
        assert found[-1:] == [expected] if expected else found == []
    if "only_crashes" in facts:
        assert {run.status for run in journal.runs()} == {"crash"}


def test_several_devices_make_curves_of_their_own(night):
    journal = night(runs=36, devices=3, metrics=2, running=True)
    runs = journal.runs()

    assert len({run.device_name for run in runs}) == 3
    assert len({run.metric_name for run in runs}) == 2
    assert sum(run.reason.value == "baseline" for run in runs) == 3
    assert [run.time for run in runs] == sorted(run.time for run in runs)
    assert len(journal.unfinished()) == 1


def test_one_seed_gives_one_night(night):
    one, other, third = (night(runs=12, seed=seed) for seed in (3, 3, 4))

    values = [[run.value for run in journal.runs()] for journal in (one, other, third)]
    assert values[0] == values[1] != values[2]
