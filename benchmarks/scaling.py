"""Simulate a batch on a large cluster, and say what limits it first.

    python benchmarks/scaling.py [--candidates 10000] [--workers 1000] [--run 300]

One process records. For each candidate it packs a bundle, decides and writes; it handles the events
of all runs that go on; all that is one queue, served one after the other. Workers lose attempts:
a worker dies, or its node; the loss is seen after a while, and a new attempt is made in that place.
That a node takes several places with it at a time is not modelled. Every figure of the model is an
option; docs/scaling.md says which of the defaults were measured (`python benchmarks/engine.py`).
Prints a table: these figures first, then what other ones would change.
"""

from __future__ import annotations

import argparse
import heapq
import random
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Model:
    """The figures of a batch. Times are in seconds, ``seen`` those until the loss of a worker and
    of a node is noticed; ``worker_hours`` and ``node_hours`` are the mean hours between two losses
    of one worker and of one node, which has ``per_node`` places. ``send``, ``record`` and ``event``
    are what the recording process works for an attempt, for its end, and for an event;
    ``per_record`` is what an end takes more for each record that the journal has already. A run
    sends ``events`` a second. ``tries`` are the attempts that a candidate has. ``drivers`` share
    the candidates, each with a journal of its own."""

    candidates: int = 10_000
    workers: int = 1_000
    run: float = 300.0
    spread: float = 0.05
    place: float = 2.0
    send: float = 0.04
    record: float = 0.03
    per_record: float = 0.0
    event: float = 0.0005
    events: float = 1.0
    worker_hours: float = 1000.0
    node_hours: float = 2000.0
    seen: tuple[float, float] = (1.0, 15.0)
    tries: int = 2
    drivers: int = 1


@dataclass
class Result:
    """What came of a batch: wall ``seconds``, the share of the ideal throughput, the attempts that
    were lost, the candidates that had no result, the share of the time in which the recording
    process worked, and the seconds that an end waited for it in the mean."""

    seconds: float
    ideal: float
    lost: int
    without: int
    busy: float
    waited: float


def simulate(model: Model, seed: int = 1) -> Result:
    """Simulate one batch of one recording process. With several ``drivers`` that is one of them,
    with its share of candidates and workers; they do not wait for each other."""
    chance = random.Random(seed)
    places = max(1, model.workers // model.drivers)
    candidates = model.candidates // model.drivers
    # Events leave the process less of each second for the rest.
    free = max(0.02, 1 - model.event * model.events * min(places, candidates))
    queue = [*range(candidates)]
    tries = [0] * candidates
    now, server = 0.0, 0.0
    worked = waited = 0.0
    lost = without = recorded = ended = 0
    #: (time, number, what, candidate, place)
    agenda: list[tuple[float, int, str, int, int]] = []
    idle = [*range(places)]
    number = 0

    def serve(at: float, work: float) -> float:
        """Let the recording process work; return when it has."""
        nonlocal server, worked
        begin = max(at, server)
        server = begin + work / free
        worked += work / free
        return server

    def add(at: float, what: str, candidate: int, place: int) -> None:
        nonlocal number
        number += 1
        heapq.heappush(agenda, (at, number, what, candidate, place))

    def fill(at: float) -> None:
        """Start attempts in idle places."""
        while queue and idle:
            candidate, place = queue.pop(), idle.pop()
            tries[candidate] += 1
            started = serve(at, model.send) + model.place
            length = model.run * chance.gauss(1, model.spread)
            fate = chance.expovariate(1 / (3600 * model.worker_hours))
            gone = chance.expovariate(1 / (3600 * model.node_hours))
            if min(fate, gone) > length:
                add(started + length, "end", candidate, place)
                continue
            seen = model.seen[0] if fate < gone else model.seen[1]
            add(started + min(fate, gone) + seen, "lost", candidate, place)

    fill(0.0)
    while agenda:
        now, _, what, candidate, place = heapq.heappop(agenda)
        done = serve(now, model.record + model.per_record * recorded)
        recorded += 1
        if what == "end":
            waited += done - now
            ended += 1
        else:
            lost += 1
            if tries[candidate] < model.tries:
                queue.append(candidate)
            else:
                without += 1
        idle.append(place)
        fill(done)
    seconds = max(now, server)
    ideal = candidates * model.run / places
    return Result(seconds, ideal / seconds, lost, without, worked / seconds, waited / max(1, ended))


def describe(name: str, model: Model) -> str:
    """Simulate, and return a row of the table."""
    one = simulate(model)
    share = f"{100 * one.ideal:.0f} %"
    return (
        f"| {name} | {one.seconds / 3600:.2f} | {share} | {one.lost * model.drivers} | "
        f"{one.without * model.drivers} | {100 * one.busy:.0f} % | {one.waited:.1f} |"
    )


def find_limit(model: Model) -> int:
    """Return the largest number of workers, of those tried, at which the recording process costs at
    most 5 % of the throughput; with ten candidates a worker."""
    best = 0
    for workers in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192):
        count = workers * model.drivers
        one = replace(model, workers=count, candidates=10 * count)
        without = replace(one, send=0.0, record=0.0, per_record=0.0, event=0.0)
        if simulate(one).ideal < 0.95 * simulate(without).ideal:
            break
        best = count
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("candidates", "workers", "drivers", "tries"):
        kind, usual = int, getattr(Model, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=usual)
    for name in ("run", "place", "send", "record", "per_record", "event", "events"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Model, name))
    for name in ("worker_hours", "node_hours"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Model, name))
    model = Model(**vars(parser.parse_args()))
    print(
        "| model | hours | of the ideal | lost attempts | without a result | recorder busy "
        "| an end waits, s |"
    )
    print("|---|---|---|---|---|---|---|")
    rows = {
        "these figures": model,
        "failures a hundred times as often": replace(
            model, worker_hours=model.worker_hours / 100, node_hours=model.node_hours / 100
        ),
        "ten events a second of each run": replace(model, events=10 * model.events),
        "the recorder works ten times as long": replace(
            model, send=10 * model.send, record=10 * model.record
        ),
        "runs of 30 s": replace(model, run=model.run / 10),
        "runs of 30 s, and 10 recording processes": replace(model, run=model.run / 10, drivers=10),
        "10 recording processes": replace(model, drivers=10),
    }
    for name, one in rows.items():
        print(describe(name, one), flush=True)
    print()
    for name, one in rows.items():
        print(f"{name}: up to {find_limit(one)} workers, at ten candidates each")


if __name__ == "__main__":
    main()
