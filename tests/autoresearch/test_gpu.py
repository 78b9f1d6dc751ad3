"""What only a GPU can show: kernels, the compiler, memory. Skipped where torch sees none."""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]


@pytest.fixture
def gpu(
    loads: Callable[..., ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """train.py on the GPU with three small layers; its data is not needed."""
    monkeypatch.setitem(sys.modules, "prepare", loads("prepare", tmp_path, cuda=True))
    train = loads("train", tmp_path, cuda=True)
    constants = {
        "DEPTH": 3,
        "ASPECT_RATIO": 64,
        "HEAD_DIM": 64,
        "MAX_SEQ_LEN": 512,
        "DEVICE_BATCH_SIZE": 2,
        "TOTAL_BATCH_SIZE": 2048,
    }
    for name, value in constants.items():
        monkeypatch.setattr(train, name, value)
    return train


def naive(q: Any, k: Any, v: Any, window: int) -> Any:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    place = torch.arange(q.shape[2], device=q.device)
    behind = place[:, None] - place[None]
    return scores.masked_fill((behind < 0) | (behind > window), -math.inf).softmax(-1) @ v


def endless() -> Iterator[tuple[Any, Any, int]]:
    row = (torch.arange(513, device="cuda") * 3) % 300
    while True:
        yield row[:-1].repeat(2, 1), row[1:].repeat(2, 1), 1


@pytest.mark.parametrize("window", [100, 512])
def test_attention_and_its_gradients_are_what_the_textbook_says(
    gpu: ModuleType, window: int
) -> None:
    attend = gpu.best_attention([window], 512)
    if attend is gpu.attend_fully and window < 512:
        pytest.skip("neither FlashAttention nor triton is installed: windows are ignored")
    generator = torch.Generator("cuda").manual_seed(0)
    q, k, v = (
        torch.randn(2, 3, 512, 64, device="cuda", dtype=torch.bfloat16, generator=generator)
        for _ in range(3)
    )
    results = []
    for function, dtype in ((attend, torch.bfloat16), (naive, torch.float32)):
        given = [x.detach().to(dtype).requires_grad_() for x in (q, k, v)]
        y = function(*given, window)
        y.square().sum().backward()
        results.append([y.float(), *(x.grad.float() for x in given)])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=5e-2, atol=5e-2)


def test_compiled_training_learns_and_the_warm_up_leaves_no_trace(gpu: ModuleType) -> None:
    torch.manual_seed(7)
    model = gpu.build_model(300)
    before = [weight.clone() for weight in model.parameters()]
    loss_of, optimizers = gpu.compiled(model), gpu.build_optimizers(model)
    gpu.warm_up(model, loss_of, optimizers)
    for weight, initial in zip(model.parameters(), before, strict=True):
        assert torch.equal(weight, initial)
    ticks = iter(range(100))
    gpu.train(loss_of, optimizers, endless(), 30, lambda: float(next(ticks)))
    x, y, _ = next(endless())
    with torch.no_grad():
        assert model.eval()(x, y) < 0.7 * math.log(300)
        assert model(x).dtype == torch.float32
        torch.testing.assert_close(model(x, y), loss_of(x, y), rtol=2e-2, atol=2e-2)


def test_batches_arrive_whole(gpu: ModuleType) -> None:
    import prepare

    tokens = torch.arange(2 * 65, dtype=torch.int32).to(torch.uint16).view(2, 65)
    rows = iter([(row, 1) for row in tokens])
    x, y, _ = next(prepare._batches(rows, 2))
    assert x.device.type == y.device.type == "cuda"
    assert torch.equal(x.cpu(), tokens[:, :-1].long())
    assert torch.equal(y.cpu(), tokens[:, 1:].long())
