"""What travels between the engine and its relay, beside the messages of workers."""

from __future__ import annotations

from typing import ClassVar

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.engines.events import Message, add_kind


@dataclass(frozen=True, kw_only=True)
class Data(Message):
    """The data that a batch is measured on: ``outside`` are the globs of what no candidate brings,
    ``brought`` the lines (`Fingerprints.lines`) of the files that each brings. ``digest`` is that
    of all of it on this machine, "" if a file outside is missing here, or there is no file."""

    kind: ClassVar[str] = "data"
    outside: tuple[str, ...] = ()
    brought: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Found(Message):
    """What a node has of the `Data` of a batch: the globs of which it has no file, and the digest
    of all of it, "" if something is missing or there is no data."""

    kind: ClassVar[str] = "found"
    missing: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts(Message):
    """What a node says about itself: the ``version`` of pytest-ouro; its ``machine``, which differs
    between machines; its ``clock`` in seconds since 1970; the name of its processor as a place of
    it is called; the models of its cards, () without any; the megabytes that are ``free`` in the
    folder ``cache``, for workers; what it has of the data on "cpu" and on "cuda". ``fault`` is why
    it cannot tell."""

    kind: ClassVar[str] = "facts"
    version: str
    machine: str = ""
    clock: float = 0.0
    processor: str = ""
    cards: tuple[str, ...] = ()
    cache: str = ""
    free: int = 0
    cpu: Found = Found()
    cuda: Found = Found()
    fault: str = ""

    def found(self, kind: str) -> Found:
        """Return what the node has of the data on the device ``kind``."""
        return self.cuda if kind == "cuda" else self.cpu


@dataclass(frozen=True, kw_only=True)
class Setup(Message):
    """The first message to a relay: which cluster, and what a batch needs of its nodes.

    ``address`` is HOST:PORT, "auto" for the cluster that this machine belongs to, or "local" for a
    new one. ``device`` is "cpu", "cuda", or "auto": "cuda" if a node has a card. ``slots`` is the
    number of slots of a node's processor. ``prefer`` is the name of the device that is used if the
    cluster has several models ("": the one with most places). ``cpu`` and ``cuda`` are the data on
    each kind of device, and ``made`` says whether a worker can make it. ``worker`` are the words
    that start a worker, () for ours.
    """

    kind: ClassVar[str] = "setup"
    address: str
    version: str
    device: str
    slots: int = 1
    prefer: str = ""
    cpu: Data = Data()
    cuda: Data = Data()
    made: bool = False
    worker: tuple[str, ...] = ()

    def data(self, kind: str) -> Data:
        """Return the data on the device ``kind``."""
        return self.cuda if kind == "cuda" else self.cpu


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


for _kind in (Setup, Data, Found, Facts, Cluster, GiveUp, Cancel):
    add_kind(_kind)
