"""The slots of a processor: experiments side by side, each on its own cores."""

import os
import re
import threading

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.devices import slots
from pytest_ouro.experiment.devices.device_lock import hold_devices
from pytest_ouro.experiment.supervision.processes import uses_other_cores

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
REAL = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


@pytest.fixture(autouse=True)
def cores(monkeypatch):
    """Eight cores, whatever this machine has; the list of what the process was confined to."""
    confined = [set(range(8))]
    monkeypatch.setattr(slots.os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(slots.os, "sched_setaffinity", lambda pid, to: confined.append(set(to)))
    monkeypatch.setattr(slots, "_PAUSE", 0.05)
    return confined


@pytest.fixture
def hold(tmp_path):
    """``hold(number)``: hold a slot in a working tree of its own."""
    trees = iter(range(100))

    def hold(number, *, folder=None, say=pytest.fail, profile="cpu"):
        return slots.hold_place(profile, number, folder or tmp_path / str(next(trees)), say)

    return hold


class Waiting:
    """A run in another thread that waits; ``said`` are its lines."""

    def __init__(self, hold, number, **named):
        self.said, self.place, self._lines = [], None, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(hold, number, named))
        self._thread.start()
        assert self._lines.wait(60), "it did not wait"

    def _say(self, line):
        self.said.append(line)
        self._lines.set()

    def _run(self, hold, number, named):
        with hold(number, say=self._say, **named) as self.place:
            self._lines.set()

    def end(self):
        self._thread.join(60)
        assert self.place is not None
        return self.place


def test_a_run_is_confined_to_its_slot_and_freed_again(hold, cores):
    with hold(4) as place:
        assert place == slots.Place(("cpu-0", "cpu-1"), waited=False, cores=(0, 1))
        assert cores[-1] == {0, 1}
    assert cores[-1] == set(range(8))


def test_runs_with_slots_do_not_wait_for_each_other(hold):
    with hold(2) as one, hold(2) as two:
        assert (one.cores, two.cores) == ((0, 1, 2, 3), (4, 5, 6, 7))


def test_other_numbers_of_slots_exclude_each_other_by_core(hold):
    with hold(4) as one, hold(2) as two, hold(3) as three:
        assert (one.cores, two.cores, three.cores) == ((0, 1), (4, 5, 6, 7), (2, 3))


def test_without_slots_all_cores_are_free_to_use_and_nothing_is_confined(hold, cores):
    with hold(1) as place:
        assert place == slots.Place(("cpu",), waited=False)
    assert len(cores) == 1


def test_a_run_waits_where_all_slots_are_held(hold):
    with hold(2), hold(2):
        waiting = Waiting(hold, 2)
    assert waiting.end().waited
    assert waiting.said[0].startswith(
        f"ouro: waiting for one of 2 slots, the first is held by process {os.getpid()} since 2"
    )


def test_a_run_without_slots_waits_for_one_with_slots(hold):
    with hold(2):
        waiting = Waiting(hold, 1)
    assert waiting.end() == slots.Place(("cpu",), waited=True)
    assert waiting.said[0].startswith("ouro: waiting for the device cpu-0, held by process")


def test_a_run_with_slots_waits_for_one_without(hold):
    with hold(1):
        waiting = Waiting(hold, 2)
    assert waiting.end().waited
    assert waiting.said[0].startswith("ouro: waiting for the device cpu, held by process")


@pytest.mark.parametrize(("first", "second"), [(2, 2), (2, 1), (1, 2)])
def test_two_runs_in_one_working_tree_wait(hold, tmp_path, first, second):
    with hold(first, folder=tmp_path):
        waiting = Waiting(hold, second, folder=tmp_path)
    assert waiting.end().waited
    assert waiting.said[0].startswith("ouro: waiting for this working tree, held by process")


@pytest.mark.parametrize("profile", ["cpu", "cuda"])
def test_a_run_waits_for_a_batch_of_its_working_tree(hold, tmp_path, monkeypatch, profile):
    """The batch has no slots: between two candidates, the device is free."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with hold_devices([slots.tree_lock(tmp_path)], print):
        waiting = Waiting(hold, 1, folder=tmp_path, profile=profile)
        assert waiting.place is None
    assert waiting.end().waited
    assert waiting.said[0].startswith("ouro: waiting for this working tree, held by process")


def test_a_slot_is_free_after_an_error(hold, cores):
    with pytest.raises(ZeroDivisionError), hold(2):
        raise ZeroDivisionError
    assert cores[-1] == set(range(8))
    with hold(2) as place:
        assert place.cores[0] == 0


def test_cards_are_not_divided(hold, monkeypatch, cores):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with hold(2, profile="cuda") as place:
        assert place == slots.Place(("cuda-3",), waited=False)
    assert len(cores) == 1


def test_who_holds_a_place(hold):
    assert slots.holder("cpu", 2) == ""
    with hold(2):
        assert slots.holder("cpu", 2) == ""
        assert slots.holder("cpu", 1).startswith(f"process {os.getpid()} since")
        with hold(2):
            assert slots.holder("cpu", 2).startswith(f"process {os.getpid()} since")


def test_more_slots_than_cores():
    with pytest.raises(ExperimentError, match="slots = 9, but this machine allows us 8 cores"):
        slots.parts(9)


def test_a_system_that_confines_no_process(monkeypatch):
    monkeypatch.delattr(slots.os, "sched_setaffinity")
    with pytest.raises(ExperimentError, match="this system confines no process"):
        slots.parts(2)


def test_a_process_on_other_cores_is_noticed(monkeypatch):
    monkeypatch.undo()
    assert not uses_other_cores([os.getpid()], frozenset(REAL))
    assert uses_other_cores([os.getpid()], frozenset())
    assert not uses_other_cores([2**22 + 1], frozenset())


@pytest.mark.tier(2)
@pytest.mark.skipif(len(REAL) < 2, reason="needs two cores")
def test_a_run_that_leaves_its_slot_is_a_breach(lab, monkeypatch):
    monkeypatch.undo()
    lab.bound(
        ('device    = "cpu"', 'device = "cpu"\nslots = 2'),
        ("timeout   = 20", "timeout   = 600"),
        ("budget    = 0.3", "budget    = 60"),
    )
    kept = lab.run()
    assert kept.status == "keep", kept.message
    assert len(kept.record.holds) == len(REAL) // 2
    assert kept.record.device_name.endswith(f", {len(REAL) // 2} cores")
    widened = lab.run(lab.script(1.0, before=f"import os\nos.sched_setaffinity(0, {REAL})\n"))
    assert (widened.status, widened.reason) == ("crash", "breach"), widened.message
    assert re.search(r"may use other cores than those of its slot: \d", widened.message)
    assert os.sched_getaffinity(0) == REAL
