"""A connection to a Ray cluster: its nodes, an actor in each place that is used, and what becomes
of the attempts there. Only the relay imports this module, and with it Ray."""

from __future__ import annotations

import contextlib
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import ActorUnavailableError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.engines import events
from pytest_ouro.experiment.engines.local import GRACE, SILENCE
from pytest_ouro.experiment.engines.on_ray import wire
from pytest_ouro.experiment.engines.on_ray.choice import Device, Node, choose, find_fault, places_of
from pytest_ouro.experiment.engines.on_ray.explain import brief, explain, name_node
from pytest_ouro.experiment.engines.on_ray.node import describe_skew, look, machine, read_facts
from pytest_ouro.experiment.engines.on_ray.place import Place
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.experiment.engines.events import Message
    from pytest_ouro.experiment.engines.on_ray.choice import Places

#: Seconds that a question to a place waits for news, and that nodes have to tell their facts.
POLL, FACTS = 10.0, 120.0
#: Seconds between two looks at the nodes, and until it is said that a place is taken.
NODES, TAKEN = 5.0, 300.0
#: Questions to an actor that are carried out at a time: one that waits, and those that act.
_AT_ONCE = 4


@dataclass(frozen=False)
class Seat:
    """A place of ``node``, which has ``share`` of Ray: the actor in it, None before its first
    attempt; the attempt that goes on ("": none); the number of the last message that arrived; when
    the actor last answered (None: not yet), and since when its place is waited for."""

    node: Node
    share: Places
    actor: Any = None
    attempt: str = ""
    number: int = 0
    latest: float | None = None
    waits: float = 0.0


@dataclass(frozen=True)
class Reply:
    """What came of the question ``what`` to an actor in a seat, or to the node with the id
    ``node``; ``get`` returns it, or raises."""

    what: str
    get: Callable[[], Any]
    seat: Seat | None = None
    actor: Any = None
    node: str = ""


class RayCluster:
    """A connection to the cluster that ``setup`` names. ``send`` is called with messages for the
    engine; ``put`` is called, also from other threads, with what `handle` is to get."""

    def __init__(
        self, setup: wire.Setup, send: Callable[[Message], None], put: Callable[[object], None]
    ) -> None:
        self._setup, self._send, self._put = setup, send, put
        self._seats: list[Seat] = []
        self._device = Device("", "", "")
        self._is_here = False
        #: The names of the nodes by id, of those that were asked for their facts.
        self._names: dict[str, str] = {}
        #: When each node was asked, by its id, in seconds since 1970.
        self._asked: dict[str, float] = {}
        self._bases: dict[str, Any] = {}
        #: Requests without a free place: the engine did not know yet that one was gone.
        self._waiting: list[events.Request] = []
        #: The number of places that are not used until their node has answered.
        self._unsure = 0
        self._looked = time.monotonic()

    def open(self) -> None:
        """Connect, ask all nodes for their facts, choose a device, and tell the engine. Raise
        ExperimentError if there is no such cluster, or none of its nodes can be used."""
        address = self._setup.address
        local = {"include_dashboard": False} if address == "local" else {}
        try:
            ray.init(address=address, log_to_driver=False, **local)
        except (ConnectionError, RuntimeError, ValueError, OSError, RayError) as error:
            raise explain(address, error) from None
        alive = self._list_nodes()
        for key, one in alive.items():
            self._name(key, one)
        asked = {self._ask(key): key for key in alive}
        answered, late = ray.wait([*asked], num_returns=len(asked), timeout=FACTS)
        for ref in late:
            self._follow(ref, "facts", node=asked[ref])
        read = [self._read_node(alive[asked[ref]], partial(ray.get, ref)) for ref in answered]
        found = [node for node in read if node is not None]
        if late and not found:
            raise messages.nodes_silent(len(late), f"{FACTS:g}")
        self._device = choose(found, self._setup)
        for node in found:
            self._add(node)
        self._tell_places()

    def handle(self, item: object) -> None:
        """Handle a message of the engine or a reply, or call what `_later` put off. Raise OSError
        if a bundle cannot be read."""
        if isinstance(item, events.Request):
            self._waiting.append(item)
        elif isinstance(item, events.Answer):
            self._answer(item)
        elif isinstance(item, wire.GiveUp):
            for seat in [one for one in self._seats if one.attempt == item.attempt]:
                self._lose(seat, item.why)
            self._drop_waiting(item.why, item.attempt)
        elif isinstance(item, wire.Cancel):
            self._cancel()
        elif callable(item):
            item()
        elif isinstance(item, Reply) and item.seat is not None and item.what == "again":
            self._return(item.seat, item.get)
        elif isinstance(item, Reply) and item.seat is not None:
            if item.seat.actor is item.actor:  # not of one that was given up
                self._handle_reply(item.seat, item)
        elif isinstance(item, Reply):
            alive = self._list_nodes()
            node = self._read_node(alive[item.node], item.get) if item.node in alive else None
            if node is not None:
                self._add(node)
                self._tell_places()
        self._start_waiting()

    def tick(self) -> None:
        """Give up attempts whose worker is silent, say which still wait for a place, and see which
        nodes are gone or new."""
        now = time.monotonic()
        for seat in [one for one in self._seats if one.attempt]:
            if seat.latest is None:
                if now - seat.waits > TAKEN:
                    seat.waits = now
                    self._say(seat.attempt, f"waits for a free place on {seat.node.name}")
            elif now - seat.latest > SILENCE:
                self._lose(seat, f"its worker on {seat.node.name} was silent for {SILENCE:g} s")
                self._suspend(seat)
        if now - self._looked > NODES:
            self._looked = now
            self._look_at_nodes()
        self._start_waiting()

    def close(self) -> None:
        """End all workers and actors, and leave the cluster; one that was made for this batch ends
        with it."""
        if not ray.is_initialized():
            return
        actors = [seat.actor for seat in self._seats if seat.actor is not None]
        active = [seat.actor for seat in self._seats if seat.latest is not None]
        with contextlib.suppress(RayError, ValueError):
            refs = [actor.end.remote() for actor in active]
            if refs:
                ray.wait(refs, num_returns=len(refs), timeout=GRACE + 5)
        for actor in actors:
            with contextlib.suppress(RayError, ValueError):
                ray.kill(actor)
        ray.shutdown()

    def _list_nodes(self) -> dict[str, Mapping[str, Any]]:
        """Return what Ray tells about each node that is alive and shares out CPUs or GPUs, by its
        id: a head node may share out nothing."""
        alive = [one for one in ray.nodes() if one["Alive"]]
        return {one["NodeID"]: one for one in alive if one["Resources"].keys() & {"CPU", "GPU"}}

    def _name(self, node: str, about: Mapping[str, Any]) -> None:
        """Give a node, of which Ray tells ``about``, a name that no other node has."""
        host = clean(str(about["NodeManagerHostname"]), width=60)
        taken = host in self._names.values()
        self._names[node] = f"{host}-{node[:6]}" if taken else host

    def _ask(self, node: str) -> Any:
        """Ask a node for its facts; return the reference of the answer."""
        at = NodeAffinitySchedulingStrategy(node, soft=False)
        self._asked[node] = time.time()
        ask = ray.remote(look).options(num_cpus=0, max_retries=0, scheduling_strategy=at)
        return ask.remote(self._setup.line())

    def _read_node(self, about: Mapping[str, Any], get: Callable[[], Any]) -> Node | None:
        """Return a node, of which Ray tells ``about``, with its facts, which ``get`` returns; None
        if it could not tell them, which is said."""
        key, resources = about["NodeID"], about["Resources"]
        name = self._names[key]
        try:
            facts = read_facts(get())
        except Exception as error:  # Ray raises what the node raised
            self._warn(messages.node_not_asked(name, brief(error)))
            return None
        if skewed := describe_skew(name, facts, self._asked[key], time.time()):
            self._warn(skewed)
        self._is_here |= facts.machine == machine()
        return Node(key, name, resources.get("CPU", 0.0), resources.get("GPU", 0.0), facts)

    def _add(self, node: Node) -> None:
        """Add the places of a node, or say why it is not used."""
        if fault := find_fault(node, self._device, self._setup):
            self._warn(fault)
        share = places_of(node, self._device, self._setup)
        self._seats += [Seat(node, share) for _ in range(share.number)]

    def _look_at_nodes(self) -> None:
        """Give up the places of nodes that are gone, and ask new nodes for their facts."""
        alive = self._list_nodes()
        gone = [seat for seat in self._seats if seat.node.id not in alive]
        for seat in gone:
            self._lose(seat, f"its node {seat.node.name} is gone")
            self._seats.remove(seat)
        if gone:
            self._tell_places()
        for key in alive.keys() - self._names.keys():
            self._name(key, alive[key])
            self._follow(self._ask(key), "facts", node=key)

    def _tell_places(self) -> None:
        """Tell the engine how many places there are, and on which device."""
        device = self._device
        self._send(
            wire.Cluster(
                places=len(self._seats),
                unsure=self._unsure,
                device=device.kind,
                device_name=device.name,
                is_here=self._is_here,
                digest=device.digest,
            )
        )

    def _start_waiting(self) -> None:
        """Start the requests that wait, as far as there are free places; if no place is left, and
        none may come back, they are lost."""
        while self._waiting and (free := [seat for seat in self._seats if not seat.attempt]):
            self._start(self._waiting.pop(0), free)
        if not self._seats and not self._unsure:
            self._drop_waiting("all nodes are gone")

    def _drop_waiting(self, why: str, attempt: str = "") -> None:
        """Let the request of an attempt that waits for a place be lost, or all such requests."""
        for request in [*self._waiting]:
            if attempt in ("", request.attempt):
                self._waiting.remove(request)
                self._send(events.Lost(attempt=request.attempt, why=why))

    def _start(self, request: events.Request, free: list[Seat]) -> None:
        """Start an attempt in one of the ``free`` places, if possible in one whose worker is there
        already."""
        seat = next((one for one in free if one.actor is not None), free[0])
        if request.base_digest not in self._bases:
            self._bases[request.base_digest] = ray.put(Path(request.base).read_bytes())
        seat.attempt, seat.waits = request.attempt, time.monotonic()
        is_new = seat.actor is None
        if is_new:
            seat.actor, seat.number, seat.latest = self._make_actor(seat), 0, None
        taken = seat.actor.take.remote(request.line(), self._bases[request.base_digest])
        self._follow(taken, "take", seat)
        if is_new:
            self._poll(seat, seat.actor)

    def _make_actor(self, seat: Seat) -> Any:
        """Return a new actor for a place. Ray never starts it again: what was lost is tried again
        as a new attempt, or not at all."""
        return (
            ray.remote(Place)
            .options(
                num_cpus=seat.share.cpus,
                num_gpus=seat.share.gpus,
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=_AT_ONCE,
                scheduling_strategy=NodeAffinitySchedulingStrategy(seat.node.id, soft=False),
            )
            .remote(self._setup.worker)
        )

    def _answer(self, answer: events.Answer) -> None:
        """Pass an answer on to the place of its attempt."""
        for seat in self._seats:
            if seat.attempt == answer.attempt and seat.actor is not None:
                ref = seat.actor.answer.remote(answer.line())
                self._follow(ref, "answer", seat)

    def _cancel(self) -> None:
        """Interrupt all attempts; one that still waits for its place is lost."""
        self._drop_waiting("it was interrupted before it had a place")
        for seat in self._seats:
            if seat.attempt and seat.latest is None:
                self._lose(seat, "it was interrupted before it had a place")
            elif seat.attempt:
                seat.actor.interrupt.remote()

    def _poll(self, seat: Seat, actor: Any) -> None:
        """Ask the actor in a place for its next messages, unless it was given up meanwhile."""
        if seat.actor is actor:
            self._follow(actor.poll.remote(seat.number, POLL), "poll", seat)

    def _follow(self, ref: Any, what: str, seat: Seat | None = None, node: str = "") -> None:
        """Put the reply into the queue once what ``ref`` refers to is there."""
        actor = seat and seat.actor

        def put(done: Future[Any]) -> None:
            self._put(Reply(what, done.result, seat, actor, node))

        ref.future().add_done_callback(put)

    def _handle_reply(self, seat: Seat, reply: Reply) -> None:
        """Handle the reply of a place. If the question failed, it may have got lost on the way:
        then the attempt is lost too, since it would wait for that forever. Only the question for
        new messages is repeated, while Ray says that the actor is unavailable."""
        try:
            found = reply.get()
        except Exception as error:
            if reply.what == "poll" and isinstance(error, ActorUnavailableError):
                self._later(1.0, lambda: self._poll(seat, reply.actor))  # it keeps its messages
            else:
                self._lose(seat, f"its place on {seat.node.name} is gone: {brief(error)}")
                self._suspend(seat)
            return
        if reply.what == "take":
            seat.latest = time.monotonic()
        if reply.what != "poll":
            return
        for number, line in found:
            seat.number, seat.latest = number, time.monotonic()
            self._pass_on(seat, events.read(line))
        self._poll(seat, seat.actor)

    def _suspend(self, seat: Seat) -> None:
        """Use a place whose actor was lost no more until its node has answered: the node may be
        gone too, which is known for certain only after a while."""
        if seat in self._seats:
            self._seats.remove(seat)
            self._unsure += 1
            self._tell_places()
            self._follow(self._ask(seat.node.id), "again", seat)

    def _return(self, seat: Seat, get: Callable[[], Any]) -> None:
        """Use a place again if its node has answered; if it could not, but is not gone either, ask
        it again later."""
        alive = self._list_nodes()
        try:
            get()
        except Exception:
            if seat.node.id in alive:
                self._later(NODES, lambda: self._follow(self._ask(seat.node.id), "again", seat))
                return
        else:
            self._seats.append(seat)
        self._unsure -= 1
        self._tell_places()

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        """Let `handle` call ``work`` after so many seconds."""
        timer = threading.Timer(seconds, self._put, [work])
        timer.daemon = True
        timer.start()

    def _pass_on(self, seat: Seat, message: Message) -> None:
        """Send a message of a worker to the engine, unless it is not about the attempt that goes on
        there; those about devices name the node too."""
        if not seat.attempt or message.attempt != seat.attempt:
            return  # a sign of life
        self._send(name_node(message, seat.node.name))
        if isinstance(message, events.Ended | events.Refused | events.Lost):
            seat.attempt = ""

    def _lose(self, seat: Seat, why: str) -> None:
        """Give up the actor in a place; its attempt, if it has one, is lost."""
        actor, attempt = seat.actor, seat.attempt
        seat.actor, seat.attempt, seat.latest = None, "", None
        if actor is not None:
            with contextlib.suppress(RayError, ValueError):
                ray.kill(actor)
        if attempt:
            self._send(events.Lost(attempt=attempt, why=why))

    def _say(self, attempt: str, text: str) -> None:
        """Send a line for the user about an attempt; "" for one about the cluster."""
        self._send(events.Said(attempt=attempt, text=f"ouro: {text}"))

    def _warn(self, error: OuroError) -> None:
        """Send a line for the user about a node."""
        self._say("", f"warning: {error.message}; {error.help}")
