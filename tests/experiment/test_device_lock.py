"""Locks of devices: one run at a time on each, also after a holder was killed."""

import datetime
import signal
import subprocess
import sys
import threading

import pytest

from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.evidence.cache import cache_folder
from pytest_ouro.experiment.devices import device_lock

HOLDS = """\
import sys, time
from pytest_ouro.experiment.devices.device_lock import hold_devices
with hold_devices(sys.argv[1:], print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other():
    """``other(*names)``: start another process that holds devices."""
    started = []

    def other(*names):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, *names], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield other
    for process in started:
        process.kill()
        process.communicate()


def test_a_waiting_run_reports_the_holder_and_since_when(other, monkeypatch):
    process = other("cuda-1")
    monkeypatch.setattr(device_lock, "AGAIN", 0.2)
    said = []

    def say(text):
        said.append(text)
        if len(said) == 3:
            process.send_signal(signal.SIGINT)

    with device_lock.hold_devices(["cuda-0", "cuda-1"], say):
        pass
    assert len(said) == 3, "said again while it lasts"
    for line in said:
        assert line.startswith(
            f"ouro: waiting for the device cuda-1, held by process {process.pid} since 2"
        )
        assert line.endswith(" s")


def test_the_lock_of_a_dead_process_is_free(other):
    process = other("cpu")
    process.kill()
    process.wait()
    assert (cache_folder() / "locks" / "cpu.holder").exists(), "it could not clean up"
    said = []
    with device_lock.hold_devices(["cpu"], said.append):
        assert said == []
        assert f"process {process.pid} " not in device_lock._who(
            cache_folder() / "locks/cpu.holder"
        )
    assert not (cache_folder() / "locks" / "cpu.holder").exists()


def test_other_devices_are_not_waited_for(other):
    other("cuda-0")
    said = []
    with device_lock.hold_devices(["cuda-1"], said.append):
        assert said == []


def test_it_is_free_again_after_an_error():
    def run():
        with device_lock.hold_devices(["cpu"], print):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    with hold_lock(cache_folder() / "locks" / "cpu.lock", timeout=0):
        pass


def test_one_after_the_other():
    order, inside = [], threading.Lock()

    def run():
        with device_lock.hold_devices(["cpu"], order.append):
            assert inside.acquire(blocking=False), "two at a time"
            inside.release()
            order.append("ran")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert order.count("ran") == 4


@pytest.mark.parametrize(
    ("ago", "age"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (-50, "0 s")],
)
def test_age(ago, age):
    assert device_lock._age(datetime.timedelta(seconds=ago)) == age


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("", "another process"),
        ("process 4711", "process 4711"),
        ("process 4711 since yesterday", "process 4711 since yesterday"),
        ("process \x1b[31m4711\x07", "process 4711"),
        ("process 1 since 2025-01-01T00:00:00", "process 1 since 2025-01-01T00:00:00"),
    ],
)
def test_a_holder_file_may_say_anything(tmp_path, text, who):
    (tmp_path / "cpu.holder").write_text(text)
    assert device_lock._who(tmp_path / "cpu.holder") == who


def test_no_holder_file(tmp_path):
    assert device_lock._who(tmp_path / "cpu.holder") == "another process"
