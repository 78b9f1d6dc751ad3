"""Which nodes of a cluster a batch can use, on which device, in how many places."""

import json
import time

import pytest

from pytest_ouro import __version__
from pytest_ouro.core.errors import OuroError
from pytest_ouro.experiment.engines.on_ray import node as nodes
from pytest_ouro.experiment.engines.on_ray.choice import Node, choose, find_fault, places_of
from pytest_ouro.experiment.engines.on_ray.node import describe_skew, look, read_facts
from pytest_ouro.experiment.engines.on_ray.wire import Data, Facts, Found, Setup

SETUP = Setup(address="local", version="1", device="auto")


def setup_with(**changes):
    return Setup(**{"address": "local", "version": "1", "device": "auto", **changes})


def node(name="a", *, cpus=4.0, gpus=0.0, **facts):
    known = {"version": "1", "machine": name, "processor": "Xeon", "free": 1000, "cache": "/c"}
    return Node(f"id-{name}", name, cpus, gpus, Facts(**{**known, **facts}))


def test_cards_are_used_where_there_are_some():
    with_cards = node("b", gpus=2.0, cards=("H100", "H100"))

    device = choose([node("a"), with_cards], SETUP)

    assert (device.kind, device.name) == ("cuda", "H100")
    assert places_of(with_cards, device, SETUP) == (2, 0, 1)
    assert places_of(node("a"), device, SETUP).number == 0


def test_of_two_models_the_one_with_most_places_is_used():
    small, large = node("a", gpus=1.0, cards=("A100",)), node("b", gpus=2.0, cards=("H100",) * 2)

    device = choose([small, large], SETUP)

    assert device.name == "H100"
    fault = find_fault(small, device, SETUP)
    assert fault.message == "node a is not used: its device is A100, and that of the batch H100"


def test_the_model_of_the_last_keep_is_preferred():
    found = [node("a", gpus=1.0, cards=("A100",)), node("b", gpus=2.0, cards=("H100",) * 2)]

    assert choose(found, setup_with(prefer="A100")).name == "A100"
    assert choose(found, setup_with(prefer="V100")).name == "H100"


def test_a_node_with_cards_of_two_models_is_not_used():
    mixed, good = node("a", gpus=2.0, cards=("A100", "H100")), node("b", gpus=1.0, cards=("H100",))

    device = choose([mixed, good], SETUP)

    assert "its cards are of several models" in find_fault(mixed, device, SETUP).message


@pytest.mark.parametrize(("cpus", "slots", "places"), [(8, 2, (2, 4, 0)), (3, 2, (2, 1, 0))])
def test_a_place_on_the_processor_is_a_slot_with_its_share_of_the_cpus(cpus, slots, places):
    one, setup = node(cpus=float(cpus)), setup_with(device="cpu", slots=slots)

    assert places_of(one, choose([one], setup), setup) == places


def test_a_head_without_resources_is_left_out_in_silence():
    head, setup = node("head", cpus=0.0), setup_with(device="cpu", slots=2)

    device = choose([head, node("a")], setup)

    assert find_fault(head, device, setup) is None
    assert places_of(head, device, setup).number == 0


@pytest.mark.parametrize(
    ("facts", "setup", "says"),
    [
        ({"version": "2"}, {}, "the worker has pytest-ouro 2, and this process 1"),
        ({"free": 3}, {}, "the disk of /c is full: 3 MB are free, and a run needs 16"),
        ({"cpu": Found(missing=("~/d/*.bin",))}, {}, "it lacks the data ~/d/*.bin"),
        (
            {"cpu": Found(digest="bb")},
            {"cpu": Data(digest="aa")},
            "its data has the sha256 bb, and that of the batch aa",
        ),
        ({"fault": "no home"}, {}, "the worker failed: no home"),
    ],
)
def test_what_makes_a_node_useless_is_one_line_with_a_help(facts, setup, says):
    one = node(**facts)

    with pytest.raises(OuroError) as caught:
        choose([one], setup_with(**setup))

    assert caught.value.message.startswith("node a is not used: ")
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.help


def test_other_nodes_are_used_meanwhile():
    bad, good = node("a", version="2"), node("b")

    device = choose([bad, good], SETUP)

    assert places_of(bad, device, SETUP).number == 0
    assert places_of(good, device, SETUP).number == 1


def test_data_that_a_worker_makes_may_be_missing():
    one = node(cpu=Found(missing=("~/d/*.bin",)))

    assert choose([one], setup_with(made=True)).digest == ""


def test_the_data_of_the_device_counts():
    """A bound may state other data for each kind of device."""
    one = node(gpus=1.0, cards=("H100",), cpu=Found(digest="aa"), cuda=Found(digest="bb"))

    assert choose([one], setup_with(cuda=Data(digest="bb"))).digest == "bb"
    assert choose([one], setup_with(device="cpu", cpu=Data(digest="aa"))).digest == "aa"
    with pytest.raises(OuroError, match="its data has the sha256 bb, and that of the batch cc"):
        choose([one], setup_with(cpu=Data(digest="aa"), cuda=Data(digest="cc")))


def test_cards_whose_data_is_missing_do_not_let_the_processor_be_measured():
    one = node(gpus=1.0, cards=("H100",), cuda=Found(missing=("~/d/*.bin",)))

    with pytest.raises(OuroError, match=r"it lacks the data ~/d/\*.bin"):
        choose([one], SETUP)


def test_without_the_data_here_that_of_most_nodes_counts():
    found = [node(name, cpu=Found(digest=digest)) for name, digest in ("ax", "by", "cy")]

    device = choose(found, SETUP)

    assert device.digest == "y"
    assert "its data has the sha256 x" in find_fault(found[0], device, SETUP).message


def test_a_cluster_that_shares_out_nothing():
    with pytest.raises(OuroError, match="no node of the cluster shares out CPUs"):
        choose([node(cpus=0.0)], SETUP)
    with pytest.raises(OuroError, match="shares out fewer than 8 CPUs there"):
        choose([node(cpus=4.0)], setup_with(device="cpu", slots=8))
    with pytest.raises(OuroError, match="no node of the cluster shares out cards"):
        choose([node()], setup_with(device="cuda"))


@pytest.mark.parametrize(
    ("ahead", "says"), [(100, "100 s ahead of the one here"), (-100, "100 s behind the one here")]
)
def test_a_clock_that_differs_is_said(ahead, says):
    error = describe_skew("a", node(clock=1000.0 + ahead).facts, 1000.0, 1000.0)

    assert says in error.message
    assert error.help
    assert describe_skew("a", node(clock=1005.0).facts, 1000.0, 1001.0) is None
    assert describe_skew("a", node(clock=1500.0).facts, 1000.0, 2000.0) is None  # a slow answer


def test_a_node_tells_its_facts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "d.bin").write_bytes(b"data")

    setup = setup_with(
        version=__version__,
        cpu=Data(outside=(f"{tmp_path}/*.bin",)),
        cuda=Data(outside=("/gone/*.bin",)),
    )

    before, here, after = time.time(), read_facts(look(setup.line())), time.time()

    assert not here.fault
    assert here.machine == nodes.machine()
    assert before <= here.clock <= after
    assert here.free > 0
    assert (here.cpu.missing, len(here.cpu.digest)) == ((), 64)
    assert here.cuda == Found(missing=("/gone/*.bin",))


def test_a_node_that_cannot_tell_says_why(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")

    facts = read_facts(look(setup_with(version=__version__).line()))

    assert "path is not absolute" in facts.fault


def test_of_another_version_nothing_is_read_but_that():
    """The setup and the facts of another version may have other attributes."""
    later = json.dumps({"kind": "setup", "version": "9.0", "unknown": 1}).encode()
    assert read_facts(look(later)) == Facts(version=__version__)

    answer = json.dumps({"kind": "facts", "version": "9.0", "unknown": 1}).encode()
    assert read_facts(answer) == Facts(version="9.0")
    with pytest.raises(ValueError, match="version"):
        read_facts(b"[]")
