"""What becomes of attempts in the places of a cluster, with a stand-in for Ray."""

import importlib
import sys
import time

import pytest

from pytest_ouro import __version__
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.on_ray import wire

from . import fake_ray

CLUSTER = "pytest_ouro.experiment.engines.on_ray.cluster"
FACTS = wire.Facts(version=__version__, machine="elsewhere", processor="Xeon", free=1000)


class Run:
    """A cluster on the stand-in, with what it sent; ``pump`` handles what has arrived."""

    def __init__(self, ray, tmp_path):
        self.ray, self.sent, self.queue = ray, [], []
        self.module = importlib.import_module(CLUSTER)
        setup = wire.Setup(address="h:1", version=__version__, device="cpu", slots=2, worker=("w",))
        self.cluster = self.module.RayCluster(setup, self.sent.append, self.queue.append)
        (tmp_path / "base").write_bytes(b"history")
        self._base = str(tmp_path / "base")

    def open(self, *names):
        for name in names:
            self.add(name)
        self.cluster.open()
        return self

    def add(self, name, **facts):
        self.ray.alive[name] = {"NodeManagerHostname": "host", "Resources": {"CPU": 2.0}}
        self.ray.facts[name] = replace(FACTS, **{"clock": time.time(), **facts}).line()

    def start(self, attempt):
        request = events.Request(
            attempt=attempt, commit="c" * 40, head="c" * 40, trust="c" * 40, named=True,
            bound="bound.toml", base=self._base, base_digest="0" * 64, bundle=b"",
            digest="0" * 64, version=__version__,
        )  # fmt: skip
        self.cluster.handle(request)
        return self.ray.actors[-1]

    def pump(self):
        while self.queue:
            self.cluster.handle(self.queue.pop(0))

    def tell(self, actor, *messages, number=1):
        """Let a place answer the relay's question with these messages."""
        lines = [(number + n, one.line()) for n, one in enumerate(messages)]
        actor.last("poll").answer(lines)
        self.pump()

    def runs(self, actor):
        """Let a place state that it started its attempt."""
        actor.last("take").answer(None)
        self.pump()

    def of(self, kind):
        return [one for one in self.sent if isinstance(one, kind)]

    @property
    def places(self):
        return self.of(wire.Cluster)[-1].places

    def later(self, seconds):
        """Let time pass."""
        for seat in self.cluster._seats:
            seat.latest = seat.latest and seat.latest - seconds
            seat.waits -= seconds
        self.cluster._looked -= seconds
        self.cluster.tick()
        self.pump()


@pytest.fixture
def run(monkeypatch, tmp_path):
    made = Run(fake_ray.install(monkeypatch), tmp_path)
    monkeypatch.setattr(made.module.threading, "Timer", Timer)
    yield made
    sys.modules.pop(CLUSTER, None)


class Timer:
    """A timer that has expired as it is started."""

    def __init__(self, seconds, work, args=()):
        self._work, self._args = work, args

    def start(self):
        self._work(*self._args)


def ended(attempt="a1"):
    return events.Ended(attempt=attempt, record=b"{}")


def test_a_slot_of_each_node_is_a_place(run):
    run.open("n1", "n2")

    [found] = run.of(wire.Cluster)
    assert (found.places, found.device, found.device_name) == (4, "cpu", "Xeon")
    assert run.ray.options == {"address": "h:1", "log_to_driver": False}


def test_a_node_that_cannot_be_used_is_said_and_left_out(run):
    run.add("old", version="0")
    run.open("n1")

    assert run.places == 2
    [said] = run.of(events.Said)
    assert said.text.startswith(
        "ouro: warning: node host is not used: the worker has pytest-ouro 0"
    )


def test_a_node_with_another_clock_is_used_and_said(run):
    run.add("n1", clock=time.time() - 4000)
    run.cluster.open()

    assert run.places == 2
    [said] = run.of(events.Said)
    assert said.text.startswith("ouro: warning: the clock of node host is 4000 s behind the one")


def test_a_refusal_names_the_node(run):
    actor = run.open("n1").start("a1")
    run.tell(actor, events.Refused(attempt="a1", text="the disk is full", help="make room"))

    [refused] = run.of(events.Refused)
    assert (refused.text, refused.help) == ("node host: the disk is full", "make room")


def test_without_a_usable_node_nothing_is_started(run):
    run.add("old", version="0")

    with pytest.raises(OuroError, match="is not used"):
        run.cluster.open()


def test_nodes_that_do_not_answer_are_said(run):
    run.add("n1")
    run.ray.facts.clear()

    with pytest.raises(OuroError, match="no node of the cluster answered within 120 s, of 1"):
        run.cluster.open()


def test_a_node_that_answers_late_is_used_then(run):
    run.add("n2")
    run.ray.facts.clear()
    run.open("n1")
    assert run.places == 2

    run.ray.tasks[0].answer(FACTS.line())
    run.pump()

    assert run.places == 4


def test_a_head_that_shares_out_nothing_is_not_asked(run):
    run.ray.alive["head"] = {"NodeManagerHostname": "head", "Resources": {"memory": 1.0}}
    run.open("n1")

    assert len(run.ray.tasks) == 1


def test_an_attempt_gets_an_actor_that_ray_never_starts_again(run):
    actor = run.open("n1").start("a1")

    assert actor.options["max_restarts"] == actor.options["max_task_retries"] == 0
    assert (actor.options["num_cpus"], actor.options["num_gpus"]) == (1, 0)
    line, base = actor.last("take").args
    assert (events.read(line).attempt, base) == ("a1", b"history")


def test_the_history_is_stored_once(run):
    run.open("n1")
    run.start("a1")
    run.start("a2")

    assert run.ray.stored == [b"history"]
    assert len(run.ray.actors) == 2


def test_messages_are_passed_on_and_a_place_is_used_again(run):
    actor = run.open("n1").start("a1")
    run.runs(actor)
    run.tell(actor, events.Said(attempt="a1", text="x"), events.Beat(), ended())

    assert [one.kind for one in run.sent[1:]] == ["said", "ended"]
    assert actor.last("poll").args[0] == 3  # these have arrived
    assert run.start("a2") is actor
    assert len(run.ray.actors) == 1


def test_what_is_about_an_earlier_attempt_is_dropped(run):
    actor = run.open("n1").start("a1")
    run.tell(actor, events.Said(attempt="a0", text="old"))

    assert not run.of(events.Said)


def test_an_actor_that_dies_loses_its_attempt_once(run):
    actor = run.open("n1").start("a1")
    run.ray.facts.clear()
    actor.last("take").fail(fake_ray.RayError("The actor died because of a signal"))
    actor.last("poll").fail(fake_ray.RayError("The actor died because of a signal"))
    run.pump()

    assert run.of(events.Lost) == [
        events.Lost(
            attempt="a1", why="its place on host is gone: The actor died because of a signal"
        )
    ]
    assert actor.is_killed


def test_its_place_is_used_again_once_the_node_has_answered(run):
    actor = run.open("n1").start("a1")
    run.ray.facts.clear()
    actor.last("poll").fail(fake_ray.RayError("died"))
    run.pump()
    assert (run.places, run.of(wire.Cluster)[-1].unsure) == (1, 1)

    run.ray.tasks[-1].answer(FACTS.line())
    run.pump()

    assert (run.places, run.of(wire.Cluster)[-1].unsure) == (2, 0)
    assert run.start("a2") is not actor


def test_its_place_is_given_up_if_the_node_is_gone(run):
    actor = run.open("n1", "n2").start("a1")
    run.ray.facts.clear()
    actor.last("poll").fail(fake_ray.RayError("died"))
    run.pump()
    del run.ray.alive["n1"]

    run.ray.tasks[-1].fail(fake_ray.RayError("no node"))
    run.pump()

    assert (run.places, run.of(wire.Cluster)[-1].unsure) == (3, 0)


def test_an_actor_that_cannot_be_reached_for_a_moment_is_asked_again(run):
    actor = run.open("n1").start("a1")
    run.runs(actor)
    run.tell(actor, events.Said(attempt="a1", text="x"))
    actor.last("poll").fail(fake_ray.ActorUnavailableError("away"))
    run.pump()

    assert not run.of(events.Lost)
    assert not actor.last("poll").future().done()
    assert actor.last("poll").args[0] == 1  # what it kept since is sent again


def test_a_request_that_may_not_have_arrived_is_a_lost_attempt(run):
    actor = run.open("n1").start("a1")
    actor.last("take").fail(fake_ray.ActorUnavailableError("away"))
    run.pump()

    assert [one.attempt for one in run.of(events.Lost)] == ["a1"]
    assert actor.is_killed  # so that it runs nothing unseen


def test_an_answer_that_may_not_have_arrived_is_a_lost_attempt(run):
    actor = run.open("n1").start("a1")
    run.cluster.handle(events.Answer(attempt="a1"))
    actor.last("answer").fail(fake_ray.ActorUnavailableError("away"))
    run.pump()

    assert [one.attempt for one in run.of(events.Lost)] == ["a1"]


def test_a_silent_worker_is_given_up(run):
    actor = run.open("n1").start("a1")
    run.later(3600)
    assert not run.of(events.Lost)  # it waits for its place
    assert "waits for a free place on host" in run.of(events.Said)[0].text

    run.runs(actor)
    run.later(run.module.SILENCE + 1)

    assert "was silent for 90 s" in run.of(events.Lost)[0].why
    assert actor.is_killed


def test_signs_of_life_keep_a_worker_until_it_is_given_up(run):
    actor = run.open("n1").start("a1")
    run.runs(actor)
    for number in range(1, 20):
        run.later(50)
        run.tell(actor, events.Beat(), number=number)
    assert not run.of(events.Lost)

    run.cluster.handle(wire.GiveUp(attempt="a1", why="its run did not end within 1000 s"))

    assert run.of(events.Lost)[0].why == "its run did not end within 1000 s"
    assert actor.is_killed


def test_a_place_gives_up_before_a_new_attempt_is_made(run):
    from pytest_ouro.experiment.engines.on_ray.place import LEASE

    assert LEASE + run.module.GRACE < run.module.SILENCE


def test_a_node_that_is_gone_loses_its_attempts_at_once(run):
    run.open("n1", "n2")
    for attempt in ("a1", "a2", "a3"):
        run.start(attempt)
    del run.ray.alive["n1"]
    run.later(6)

    assert [one.attempt for one in run.of(events.Lost)] == ["a1", "a2"]
    assert run.places == 2


def test_a_node_that_joins_is_asked_and_used(run):
    run.open("n1")
    run.add("n2")
    run.later(6)

    assert run.places == 4
    assert len(run.ray.tasks) == 2


def test_a_message_of_a_given_up_actor_is_ignored(run):
    actor = run.open("n1").start("a1")
    run.runs(actor)
    run.later(run.module.SILENCE + 1)
    run.tell(actor, ended())

    assert not run.of(events.Ended)


def test_without_a_free_place_an_attempt_waits(run):
    """The engine may not know yet that a place is gone: nothing was tried, so nothing is lost."""
    run.open("n1")
    for attempt in ("a1", "a2", "a3"):
        run.start(attempt)
    assert not run.of(events.Lost)

    actor = run.ray.actors[0]
    run.runs(actor)
    run.tell(actor, ended())

    assert events.read(actor.last("take").args[0]).attempt == "a3"


def test_what_waits_is_lost_with_the_last_place(run):
    run.open("n1")
    for attempt in ("a1", "a2", "a3"):
        run.start(attempt)
    del run.ray.alive["n1"]
    run.later(6)

    assert [one.attempt for one in run.of(events.Lost)] == ["a1", "a2", "a3"]


def test_what_waits_is_interrupted_and_given_up(run):
    run.open("n1")
    for attempt in ("a1", "a2", "a3", "a4"):
        run.start(attempt)

    run.cluster.handle(wire.GiveUp(attempt="a4", why="late"))
    assert run.of(events.Lost) == [events.Lost(attempt="a4", why="late")]

    run.cluster.handle(wire.Cancel())
    assert {one.attempt for one in run.of(events.Lost)} == {"a1", "a2", "a3", "a4"}


def test_an_interruption_reaches_all_attempts(run):
    waiting = run.open("n1").start("a1")
    running = run.start("a2")
    run.runs(running)

    run.cluster.handle(wire.Cancel())

    assert [one.attempt for one in run.of(events.Lost)] == ["a1"]
    assert waiting.is_killed
    assert running.last("interrupt")


def test_an_end_ends_all_actors_and_leaves_the_cluster(run):
    actor = run.open("n1").start("a1")
    run.runs(actor)

    run.cluster.close()

    assert actor.last("end")
    assert actor.is_killed
    assert not run.ray.is_open
