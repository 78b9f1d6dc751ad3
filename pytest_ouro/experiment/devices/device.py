"""Find the device of a run and the other programs on it, without importing torch."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.experiment.devices import nvml
from pytest_ouro.messages import devices as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.experiment.devices.nvml import Card
    from pytest_ouro.experiment.terms.setup import Profile


class Surroundings(NamedTuple):
    """The device's name, and the other programs that compute on it (None for a processor).

    Each program has the keys ``pid``, ``name`` and ``memory_mb``.
    """

    device_name: str
    foreign: tuple[Mapping[str, str | int], ...] | None = None


def choose(wanted: Device) -> Profile:
    """Return the profile to run: ``wanted``; for "auto", "cuda" if there is a card, else "cpu".

    ExperimentError if "cuda" is demanded and there is no card.
    """
    if wanted != "cpu" and cuda_present():
        return "cuda"
    if wanted == "cuda":
        raise messages.no_cuda_device()
    return "cpu"


def cuda_present() -> bool:
    """Return whether CUDA_VISIBLE_DEVICES, if set, allows a card, and there may be one.

    There may be one if NVIDIA's driver lists a card, or if AMD's driver is loaded.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "none", "NoDevFiles"):
        return False
    return bool(nvml.cards()) or Path("/dev/kfd").exists()


def cpu_name() -> str:
    """Return the processor's model as the system names it, or else its architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def visible() -> list[str]:
    """Return the indices or UUIDs in CUDA_VISIBLE_DEVICES; ``["0"]``, the first card, if unset."""
    words = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
    return [word.strip() for word in words if word.strip()]


def selected() -> list[Card]:
    """Return the visible cards that the driver knows, in the order of CUDA_VISIBLE_DEVICES."""
    known = nvml.cards()
    return [card for word in visible() for card in known if card.matches(word)]


def lock_names(profile: Profile) -> list[str]:
    """Return the names of the locks for a run: "cpu", or one for each visible card, sorted.

    A known card has one name, whether its index or its UUID makes it visible.
    """
    if profile == "cpu":
        return ["cpu"]
    found = [card.index for card in selected()] or visible()
    return sorted({f"cuda-{word}".replace("/", "_") for word in found})


def surroundings(
    profile: Profile, say: Callable[[str], None], cores: Collection[int] = ()
) -> Surroundings:
    """Return the device's name, and the other programs on its cards; warn about each by ``say``.

    The number of ``cores`` that a run is confined to is part of the name, since it is on another
    device than a run that may use all of them.
    """
    if profile == "cpu":
        return Surroundings(f"{cpu_name()}, {len(cores)} cores" if cores else cpu_name())
    cards = selected()
    others = nvml.foreign(cards)
    for one in others:
        say(
            f"ouro: warning: process {one['pid']} ({one['name']}, {one['memory_mb']} MB) computes "
            "on the same card: the run may be slower or lack memory"
        )
    name = (cards[0].name if cards else "") or f"unknown card beside {cpu_name()}"
    return Surroundings(name, tuple(others))
