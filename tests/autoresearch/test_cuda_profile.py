"""What a run does only where there is a GPU, as far as it can be seen without one.

The GPU's recipe is computed on the CPU here, small and uncompiled; test_gpu.py has the rest.
"""

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


@pytest.fixture
def gpu(cuda_profile: tuple[ModuleType, ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """train.py with the GPU's recipe, three tiny layers, on the CPU and uncompiled."""
    _, train = cuda_profile
    constants = {
        "DEVICE": torch.device("cpu"),
        "DTYPE": torch.float32,
        "CUDA": False,
        "DEPTH": 3,
        "ASPECT_RATIO": 12,
        "HEAD_DIM": 16,
        "WINDOWS": "SL",
        "MAX_SEQ_LEN": 64,
        "DEVICE_BATCH_SIZE": 2,
        "TOTAL_BATCH_SIZE": 128,
    }
    for name, value in constants.items():
        monkeypatch.setattr(train, name, value)
    compile_ = torch.compile  # which flex_attention itself uses, with a backend
    monkeypatch.setattr(
        torch, "compile", lambda f, **given: compile_(f, **given) if "backend" in given else f
    )
    monkeypatch.setattr(train, "best_attention", lambda windows, length: naive)
    return train


@pytest.fixture
def model(gpu: ModuleType) -> Any:
    """A model in which every weight matters: none is zero."""
    torch.manual_seed(1)
    model = gpu.build_model(300)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return model


def tokens(*shape: int, seed: int = 0) -> Any:
    return torch.randint(300, shape, generator=torch.Generator().manual_seed(seed))


def noise(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def endless() -> Iterator[tuple[Any, Any, int]]:
    """Batches of a text that counts in steps of three."""
    for start in itertools.count():
        row = (torch.arange(65) * 3 + start) % 300
        yield row[:-1].repeat(2, 1), row[1:].repeat(2, 1), 1


def counter() -> Callable[[], float]:
    """A clock that ticks once a look: training with it takes `budget` steps."""
    ticks = itertools.count()
    return lambda: float(next(ticks))


def naive(q: Any, k: Any, v: Any, window: int) -> Any:
    """Attention as the textbook has it: query i sees the keys from i - window to i."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    behind = torch.arange(q.shape[2])[:, None] - torch.arange(k.shape[2])[None]
    return scores.masked_fill((behind < 0) | (behind > window), -math.inf).softmax(-1) @ v


# --- the profile ---------------------------------------------------------------------------------


@pytest.mark.tier(2)
def test_the_profile_is_consistent(
    cuda_profile: tuple[ModuleType, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, train = cuda_profile
    assert train.CUDA
    assert train.accumulation_steps() * train.DEVICE_BATCH_SIZE * prepare.MAX_SEQ_LEN == (
        train.TOTAL_BATCH_SIZE
    )
    monkeypatch.setattr(train, "DEVICE", torch.device("meta"))
    monkeypatch.setattr(train, "best_attention", lambda windows, length: naive)
    with torch.device("meta"):
        model = train.build_model(prepare.VOCAB_SIZE)
    assert train.layer_windows() == [1024, 1024, 1024, 2048] * 2
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(50.3e6, rel=0.001)
    assert model.flops_per_token() == pytest.approx(239.1e6, rel=0.001)


def test_activations_are_bfloat16_and_logits_float32(
    gpu: ModuleType, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "CUDA", True)
    monkeypatch.setattr(gpu, "DTYPE", torch.bfloat16)
    seen = set()

    def attend(q: Any, k: Any, v: Any, window: int) -> Any:
        seen.update((q.dtype, k.dtype, v.dtype))
        return gpu.attend_fully(q, k, v, window)

    for block in model.blocks:
        block.attention.attend = attend
    with gpu.autocast():
        assert model.features(tokens(2, 64)).dtype == torch.bfloat16
    assert model(tokens(2, 64)).dtype == torch.float32
    assert seen == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


# --- the model -----------------------------------------------------------------------------------


def test_a_judge_gets_the_logits_that_the_loss_is_made_of(gpu: ModuleType, model: Any) -> None:
    x, y = tokens(2, 64), tokens(2, 64, seed=1)
    with torch.no_grad():
        logits = model.eval()(x)
        losses = model(x, y, reduction="none")
    assert (logits.shape, logits.dtype) == ((2, 64, 300), torch.float32)
    assert not logits.requires_grad
    assert logits.abs().max() < gpu.SOFT_CAP == 15.0
    expected = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none")
    torch.testing.assert_close(losses, expected)


def test_the_cap_bends_nothing_that_is_small(gpu: ModuleType, model: Any) -> None:
    small = 0.01 * model.head.weight.detach()
    model.head.weight.data = small
    features = model.features(tokens(1, 8))
    torch.testing.assert_close(model(tokens(1, 8)), gpu.norm(features) @ small.T, rtol=1e-3, atol=0)


@pytest.mark.tier(2)
def test_the_future_does_not_change_the_past(model: Any) -> None:
    text, other = tokens(3, 64), tokens(3, 64, seed=1)
    for cut in (1, 20, 63):
        spliced = torch.cat((text[:, :cut], other[:, cut:]), dim=1)
        torch.testing.assert_close(model(text)[:, :cut], model(spliced)[:, :cut])
        assert not torch.allclose(model(text)[:, cut:], model(spliced)[:, cut:])


def test_shorter_contexts_are_prefixes(model: Any) -> None:
    text = tokens(2, 64)
    torch.testing.assert_close(model(text)[:, :40], model(text[:, :40]))


def test_short_windows_end_what_a_model_sees(gpu: ModuleType, model: Any) -> None:
    assert gpu.layer_windows() == [32, 64, 64]
    for block in model.blocks:
        block.attention.window = 10
    text = tokens(1, 64)
    other = torch.cat((tokens(1, 1, seed=1), text[:, 1:]), dim=1)
    torch.testing.assert_close(model(text)[:, 31:], model(other)[:, 31:])  # three times ten back
    assert not torch.allclose(model(text)[:, 30], model(other)[:, 30])


def test_every_other_layer_has_value_embeddings_the_last_always(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(gpu.build_model(300).values) == ["0", "2"]
    monkeypatch.setattr(gpu, "DEPTH", 4)
    assert list(gpu.build_model(300).values) == ["1", "3"]


def test_value_embeddings_are_added_in_the_share_of_the_gate(model: Any) -> None:
    attention = model.blocks[0].attention
    x, added = noise(2, 64, 48), noise(2, 64, 48, seed=1)
    torch.nn.init.zeros_(attention.gate.weight)
    seen = {}

    def spy(q: Any, k: Any, v: Any, window: int) -> Any:
        seen["v"] = v
        return v

    attention.attend = spy
    attention(x, model.cos, model.sin)
    plain = seen["v"]
    attention(x, model.cos, model.sin, added)
    torch.testing.assert_close(  # a gate of zero lets 2 * sigmoid(0) = 1 through
        seen["v"], plain + added.unflatten(-1, (3, 16)).transpose(1, 2)
    )
    attention.gate.weight.data[1] = 100 * torch.ones(32)
    attention(torch.ones(2, 64, 48), model.cos, model.sin, added)
    assert seen["v"].shape == (2, 3, 64, 16)


def test_shortcuts_bring_the_embedding_to_every_layer(gpu: ModuleType) -> None:
    model = gpu.build_model(300)  # whose layers add nothing yet
    idx = tokens(1, 8)
    embedded = gpu.norm(model.embedding(idx))
    torch.testing.assert_close(model.features(idx), embedded * 1.3)


# --- attention -----------------------------------------------------------------------------------


@pytest.mark.tier(2)
@pytest.mark.parametrize("window", [0, 1, 17, 63, 64])
@pytest.mark.parametrize("length", [64, 40])
def test_flex_attention_is_what_the_textbook_says(
    gpu: ModuleType, window: int, length: int
) -> None:
    attend = gpu.FlexAttention([window], 64)
    q, k, v = (noise(2, 3, length, 16, seed=n) for n in range(3))  # it has no way back on a CPU
    torch.testing.assert_close(attend(q, k, v, window), naive(q, k, v, window))


def test_a_mask_is_made_once(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    attend = gpu.FlexAttention([32, 64, 64], 64)
    made = dict(attend._masks)
    assert set(made) == {(32, 64), (64, 64)}
    q = noise(1, 1, 64, 16)
    for window in (32, 64, 32):
        attend(q, q, q, window)
    assert all(attend._masks[key] is mask for key, mask in made.items())
    attend(q[:, :, :40], q[:, :, :40], q[:, :, :40], 32)
    assert set(attend._masks) == {*made, (32, 40)}


@pytest.mark.tier(2)
def test_the_compiler_sees_no_break_in_the_model(gpu: ModuleType, model: Any) -> None:
    x, y = tokens(2, 64), tokens(2, 64, seed=1)
    expected = model(x, y)
    attend = gpu.FlexAttention(gpu.layer_windows(), 64)
    for block in model.blocks:
        block.attention.attend = attend
    torch._dynamo.reset()
    whole = torch._dynamo.optimize("eager", nopython=True, dynamic=False)(model)
    with torch.no_grad():
        torch.testing.assert_close(whole(x, y), expected)
    torch._dynamo.reset()


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(("window", "sides"), [(17, (17, 0)), (64, (-1, 0))])
def test_flash_attention_is_given_rows_and_windows(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, window: int, sides: tuple[int, int]
) -> None:
    from torch.nn.attention import varlen

    def stand_in(
        q: Any, k: Any, v: Any, ends: Any, k_ends: Any, longest: int, k_longest: int,
        *, window_size: tuple[int, int],
    ) -> Any:  # fmt: skip
        assert ends.tolist() == k_ends.tolist() == [0, 64, 128]
        assert ends.dtype == torch.int32
        assert (longest, k_longest, window_size) == (64, 64, sides)
        rows = [x.unflatten(0, (2, 64)).transpose(1, 2) for x in (q, k, v)]
        return naive(*rows, window).transpose(1, 2).flatten(0, 1)

    monkeypatch.setattr(varlen, "varlen_attn", stand_in)
    q, k, v = (noise(2, 3, 64, 16, seed=n) for n in range(3))
    torch.testing.assert_close(gpu.attend_by_flash(q, k, v, window), naive(q, k, v, window))


@pytest.fixture
def installed(
    cuda_profile: tuple[ModuleType, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """What best_attention takes, by the card's generation and what is installed."""
    _, train = cuda_profile

    def choose(
        generation: int, *packages: str, broken: str = "", unusable: Exception | None = None
    ) -> str:
        active = []

        def activate(name: str) -> None:
            if name not in packages:
                raise ModuleNotFoundError("No module named 'flash_attn_interface'")
            if unusable:
                raise unusable
            active.append(name)

        def flash(q: Any, k: Any, v: Any, window: int) -> Any:
            if active[-1] == broken:
                raise RuntimeError("no window backward")
            return q

        attention = torch.nn.attention
        card = SimpleNamespace(get_device_capability=lambda: (generation, 0))
        monkeypatch.setattr(torch.cuda, "get_device_capability", card.get_device_capability)
        monkeypatch.setattr(attention, "activate_flash_attention_impl", activate)
        monkeypatch.setattr(attention, "restore_flash_attention_impl", active.clear)
        monkeypatch.setattr(
            train.importlib.util, "find_spec", lambda name: name if name in packages else None
        )
        monkeypatch.setattr(train, "DEVICE", torch.device("cpu"))
        monkeypatch.setattr(train, "attend_by_flash", flash)
        monkeypatch.setattr(train, "FlexAttention", lambda windows, length: "flex")
        chosen = train.best_attention([32], 64)
        if chosen == "flex":
            return "flex"
        return active[-1] if chosen is flash else chosen.__name__

    return choose


@pytest.mark.parametrize(
    ("generation", "packages", "broken", "expected"),
    [
        (9, ["FA3", "FA4", "triton"], "", "FA3"),
        (9, ["FA4", "triton"], "", "FA4"),
        (9, ["FA3", "FA4"], "FA3", "FA4"),
        (9, ["FA3", "triton"], "FA3", "flex"),
        (10, ["FA3", "FA4", "triton"], "", "FA4"),
        (8, ["FA3", "FA4", "triton"], "", "flex"),
        (9, ["triton"], "", "flex"),
        (9, [], "", "attend_fully"),
    ],
)
def test_the_fastest_attention_that_works_is_taken(
    installed: Callable[..., str],
    generation: int,
    packages: list[str],
    broken: str,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert installed(generation, *packages, broken=broken) == expected
    said = "so another attention is taken: RuntimeError('no window backward')"
    assert (f"{broken} does not work here, {said}\n" if broken else "") == capsys.readouterr().out


@pytest.mark.parametrize(
    "error", [RuntimeError("does not expose FA3 kernels"), ImportError("undefined symbol")]
)
def test_an_attention_that_is_installed_and_cannot_be_used_is_named(
    installed: Callable[..., str], error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installed(9, "FA3", "triton", unusable=error) == "flex"
    said = f"FA3 does not work here, so another attention is taken: {error!r}\n"
    assert capsys.readouterr().out == said


# --- Muon ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 16, 16), (1, 48, 16), (3, 16, 64)])
def test_the_step_is_orthogonal(gpu: ModuleType, shape: tuple[int, ...]) -> None:
    gradients = noise(*shape)
    step = gpu.orthogonal(gradients)
    values = torch.linalg.svdvals(step)
    assert 0.7 < values.min() <= values.max() < 1.3
    u, _, v = torch.linalg.svd(gradients, full_matrices=False)
    aligned = (step * (u @ v)).sum((-2, -1)) / min(shape[1:])
    assert aligned.min() > 0.85


def update(gpu: ModuleType, weights: Any, gradients: Any, **given: float) -> Any:
    """The change of the weights by one step from fresh buffers."""
    before = weights.clone()
    variances = torch.zeros_like(weights).mean(-1, keepdim=True)
    scalars = {"momentum": 0.0, "lr": 1.0, "decay": 0.0, **given}
    gpu.muon_update(
        weights, gradients, torch.zeros_like(weights), variances,
        *(torch.tensor(scalars[name]) for name in ("momentum", "lr", "decay")),
    )  # fmt: skip
    return weights - before


def test_rows_are_evened_out_and_the_norm_kept(gpu: ModuleType) -> None:
    gradients = noise(1, 24, 16) * torch.linspace(0.01, 1, 24)[:, None]
    change = update(gpu, torch.zeros(1, 24, 16), gradients)
    assert (change * gradients).sum() < 0
    rows = change.norm(dim=-1)
    torch.testing.assert_close(rows, rows.mean().expand_as(rows), rtol=1e-3, atol=0)
    torch.testing.assert_close(change.norm(), gpu.orthogonal(gradients).norm())


def test_weights_decay_only_where_the_step_shrinks_them(gpu: ModuleType) -> None:
    weights, gradients = noise(1, 16, 16, seed=1), noise(1, 16, 16)
    plain = update(gpu, weights.clone(), gradients)
    decayed = update(gpu, weights.clone(), gradients, decay=0.1)
    shrinks = plain * weights <= 0
    torch.testing.assert_close(decayed, plain - 0.1 * weights * shrinks)
    assert 0.2 < shrinks.float().mean() < 0.8


def test_each_part_of_a_parameter_is_a_matrix_of_its_own(gpu: ModuleType) -> None:
    whole = torch.nn.Parameter(noise(48, 16))
    single = [torch.nn.Parameter(part.clone()) for part in whole.detach().chunk(3)]
    gradient = noise(48, 16, seed=1)
    for params, parts in (([whole], 3), (single, 1)):
        group = {"params": params, "parts": parts, "lr": 0.02, "weight_decay": 0.1}
        optimizer = gpu.Muon([group])
        for step in range(3):
            for param, grad in zip(params, gradient.chunk(len(params)), strict=True):
                param.grad = grad + step
            optimizer.step()
    torch.testing.assert_close(whole.detach(), torch.cat([p.detach() for p in single]))


def test_every_weight_is_updated_once(gpu: ModuleType, model: Any) -> None:
    optimizers = gpu.build_optimizers(model)
    params = [p for o in optimizers for group in o.param_groups for p in group["params"]]
    assert sorted(map(id, params)) == sorted(map(id, model.parameters()))
    matrices = {id(p) for group in optimizers[1].param_groups for p in group["params"]}
    assert matrices == {id(p) for p in model.blocks.parameters()}


# --- training ------------------------------------------------------------------------------------


def run(gpu: ModuleType, steps: int, *, warm: bool = True) -> Any:
    torch.manual_seed(7)
    model = gpu.build_model(300)
    optimizers = gpu.build_optimizers(model)
    if warm:
        gpu.warm_up(model, model, optimizers)
    assert gpu.train(model, optimizers, endless(), steps, counter()) == (steps, steps)
    return model


@pytest.mark.tier(2)
def test_training_learns_and_ends_in_the_same_bits(
    gpu: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, cold = run(gpu, 40), run(gpu, 40), run(gpu, 40, warm=False)
    for a, b, c in zip(*(m.parameters() for m in (first, second, cold)), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)  # the steps of the warm-up left no trace
    with torch.no_grad():
        x, y, _ = next(endless())
        assert first(x, y) < 0.7 * gpu.build_model(300)(x, y)


def test_the_warm_up_runs_what_the_clock_must_not_see(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    model = gpu.build_model(300)
    optimizers = gpu.build_optimizers(model)
    monkeypatch.setattr(gpu, "CUDA", True)
    monkeypatch.setattr(gpu, "autocast", lambda: torch.autocast("cpu", enabled=False))
    monkeypatch.setattr(model, "register_forward_pre_hook", None, raising=False)
    for name in ("collect", "freeze", "disable"):
        monkeypatch.setattr(gpu.gc, name, lambda name=name: calls.append(name))

    def loss_of(x: Any, y: Any) -> Any:
        calls.append("step")
        return model(x, y)

    evaluated = model.forward
    monkeypatch.setattr(
        model, "forward",
        lambda *args, **kwargs: calls.append(str(kwargs)) or evaluated(*args, **kwargs),
    )  # fmt: skip
    gpu.warm_up(model, loss_of, optimizers)
    assert calls == [
        *(["step", "{}"] * 3),
        "{'reduction': 'none'}",
        "collect", "freeze", "disable",
    ]  # fmt: skip


def test_nothing_is_fetched_from_a_hub(cuda_profile: tuple[ModuleType, ModuleType]) -> None:
    assert not {"kernels", "huggingface_hub"} & sys.modules.keys()


# --- the loader ----------------------------------------------------------------------------------


def test_batches_go_to_the_gpu_without_waiting_for_it(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    class Pinned:
        def to(self, device: Any, *, non_blocking: bool) -> str:
            calls.append((str(device), non_blocking))
            return "on the GPU"

    monkeypatch.setattr(prepare, "CUDA", True)
    monkeypatch.setattr(prepare, "DEVICE", torch.device("cuda"))
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: Pinned())
    assert prepare._on_device(torch.ones(2, 2, dtype=torch.uint16)) == "on the GPU"
    assert calls == [("cuda", True)]
