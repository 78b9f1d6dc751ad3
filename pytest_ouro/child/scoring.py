"""The judge's arithmetic: the plan of questions, the score of the answers, and the tests.

A row has T + 1 tokens: T inputs, and T targets shifted by one. A *spliced* row has another row's
tokens from a cut on. A causal model gives the same logits before the cut as for the whole row, and
the question does not show the target of the last position before the cut. Both parts are natural
text, so that a model cannot recognise which question is a test.

The answer that counts for a row is that to the first question which shows any of the row. Spliced
rows that are asked earlier are made of spare rows, which are never scored.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The number of scored rows that are also spliced: all up to this number; a tenth if that is more.
SPLICED = 128
#: The smallest number of spare rows for the test of the loss at unseen targets.
LEAST = 8
#: The number of tokens at the end of a row by which ends of rows are compared.
END = 8
#: How often a cut is drawn, to avoid that a splice ends like a scored row.
TRIES = 16
#: The largest difference in nats that bfloat16 explains between two losses of the same tokens.
TOLERANCE = 0.25
#: The same for the mean difference: equal kernels give equal bits, a change of state does not.
MEAN_TOLERANCE = 1e-2
#: The largest standard deviation of differences within both limits: most are 0, the others large.
WIDEST = math.sqrt(TOLERANCE * MEAN_TOLERANCE)
#: The threshold of every statistical test, in standard errors.
SIGMAS = 6.0
#: The number of places before a cut from which the spread of rounding is estimated.
NEAR = 8
#: The smallest number of rows for the trend test.
TREND = 64
#: The loss in nats that replaces NaN and infinity in the tests.
FAR = 1e6


@dataclass(frozen=True)
class Question:
    """One question to the model, about row ``row``: its tokens before the index ``cut``, and from
    there on those of row ``other``; with ``cut`` 0 the whole row. Rows are indexes into `Rows`."""

    row: int
    cut: int = 0
    other: int = 0


@dataclass(frozen=True)
class Rows:
    """The validation rows: inputs ``x`` and targets ``y``, token ids as int64 of shape (N, T), and
    ``num_bytes``, the number of bytes of each token by its id, int64 of shape (V,).

    ``scored`` has the indexes of the rows that count, ascending; ``spare`` those of some other
    rows, which may be asked before them and never count.
    """

    x: torch.Tensor
    y: torch.Tensor
    num_bytes: torch.Tensor
    scored: tuple[int, ...]
    spare: tuple[int, ...] = ()

    def tokens(self, question: Question) -> torch.Tensor:
        """Return the inputs of a question, token ids of shape (T,): those of its row, with those of
        the other row from the cut on if there is a cut."""
        row = self.x[question.row]
        if not question.cut:
            return row
        return torch.cat([row[: question.cut], self.x[question.other, question.cut :]])


def plan(rows: Rows, seed: int) -> list[Question]:
    """Return the questions of two passes, which ``batches`` never puts into one batch.

    The first pass asks every scored row as it is and, shuffled among them, pairs of spare rows with
    their ends exchanged. The second asks spliced versions of scored rows, then some of the early
    rows again.

    No question shows a target that is scored later or in the same batch: a target of a scored row
    is a token of that row, the first pass shows each row in one question only, and the second pass
    scores nothing. This holds for places in rows, not for texts: if the data repeats a text, or the
    first token of a row is the last target of another, scored rows reveal each other in any order.
    """
    chance = random.Random(seed)
    scored, length = list(rows.scored), rows.x.shape[1]
    first = [Question(row) for row in scored]
    if length > 1:
        spare = chance.sample(rows.spare, min(len(rows.spare), count_spare(len(scored))))
        ends = {tuple(row) for row in rows.x[scored, -END:].tolist()}
        for one, other in zip(spare[::2], spare[1::2], strict=False):
            first += _exchange_ends(rows, (one, other), ends, chance)
    chance.shuffle(first)
    second = []
    if len(rows.x) > 1 and length > 1:
        for row in chance.sample(scored, _count_spliced(len(scored))):
            other = chance.choice([n for n in (chance.randrange(len(rows.x)), row - 1) if n != row])
            second.append(Question(row, chance.randrange(1, length), other % len(rows.x)))
    # Repeat some of the first half, whose answers are the oldest; a model cannot predict which.
    early = [question for question in first if not question.cut][: max(8, len(scored) // 2)]
    return first + second + chance.sample(early, min(len(early), max(8, len(scored) // 20)))


def _count_spliced(scored: int) -> int:
    """Return how many of ``scored`` rows (their number) are also asked spliced: all of up to
    `SPLICED` rows; of more rows `SPLICED`, or a tenth of them if that is more."""
    return max(scored // 10, min(scored, SPLICED))


def count_spare(scored: int) -> int:
    """Return how many spare rows a plan for ``scored`` rows uses, if there are as many: half the
    number of its spliced rows, rounded down to an even number."""
    return _count_spliced(scored) // 4 * 2


def _exchange_ends(
    rows: Rows, spare: tuple[int, int], ends: set[tuple[int, ...]], chance: random.Random
) -> list[Question]:
    """Return two questions about the pair of rows ``spare``: each row with the end of the other,
    from the same random cut on. No token is shown twice.

    The cut is drawn again while one of the two new ends equals one of ``ends``, the last tokens of
    the scored rows. After TRIES draws, the last pair is returned in any case.
    """
    one, other = spare
    pair: list[Question] = []
    for _ in range(TRIES):
        cut = chance.randrange(1, rows.x.shape[1])
        pair = [Question(one, cut, other), Question(other, cut, one)]
        if ends.isdisjoint(tuple(rows.tokens(question)[-END:].tolist()) for question in pair):
            break
    return pair


def batches(asked: list[Question], size: int) -> Iterator[list[Question]]:
    """Yield the questions in order, in batches of ``size``, fewer at the end of a pass. The first
    pass ends with the last question whose answer is scored; the next question begins a new batch.
    Raise ValueError if no question asks a row whole."""
    turn = max(whole_places(asked).values()) + 1
    for part in (asked[:turn], asked[turn:]):
        for first in range(0, len(part), size):
            yield part[first : first + size]


def whole_places(asked: list[Question]) -> dict[int, int]:
    """Return a dict from the index of each row that is asked whole to the place, in ``asked``, of
    the first question about it, whose answer is scored."""
    found: dict[int, int] = {}
    for place, question in enumerate(asked):
        if not question.cut:
            found.setdefault(question.row, place)
    return found


def losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy in nats of logits (B, T, V) at ``targets`` (B, T), float64."""
    wide = logits.double()
    # Subtract the largest logit, so that the exponentials neither overflow nor vanish.
    wide = wide - wide.amax(-1, keepdim=True)
    picked = wide.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return wide.logsumexp(-1) - picked


def bits_per_byte(nats: torch.Tensor, num_bytes: torch.Tensor) -> float:
    """Return the sum of the nats of the targets with bytes, converted to bits, divided by the sum
    of bytes; NaN if no target has bytes. ``num_bytes`` has the number of bytes of each target, in
    the shape of ``nats``; the nats of a target of 0 bytes do not count."""
    counts = num_bytes > 0
    return float(nats[counts].sum() / (math.log(2) * num_bytes.sum()))


def standard_error(nats: torch.Tensor, num_bytes: torch.Tensor) -> float:
    """Return the standard error of bits per byte, with rows as the sample: the delta method for a
    ratio of two sums. Both arguments have the shape (N, T). 0 for a single row."""
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
    """What the judge makes of the answers to the questions ``asked``: it gets their losses, in
    nats, as the answers arrive, and computes the score and the findings."""

    rows: Rows
    asked: list[Question]
    _nats: list[torch.Tensor] = field(default_factory=list)

    @cached_property
    def _whole(self) -> dict[int, int]:
        """A dict from each scored row to the place of its scored answer in ``asked``."""
        return whole_places(self.asked)

    def add(self, nats: torch.Tensor) -> None:
        """Append the losses (B, T), in nats, of the answers to the next B questions. They are for
        the targets of the whole row of each question, even if it was spliced."""
        self._nats.extend(nats.cpu())

    def value(self) -> tuple[float, float]:
        """Return a tuple: bits per byte of the scored rows, and its standard error, by the answers
        that count (`by_target`), all added; NaN or infinite if one is, at a target with bytes."""
        _, nats, num_bytes = self.by_target()
        return bits_per_byte(nats, num_bytes), standard_error(nats, num_bytes)

    def by_target(self) -> tuple[list[int], torch.Tensor, torch.Tensor]:
        """Return the indexes of the N scored rows, ascending, the nats of their targets by the
        first answer for each row, and the numbers of bytes of the targets, both of shape (N, T)."""
        order = sorted(self._whole)
        nats = torch.stack([self._nats[self._whole[row]] for row in order])
        return order, nats, self.rows.num_bytes[self.rows.y[order]]

    def findings(self) -> list[str]:
        """Return a line for each failed test; a failure that explains others comes first. [] if all
        tests hold, or if the score is infinite or NaN. The answers to all questions must have been
        added; a loss that is infinite or NaN is replaced in them."""
        if not math.isfinite(self.value()[0]):
            return []  # the outcome of the run reports a metric that is not a number
        # A NaN in a test question alone counts as a large loss, so that the test fails.
        self._nats = [torch.nan_to_num(nats, nan=FAR, posinf=FAR) for nats in self._nats]
        tests = (self._check_repeats, self._check_splices, self._check_unseen, self._check_trend)
        return [text for text in (test() for test in tests) if text]

    def _check_splices(self) -> str:
        """Return a finding if the losses of a spliced row before its cut differ from those of the
        whole row by more than rounding; "" otherwise.

        A loss that is only a little, but regularly, higher right before the cut is a finding too:
        there the whole row shows the target and the spliced row does not, see `_reveals_token`.
        """
        whole = self._whole
        apart = [
            self._nats[place][: question.cut] - self._nats[whole[question.row]][: question.cut]
            for place, question in enumerate(self.asked)
            if question.cut and question.row in whole
        ]
        if differ := _count_differing(apart) or len(apart) * _reveals_token(apart):
            return (
                f"not causal: {differ} of {len(apart)} rows were answered differently where only "
                "later tokens, or the other rows of the batch, had changed"
            )
        return ""

    def _check_unseen(self) -> str:
        """Return a finding if the mean loss is higher for targets that no question shows than for
        those of the scored rows, by more than SIGMAS standard errors; "" if not, or if there are
        fewer than LEAST such targets.

        These targets are the last before the cut of a spliced spare row. No earlier question shows
        a spare row, so that a model which stores its answers cannot distinguish it from a scored
        one.
        """
        counts = self._counts()
        values = [
            float(self._nats[place][question.cut - 1])
            for place, question in enumerate(self.asked)
            if question.cut and question.row not in self._whole
            if counts[question.row, question.cut - 1]
        ]
        if len(values) < LEAST:
            return ""
        unseen = torch.tensor(values, dtype=torch.float64)
        whole = self._whole.items()
        usual = torch.cat([self._nats[place][:-1][counts[row, :-1]] for row, place in whole])
        spread = max(float(unseen.std()), float(usual.std()))
        above = _sigmas_above(unseen, float(usual.mean()), spread)
        if above <= SIGMAS:
            return ""
        return (
            f"not causal: the loss is {float(unseen.mean()):.2f} nats where the target was not "
            f"shown, {float(usual.mean()):.2f} elsewhere ({above:.0f} standard errors)"
        )

    def _check_repeats(self) -> str:
        """Return a finding if a row that is asked whole a second time is answered differently,
        beyond rounding; "" otherwise."""
        apart = [
            self._nats[place] - self._nats[self._whole[question.row]]
            for place, question in enumerate(self.asked)
            if not question.cut and self._whole[question.row] != place
        ]
        if differ := _count_differing(apart):
            return (
                f"{differ} of {len(apart)} rows were answered differently when asked again: the "
                "model keeps a state, learns from the rows, sees the other rows of the batch, or "
                "is not in evaluation mode"
            )
        return ""

    def _check_trend(self) -> str:
        """Return a finding if the loss falls along the order of questions by more than SIGMAS
        standard errors; "" if it does not, or if there are fewer than TREND rows.

        The order is random, so that the spread of a rank statistic is known for any model. The part
        of the loss that rare tokens explain is removed first.
        """
        if len(self._whole) < TREND:
            return ""
        rows, counts = list(self._whole), self._counts()  # in the order of questions
        nats = torch.stack([(self._nats[self._whole[row]] * counts[row]).mean() for row in rows])
        above = trend(_residuals(nats, self._rarity()[rows]))
        if above <= SIGMAS:
            return ""
        return (
            "the loss falls while rows are asked, whichever they are: the model learns from them "
            f"({above:.0f} standard errors)"
        )

    def _rarity(self) -> torch.Tensor:
        """Return the mean negative log frequency of each row's targets, of shape (N,); a target
        without bytes counts as 0. The frequencies are those in the validation rows."""
        often = torch.bincount(self.rows.y.flatten(), minlength=len(self.rows.num_bytes))
        surprise = -torch.log((often.double() + 1) / float(often.sum()))
        return (surprise[self.rows.y] * self._counts()).mean(1)

    def _counts(self) -> torch.Tensor:
        """Return a boolean mask (N, T) over all validation rows: True for targets that have bytes,
        which alone count in the score and the tests."""
        return self.rows.num_bytes[self.rows.y] > 0


def trend(values: torch.Tensor) -> float:
    """Return by how many standard errors the ranks of ``values`` (two or more) fall with the log of
    their place; negative if they rise, 0 if all are equal.

    The logarithm is used because a model that learns gains most at the beginning.
    """
    ranks = _ranks(values)
    places = torch.log(torch.arange(len(values), dtype=torch.float64) + 0.5)
    ranks, places = ranks - ranks.mean(), places - places.mean()
    spread = math.sqrt(float((ranks**2).sum() * (places**2).sum()) / (len(values) - 1))
    return -float((ranks * places).sum()) / spread if spread > 0 else 0.0


def _ranks(values: torch.Tensor) -> torch.Tensor:
    """Return the ranks of the values, from 1 for the smallest; values that are equal when rounded
    to 1e-4 get their mean rank."""
    _, kinds, counts = torch.unique(
        (values / 1e-4).round(), return_inverse=True, return_counts=True
    )
    middle = (counts.cumsum(0) - (counts - 1) / 2).double()
    ranks: torch.Tensor = middle.gather(0, kinds)
    return ranks


def _residuals(values: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """Return ``values`` less what a linear regression on ``by`` explains; the mean of ``values``
    stays."""
    by = by - by.mean()
    slope = (by * values).sum() / (by**2).sum().clamp(min=1e-12)
    return values - slope * by


def _sigmas_above(values: torch.Tensor, usual: float, spread: float) -> float:
    """Return by how many standard errors the mean of ``values`` exceeds ``usual`` (negative if it
    is below), where one value has the standard deviation ``spread``; 0 if there are fewer than 8
    values."""
    if len(values) < 8:
        return 0.0
    return float(values.mean() - usual) / (max(spread, 1e-9) / math.sqrt(len(values)))


def _reveals_token(apart: list[torch.Tensor]) -> bool:
    """Return whether the model uses a token to predict that token: whether, by more than SIGMAS
    standard errors of rounding, the loss is lower where the question shows the target. False for
    fewer than 8 rows.

    ``apart`` has, for each spliced row, its losses before the cut minus those of the whole row.
    They differ at the last place, whose target only the whole row shows. The spread of rounding is
    taken from the places before, since a model could inflate it at the last place to hide the
    shift; WIDEST caps it, since a model could inflate those too.
    """
    last = torch.tensor([float(nats[-1]) for nats in apart], dtype=torch.float64)
    before = torch.cat([nats[-NEAR - 1 : -1] for nats in apart] or [last])
    spread = float(before.std()) if len(before) > 1 else 0.0
    return _sigmas_above(last, 0.0, min(max(spread, MEAN_TOLERANCE), WIDEST)) > SIGMAS


def _count_differing(apart: list[torch.Tensor]) -> int:
    """Return how many rows have a difference beyond rounding (TOLERANCE). If none has, but the mean
    difference is beyond MEAN_TOLERANCE, return the number of all rows; else 0. ``apart`` has a
    tensor of the differences for each row."""
    far = sum(not bool((nats.abs() <= TOLERANCE).all()) for nats in apart)
    if far or not apart:
        return far
    return len(apart) if float(torch.cat(apart).abs().mean()) > MEAN_TOLERANCE else 0
