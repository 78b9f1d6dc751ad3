"""Put into words what Ray raises, and name the node in what a worker says about its devices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.run_record import StartedRun
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.experiment.engines.events import Message

#: How lines begin by which Ray quotes what a node raised.
_CAUSES = ("ModuleNotFoundError", "ImportError", "OSError", "RuntimeError", "the actor's node")


def name_node(message: Message, name: str) -> Message:
    """Return what a worker says, with the name of its node in it: in the reason why it refuses an
    attempt, and before the devices that a run holds, as those of two nodes may have the same names.
    Other messages are returned as they are."""
    if isinstance(message, events.Refused):
        return replace(message, text=f"node {name}: {message.text}")
    if not isinstance(message, events.Began):
        return message
    try:
        run = record_format.read(message.record)
    except ValueError:  # the process that records refuses it
        return message
    if not isinstance(run, StartedRun):
        return message
    holds = tuple(f"{name}/{one}" for one in run.holds)
    return replace(message, record=record_format.write(replace(run, holds=holds)))


def explain(address: str, error: Exception) -> OuroError:
    """Return the error for the user if Ray cannot connect to a cluster."""
    cause = error.__cause__ or error  # Ray raises its own error from the one that says why
    text = str(cause)
    if "ersion mismatch" in text:
        found = [clean(one, width=40) for one in re.findall(r"(?:Ray|Python): *(\S+)", text)]
        if len(found) == 4:
            return messages.other_ray(address, *found)
    if "resolve node to connect to" in text and address not in ("auto", "local"):
        return messages.not_on_a_node(address)
    if address == "auto" and isinstance(error, ConnectionError):
        return messages.no_cluster_here()
    return messages.dead_address(address, brief(cause))


def brief(error: BaseException) -> str:
    """Return one line of an error of Ray, if possible one that names the cause, without control
    characters and cut to 200 characters; the kind of the error if it has no text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if "because" in line or line.startswith(_CAUSES)]
    text = causes[-1] if causes else lines[0] if lines else type(error).__name__
    return clean(text, width=200)
