"""Properties in JUnit XML, as plain values; also if other tests run in several processes."""

import xml.etree.ElementTree as ET

import pytest

USES = """\
import pytest

def test_score(experiment):
    assert experiment.val_bpb < 3

@pytest.mark.parametrize("n", range(4))
def test_other(n, record_property):
    record_property("n", n)
"""


@pytest.fixture
def properties(tmp_path):
    """Return the properties of a report's cases, by the names of the cases."""

    def read():
        cases = ET.parse(tmp_path / "junit.xml").getroot().iter("testcase")
        return {
            case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")}
            for case in cases
        }

    return read


@pytest.fixture
def mine(lab):
    """The toy project with tests of its own."""
    ignore = "run.log\nresults.tsv\n__pycache__\n"
    lab.bound(test_mine_py=USES, **{".gitignore": ignore})
    return lab


@pytest.mark.tier(2)
def test_the_run_carries_plain_values(mine, tmp_path, properties):
    mine.run(mine.script(2.0))
    commit = mine.commit(mine.script(1.5))
    done = mine.pytest(f"--junitxml={tmp_path / 'junit.xml'}")
    assert done.returncode == 0, done.stdout
    record = list(mine.journal.runs())[-1]
    run = properties()["run"]
    assert run == {
        "status": "keep",
        "reason": "improved",
        "state": "provisional",
        "commit": commit,
        "level": record["level"],
        "val_bpb": "1.5",
        "peak_vram_mb": str(record["peak_mb"]),
        "run": record["run"],
        "gain": "0.5",
        "window_seconds": str(record["window_seconds"]),
    }


def test_a_closed_gate_has_no_values(mine, tmp_path, properties):
    mine.project.write({"stray.py": ""})
    done = mine.pytest(f"--junitxml={tmp_path / 'junit.xml'}")
    assert done.returncode == 1
    run = properties()["run"]
    assert (run["status"], run["reason"]) == ("closed", "rules-broken")
    assert "val_bpb" not in run


def test_rules_are_judged_and_reported_by_workers(mine, tmp_path, properties):
    pytest.importorskip("xdist")
    mine.run(mine.script())
    report = f"--junitxml={tmp_path / 'junit.xml'}"
    done = mine.project.pytest("bound.toml", "test_mine.py", "-n2", report, "--basetemp=../w")
    assert done.returncode == 0, done.stdout + done.stderr
    found = properties()
    assert found["exceed-budget"] == {"check": "budget-limit"}, "judged on the recorded run"
    assert found["only-train-py"] == {"check": "scope"}
    assert found["test_other[3]"] == {"n": "3"}
    assert "11 passed, 1 skipped" in done.stdout
    assert len(list(mine.journal.runs())) == 1, "and nothing is run"


@pytest.mark.tier(2)
def test_a_broken_rule_fails_under_workers(mine, tmp_path, properties):
    pytest.importorskip("xdist")
    mine.project.edit("prepare.py", "float(model)", "0.5")
    report = f"--junitxml={tmp_path / 'junit.xml'}"
    done = mine.project.pytest("bound.toml", "-n2", report, "--basetemp=../w")
    assert done.returncode == 1
    assert properties()["modify-prepare"] == {"check": "frozen"}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("workers", [("-n2",), ("-n", "1"), ("--tx", "2*popen", "--dist=load")])
def test_an_experiment_is_refused_under_workers(mine, workers):
    pytest.importorskip("xdist")
    done = mine.project.pytest("--ouro-experiment", "test_mine.py", *workers)
    assert done.returncode == 4
    assert "cannot be used with -n or --dist: a device has one run at a time" in done.stderr
    assert mine.journal.records() == []
