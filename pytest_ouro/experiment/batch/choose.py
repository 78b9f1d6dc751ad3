"""Make the engine of a batch: of this machine, or of a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_ouro.experiment.batch.sent_data import describe_data
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.engines.local import make_local_engine
from pytest_ouro.experiment.remeasure import find_last_keep

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.engines.engine import Engine
    from pytest_ouro.experiment.terms.setup import Profile


def make_engine(
    case: Case,
    device: Device,
    places: int,
    address: str,
    stack: contextlib.ExitStack,
    say: Callable[[str], None],
) -> tuple[Profile, Callable[[], Engine]]:
    """Return what a batch is measured on, and the function that makes its engine.

    With an ``address``, that of a Ray cluster, its engine is made now, to know what the nodes have;
    ``stack`` closes it, also if the batch is never started. Otherwise the engine has as many
    ``places`` of this machine as are asked for (0: all). ``say`` is called with lines about the
    cluster. Raise ExperimentError if the device or the cluster is not there.
    """
    if not address:
        profile = devices.choose(device)
        slots = case.bound.experiments[profile].slots
        return profile, lambda: make_local_engine(profile, slots, places)
    from pytest_ouro import __version__
    from pytest_ouro.experiment.engines.on_ray.engine import RayEngine
    from pytest_ouro.experiment.engines.on_ray.wire import Data, Setup

    known = {kind: describe_data(case, case.bound.experiments[kind]) for kind in _kinds(device)}
    sent = {
        kind: Data(outside=one.outside, brought=one.brought, digest=one.digest)
        for kind, one in known.items()
    }
    keeps = [find_last_keep(case, kind) for kind in _kinds(device)]
    engine = RayEngine(
        Setup(
            address=address,
            version=__version__,
            device=device,
            slots=case.bound.experiments["cpu"].slots,
            prefer=next((keep.device_name for keep in keeps if keep), ""),
            cpu=sent.get("cpu", Data()),
            cuda=sent.get("cuda", Data()),
            made=bool(case.experiment.prepare),
        ),
        say,
        knows_all_data=[kind for kind, one in known.items() if one.is_whole],
    )
    stack.callback(engine.close)
    return cast("Profile", engine.cluster.device), lambda: engine


def _kinds(device: Device) -> tuple[Profile, ...]:
    """Return the profiles that a batch may be measured on."""
    return ("cuda", "cpu") if device == "auto" else (device,)
