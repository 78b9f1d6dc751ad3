"""The engine of a Ray cluster: it starts a relay, and passes requests to it and events from it."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.local import GRACE, WorkerProcess
from pytest_ouro.experiment.engines.on_ray import wire
from pytest_ouro.experiment.known import Elsewhere
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pytest_ouro.experiment.engines.events import Answer, Event, Message, Request

_RELAY = (sys.executable, "-m", "pytest_ouro.experiment.engines.on_ray.relay")
#: Seconds that a relay has to connect and to ask the nodes.
_CONNECT = 240.0
#: Settings of Ray: it sends nothing home, and no other program joins a cluster of ours.
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": ""}


def find_address(address: str) -> str:
    """Return the address of a cluster as `wire.Setup` has it. ``address`` is the word after
    ``ray=``; if it is "", RAY_ADDRESS counts, and without that variable a new cluster on this
    machine alone. Raise ExperimentError if it is not HOST:PORT, "auto" or "local"."""
    word = address or os.environ.get("RAY_ADDRESS") or "local"
    host, _, port = word.rpartition(":")
    if word not in ("auto", "local") and (not host or not port.isdecimal() or "/" in word):
        raise messages.no_address(word)
    return word


class RayEngine:
    """The places of the cluster that ``setup`` names. ``say`` is called with lines about the
    cluster. ``knows_all_data`` are the kinds of device for which ``setup`` has all data of the
    bound. ``relay`` are the words that start the relay.

    Raise ExperimentError, when it is made, if Ray is not installed, if there is no such cluster, or
    if none of its nodes can be used.
    """

    def __init__(
        self,
        setup: wire.Setup,
        say: Callable[[str], None] = lambda text: None,
        *,
        knows_all_data: Collection[str] = ("cpu", "cuda"),
        relay: Sequence[str] = _RELAY,
    ) -> None:
        if relay is _RELAY and find_spec("ray") is None:
            raise messages.ray_missing()
        self._say, self._knows_all_data = say, knows_all_data
        self._attempts: set[str] = set()
        self._found: wire.Cluster | None = None
        self._early: list[Event] = []
        self._why = ""
        self._relay: WorkerProcess | None = WorkerProcess(_SETTINGS, relay)
        self._relay.send(setup)
        try:
            self._connect(setup.address)
        except BaseException:
            self.close()
            raise
        say(f"ouro: {setup.address}: {_count(self.cluster)}")

    def _connect(self, address: str) -> None:
        """Wait until the relay has found places. Raise ExperimentError if it cannot find any, or
        takes too long."""
        deadline = time.monotonic() + _CONNECT
        while self._found is None:
            self._early += self._receive(0.5)
            if self._why or time.monotonic() > deadline:
                raise messages.dead_address(address, self._why or "it does not answer")

    @property
    def capacity(self) -> int:
        """The number of places that the cluster has now; 0 once the relay is gone."""
        return self._found.places if self._found and self._relay else 0

    @property
    def is_local(self) -> bool:
        """Whether this machine is one of the nodes."""
        return self.cluster.is_here

    @property
    def cluster(self) -> wire.Cluster:
        """What the relay found."""
        assert self._found is not None
        return self._found

    @property
    def elsewhere(self) -> Elsewhere:
        """The device of all places, and the digest of the data on their nodes, "" if it is not
        known."""
        found = self.cluster
        is_known = found.device in self._knows_all_data
        return Elsewhere(found.device_name, found.digest if is_known else "")

    def start(self, request: Request) -> None:
        """Start an attempt in a place of the cluster, once one is free. Raise ExperimentError if
        the relay is gone."""
        if self._relay is None:
            raise messages.cluster_failed(self._why)
        self._attempts.add(request.attempt)
        self._relay.send(request)

    def answer(self, answer: Answer) -> None:
        """Send an answer to the worker of its attempt; do nothing if that is gone."""
        if self._relay is not None:
            self._relay.send(answer)

    def wait(self, seconds: float) -> Sequence[Event]:
        """Wait for events, see `Engine.wait`. Raise ExperimentError if no place is left, so that
        none can come any more."""
        found, self._early = self._early, []
        found += self._receive(0 if found else seconds)
        unsure = self.cluster.unsure if self._relay else 0
        if not found and not self._attempts and not self.capacity and not unsure:
            raise messages.no_node_left(self._why or "all nodes are gone")
        return found

    def _receive(self, seconds: float) -> list[Event]:
        """Wait for messages, at most for so many ``seconds``, and return the events among those
        that have arrived. Once the relay is gone, all attempts are lost. Raise ExperimentError if
        it could not connect."""
        relay = self._relay
        if relay is None:
            time.sleep(seconds)
            return []
        select.select([relay.output], [relay.input] if relay.unsent else [], [], seconds)
        relay.send_rest()
        arrived, more = relay.read()
        found: list[Event] = []
        for message in arrived:
            found += self._handle(message)
        if not more:
            self._relay = None
            how = relay.end()
            self._why = self._why or how.replace("its worker", "the driver of Ray", 1)
            found += [events.Lost(attempt=one, why=self._why) for one in sorted(self._attempts)]
            self._attempts.clear()
        return found

    def _handle(self, message: Message) -> list[Event]:
        """Take note of a message of the relay (the places of the cluster, why it failed, a line to
        say, the end of an attempt), and return the event in it; [] if it is about no attempt that
        goes on. Raise ExperimentError if the relay states that it could not connect."""
        if isinstance(message, wire.Cluster):
            if self._found is not None and message.places != self._found.places:
                self._say(f"ouro: {_count(message)} now")
            self._found = message
        elif isinstance(message, events.Said) and not message.attempt:
            self._say(message.text)
        elif isinstance(message, events.Refused) and not message.attempt:
            self._why = message.text
            if self._found is None:
                raise messages.relayed(message.text, message.help)
        elif message.attempt in self._attempts:
            if isinstance(message, events.Ended | events.Refused | events.Lost):
                self._attempts.discard(message.attempt)
            return [cast("Event", message)]
        return []

    def give_up(self, attempt: str, why: str) -> None:
        """End the worker of an attempt, see `Engine.give_up`."""
        if self._relay is not None:
            self._relay.send(wire.GiveUp(attempt=attempt, why=why))

    def cancel(self) -> None:
        """Interrupt all attempts."""
        if self._relay is not None:
            self._relay.send(wire.Cancel())

    def close(self) -> None:
        """Let all workers end, and leave the cluster. A relay that takes too long is killed: then
        Ray ends its actors, and workers end as they notice it."""
        relay, self._relay = self._relay, None
        if relay is None:
            return
        if relay.process.stdin is not None:
            with contextlib.suppress(OSError):
                relay.process.stdin.close()
        deadline = time.monotonic() + 2 * GRACE
        while relay.process.poll() is None and time.monotonic() < deadline:
            relay.read()  # a full pipe would keep it from ending
            relay.send_rest()
            time.sleep(0.02)
        relay.end()


def _count(found: wire.Cluster) -> str:
    """Return how many places there are, and on what, in words."""
    places = "1 place" if found.places == 1 else f"{found.places} places"
    return f"{places} on {found.device_name}"
