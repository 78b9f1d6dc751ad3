"""Which device a run uses and who else computes there, found without importing torch."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.devices import nvml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.experiment.devices.nvml import Card


Profile = Literal["cpu", "cuda"]


class Surroundings(NamedTuple):
    """The device's name, and the other programs that compute on it; None where it is no card."""

    device_name: str
    foreign: tuple[Mapping[str, str | int], ...] | None = None


def choose(wanted: Device) -> Profile:
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
    return bool(nvml.cards()) or Path("/dev/kfd").exists()


def cpu_name() -> str:
    """The processor's model, as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def visible() -> list[str]:
    """What CUDA_VISIBLE_DEVICES names, by index or UUID; the first card where it is not set."""
    words = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
    return [word.strip() for word in words if word.strip()]


def selected() -> list[Card]:
    """The visible cards, in that order, as far as the driver knows them."""
    known = nvml.cards()
    return [card for word in visible() for card in known if card.matches(word)]


def lock_names(profile: Profile) -> list[str]:
    """What must be held for a run: the same name for a card, however it was made visible."""
    if profile == "cpu":
        return ["cpu"]
    found = [card.index for card in selected()] or visible()
    return sorted({f"cuda-{word}".replace("/", "_") for word in found})


def surroundings(profile: Profile, say: Callable[[str], None]) -> Surroundings:
    """The device's name and, with a warning for each, the processes of others on it."""
    if profile == "cpu":
        return Surroundings(cpu_name())
    cards = selected()
    others = nvml.foreign(cards)
    for one in others:
        say(
            f"ouro: warning: process {one['pid']} ({one['name']}, {one['memory_mb']} MB) computes "
            "on the same card: the run may be slower or lack memory"
        )
    name = (cards[0].name if cards else "") or f"unknown card beside {cpu_name()}"
    return Surroundings(name, tuple(others))
