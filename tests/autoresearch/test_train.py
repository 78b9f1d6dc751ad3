"""The training script: a correct GPT, an honest clock, and output that tools can read."""

import itertools
import math
import re
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

SUMMARY = [
    ("val_bpb", r"\d+\.\d{6}"),
    ("training_seconds", r"\d+\.\d"),
    ("total_seconds", r"\d+\.\d"),
    ("peak_vram_mb", r"\d+\.\d"),
    ("mfu_percent", r"n/a"),
    ("total_tokens_M", r"\d+\.\d"),
    ("num_steps", r"\d+"),
    ("num_params_M", r"\d+\.\d"),
    ("depth", r"\d+"),
]


@pytest.fixture
def tiny(train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """train.py with two layers of width 32 and two rows of 64 tokens."""
    constants = {
        "DEPTH": 2,
        "MAX_SEQ_LEN": 64,
        "DEVICE_BATCH_SIZE": 2,
        "TOTAL_BATCH_SIZE": 128,
    }
    for name, value in constants.items():
        monkeypatch.setattr(train, name, value)
    return train


@pytest.fixture
def model(tiny: ModuleType) -> Any:
    """A tiny model in which every weight matters: none is zero."""
    torch.manual_seed(1)
    model = tiny.build_model(300)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return model


def tokens(*shape: int, seed: int = 0) -> Any:
    return torch.randint(300, shape, generator=torch.Generator().manual_seed(seed))


def endless(rows: int = 2) -> Iterator[tuple[Any, Any, int]]:
    """Batches of a text that counts in steps of three."""
    for start in itertools.count():
        row = (torch.arange(65) * 3 + start) % 300
        yield row[:-1].repeat(rows, 1), row[1:].repeat(rows, 1), 1


def counter() -> Callable[[], float]:
    """A clock that ticks once a look: training with it takes `budget` steps."""
    ticks = itertools.count()
    return lambda: float(next(ticks))


# --- the model -----------------------------------------------------------------------------------


def test_the_future_does_not_change_the_past(model: Any) -> None:
    text, other = tokens(3, 64), tokens(3, 64, seed=1)
    for cut in (1, 20, 63):
        spliced = torch.cat((text[:, :cut], other[:, cut:]), dim=1)
        assert torch.equal(model(text)[:, :cut], model(spliced)[:, :cut])
        assert not torch.allclose(model(text)[:, cut:], model(spliced)[:, cut:])


def test_rows_do_not_see_each_other(model: Any) -> None:
    text = tokens(3, 64)
    torch.testing.assert_close(model(text)[1:], model(text[1:]))


def test_shorter_contexts_are_prefixes(model: Any) -> None:
    text = tokens(2, 64)
    torch.testing.assert_close(model(text)[:, :40], model(text[:, :40]))


def test_attention_is_what_the_textbook_says(tiny: ModuleType, model: Any) -> None:
    attention = model.blocks[0].attention
    width, size = attention.out.weight.shape[0], attention.head_dim
    x = torch.randn(2, 64, width, generator=torch.Generator().manual_seed(0))
    q, k, v = (x @ w.T for w in attention.qkv.weight.chunk(3))
    turns = torch.outer(torch.arange(64.0), 1 / 10_000 ** (torch.arange(size // 2) * 2 / size))
    turns = torch.polar(torch.ones_like(turns), turns)

    def normalised_and_turned(head: Any) -> Any:
        head = head / head.square().mean(-1, keepdim=True).sqrt()
        pairs = torch.complex(head[..., : size // 2], head[..., size // 2 :]) * turns
        return torch.cat((pairs.real, pairs.imag), dim=-1)

    heads = []
    for columns in torch.arange(width).split(size):
        scores = normalised_and_turned(q[..., columns]) @ normalised_and_turned(k[..., columns]).mT
        scores = scores / math.sqrt(size)
        scores = scores.masked_fill(torch.ones(64, 64).triu(1).bool(), -math.inf)
        heads.append(scores.softmax(-1) @ v[..., columns])
    expected = torch.cat(heads, dim=-1) @ attention.out.weight.T
    torch.testing.assert_close(attention(x, model.cos, model.sin), expected, rtol=1e-4, atol=1e-4)


def test_attention_depends_on_distance_alone(tiny: ModuleType, model: Any) -> None:
    q, k = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(0))
    q, k = (
        tiny.rotate(vector.expand(64, 16), model.cos[:, :8], model.sin[:, :8]) for vector in (q, k)
    )
    scores = q @ k.T
    torch.testing.assert_close(scores[10, 4], scores[50, 44], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_loss_is_the_cross_entropy_of_the_logits(model: Any, reduction: str) -> None:
    x, y = tokens(2, 64), tokens(2, 64, seed=1)
    logits = model(x)
    assert logits.shape == (2, 64, 300)
    assert logits.dtype == torch.float32
    expected = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduction)
    torch.testing.assert_close(model(x, y, reduction=reduction), expected)


def test_a_new_model_has_no_opinion_from_its_layers(tiny: ModuleType) -> None:
    model = tiny.build_model(300)
    x = model.embedding(tokens(2, 64))
    for block in model.blocks:
        torch.testing.assert_close(block(x, model.cos, model.sin), x)


def test_width_is_rounded_up_to_whole_heads(
    tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny, "ASPECT_RATIO", 17)
    assert tiny.build_model(300).embedding.embedding_dim == 64


def test_flops_count_every_weight_but_the_embedding(tiny: ModuleType) -> None:
    model = tiny.build_model(300)
    weights = 2 * 12 * 32 * 32 + 300 * 32
    assert model.flops_per_token() == 6 * weights + 12 * 2 * 64 * 32


# --- training ------------------------------------------------------------------------------------


def losses(output: str) -> list[float]:
    return [float(loss) for loss in re.findall(r"loss: (\S+)", output)]


def run(train: ModuleType, steps: int) -> Any:
    torch.manual_seed(7)
    model = train.build_model(300)
    optimizers = train.build_optimizers(model)
    assert train.train(model, optimizers, endless(), steps, counter()) == (steps, steps)
    return model


def test_training_is_reproducible_and_learns(
    tiny: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(tiny, 20)
    output = capsys.readouterr().out
    second = run(tiny, 20)
    assert capsys.readouterr().out == output
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    curve = losses(output)
    assert len(curve) == 20
    assert curve[-1] < 0.8 * curve[0]


def test_progress_is_one_line_rewritten(
    tiny: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tiny, 4)
    output = capsys.readouterr().out
    assert output.count("\n") == 1
    lines = output.strip().split("\r")
    assert re.fullmatch(
        r"step 00003 \(75\.0%\) \| loss: \d+\.\d{6} \| tok/sec: 128 \| remaining: 1s",
        lines[2].strip(),
    )


def test_accumulated_passes_equal_one_big_pass(
    tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(rows: int) -> tuple[float, Any]:
        monkeypatch.setattr(tiny, "DEVICE_BATCH_SIZE", rows)
        monkeypatch.setattr(tiny, "TOTAL_BATCH_SIZE", 256)
        x, y = tokens(4, 64), tokens(4, 64, seed=1)
        batches = zip(x.split(rows), y.split(rows), itertools.repeat(1))
        batches = itertools.chain(batches, itertools.repeat("the batch after"))
        torch.manual_seed(7)
        model = tiny.build_model(300)
        optimizers = tiny.build_optimizers(model)
        loss, after = tiny.train_step(model, optimizers, next(batches), batches)
        assert after == "the batch after"
        return loss, model.head.weight

    (loss, weight), (accumulated_loss, accumulated_weight) = step(4), step(1)
    assert accumulated_loss == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(accumulated_weight, weight, rtol=1e-3, atol=1e-4)


def test_a_batch_that_is_not_a_multiple_is_refused(
    tiny: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tiny, "DEVICE_BATCH_SIZE", 4)
    with pytest.raises(SystemExit, match="1"):
        tiny.accumulation_steps()
    assert "no multiple of DEVICE_BATCH_SIZE * MAX_SEQ_LEN = 256" in capsys.readouterr().out


def test_the_learning_rate_falls_to_zero(train: ModuleType) -> None:
    multipliers = [train.lr_multiplier(progress) for progress in (0.0, 0.5, 0.75, 1.0)]
    assert multipliers == [1.0, 1.0, 0.5, 0.0]


def test_learning_rates_follow_the_progress(tiny: ModuleType) -> None:
    model = tiny.build_model(300)
    [optimizer] = tiny.build_optimizers(model)
    optimizer.param_groups[1]["initial_decay"] = 0.2
    tiny.train_step(model, [optimizer], next(endless()), endless(), progress=0.75)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.05, 0.0]
    assert rates == [tiny.EMBEDDING_LR / 2, tiny.MATRIX_LR / 2, tiny.HEAD_LR / 2]


def test_warming_up_leaves_no_trace(tiny: ModuleType) -> None:
    torch.manual_seed(7)
    model = tiny.build_model(300)
    optimizers = tiny.build_optimizers(model)
    before = [weight.clone() for weight in model.parameters()]
    random_state = torch.get_rng_state()
    steps = []

    def loss_of(x: Any, y: Any) -> Any:
        steps.append(x.shape)
        return model(x, y)

    tiny.warm_up(model, loss_of, optimizers)
    assert steps == [(2, 64)] * 2
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(optimizer.state for optimizer in optimizers)
    for weight, initial in zip(model.parameters(), before, strict=True):
        assert torch.equal(weight, initial)
        assert weight.grad is None


def test_the_clock_starts_before_the_first_batch_and_charges_every_step(
    tiny: ModuleType,
) -> None:
    events: list[str] = []
    seconds = iter([100.0, 101.5, 103.0, 104.5])

    def clock() -> float:
        events.append("clock")
        return next(seconds)

    def batches() -> Iterator[Any]:
        for batch in endless():
            events.append("batch")
            yield batch

    model = tiny.build_model(300)
    result = tiny.train(model, tiny.build_optimizers(model), batches(), 4.0, clock)
    assert result == (3, 4.5)
    assert events == ["clock", "batch", "batch", "clock", "batch", "clock", "batch", "clock"]


@pytest.mark.parametrize("loss", ["nan", "inf", "1000.0"])
def test_a_loss_that_explodes_ends_the_run(
    tiny: ModuleType, capsys: pytest.CaptureFixture[str], loss: str
) -> None:
    model = tiny.build_model(300)
    factors = iter([1.0, 1.0])

    def loss_of(x: Any, y: Any) -> Any:
        scale = next(factors, None)
        value = model(x, y)
        return value * scale if scale else value * 0 + float(loss)

    with pytest.raises(SystemExit) as exit:
        tiny.train(loss_of, tiny.build_optimizers(model), endless(), 5, counter())
    assert exit.value.code == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"FAIL: loss is {loss} at step 3"


# --- the whole script ----------------------------------------------------------------------------


@pytest.fixture
def short(train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """train.py that stops after three steps of a shallow model."""
    monkeypatch.setattr(train, "DEPTH", 1)
    monkeypatch.setattr(train, "ASPECT_RATIO", 32)
    monkeypatch.setattr(train, "train", partial(train.train, budget=3, clock=counter()))
    return train


def test_the_summary_has_nine_lines_in_order(
    short: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    short.main()
    _, separator, summary = capsys.readouterr().out.partition("\n---\n")
    assert separator
    lines = summary.splitlines()
    assert [line.partition(":")[0] for line in lines] == [key for key, _ in SUMMARY]
    for line, (key, pattern) in zip(lines, SUMMARY, strict=True):
        assert re.fullmatch(rf"{key}: +{pattern}", line)
    values = dict(re.findall(r"^(\w+): +(\S+)$", summary, re.MULTILINE))
    assert 2.5 < float(values["val_bpb"]) < 3.5
    assert (values["num_steps"], values["depth"]) == ("3", "1")


@pytest.mark.parametrize("stage", ["warm_up", "train", "evaluate_bpb"])
def test_running_out_of_gpu_memory_names_the_knob(
    short: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stage: str,
) -> None:
    def exhausted(*args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(short, stage, exhausted)
    with pytest.raises(SystemExit) as exit:
        short.main()
    assert exit.value.code == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "FAIL: CUDA out of memory: lower DEVICE_BATCH_SIZE (now 4)"


@pytest.mark.tier(2)
def test_a_supervisor_sees_the_seconds_that_the_script_reports(
    prepare: ModuleType,
    script: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: dict[str, float] = {}
    make_dataloader, evaluate_bpb = prepare.make_dataloader, prepare.evaluate_bpb

    def watched(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            seen.setdefault("first batch", time.process_time())
            yield batch

    def watched_loader(*args: Any, **kwargs: Any) -> Iterator[Any]:
        return watched(make_dataloader(*args, **kwargs))  # loads the data now, not in the window

    def watched_evaluation(*args: Any, **kwargs: Any) -> float:
        seen["evaluation"] = time.process_time()
        seen["val_bpb"] = evaluate_bpb(*args, **kwargs)
        return seen["val_bpb"]

    monkeypatch.setattr(prepare, "TIME_BUDGET", 1)
    monkeypatch.setattr(prepare, "make_dataloader", watched_loader)
    monkeypatch.setattr(prepare, "evaluate_bpb", watched_evaluation)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    runpy.run_path(str(script), run_name="__main__")
    values = dict(re.findall(r"^(\w+): +(\S+)$", capsys.readouterr().out, re.MULTILINE))
    window = seen["evaluation"] - seen["first batch"]
    reported = float(values["training_seconds"])
    assert reported >= 1.0
    assert reported == pytest.approx(window, abs=0.15)
    assert values["val_bpb"] == f"{seen['val_bpb']:.6f}"


# --- what only a GPU run does --------------------------------------------------------------------


def test_the_gpu_profile_compiles_and_uses_bfloat16(
    tiny: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.build_model(300)
    assert tiny.compiled(model) is model
    assert model(tokens(1, 8)).dtype == torch.float32
    monkeypatch.setattr(tiny, "CUDA", True)
    monkeypatch.setattr(torch, "compile", lambda model, dynamic: ("compiled", model, dynamic))
    assert tiny.compiled(model) == ("compiled", model, False)
    with tiny.autocast():
        assert model.head(torch.ones(1, 32)).dtype == torch.bfloat16
        assert model(tokens(1, 8)).dtype == torch.float32


def test_memory_is_that_of_the_device(train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 50 < train.peak_memory_mb() < 5_000
    monkeypatch.setattr(train, "CUDA", True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**20)
    assert train.peak_memory_mb() == 3.0


def test_mac_reports_memory_in_bytes(train: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        train.resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=300 * 2**20)
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    assert train.peak_memory_mb() == 300.0


@pytest.mark.parametrize(
    ("card", "mfu"),
    [
        ("NVIDIA H100 80GB HBM3", "40.00"),
        ("NVIDIA H200", "40.00"),
        ("NVIDIA A100-SXM4-80GB", "126.86"),
        ("NVIDIA H200 NVL", "n/a"),
        ("NVIDIA GeForce RTX 4090", "n/a"),
        ("CPU", "n/a"),
    ],
)
def test_mfu_is_a_share_of_the_cards_own_peak(train: ModuleType, card: str, mfu: str) -> None:
    assert train.mfu_percent(0.4 * 989.5e12, card) == mfu
