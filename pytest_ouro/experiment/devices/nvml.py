"""The one card of a run: how it is named to CUDA, and the device nodes that lead to it."""

from __future__ import annotations

import ctypes
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What every card needs; not all of them are on every machine.
_SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "dxg")
_AMD = ("kfd", "dri")
_DEV = Path("/dev")
_CAPABILITIES = Path("/proc/driver/nvidia/capabilities")


@dataclass(frozen=True)
class Card:
    """``name`` is for CUDA_VISIBLE_DEVICES, "" where the driver names none."""

    name: str
    nodes: tuple[str, ...]


def card(environ: Mapping[str, str] = os.environ, *, library: str = "libnvidia-ml.so.1") -> Card:
    """The first card that CUDA_VISIBLE_DEVICES allows; a number counts as nvidia-smi does.

    ExperimentError where it allows none that the driver knows.
    """
    asked = environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    try:
        with _driver(library) as nvml:
            name, own = _find(nvml, asked)
    except OSError:
        return Card("", _present(_AMD))
    return Card(name, _present((*_SHARED, *own)))


def _present(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(_DEV / name) for name in names if (_DEV / name).exists())


def _find(nvml: ctypes.CDLL, asked: str) -> tuple[str, tuple[str, ...]]:
    """The full name of a card, or of a part of one (MIG), and the nodes of its own."""
    handle = ctypes.c_void_p()
    if asked.isdigit():
        found = nvml.nvmlDeviceGetHandleByIndex_v2(int(asked), ctypes.byref(handle)) == 0
    elif asked.startswith("MIG-"):
        found = nvml.nvmlDeviceGetHandleByUUID(asked.encode(), ctypes.byref(handle)) == 0
        if found:
            return asked, _nodes_of_part(nvml, handle)
    else:
        handle, found = _by_beginning(nvml, asked)
    if not found:
        raise ExperimentError(
            f"CUDA_VISIBLE_DEVICES={asked}: there is no such card",
            help="name one of those that `nvidia-smi -L` lists",
        )
    if (_DEV / "dxg").exists():  # WSL: one node leads to all cards
        return _uuid(nvml, handle), ()
    return _uuid(nvml, handle), (f"nvidia{_number(nvml.nvmlDeviceGetMinorNumber, handle)}",)


def _by_beginning(nvml: ctypes.CDLL, asked: str) -> tuple[ctypes.c_void_p, bool]:
    """The card whose UUID begins so, as CUDA allows."""
    for index in range(_number(nvml.nvmlDeviceGetCount_v2)):
        handle = ctypes.c_void_p()
        nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
        if asked and _uuid(nvml, handle).startswith(asked):
            return handle, True
    return ctypes.c_void_p(), False


def _nodes_of_part(nvml: ctypes.CDLL, part: ctypes.c_void_p) -> tuple[str, ...]:
    """Of a MIG instance: the card, and the nodes that give access to just this instance."""
    whole = ctypes.c_void_p()
    nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(part, ctypes.byref(whole))
    minor = _number(nvml.nvmlDeviceGetMinorNumber, whole)
    instance = _number(nvml.nvmlDeviceGetGpuInstanceId, part)
    compute = _number(nvml.nvmlDeviceGetComputeInstanceId, part)
    folder = _CAPABILITIES / f"gpu{minor}/mig/gi{instance}"
    nodes = [f"nvidia{minor}"]
    for file in (folder / "access", folder / f"ci{compute}/access"):
        text = file.read_text() if file.exists() else ""
        if found := re.search(r"DeviceFileMinor:\s*(\d+)", text):
            nodes.append(f"nvidia-caps/nvidia-cap{found[1]}")
    return tuple(nodes)


def _uuid(nvml: ctypes.CDLL, handle: ctypes.c_void_p) -> str:
    name = ctypes.create_string_buffer(96)
    nvml.nvmlDeviceGetUUID(handle, name, ctypes.c_uint(len(name)))
    return name.value.decode()


def _number(function: ctypes._NamedFuncPointer, *arguments: ctypes.c_void_p) -> int:
    number = ctypes.c_uint(0)
    if function(*arguments, ctypes.byref(number)) != 0:
        raise ExperimentError(
            "the driver does not say which device node leads to the card",
            help="see whether `nvidia-smi` works",
        )
    return number.value


@contextmanager
def _driver(library: str) -> Iterator[ctypes.CDLL]:
    """NVIDIA's management library; OSError where there is no driver."""
    nvml = ctypes.CDLL(library)
    if nvml.nvmlInit_v2() != 0:
        raise OSError("the driver does not answer")
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()
