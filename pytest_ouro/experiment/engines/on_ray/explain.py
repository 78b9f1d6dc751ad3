"""Put into words what Ray raises, and name the node in what a worker says about its devices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.run_record import StartedRun
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.experiment.engines import events

#: How lines begin by which Ray quotes what a node raised.
_CAUSES = ("ModuleNotFoundError", "ImportError", "OSError", "RuntimeError", "the actor's node")


def name_node(began: events.Began, name: str) -> events.Began:
    """Return what a worker says before its run begins, with the name of its node at the devices
    that the run holds: those of two nodes may have the same names."""
    try:
        run = record_format.read(began.record)
    except ValueError:  # the process that records refuses it
        return began
    if not isinstance(run, StartedRun):
        return began
    holds = tuple(f"{name}/{one}" for one in run.holds)
    return replace(began, record=record_format.write(replace(run, holds=holds)))


def explain(address: str, error: Exception) -> OuroError:
    """Return the error for the user if Ray cannot connect to a cluster."""
    text = str(error)
    if "ersion mismatch" in text:
        found = re.findall(r"(?:Ray|Python): *\S+", text)
        there, here = " ".join(found[:2]), " ".join(found[2:4])
        return messages.other_ray(
            clean(f"{there} there, {here} here".replace(": ", " "), width=200)
        )
    if address == "auto" and isinstance(error, ConnectionError):
        return messages.no_cluster_here()
    return messages.dead_address(address, brief(error))


def brief(error: BaseException) -> str:
    """Return the one line of an error of Ray that says most, without control characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if "because" in line or line.startswith(_CAUSES)]
    text = causes[-1] if causes else lines[0] if lines else type(error).__name__
    return clean(text, width=200)
