"""What is wrong with a cluster or a node is one line, and data is compared on each node."""

import contextlib
import http.server
import platform
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

import pytest_ouro
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.batch.choose import make_engine
from pytest_ouro.experiment.engines.on_ray import engine as engines
from pytest_ouro.experiment.engines.on_ray.engine import RayEngine
from pytest_ouro.experiment.engines.on_ray.wire import Data, Setup

from .conftest import CORES

pytest.importorskip("ray", reason="Ray is not installed: pip install 'pytest-ouro[ray]'")
from .ray_nodes import Nodes, measure

pytestmark = [
    pytest.mark.tier(3),
    pytest.mark.skipif(CORES < 2, reason="a node has two slots"),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cluster of two nodes that stay."""
    nodes = Nodes(tmp_path_factory.mktemp("cluster"), 2)
    yield nodes
    nodes.close()


def refuse(address, relay=engines._RELAY, **setup):
    """The error that a batch with this setup meets."""
    given = {"version": pytest_ouro.__version__, "device": "cpu", "slots": 2, **setup}
    with pytest.raises(OuroError) as caught:
        RayEngine(Setup(address=address, **given), relay=relay)
    assert "\n" not in caught.value.message
    assert caught.value.help
    return caught.value.message


def test_another_version_of_ours_is_one_line(shared):
    found = refuse(shared.address, version="0.0.9")

    here = pytest_ouro.__version__
    assert found.endswith(f"is not used: the worker has pytest-ouro {here}, and this process 0.0.9")


@pytest.mark.parametrize("versions", ["2.1.0 3.9.1", "2.1.0 {python}", "{ray} 3.9.1"])
def test_another_version_of_ray_or_python_is_one_line(tmp_path, versions):
    import ray

    python = platform.python_version()
    versions = versions.format(python=python, ray=ray.__version__)
    nodes = Nodes(tmp_path, 0, versions=versions)
    try:
        found = refuse(nodes.address)
    finally:
        nodes.close()

    assert found == (
        f"the Ray cluster at {nodes.address} has Ray {versions.replace(' ', ' on Python ')}, "
        f"and this process Ray {ray.__version__} on Python {python}"
    )


def test_missing_data_is_one_line(shared):
    found = refuse(shared.address, cpu=Data(outside=("/gone/*.bin",)))

    assert found.startswith("node ")
    assert found.endswith(" is not used: it lacks the data /gone/*.bin")


@pytest.fixture
def elsewhere(monkeypatch):
    """The words of a relay in a namespace without the processes of the nodes, as on another
    machine."""
    monkeypatch.setenv("RAY_gcs_server_request_timeout_seconds", "20")
    apart = ("unshare", "-r", "-p", "-f", "--mount-proc")
    if subprocess.run([*apart, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespace can be made here")
    return (*apart, *engines._RELAY)


def test_a_machine_without_a_cluster_is_one_line(elsewhere, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))

    assert "Ray cluster" in refuse("auto", elsewhere)


def test_a_machine_that_is_not_a_node_is_one_line(shared, elsewhere):
    found = refuse(shared.address, elsewhere)

    assert found == (
        f"the Ray cluster at {shared.address} lets in its nodes alone, and this machine is not one"
    )


def test_a_server_that_is_not_a_cluster_is_one_line():
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        found = refuse(address)
        server.shutdown()

    assert found.startswith(f"the Ray cluster at {address} cannot be reached: ")


@pytest.fixture
def with_data(field, shared):
    """``with_data(…)``: the toy experiment with data, a part of which is committed; opens its
    engine on the cluster, and returns that and what it said. The data on the nodes is removed
    afterwards."""
    opened = []

    def with_data(here="x", there=(), prepare=""):
        more = 'prepare = "prepare.py"\n' if prepare else ""
        globs = '["d/*.bin", "~/far/*.bin"]'
        field.project.edit("bound.toml", "metric ", f"{more}data = {globs}\nmetric ")
        field.project.write({"d/1.bin": "1", **({"prepare.py": prepare} if prepare else {})})
        homes = (Path.home(), *map(shared.home, range(len(there))))
        for home, text in zip(homes, (here, *there), strict=True):
            if text:
                (home / "far").mkdir()
                (home / "far/2.bin").write_text(text)
        field.project.bless()
        case, said = open_case(field.path / "bound.toml", run_commands=True), []
        stack = contextlib.ExitStack()
        opened.append((case, stack))
        _, make = make_engine(case, "cpu", 0, shared.address, stack, said.append)
        return make(), said

    yield with_data
    for case, stack in opened:
        stack.close()
        case.close()
    for node in (0, 1):
        shutil.rmtree(shared.home(node) / "far", ignore_errors=True)


def test_nodes_with_the_same_data_are_used(with_data):
    engine, said = with_data("x", ["x", "x"])

    assert (engine.capacity, len(engine.elsewhere.digest)) == (4, 64)
    assert len(said) == 1


def test_a_node_with_other_data_is_left_out_with_one_line(with_data):
    engine, said = with_data("x", ["x", "y"])

    assert engine.capacity == 2
    [line] = [one for one in said if "warning" in one]
    assert " is not used: its data has the sha256 " in line
    assert f", and that of the batch {engine.elsewhere.digest[:12]}; " in line


def test_a_node_without_the_data_is_left_out_with_one_line(with_data):
    engine, said = with_data("x", ["", "x"])

    assert engine.capacity == 2
    assert any("is not used: it lacks the data ~/far/*.bin; copy" in one for one in said)


def test_without_the_data_here_that_of_the_nodes_counts(with_data):
    engine, _ = with_data("", ["x", "x"])

    assert (engine.capacity, len(engine.elsewhere.digest)) == (4, 64)


MAKES = """\
import pathlib
far = pathlib.Path("~/far").expanduser()
far.mkdir(exist_ok=True)
(far / "2.bin").write_text("made")
"""


def test_missing_data_is_made_on_each_node(field, with_data):
    """It is missing here too: the digest that the first run states is that of the batch."""
    engine, _ = with_data("", ["", ""], prepare=MAKES)
    engine._found = replace(engine._found, is_here=False)
    commits = [field.idea(4.0 - n / 10) for n in range(4)]
    batch = field.open(*commits)
    batch._make_engine = lambda: engine

    outcome = measure(batch, commits)

    assert engine.elsewhere.digest == ""
    assert len(outcome.results) == 4
    [digest] = {run.data for run in field.runs()}
    assert len(digest) == 64
    assert {run.best_commit for run in field.runs() if run.plan} == {field.head}
