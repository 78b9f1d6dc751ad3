"""Choose the device of a batch, and the places for it: of all nodes that can be used, those with
one model of device, as runs on two models are not compared."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.experiment.engines.on_ray.node import refuse, refuse_data
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.experiment.engines.on_ray.wire import Facts, Setup


class Node(NamedTuple):
    """A node of a cluster: its id, its name, the CPUs and GPUs that Ray shares out there, and its
    facts."""

    id: str
    name: str
    cpus: float
    gpus: float
    facts: Facts


class Device(NamedTuple):
    """What a batch is measured on: the kind "cpu" or "cuda", the name of the model, and the digest
    of the data ("": it is not made yet)."""

    kind: str
    name: str
    digest: str


class Places(NamedTuple):
    """The places of a node: how many, and the CPUs and GPUs that each has of Ray."""

    number: int
    cpus: float
    gpus: int


def choose(nodes: Sequence[Node], setup: Setup) -> Device:
    """Return the device of a batch: the one that ``setup`` prefers, if there are places on it,
    otherwise the one with most places. Raise OuroError, which says why, if no node can be used."""
    usable = [node for node in nodes if not refuse(node.name, node.facts, setup)]
    with_cards = [node for node in usable if node.gpus >= 1 and node.facts.cards]
    kind = ("cuda" if with_cards else "cpu") if setup.device == "auto" else setup.device
    known = Counter(node.facts.found(kind).digest for node in usable)
    del known[""]
    digest = setup.data(kind).digest or (known.most_common(1)[0][0] if known else "")
    counts: Counter[str] = Counter()
    for node in nodes:
        if not _refuse_node(node, kind, digest, setup):
            counts[_model(node, kind)] += _share(node, kind, setup).number
    if not counts.total():
        faults = [_refuse_node(node, kind, digest, setup) for node in nodes]
        faults += [
            find_fault(node, Device(kind, _model(node, kind), digest), setup) for node in nodes
        ]
        raise next(filter(None, faults), None) or messages.no_places(kind)
    name = setup.prefer if counts[setup.prefer] else counts.most_common(1)[0][0]
    return Device(kind, name, digest)


def _refuse_node(node: Node, kind: str, digest: str, setup: Setup) -> OuroError | None:
    """Return why a batch on the device ``kind``, with data of this ``digest``, cannot use a node,
    whatever model its device is; None if it can."""
    return refuse(node.name, node.facts, setup) or refuse_data(
        node.name, node.facts.found(kind), setup, digest
    )


def find_fault(node: Node, device: Device, setup: Setup) -> OuroError | None:
    """Return why a batch on ``device`` cannot use a node; None if it can, or if the only reason is
    that Ray shares out nothing there, as on a head node without resources."""
    if fault := _refuse_node(node, device.kind, device.digest, setup):
        return fault
    has = node.gpus if device.kind == "cuda" else node.cpus
    if has and not _share(node, device.kind, setup).number:
        return messages.too_few_for_places(node.name, device.kind, setup.slots)
    if has and _model(node, device.kind) != device.name:
        return messages.other_device(node.name, _model(node, device.kind), device.name)
    return None


def places_of(node: Node, device: Device, setup: Setup) -> Places:
    """Return the places of a node for a batch on ``device``; none if the node cannot be used."""
    fault = find_fault(node, device, setup)
    return Places(0, 0, 0) if fault else _share(node, device.kind, setup)


def _share(node: Node, kind: str, setup: Setup) -> Places:
    """Return the places that a node has: one for each GPU that Ray shares out, if all cards are of
    one model, or one for each slot of the processor, with an equal share of the CPUs; none if there
    are fewer CPUs than slots."""
    if kind == "cuda":
        same = len(set(node.facts.cards)) == 1
        return Places(int(node.gpus) if same else 0, 0, 1)
    share = int(node.cpus // setup.slots)
    return Places(setup.slots if share else 0, share, 0)


def _model(node: Node, kind: str) -> str:
    """Return the name of a node's device, as the record of a run there has it."""
    cards = node.facts.cards
    return node.facts.processor if kind == "cpu" else cards[0] if cards else "no card"
