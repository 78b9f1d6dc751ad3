"""What nvidia-smi tells of the cards that a run sees: their names, and who else computes there."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.experiment.devices.device import cpu_name
from pytest_ouro.experiment.terms.console_text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds; a driver that is not kept loaded needs some of them.
PATIENCE = 15.0


@dataclass(frozen=True)
class Card:
    index: str
    uuid: str
    name: str


class Surroundings(NamedTuple):
    """The device's name, and the other programs that compute on it; None where it is no card."""

    device_name: str
    foreign: tuple[Mapping[str, str | int], ...] | None = None


def visible() -> list[str]:
    """What CUDA_VISIBLE_DEVICES names, by index or UUID; the first card where it is not set."""
    words = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")
    return [word.strip() for word in words if word.strip()]


def selected() -> list[Card]:
    """The visible cards, in that order, as far as nvidia-smi knows them."""
    known = [Card(*row) for row in _ask("gpu=index,uuid,name", columns=3)]
    return [
        card
        for word in visible()
        for card in known
        if word == card.index or (word.startswith("GPU-") and card.uuid.startswith(word))
    ]


def lock_names(profile: Literal["cpu", "cuda"]) -> list[str]:
    """What must be held for a run: the same name for a card, however it was made visible."""
    if profile == "cpu":
        return ["cpu"]
    found = [card.index for card in selected()] or visible()
    return sorted({f"cuda-{word}".replace("/", "_") for word in found})


def surroundings(profile: Literal["cpu", "cuda"], say: Callable[[str], None]) -> Surroundings:
    """What a run's device is. Warns of each other program that computes on it."""
    if profile == "cpu":
        return Surroundings(cpu_name())
    cards = selected()
    strangers = foreign(cards)
    for one in strangers:
        say(
            f"ouro: warning: process {one['pid']} ({one['name']}, {one['memory_mb']} MB) computes "
            "on the same card: the run may be slower or lack memory"
        )
    name = cards[0].name if cards else f"unknown card beside {cpu_name()}"
    return Surroundings(name, tuple(strangers))


def driver() -> str:
    """The version of the driver; "" where nvidia-smi tells none."""
    rows = _ask("gpu=driver_version", columns=1)
    return rows[0][0] if rows else ""


def foreign(cards: list[Card]) -> list[Mapping[str, str | int]]:
    """The compute processes on these cards that are not ours."""
    uuids = {card.uuid for card in cards}
    return [
        {
            "pid": int(pid),
            "name": clean(name, width=80),
            "memory_mb": int(used) if used.isdigit() else 0,
        }
        for uuid, pid, used, name in _ask(
            "compute-apps=gpu_uuid,pid,used_memory,process_name", columns=4
        )
        if uuid in uuids and pid.isdigit() and int(pid) != os.getpid()
    ]


def _ask(query: str, *, columns: int) -> list[list[str]]:
    """The rows of a query; none where nvidia-smi is not there, or fails."""
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-{query}", "--format=csv,noheader,nounits"],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    lines = done.stdout.decode(errors="replace").splitlines()
    rows = [[word.strip() for word in line.split(",", columns - 1)] for line in lines]
    return [row for row in rows if len(row) == columns]
