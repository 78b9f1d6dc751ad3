"""A Ray cluster for a test: its nodes, the processes on them, and candidates that wait for the
test."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from pytest_ouro import __version__
from pytest_ouro.experiment.engines.on_ray.engine import RayEngine
from pytest_ouro.experiment.engines.on_ray.wire import Setup
from tests.experiment.nvml_stand_in import build

CLUSTER = Path(__file__).with_name("ray_cluster.py")
#: A candidate that goes on until its working tree has the file ``go`` (`Nodes.release`).
WAITS = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.1)"
#: Seconds until a test that waits for an event fails; a busy machine may need a part of them.
PATIENCE = 900


class Nodes:
    """A cluster of nodes in ``folder``, in a process of its own. With ``cards``, the driver of each
    node lists two cards, which do not exist: a stand-in for its library. ``versions`` of Ray and
    Python are what the cluster states."""

    def __init__(self, folder, count, *, cards=False, versions=""):
        self.folder, self._is_open = folder, threading.Event()
        if cards:
            (folder / "driver").mkdir()
            build(folder / "driver").rename(folder / "driver/libnvidia-ml.so.1")
        with (folder / "cluster.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(CLUSTER), str(folder), str(count)],
                env={**os.environ, "VERSIONS": versions},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.address = self._process.stdout.readline().strip()
        if not self.address:
            self.close()
            raise AssertionError((folder / "cluster.log").read_text())

    def tell(self, words):
        """Carry out ``remove N`` or ``add``; return the ids of all nodes."""
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().split()

    def home(self, node):
        """The home folder of the user of a node."""
        return self.folder / f"home-{node}"

    def processes(self, node=""):
        """The commands and the variables of the places, the workers and the candidates of a node,
        or of all, by their ids; Ray's own processes stay."""
        found = {}
        cache = f"{self.folder}/node-{node}"
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                variables = (folder / "environ").read_bytes().split(b"\0")
                is_there = any(v.startswith(f"XDG_CACHE_HOME={cache}".encode()) for v in variables)
                is_ours = "ray::Place" in words or "pytest_ouro" in words
                if (is_there and is_ours) or str((folder / "cwd").readlink()).startswith(cache):
                    found[int(folder.name)] = words, variables
        return found

    def worker(self, node, card):
        """The id of the worker on a node that has this card."""
        [found] = [
            pid
            for pid, (words, variables) in self.processes(node).items()
            if "engines.worker" in words and f"CUDA_VISIBLE_DEVICES={card}".encode() in variables
            if os.getsid(pid) == pid  # not what it forked
        ]
        return found

    def release(self):
        """Let the candidates that wait go on, and all that begin later."""

        def go_on():
            while not self._is_open.wait(0.1):
                for work in self.folder.glob("node-*/*/worktrees/*/tried-*/work.py"):
                    with contextlib.suppress(OSError):  # it has ended
                        work.with_name("go").touch()

        threading.Thread(target=go_on, daemon=True).start()

    def wait_for_none(self):
        """Wait until no process of a candidate, a worker or a place is left."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not left

    def close(self):
        self._is_open.set()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait(timeout=PATIENCE)
        self._process.stdout.close()


class Watched(RayEngine):
    """An engine whose events are passed to ``hook`` too."""

    hook = None

    def wait(self, seconds):
        found = super().wait(seconds)
        for event in found if self.hook else ():
            self.hook(event)
        return found


def open_on(nodes, field, *commits, hook=None, device="cpu", **order):
    """A batch of these candidates on a cluster."""
    batch = field.open(*commits, profile=device, **order)

    def make():
        setup = Setup(address=nodes.address, version=__version__, device=device, slots=2)
        field.engine = Watched(setup, field.said.append)
        field.engine.hook = hook
        return field.engine

    batch._make_engine = make
    return batch


def measure(batch, commits):
    """Measure the candidates, and return the outcome."""
    try:
        for commit in commits:
            batch.measure(commit)
    finally:
        batch.close()
    return batch.finish()
