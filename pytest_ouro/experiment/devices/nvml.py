"""Read NVIDIA's cards from the driver's management library (NVML), in nvidia-smi's order."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.messages import devices as messages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIBRARY = "libnvidia-ml.so.1"
#: The largest number of processes that are read for one card.
_PROCESSES = 1024
#: Device nodes that every card needs; a machine may lack some of them.
_SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "dxg")
_AMD = ("kfd", "dri")
_DEV = Path("/dev")
_CAPABILITIES = Path("/proc/driver/nvidia/capabilities")


@dataclass(frozen=True)
class Card:
    """A card by its index, its UUID and the name of its model."""

    index: int
    uuid: str
    name: str

    def matches(self, word: str) -> bool:
        """Return whether a word of CUDA_VISIBLE_DEVICES, an index or the beginning of a UUID,
        selects this card. False for an empty word."""
        if word.isdigit():
            return int(word) == self.index
        return word != "" and self.uuid.startswith(word)


@dataclass(frozen=True)
class Access:
    """What a sandboxed run needs to use its one card.

    ``visible`` is the value for CUDA_VISIBLE_DEVICES: the UUID of the card or of its MIG instance;
    "" if NVIDIA's driver does not answer, or for a run on the processor alone. ``nodes`` are the
    paths of the device nodes that the run needs. In the results of ``_find_card`` and
    ``_find_instance`` they are names below ``/dev`` instead, such as ``nvidia0``.
    """

    visible: str
    nodes: tuple[str, ...]


class _Process(ctypes.Structure):
    """A process on a card, as the C structure ``nvmlProcessInfo_v2_t``; ``used`` is memory in
    bytes."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


def cards() -> list[Card]:
    """Return the cards of this machine; an empty list without a driver that answers."""
    with contextlib.suppress(OSError), _driver() as nvml:
        return _cards(nvml)
    return []


def driver_version() -> str:
    """Return the version of the driver, such as ``550.54.15``; "" if no driver answers."""
    with contextlib.suppress(OSError), _driver() as nvml:
        return _text(nvml.nvmlSystemGetDriverVersion)
    return ""


def foreign(cards: list[Card]) -> list[Mapping[str, str | int]]:
    """Return the processes that compute on these cards, except this one.

    Each has ``pid``, ``name`` ("?" if unknown) and ``memory_mb``, in units of 2**20 bytes (0 if
    unknown); one that uses two cards is listed for each. Empty if no driver answers.
    """
    with contextlib.suppress(OSError), _driver() as nvml:
        return [
            {
                "pid": found.pid,
                "name": clean(_text(nvml.nvmlSystemGetProcessName, found.pid), width=80) or "?",
                # All bits are set if the driver does not know it.
                "memory_mb": 0 if found.used + 1 == 1 << 64 else found.used >> 20,
            }
            for card in cards
            for found in _processes(nvml, card)
            if found.pid != os.getpid()
        ]
    return []


def access(environ: Mapping[str, str] = os.environ) -> Access:
    """Return what a sandboxed run needs to use the first card or MIG instance that
    CUDA_VISIBLE_DEVICES names in ``environ``, or card 0 if ``environ`` lacks the variable. Device
    nodes that do not exist are left out.

    If NVIDIA's driver does not answer, ``visible`` is "", and ``nodes`` are those of AMD's driver.
    Raise ExperimentError if NVIDIA's driver answers but does not know the card, or cannot state the
    number of its device node.
    """
    name = environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    try:
        with _driver() as nvml:
            find = _find_instance if name.startswith("MIG-") else _find_card
            found = find(nvml, name)
    except OSError:
        return Access("", _present(_AMD))
    return Access(found.visible, _present((*_SHARED, *found.nodes)))


def _present(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths of those device nodes that exist; ``names`` are names below ``/dev``."""
    return tuple(str(_DEV / name) for name in names if (_DEV / name).exists())


def _find_card(nvml: ctypes.CDLL, name: str) -> Access:
    """Return the `Access` to the card whose index is ``name``, or whose UUID begins with it.
    ``nodes`` has the card's own node alone, as a name below ``/dev``.

    On WSL, where one node leads to all cards, ``nodes`` is (). Raise ExperimentError if the driver
    knows no such card, or cannot state the number of its node.
    """
    for card in _cards(nvml):
        if card.matches(name):
            if (_DEV / "dxg").exists():  # WSL: one node leads to all cards
                return Access(card.uuid, ())
            minor = _node_number(nvml.nvmlDeviceGetMinorNumber, _handle(nvml, card.index))
            return Access(card.uuid, (f"nvidia{minor}",))
    raise messages.no_such_card(name)


def _find_instance(nvml: ctypes.CDLL, name: str) -> Access:
    """Return the `Access` to the MIG instance with the UUID ``name``. ``nodes`` has the nodes of
    its card and of the instance, as names below ``/dev``.

    Raise ExperimentError if the driver knows no such instance, or cannot state the numbers of the
    card and the instance. With these numbers, the numbers of the instance's own nodes are read from
    the files in ``/proc``; a node whose file is missing is left out.
    """
    part, card = ctypes.c_void_p(), ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(part)) != 0:
        raise messages.no_such_card(name)
    nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(part, ctypes.byref(card))
    minor = _node_number(nvml.nvmlDeviceGetMinorNumber, card)
    instance = _node_number(nvml.nvmlDeviceGetGpuInstanceId, part)
    compute = _node_number(nvml.nvmlDeviceGetComputeInstanceId, part)
    folder = _CAPABILITIES / f"gpu{minor}/mig/gi{instance}"
    nodes = [f"nvidia{minor}"]
    for file in (folder / "access", folder / f"ci{compute}/access"):
        text = file.read_text("utf-8", "replace") if file.exists() else ""
        if found := re.search(r"DeviceFileMinor:\s*(\d+)", text):
            nodes.append(f"nvidia-caps/nvidia-cap{found[1]}")
    return Access(name, tuple(nodes))


def _cards(nvml: ctypes.CDLL) -> list[Card]:
    """Return the cards whose UUID the driver reports, and so can reach; [] if it does not report
    how many there are."""
    count = ctypes.c_uint(0)
    if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    handles = [_handle(nvml, index) for index in range(count.value)]
    return [
        Card(index, uuid, _text(nvml.nvmlDeviceGetName, handle))
        for index, handle in enumerate(handles)
        if (uuid := _text(nvml.nvmlDeviceGetUUID, handle))
    ]


def _handle(nvml: ctypes.CDLL, index: int) -> ctypes.c_void_p:
    """Return the handle by which NVML functions know the card with this index; a null handle if
    there is no such card."""
    handle = ctypes.c_void_p()
    nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
    return handle


def _processes(nvml: ctypes.CDLL, card: Card) -> list[_Process]:
    """Return the processes that compute on a card.

    Empty if the driver is older than version 510 or refuses the query, as it does for more than
    ``_PROCESSES`` processes.
    """
    count, found = ctypes.c_uint(_PROCESSES), (_Process * _PROCESSES)()
    ask = getattr(nvml, "nvmlDeviceGetComputeRunningProcesses_v3", None)
    if ask is None or ask(_handle(nvml, card.index), ctypes.byref(count), found) != 0:
        return []
    return found[: count.value]


def _text(function: ctypes._NamedFuncPointer, *arguments: Any) -> str:
    """Call an NVML function with these arguments and a buffer; return the text that it writes, or
    "" if it fails."""
    text = ctypes.create_string_buffer(256)
    failed = function(*arguments, text, ctypes.c_uint(len(text)))
    return "" if failed else text.value.decode(errors="replace")


def _node_number(function: ctypes._NamedFuncPointer, handle: ctypes.c_void_p) -> int:
    """Call an NVML function that reports one number about a card or MIG instance (``handle``), and
    return the number; ExperimentError if it fails."""
    number = ctypes.c_uint(0)
    if function(handle, ctypes.byref(number)) != 0:
        raise messages.no_device_node()
    return number.value


@contextmanager
def _driver() -> Iterator[ctypes.CDLL]:
    """Load and initialise NVML, and yield it until the context ends, which shuts it down.

    Raise OSError if there is no NVML, or if no driver answers.
    """
    nvml = ctypes.CDLL(LIBRARY)
    if nvml.nvmlInit_v2() != 0:
        raise OSError("the driver does not answer")
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()
