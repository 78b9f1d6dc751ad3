"""Batches on a Ray cluster of this machine, by the real supervisor: losses, and how they end. Its
GPUs do not exist; no test depends on how long anything takes."""

import os
import signal
import subprocess
import sys

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.engines import events
from tests.experiment.test_confinement import needed

from .conftest import CORES

pytest.importorskip("ray", reason="Ray is not installed: pip install 'pytest-ouro[ray]'")
from .ray_nodes import PATIENCE, WAITS, Nodes, measure, open_on

pytestmark = [
    pytest.mark.tier(3),
    pytest.mark.skipif(CORES < 2, reason="a node has two slots"),
    pytest.mark.skipif(os.geteuid() != 0, reason="root alone sees the variables of workers"),
]
SLEEPS = "import time\ntime.sleep(3000)"


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

    def start_nodes(count, **options):
        made.append(Nodes(tmp_path, count, **options))
        return made[-1]

    yield start_nodes
    for nodes in made:
        nodes.close()


@pytest.fixture
def field(field_of):
    return field_of(timeout=3600)


@needed
def test_eight_candidates_a_killed_worker_and_a_removed_node(field, start_nodes):
    """On four cards of two nodes: a worker is killed, then the other node fails, both while four
    runs go on, which wait until their losses are on record."""
    nodes = start_nodes(2, cards=True)
    commits = [field.idea(5.0 - n / 10, f"{WAITS}\nn = {n}") for n in range(8)]
    ids, losses, killed, removed = nodes.tell("ids"), [], [], []

    def place_of(event):
        """The number of the node, and the card, on which an attempt runs. One of the two nodes has
        the name of the host alone, the other one also a part of its id."""
        running = field.current._recorder.running
        holds = {attempt: one.started.holds[0] for attempt, one in running.items()}

        def of(attempt):
            return [n for n in (0, 1) if f"-{ids[n][:6]}/" in holds[attempt]]

        named = {n for attempt in holds for n in of(attempt)}
        [node] = of(event.attempt) or {0, 1} - named
        return node, holds[event.attempt][-1]

    def disturb(event):
        running = field.current._recorder.running
        if isinstance(event, events.Lost):
            losses.append(field.commit_of(event))
            if len(losses) == 3:
                nodes.release()
        elif not isinstance(event, events.Progressed) or len(running) < 4:
            return
        elif not killed:
            killed.append(field.commit_of(event))
            os.kill(nodes.worker(*place_of(event)), signal.SIGKILL)
        elif losses and not removed and field.commit_of(event) == killed[0]:
            removed.append(1 - place_of(event)[0])
            nodes.tell(f"remove {removed[0]}")

    batch = open_on(nodes, field, *commits, hook=disturb, device="cuda")
    outcome = measure(batch, commits)

    assert len(outcome.results) == 8
    reasons = {commit: [str(run.reason) for run in field.runs(commit)] for commit in commits}
    assert all(found.count("lost") == len(found) - 1 for found in reasons.values()), reasons
    assert all(found[-1] != "lost" for found in reasons.values()), reasons
    assert losses[0] == killed[0]
    assert len(losses) == 3  # the killed one, and the two of the removed node
    assert len(set(losses)) == 3
    assert sorted(losses) == sorted(c for c in commits for r in reasons[c] if r == "lost")
    runs = field.runs()
    assert len({run.run for run in runs}) == len(runs) == 8 + 3 + 1  # with the base
    assert field.journal.fault() is None
    assert not field.journal.unfinished()
    assert (field.path / "results.tsv").read_text().splitlines()[1:] == [run.row for run in runs]
    assert {run.device_name for run in runs if run.level} == {"Stand-in H100"}
    assert {len(run.holds) for run in runs} == {1}
    assert {run.level for run in runs if str(run.reason) != "lost"} == {"sandboxed"}
    nodes.wait_for_none()


def test_a_node_that_joins_is_used(field, start_nodes):
    nodes = start_nodes(1)
    commits = [field.idea(5.0 - n / 10, f"{WAITS}\nn = {n}") for n in range(4)]
    joined = []

    def join(event):
        running = field.current._recorder.running
        if isinstance(event, events.Progressed) and len(running) == 2 and not joined:
            joined.append(True)
            nodes.tell("add")
        if len(running) == 4:
            nodes.release()

    outcome = measure(open_on(nodes, field, *commits, hook=join), commits)

    assert len(outcome.results) == 4
    assert any("4 places" in line and "now" in line for line in field.said)
    used = {run.holds[0].partition("/")[0] for run in field.runs()}
    assert len(used) == 2


def test_a_killed_actor_is_one_lost_attempt(field, start_nodes):
    nodes = start_nodes(1)
    commit = field.idea(4.0, WAITS)
    field.measure(field.head)
    killed = []

    def kill(event):
        if isinstance(event, events.Progressed) and not killed:
            [pid] = [p for p, (words, _) in nodes.processes().items() if "ray::Place" in words]
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)
            nodes.release()

    measure(open_on(nodes, field, commit, hook=kill), [commit])

    reasons = [str(run.reason) for run in field.runs(commit)]
    assert reasons[0] == "lost"
    assert len(reasons) == 2
    assert "its place on" in field.runs(commit)[0].message
    nodes.wait_for_none()


def test_a_keep_of_this_machine_is_the_reference_of_a_node_of_the_same_model(field, shared):
    field.measure(field.head)
    commit = field.idea(4.0)

    outcome = measure(open_on(shared, field, commit), [commit])

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
    commits = [field.idea(4.0 - n, SLEEPS) for n in range(3)]
    process = start(field, shared, *commits)

    process.send_signal(sent)
    said = process.communicate(timeout=PATIENCE)[0]

    assert process.returncode == 2, said
    assert {str(run.reason) for one in commits for run in field.runs(one)} == {"interrupted"}
    assert not field.journal.unfinished()
    shared.wait_for_none()


def test_a_killed_pytest_leaves_no_process_on_any_node(field, shared):
    field.measure(field.head)
    field.close()
    commits = [field.idea(4.0 - n, SLEEPS) for n in range(3)]
    process = start(field, shared, *commits)

    process.kill()
    process.communicate(timeout=PATIENCE)

    shared.wait_for_none()


def test_a_killed_relay_loses_its_attempts_and_leaves_no_process(field, shared):
    field.measure(field.head)
    commit = field.idea(4.0, SLEEPS)

    def kill(event):
        if isinstance(event, events.Progressed) and field.engine._relay:
            field.engine._relay.process.kill()

    batch = open_on(shared, field, commit, hook=kill)
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
