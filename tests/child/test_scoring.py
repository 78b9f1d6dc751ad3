"""The judge's arithmetic, on models whose answers are known."""

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the judge of torch experiments needs torch")

from pytest_ouro.child import scoring  # noqa: E402
from pytest_ouro.child.scoring import Question, Rows, Score, batches, count_spare, plan  # noqa: E402

VOCABULARY, LENGTH, COUNT = 16, 24, 160
SPARE = count_spare(COUNT)


@pytest.fixture(scope="module")
def rows():
    tokens = torch.randint(0, VOCABULARY, (COUNT + SPARE, LENGTH + 1), generator=generator(1))
    return divided(tokens, torch.arange(VOCABULARY) % 4)  # some tokens have no bytes


def divided(tokens, num_bytes, count=COUNT):
    """The first rows are scored, the others are spare."""
    scored, spare = tuple(range(count)), tuple(range(count, len(tokens)))
    return Rows(tokens[:, :-1], tokens[:, 1:], num_bytes, scored, spare)


def generator(seed):
    return torch.Generator().manual_seed(seed)


TABLE = torch.randn(VOCABULARY, VOCABULARY, generator=generator(2))


def bigram(x):
    """An honest model: the next token depends on the one before."""
    return TABLE[x]


def examined(rows, model, *, seed=0, batch=16):
    """The score of a model's answers, batch after batch."""
    asked = plan(rows, seed)
    score = Score(rows, asked)
    for some in batches(asked, batch):
        logits = model(torch.stack([rows.tokens(question) for question in some]))
        score.add(scoring.losses(logits, rows.y[[question.row for question in some]]))
    return score


def test_the_score_is_bits_per_byte_by_hand():
    x, y = torch.tensor([[0, 1]]), torch.tensor([[1, 2]])
    rows = Rows(x, y, torch.tensor([0, 2, 3]), (0,))
    score = Score(rows, [Question(0)])
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.5, 0.375, 0.125]]]))
    score.add(scoring.losses(logits, y))
    bits = 2 + 3  # a quarter, an eighth
    assert score.value() == (pytest.approx(bits / 5), 0.0)


def test_a_token_without_bytes_counts_neither_above_nor_below():
    nats = torch.tensor([1.0, 5.0], dtype=torch.float64)
    assert scoring.bits_per_byte(nats, torch.tensor([2, 0])) == pytest.approx(0.5 / math.log(2))


def test_the_judge_computes_the_softmax_itself(rows):
    honest, _ = examined(rows, bigram).value()
    shifted, _ = examined(rows, lambda x: bigram(x) + 100.0).value()
    assert shifted == pytest.approx(honest, abs=1e-5)


@pytest.mark.parametrize("size", [1e9, 1e17, 1e30])
def test_a_sum_of_exponentials_is_not_lost_beside_large_logits(size):
    logits = torch.full((1, 1, VOCABULARY), size)
    nats = scoring.losses(logits, torch.zeros(1, 1).long())
    assert nats.item() == pytest.approx(math.log(VOCABULARY))


def test_an_honest_model_gives_no_finding(rows):
    for seed in range(5):
        assert examined(rows, bigram, seed=seed).findings() == []


def test_the_standard_error_is_that_of_the_spread_over_rows(rows):
    score = examined(rows, bigram)
    value, error = score.value()
    nats = scoring.losses(bigram(rows.x[:COUNT]), rows.y[:COUNT])
    chosen = torch.randint(0, COUNT, (400, COUNT), generator=generator(3))
    values = torch.tensor(
        [scoring.bits_per_byte(nats[some], rows.num_bytes[rows.y[some]]) for some in chosen]
    )
    own = scoring.bits_per_byte(nats, rows.num_bytes[rows.y[:COUNT]])
    assert value == pytest.approx(own, abs=1e-12)
    assert error == pytest.approx(float(values.std()), rel=0.2)


SHARES = torch.rand(VOCABULARY, VOCABULARY, generator=generator(4))


def peeking(share):
    """Sees the next token at a share of the positions, which follow from the tokens."""

    def model(x):
        logits = bigram(x).clone()
        see = SHARES[x[:, :-1], x[:, 1:]] < share
        logits[:, :-1].scatter_add_(2, x[:, 1:, None], see[..., None] * 9.0)
        return logits

    return model


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
def test_a_model_that_sees_the_next_token_is_not_causal(rows, share):
    findings = examined(rows, peeking(share)).findings()
    assert findings[0].startswith("not causal: ")
    assert "rows were answered differently where only later tokens" in findings[0]


def test_a_model_that_looks_ahead_by_more_is_not_causal(rows):
    def model(x):
        ahead = x.roll(-5, 1)
        return bigram(x) + torch.nn.functional.one_hot(ahead, VOCABULARY) * 3.0

    assert examined(rows, model).findings()[0].startswith("not causal: ")


def test_a_model_that_looks_at_the_other_rows_is_found(rows):
    def model(x):
        share = torch.nn.functional.one_hot(x, VOCABULARY).double().mean((0, 1))
        return bigram(x) + 20 * share

    again, spliced = examined(rows, model).findings()
    assert "sees the other rows of the batch" in again
    assert "the other rows of the batch, had changed" in spliced


def test_a_little_that_leaks_at_every_position_is_found_by_its_direction(rows):
    chance = generator(8)

    def model(x):
        logits = bigram(x) * (1 + 2**-9 * torch.randn((*x.shape, VOCABULARY), generator=chance))
        ahead = torch.nn.functional.one_hot(x[:, 1:], VOCABULARY) * 0.008
        return torch.cat([logits[:, :-1] + ahead, logits[:, -1:]], 1)

    assert examined(rows, model).findings()[0].startswith("not causal: ")


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_a_leak_below_what_rounding_may_do_is_found_at_a_share_of_the_positions(rows, share):
    def model(x):
        logits = bigram(x).clone()
        see = SHARES[x[:, :-1], 0] < share
        logits[:, :-1].scatter_add_(2, x[:, 1:, None], see[..., None] * 0.24)
        return logits

    assert examined(rows, model).findings()[0].startswith("not causal: ")


@pytest.fixture(scope="module")
def long_rows():
    tokens = torch.randint(0, VOCABULARY, (COUNT + SPARE, 401), generator=generator(1))
    return divided(tokens, torch.ones(VOCABULARY, dtype=torch.long))


@pytest.mark.parametrize("caught", [True, False], ids=["and looks ahead", "alone"])
def test_places_that_are_shaken_near_a_cut_hide_no_leak(long_rows, caught):
    def model(x):
        """Near a token that is exchanged all loss is other than it was, either way."""
        ahead = torch.stack([x.roll(-n, 1) for n in range(1, 9)])
        shaken = ahead[1:].sum(0) % 2 - 0.5
        logits = bigram(x).clone()
        logits.scatter_add_(2, ahead[0][..., None], (0.22 * shaken + 0.06 * caught)[..., None])
        return logits

    findings = examined(long_rows, model).findings()
    assert [text.partition(":")[0] for text in findings] == ["not causal"] * caught


def test_nan_losses_of_targets_without_bytes_hide_nothing(rows):
    def model(x):
        logits = peeking(1.0)(x)
        weightless = rows.num_bytes[x[:, 1:]] == 0
        logits[:, :-1][weightless] = math.nan
        return logits

    score = examined(rows, model)
    assert all(map(math.isfinite, score.value()))
    assert score.findings()[0].startswith("not causal: ")


def test_an_honest_model_may_exclude_tokens_without_bytes(rows):
    def model(x):
        return bigram(x).masked_fill(rows.num_bytes == 0, -math.inf)

    score = examined(rows, model)
    assert score.findings() == []
    assert all(map(math.isfinite, score.value()))


@dataclass
class Replay:
    """Peeks, and repeats its answer to tokens that it has seen: paired tests cannot find it."""

    answers: dict = field(default_factory=dict)

    def __call__(self, x):
        return torch.stack([self.answer(row) for row in x])

    def answer(self, row):
        logits = bigram(row).clone()
        logits[:-1].scatter_add_(1, row[1:, None], torch.full((len(row) - 1, 1), 12.0))
        for end in range(1, len(row) + 1):
            key = tuple(row[:end].tolist())
            logits[end - 1] = self.answers.setdefault(key, logits[end - 1])
        return logits


def test_a_model_that_replays_answers_is_found_at_targets_that_were_not_shown(rows):
    findings = examined(rows, Replay()).findings()
    assert any("nats where the target was not shown" in text for text in findings)


@dataclass
class KnowingReplay(Replay):
    """The same, but it does not look ahead if it knows the end of the row from another one."""

    ends: set = field(default_factory=set)

    def answer(self, row):
        ends = [tuple(row[-n:].tolist()) for n in (4, 6, 8, 12)]
        known = [end for end in ends if end in self.ends]
        self.ends.update(ends)
        return bigram(row) if known else super().answer(row)


def test_a_model_that_remembers_tokens_cannot_tell_which_rows_are_spliced(rows):
    findings = examined(rows, KnowingReplay()).findings()
    assert any("nats where the target was not shown" in text for text in findings)


def test_losses_without_bytes_do_not_hide_a_replay(rows):
    replay = Replay()
    far = torch.where(rows.num_bytes == 0, -1e6, 0.0)
    findings = examined(rows, lambda x: replay(x) + far).findings()
    assert any("nats where the target was not shown" in text for text in findings)


def test_a_model_that_learns_from_the_questions_is_found(rows):
    counts = torch.zeros(VOCABULARY, VOCABULARY)

    def model(x):
        logits = bigram(x) + counts[x] / 10
        for row in x:
            counts[row[:-1], row[1:]] += 1
        return logits

    assert "asked again" in examined(rows, model).findings()[0]


CHAIN = torch.softmax(2 * torch.randn(VOCABULARY, VOCABULARY, generator=generator(9)), -1)


def natural(count=512):
    """Rows of a text that can be learnt: the next token depends on the one before."""
    chance, tokens = generator(10), torch.zeros(count + count_spare(count), LENGTH + 1).long()
    for place in range(1, LENGTH + 1):
        after = CHAIN[tokens[:, place - 1]]
        tokens[:, place] = torch.multinomial(after, 1, generator=chance).squeeze(1)
    return divided(tokens, torch.ones(VOCABULARY).long(), count)


@dataclass
class LearnAndReplay:
    """Learns from the questions, and repeats its answer to each beginning that it knows."""

    counts: torch.Tensor
    answers: dict = field(default_factory=dict)

    def __call__(self, x):
        logits = torch.stack([self.answer(row) for row in x])
        for row in x:
            self.counts[row[:-1], row[1:]] += 1
        return logits

    def answer(self, row):
        logits = self.counts[row].log()
        keys = [tuple(row[:end].tolist()) for end in range(1, len(row) + 1)]
        given = [self.answers.setdefault(*pair) for pair in zip(keys, logits, strict=True)]
        return torch.stack(given)


def test_a_model_that_learns_and_replays_is_found_by_the_fall_of_the_loss():
    model = LearnAndReplay(torch.ones(VOCABULARY, VOCABULARY))
    findings = examined(natural(), model, seed=1).findings()
    assert len(findings) == 1, findings
    assert findings[0].startswith("the loss falls while rows are asked")


def test_losses_without_bytes_do_not_hide_a_fall():
    rows = natural()
    rows.num_bytes[0] = 0
    rows.num_bytes[1:] = 1
    model = LearnAndReplay(torch.ones(VOCABULARY, VOCABULARY))
    far = torch.where(rows.num_bytes == 0, -1e6, 0.0)
    findings = examined(rows, lambda x: model(x) + far, seed=1).findings()
    assert len(findings) == 1, findings
    assert findings[0].startswith("the loss falls while rows are asked")


def test_a_model_that_has_learnt_before_shows_no_fall():
    rows = natural()
    for seed in range(5):
        assert examined(rows, lambda x: CHAIN[x].log(), seed=seed).findings() == []


@pytest.mark.parametrize("size", [scoring.TREND, 1024])
@pytest.mark.parametrize(
    "spread", [torch.randn, lambda *a, **k: torch.rand(*a, **k).reciprocal() ** 2, torch.zeros]
)
def test_random_losses_have_no_trend_even_with_heavy_tails(size, spread):
    makes = {} if spread is torch.zeros else {"generator": generator(11)}
    found = [abs(scoring.trend(spread(size, **makes).double())) for _ in range(200)]
    assert max(found) < 4.5
    if makes:
        assert sum(one > 2 for one in found) < 24  # 4.6 % are beyond two standard errors


def test_a_trend_has_the_sign_and_size_of_the_fall():
    values = torch.randn(1024, generator=generator(12)).double()
    fall = -torch.linspace(0, 1.5, 1024).double()
    assert scoring.trend(values + fall) > scoring.SIGMAS
    assert scoring.trend(values - fall) < -scoring.SIGMAS


def test_dropout_that_was_left_on_is_reported(rows):
    chance = generator(5)

    def model(x):
        keep = torch.rand(x.shape, generator=chance) > 0.1
        return bigram(x) * keep[..., None]

    assert any("not in evaluation mode" in text for text in examined(rows, model).findings())


def test_rounding_gives_no_finding(rows):
    """As bfloat16 rounds, differently each time."""
    chance = generator(6)

    def model(x):
        logits = bigram(x)
        return logits * (1 + 2**-9 * torch.randn(logits.shape, generator=chance))

    assert examined(rows, model).findings() == []


def test_nan_gives_neither_a_finding_nor_a_value(rows):
    score = examined(rows, lambda x: bigram(x) * float("nan"))
    assert score.findings() == []
    assert math.isnan(score.value()[0])


def endless(x):
    """Sees the next token, and gives it all probability: if it differs, the loss is infinite."""
    sure = torch.full((*x.shape, VOCABULARY), -math.inf)
    sure[:, :-1].scatter_(2, x[:, 1:, None], 0.0)
    sure[:, -1] = 0.0
    return sure


def test_nan_in_the_test_questions_alone_hides_nothing(rows):
    score = examined(rows, endless)
    assert math.isfinite(score.value()[0])
    assert score.findings()[0].startswith("not causal: ")


def test_a_plan_asks_every_row_once_some_spliced_and_some_again(rows):
    asked = plan(rows, 7)
    whole = [question.row for question in asked if not question.cut]
    spliced = [question for question in asked if question.cut and question.row < COUNT]
    unseen = [question for question in asked if question.cut and question.row >= COUNT]
    assert sorted(set(whole)) == list(range(COUNT))
    assert len(whole) - COUNT == 8  # again
    assert len(spliced) == scoring.SPLICED
    assert len(unseen) == SPARE == scoring.SPLICED / 2
    assert all(question.other != question.row for question in spliced + unseen)
    assert all(1 <= question.cut < LENGTH for question in spliced + unseen)


def test_spare_rows_are_spliced_with_each_other_among_the_first_questions(rows):
    asked = plan(rows, 7)
    places = [n for n, question in enumerate(asked) if question.row >= COUNT]
    assert max(places) < COUNT + SPARE
    assert sum(places) / len(places) == pytest.approx((COUNT + SPARE) / 2, rel=0.25)
    assert all(asked[place].other >= COUNT for place in places)


def shown(question, length):
    """The tokens that a question shows, by row and place."""
    end = question.cut or length
    return {
        *((question.row, place) for place in range(end)),
        *((question.other, place) for place in range(end, length)),
    }


@st.composite
def divisions(draw):
    """Rows, some scored, some of the others spare; the texts do not matter."""
    count, length = draw(st.integers(1, 90)), draw(st.integers(1, 6))
    order = draw(st.permutations(range(count)))
    scored = draw(st.integers(1, count))
    spare = draw(st.integers(scored, count))
    x = torch.zeros(count, length).long()
    return Rows(x, x, torch.ones(1).long(), tuple(order[:scored]), tuple(order[scored:spare]))


@given(divisions(), st.integers(0, 2**64 - 1), st.integers(1, 256))
def test_no_question_shows_a_target_that_is_scored_later_or_in_the_same_batch(rows, seed, size):
    asked, length = plan(rows, seed), rows.x.shape[1]
    size = min(size, -(-len(asked) // 8))  # as the judge does
    parts = list(batches(asked, size))
    assert [question for part in parts for question in part] == asked
    first, place, known = scoring.whole_places(asked), 0, set()
    assert sorted(first) == sorted(rows.scored)
    for part in parts:
        # What fills a batch up is not scored there: all of it must have been asked before.
        filling = asked[: size - len(part)]
        assert not filling or place >= size
        pages = [shown(question, length) for question in (*part, *filling)]
        for n, question in enumerate(part):
            if first.get(question.row) == place + n:
                targets = {(question.row, at) for at in range(1, length)}
                assert not targets & known
                assert not any(targets & page for other, page in enumerate(pages) if other != n)
        place += len(part)
        known.update(*pages)


@given(divisions(), st.integers(0, 2**64 - 1))
def test_spare_rows_show_no_token_twice_before_all_rows_are_scored(rows, seed):
    asked = plan(rows, seed)
    turn = max(scoring.whole_places(asked).values())
    seen = [token for question in asked[:turn] for token in shown(question, rows.x.shape[1])]
    assert len(seen) == len(set(seen))


def test_plans_differ_by_seed(rows):
    assert plan(rows, 1) != plan(rows, 2)
    assert plan(rows, 1) == plan(rows, 1)


def test_a_spliced_row_has_the_other_rows_tokens_from_the_cut_on(rows):
    tokens = rows.tokens(Question(3, 10, 5))
    assert tokens.tolist() == rows.x[3, :10].tolist() + rows.x[5, 10:].tolist()


def test_only_the_scored_rows_count(rows):
    some = Rows(rows.x, rows.y, rows.num_bytes, (2, 5, 11))
    score = examined(some, bigram)
    nats = scoring.losses(bigram(rows.x[[2, 5, 11]]), rows.y[[2, 5, 11]])
    own = scoring.bits_per_byte(nats, rows.num_bytes[rows.y[[2, 5, 11]]])
    assert score.value()[0] == pytest.approx(own, abs=1e-12)


def test_one_row_is_scored_without_a_test_of_it():
    rows = Rows(torch.tensor([[1, 2]]), torch.tensor([[2, 3]]), torch.ones(4).long(), (0,))
    score = examined(rows, lambda x: torch.zeros(*x.shape, 4))
    assert score.findings() == []
    assert score.value()[0] == pytest.approx(2.0)
