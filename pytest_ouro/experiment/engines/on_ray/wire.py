"""What travels between the engine and its relay, beside the messages of workers."""

from __future__ import annotations

from typing import ClassVar

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.engines.events import Message, add_kind


@dataclass(frozen=True, kw_only=True)
class Setup(Message):
    """The first message to a relay: which cluster, and what a batch needs of its nodes.

    ``address`` is HOST:PORT, "auto" for the cluster that this machine belongs to, or "local" for a
    new one. ``device`` is "cpu", "cuda", or "auto": "cuda" if a node has a card. ``slots`` is the
    number of slots of a node's processor. ``prefer`` is the name of the device that is used if the
    cluster has several models ("": the one with most places). ``data`` are the patterns of the data
    that no candidate brings, ``digest`` is the digest of that data on this machine ("": it is
    missing here), and ``made`` says whether a worker can make it. ``worker`` are the words that
    start a worker, () for ours.
    """

    kind: ClassVar[str] = "setup"
    address: str
    version: str
    device: str
    slots: int = 1
    prefer: str = ""
    data: tuple[str, ...] = ()
    digest: str = ""
    made: bool = False
    worker: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cluster(Message):
    """What a relay found, sent again when the number of ``places`` changes: all are on devices with
    the name ``device_name``, of the kind ``device`` ("cpu" or "cuda"). ``unsure`` is the number of
    further places whose node may be gone. ``is_here``: this machine is one of the nodes. ``digest``
    is that of the data on the nodes, "" if it is not made yet."""

    kind: ClassVar[str] = "cluster"
    places: int
    device: str
    device_name: str
    unsure: int = 0
    is_here: bool = False
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class GiveUp(Message):
    """An attempt is to be ended, and counts as lost, for the reason ``why``."""

    kind: ClassVar[str] = "give-up"
    why: str


@dataclass(frozen=True, kw_only=True)
class Cancel(Message):
    """All attempts are to be interrupted."""

    kind: ClassVar[str] = "cancel"


for _kind in (Setup, Cluster, GiveUp, Cancel):
    add_kind(_kind)
