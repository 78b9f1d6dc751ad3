"""The judge's arithmetic: what is asked, the score of the answers, and what gives a cheat away.

A row is T + 1 tokens: its inputs and, one further, its targets. A *spliced* row has another row's
tokens from a cut on. A causal model answers it, before the cut, as it answers the whole row; and
for its last position before the cut the target is a token that the question does not show. Both
rows are natural text on either side, so that a model cannot tell which question is a test.

A row that is scored is scored by the first question that shows any of it. Spliced rows that come
before, among the scored ones, are made of rows that are never scored.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Scored rows that are also spliced: a tenth, and at least this many where there are as many.
SPLICED = 128
#: Rows that only lend their tokens, at least, for a test of the loss at their cuts.
LEAST = 8
#: Nats by which one answer may differ from another to the same tokens: room for bfloat16.
TOLERANCE = 0.25
#: The same on average over all of them; equal kernels give equal bits, a change of state does not.
MEAN_TOLERANCE = 1e-2
#: The widest spread of what is within both: most places equal, the others as far apart as may be.
WIDEST = math.sqrt(TOLERANCE * MEAN_TOLERANCE)
#: Standard errors by which the loss at cuts may exceed the loss elsewhere, and others may stray.
SIGMAS = 6.0
#: Places before a cut that tell how far rounding spreads there.
NEAR = 8
#: Rows that a trend is looked for in, at least.
TREND = 64
#: Nats that stand for no number.
FAR = 1e6


@dataclass(frozen=True)
class Question:
    """A row that is asked: as it is, or with the tokens of row ``other`` from ``cut`` on."""

    row: int
    cut: int = 0
    other: int = 0


@dataclass(frozen=True)
class Rows:
    """What is asked: ``x`` and ``y`` int64 of shape (N, T), ``num_bytes`` of every token id; the
    rows ``scored`` count; the rows ``spare`` are none of them, and may be shown before them."""

    x: torch.Tensor
    y: torch.Tensor
    num_bytes: torch.Tensor
    scored: tuple[int, ...]
    spare: tuple[int, ...] = ()

    def tokens(self, question: Question) -> torch.Tensor:
        """The inputs of a question, of shape (T,)."""
        row = self.x[question.row]
        if not question.cut:
            return row
        return torch.cat([row[: question.cut], self.x[question.other, question.cut :]])


def plan(rows: Rows, seed: int) -> list[Question]:
    """The questions in two passes, which ``batches`` never puts into one batch.

    The first pass is every scored row as it is and, shuffled among them, pairs of spare rows with
    their ends exchanged. The second is spliced rows of which the whole was asked, then some of the
    early rows again.

    No question shows a target that is scored later, nor one that is scored in the same batch: a
    target of a scored row is a token of that row; the first pass shows the row in one question
    alone, the one that scores it; and after the first pass nothing is scored. This is said of
    places in rows, not of texts. Where the data repeats a text, or the first token of a row is the
    last target of another, the scored rows themselves tell of each other, in any order.
    """
    chance = random.Random(seed)
    scored, length = list(rows.scored), rows.x.shape[1]
    first = [Question(row) for row in scored]
    if length > 1:
        spare = chance.sample(rows.spare, min(len(rows.spare), lent(len(scored))))
        for one, other in zip(spare[::2], spare[1::2], strict=False):
            # With one cut for both, no token of them is shown twice.
            cut = chance.randrange(1, length)
            first += [Question(one, cut, other), Question(other, cut, one)]
    chance.shuffle(first)
    second = []
    if len(rows.x) > 1 and length > 1:
        for row in chance.sample(scored, _several(len(scored))):
            other = chance.choice([n for n in (chance.randrange(len(rows.x)), row - 1) if n != row])
            second.append(Question(row, chance.randrange(1, length), other % len(rows.x)))
    # Of the first half, whose answers are the oldest, but not foreseeable.
    early = [question for question in first if not question.cut][: max(8, len(scored) // 2)]
    return first + second + chance.sample(early, min(len(early), max(8, len(scored) // 20)))


def _several(scored: int) -> int:
    return max(scored // 10, min(scored, SPLICED))


def lent(scored: int) -> int:
    """How many spare rows a plan uses: half as many as it splices of the scored rows."""
    return _several(scored) // 4 * 2


def batches(asked: list[Question], size: int) -> Iterator[list[Question]]:
    """The questions of a plan by ``size``, with a new batch where all rows are scored."""
    turn = max(wholes(asked).values()) + 1
    for part in (asked[:turn], asked[turn:]):
        for first in range(0, len(part), size):
            yield part[first : first + size]


def wholes(asked: list[Question]) -> dict[int, int]:
    """Where each row is first asked as it is: this answer is scored."""
    found: dict[int, int] = {}
    for place, question in enumerate(asked):
        if not question.cut:
            found.setdefault(question.row, place)
    return found


def losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in nats of every target, float64 of shape (B, T); softmax is ours."""
    wide = logits.double()
    # Around zero: far from it the sum of the exponentials would be lost beside the largest.
    wide = wide - wide.amax(-1, keepdim=True)
    picked = wide.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return wide.logsumexp(-1) - picked


def bits_per_byte(nats: torch.Tensor, num_bytes: torch.Tensor) -> float:
    """Of the targets that have bytes: their nats in bits, over their bytes."""
    counts = num_bytes > 0
    return float(nats[counts].sum() / (math.log(2) * num_bytes.sum()))


def standard_error(nats: torch.Tensor, num_bytes: torch.Tensor) -> float:
    """Of bits per byte as a ratio of two sums over the rows, by the delta method."""
    sums = torch.where(num_bytes > 0, nats, 0.0).sum(1)
    sizes = num_bytes.sum(1).double()
    count = len(sums)
    if count < 2:
        return 0.0
    apart = sums - sums.sum() / sizes.sum() * sizes
    spread = math.sqrt(float((apart**2).sum()) * count / (count - 1))
    return spread / (math.log(2) * float(sizes.sum()))


@dataclass
class Score:
    """The answers as they come, in nats, and what they come to."""

    rows: Rows
    asked: list[Question]

    def __post_init__(self) -> None:
        self._nats: list[torch.Tensor] = []

    def hear(self, nats: torch.Tensor) -> None:
        """The losses of the next questions, of shape (B, T), by the targets of their whole row."""
        self._nats.extend(nats.cpu())

    def value(self) -> tuple[float, float]:
        """Bits per byte of the scored rows, and its standard error."""
        whole = wholes(self.asked)
        order = sorted(whole)
        nats = torch.stack([self._nats[whole[row]] for row in order])
        num_bytes = self.rows.num_bytes[self.rows.y[order]]
        return bits_per_byte(nats, num_bytes), standard_error(nats, num_bytes)

    def findings(self) -> list[str]:
        """What no honest model does, a line each; what explains the others comes first."""
        if not math.isfinite(self.value()[0]):
            return []  # a metric that is no number is said elsewhere
        # Where it is none in a test alone, it is far from what it must be.
        self._nats = [torch.nan_to_num(nats, nan=FAR, posinf=FAR) for nats in self._nats]
        tests = (self._again, self._spliced, self._unseen, self._falling)
        return [text for text in (test() for test in tests) if text]

    def _spliced(self) -> str:
        """A spliced row must be answered, before its cut, as the whole row is."""
        whole = wholes(self.asked)
        apart = [
            self._nats[place][: question.cut] - self._nats[whole[question.row]][: question.cut]
            for place, question in enumerate(self.asked)
            if question.cut and question.row in whole
        ]
        if differ := _differing(apart) or len(apart) * _given_away(apart):
            return (
                f"not causal: {differ} of {len(apart)} rows were answered differently where only "
                "later tokens, or the other rows of the batch, had changed"
            )
        return ""

    def _unseen(self) -> str:
        """Where the target was not shown at all, the loss must be what it is elsewhere.

        Only spare rows, of which nothing was shown before: a model that keeps answers cannot know
        these rows from those that are scored.
        """
        whole, counts = wholes(self.asked), self._counts()
        unseen = torch.tensor(
            [
                float(self._nats[place][question.cut - 1])
                for place, question in self._untold(whole)
                if counts[question.row, question.cut - 1]
            ],
            dtype=torch.float64,
        )
        if len(unseen) < LEAST:
            return ""
        usual = torch.cat([self._nats[at][:-1][counts[row, :-1]] for row, at in whole.items()])
        spread = max(float(unseen.std()), float(usual.std()))
        above = _above(unseen, float(usual.mean()), spread)
        if above <= SIGMAS:
            return ""
        return (
            f"not causal: the loss is {float(unseen.mean()):.2f} nats where the target was not "
            f"shown, {float(usual.mean()):.2f} elsewhere ({above:.0f} standard errors)"
        )

    def _untold(self, whole: dict[int, int]) -> list[tuple[int, Question]]:
        """The questions, by place, of whose target at the cut nothing was told by another one."""
        return [(n, one) for n, one in enumerate(self.asked) if one.cut and one.row not in whole]

    def _again(self) -> str:
        """The same row asked twice must be answered alike."""
        whole = wholes(self.asked)
        apart = [
            self._nats[place] - self._nats[whole[question.row]]
            for place, question in enumerate(self.asked)
            if not question.cut and whole[question.row] != place
        ]
        if differ := _differing(apart):
            return (
                f"{differ} of {len(apart)} rows were answered differently when asked again: the "
                "model keeps a state, learns from the rows, sees the other rows of the batch, or "
                "is not in evaluation mode"
            )
        return ""

    def _falling(self) -> str:
        """The loss of rows asked late must be like that of rows asked early.

        The order is chance, so ranks give a statistic whose spread is known whatever the model and
        its losses are. Rare tokens make a row hard for every model: what they explain is taken out.
        """
        whole = wholes(self.asked)
        if len(whole) < TREND:
            return ""
        rows = sorted(whole, key=lambda row: whole[row])
        counts = self._counts()
        nats = torch.stack([(self._nats[whole[row]] * counts[row]).mean() for row in rows])
        above = trend(_unexplained(nats, self._rarity()[rows]))
        if above <= SIGMAS:
            return ""
        return (
            "the loss falls while rows are asked, whichever they are: the model learns from them "
            f"({above:.0f} standard errors)"
        )

    def _rarity(self) -> torch.Tensor:
        """Of each row, how surprising its targets are by how often tokens occur."""
        often = torch.bincount(self.rows.y.flatten(), minlength=len(self.rows.num_bytes))
        surprise = -torch.log((often.double() + 1) / float(often.sum()))
        return (surprise[self.rows.y] * self._counts()).mean(1)

    def _counts(self) -> torch.Tensor:
        """Which targets are scored: those without bytes may have any loss, and hide others'."""
        return self.rows.num_bytes[self.rows.y] > 0


def trend(values: torch.Tensor) -> float:
    """Standard errors by which values fall along their order, by their ranks.

    What learns gains most in the beginning: the places count by their logarithms.
    """
    ranks = _ranks(values)
    places = torch.log(torch.arange(len(values), dtype=torch.float64) + 0.5)
    ranks, places = ranks - ranks.mean(), places - places.mean()
    spread = math.sqrt(float((ranks**2).sum() * (places**2).sum()) / (len(values) - 1))
    return -float((ranks * places).sum()) / spread if spread > 0 else 0.0


def _ranks(values: torch.Tensor) -> torch.Tensor:
    """Equal ones, but for rounding, share the mean of their ranks."""
    _, kinds, counts = torch.unique(
        (values / 1e-4).round(), return_inverse=True, return_counts=True
    )
    middle = (counts.cumsum(0) - (counts - 1) / 2).double()
    ranks: torch.Tensor = middle.gather(0, kinds)
    return ranks


def _unexplained(values: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """What is left of values that a line through ``by`` does not explain."""
    by = by - by.mean()
    slope = (by * values).sum() / (by**2).sum().clamp(min=1e-12)
    return values - slope * by


def _above(values: torch.Tensor, usual: float, spread: float) -> float:
    """How many standard errors, of values that spread so, the mean lies above what is usual."""
    if len(values) < 8:
        return 0.0
    return float(values.mean() - usual) / (max(spread, 1e-9) / math.sqrt(len(values)))


def _given_away(apart: list[torch.Tensor]) -> bool:
    """Whether a token that was shown lowers the loss before it, if only a little.

    Rounding goes both ways, and spreads as it does at the places before, which see the same tokens:
    a spread of the last ones themselves could be made as wide as it takes to hide the shift. So
    could that of the places before, but for what rounding may do at all.
    """
    last = torch.tensor([float(nats[-1]) for nats in apart], dtype=torch.float64)
    before = torch.cat([nats[-NEAR - 1 : -1] for nats in apart] or [last])
    spread = float(before.std()) if len(before) > 1 else 0.0
    return _above(last, 0.0, min(max(spread, MEAN_TOLERANCE), WIDEST)) > SIGMAS


def _differing(apart: list[torch.Tensor]) -> int:
    """How many of the differences are beyond what rounding makes; all, if only their mean is."""
    far = sum(not bool((nats.abs() <= TOLERANCE).all()) for nats in apart)
    if far or not apart:
        return far
    return len(apart) if float(torch.cat(apart).abs().mean()) > MEAN_TOLERANCE else 0
