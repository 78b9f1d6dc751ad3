"""``frozen-data``: tokenizer and data outside git are the blessed ones."""

import json
import os
from pathlib import Path

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.data import Fingerprints, files

RULE = "danger-zone::data-pipeline"
pytestmark = pytest.mark.usefixtures("laws")


@pytest.fixture
def cache():
    """The folder with the toy's data; its files are blessed."""
    return Path.home() / ".cache/toy"


def test_blessed_data_holds(judged):
    assert judged(RULE).status == "holds"


def edited(cache):
    (cache / "tokenizer/token_bytes.txt").write_text("2\n")


def emptied(cache):
    (cache / "tokenizer/token_bytes.txt").write_text("")


def swapped(cache):
    (cache / "tokenizer/token_bytes.txt").unlink()
    (cache / "tokenizer/token_bytes.txt").symlink_to("ranks.txt")


def line_endings(cache):
    (cache / "tokenizer/token_bytes.txt").write_bytes(b"tokenizer/token_bytes.txt\r\n")


@pytest.mark.parametrize("change", [edited, emptied, swapped, line_endings])
def test_changed_bytes_are_found(cache, judged, change):
    change(cache)

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline.startswith("~/.cache/toy/tokenizer/token_bytes.txt changed (sha256 ")
    assert finding.help.startswith("make the data again, or a person blesses it")


def test_a_foreign_file_is_found(cache, judged):
    (cache / "tokenizer/extra.txt").write_text("x")

    [finding] = judged(RULE).findings

    assert finding.headline == (
        "~/.cache/toy/tokenizer/extra.txt is a foreign file: it was not blessed"
    )
    assert finding.help == "remove it: rm ~/.cache/toy/tokenizer/extra.txt"


def test_a_hidden_file_of_their_kind_is_found(cache, judged):
    """A harness that lists the folder reads it: autoresearch's loader does."""
    (cache / "tokenizer/.extra.txt").write_text("x")

    [finding] = judged(RULE).findings

    assert finding.headline.startswith("~/.cache/toy/tokenizer/.extra.txt is a foreign file")


def test_hidden_files_of_a_desktop_or_a_hub_do_not_count(cache, judged):
    for name in (".DS_Store", ".gitattributes", ".locks"):
        (cache / "tokenizer" / name).write_text("x")

    assert judged(RULE).status == "holds"


def test_a_file_that_is_gone_is_found(cache, judged):
    (cache / "tokenizer/ranks.txt").unlink()

    [finding] = judged(RULE).findings

    assert finding.headline == "~/.cache/toy/tokenizer/ranks.txt is gone"


def test_without_any_data_it_is_skipped(cache, judged):
    cache.rename(cache.with_name("elsewhere"))

    judgement = judged(RULE)

    assert judgement.status == "skipped"
    assert judgement.reason == "the data is not on this machine"


def test_blessed_data_of_another_machine_holds(cache, judged):
    (cache / "data/shard_9.bin").unlink()
    (cache / "data").rmdir()

    assert judged(RULE).status == "holds"


def test_data_that_was_never_blessed_only_warns(project, judged):
    lock = (project.path / "bound.lock").read_text()
    (project.path / "bound.lock").write_text(lock.partition("\n[data]")[0])
    project.commit("no fingerprints")

    judgement = judged(RULE)

    assert judgement.status == "warned"
    assert judgement.findings[0].headline.startswith("no fingerprint of the data is blessed (~/")
    assert "pytest-ouro bless" in judgement.findings[0].help


def test_a_trusted_commit_brings_its_fingerprints(project, cache, judged):
    trust = project.git("rev-parse", "HEAD")
    edited(cache)
    project.bless()
    assert judged(RULE).status == "holds"

    assert judged(RULE, trust=trust).broken


@pytest.fixture
def shards(project, cache):
    """A rule with training shards, of which some exist and are blessed."""
    for number in range(3):
        (cache / f"data/shard_{number}.bin").write_text(f"{number}\n")
    data = "~/.cache/toy/data"
    project.edit(
        *("bound.toml", 'check = "frozen-data"\n'),
        f'check = "frozen-data"\npaths = ["{data}/shard_9.bin"]\ntrain = ["{data}/*.bin"]\n',
    )
    bless(project.path / "bound.toml")
    project.commit("training shards")


def test_training_shards_that_differ_from_the_fixed_data_hold(shards, judged):
    assert judged(RULE).status == "holds"


def test_the_validation_shard_among_the_training_data_is_found(project, cache, shards, judged):
    (cache / "data/shard_1.bin").write_bytes((cache / "data/shard_9.bin").read_bytes())
    headlines = [finding.headline for finding in judged(RULE).findings]
    assert headlines[0].startswith("~/.cache/toy/data/shard_1.bin changed")
    assert headlines[1] == "shard_1.bin among the training data is a copy of shard_9.bin"

    project.bless()  # a blessing cannot make it lawful
    [finding] = judged(RULE).findings
    assert finding.headline.startswith("shard_1.bin among the training data is a copy of")
    assert finding.where == str(cache / "data")
    assert finding.help == f"remove it: rm {cache}/data/shard_1.bin"


def test_a_foreign_shard_is_found(cache, shards, judged):
    (cache / "data/shard_4.bin").write_text("4\n")

    [finding] = judged(RULE).findings

    assert "shard_4.bin is a foreign file" in finding.headline


LARGE = b"x" * (1 << 20)


@pytest.fixture
def fingerprint(tmp_path):
    """A function that returns the digest of one large file, with a lasting memory."""
    path, memory = tmp_path / "large.bin", tmp_path / "memory/fingerprints.json"
    path.write_bytes(LARGE)

    def fingerprint(**how):
        return Fingerprints(memory, **how).of([path])[path]

    fingerprint.path, fingerprint.memory = path, memory
    return fingerprint


def test_a_large_file_is_remembered_and_read_again_when_it_changed(fingerprint):
    first = fingerprint()
    known = json.loads(fingerprint.memory.read_text())
    known[str(fingerprint.path)][4] = "sha256:remembered"
    fingerprint.memory.write_text(json.dumps(known))
    assert fingerprint() == "sha256:remembered"
    assert fingerprint(rehash=True) == first

    fingerprint.path.write_bytes(LARGE[:-1] + b"y")
    assert fingerprint() not in (first, "sha256:remembered")


def test_a_large_file_that_was_set_back_in_time_is_read_again(fingerprint):
    first, before = fingerprint(), fingerprint.path.stat()
    fingerprint.path.write_bytes(LARGE[:-1] + b"y")
    os.utime(fingerprint.path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert fingerprint() != first


@pytest.mark.parametrize("memory", ["not JSON", "[]", "\0"])
def test_after_a_damaged_memory_files_are_hashed_again(fingerprint, memory):
    first = fingerprint()
    fingerprint.memory.write_text(memory)

    assert fingerprint() == first


def test_data_that_cannot_be_read_is_one_error_that_names_it(tmp_path):
    gone = tmp_path / "gone.bin"

    with pytest.raises(OuroError, match=r"gone\.bin cannot be read: No such file") as caught:
        Fingerprints(tmp_path / "memory").of([gone])
    assert caught.value.help == "fix its permissions, or the disk"


def test_data_that_cannot_be_examined_is_an_error_not_left_out(tmp_path):
    (tmp_path / "a.bin").symlink_to("x" * 300)

    with pytest.raises(OuroError, match=r"a\.bin cannot be read: File name too long"):
        files("*.bin", tmp_path)


def test_a_name_that_is_not_utf_8_has_a_digest(tmp_path):
    plain = Fingerprints(tmp_path / "memory").total(("*.bin",), tmp_path)
    (tmp_path / os.fsdecode(b"\xff.bin")).write_text("1")

    assert Fingerprints(tmp_path / "memory").total(("*.bin",), tmp_path) != plain
