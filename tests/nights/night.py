"""Play a night without running it: its tries, placebos, confirmations, ablation and certificate."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING
from unittest import mock

from pytest_ouro.evidence.ledger.ledger_format import TSV
from pytest_ouro.evidence.ledger.ledger_table import Table
from pytest_ouro.experiment.selection.vault import look_into_vault
from pytest_ouro.experiment.terms.turns import Turn
from pytest_ouro.experiment.verdict.search_salt import find_search

from .experiment import METRICS, files
from .ideas import HOSTILE, Idea, Recipe, draw_idea
from .repository import Repository
from .runs import Lane, Runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.evidence.records.run_facts import Purpose
    from pytest_ouro.evidence.records.run_record import FinishedRun

    from .measured import Kind

#: Of 120 tries, how many end without a metric, by how they do.
_FAILING: dict[Kind, int] = {
    "crash": 6,
    "oom": 3,
    "nan": 1,
    "timeout": 2,
    "overrun": 1,
    "claim": 1,
    "records": 1,
    "late": 1,
    "lost": 1,
}
#: From so many tries of a lane on, some are scripted.
_LONG = 30


@dataclass(frozen=True)
class Shape:
    """What a written night is like.

    ``runs`` is the number of tries, ``devices`` how many devices make them side by side, each on a
    branch of its own, and ``metrics`` how many metrics these have in turn. ``only_crashes``: no try
    gives a value. ``certified`` says whether ideas help, so that the certificate is granted, or
    none does; None makes no certificate. ``running``: one run goes on. ``seed`` draws the rest.
    """

    runs: int = 120
    devices: int = 1
    metrics: int = 1
    only_crashes: bool = False
    certified: bool | None = True
    running: bool = False
    seed: int = 0


def write_night(folder: Path, shape: Shape = Shape()) -> Path:
    """Write a night of this shape into a new repository in the empty ``folder``; return it."""
    with mock.patch("os.fsync"):  # a scratch repository need not survive a loss of power
        _write(folder, shape)
    return folder


def _write(folder: Path, shape: Shape) -> None:
    """Write a night of this shape into a new repository in the empty ``folder``."""
    random = Random(f"night {shape.seed}")
    repo = Repository(folder, files(shape.runs))
    runs = Runs(repo, random)
    lanes = [Lane(number, repo.head, shape.metrics) for number in range(shape.devices)]
    nights = [_Night(shape, lane, runs, random) for lane in lanes]
    waiting = [(night.lane.at, night.lane.number, night.play()) for night in nights]
    while waiting:
        _, number, play = heapq.heappop(waiting)
        if next(play, False):
            heapq.heappush(waiting, (lanes[number].at, number, play))
    if shape.running:
        runs.start(lanes[0], lanes[0].tip, Turn())
    for lane in lanes[1:]:
        repo.set_ref(f"refs/heads/{lane.branch}", lane.tip)
    repo.close(lanes[0].tip)
    if any(one.event == "certificate" for one in runs.statements):
        with mock.patch("pytest_ouro.experiment.selection.plan.now", return_value=lanes[0].time):
            look_into_vault(repo.case)
    _write_ledger(folder, runs.of(lanes[0]))


def _write_ledger(folder: Path, runs: list[FinishedRun]) -> None:
    """Write the rows of the main working tree, those of placebos last."""
    rows = sorted(runs, key=lambda run: run.purpose == "placebo")
    lines = [*Table.new(TSV, METRICS[0]).header, *(run.row for run in rows)]
    text = "".join(f"{line}\n" for line in lines if runs)
    (folder / "results.tsv").write_text(text, encoding="utf-8")


class _Night:
    """The tries of one lane."""

    def __init__(self, shape: Shape, lane: Lane, runs: Runs, random: Random) -> None:
        self._shape, self.lane, self._runs, self._random = shape, lane, runs, random
        self._tries = shape.runs // shape.devices + (lane.number < shape.runs % shape.devices)
        self._tried: set[str] = set()
        #: By number: a strong edit and a lucky one, which are confirmed, and one that takes memory.
        self._strong, self._lucky, self._large = (
            self._tries * part // 20 if self._tries >= _LONG else -1 for part in (4, 11, 8)
        )

    def play(self) -> Iterator[bool]:
        """Write the tries and the morning after; yield before each line of the journal."""
        lane, runs = self.lane, self._runs
        for number, kind in enumerate(self._draw_kinds()):
            lane.at += int(20 + self._random.expovariate(1 / 50))
            if number % 45 == 44:
                lane.at += 1500  # the agent waits for its quota
            commit, luck = lane.tip, self._random.gauss(0, 1)
            if number:
                yield from self._precede()
                idea, luck = self._think(number, luck)
                commit = runs.commit(lane, idea)
            run = yield from runs.run(lane, commit, Turn(salt=self._salt()), kind, luck)
            lane.tip = commit if run.status == "keep" else run.incumbent or commit
            if number in (self._strong, self._lucky) and run.status == "keep":
                yield from runs.confirm(lane, run)
        if lane.number == 0 and self._shape.certified is not None and len(runs.find_kept(lane)) > 1:
            yield from runs.certify(lane)

    def _draw_kinds(self) -> list[Kind]:
        """Draw how the tries end. The first two and the scripted ones succeed."""
        tries, random = self._tries, self._random
        if self._shape.only_crashes:
            return random.choices([*_FAILING], [*_FAILING.values()], k=tries)
        scripted = (0, 1, self._strong, self._lucky, self._large)
        free = [number for number in range(tries) if number not in scripted]
        one_each = sum(_FAILING.values())
        count = min(tries * one_each // 120, len(free))
        failing = [kind for kind, times in _FAILING.items() for _ in range(times)]
        chosen = random.sample(failing, min(count, one_each))
        chosen += random.choices(failing, k=count - len(chosen))
        found: list[Kind] = ["ok"] * tries
        for number, kind in zip(random.sample(free, count), chosen, strict=True):
            found[number] = kind
        return found

    def _think(self, number: int, luck: float) -> tuple[Idea, float]:
        """Return the idea of a try, and its luck in standard deviations: ``luck``, unless the try
        is scripted."""
        recipe = self._runs.recipes[self.lane.tip]
        idea = draw_idea(self._random, recipe)
        while idea.recipe.text in self._tried and self._random.random() < 0.9:
            idea = draw_idea(self._random, recipe)
        self._tried.add(idea.recipe.text)
        says, changed, gain = idea.says, idea.recipe, idea.gain
        if self._shape.certified is False:
            gain = min(0.0, gain)
        elif number in (1, self._strong):
            gain, luck = 0.0085, 0.0
        if number == self._lucky:
            gain, luck = -0.0004, -4.5
        if number == self._large:
            changed = Recipe(recipe.settings | {"DEPTH": 16}, recipe.parts)
            says, gain = "raise DEPTH to 16: more capacity", 0.02
        if self._tries >= _LONG and number % 9 == 2 and number // 9 < len(HOSTILE):
            says = HOSTILE[number // 9]
        return Idea(says, changed, gain), luck

    def _precede(self) -> Iterator[bool]:
        """Write the runs that precede a try: a placebo, or a run of the last keep on a new salt."""
        runs, kept = self._runs, self._runs.find_kept(self.lane)
        if not kept:
            return
        purposes: list[Purpose] = []
        if self._random.random() < runs.rule.placebo:
            purposes.append("placebo")
        if find_search(runs.rule, kept[0], runs.relevant(self.lane)).due:
            purposes.append("reference")
        for purpose in purposes:
            yield from runs.run(
                self.lane, kept[0].commit, Turn(salt=runs.draw_salt(), purpose=purpose)
            )

    def _salt(self) -> int:
        """Return the salt of the next try."""
        runs, kept = self._runs, self._runs.find_kept(self.lane)
        return find_search(runs.rule, kept[0], runs.relevant(self.lane)).salt if kept else 0
