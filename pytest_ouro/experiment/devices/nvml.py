"""NVIDIA's cards as the driver's management library (NVML) lists them, in nvidia-smi's order."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.terms.console_text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


LIBRARY = "libnvidia-ml.so.1"
#: How many processes of one card are asked for.
_PROCESSES = 1024
#: What every card needs; not all of them are on every machine.
_SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "dxg")
_AMD = ("kfd", "dri")
_DEV = Path("/dev")
_CAPABILITIES = Path("/proc/driver/nvidia/capabilities")


@dataclass(frozen=True)
class Card:
    index: int
    uuid: str
    name: str

    def matches(self, word: str) -> bool:
        """Whether a word of CUDA_VISIBLE_DEVICES selects this card: by its index, or by the
        beginning of its UUID."""
        if word.isdigit():
            return int(word) == self.index
        return word != "" and self.uuid.startswith(word)


@dataclass(frozen=True)
class Access:
    """How a sandboxed run reaches its one card: the value of CUDA_VISIBLE_DEVICES, "" where the
    driver names no card, and the device nodes."""

    visible: str
    nodes: tuple[str, ...]


class _Process(ctypes.Structure):
    """``nvmlProcessInfo_v2_t``."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


def cards() -> list[Card]:
    """Every card of this machine; none without a driver that answers."""
    with contextlib.suppress(OSError), _driver() as nvml:
        return _cards(nvml)
    return []


def driver_version() -> str:
    """The version of the driver; "" without one that answers."""
    with contextlib.suppress(OSError), _driver() as nvml:
        return _text(nvml.nvmlSystemGetDriverVersion)
    return ""


def foreign(cards: list[Card]) -> list[Mapping[str, str | int]]:
    """The processes of others that compute on these cards: ``pid``, ``name`` and ``memory_mb``."""
    with contextlib.suppress(OSError), _driver() as nvml:
        return [
            {
                "pid": found.pid,
                "name": clean(_text(nvml.nvmlSystemGetProcessName, found.pid), width=80) or "?",
                # All bits are set where the driver does not know it.
                "memory_mb": 0 if found.used + 1 == 1 << 64 else found.used >> 20,
            }
            for card in cards
            for found in _processes(nvml, card)
            if found.pid != os.getpid()
        ]
    return []


def access(environ: Mapping[str, str] = os.environ) -> Access:
    """The first card that CUDA_VISIBLE_DEVICES allows, or a part of one (MIG).

    ExperimentError where it allows none that the driver knows.
    """
    asked = environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    try:
        with _driver() as nvml:
            found = _part(nvml, asked) if asked.startswith("MIG-") else _whole(nvml, asked)
    except OSError:
        return Access("", _present(_AMD))
    return Access(found.visible, _present((*_SHARED, *found.nodes)))


def _present(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(_DEV / name) for name in names if (_DEV / name).exists())


def _whole(nvml: ctypes.CDLL, asked: str) -> Access:
    for card in _cards(nvml):
        if card.matches(asked):
            if (_DEV / "dxg").exists():  # WSL: one node leads to all cards
                return Access(card.uuid, ())
            minor = _node_number(nvml.nvmlDeviceGetMinorNumber, _handle(nvml, card.index))
            return Access(card.uuid, (f"nvidia{minor}",))
    raise _no_such_card(asked)


def _part(nvml: ctypes.CDLL, asked: str) -> Access:
    """A MIG instance: the node of its card, and those that give access to just this instance."""
    part, whole = ctypes.c_void_p(), ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByUUID(asked.encode(), ctypes.byref(part)) != 0:
        raise _no_such_card(asked)
    nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(part, ctypes.byref(whole))
    minor = _node_number(nvml.nvmlDeviceGetMinorNumber, whole)
    instance = _node_number(nvml.nvmlDeviceGetGpuInstanceId, part)
    compute = _node_number(nvml.nvmlDeviceGetComputeInstanceId, part)
    folder = _CAPABILITIES / f"gpu{minor}/mig/gi{instance}"
    nodes = [f"nvidia{minor}"]
    for file in (folder / "access", folder / f"ci{compute}/access"):
        text = file.read_text() if file.exists() else ""
        if found := re.search(r"DeviceFileMinor:\s*(\d+)", text):
            nodes.append(f"nvidia-caps/nvidia-cap{found[1]}")
    return Access(asked, tuple(nodes))


def _no_such_card(asked: str) -> ExperimentError:
    return ExperimentError(
        f"CUDA_VISIBLE_DEVICES={asked}: there is no such card",
        help="name one of those that `nvidia-smi -L` lists",
    )


def _cards(nvml: ctypes.CDLL) -> list[Card]:
    """The cards that the driver can reach."""
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
    handle = ctypes.c_void_p()
    nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
    return handle


def _processes(nvml: ctypes.CDLL, card: Card) -> list[_Process]:
    """The processes that compute on a card; none where the driver is too old to say (before 510)
    or does not say."""
    count, found = ctypes.c_uint(_PROCESSES), (_Process * _PROCESSES)()
    ask = getattr(nvml, "nvmlDeviceGetComputeRunningProcesses_v3", None)
    if ask is None or ask(_handle(nvml, card.index), ctypes.byref(count), found) != 0:
        return []
    return found[: count.value]


def _text(function: ctypes._NamedFuncPointer, *arguments: Any) -> str:
    """What a function writes as a text; "" where it fails."""
    text = ctypes.create_string_buffer(256)
    failed = function(*arguments, text, ctypes.c_uint(len(text)))
    return "" if failed else text.value.decode(errors="replace")


def _node_number(function: ctypes._NamedFuncPointer, handle: ctypes.c_void_p) -> int:
    number = ctypes.c_uint(0)
    if function(handle, ctypes.byref(number)) != 0:
        raise ExperimentError(
            "the driver does not say which device node leads to the card",
            help="see whether `nvidia-smi` works",
        )
    return number.value


@contextmanager
def _driver() -> Iterator[ctypes.CDLL]:
    """NVML; OSError where there is no driver, or none that answers."""
    nvml = ctypes.CDLL(LIBRARY)
    if nvml.nvmlInit_v2() != 0:
        raise OSError("the driver does not answer")
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()
