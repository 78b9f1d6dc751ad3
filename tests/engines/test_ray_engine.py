"""The engine of a Ray cluster, whose relay is a stand-in; and its option."""

import json
import socket
import time

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.on_ray import engine as engines
from pytest_ouro.experiment.engines.on_ray.engine import RayEngine, find_address
from pytest_ouro.experiment.engines.on_ray.explain import brief, explain
from pytest_ouro.experiment.engines.on_ray.relay import demand_reachable
from pytest_ouro.experiment.engines.on_ray.wire import Cluster, Setup

SETUP = Setup(address="head:6379", version="1", device="cpu")
REQUEST = events.Request(
    attempt="a1", commit="c" * 40, head="c" * 40, trust="c" * 40, named=True, bound="bound.toml",
    base="/gone", base_digest="0" * 64, bundle=b"", digest="0" * 64, version="0",
)  # fmt: skip


def line_of(message):
    return message.line().decode().strip()


FOUND = Cluster(places=2, device="cpu", device_name="Xeon", digest="d")
LOST = events.Lost(attempt="a1", why="gone")


@pytest.fixture
def connect(tmp_path):
    """``connect("commands")``: an engine whose relay is this shell script after it read its
    setup."""
    made, said = [], []

    def connect(script):
        program = tmp_path / "relay"
        program.write_text(f"#!/bin/sh\nread line\n{script}\n")
        program.chmod(0o755)
        made.append(RayEngine(SETUP, said.append, relay=(str(program),)))
        return made[-1]

    connect.said = said
    yield connect
    for engine in made:
        engine.close()


def events_of(engine, count=1):
    found, deadline = [], time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        found += engine.wait(0.1)
    return found


def test_a_cluster_is_described(connect):
    engine = connect(f"echo '{line_of(FOUND)}'; read line")

    assert (engine.capacity, engine.is_local) == (2, False)
    assert engine.elsewhere == ("Xeon", "d")
    assert connect.said == ["ouro: head:6379: 2 places on Xeon"]


def test_events_of_the_relay_are_those_of_the_attempt(connect):
    other = line_of(events.Said(attempt="a0", text="old"))
    about = line_of(events.Said(text="ouro: warning: a clock"))
    sent = "; ".join(f"echo '{one}'" for one in (other, about, line_of(LOST)))
    engine = connect(f"echo '{line_of(FOUND)}'; read line; {sent}; read line")
    engine.start(REQUEST)

    assert events_of(engine) == [LOST]
    assert connect.said[1:] == ["ouro: warning: a clock"]


def test_the_number_of_places_changes(connect):
    less = line_of(Cluster(places=1, device="cpu", device_name="Xeon"))
    said = line_of(events.Said(attempt="a1", text="x"))
    engine = connect(f"echo '{line_of(FOUND)}'; read line; echo '{less}'; echo '{said}'; read line")
    engine.start(REQUEST)

    events_of(engine)

    assert engine.capacity == 1
    assert connect.said[-1] == "ouro: 1 place on Xeon now"


def test_a_cluster_that_cannot_be_used_is_an_error(connect):
    refused = line_of(events.Refused(text="no such cluster", help="start one"))

    with pytest.raises(OuroError) as caught:
        connect(f"echo '{refused}'; exit 2")

    assert (caught.value.message, caught.value.help) == ("no such cluster", "start one")


def test_a_relay_that_ends_at_once_is_an_error(connect):
    with pytest.raises(OuroError) as caught:
        connect("echo 'cannot import' >&2; exit 1")

    assert caught.value.message == (
        "the Ray cluster at head:6379 cannot be reached: "
        "the driver of Ray ended with exit status 1: cannot import"
    )


def test_a_relay_that_dies_loses_all_attempts(connect):
    engine = connect(f"echo '{line_of(FOUND)}'; read line; kill -9 $$")
    engine.start(REQUEST)

    [lost] = events_of(engine)

    assert (lost.attempt, lost.why) == ("a1", "the driver of Ray ended with signal 9")
    assert engine.capacity == 0
    with pytest.raises(OuroError, match="the cluster has no place left: the driver of Ray ended"):
        engine.wait(0)
    with pytest.raises(OuroError, match="the connection to the Ray cluster failed"):
        engine.start(REQUEST)


def test_a_place_whose_node_may_be_gone_is_waited_for(connect):
    unsure = line_of(Cluster(places=0, unsure=1, device="cpu", device_name="Xeon"))
    engine = connect(f"echo '{unsure}'; read line; sleep 60")

    assert engine.wait(0) == []


def test_a_cluster_without_a_place_is_an_error(connect):
    gone = line_of(Cluster(places=0, device="cpu", device_name="Xeon"))
    engine = connect(f"echo '{gone}'; read line; sleep 60")

    with pytest.raises(OuroError, match="the cluster has no place left: all nodes are gone"):
        engine.wait(0)


def test_an_end_is_the_end_of_the_relay(connect, tmp_path):
    engine = connect(
        f"echo '{line_of(FOUND)}'; read cancel; while read line; do :; done; "
        f'echo "$cancel" > {tmp_path}/got'
    )
    engine.cancel()

    engine.close()

    assert json.loads((tmp_path / "got").read_text())["kind"] == "cancel"


def test_without_ray_the_option_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)

    with pytest.raises(OuroError) as caught:
        RayEngine(SETUP)

    assert "needs Ray, which is not installed" in caught.value.message
    assert caught.value.help == "pip install 'pytest-ouro[ray]'"


def test_the_address_is_named_or_that_of_the_variable(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert find_address("") == "local"  # never a cluster that happens to run
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert find_address("") == "10.0.0.1:6379"
    assert find_address("auto") == "auto"
    assert find_address("[::1]:6379") == "[::1]:6379"


@pytest.mark.parametrize("word", ["head", "ray://head:10001", "head:port", ":6379"])
def test_a_malformed_address_is_an_error(word):
    with pytest.raises(OuroError, match="is not the address of a Ray cluster"):
        find_address(word)


def test_an_address_where_nobody_answers_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    with pytest.raises(OuroError) as caught:
        demand_reachable(f"127.0.0.1:{port}")
    with pytest.raises(OuroError, match="cannot be reached"):
        demand_reachable("127.0.0.1:99999")

    assert caught.value.message == (
        f"the Ray cluster at 127.0.0.1:{port} cannot be reached: Connection refused"
    )
    assert caught.value.help


def test_an_address_where_a_server_listens_is_accepted():
    with socket.create_server(("127.0.0.1", 0)) as server:
        demand_reachable(f"127.0.0.1:{server.getsockname()[1]}")
    demand_reachable("local")


MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.55.0
    Python: 3.12.1
This process on node 10.0.0.2 was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


def raised_from(text):
    """The error of Ray that has one with this text as its cause."""
    error = ConnectionError("Failed to connect to Ray cluster at h:1")
    error.__cause__ = RuntimeError(text)
    return error


@pytest.mark.parametrize(
    ("address", "error", "says"),
    [
        (
            "h:1",
            RuntimeError(MISMATCH),
            "the Ray cluster at h:1 has Ray 2.55.0 on Python 3.12.1, and this process Ray 2.60.0 "
            "on Python 3.11.7",
        ),
        ("auto", ConnectionError("no"), "this machine belongs to no Ray cluster that runs"),
        (
            "h:1",
            raised_from("No node info found … when trying to resolve node to connect to."),
            "the Ray cluster at h:1 lets in its nodes alone, and this machine is not one",
        ),
        (
            "h:1",
            ConnectionError("no route\nto it"),
            "the Ray cluster at h:1 cannot be reached: no r",
        ),
    ],
)
def test_what_ray_raises_is_one_line(address, error, says):
    found = explain(address, error)

    assert says in found.message
    assert "\n" not in found.message
    assert found.help


def test_of_an_error_of_ray_the_cause_is_quoted():
    text = "The actor died.\n\tclass_name: Place\nThe actor died because its node has died. Id: 1\n"

    assert brief(RuntimeError(text)) == "The actor died because its node has died. Id: 1"
    assert brief(RuntimeError("")) == "RuntimeError"


@pytest.mark.parametrize("word", ["ray=", "ray=head", "rays"])
def test_an_option_that_names_no_cluster_is_refused(field, run_pytest, word):
    result = run_pytest("--ouro-experiment", "--ouro-candidates", "HEAD", "--ouro-engine", word)

    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_dead_address_is_one_line_for_all_candidates(field, run_pytest, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'pytest-ouro[ray]'")
    one, other = field.idea(4.0), field.idea(4.5, "x = 1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"

    result = run_pytest(
        "--ouro-experiment", "--ouro-candidates", one, other, "--ouro-engine", f"ray={address}"
    )

    assert result.ret == 1
    assert sum("cannot be reached: Connection refused" in one for one in result.outlines) >= 2
    assert result.outlines[-1] == "ouro: closed reason=cannot-run"
    assert not field.runs()
