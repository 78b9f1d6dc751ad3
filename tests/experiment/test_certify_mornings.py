"""Certificates in the circumstances that a person finds in the morning."""

import errno
import json
import os
import subprocess
from types import SimpleNamespace

import pytest

from pytest_ouro.core.errors import ExperimentError, RecordError
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment import measure
from pytest_ouro.experiment.selection import plan as plans
from pytest_ouro.experiment.selection.ablate import ablate
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.selection.holding import hold_plan
from pytest_ouro.experiment.terms import repo
from tests.experiment.test_certify import case_of, noisy
from tests.experiment.test_certify_cheats import crashes_if

pytestmark = pytest.mark.usefixtures("fixed_salts")


class Killed(BaseException):
    """Ends a process in the middle of what it does."""


@pytest.fixture
def night(lab):
    """A baseline, and a keep that is better by 0.5."""
    lab.run(noisy(2.0))
    lab.run(noisy(1.5, own=2))
    return [run.commit for run in lab.journal.runs()]


def looks(lab):
    return len(repo.refs(case_of(lab).repository.git, anchor.LOOKS))


@pytest.mark.tier(2)
@pytest.mark.parametrize("result", ["stated", "granted"])
def test_killed_between_gits_copy_and_the_file(lab, night, monkeypatch, result):
    """The line is completed, the plan is continued, and no run is made again."""
    write = Journal._write

    def killed(self, lines, line):
        if json.loads(line).get("result") == result:
            raise Killed
        write(self, lines, line)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_write", killed)
        with pytest.raises(Killed):
            certify(case_of(lab), pairs=2)
    pairs = len([run for run in lab.journal.runs() if run.purpose == "pair"])

    if result == "stated":
        one = certify(case_of(lab), pairs=2).statement
        assert (one.result, one.look, looks(lab)) == ("granted", 1, 1)
        assert len([run for run in lab.journal.runs() if run.purpose == "pair"]) == 4
    else:
        lab.run(noisy(9.0))  # whatever comes next completes the line
        assert lab.journal.statements()[-1].result == "granted"
        assert pairs == 4
    lab.clean()


def test_killed_between_the_line_and_the_ref(lab, night, monkeypatch):
    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(plans, "keep_commit", killed)
        with pytest.raises(Killed):
            certify(case_of(lab), pairs=2)
    assert certify(case_of(lab), pairs=2).statement.look == 1
    assert looks(lab) == 1


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("result", ["stated", "granted"])
def test_a_full_disk_costs_no_look_and_no_run(lab, night, monkeypatch, result):
    write = Journal._write

    def full(self, lines, line):
        if json.loads(line).get("result") == result:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, lines, line)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_write", full)
        with pytest.raises(RecordError, match="No space left"):
            certify(case_of(lab), pairs=2)
    assert looks(lab) == (0 if result == "stated" else 1)

    one = certify(case_of(lab), pairs=2).statement

    assert (one.result, one.look, one.failed) == ("granted", 1, ())
    assert len([run for run in lab.journal.runs() if run.purpose == "pair"]) == 4
    lab.clean()


def test_two_sessions_do_not_measure_one_certificate(lab, night):
    inner = []

    def again(text):
        if text.startswith("ouro: pair 1/"):
            with pytest.raises(ExperimentError, match="another process makes these runs") as found:
                certify(case_of(lab), pairs=2)
            inner.append(found.value)

    assert certify(case_of(lab), pairs=2, say=again).statement.result == "granted"
    assert len(inner) == 2
    assert len([run for run in lab.journal.runs() if run.purpose == "pair"]) == 4


@pytest.mark.tier(2)
def test_a_plan_that_ended_meanwhile_is_not_measured_again(lab, night):
    one = certify(case_of(lab), pairs=2).statement
    held = hold_plan(case_of(lab), one.plan)
    with pytest.raises(ExperimentError, match="recorded a result"), held:
        pass
    assert not lab.journal.place(one.plan).exists()


@pytest.mark.tier(2)
def test_another_device_begins_a_further_look(lab, night, monkeypatch):
    """A certificate that was interrupted goes on where the runs cannot be compared."""
    calls = []
    surroundings = measure.devices.surroundings

    def other(*args):
        calls.append(1)
        found = surroundings(*args)
        return found if len(calls) <= 2 else found._replace(device_name="another processor")

    monkeypatch.setattr(measure.devices, "surroundings", other)
    with pytest.raises(ExperimentError, match="differ in device") as found:
        certify(case_of(lab), pairs=3)
    assert "it begins with other salts" in found.value.help

    one = certify(case_of(lab), pairs=2).statement

    assert (one.result, one.look, len(one.pairs)) == ("granted", 2, 2)


@pytest.mark.tier(2)
def test_a_certificate_of_a_detached_head_with_changes(lab, night):
    lab.project.git("checkout", "-q", "--detach")
    (lab.path / "train.py").write_text("raise SystemExit('not committed')\n")
    assert certify(case_of(lab), pairs=2).statement.tip == night[1]
    assert (lab.path / "train.py").read_text().startswith("raise")


@pytest.mark.tier(2)
def test_the_last_keep_is_certified_whatever_follows_it(lab, night):
    lab.run(noisy(3.0))
    assert lab.journal.runs()[-1].status == "discard"
    assert certify(case_of(lab), pairs=2).statement.tip == night[1]


@pytest.mark.tier(2)
def test_results_are_shown_and_pairs_do_not_count_as_tries(lab, night, ouro):
    line = certify(case_of(lab), pairs=2).last_line.removeprefix("ouro: ")
    assert any(one.endswith(line) for one in ouro("log")[1].splitlines())
    events = [json.loads(one)["event"] for one in ouro("log", "--json")[1].splitlines()]
    assert events == ["finished"] * 6 + ["certificate"] * 2
    facts = json.loads(ouro("brief", "--json")[1])
    assert [one["reason"] for one in facts["tried"]] == ["improved", "baseline"]
    assert facts["count"]["runs"] == 2


@pytest.mark.tier(2)
def test_no_line_about_code_that_was_measured_before(lab, night):
    said = []
    certify(case_of(lab), pairs=2, say=said.append)
    assert not [text for text in said if "was measured before" in text]


@pytest.mark.tier(2)
@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_ctrl_c_between_two_runs(lab, night, quiet):
    """The last lines say what is unfinished, and that the same command goes on."""
    (lab.path / "conftest.py").write_text(
        "from pytest_ouro.report.progress import Progress\n"
        "def say(self, text):\n"
        "    if 'pair 1/' in text: raise KeyboardInterrupt\n"
        "Progress.say = say\n"
    )
    done = lab.project.pytest("--ouro-certify", "--ouro-pairs", "2", *quiet)
    assert done.returncode == 2, done.stdout
    assert done.stdout.rstrip("\n").split("\n")[-2:] == [
        "ouro: the pairs that are complete stay: give the same command again",
        "ouro: certificate-unfinished reason=interrupted",
    ]
    (lab.path / "conftest.py").unlink()
    assert certify(case_of(lab)).statement.look == 1


def test_ctrl_c_during_a_run(lab, night):
    def interrupt(position):
        raise KeyboardInterrupt

    for found in (
        certify(case_of(lab), pairs=2, progress=interrupt),
        ablate(case_of(lab), pairs=2, progress=interrupt),
    ):
        assert found.result.interrupted
        hint = "ouro: the pairs that are complete stay: give the same command again"
        assert found.lines() == found.lines(quiet=True) == (hint,)


@pytest.mark.tier(2)
def test_a_message_that_is_not_utf_8(lab, night):
    message = lab.path.parent / "message"
    message.write_bytes(b"caf\xe9 \xff\n")
    (lab.path / "train.py").write_text(noisy(1.0, own=3))
    git = ("git", "-c", "i18n.commitEncoding=latin-1", "commit", "-qaF", str(message))
    subprocess.run(git, cwd=lab.path, check=True)
    lab.run()
    done = lab.project.pytest("--ouro-certify", "--ouro-pairs", "2", "-q")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.tier(2)
def test_the_lock_of_a_killed_process_holds_nothing(lab, night):
    mark = lab.path.parent / "mark"
    lab.run(crashes_if(mark) + noisy(1.0, own=3))
    mark.touch()
    assert certify(case_of(lab), pairs=2).statement is None
    stated = lab.journal.statements()[-1]
    assert lab.journal.place(stated.plan).exists()
    mark.unlink()
    assert certify(case_of(lab), pairs=2).statement.plan == stated.plan
    assert not lab.journal.place(stated.plan).exists()
    assert SimpleNamespace(**json.loads(lab.journal.lines()[-1])).result == "not-granted"
