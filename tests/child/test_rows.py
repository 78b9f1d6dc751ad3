"""The choice of scored and spare rows among those that a harness reads."""

import types
from itertools import islice

import pytest

torch = pytest.importorskip("torch", reason="the judge of torch experiments needs torch")

from pytest_ouro.child.rows import read_rows, split_rows  # noqa: E402
from pytest_ouro.child.scoring import LEAST, count_spare  # noqa: E402
from tests.child.conftest import HARNESS  # noqa: E402

COUNT, LENGTH = 64, 16


@pytest.fixture(scope="module")
def text():
    """Endless rows, as the harness makes them."""
    return torch.randint(0, 12, (1000, LENGTH + 1), generator=torch.Generator().manual_seed(4))


def harness(text, **names):
    """The harness of the miniature with these validation rows."""
    module = types.ModuleType("prepare")
    exec(HARNESS, module.__dict__)

    def rows(tokenizer, B, T, split):
        return ((row[None, :-1], row[None, 1:], 1) for row in text)

    vars(module).update({"make_dataloader": rows, **names})
    return module


def read(module, rows=0):
    return read_rows(module, {"evaluate": "evaluate_bpb", "rows": rows})


def test_all_rows_of_the_evaluation_are_scored_and_later_ones_are_spare(text):
    rows = read(harness(text))
    assert rows.scored == tuple(range(COUNT))
    assert len(rows.spare) == count_spare(COUNT)
    assert min(rows.spare) >= COUNT
    assert torch.equal(rows.x, text[: len(rows.x), :-1])


def test_the_number_of_tokens_is_restored(text):
    module = harness(text)
    read(module)
    assert module.EVAL_TOKENS == COUNT * LENGTH


def test_if_few_rows_are_scored_the_others_are_spare(text):
    rows = read(harness(text), rows=20)
    assert len(rows.scored) == 20
    assert len(rows.spare) == count_spare(20)
    assert not set(rows.scored) & set(rows.spare)
    assert len(rows.x) == 40


def test_a_text_that_ends_has_fewer_spare_rows(text):
    rows = read(harness(text[: COUNT + count_spare(COUNT)]))
    assert rows.scored == tuple(range(COUNT))
    assert sorted(rows.spare) == list(range(COUNT, COUNT + count_spare(COUNT)))


@pytest.mark.parametrize("left", [0, 10])
def test_with_too_few_other_rows_some_of_its_own_are_spare(text, left):
    rows = read(harness(text[: COUNT + left]))
    assert len(rows.scored) + count_spare(len(rows.scored)) <= COUNT + left
    assert len(rows.spare) == count_spare(len(rows.scored)) >= LEAST
    assert not set(rows.scored) & set(rows.spare)
    assert len(rows.scored) >= COUNT * 2 // 3


def test_without_a_number_of_tokens_some_of_its_own_rows_are_spare(text):
    def evaluate(model, tokenizer, batch_size):
        module.EVAL_TOKENS = COUNT * LENGTH
        value = plain(model, tokenizer, batch_size)
        del module.EVAL_TOKENS
        return value

    module = harness(text)
    plain, module.evaluate_bpb = module.evaluate_bpb, evaluate
    del module.EVAL_TOKENS
    rows = read(module)
    assert len(rows.x) == COUNT
    assert len(rows.spare) == count_spare(len(rows.scored)) >= LEAST


@pytest.mark.parametrize("shift", [0, 5])
def test_rows_of_a_repeated_text_are_not_spare(text, shift):
    """The rows may be cut at the same places or at others."""
    length = 64
    stream = torch.randint(0, 12, (COUNT * (length + 1) + shift,))
    rows = stream.repeat(4)[: 2 * COUNT * (length + 1)].view(-1, length + 1)
    scored, spare = split_rows(rows[:, :-1], rows[:, 1:], range(COUNT))
    assert not any(row >= COUNT for row in spare)
    assert len(scored) + len(spare) <= COUNT


def test_of_two_equal_spare_rows_one_is_used(text):
    twice = torch.cat([text[:COUNT], text[COUNT : COUNT + 40], text[COUNT : COUNT + 40]])
    _, spare = split_rows(twice[:, :-1], twice[:, 1:], range(COUNT))
    assert max(spare) < COUNT + 40


def test_rows_that_end_or_begin_like_a_scored_row_come_last(text):
    rows = text[: COUNT + 50].clone()
    rows[COUNT : COUNT + 5, 8:-1] = rows[:5, 8:-1]
    rows[COUNT + 5 : COUNT + 10, :8] = rows[:5, :8]
    _, spare = split_rows(rows[:, :-1], rows[:, 1:], range(COUNT))
    assert min(spare) >= COUNT + 10


@pytest.mark.parametrize("count", [1, 2, 8, 16])
def test_a_few_rows_are_all_scored(text, count):
    rows = text[:count]
    assert split_rows(rows[:, :-1], rows[:, 1:], range(count)) == (tuple(range(count)), ())


def test_rows_of_one_token_are_scored(text):
    rows = text[:COUNT, :2]
    scored, spare = split_rows(rows[:, :-1], rows[:, 1:], range(COUNT))
    assert (scored, spare) == (tuple(range(COUNT)), ())


def test_if_a_second_evaluation_reads_other_rows_they_are_ignored(text):
    """It is not known which rows they are."""
    source = iter(text)

    def onward(tokenizer, B, T, split):
        return ((row[None, :-1], row[None, 1:], 1) for row in islice(source, 200))

    rows = read(harness(text, make_dataloader=onward))
    assert torch.equal(rows.x, text[:COUNT, :-1])
