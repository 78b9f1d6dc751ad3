"""What a node of a cluster says about itself, and whether a batch can use it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence import data
from pytest_ouro.evidence.cache import cache_folder
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.devices.slots import parts
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.on_ray.wire import Facts, Found, Setup
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.messages import engines as messages
from pytest_ouro.messages import experiment as experiment_messages

if TYPE_CHECKING:
    from pytest_ouro.experiment.engines.on_ray.wire import Data

#: Seconds by which the clock of a node may differ before that is said.
SKEW = 30.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def look(line: bytes) -> bytes:
    """Return the facts of the machine that this process runs on, as a line. ``line`` is that of the
    batch's setup; if another version of pytest-ouro made it, the answer has only the version here,
    since neither can be sure of the rest. Both are JSON, which every version can read."""
    from pytest_ouro import __version__

    facts = Facts(version=__version__)
    if json.loads(line).get("version") != __version__:
        return facts.line()
    setup = events.read(line)
    assert isinstance(setup, Setup)
    try:
        facts = _describe(facts, setup)
    except (OuroError, OSError, RuntimeError) as error:
        facts = replace(facts, fault=str(error).split("\n", 1)[0])
    return facts.line()


def _describe(facts: Facts, setup: Setup) -> Facts:
    """Return the facts of this machine, with what it has of the data of a batch. Raise OuroError,
    OSError or RuntimeError if it cannot tell one of them."""
    from pytest_ouro.experiment.devices import nvml

    processor = devices.cpu_name()
    if setup.slots > 1:
        processor = f"{processor}, {len(parts(setup.slots)[0])} cores"
    cards = tuple(card.name for card in nvml.cards())
    if not cards and Path("/dev/kfd").exists():
        cards = (f"unknown card beside {devices.cpu_name()}",)
    cache = folder = cache_folder()
    known = data.Fingerprints(cache / "workers" / "fingerprints.json")
    while not folder.exists():
        folder = folder.parent
    return replace(
        facts,
        machine=machine(),
        clock=time.time(),
        processor=processor,
        cards=cards,
        cache=str(cache),
        free=shutil.disk_usage(folder).free >> 20,
        cpu=_find(setup.cpu, known, cache),
        cuda=_find(setup.cuda, known, cache),
    )


def _find(wanted: Data, known: data.Fingerprints, folder: Path) -> Found:
    """Return what this machine has of the data of a batch, whose digests are taken from ``known``;
    ``folder`` is any folder. Raise OuroError if a file cannot be read, RuntimeError if the home
    folder is unknown."""
    if missing := tuple(data.missing(wanted.outside, folder)):
        return Found(missing=missing)
    lines = [*known.lines(wanted.outside, folder), *wanted.brought]
    return Found(digest=data.total_of(lines) if lines else "")


def read_facts(answer: bytes) -> Facts:
    """Return the facts in an answer of `look`; those of a node with another version have nothing
    but that. Raise ValueError if it has no facts."""
    from pytest_ouro import __version__

    try:
        there = str(json.loads(answer)["version"])
    except (LookupError, TypeError) as error:
        raise ValueError(f"it does not tell its version: {error}") from None
    facts = events.read(answer) if there == __version__ else Facts(version=there)
    if not isinstance(facts, Facts):
        raise ValueError("it does not tell its facts")
    return facts


def machine() -> str:
    """Return a text that differs between machines, and between two starts of one."""
    try:
        return f"{platform.node()} {_BOOT.read_text('utf-8').strip()}"
    except OSError:
        return f"{platform.node()} {os.getpid()}"


def refuse(name: str, facts: Facts, setup: Setup) -> OuroError | None:
    """Return why the node ``name`` cannot be used for a batch, whatever its data and its devices
    are; None if it can."""
    error: OuroError | None = None
    if facts.version != setup.version:
        error = messages.other_version(setup.version, facts.version)
    elif facts.fault:
        error = messages.worker_failed(facts.fault)
    elif facts.free < preconditions.ROOM:
        error = experiment_messages.disk_full(Path(facts.cache), facts.free, preconditions.ROOM)
    return error and messages.on_node(name, error.message, error.help)


def refuse_data(name: str, found: Found, setup: Setup, digest: str) -> OuroError | None:
    """Return why the node ``name``, which has ``found`` of the data, cannot be used for a batch;
    None if it can. ``digest`` is that of the batch's data, "" if any will do."""
    if found.missing and not setup.made:
        return messages.node_lacks_data(name, found.missing[0])
    if found.digest and digest and found.digest != digest:
        return messages.other_data(name, digest, found.digest)
    return None


def describe_skew(name: str, facts: Facts, asked: float, answered: float) -> OuroError | None:
    """Return what is to be said about the clock of a node; None if it agrees with the clock here,
    up to `SKEW` seconds, or if the node did not state its time. ``asked`` and ``answered`` are the
    times here at which the node was asked and had answered."""
    ahead = max(facts.clock - answered, 0.0) or min(facts.clock - asked, 0.0)
    if not facts.clock or abs(ahead) <= SKEW:
        return None
    return messages.clock_skew(name, f"{abs(ahead):.0f}", "ahead of" if ahead > 0 else "behind")
