"""What an engine costs, without and with the work of the process that records.

    python benchmarks/engine.py engine [--engine local] [--slots 4]
    python benchmarks/engine.py engine --engine ray=HOST:6379 --slots 2
    python benchmarks/engine.py bundle
    python benchmarks/engine.py driver [--candidates 300]

``engine`` measures the engine alone: its workers are a stand-in that sleeps, so that nothing is
checked out, supervised or recorded. It prints what an experiment takes beside its sleep in a place
that is warm; how much of the ideal throughput is left of 100 candidates that sleep for 2 seconds
each; and how many events arrive a second. ``--slots`` are those of a node. ``python
tests/engines/ray_cluster.py FOLDER 2`` starts two nodes with two CPUs each on this machine, and
prints the address.

``bundle`` prints the sizes of the bundles of this repository and the seconds to make them.

``driver`` measures what the process that records does for each candidate, while the journal grows:
one run is real, and a stand-in for the engine answers the others from it at once. At the end it
measures what it takes to merge the lines of one journal into another.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

from pytest_ouro import __version__
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.batch.batch import Batch
from pytest_ouro.experiment.batch.candidates import Candidate
from pytest_ouro.experiment.engines import events, local
from pytest_ouro.experiment.engines.bundle import pack
from pytest_ouro.experiment.engines.local import LocalEngine, WorkerProcess
from pytest_ouro.experiment.known import describe_start
from pytest_ouro.experiment.run import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun

#: What the stand-in for a worker does: seconds of sleep, and events before it ends.
WORKER = (sys.executable, str(Path(__file__).resolve()), "worker")


def main() -> None:
    """Measure what the arguments name, and print it with the load of the machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("engine", "bundle", "driver", "worker"))
    parser.add_argument("--engine", default="local")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2.0)
    args = parser.parse_args()
    if args.part == "worker":
        serve()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    if args.part == "engine":
        measure_engine(args.engine, args.slots, args.candidates, args.seconds)
    elif args.part == "bundle":
        measure_bundles()
    else:
        measure_driver(args.candidates)
    print(f"load {os.getloadavg()[0]:.1f}")


def serve() -> None:
    """Be a worker that sleeps: the commit of a request says for how many milliseconds, its head how
    many events are sent meanwhile."""
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        message = events.read(line)
        if isinstance(message, events.Request):
            request = message
            out.write(events.Began(attempt=request.attempt, record=b"{}").line())
        else:
            time.sleep(int(request.commit) / 1000)
            said = events.Said(attempt=request.attempt, text="one of many lines")
            out.write(said.line() * int(request.head))
            out.write(events.Ended(attempt=request.attempt, record=b"{}").line())
        out.flush()
    raise SystemExit


def measure_engine(name: str, slots: int, candidates: int, seconds: float) -> None:
    """Print what an engine alone costs; ``slots`` are those of a node."""
    began = time.perf_counter()
    engine = make_engine(name, slots)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "base.bundle")
        base.write_bytes(os.urandom(1 << 20))
        drive, slots = Driver(engine, str(base)), engine.capacity
        print(f"{name}: connected in {time.perf_counter() - began:.2f} s, {engine.capacity} places")
        took, _ = drive.run(slots, 0.0)
        print(f"first {slots} attempts, cold: {took:.2f} s")
        single = [drive.run(1, 0.0)[0] for _ in range(50)]
        print(f"overhead of an experiment, warm, one at a time: median {ms(single)} ms, ", end="")
        print(f"the slowest of 50 {1000 * max(single):.1f} ms")
        took, _ = drive.run(candidates, seconds)
        ideal = candidates * seconds / slots
        print(f"{candidates} candidates of {seconds:g} s in {slots} places: {took:.2f} s, ", end="")
        print(f"{100 * ideal / took:.1f} % of the ideal {ideal:g} s")
        took, count = drive.run(slots, 0.0, 5000)
        print(f"{count} events in {took:.2f} s: {count / took:.0f} a second", flush=True)
    engine.close()


def make_engine(name: str, slots: int) -> Any:
    """Return an engine whose workers are the stand-in; ``slots`` are those of a node."""
    if name == "local":
        return LocalOfStandIns([{}] * slots)
    from pytest_ouro.experiment.engines.on_ray.engine import RayEngine, find_address
    from pytest_ouro.experiment.engines.on_ray.wire import Setup

    address = find_address(name.partition("=")[2])
    setup = Setup(address=address, version=__version__, device="cpu", slots=slots, worker=WORKER)
    return RayEngine(setup, print)


class LocalOfStandIns(LocalEngine):
    """The engine of this machine, whose workers are the stand-in."""

    def start(self, request: events.Request) -> None:
        """Start an attempt as that engine does."""
        real, local.WorkerProcess = local.WorkerProcess, StandIn  # type: ignore[misc]
        try:
            super().start(request)
        finally:
            local.WorkerProcess = real  # type: ignore[misc]


class StandIn(WorkerProcess):
    """The process of the stand-in for a worker."""

    def __init__(self, environment: Any, words: Sequence[str] = ()) -> None:
        super().__init__(environment, WORKER)


class Driver:
    """Keeps the places of an engine busy, as a batch does, and records nothing."""

    def __init__(self, engine: Any, base: str) -> None:
        self._engine, self._base, self._number = engine, base, 0

    def run(self, count: int, seconds: float, said: int = 0) -> tuple[float, int]:
        """Run so many attempts that each sleep for so many seconds and send ``said`` events; return
        the wall seconds, and the number of events that arrived."""
        began, left, running, arrived = time.perf_counter(), count, 0, 0
        while left or running:
            while left and running < self._engine.capacity:
                self._start(seconds, said)
                left, running = left - 1, running + 1
            for event in self._engine.wait(0.5):
                arrived += 1
                if isinstance(event, events.Began):
                    self._engine.answer(events.Answer(attempt=event.attempt))
                elif isinstance(event, events.Ended):
                    running -= 1
                elif isinstance(event, events.Lost | events.Refused):
                    raise SystemExit(f"an attempt failed: {event}")
        return time.perf_counter() - began, arrived

    def _start(self, seconds: float, said: int) -> None:
        """Start an attempt."""
        self._number += 1
        request = events.Request(
            attempt=f"a{self._number}",
            commit=str(round(1000 * seconds)),
            head=str(said),
            trust="",
            named=True,
            bound="bound.toml",
            base=self._base,
            base_digest="0" * 64,
            bundle=os.urandom(2000),
            digest="",
            version=__version__,
        )
        self._engine.start(request)


def measure_bundles() -> None:
    """Print the sizes of the bundles of this repository, and what it takes to make them."""
    git = Git.objects(Path(__file__).parents[1])
    head = git.line("rev-parse", "HEAD")
    parent = git.line("rev-parse", "HEAD~1")
    for what, tips, without in (
        ("the history that candidates have in common", [parent], []),
        ("a candidate", [head], [parent]),
    ):
        took, size = [], 0
        for _ in range(5):
            began = time.perf_counter()
            size = len(pack(git, tips, without))
            took.append(time.perf_counter() - began)
        print(f"{what}: {size / 1000:.1f} kB, packed in {ms(took)} ms")
    count = git.line("rev-list", "--count", parent)
    print(f"(of this repository, with {count} commits)")
    git.close()


class Answering:
    """An engine that answers each attempt at once, from the record of one real run."""

    def __init__(self, describe: Callable[[str], Any], template: FinishedRun | None) -> None:
        self.describe, self.template = describe, template
        self.real: Any = None if template else LocalEngine([{}])
        self._events: list[Any] = []
        self._started: dict[str, Any] = {}

    capacity, is_local, elsewhere = 1, True, None

    def start(self, request: events.Request) -> None:
        """Let a run begin."""
        if self.real:
            self.real.start(request)
            return
        described = replace(
            self.describe(request.commit),
            purpose=request.purpose,
            plan=request.plan or None,
            salt=request.salt,
            holds=("cpu",),
        )
        self._started[request.attempt] = described
        began = events.Began(attempt=request.attempt, record=record_format.write(described))
        self._events.append(began)

    def answer(self, answer: events.Answer) -> None:
        """Let a run end."""
        if self.real:
            self.real.answer(answer)
            return
        described = self._started.pop(answer.attempt)
        assert self.template is not None
        value = 4.0 + (hash(described.commit) % 1000) / 500
        run = replace(self.template, **described.shared(), measured_value=value, value=value)
        record = record_format.write(run)
        self._events.append(events.Ended(attempt=answer.attempt, record=record))

    def wait(self, seconds: float) -> Sequence[Any]:
        """Return the events."""
        if self.real:
            found = self.real.wait(seconds)
            for event in found:
                if isinstance(event, events.Ended):
                    self.template = cast("FinishedRun", record_format.read(event.record))
            return cast("Sequence[Any]", found)
        found, self._events = self._events, []
        return found

    def cancel(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """End the real engine, if there is one."""
        if self.real:
            self.real.close()


def measure_driver(candidates: int) -> None:
    """Print what the process that records does for a candidate, while the journal grows."""
    from pytest_ouro.cli.bless import bless
    from tests.engines.conftest import BOUND, EVALUATE, WORK

    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        files = {
            "bound.toml": BOUND.format(slots=1, noise=0.1, timeout=600),
            "evaluate.py": EVALUATE,
            "work.py": WORK.format(score=5.0, body=""),
            ".gitignore": "run.log\nresults.tsv\n",
        }
        git = ["git", "-C", folder, "-c", "user.name=b", "-c", "user.email=b@b"]
        subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
        for name, text in files.items():
            (top / name).write_text(text)
        subprocess.run([*git, "add", "-A"], check=True)
        bless(top / "bound.toml")
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "base"], check=True)
        commits = []
        for number in range(candidates):
            (top / "work.py").write_text(WORK.format(score=4.0, body=f"n = {number}"))
            subprocess.run([*git, "commit", "-qam", f"candidate {number}"], check=True)
            line = [*git, "rev-parse", "HEAD"]
            commits.append(
                subprocess.run(line, check=True, capture_output=True).stdout.decode().strip()
            )
            subprocess.run([*git, "reset", "-q", "--hard", "HEAD~1"], check=True)
        template = run_batch(top, commits[:1], None, None)
        took: list[tuple[float, float]] = []
        run_batch(top, commits[1:], template, took)
        for first in range(0, len(took), 50):
            part = took[first : first + 50]
            wall, cpu = (1000 * statistics.mean(column) for column in zip(*part, strict=True))
            print(f"candidates {first + 2} to {first + len(part) + 1}: ", end="")
            print(f"{wall:.1f} ms each, {cpu:.1f} ms of CPU", flush=True)
        size = (top / ".git" / "ouro" / "journal.jsonl").stat().st_size
        print(f"journal: {size / candidates / 1000:.2f} kB a candidate")
        measure_merge(Journal(top / ".git"))


def measure_merge(journal: Journal) -> None:
    """Print what it takes to append a line to another journal, as the lines of a clone are that
    joins shared records."""
    lines = journal.lines()
    with journal.locked():
        began = time.perf_counter()
        journal.put_back([], lines, name="former")
        merged = time.perf_counter() - began
    print(f"{len(lines)} lines: {1000 * merged / len(lines):.1f} ms each to merge journals")


def run_batch(
    top: Path,
    commits: list[str],
    template: FinishedRun | None,
    took: list[tuple[float, float]] | None,
) -> FinishedRun | None:
    """Measure candidates by the stand-in; return the record of the last real run. The seconds that
    each took are added to ``took``."""
    case = open_case(top / "bound.toml", run_commands=True)
    experiment = case.bound.experiments["cpu"]
    engine = Answering(lambda commit: describe_start(case.at(commit), experiment, "cpu"), template)
    candidates = [Candidate(commit, commit) for commit in commits]
    batch = Batch(case, candidates, Order(), "cpu", lambda: cast("Any", engine))
    try:
        for commit in commits:
            began, worked = time.perf_counter(), sum(os.times()[:4])
            batch.measure(commit)
            if took is not None:
                took.append((time.perf_counter() - began, sum(os.times()[:4]) - worked))
    finally:
        batch.close()
        case.close()
    return engine.template


def ms(seconds: Sequence[float]) -> str:
    """Return the median of seconds as milliseconds."""
    return f"{1000 * statistics.median(seconds):.1f}"


if __name__ == "__main__":
    main()
