"""Batches on the local engine: every candidate has one final record, whatever happens."""

import os
import signal

import pytest

from pytest_ouro.child.kernel.system import is_dumpable
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.experiment.devices.device_lock import hold_devices
from pytest_ouro.experiment.engines import events

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
SLEEPS = "import time\ntime.sleep({})"


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def at_work(event):
    return isinstance(event, events.Progressed) and event.wall > 0.1


def test_eight_candidates_and_a_killed_worker(field):
    commits = [field.idea(5.0 - number / 10, f"number = {number}") for number in range(7)]
    slow = field.idea(4.0, SLEEPS.format(0.6))
    pids = []

    def kill(event):
        if isinstance(event, events.Began):
            pids.append(field.engine.pid(event.attempt))
        if at_work(event) and field.commit_of(event) == slow and not field.runs(slow):
            os.kill(field.engine.pid(event.attempt), signal.SIGKILL)

    field.hook = kill

    outcome = field.measure(*commits, slow)

    assert [len(field.runs(commit)) for commit in commits] == [1] * 7
    assert [str(run.reason) for run in field.runs(slow)] == ["lost", "improved"]
    assert field.runs(slow)[0].message == "its worker ended with signal 9"
    assert len({run.run for run in field.runs()}) == 10  # with the base and the lost attempt
    assert field.journal.fault() is None
    assert not field.journal.unfinished()
    rows = (field.path / "results.tsv").read_text().splitlines()[1:]
    assert rows == [run.row for run in field.runs()]
    assert not any(map(is_alive, pids))
    assert f"best={slow[:7]} score=4" in outcome.last_line


@pytest.mark.tier(2)
def test_the_verdicts_are_those_of_single_runs(field):
    better, worse = field.idea(4.0), field.idea(6.0)
    crashes = field.idea(1.0, "raise SystemExit('no')")
    breaks = field.project.commit("more", {"work.py": "SCORE = 1.0\n", "evaluate.py": "print(1)"})
    field.project.git("reset", "-q", "--hard", "HEAD~1")
    batch = field.open(better, worse, crashes, breaks)

    with_result = [batch.measure(commit) for commit in (better, worse, crashes, breaks)]
    batch.close()

    assert [str(one.reason) for one in with_result] == [
        *("improved", "worse", "crash", "rules-broken")
    ]
    [base] = field.runs(field.project.git("rev-parse", "HEAD"))
    assert (base.reason, base.plan) == ("baseline", None)
    assert {run.best_commit for run in field.runs() if run is not base} - {None} == {base.commit}
    assert not field.runs(breaks)
    assert len({run.plan for run in field.runs() if run.plan}) == 1


@pytest.mark.tier(2)
def test_what_was_measured_before_is_not_run_again(field):
    first, second = field.idea(4.0), field.idea(4.5, "x = 1")
    field.measure(first)

    outcome = field.measure(first, second)

    assert field.verdicts(outcome) == ["improved", "stale"]  # the first is a keep of both batches
    assert len(field.runs(first)) == 1
    assert len(field.runs(field.project.git("rev-parse", "HEAD"))) == 1


@pytest.mark.tier(2)
def test_a_candidate_that_is_the_last_keep(field):
    head = field.project.git("rev-parse", "HEAD")

    assert field.verdicts(field.measure(head)) == ["baseline"]
    assert field.verdicts(field.measure(head)) == ["baseline"]
    assert len(field.runs(head)) == 1


@pytest.mark.tier(2)
def test_a_worse_candidate_after_a_keep_of_its_batch_is_stale(field):
    best, stale = field.idea(4.0), field.idea(4.5, "x = 1")

    outcome = field.measure(best, stale, places=1)

    assert field.verdicts(outcome) == ["improved", "stale"]
    [line] = [line for line in outcome.lines() if "is stale" in line]
    commands = line.partition("on top of that: ")[2].split(" && ")
    assert commands[-1] == f"pytest --ouro-experiment --ouro-candidates ouro-{stale[:7]}"
    field.project.git(*commands[0].split()[1:])
    with pytest.raises(Exception, match="rebase"):  # both changed the one line of the score
        field.project.git(*commands[1].split()[1:])


@pytest.mark.tier(2)
def test_a_chain_is_measured_one_after_the_other(field):
    first = field.idea(4.0)
    second = field.idea(4.5, "x = 1", base=first)

    outcome = field.measure(second, first)

    assert field.verdicts(outcome) == ["worse", "improved"]
    assert field.runs(second)[0].best_commit == first


@pytest.mark.tier(2)
def test_a_rehearsal_is_compared_with_nothing(field):
    outcome = field.measure(field.idea(4.0), budget=30.0)

    assert field.verdicts(outcome) == ["rehearsal"]
    assert len(field.runs()) == 1


@pytest.mark.tier(2)
def test_a_worker_that_is_always_lost_is_one_final_record(field):
    commit = field.idea(4.0, SLEEPS.format(30))

    def kill(event):
        if at_work(event) and field.commit_of(event) == commit:
            os.kill(field.engine.pid(event.attempt), signal.SIGKILL)

    field.hook = kill
    outcome = field.measure(commit)

    assert field.verdicts(outcome) == ["lost"]
    assert [str(run.reason) for run in field.runs(commit)] == ["lost", "lost"]
    assert "attempt 1 was lost" in "\n".join(field.said)


def test_a_base_that_crashes_keeps_its_candidates_from_being_measured(field):
    field.project.commit("broken", {"work.py": "raise SystemExit(1)\n"})
    commit = field.idea(4.0)
    batch = field.open(commit)

    with pytest.raises(OuroError, match=r"its base .* gave no value: crash"):
        batch.measure(commit)

    batch.close()
    assert batch.finish().last_line == "ouro: batch keep=0 discard=0 crash=0 closed=0 unmade=1"


@pytest.mark.tier(2)
def test_what_is_ended_from_outside_is_interrupted(field):
    slow, waiting = field.idea(4.0, SLEEPS.format(30)), field.idea(4.5)
    field.measure(field.idea(4.9, "x = 1"))
    pids = []

    def interrupt(event):
        if isinstance(event, events.Progressed):
            pids.append(field.engine.pid(event.attempt))
            raise KeyboardInterrupt

    field.hook = interrupt
    batch = field.open(slow, waiting, places=1, settle=True)
    with pytest.raises(KeyboardInterrupt):
        batch.measure(slow)
    field.engine.hook = None
    batch.close()

    assert [str(run.reason) for run in field.runs(slow)] == ["interrupted"]
    assert not field.runs(waiting)
    assert not any(map(is_alive, pids))
    outcome = batch.finish()
    assert field.verdicts(outcome) == ["interrupted"]
    assert outcome.lines()[-1] == "ouro: not settled: the batch was interrupted"


@pytest.mark.tier(2)
def test_what_waits_for_its_device_ends_too(field):
    """One candidate runs on all slots but one, which another project holds."""
    slow, waiting = (field.idea(score, SLEEPS.format(30)) for score in (4.0, 4.5))
    field.measure(field.idea(4.9, "x = 1"))
    batch = field.open(slow, waiting, places=2, settle=True)
    waits = []

    def interrupt(event):
        waits.extend([event] if isinstance(event, events.Said) and "waiting" in event.text else [])
        if waits and at_work(event):
            raise KeyboardInterrupt

    field.hook = interrupt
    with hold_devices(["cpu-0"], field.said.append), pytest.raises(KeyboardInterrupt):
        batch.measure(slow)
    field.engine.hook = None
    batch.close()

    assert {str(run.reason) for run in field.runs(slow) + field.runs(waiting)} == {"interrupted"}
    assert not [line for line in field.said if "signal" in line or "not measured" in line]
    assert batch.finish().unmade == 1


@pytest.mark.tier(2)
def test_a_run_on_a_device_begins_after_the_end_of_the_last_one_is_on_record(field_of):
    """The worker of the second has the device before the end of the first arrives."""
    field = field_of(slots=1)
    field.measure(field.head)
    begun, held = [], []

    def delay(found):
        begun.extend(one for one in found if isinstance(one, events.Began))
        held.extend(one for one in found if isinstance(one, events.Ended))
        rest = [one for one in found if one not in held]
        if len(begun) < 2:
            return rest
        field.engine.change = None
        return [*rest, *held]

    field.change = delay
    first, second = field.idea(4.0), field.idea(3.0, "x = 1")

    outcome = field.measure(first, second, places=2)

    assert "improved" in field.verdicts(outcome)
    assert set(field.verdicts(outcome)) <= {"improved", "stale"}
    assert [run.event for run in field.journal.records()] == ["started", "finished"] * 3
    assert field.journal.fault() is None
    assert not list((field.path / ".git/ouro").glob("journal.*.jsonl"))


@pytest.mark.tier(2)
@pytest.mark.parametrize(
    ("replaced", "says"),
    [
        (lambda one: events.Refused(attempt=one.attempt, text="no room"), "no room"),
        (lambda one: replace(one, record=b"{}"), "it cannot be measured or recorded: "),
    ],
)
def test_a_run_whose_result_does_not_arrive_has_an_end_on_record(field, replaced, says):
    field.measure(field.head)
    bad, good = field.idea(4.0), field.idea(4.5, "x = 1")

    def change(found):
        return [
            replaced(one) if isinstance(one, events.Ended) and field.commit_of(one) == bad else one
            for one in found
        ]

    field.change = change
    batch = field.open(bad, good)
    with pytest.raises(OuroError, match=says):
        batch.measure(bad)
    assert str(batch.measure(good).reason) == "improved"
    batch.close()

    assert [str(run.reason) for run in field.runs(bad)] == ["interrupted"]
    assert not field.journal.unfinished()


@pytest.mark.tier(2)
def test_a_broken_rule_about_the_records_runs_nothing(field):
    field.measure(field.idea(4.0))
    field.measure(field.idea(4.5, "x = 1"))  # the next try: the branch lacks the best of the first

    outcome = field.measure(field.idea(3.0, "x = 2"))

    assert field.verdicts(outcome) == ["rules-broken"]
    assert not field.engine._workers


@pytest.mark.tier(2)
def test_no_candidate_can_trace_the_process_that_records(field):
    seen = []
    field.hook = lambda event: seen.append(is_dumpable())

    field.measure(field.idea(4.0))

    assert seen
    assert not any(seen)
    assert is_dumpable()


@pytest.mark.tier(2)
def test_the_branch_stays_if_another_one_is_checked_out_meanwhile(field):
    best = field.idea(4.0)
    batch = field.open(best, settle=True)
    batch.measure(best)
    batch.close()
    field.project.git("switch", "-q", "-c", "elsewhere")

    assert "ouro: not settled: main moved during the run" in batch.finish().lines()
    assert field.head != best


@pytest.mark.tier(2)
def test_the_branch_is_moved_to_the_best(field):
    field.idea(4.0)
    good, best = field.idea(4.5), field.idea(3.5, "x = 1")

    advised = field.measure(good, best)
    assert f"ouro: to settle: git merge --ff-only {best[:7]}" in advised.lines()
    assert field.project.git("rev-parse", "main") != best

    settled = field.measure(good, best, settle=True)
    assert f"ouro: settled: main is at {best[:7]}" in settled.lines()
    assert field.project.git("rev-parse", "main") == best
    assert field.project.git("status", "--porcelain") == ""
    assert "SCORE = 3.5" in (field.path / "work.py").read_text()


@pytest.mark.tier(2)
def test_the_branch_stays_where_it_would_lose_something(field):
    best = field.idea(4.0)
    field.project.write({"work.py": "SCORE = 2.0\n"})

    dirty = field.measure(best, settle=True)
    assert "ouro: not settled: work.py has changes that are not committed" in dirty.lines()

    field.project.git("checkout", "-q", "work.py")
    field.project.commit("elsewhere", {"work.py": "SCORE = 5.0\nx = 2\n"})
    aside = field.measure(best, settle=True)
    assert any("does not descend from" in line for line in aside.lines())


@pytest.mark.tier(2)
def test_a_forged_record_is_a_breach_and_is_put_back(field_of):
    field = field_of()
    field.project.edit("bound.toml", 'validation       = ["evaluate.py"]\n', "")
    field.project.bless()
    journal = field.path / ".git/ouro/journal.jsonl"
    forges = field.idea(4.0, f"open({str(journal)!r}, 'a').write('forged\\n')")

    outcome = field.measure(forges)

    assert field.verdicts(outcome) == ["breach"]
    assert field.journal.fault() is None


@pytest.mark.tier(2)
def test_of_commits_on_the_branch_the_last_keep_stays(field):
    """A range of the branch itself: what follows the best is to be taken back by a person."""
    first = field.project.commit("better", {"work.py": "SCORE = 4.0\n"})
    second = field.project.commit("worse", {"work.py": "SCORE = 4.5\nx = 1\n"})

    outcome = field.measure(first, second, settle=True)

    assert field.verdicts(outcome) == ["baseline", "worse"]
    assert (
        f"ouro: to settle: git reset --keep {first[:7]}   (what follows was not kept)"
        in outcome.lines()
    )
    assert field.project.git("rev-parse", "main") == second


@pytest.mark.tier(2)
def test_a_merge_is_a_candidate_as_any_other(field):
    one = field.idea(4.0)
    field.project.git("switch", "-q", "-c", "merged", "main")
    field.project.git("merge", "-q", "--no-ff", "-m", "merge", one)
    merge = field.project.git("rev-parse", "HEAD")
    field.project.git("switch", "-q", "main")

    outcome = field.measure(merge, settle=True)

    assert field.verdicts(outcome) == ["improved"]
    assert field.project.git("rev-parse", "main") == merge


@pytest.mark.tier(2)
def test_settings_of_the_user_do_not_change_the_worker_s_repository(field, monkeypatch):
    config = field.path.parent / "gitconfig"
    config.write_text("[init]\n\tdefaultRefFormat = reftable\n\tdefaultObjectFormat = sha256\n")
    commit = field.idea(4.0)
    monkeypatch.setenv("HOME", str(field.path.parent))
    config.rename(field.path.parent / ".gitconfig")

    assert field.verdicts(field.measure(commit)) == ["improved"]
