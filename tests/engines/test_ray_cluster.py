"""Batches on a Ray cluster of this machine, whose GPUs do not exist, by the real supervisor."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pytest_ouro
from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.on_ray.engine import RayEngine
from pytest_ouro.experiment.engines.on_ray.wire import Setup

from .conftest import CORES

pytest.importorskip("ray", reason="Ray is not installed: pip install 'pytest-ouro[ray]'")
pytestmark = [
    pytest.mark.tier(3),
    pytest.mark.skipif(CORES < 2, reason="a node has two slots"),
]
CLUSTER = Path(__file__).with_name("ray_cluster.py")
SLEEPS = "import time\ntime.sleep({})"


class Nodes:
    """A cluster of nodes in ``folder``, in a process of its own."""

    def __init__(self, folder, count):
        self.folder, self._count = folder, count
        with (folder / "cluster.log").open("wb") as log:
            self._start(log)

    def _start(self, log):
        self._process = subprocess.Popen(
            [sys.executable, str(CLUSTER), str(self.folder), str(self._count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.address = self._process.stdout.readline().strip()
        if not self.address:
            self.close()
            raise AssertionError(Path(log.name).read_text())

    def tell(self, words):
        """Carry out ``remove N`` or ``add``; return the ids of all nodes."""
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().split()

    def processes(self, node=""):
        """The ids and commands of the places, the workers and the candidates of a node, or of all;
        Ray's own processes stay."""
        found = {}
        cache = f"{self.folder}/node-{node}"
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                variables = (folder / "environ").read_bytes()
                is_there = f"XDG_CACHE_HOME={cache}".encode() in variables
                is_ours = "ray::Place" in words or "pytest_ouro" in words
                if (is_there and is_ours) or str((folder / "cwd").readlink()).startswith(cache):
                    found[int(folder.name)] = words
        return found

    def workers(self, node):
        """The ids of the workers on a node."""
        found = [pid for pid, words in self.processes(node).items() if "engines.worker" in words]
        return [pid for pid in found if os.getsid(pid) == pid]  # not what they forked

    def wait_for_none(self):
        """Wait until no process of a candidate, a worker or a place is left."""
        deadline = time.monotonic() + 60
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not left

    def close(self):
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait(timeout=120)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cluster of two nodes that stay."""
    nodes = Nodes(tmp_path_factory.mktemp("cluster"), 2)
    yield nodes
    nodes.close()


@pytest.fixture
def start_nodes(tmp_path):
    """``start_nodes(count)``: a cluster of this test alone."""
    made = []

    def start_nodes(count):
        made.append(Nodes(tmp_path, count))
        return made[-1]

    yield start_nodes
    for nodes in made:
        nodes.close()


class Watched(RayEngine):
    """An engine whose events are passed to ``hook`` too."""

    hook = None

    def wait(self, seconds):
        found = super().wait(seconds)
        for event in found if self.hook else ():
            self.hook(event)
        return found


@pytest.fixture
def open_on(field):
    """``open_on(nodes, commit, …)``: a batch of these candidates on a cluster."""

    def open_on(nodes, *commits, hook=None, **order):
        batch = field.open(*commits, **order)

        def make():
            setup = Setup(
                address=nodes.address, version=pytest_ouro.__version__, device="cpu", slots=2
            )
            field.engine = Watched(setup, field.said.append)
            field.engine.hook = hook
            return field.engine

        batch._make_engine = make
        return batch

    return open_on


def measure(batch, commits):
    """Measure the candidates, and return the outcome."""
    try:
        for commit in commits:
            batch.measure(commit)
    finally:
        batch.close()
    return batch.finish()


def test_eight_candidates_a_removed_node_and_a_killed_worker(field, open_on, start_nodes):
    nodes = start_nodes(2)
    commits = [field.idea(5.0 - n / 10, f"{SLEEPS.format(6)}\nn = {n}") for n in range(8)]
    ids, killed, removed, lost = nodes.tell("ids"), [], [], []

    def place_of(event):
        """The number of the node, and the core, on which an attempt runs."""
        [hold] = field.current._recorder.running[event.attempt].started.holds
        name, _, core = hold.partition("/cpu-")
        named = [n for n, one in enumerate(ids) if name.endswith(f"-{one[:6]}")]
        # The first node has the name of the host alone, which no line gives an id.
        first = [n for n, one in enumerate(ids) if f"-{one[:6]}/" not in " ".join(field.said)]
        return (named or first)[0], int(core)

    def disturb(event):
        """Kill the worker of a run once four go on, and once its second attempt runs, the other
        node."""
        if isinstance(event, events.Lost):
            lost.append(field.commit_of(event))
        if not isinstance(event, events.Progressed) or event.wall < 0.1:
            return
        running = field.current._recorder.running
        if not killed and len(running) == 4:
            node, core = place_of(event)
            [pid] = [one for one in nodes.workers(str(node)) if os.sched_getaffinity(one) == {core}]
            killed.append(field.commit_of(event))
            os.kill(pid, signal.SIGKILL)
        elif killed and lost and not removed and field.commit_of(event) == killed[0]:
            removed.append(1 - place_of(event)[0])
            nodes.tell(f"remove {removed[0]}")

    outcome = measure(open_on(nodes, *commits, hook=disturb), commits)

    finals = {commit: [str(run.reason) for run in field.runs(commit)] for commit in commits}
    assert all("lost" not in reasons[-1:] for reasons in finals.values())
    assert {len([r for r in reasons if r != "lost"]) for reasons in finals.values()} == {1}
    assert finals[killed[0]][0] == "lost"
    assert len(removed) == 1
    assert len(lost) >= 2
    assert sum(reasons.count("lost") for reasons in finals.values()) == len(lost)
    assert len({run.run for run in field.runs()}) == 8 + len(lost) + 1  # with the base
    assert field.journal.fault() is None
    assert not field.journal.unfinished()
    rows = (field.path / "results.tsv").read_text().splitlines()[1:]
    assert rows == [run.row for run in field.runs()]
    assert {len(result.record.holds) for _, result in outcome.results} == {1}
    levels = {run.level for run in field.runs() if run.level}
    assert levels == {field.runs()[0].level}
    nodes.wait_for_none()


def test_a_node_that_joins_is_used(field, open_on, start_nodes):
    nodes = start_nodes(1)
    commits = [field.idea(5.0 - n / 10, f"{SLEEPS.format(4)}\nn = {n}") for n in range(8)]
    joined = []

    def join(event):
        if isinstance(event, events.Began) and not joined:
            joined.append(True)
            nodes.tell("add")

    outcome = measure(open_on(nodes, *commits, hook=join), commits)

    assert len(outcome.results) == 8
    assert any("4 places" in line and "now" in line for line in field.said)
    used = {run.holds[0].partition("/")[0] for run in field.runs()}
    assert len(used) == 2


def test_a_killed_actor_is_one_lost_attempt(field, open_on, shared):
    commit = field.idea(4.0, SLEEPS.format(5))
    field.measure(field.head)
    killed = []

    def kill(event):
        if isinstance(event, events.Progressed) and event.wall > 0.1 and not killed:
            [pid] = [pid for pid, words in shared.processes().items() if "ray::Place" in words]
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    measure(open_on(shared, commit, hook=kill), [commit])

    reasons = [str(run.reason) for run in field.runs(commit)]
    assert reasons[0] == "lost"
    assert len(reasons) == 2
    assert "its place on" in field.runs(commit)[0].message
    shared.wait_for_none()


def test_a_keep_of_this_machine_is_the_reference_of_a_node_of_the_same_model(
    field, open_on, shared
):
    field.measure(field.head)
    commit = field.idea(4.0)

    outcome = measure(open_on(shared, commit), [commit])

    assert field.verdicts(outcome) == ["improved"]
    assert len(field.runs(field.head)) == 1


def start(field, nodes, *words):
    """Start a batch in a process of its own; return it when its first run goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--ouro-experiment",
         "--ouro-engine", f"ray={nodes.address}", "--ouro-candidates", *words],
        cwd=field.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    said = ""
    for line in process.stdout:
        said += line
        if f"{words[0][:7]} runs on" in line:
            return process
    raise AssertionError(said)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_term_end_everything_on_all_nodes(field, shared, sent):
    field.measure(field.head)
    field.close()
    commits = [field.idea(4.0 - n, SLEEPS.format(300)) for n in range(3)]
    process = start(field, shared, *commits)

    process.send_signal(sent)
    said = process.communicate(timeout=120)[0]

    assert process.returncode == 2, said
    assert {str(run.reason) for one in commits for run in field.runs(one)} == {"interrupted"}
    assert not field.journal.unfinished()
    shared.wait_for_none()


def test_a_killed_pytest_leaves_no_process_on_any_node(field, shared):
    field.measure(field.head)
    field.close()
    commits = [field.idea(4.0 - n, SLEEPS.format(300)) for n in range(3)]
    process = start(field, shared, *commits)

    process.kill()
    process.communicate(timeout=120)

    shared.wait_for_none()


def test_a_killed_relay_loses_its_attempts_and_leaves_no_process(field, open_on, shared):
    field.measure(field.head)
    commit = field.idea(4.0, SLEEPS.format(300))

    def kill(event):
        if isinstance(event, events.Progressed) and field.engine._relay:
            field.engine._relay.process.kill()

    batch = open_on(shared, commit, hook=kill)
    with pytest.raises(OuroError, match="the cluster has no place left: the driver of Ray ended"):
        batch.measure(commit)
    batch.close()

    assert [str(run.reason) for run in field.runs(commit)] == ["lost"]
    shared.wait_for_none()


def test_the_command_measures_on_a_cluster(field, shared, run_pytest):
    best = field.idea(4.0)

    result = run_pytest(
        *("--ouro-experiment", "--ouro-engine", f"ray={shared.address}", "--ouro-device", "cpu"),
        *("--ouro-settle", "--ouro-candidates", best),
    )

    assert result.ret == 0
    assert field.project.git("rev-parse", "main") == best
    assert " keep=1 discard=0 " in result.outlines[-1]


def test_another_version_is_refused(shared):
    setup = Setup(address=shared.address, version="0.0.9", device="cpu", slots=2)

    with pytest.raises(OuroError, match=r"is not used: the worker has pytest-ouro 0.1.0, and this"):
        RayEngine(setup)


def test_missing_data_is_refused(shared):
    setup = Setup(
        address=shared.address,
        version=pytest_ouro.__version__,
        device="cpu",
        slots=2,
        data=("/gone/*.bin",),
    )

    with pytest.raises(OuroError, match=r"node .* is not used: it lacks the data /gone/\*.bin"):
        RayEngine(setup)


def test_a_machine_without_a_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    setup = Setup(address="auto", version=pytest_ouro.__version__, device="cpu")

    with pytest.raises(OuroError) as caught:
        RayEngine(setup)

    assert "Ray cluster" in caught.value.message
