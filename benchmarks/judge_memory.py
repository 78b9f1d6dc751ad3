"""Measure what a script gains by remembering the judge's questions, and what the judge detects.

    python benchmarks/judge_memory.py gain [--seeds N]
    python benchmarks/judge_memory.py power [--seeds N]
    python benchmarks/judge_memory.py hidden [--seeds N]

Nothing is trained. A Markov chain generates the text, and the honest model is that chain, so that
learning from the rows gains nothing: every gain comes from the questions. Plan, batches and scoring
are the shipped ones. For comparison there is an earlier plan: one pass, in which spliced rows are
made of rows that may be scored later.

`gain`: a causal model remembers every row that it was shown and finds it again by the 2, 4 or 8
tokens before a token. It trusts its memory as far as that was right so far, and repeats its answer
to each beginning that it knows. The table shows by how many per cent of the honest value this
lowers bits per byte, and the upper 95 % bound of the mean over the seeds. Rows begin with the token
that begins a document. In the columns `one text` they are cut from one text, so that the first
token of a row is the last target of the row before, which the attack uses too.

`power`: under how many of N plans the judge finds a cheat, for the same models under both plans.

`hidden`: how much a cheat that passes all comparisons gains before its loss gives it away, in nats
a token: the gain that is found in half of N plans, and the one that is found in 95 % of them. One
cheat looks ahead at random places and stores its answers; one does so where its honest loss is
largest; one learns from the rows, so that its loss falls with the logarithm of the place, and
stores its answers. The spread is the standard deviation of honest losses: of tokens, and for the
last cheat of rows, without the part that rare tokens explain.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from pytest_ouro.child.scoring import (
    SPLICED,
    Question,
    Rows,
    Score,
    _residuals,
    batches,
    count_spare,
    losses,
    plan,
    whole_places,
)

COUNTS, BATCH = (64, 160, 256, 1024), 16
CONTEXTS = (2, 4, 8)


# --- the earlier plan and its scoring -------------------------------------------------------------


def plan_before(rows: Rows, seed: int) -> list[Question]:
    chance, scored, length = random.Random(seed), list(rows.scored), rows.x.shape[1]
    asked = [Question(row) for row in scored]
    for row in chance.sample(scored, max(len(scored) // 10, min(len(scored), SPLICED))):
        other = chance.choice([n for n in (chance.randrange(len(scored)), row - 1) if n != row])
        asked.append(Question(row, chance.randrange(1, length), other % len(scored)))
    chance.shuffle(asked)
    early = [question for question in asked if not question.cut][: max(8, len(scored) // 2)]
    return asked + chance.sample(early, min(len(early), max(8, len(scored) // 20)))


def batches_before(asked: list[Question], size: int) -> list[list[Question]]:
    return [asked[first : first + size] for first in range(0, len(asked), size)]


class ScoreBefore(Score):
    def _unseen_places(self, whole: dict[int, int]) -> list[tuple[int, Question]]:
        return [(n, one) for n, one in enumerate(self.asked) if one.cut and whole[one.row] > n]


BEFORE, SHIPPED = (plan_before, batches_before, ScoreBefore), (plan, batches, Score)


# --- text ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """Rows of a Markov chain's text, and its transition probabilities, vocabulary × vocabulary."""

    rows: Rows
    chain: torch.Tensor


@cache
def text(seed: int, count: int, length: int, vocabulary: int, *, one: bool = False) -> Text:
    """Generate ``count`` scored rows and the spare ones; ``one``: cut them from one text."""
    chance = torch.Generator().manual_seed(seed)
    chain = torch.softmax(2.5 * torch.randn(vocabulary, vocabulary, generator=chance), -1)
    number = count + count_spare(count)
    size = number * length + 1 if one else number * (length + 1)
    dice, steps, token = torch.rand(size, generator=chance).tolist(), chain.cumsum(1).numpy(), 0
    stream = []
    for place in range(size):
        fresh = not one and place % (length + 1) == 0
        token = 0 if fresh else min(int(steps[token].searchsorted(dice[place])), vocabulary - 1)
        stream.append(token)
    tokens = torch.tensor(stream).unfold(0, length + 1, length if one else length + 1)
    num_bytes = torch.ones(vocabulary).long()
    scored, spare = tuple(range(count)), tuple(range(count, number))
    return Text(Rows(tokens[:, :-1], tokens[:, 1:], num_bytes, scored, spare), chain)


# --- the gain of a memory -------------------------------------------------------------------------


@dataclass
class Memory:
    """The tokens that were shown, by the tokens before them, and how often they were right."""

    chain: Any
    after: dict[tuple[int, ...], Counter[int]] = field(default_factory=dict)
    firsts: Counter[int] = field(default_factory=Counter)
    tried: Counter[int] = field(default_factory=lambda: Counter(dict.fromkeys(CONTEXTS, 20)))
    right: Counter[Any] = field(default_factory=lambda: Counter(dict.fromkeys(CONTEXTS, 0.05)))

    def chance(self, tokens: list[int], place: int, target: int) -> float:
        """Return the probability of the target after ``tokens[: place + 1]``."""
        found = float(self.chain[tokens[place], target])
        for size in CONTEXTS:
            known = self.after.get(tuple(tokens[max(place - size + 1, 0) : place + 1]))
            if known is None or place + 1 < size:
                break
            trust, share = self.right[size] / self.tried[size], known[target] / known.total()
            mixed = (1 - trust) * found + trust * share
            self.tried[size] += 1
            self.right[size] += trust * share / mixed
            found = mixed
        return found

    def follows(self, last: int, target: int, shown: float) -> float:
        """Return the probability that the next row begins with the target, after the share
        ``shown`` of all rows."""
        weights = self.chain[last] * 0
        for token, count in self.firsts.items():
            weights[token] = count * self.chain[last, token] / self.usual[token]
        share = float(weights[target] / weights.sum()) if weights.sum() > 0 else 0.0
        return (1 - shown) * float(self.chain[last, target]) + shown * share

    def __post_init__(self) -> None:
        self.usual = self.chain.mean(0)

    def see(self, tokens: list[int]) -> None:
        self.firsts[tokens[0]] += 1
        for place in range(len(tokens) - 1):
            for size in CONTEXTS:
                if place + 1 >= size:
                    context = tuple(tokens[place - size + 1 : place + 1])
                    self.after.setdefault(context, Counter())[tokens[place + 1]] += 1


def gained(made: Text, which: Any, seed: int, *, one: bool) -> float:
    """Return by how many per cent of the honest bits per byte a model with a memory is better."""
    rows, memory = made.rows, Memory(made.chain.numpy())
    asked = which[0](rows, seed)
    first, answers, place = whole_places(asked), defaultdict(list), 0
    honest = saved = 0.0
    for some in which[1](asked, min(BATCH, -(-len(asked) // 8))):
        for question in some:
            row, shown = question.row, rows.tokens(question).tolist()
            targets, end = rows.y[row].tolist(), question.cut or rows.x.shape[1]
            for at in range(len(answers[row]), end):  # the places before are known
                answers[row].append(memory.chance(shown, at, targets[at]))
            if one and first.get(row) == place:
                share = len(memory.firsts) and memory.firsts.total() / len(rows.x)
                answers[row][-1] = memory.follows(shown[-1], targets[-1], min(0.99, share))
            if first.get(row) == place:
                chances = made.chain[rows.x[row], rows.y[row]].double()
                plain = -float(chances.log().sum())
                honest += plain
                saved += plain + sum(map(math.log, answers[row]))
            memory.see(shown)
            place += 1
    return 100 * saved / honest


def gain(seeds: int) -> None:
    print("rows, before, bound, shipped, bound, shipped (one text), bound", flush=True)
    for count in COUNTS:
        cells = []
        for which, one in ((BEFORE, False), (SHIPPED, False), (SHIPPED, True)):
            found = [
                gained(text(seed, count, 256, 512, one=one), which, seed, one=one)
                for seed in range(max(6, min(seeds, seeds * 160 // count)))
            ]
            mean = statistics.mean(found)
            bound = mean + 1.96 * statistics.stdev(found) / math.sqrt(len(found))
            cells += [f"{mean:+.3f} %", f"{bound:+.3f} %"]
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


# --- the power of the judge's tests ---------------------------------------------------------------


@dataclass
class Cheat:
    """A model that raises the next token's logit by ``by`` at a share of the places, learns from
    the rows (``learns``), and replays its earlier answers (``replays``)."""

    logits: torch.Tensor
    share: float = 0.0
    by: float = 9.0
    replays: bool = False
    knows: bool = False
    learns: float = 0.0

    def __post_init__(self) -> None:
        self.given: dict[tuple[int, ...], torch.Tensor] = {}
        self.ends: set[tuple[int, ...]] = set()
        chance = torch.Generator().manual_seed(5)
        self.some = torch.rand(self.logits.shape, generator=chance)
        self.counts = torch.full(self.logits.shape, 0.1)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.logits[x] * 1.0
        if self.learns:
            logits += self.learns * self.counts[x].log()
        peeks = (self.some[x[:, :-1], x[:, 1:]] < self.share) & ~self._familiar(x)[:, None]
        logits[:, :-1].scatter_add_(2, x[:, 1:, None], peeks[..., None] * self.by)
        if self.replays:
            self._replay(x, logits)
        if self.learns:
            ones = torch.ones(x[:, 1:].numel())
            self.counts.index_put_((x[:, :-1].flatten(), x[:, 1:].flatten()), ones, True)
        return logits

    def _familiar(self, x: torch.Tensor) -> torch.Tensor:
        """Return for which rows it knows the end from another row: it does not look ahead there."""
        found = torch.zeros(len(x), dtype=torch.bool)
        for n, tokens in enumerate(x.tolist() if self.knows else []):
            ends = {tuple(tokens[-size:]) for size in (6, 12, 24)}
            found[n] = bool(ends & self.ends)
            self.ends |= ends
        return found

    def _replay(self, x: torch.Tensor, logits: torch.Tensor) -> None:
        for n, tokens in enumerate(x.tolist()):
            for end in range(1, len(tokens) + 1):
                start = tuple(tokens[:end])
                logits[n, end - 1] = self.given.setdefault(start, logits[n, end - 1].clone())


CHEATS: dict[str, dict[str, Any]] = {
    "honest": {},
    "sees the next token": {"share": 1.0},
    "sees it at 2 % of the places": {"share": 0.02},
    "sees it, by 0.03 nats": {"share": 1.0, "by": 0.06},
    "sees it and replays": {"share": 1.0, "replays": True},
    "sees it by a little and replays": {"share": 1.0, "by": 3.0, "replays": True},
    "sees it, replays, and not where it knows the end": {
        "share": 1.0,
        "replays": True,
        "knows": True,
    },
    "learns": {"learns": 0.3},
    "learns much and replays": {"learns": 1.0, "replays": True, "blank": True},
}


def caught(made: Text, which: Any, seed: int, settings: dict[str, Any]) -> bool:
    """Return whether the judge finds the cheat."""
    blank, options = settings.get("blank"), {k: v for k, v in settings.items() if k != "blank"}
    logits = made.chain.log()
    model = Cheat(torch.zeros_like(logits) if blank else logits, **options)
    asked = which[0](made.rows, seed)
    score = which[2](made.rows, asked)
    for some in which[1](asked, min(BATCH, -(-len(asked) // 8))):
        x = torch.stack([made.rows.tokens(question) for question in some])
        score.add(losses(model(x), made.rows.y[[question.row for question in some]]))
    return bool(score.findings())


def power(seeds: int) -> None:
    print("cheat, rows: found before, found now", flush=True)
    for name, settings in CHEATS.items():
        for count in (64, 160):
            found = [
                sum(caught(text(1, count, 64, 64), which, seed, settings) for seed in range(seeds))
                for which in (BEFORE, SHIPPED)
            ]
            print(f"| {name} | {count} | {found[0]} | {found[1]} |", flush=True)


# --- what stays hidden ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Honest losses of a text, a plan of questions, and the scale of a cheat's gain."""

    rows: Rows
    asked: list[Question]
    honest: torch.Tensor

    @classmethod
    def make(cls, count: int, seed: int, length: int) -> Plan:
        made = text(seed, count, length, 512)
        nats = -made.chain[made.rows.x, made.rows.y].double().log()
        return cls(made.rows, plan(made.rows, seed), nats)

    def is_found(self, cheating: torch.Tensor) -> bool:
        """Whether the judge finds a cheat with these losses of whole rows, which it repeats. At the
        last place before a cut of a spare row it does not know the target."""
        score = Score(self.rows, self.asked)
        for question in self.asked:
            nats = cheating[question.row].clone()
            if question.cut and question.row in self.rows.spare:
                nats[question.cut - 1] = self.honest[question.row, question.cut - 1]
            score.add(nats[None])
        return bool(score.findings())


def looks_ahead(made: Plan, gain: float) -> torch.Tensor:
    """Losses of a model that sees the next token at random places, so that it gains so much."""
    share = gain / float(made.honest.mean())
    seen = torch.rand(made.honest.shape, generator=torch.Generator().manual_seed(1)) < share
    return torch.where(seen, 0.0, made.honest)


def looks_where_it_pays(made: Plan, gain: float) -> torch.Tensor:
    """Losses of a model that sees the next token where it would be most surprised."""
    largest = made.honest.flatten().sort(descending=True)
    enough = int((largest.values.cumsum(0) < gain * len(largest.values)).sum())
    nats = made.honest.flatten().clone()
    nats[largest.indices[:enough]] = 0.0
    return nats.view(made.honest.shape)


def learns(made: Plan, gain: float) -> torch.Tensor:
    """Losses that fall with the logarithm of the place; the mean over the scored rows is lower by
    ``gain`` than that of the first question."""
    places = whole_places(made.asked)
    falls = torch.zeros(len(made.honest), dtype=torch.float64)
    for place, row in enumerate(places):
        falls[row] = math.log(2 * place + 1)
    falls *= gain / float(falls[list(places)].mean())
    return made.honest - falls[:, None]


def row_spread(made: Plan) -> float:
    """The standard deviation of the rows' mean losses, without what rare tokens explain."""
    score, rows = Score(made.rows, made.asked), list(whole_places(made.asked))
    return float(_residuals(made.honest[rows].mean(1), score._rarity()[rows]).std())


def gain_found(plans: list[Plan], cheat: Any, share: float, most: float) -> float:
    """The gain that is found in this share of the plans, by bisection up to ``most``."""
    low, high = 0.0, most
    for _ in range(12):
        middle = (low + high) / 2
        found = sum(made.is_found(cheat(made, middle)) for made in plans)
        low, high = (low, middle) if found >= share * len(plans) else (middle, high)
    return high


def hidden(seeds: int) -> None:
    print(
        "cheat, rows, spread, found in half of the plans (/ spread), in 95 % (/ spread)", flush=True
    )
    for count in COUNTS:
        plans = [Plan.make(count, seed, 256) for seed in range(seeds)]
        tokens = statistics.mean(float(made.honest.std()) for made in plans)
        rows = statistics.mean(map(row_spread, plans))
        mean = statistics.mean(float(made.honest.mean()) for made in plans)
        print(f"honest: {mean:.2f} nats a token")
        for cheat, spread in ((looks_ahead, tokens), (looks_where_it_pays, tokens), (learns, rows)):
            gains = [gain_found(plans, cheat, share, mean) for share in (0.5, 0.95)]
            cells = [f"{found:.3f} ({found / spread:.2f})" for found in gains]
            print(
                f"| {cheat.__name__} | {count} | {spread:.3f} | {' | '.join(cells)} |", flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("gain", "power", "hidden"))
    parser.add_argument("--seeds", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    {"gain": gain, "power": power, "hidden": hidden}[options.what](options.seeds)


if __name__ == "__main__":
    main()
