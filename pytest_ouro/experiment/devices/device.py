"""Find the device of a run and the other programs on it, without importing torch."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.messages import devices as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.experiment.devices.nvml import Card
    from pytest_ouro.experiment.terms.setup import Profile


class Surroundings(NamedTuple):
    """The name of a run's device, and ``foreign``: the other programs that compute on its cards.

    ``foreign`` is () if there are none, or no driver of NVIDIA answers; None for a processor, on
    which they are not counted. Each program has the keys ``pid``, ``name`` and ``memory_mb``.
    """

    device_name: str
    foreign: tuple[Mapping[str, str | int], ...] | None = None


def choose(wanted: Device) -> Profile:
    """Return the profile to run: ``wanted``; for "auto", "cuda" if there is a card, else "cpu".

    Raise ExperimentError if ``wanted`` is "cuda" and there is no card.
    """
    if wanted != "cpu" and cuda_present():
        return "cuda"
    if wanted == "cuda":
        raise messages.no_cuda_device()
    return "cpu"


def cuda_present() -> bool:
    """Return whether a run may find a card: True if NVIDIA's driver lists one, or if AMD's driver
    is loaded.

    False in any case if CUDA_VISIBLE_DEVICES is set to a value that hides all cards: an empty one,
    "-1", "none" or "NoDevFiles".
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "none", "NoDevFiles"):
        return False
    from pytest_ouro.experiment.devices import nvml  # a run on the processor needs none of it

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
    """Return the words of CUDA_VISIBLE_DEVICES, each an index or the beginning of a UUID.

    ``["0"]``, the first card, if the variable is unset; an empty list if it is empty.
    """
    words = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
    return [word.strip() for word in words if word.strip()]


def selected() -> list[Card]:
    """Return the cards that CUDA_VISIBLE_DEVICES names, in its order; card 0 if it is unset. [] if
    the variable is empty or no driver of NVIDIA answers.

    A word that matches no card of NVIDIA's driver is left out.
    """
    from pytest_ouro.experiment.devices import nvml

    known = nvml.cards()
    return [card for word in visible() for card in known if card.matches(word)]


def lock_names(profile: Profile) -> list[str]:
    """Return the names of the locks for a run, sorted: "cpu" alone, or ``cuda-<index>`` for each
    visible card; [] on "cuda" if CUDA_VISIBLE_DEVICES is empty.

    A known card has one name, whether CUDA_VISIBLE_DEVICES has its index or its UUID. If the driver
    knows none of the visible cards, the words of that variable take the place of the index.
    """
    if profile == "cpu":
        return ["cpu"]
    found = [card.index for card in selected()] or visible()
    return sorted({f"cuda-{word}".replace("/", "_") for word in found})


def surroundings(
    profile: Profile, say: Callable[[str], None], cores: Collection[int] = ()
) -> Surroundings:
    """Return the name of the run's device, and the other programs on its cards; call ``say`` with a
    warning about each of these programs.

    On "cpu" the name is the processor's model; if the run is confined to ``cores``, followed by
    their number, since that is another device than all cores. On "cuda" it is that of the first
    visible card, or ``unknown card beside`` and the processor's model.
    """
    if profile == "cpu":
        return Surroundings(f"{cpu_name()}, {len(cores)} cores" if cores else cpu_name())
    from pytest_ouro.experiment.devices import nvml

    cards = selected()
    others = nvml.foreign(cards)
    for one in others:
        say(
            f"ouro: warning: process {one['pid']} ({one['name']}, {one['memory_mb']} MB) computes "
            "on the same card: the run may be slower or lack memory"
        )
    name = (cards[0].name if cards else "") or f"unknown card beside {cpu_name()}"
    return Surroundings(name, tuple(others))
