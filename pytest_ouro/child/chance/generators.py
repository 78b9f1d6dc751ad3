"""Describe the states of the global random generators, so that runs that drew the same random
numbers are found.

A script can seed a generator past the functions that add the salt (see reseed.py). Then repeats
with different salts leave the generator in the same state, and their spread says nothing about
noise. Two codes with one salt should leave it in the same state: if they draw other numbers, or
another number of them, the salt gives them nothing in common. Code in this process can falsify what
is reported.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: The generators, each with the module that must be loaded; none is imported for this.
_MODULES = {
    "random": "random",
    "numpy": "numpy.random",
    "torch": "torch",
    "torch.cuda": "torch",
    "torch draws": "torch",
    "torch.cuda draws": "torch",
}


def digests(point: str, *, leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return a dict from ``GENERATOR at POINT`` to a digest of 16 hex digits, for each global
    generator whose library is loaded.

    For the generators ``torch`` and ``torch.cuda``, the digest is of the last seed, which later
    draws do not change; that of their state is under ``torch draws`` and ``torch.cuda draws``. For
    the others, it is of the state. Not in the dict are the generators of the libraries in
    ``leave_out``, which the harness seeded; the generator of CUDA before CUDA is initialised; and
    each generator that cannot be read.
    """
    found = {}
    for name, module in _MODULES.items():
        loaded = sys.modules.get(module)
        if loaded is None or name.partition(" ")[0].partition(".")[0] in leave_out:
            continue
        with contextlib.suppress(Exception):  # a half-imported library, or one that was patched
            if (state := _STATES[name](loaded)) is not None:
                text = repr(state).encode()
                found[f"{name} at {point}"] = hashlib.sha256(text).hexdigest()[:16]
    return found


def _numpy(module: Any) -> object:
    """Return the state of numpy's global generator as a tuple; ``module`` is ``numpy.random``. The
    array in the state is converted to bytes, since the digest is taken of the ``repr``, which
    shortens an array."""
    kind, keys, *rest = module.get_state()
    return kind, keys.tobytes(), rest


def _draws(torch: Any) -> object:
    """Return the state of torch's generator for the CPU; ``torch`` is the module."""
    return torch.default_generator.get_state().tolist()


def _cuda_draws(torch: Any) -> object:
    """Return the state of torch's generator for CUDA; None if CUDA is not initialised. ``torch`` is
    the module."""
    return torch.cuda.get_rng_state().tolist() if torch.cuda.is_initialized() else None


def _cuda(torch: Any) -> object:
    """Return the last seed of torch's generator for CUDA; None if CUDA is not initialised.
    ``torch`` is the module."""
    return torch.cuda.initial_seed() if torch.cuda.is_initialized() else None


_STATES: dict[str, Callable[[Any], object]] = {
    "random": lambda module: module.getstate(),
    "numpy": _numpy,
    "torch": lambda torch: torch.default_generator.initial_seed(),
    "torch.cuda": _cuda,
    "torch draws": _draws,
    "torch.cuda draws": _cuda_draws,
}
