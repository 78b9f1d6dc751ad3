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
    """The device's name, and the other programs that compute on it (None for a processor)."""

    device_name: str
    foreign: tuple[Mapping[str, str | int], ...] | None = None


def choose(wanted: Device) -> Profile:
    """Return the profile to run: ``wanted``; for "auto", CUDA if there is a card.

    ExperimentError if "cuda" is demanded and there is no card.
    """
    if wanted != "cpu" and cuda_present():
        return "cuda"
    if wanted == "cuda":
        raise messages.no_cuda_device()
    return "cpu"


def cuda_present() -> bool:
    """Return whether CUDA_VISIBLE_DEVICES allows a card and the driver lists one."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "none", "NoDevFiles"):
        return False
    return bool(nvml.cards()) or Path("/dev/kfd").exists()


def cpu_name() -> str:
    """Return the processor's model, as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def visible() -> list[str]:
    """Return the indices or UUIDs in CUDA_VISIBLE_DEVICES; the first card if it is not set."""
    words = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
    return [word.strip() for word in words if word.strip()]


def selected() -> list[Card]:
    """Return the visible cards that the driver knows, in the order of CUDA_VISIBLE_DEVICES."""
    known = nvml.cards()
    return [card for word in visible() for card in known if card.matches(word)]


def lock_names(profile: Profile) -> list[str]:
    """Return the names to lock for a run; a card has one name, however it was made visible."""
    if profile == "cpu":
        return ["cpu"]
    found = [card.index for card in selected()] or visible()
    return sorted({f"cuda-{word}".replace("/", "_") for word in found})


def surroundings(
    profile: Profile, say: Callable[[str], None], cores: Collection[int] = ()
) -> Surroundings:
    """Return the device's name and the processes of others on it; warn about each by ``say``.

    A run that is confined to ``cores`` is on another device than one that may use all of them.
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
