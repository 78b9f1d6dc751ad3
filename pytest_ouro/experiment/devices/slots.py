"""Hold the place of a run: its cards, the whole processor, or one slot of the processor.

The cores of a slot are locked one by one, so that experiments with other numbers of slots exclude
each other only where their cores overlap. Locks of cores are taken under the lock ``cpu``, which
a run without slots keeps: it then waits for the cores that are still in use.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.child.kernel.system import can_confine, confine_to, cores_of
from pytest_ouro.experiment.devices import device
from pytest_ouro.experiment.devices.device_lock import (
    AGAIN,
    TREE,
    hold_devices,
    holder_of,
    lock_folders,
    try_devices,
)
from pytest_ouro.messages import devices as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_ouro.experiment.terms.setup import Profile

#: Seconds between two attempts to get one of several slots.
_PAUSE = 0.5


class Place(NamedTuple):
    """What a run holds: the names of its locks, whether it had to wait for them, and the numbers of
    its cores (empty: it may use all of them)."""

    names: tuple[str, ...]
    waited: bool
    cores: tuple[int, ...] = ()


@contextmanager
def hold_place(
    profile: Profile, slots: int, folder: Path, say: Callable[[str], None]
) -> Iterator[Place]:
    """Wait for a place for a run, yield it, and hold it until the context ends; ``say`` is called
    with lines while it waits.

    The working tree ``folder`` is held first: no other run or batch may use it meanwhile. On "cuda"
    the place is the visible cards, and on "cpu" with ``slots`` 1 the whole processor. With several
    slots on "cpu" it is one slot; then this thread, and processes that it starts, are confined to
    the slot's cores until the context ends.

    Raise ExperimentError if the locks cannot be written; with several slots on "cpu", also if there
    are fewer cores than slots, or if the system cannot confine a process to cores.
    """
    with hold_devices([tree_lock(folder)], say) as waited:
        if profile == "cpu" and slots > 1:
            with _hold_slot(parts(slots), say) as place, _confined(place.cores):
                yield place._replace(waited=waited or place.waited)
            return
        names = device.lock_names(profile)
        with hold_devices(names, say) as first, hold_devices(_used_cores(profile), say) as second:
            yield Place(tuple(names), waited or first or second)


def tree_lock(folder: Path) -> str:
    """Return the name of the lock of the working tree ``folder``."""
    return f"{TREE}{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def parts(slots: int) -> list[tuple[int, ...]]:
    """Return for each slot the numbers of its cores: parts of equal size of the cores that this
    process may use. Cores that are left over are in no part.

    Raise ExperimentError if there are fewer cores than slots, or the system cannot confine a
    process to cores.
    """
    if not can_confine():
        raise messages.no_slots_here(slots)
    cores = sorted(cores_of())
    size = len(cores) // slots
    if not size:
        raise messages.too_many_slots(slots, len(cores))
    return [tuple(cores[n * size : (n + 1) * size]) for n in range(slots)]


def holder(profile: Profile, slots: int) -> str:
    """Return who holds the place that a run would wait for, and for how long already, in the words
    of `holder_of`; "" if the place is free.

    The place is the visible cards on "cuda", and on "cpu" with ``slots`` 1 the whole processor and
    every core. With several slots on "cpu" it is any one slot: the holder of the whole processor is
    returned if there is one, or that of the first slot if none is free. The lock of the working
    tree, for which such a run waits too, is not examined. Raise ExperimentError as `parts` does,
    for several slots on "cpu" alone.
    """
    if profile == "cuda" or slots == 1:
        return holder_of([*device.lock_names(profile), *_used_cores(profile)])
    found = [holder_of(map(_name, cores)) for cores in parts(slots)]
    return holder_of(device.lock_names(profile)) or (found[0] if all(found) else "")


@contextmanager
def _hold_slot(slots: Sequence[tuple[int, ...]], say: Callable[[str], None]) -> Iterator[Place]:
    """Wait until a slot is free, hold its cores until the context ends, and yield the place.

    ``slots`` has the cores of each slot. While it waits, ``say`` is called, at once and every
    ``AGAIN`` seconds, with a line that names who holds the whole processor or, if it is free, the
    first slot. Raise ExperimentError if the locks cannot be written.
    """
    waited, again = False, time.monotonic()
    while True:
        with contextlib.ExitStack() as stack:
            with hold_devices(device.lock_names("cpu"), say) as waits:
                waited |= waits
                free = (cores for cores in slots if try_devices(map(_name, cores), stack))
                found = next(free, None)
            if found is not None:
                yield Place(tuple(map(_name, found)), waited, found)
                return
        waited = True
        if time.monotonic() >= again:
            who = holder_of(map(_name, slots[0])) or "other runs"
            say(f"ouro: waiting for one of {len(slots)} slots, the first is held by {who}")
            again = time.monotonic() + AGAIN
        time.sleep(_PAUSE)


def _name(core: int) -> str:
    """Return the name of a core's lock, ``cpu-<core>``."""
    return f"cpu-{core}"


def _used_cores(profile: Profile) -> Iterable[str]:
    """Return the names of the locks of all cores for which a lock file exists, sorted; a run that
    takes the whole processor takes these too, to wait for runs in slots. [] for "cuda"."""
    folders = lock_folders() if profile == "cpu" else ()
    return sorted({file.stem for folder in folders for file in folder.glob("cpu-*.lock")})


@contextmanager
def _confined(cores: Iterable[int]) -> Iterator[None]:
    """Confine this thread, and processes that it starts, to ``cores`` until the context ends; then
    allow it the cores from before."""
    before = cores_of()
    confine_to(cores)
    try:
        yield
    finally:
        confine_to(before)
