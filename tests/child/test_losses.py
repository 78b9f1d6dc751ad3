"""Losses by row: the judge's sums, the file that keeps them, the error of a paired difference."""

import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.child.losses.file import COLUMNS, QUARTERS, RowLosses, pack, unpack
from pytest_ouro.core.metric import Metric
from pytest_ouro.experiment.terms.measurement import outcome
from pytest_ouro.experiment.verdict.rows_error import (
    difference,
    find_gap,
    paired_error,
    rows_standard_error,
)
from tests.child.conftest import HARNESS

SIZES = st.integers(0, 2**32 - 1)
NATS = st.floats(width=32, allow_nan=False)


@st.composite
def losses(draw):
    count = draw(st.integers(0, 12))
    column = st.lists(SIZES, min_size=count, max_size=count)
    nats = st.lists(NATS, min_size=count, max_size=count)
    return RowLosses(
        draw(column), {n: draw(column) for n in COLUMNS}, {n: draw(nats) for n in COLUMNS}
    )


@given(losses())
def test_what_is_packed_is_unpacked(one):
    again = unpack(pack(one))
    assert [*again.rows] == one.rows
    for name in COLUMNS:
        assert [*again.num_bytes[name]] == one.num_bytes[name]
        assert [*again.nats[name]] == one.nats[name]


def test_a_loss_beyond_four_bytes_is_infinite_and_nan_stays():
    columns = {name: [1, 1] for name in COLUMNS}
    nats = {name: [1e300, math.nan] for name in COLUMNS}
    large, none = unpack(pack(RowLosses([0, 1], columns, nats))).nats["rare"]
    assert (large, math.isnan(none)) == (math.inf, True)
    with pytest.raises(struct.error):
        pack(RowLosses([-1, 1], columns, nats))


def fit(count=64, seed=1):
    """Losses of a model on rows of different sizes."""
    dice = random.Random(seed)
    sizes = {name: [dice.randrange(5, 60) for _ in range(count)] for name in COLUMNS}
    nats = {name: [dice.gauss(2, 0.3) * size for size in sizes[name]] for name in COLUMNS}
    return RowLosses(range(count), sizes, nats)


def test_a_file_is_a_few_kilobytes():
    assert len(pack(fit(256))) < 12_000


WHOLE = pack(fit())
SPOILT = {
    "cut": WHOLE[:-1],
    "longer": WHOLE + b"x",
    "format": WHOLE.replace(b'"format": 1', b'"format": 2'),
    "fewer": WHOLE.replace(b'"rows": 64', b'"rows": 63'),
    "float": WHOLE.replace(b'"rows": 64', b'"rows": 1e9'),
    "columns": WHOLE.replace(b'"rare"', b'"rank"'),
    "deep": b"[" * 4000 + b"\n" + WHOLE,
    "empty": b"",
    "numbers": WHOLE.partition(b"\n")[0] + b"\nno zlib",
}


@pytest.mark.parametrize("how", SPOILT)
def test_anything_else_is_not_a_file_of_losses(how):
    assert SPOILT[how] != WHOLE
    with pytest.raises(ValueError):
        unpack(SPOILT[how])


def better(one, seed, by=0.01, spread=0.002):
    """The losses of another model: lower by a share that differs a little from row to row."""
    dice = random.Random(seed)
    shares = [1 - by - dice.gauss(0, spread) for _ in one.rows]
    nats = {
        name: [value * share for value, share in zip(one.nats[name], shares, strict=True)]
        for name in COLUMNS
    }
    return one._replace(nats=nats)


def test_the_error_of_a_difference_is_the_formula():
    one = fit()
    other = better(one, 2)
    apart, sizes = difference(one, other), one.row_bytes
    slope, n = sum(apart) / sum(sizes), len(sizes)
    left = [d - slope * b for d, b in zip(apart, sizes, strict=True)]
    centre = sum(left) / n
    variance = sum((value - centre) ** 2 for value in left) / (n - 1)
    expected = math.sqrt(n * variance) / (sum(sizes) * math.log(2))
    assert paired_error(apart, sizes) == pytest.approx(expected, rel=1e-12)


def test_the_error_covers_the_difference_on_other_rows():
    """Of many draws of the rows, the difference of their scores varies as the error says."""
    found, errors = [], []
    for seed in range(400):
        one = fit(48, seed)
        other = better(one, -seed)
        apart = difference(one, other)
        found.append(sum(apart) / (sum(one.row_bytes) * math.log(2)))
        errors.append(paired_error(apart, one.row_bytes))
    mean = sum(found) / len(found)
    spread = math.sqrt(sum((value - mean) ** 2 for value in found) / (len(found) - 1))
    assert sum(errors) / len(errors) == pytest.approx(spread, rel=0.1)


def test_several_pairs_are_averaged_by_row():
    one = fit()
    pairs = [(one, better(one, seed)) for seed in (2, 3, 4)]
    apart = [difference(*pair) for pair in pairs]
    means = [sum(values) / 3 for values in zip(*apart, strict=True)]
    error = rows_standard_error(pairs)
    assert error == pytest.approx(paired_error(means, one.row_bytes))
    assert error < max(paired_error(values, one.row_bytes) for values in apart)


def test_no_error_is_given_for_one_pair_or_of_other_rows():
    one = fit()
    pair = (one, better(one, 2))
    assert rows_standard_error([pair]) is None
    assert rows_standard_error([]) is None
    moved = pair[1]._replace(rows=range(1, 65))
    assert rows_standard_error([pair, (one, moved)]) is None
    assert rows_standard_error([pair, (fit(32), fit(32))]) is None
    broken = one._replace(nats={**one.nats, "first": [math.nan] * 64})
    assert rows_standard_error([pair, (one, broken)]) is None
    assert paired_error([1.0], [4]) is None
    assert paired_error([1.0, 2.0], [0, 0]) is None


def test_the_judge_sums_up_quarters_and_rare_bytes():
    torch = pytest.importorskip("torch", reason="the judge of torch experiments needs torch")
    from pytest_ouro.child.losses.slices import find_rare, sum_up

    sizes = torch.tensor([0, 1, 1, 3])  # by token
    targets = torch.tensor([[1] * 7 + [2], [1] * 6 + [0, 1]])
    nats = torch.arange(16, dtype=torch.float64).view(2, 8)
    rare = find_rare(targets, sizes)
    assert rare.nonzero().tolist() == [[0, 7]]  # one byte of 15; no byte is not rare
    found = sum_up([4, 9], nats, sizes[targets], rare)
    assert found.rows == [4, 9]
    assert [found.num_bytes[name] for name in COLUMNS] == [[2, 2], [2, 2], [2, 2], [2, 1], [1, 0]]
    sums = [[1.0, 17.0], [5.0, 21.0], [9.0, 25.0], [13.0, 15.0], [7.0, 0.0]]
    assert [found.nats[name] for name in COLUMNS] == sums
    assert (found.row_bytes, found.row_nats) == ([8, 7], [28.0, 78.0])


def test_rows_shorter_than_four_targets_have_empty_quarters():
    torch = pytest.importorskip("torch", reason="the judge of torch experiments needs torch")
    from pytest_ouro.child.losses.slices import find_rare, sum_up

    targets = torch.zeros(2, 1, dtype=torch.long)
    rare = find_rare(targets, torch.tensor([2]))
    found = sum_up([0, 1], torch.ones(2, 1), torch.full((2, 1), 2), rare)
    assert [found.num_bytes[name] for name in QUARTERS] == [[2, 2], [0, 0], [0, 0], [0, 0]]
    assert not rare.any(), "the only token is not rare"


@pytest.mark.tier(2)
def test_the_judge_reports_the_losses_that_its_score_is_made_of(mini):
    seen = mini.judged()
    found = unpack(seen.losses["rows"])
    bits = sum(found.row_nats) / (math.log(2) * sum(found.row_bytes))
    assert [*found.rows] == [*range(64)]
    assert bits == pytest.approx(seen.value, rel=1e-6)
    apart = paired_error(found.row_nats, found.row_bytes)
    assert apart == pytest.approx(seen.judgment.se, rel=1e-5)
    assert sum(found.num_bytes["rare"]) <= 0.1 * sum(found.row_bytes)


MANY = HARNESS.replace("EVAL_TOKENS = 64 *", "EVAL_TOKENS = 520 *")


def bits_of(losses):
    return sum(losses.row_nats) / (math.log(2) * sum(losses.row_bytes))


@pytest.mark.tier(2)
def test_the_score_leaves_the_vault_out(mini):
    whole = mini.judged(harness=MANY)
    seen = mini.judged(harness=MANY, vault=0.1)
    scored, vault = unpack(seen.losses["rows"]), unpack(seen.losses["vault"])

    assert (whole.judgment.rows, whole.judgment.vault, [*whole.losses]) == (520, 0, ["rows"])
    assert (seen.judgment.rows, seen.judgment.vault) == (len(scored.rows), len(vault.rows))
    assert (len(scored.rows), len(vault.rows)) == (468, 52)
    assert sorted([*scored.rows, *vault.rows]) == [*range(520)]
    assert bits_of(scored) == pytest.approx(seen.value, rel=1e-6)
    assert bits_of(vault) != pytest.approx(seen.value, rel=1e-6)
    assert seen.value != pytest.approx(whole.value, rel=1e-6)
    assert seen.claims["val_bpb"] == f"{seen.value:.6f}", "the script gets this score"
    assert seen.judgment.se == pytest.approx(paired_error(scored.row_nats, scored.row_bytes), 1e-4)
    again = mini.judged(harness=MANY, vault=0.1, before="model.table.weight.data *= 2")
    assert unpack(again.losses["vault"]).rows == vault.rows, "always the same rows"


@pytest.mark.tier(2)
def test_there_is_no_vault_of_few_rows(mini):
    few = HARNESS.replace("EVAL_TOKENS = 64 *", "EVAL_TOKENS = 511 *")
    seen = mini.judged(harness=few, vault=0.1)
    assert (seen.judgment.rows, seen.judgment.vault, [*seen.losses]) == (511, 0, ["rows"])


@pytest.mark.tier(2)
def test_a_rounded_score_is_what_the_script_gets_and_must_print(mini):
    exact, seen = mini.judged(), mini.judged(score_decimals=2)
    assert (exact.judgment.decimals, seen.judgment.decimals) == (None, 2)
    assert seen.value == round(exact.value, 2) != exact.value
    assert float(seen.claims["val_bpb"]) == seen.value
    assert outcome(seen, Metric.named("val_bpb")) == ("ok", "")
    lied = mini.judged(score_decimals=2, after=f"print('val_bpb: {exact.value:.6f}')")
    assert outcome(lied, Metric.named("val_bpb"))[0] == "breach"


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.001, 16), (0.1, 60), (0.5, 300)])
def test_the_vault_has_a_share_of_the_rows(share, count):
    rows = pytest.importorskip("pytest_ouro.child.rows")
    chosen = rows.choose_vault(range(7, 607), share)
    assert len(chosen) == count
    assert chosen <= set(range(7, 607))
    assert chosen == rows.choose_vault([*reversed(range(7, 607))], share)
    assert not rows.choose_vault(range(511), share)


def test_a_gain_that_is_smaller_in_the_vault_is_a_gap():
    scored, vault = fit(400, 1), fit(100, 2)
    found = find_gap((scored, better(scored, 3, by=0.02)), (vault, better(vault, 4, by=0.0)), 0.05)
    assert found.low > 0
    assert found.gap == pytest.approx(found.gain, rel=0.05)
    assert found.low < found.gap < found.high
    alike = find_gap((scored, better(scored, 3, by=0.02)), (vault, better(vault, 4, by=0.02)), 0.05)
    assert alike.low < 0 < alike.high
    assert alike.detectable == pytest.approx(2.4865 * alike.se, rel=1e-3)


def test_the_gap_of_two_equal_gains_is_covered():
    """Where both gains are equal, its bounds miss 0 as often as they may."""
    below = above = 0
    for seed in range(300):
        scored, vault = fit(60, seed), fit(20, -seed - 1)
        pairs = [(one, better(one, seed + 1000 * i)) for i, one in enumerate((scored, vault))]
        found = find_gap(*pairs, 0.1)
        below, above = below + (found.high < 0), above + (found.low > 0)
    assert 12 <= below <= 55
    assert 12 <= above <= 55


def test_no_gap_is_given_for_runs_with_other_rows():
    one = fit()
    moved = better(one, 2)._replace(rows=range(1, 65))
    assert find_gap((one, moved), (one, better(one, 2)), 0.05) is None
    assert find_gap((one, better(one, 2)), (one, moved), 0.05) is None


def test_without_a_judge_there_are_no_losses_by_row(mini):
    assert mini.supervised().losses == {}


def test_a_wrong_answer_leaves_no_losses(mini):
    before = "honest = Model.forward\nModel.forward = lambda self, x, y=None, **k: x"
    assert mini.judged(before=before).losses == {}
