"""python prepare.py --data-dir: parquet and text files become the same stored data."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("rustbpe")


@pytest.fixture
def empty(prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """prepare.py with an empty cache and a vocabulary that little text can fill."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(prepare, "VOCAB_SIZE", 270)
    monkeypatch.setitem(prepare.RECIPE, "vocab_size", 270)
    monkeypatch.setattr(prepare, "CACHE_DIR", cache)
    monkeypatch.setattr(prepare, "TOKENIZER_DIR", cache / "tokenizer")
    monkeypatch.setattr(prepare, "DATA_DIR", cache / "data")
    return prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three text files, the last one for validation."""
    path = tmp_path / "texts"
    path.mkdir()
    for name, start in (("a", 0), ("b", 20)):
        path.joinpath(f"{name}.txt").write_text(paragraphs(start, start + 20))
    path.joinpath("z.txt").write_text(f"{paragraphs(15, 22)}\n\nOnly here.\n\nOnly here.\n")
    path.joinpath("readme.md").write_text("no data")
    return path


def paragraphs(first: int, last: int) -> str:
    return "\n\n".join(f"We the people of state number {i}." for i in range(first, last))


def stored(prepare: ModuleType, split: str) -> list[str]:
    """The documents of a split as text."""
    tokenizer = prepare.Tokenizer.from_directory(prepare.TOKENIZER_DIR)
    documents = [document.tolist() for document in prepare._documents(split, tokenizer)]
    assert all(ids[0] == tokenizer.get_bos_token_id() for ids in documents)
    return [tokenizer.decode(ids[1:]) for ids in documents]


def states(first: int, last: int) -> list[str]:
    return paragraphs(first, last).split("\n\n")


def parquet(path: Path, texts: list[str], column: str = "text") -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    parquet.write_table(arrow.table({column: texts}), path, row_group_size=7)


def test_the_last_file_validates_without_what_is_in_training(
    empty: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty.main(["--data-dir", str(folder)])
    assert sorted(stored(empty, "train")) == sorted(states(0, 40))
    assert stored(empty, "train") != states(0, 40)
    assert stored(empty, "val") == ["Only here."]
    output = capsys.readouterr().out
    assert "\r" not in output
    assert "Data: a.txt: " in output
    assert "Note: evaluation repeats the " in output


def test_the_manifest_names_the_sources_and_their_digests(empty: ModuleType, folder: Path) -> None:
    empty.main(["--data-dir", str(folder)])
    manifest = json.loads((empty.CACHE_DIR / "manifest.json").read_bytes())
    assert [(row["name"], row["split"]) for row in manifest["recipe"]["folder"]] == [
        ("a.txt", "train"), ("b.txt", "train"), ("z.txt", "val"),
    ]  # fmt: skip
    for name, entry in manifest["files"].items():
        assert empty._entry((empty.CACHE_DIR / name).read_bytes()) == entry
    assert not (empty.CACHE_DIR / "parts").exists()


def test_a_folder_is_tokenized_once(
    empty: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty.main(["--data-dir", str(folder)])
    capsys.readouterr()
    ready = f"Ready: all data already in {empty.CACHE_DIR}\n"
    for arguments in (["--data-dir", str(folder)], []):
        empty.main(arguments)
        assert capsys.readouterr().out == ready
    folder.joinpath("a.txt").write_text(paragraphs(0, 19))
    empty.main(["--data-dir", str(folder)])
    assert len(stored(empty, "train")) == 39


def test_an_interrupted_folder_goes_on_where_it_was(
    empty: ModuleType,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write = empty._write

    def interrupted(name: str, chunks: Any) -> None:
        if name.startswith("data/"):
            raise KeyboardInterrupt
        write(name, chunks)

    monkeypatch.setattr(empty, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        empty.main(["--data-dir", str(folder)])
    assert not empty._is_ready()
    monkeypatch.setattr(empty, "_write", write)
    capsys.readouterr()
    empty.main(["--data-dir", str(folder)])
    assert "a.txt" not in capsys.readouterr().out
    assert sorted(stored(empty, "train")) == sorted(states(0, 40))


def test_on_a_terminal_progress_is_one_line_rewritten(
    empty: ModuleType,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    empty.main(["--data-dir", str(folder)])
    [line] = [line for line in capsys.readouterr().out.split("\n") if "Data: a.txt" in line]
    assert line.count("\r") == 2


def test_a_document_that_is_too_long_becomes_several(
    empty: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty, "LONGEST", 8)
    empty.main(["--data-dir", str(folder)])
    train = stored(empty, "train")
    tokenizer = empty.Tokenizer.from_directory(empty.TOKENIZER_DIR)
    assert max(len(tokenizer.encode(text)) for text in train) <= 7
    assert sorted("".join(train)) == sorted("".join(states(0, 40)))


def test_shards_of_the_original_are_read_as_they_lie(empty: ModuleType, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    parquet(shards / "shard_00000.parquet", [*states(0, 20), ""])
    parquet(shards / "shard_06542.parquet", ["Only here.\n\nStill the same document."])
    parquet(shards / "shard_09999.parquet", states(20, 40))
    empty.main(["--data-dir", str(shards)])
    assert stored(empty, "train") == states(0, 40)
    assert stored(empty, "val") == ["Only here.\n\nStill the same document."]


def test_a_parquet_without_texts_is_refused(empty: ModuleType, tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", ["x"], column="content")
    parquet(tmp_path / "b.parquet", ["x"])
    with pytest.raises(SystemExit, match=r"a\.parquet has no column 'text'"):
        empty.main(["--data-dir", str(tmp_path)])


def test_a_missing_pyarrow_is_named(
    empty: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SystemExit, match=r"reading a\.parquet needs pyarrow: pip install pyarrow"):
        empty.main(["--data-dir", str(tmp_path)])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has 0 .* it needs two"),
        ({"a.txt": b"one"}, "has 1 .* it needs two"),
        ({"a.txt": b"", "b.txt": b"x"}, r"a\.txt is empty"),
        ({"a.txt": b"\xff\xfe", "b.txt": b"x"}, r"a\.txt cannot be read: .*utf-8"),
        ({"a.txt": b"few", "b.txt": b"words"}, "too little text"),
        ({"a.txt": paragraphs(0, 40).encode(), "b.txt": b"\n \n"}, r"b\.txt has no document"),
        ({"a.txt": paragraphs(0, 40).encode(), "b.txt": states(3, 4)[0].encode()}, "no document"),
    ],
    ids=["nothing", "one", "empty", "bytes", "little", "blank", "known"],
)
def test_a_folder_that_does_not_serve_is_one_line_of_advice(
    empty: ModuleType, tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SystemExit, match=message):
        empty.main(["--data-dir", str(tmp_path)])
    assert not (empty.CACHE_DIR / "manifest.json").exists()


def test_data_of_another_recipe_than_ours_are_refused(empty: ModuleType, folder: Path) -> None:
    empty.main(["--data-dir", str(folder)])
    path = empty.CACHE_DIR / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["recipe"]["shuffle_seed"] = 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(SystemExit, match="is damaged or outdated"):
        stored(empty, "train")


@pytest.mark.tier(2)
def test_the_data_of_another_profile_can_be_made_here(
    environment: dict[str, str], prepare: ModuleType, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-B", str(prepare.__file__), "--profile", "cuda"],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    cache = tmp_path / ".cache/pytest-ouro/autoresearch/cuda"
    assert done.stdout.splitlines()[-1].startswith(f"Ready: {cache} (")
    manifest = json.loads((cache / "manifest.json").read_bytes())
    assert manifest["recipe"] == {**prepare.RECIPE, "vocab_size": 8192}
    for name, entry in manifest["files"].items():
        assert prepare._entry((cache / name).read_bytes()) == entry


def test_training_never_opens_the_validation_data(empty: ModuleType, folder: Path) -> None:
    empty.main(["--data-dir", str(folder)])
    for path in empty.DATA_DIR.glob("val.*"):
        path.unlink()
    tokenizer = empty.Tokenizer.from_directory(empty.TOKENIZER_DIR)
    assert empty.get_token_bytes().shape == (270,)
    for x, _, _ in islice(empty.make_dataloader(tokenizer, 2, 64, "train"), 10):
        assert x.shape == (2, 64)
    with pytest.raises(SystemExit, match="data missing"):
        empty.make_dataloader(tokenizer, 2, 64, "val")
