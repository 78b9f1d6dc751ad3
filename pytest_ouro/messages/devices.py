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
    """The driver does not know the card that CUDA_VISIBLE_DEVICES names."""
    return ExperimentError(
        f"CUDA_VISIBLE_DEVICES={name}: there is no such card",
        help="name one of those that `nvidia-smi -L` lists",
    )


def no_device_node() -> ExperimentError:
    """The driver does not report the number of a card's device node."""
    return ExperimentError(
        "the driver does not say which device node leads to the card",
        help="see whether `nvidia-smi` works",
    )


def locks_not_writable(folder: Path, why: str) -> ExperimentError:
    """The folder of the device locks cannot be written."""
    return ExperimentError(
        f"{folder} cannot be written: {why}",
        help="fix its permissions, or set XDG_CACHE_HOME to a folder with room",
    )
