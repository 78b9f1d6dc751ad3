"""What a node of a cluster says about itself, and whether a batch can use it."""

from __future__ import annotations

import os
import platform
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence import data
from pytest_ouro.evidence.cache import cache_folder
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.devices.slots import parts
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.messages import engines as messages
from pytest_ouro.messages import experiment as experiment_messages

if TYPE_CHECKING:
    from pytest_ouro.experiment.engines.on_ray.wire import Setup

#: Seconds by which the clock of a node may differ before that is said.
SKEW = 30.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Facts(NamedTuple):
    """What a node says about itself: its ``machine``, which differs between machines; its ``clock``
    in seconds since 1970; the name of its processor as a place of it is called; the models of its
    cards, () without any; the megabytes that are ``free`` for workers; what of the data is
    ``missing``, and the ``digest`` of the data that is there. ``fault`` is why it cannot tell."""

    version: str
    machine: str
    clock: float
    processor: str
    cards: tuple[str, ...]
    free: int
    missing: tuple[str, ...]
    digest: str
    fault: str = ""


def look(slots: int, patterns: tuple[str, ...]) -> Facts:
    """Return the facts of the machine that this process runs on; ``slots`` is the number of slots
    of its processor, and ``patterns`` name its data."""
    from pytest_ouro import __version__
    from pytest_ouro.experiment.devices import nvml

    fault, digest, free = "", "", 0
    processor = devices.cpu_name()
    missing: tuple[str, ...] = ()
    try:
        if slots > 1:
            processor = f"{processor}, {len(parts(slots)[0])} cores"
        folder = cache_folder()
        missing = tuple(data.missing(patterns, folder))
        known = data.Fingerprints(folder / "workers" / "fingerprints.json")
        digest = "" if missing else known.total(patterns, folder)
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free >> 20
    except (OuroError, OSError, RuntimeError) as error:
        fault = str(error).split("\n", 1)[0]
    cards = tuple(card.name for card in nvml.cards())
    if not cards and Path("/dev/kfd").exists():
        cards = (f"unknown card beside {devices.cpu_name()}",)
    return Facts(
        __version__, machine(), time.time(), processor, cards, free, missing, digest, fault
    )


def machine() -> str:
    """Return a text that differs between machines, and between two starts of one."""
    try:
        return f"{platform.node()} {_BOOT.read_text('utf-8').strip()}"
    except OSError:
        return f"{platform.node()} {os.getpid()}"


def refuse(name: str, facts: Facts, setup: Setup, digest: str) -> OuroError | None:
    """Return why the node ``name`` cannot be used for a batch; None if it can. ``digest`` is that
    of the batch's data, "" if any will do."""
    error: OuroError | None = None
    if facts.version != setup.version:
        error = messages.other_version(setup.version, facts.version)
    elif facts.fault:
        error = messages.worker_failed(facts.fault)
    elif facts.free < preconditions.ROOM:
        error = experiment_messages.disk_full(cache_folder(), facts.free, preconditions.ROOM)
    elif facts.missing and not setup.made:
        return messages.node_lacks_data(name, facts.missing[0])
    elif facts.digest and digest and facts.digest != digest:
        error = messages.other_conditions("data", digest[:12], facts.digest[:12])
    return error and messages.on_node(name, error.message, error.help)


def describe_skew(name: str, facts: Facts, asked: float, answered: float) -> OuroError | None:
    """Return what is to be said about the clock of a node, which was asked and answered between two
    times of the clock here; None if the two clocks agree."""
    ahead = max(facts.clock - answered, 0.0) or min(facts.clock - asked, 0.0)
    return messages.clock_skew(name, f"{ahead:.0f}") if abs(ahead) > SKEW else None
