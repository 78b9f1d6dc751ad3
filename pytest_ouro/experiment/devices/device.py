"""Which device a run uses, told without importing torch."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.errors import ExperimentError

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Device


def choose(wanted: Device) -> Literal["cpu", "cuda"]:
    """The profile to run: ``wanted``, or for "auto" CUDA where there is a card.

    ExperimentError where "cuda" is demanded and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    if cuda_present():
        return "cuda"
    if wanted == "cuda":
        raise ExperimentError(
            'no CUDA device here, and the bound demands one (device = "cuda")',
            help="rehearse on the CPU: pytest --ouro-experiment --ouro-device cpu",
        )
    return "cpu"


def cuda_present() -> bool:
    """Whether a card is visible: CUDA_VISIBLE_DEVICES allows one and the driver counts one."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "none", "NoDevFiles"):
        return False
    return _nvml_count() > 0 or Path("/dev/kfd").exists()


def _nvml_count() -> int:
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return 0
    count = ctypes.c_uint(0)
    if nvml.nvmlInit_v2() != 0:
        return 0
    try:
        return count.value if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0 else 0
    finally:
        nvml.nvmlShutdown()


def cpu_name() -> str:
    """The processor's model, as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
