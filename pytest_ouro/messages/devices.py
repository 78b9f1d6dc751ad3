"""Errors of devices: cards, their driver and their locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError

if TYPE_CHECKING:
    from pathlib import Path


def no_cuda_device() -> ExperimentError:
    """The bound or an option demands CUDA on a machine without a visible card."""
    return ExperimentError(
        'no CUDA device here, and the bound demands one (device = "cuda")',
        help="rehearse on the CPU: pytest --ouro-experiment --ouro-device cpu",
    )


def no_such_card(name: str) -> ExperimentError:
    """The driver does not know the card, or the part of one, that CUDA_VISIBLE_DEVICES names."""
    return ExperimentError(
        f"CUDA_VISIBLE_DEVICES={name}: there is no such card",
        help="name one of those that `nvidia-smi -L` lists",
    )


def no_device_node() -> ExperimentError:
    """The driver does not report the number of a card's device node, or of the part of a card that
    is used."""
    return ExperimentError(
        "the driver does not say which device node leads to the card",
        help="see whether `nvidia-smi` works",
    )


def too_many_slots(slots: int, cores: int) -> ExperimentError:
    """The bound divides the processor into more slots than there are cores that this process may
    use."""
    return ExperimentError(
        f"slots = {slots}, but this machine allows us {cores} cores: a slot has at least one",
        help=f"write slots = {cores} or less in bound.toml, and bless it: pytest-ouro bless",
    )


def no_slots_here(slots: int) -> ExperimentError:
    """The bound asks for slots on a system that cannot confine a process to some of its cores."""
    return ExperimentError(
        f"slots = {slots}, but this system confines no process to some of its cores",
        help="leave slots out of bound.toml, and bless it: pytest-ouro bless",
    )


def locks_not_writable(folder: Path, why: str) -> ExperimentError:
    """The lock of a device cannot be created, written or taken in ``folder``."""
    return ExperimentError(
        f"{folder} cannot be written: {why}",
        help="fix its permissions, or set XDG_CACHE_HOME to a folder with room",
    )
