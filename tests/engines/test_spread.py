"""Certificates, confirmations and repeats on an engine: the same values give the same results as
without one, and what is lost, crashes or differs is recorded and counted."""

import os
import random
from itertools import pairwise
from types import SimpleNamespace

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun
from pytest_ouro.experiment import measurer, run
from pytest_ouro.experiment.batch.recorder import Recorder
from pytest_ouro.experiment.batch.spread import Spread, _Work, mix
from pytest_ouro.experiment.batch.task import Task
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.local import LocalEngine
from pytest_ouro.experiment.known import describe_start
from pytest_ouro.experiment.measure import decide, make_result
from pytest_ouro.experiment.records import record
from pytest_ouro.experiment.run import Order, run_experiment
from pytest_ouro.experiment.selection import plan
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.selection.confirm import confirm_edit
from pytest_ouro.experiment.selection.pairs import Pairs, Unfinished
from pytest_ouro.experiment.selection.plan import Plan
from pytest_ouro.experiment.terms.turns import Turn

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
#: What the pairs show, whatever made their runs.
SHOWN = (
    *("result", "gain", "se", "low", "high", "p_flip", "detectable", "claimed", "alpha"),
    *("counts_as_one", "level", "data", "harness", "device", "device_name", "against"),
)
#: The pairs of every plan of these tests.
DRAWN = ((7, "tip"), (8, "baseline"), (9, "tip"), *((n, "baseline") for n in range(10, 15)))


def describe(case, commit, turn):
    """The record of a run as it would start, of a turn."""
    experiment = case.bound.experiments["cpu"]
    return replace(
        describe_start(case.at(commit), experiment, "cpu"),
        salt=turn.salt,
        purpose=turn.purpose,
        plan=turn.plan,
        series=turn.series,
        repeat=turn.number,
        repeats=turn.total,
    )


class Scripted:
    """An engine without processes: each run ends at once, with the value that ``value`` gives for
    its commit and salt, those that were started last first. ``change`` replaces a start, ``lose``
    are the numbers of the attempts that are lost, and ``crash`` of those that crash."""

    is_local, elsewhere = False, None

    def __init__(self, case, value, *, capacity=3, change=lambda run, number: run):
        self.capacity, self.lose, self.crash = capacity, (), ()
        self.sent, self.most = [], 0
        self._case, self._value, self._change = case, value, change
        self._started, self._events = {}, []

    def start(self, request):
        self.sent.append(request)
        self.most = max(self.most, len(self._started) + 1)
        started = describe(self._case, request.commit, request.turn)
        started = replace(started, holds=(f"place-{len(self.sent)}",))
        started = self._started[request.attempt] = self._change(started, len(self.sent))
        line = record_format.write(started)
        self._events.append(events.Began(attempt=request.attempt, record=line))

    def answer(self, answer):
        number = [one.attempt for one in self.sent].index(answer.attempt) + 1
        started = self._started.pop(answer.attempt)
        if number in self.lose or answer.refusal:
            lost = events.Lost(attempt=answer.attempt, why="its node is gone")
            self._events += [] if answer.refusal else [lost]
            refused = events.Refused(attempt=answer.attempt, text=answer.refusal, help=answer.help)
            self._events += [refused] if answer.refusal else []
            return
        crashed = number in self.crash
        value = None if crashed else self._value(started.commit, started.salt)
        reason = Reason.CRASH if crashed else Reason.PAIR
        ended = FinishedRun(
            **measured(started, value, "crash" if crashed else "ok"),
            status=reason.status,
            reason=reason,
            row="",
            message="it fell",
        )
        self._events.append(events.Ended(attempt=answer.attempt, record=record_format.write(ended)))

    def wait(self, seconds):
        found, self._events = self._events[::-1], []
        return found

    def give_up(self, attempt, why):
        raise AssertionError(why)

    def cancel(self):
        self._events += [events.Lost(attempt=one, why="it was ended") for one in self._started]
        self._started.clear()

    def close(self):
        pass


def measured(started, value, outcome="ok"):
    """The facts of a measured run."""
    return {
        **started.shared(),
        "time": started.time,
        "tried": "",
        "level": "supervised",
        "outcome": outcome,
        "measured_value": value,
        "value": value,
    }


@pytest.fixture
def night(field_of, monkeypatch):
    """A base and a commit that is better by about 0.5, both kept, as if they had been run: no
    process is started. ``spread(…)`` returns a scripted engine, and what makes runs on it."""
    monkeypatch.setattr(plan, "draw_pairs", lambda count: DRAWN[:count])
    field = field_of(slots=1)
    base = field.head
    tip = field.project.commit("better", {"work.py": "SCORE = 4.5\n"})
    case = open_case(field.path / "bound.toml", run_commands=True)
    scores = {base: 5.0, tip: 4.5}
    night = SimpleNamespace(field=field, case=case, said=[])

    def value(commit, salt):
        return scores[commit] + random.Random(f"{scores[commit]}/{salt}").random() / 10

    def measure(case, turn, **facts):
        started = record.start(case, describe(case, case.repository.head, turn))
        ran = MeasuredRun(
            **measured(started, value(started.commit, turn.salt)) | {"tried": started.tried_ref}
        )
        ended = record.finish(case, decide(case, case.bound.experiments["cpu"], ran, ""))
        return make_result(ended, case.experiment.described_metric), case

    for commit in scores:
        assert measure(case.at(commit), Turn())[0].status == "keep"
    monkeypatch.setattr(measurer, "measure_commit", measure)
    monkeypatch.setattr(run, "measure_commit", measure)

    def spread(**changes):
        engine = Scripted(case, value, **changes)
        return engine, Spread(case, "cpu", lambda: engine, say=night.said.append)

    night.spread = spread
    yield night
    case.close()


def shown(statement):
    pairs = [{**one, "runs": None} for one in statement.pairs]
    return {name: getattr(statement, name) for name in SHOWN} | {"pairs": pairs}


def test_the_same_values_give_the_same_certificate(night):
    engine, spread = night.spread()
    one = certify(night.case, pairs=2, looks=2, say=night.said.append, measurer=spread)
    spread.close()
    other = certify(night.case, pairs=2)

    assert one.statement.result == "granted"
    assert shown(one.statement) == shown(other.statement)
    assert one.last_line == other.last_line
    assert engine.most == 3
    assert len(engine.sent) == 4
    lines = [line.partition(" score=")[0] for line in night.said if "ouro: pair " in line]
    sides = ("baseline", "tip")
    assert sorted(lines) == [f"ouro: pair {number}/2 {side}" for number in (1, 2) for side in sides]
    assert night.field.journal.fault() is None
    rows = (night.field.path / "results.tsv").read_text().splitlines()[1:]
    assert rows == [run.row for run in night.field.runs()]


def test_a_lost_run_is_an_attempt_on_record_and_costs_half_of_the_error(night):
    engine, spread = night.spread(capacity=1)
    engine.lose = (2,)

    found = certify(night.case, pairs=2, looks=1, measurer=spread)
    spread.close()

    sent = [(one.salt, one.commit == found.statement.tip) for one in engine.sent]
    assert sent == [(7, True), (7, False), (7, False), (8, False), (8, True)]

    reasons = [str(run.reason) for run in night.field.runs() if run.purpose == "pair"]
    [lost] = [run for run in night.field.runs() if run.reason is Reason.LOST]
    assert sorted(reasons) == ["lost", *["pair"] * 4]
    assert found.statement.failed == (lost.run,)
    assert found.statement.alpha == 0.025
    assert lost.message == "its node is gone"


@pytest.mark.tier(2)
def test_after_a_crash_nothing_is_sent_and_what_ended_counts(night):
    engine, spread = night.spread(capacity=2)
    engine.crash = (1,)

    found = certify(night.case, pairs=3, looks=1, measurer=spread)
    spread.close()

    assert found.last_line.startswith("ouro: certificate-unfinished pairs=0/3 ")
    assert len(engine.sent) == 2
    _, spread = night.spread()
    again = certify(night.case, pairs=3, measurer=spread)
    spread.close()
    first = {run.run for run in night.field.runs() if run.purpose == "pair" and run.value}
    assert len(first) == 6
    assert {name for pair in again.statement.pairs for name in pair["runs"]} == first


@pytest.mark.tier(2)
def test_a_confirmation_sends_the_pairs_up_to_the_next_look(night):
    engine, spread = night.spread(capacity=16)
    one = confirm_edit(night.case, "HEAD", measurer=spread)
    spread.close()

    assert one.statement.result == "confirmed"
    assert (one.pairs, len(engine.sent)) == (4, 8), "it is not decided by 2 pairs"
    assert engine.most == 4


def test_ctrl_c_records_what_goes_on_and_says_so(night):
    engine, spread = night.spread()

    def interrupt(seconds):
        if len(engine.sent) == 3 and engine._started and not engine._events:
            raise KeyboardInterrupt
        found, engine._events = engine._events, []
        return found

    engine.answer = lambda answer: None
    engine.wait = interrupt

    found = certify(night.case, pairs=3, measurer=spread)

    assert found.result.interrupted
    assert " reason=interrupted" in found.last_line
    reasons = [str(run.reason) for run in night.field.runs() if run.purpose == "pair"]
    assert reasons == ["interrupted"] * 3
    assert not night.field.journal.unfinished()


@pytest.mark.tier(2)
def test_repeats_after_the_first_are_made_together(night, monkeypatch):
    monkeypatch.setattr("pytest_ouro.experiment.terms.turns.draw_salt", iter(range(1, 99)).__next__)
    engine, spread = night.spread()
    seen = []
    engine.start = lambda request: (seen.append(len(night.field.runs())), start(request))
    start = Scripted.start.__get__(engine)

    found = run_experiment(night.case, Order(repeat=4), measurer=spread)
    spread.close()

    assert seen == [2, 3, 3, 3]
    runs = night.field.runs()[2:]
    assert {run.repeat for run in runs} == {1, 2, 3, 4}
    assert [str(run.reason) for run in runs] == ["repeat"] * 3 + ["improved"]
    assert found.value == runs[-1].mean == pytest.approx(sum(run.value for run in runs) / 4)
    assert not found.stopped
    monkeypatch.setattr("pytest_ouro.experiment.terms.turns.draw_salt", iter(range(1, 99)).__next__)
    alone = run_experiment(night.case, Order(repeat=4))
    assert (alone.reason, alone.value, alone.best) == (found.reason, found.value, found.best)


def test_a_broken_rule_sends_nothing(night):
    night.field.project.commit("broken", {"evaluate.py": "print('score: 0')\n"})
    engine, _ = night.spread()
    case = open_case(night.field.path / "bound.toml", run_commands=True)
    spread = Spread(case, "cpu", lambda: engine)

    found = run_experiment(case, Order(repeat=2), measurer=spread)
    spread.close()
    case.close()

    assert found.status == "closed"
    assert not engine.sent


def test_a_place_of_another_model_is_refused_before_its_run(night):
    _, spread = night.spread(
        change=lambda run, number: replace(run, device_name="another") if number == 2 else run
    )

    with pytest.raises(ExperimentError, match="its device is another, and that of the runs"):
        certify(night.case, pairs=2, measurer=spread)
    spread.close()

    assert {run.device_name for run in night.field.runs()} == {night.field.runs()[0].device_name}


@pytest.mark.parametrize(
    ("key", "value"), [("repeat", 2), ("repeats", 3), ("series", "0123456789ab"), ("salt", 8)]
)
def test_a_run_that_was_not_asked_for_is_refused(key, value):
    request = events.Request(
        attempt="a", commit="c", head="", trust="t", named=True, bound="", base="",
        base_digest="", bundle=b"", digest="", version="",
    )  # fmt: skip
    stated = SimpleNamespace(
        commit="c", purpose="search", plan=None, salt=0, trust="t", baseline="", data="",
        series=None, repeat=None, repeats=None, device_name="a card",
    )  # fmt: skip
    case = SimpleNamespace(trust=SimpleNamespace(baseline=""))
    recorder = Recorder(case, None, is_local=False, data="", say=print)

    recorder._demand_same(request, stated)
    setattr(stated, key, value)
    with pytest.raises(ExperimentError, match="the worker has another "):
        recorder._demand_same(request, stated)


def test_the_turn_arrives_as_it_was_sent():
    turn = Turn(2, 3, "0123456789ab", 7, "pair", "ba9876543210")
    request = events.Request(
        attempt="a", commit="c", head="", trust="t", named=True, bound="", base="",
        base_digest="", bundle=b"", digest="", version="", salt=7, purpose="pair",
        plan="ba9876543210", series="0123456789ab", repeat=2, repeats=3,
    )  # fmt: skip

    assert events.read(request.line()).turn == turn
    assert replace(request, salt=0, plan="", series="", repeat=0, repeats=0).turn == Turn(
        purpose="pair"
    )


def test_runs_are_sent_in_a_drawn_order_that_keeps_that_of_each_pair():
    tasks = [Task(side, Turn(salt=salt)) for salt in range(5) for side in ("first", "second")]
    orders = [mix(tasks) for _ in range(60)]

    for order in orders:
        assert sorted(map(id, order)) == sorted(map(id, tasks))
        for salt in range(5):
            sides = [task.commit for task in order if task.turn.salt == salt]
            assert sides == ["first", "second"]
    beside = [one.commit == other.commit for order in orders for one, other in pairwise(order)]
    assert 0.3 < sum(beside) / len(beside) < 0.7, "neighbours are of either side"


def test_results_are_handed_over_in_the_order_of_their_records():
    tasks, taken = [Task("c") for _ in range(3)], []
    work = _Work(tasks, lambda place, result: taken.append(place) or True)
    for task, seq in zip(tasks, (7, 9, 8), strict=True):
        record_of = SimpleNamespace(seq=seq)
        task.result = SimpleNamespace(record=record_of, interrupted=False)

    work.hand_over()
    work.hand_over()

    assert taken == [0, 2, 1]


class Instant:
    """A measurer that hands over ``results``, by commit, in the reverse order."""

    profile = "cpu"

    def __init__(self, results):
        self.results, self.wanted = results, []

    def measure(self, wanted, take):
        self.wanted += wanted
        for place, one in reversed([*enumerate(wanted)]):
            take(place, self.results(one))


def result_of(one, value):
    run = SimpleNamespace(
        run=f"{one.commit}{one.turn.salt}", plan="p", commit=one.commit, salt=one.turn.salt,
        value=value, level="supervised", device="cpu", metric_name="score", speed=None,
        metric=SimpleNamespace(text=str, gain=lambda new, old: old - new),
    )  # fmt: skip
    return SimpleNamespace(record=run, message="", closed=(), reason="crash")


@pytest.fixture
def pairs(monkeypatch):
    """``pairs(results)``: three pairs, whose runs a measurer hands over in the reverse order."""
    monkeypatch.setattr("pytest_ouro.experiment.selection.pairs.differences", lambda one, other: [])
    case = SimpleNamespace(
        evidence=SimpleNamespace(journal=SimpleNamespace(runs=list)),
        bound=SimpleNamespace(experiments={"cpu": SimpleNamespace(level="supervised")}),
    )
    drawn = Plan("p", "certificate", "old", "new", "n", DRAWN[:3], 1, 1, 0.05)
    return lambda results: Pairs(case, drawn, Instant(results), lambda text: None)


def test_pairs_are_in_the_order_of_the_plan_whatever_ends_first(pairs):
    made = pairs(lambda one: result_of(one, one.turn.salt + (one.commit == "old")))

    done = made.run(3)

    assert [pair.baseline.salt for pair in done] == [7, 8, 9]
    assert [pair.gain for pair in done] == [1.0] * 3
    asked = [(one.turn.salt, one.commit) for one in made._measurer.wanted]
    assert asked == [(7, "new"), (7, "old"), (8, "old"), (8, "new"), (9, "new"), (9, "old")]
    assert made.run(3) == done
    assert len(made._measurer.wanted) == 6


def test_of_a_failed_run_the_other_pairs_stay(pairs):
    lost = (8, "new")
    made = pairs(lambda one: result_of(one, None if (one.turn.salt, one.commit) == lost else 1.0))

    with pytest.raises(Unfinished):
        made.run(3)

    assert [pair.baseline.salt for pair in made.done] == [7, 9]


SALTED = """\
import os, pathlib, random, re
text = pathlib.Path(os.environ["OURO_CANDIDATE"], "work.py").read_text()
luck = random.Random(text + os.environ.get("OURO_SALT", "")).random() / 10
print("score:", float(re.search("SCORE = (.*)", text)[1]) + luck)
"""


@pytest.fixture
def salted(field_of, run_pytest, monkeypatch):
    """The toy experiment with a base and a better commit, both kept, whose scores depend on the
    salt. ``salted(…)``: run pytest in this process, and return the last line."""
    monkeypatch.setattr(plan, "draw_pairs", lambda count: DRAWN[:count])
    field = field_of()
    field.project.write({"evaluate.py": SALTED})
    field.project.git("add", "-A")
    bless(field.path / "bound.toml")
    field.project.commit("salted")

    def run(*words):
        result = run_pytest(*words)
        assert result.ret == 0, result.outlines
        return result.outlines[-1]

    run("--ouro-experiment")
    field.project.commit("better", {"work.py": "SCORE = 4.5\n"})
    run("--ouro-experiment")
    run.field = field
    return run


@pytest.mark.tier(3)
def test_the_local_engine_certifies_as_this_process_does(salted):
    alone = salted("--ouro-certify", "--ouro-pairs", "3", "--ouro-looks", "2")
    spread = salted("--ouro-certify", "--ouro-pairs", "3", "--ouro-engine", "local=2")

    assert alone.startswith("ouro: certified gain=0.")
    assert spread == alone
    one, other = [one for one in salted.field.journal.statements() if one.result != "stated"]
    assert shown(one) == shown(other)
    assert salted.field.journal.fault() is None
    assert salted("--ouro-confirm", "HEAD", "--ouro-engine", "local").startswith("ouro: confirmed ")
    repeated = salted("--ouro-experiment", "--ouro-repeat", "3", "--ouro-engine", "local")
    assert repeated.startswith("ouro: keep score=4.5")
    assert salted.field.project.git("status", "--porcelain") == ""


@pytest.mark.tier(3)
def test_a_killed_worker_of_a_pair_is_replaced(salted, monkeypatch):
    read, killed = LocalEngine._read, []

    def kill_one(self, number):
        found = read(self, number)
        if not killed and any(isinstance(one, events.Began) for one in found):
            killed.append(number)
            self._workers[number].process.kill()
        return found

    monkeypatch.setattr(LocalEngine, "_read", kill_one)

    last = salted("--ouro-certify", "--ouro-pairs", "2", "--ouro-engine", "local")

    assert "certified gain=0." in last
    statement = salted.field.journal.statements()[-1]
    [lost] = [run for run in salted.field.runs() if run.reason is Reason.LOST]
    assert statement.failed == (lost.run,)
    assert lost.purpose == "pair"
