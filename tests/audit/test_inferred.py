"""What the audit infers from the history: words for a status, the ledger, and how far that goes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pytest_ouro.audit.options import Options
from pytest_ouro.audit.run import audit
from pytest_ouro.audit.text import last_line
from pytest_ouro.core.errors import RecordError
from pytest_ouro.evidence.dependencies import statements

from .small import PREPARE, TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.audit.result import Audit

HEADER = "commit\tq\tcall\tdescription"


def play(loop: Small, words: str, *, path: str = "results.tsv") -> Audit:
    """Play experiments, one for each letter of ``words``: ``k`` is better and stays, ``d`` worse
    and is reverted, ``x`` worse and stays; the ledger calls the first ``ship``, others ``bin``."""
    rows = [f"{loop.save('start')}\t1.000000\tship\tbaseline\n"]
    best = 1.0
    for number, letter in enumerate(words, 1):
        loop.write("train.py", TRAIN.format(lr=number + 0.5))
        commit = loop.save(f"rate {number}")
        value = best - 0.1 if letter == "k" else best + 0.1
        best = min(best, value)
        word = "ship" if letter == "k" else "bin"
        rows.append(f"{commit}\t{value:.6f}\t{word}\trate {number}\n")
        if letter == "d":
            loop.git("revert", "--no-edit", "HEAD")
    place = loop.folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(HEADER + "\n" + "".join(rows))
    return loop.audit("train.py")


def classes(found: Audit) -> list[str]:
    """The classes of the rows, in their order."""
    return [point.status for point in found.curve]


def test_words_mean_what_became_of_their_code(tmp_path: Path) -> None:
    found = play(Small(tmp_path), "kdkd")

    assert classes(found) == ["baseline", "keep", "discard", "keep", "discard"]
    (said,) = [one for one in found.inferences if one.what == "unknown words"]
    assert said.value == "ship = keep, bin = discard"
    assert "the code of 2 of 2 such rows does not stay" in said.why


def test_words_that_the_history_contradicts_mean_nothing(tmp_path: Path) -> None:
    found = play(Small(tmp_path), "xdxd")

    assert set(classes(found)[1:]) == {"other"}


@pytest.mark.parametrize(
    ("claims", "statuses"),
    [
        ("0.8 OK,1.1 KO,0.7 OK,1.2 KO", ["keep", "discard"]),
        ("0.8 OK,1.1 KO,1.3 OK,0.7 KO", ["other", "other"]),
    ],
    ids=["all agree", "some do not"],
)
def test_a_word_with_one_known_commit_needs_values_that_agree(
    claims: str, statuses: list[str], tmp_path: Path
) -> None:
    loop = Small(tmp_path)
    rows = [f"{loop.save('start')}\t1.000000\tOK\tbaseline\n"]
    for number, cells in enumerate(("0.900000\tOK", "1.200000\tKO"), 2):
        loop.write("train.py", TRAIN.format(lr=number + 0.5))
        rows.append(f"{loop.save(f'rate {number}')}\t{cells}\trate {number}\n")
    loop.git("reset", "-q", "--hard", "HEAD~1")
    for number, claim in enumerate(claims.split(",")):
        value, word = claim.split()
        rows.append(f"-\t{value}\t{word}\tclaim {number}\n")
    (tmp_path / "results.tsv").write_text(HEADER + "\n" + "".join(rows))

    found = loop.audit("train.py")
    assert classes(found)[1:3] == statuses


def test_a_ledger_is_found_by_the_commits_that_its_cells_name(tmp_path: Path) -> None:
    found = play(Small(tmp_path), "kdkd", path="lab/2026/july/book.dat")

    assert found.ledger == "lab/2026/july/book.dat"
    assert "its cells name 5 commits of this repository" in found.inferences[0].why


def test_other_tables_are_not_ledgers(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.write("points/x.csv", "id,size,kind\n1,2.5,a\n2,3.5,b\n3,1.5,a\n")
    loop.save("start")

    with pytest.raises(RecordError):
        loop.audit()


def test_an_older_revision_is_read_with_its_own_ledger(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.save("start")
    loop.trial(0.1, 1.2, "keep", "rate up")
    old = loop.trial(0.2, 1.1, "keep", "rate further up")
    revision = loop.git("rev-parse", "HEAD")
    loop.trial(0.3, 1.0, "keep", "rate even further up")
    bare = tmp_path.parent / f"{tmp_path.name}.git"
    loop.git("clone", "-q", "--bare", ".", str(bare))

    def best(subject: str) -> tuple[int, str]:
        found = audit(Options(subject=subject))
        return found.counts.rows, found.claimed_best.commit[:7] if found.claimed_best else ""

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert best(revision) == (2, old)
        loop.git("rm", "-q", "--cached", "results.tsv")
        assert best(revision) == (2, old)
        assert best("HEAD")[0] == 3


def test_a_status_that_a_later_commit_changed_is_reported(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.save("start")
    loop.trial(0.1, 1.2, "keep", "rate up")
    loop.trial(0.2, 1.3, "discard", "rate further up")
    loop.git("revert", "--no-edit", "HEAD~1")
    loop.trial(0.3, 1.1, "keep", "rate even further up")
    loop.rows[1] = loop.rows[1].replace("discard", "keep")
    loop.save("tidy")

    (found,) = [
        one for one in about(loop.audit("train.py"), "logged") if "status" in one.finding.headline
    ]

    assert found.lines == (3,)
    assert found.severity == "error"
    assert "the status of a row was changed by a later commit" in found.finding.headline


def test_one_change_is_reported_once(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.write("program.md", "Edit `train.py` only. Do not modify `prepare.py`.\n")
    loop.save("start")
    loop.trial(0.1, 1.2, "keep", "rate up")
    loop.write("prepare.py", PREPARE.replace("1.0", "0.5"))
    loop.trial(0.2, 0.5, "keep", "rate further up")

    found = loop.audit()

    assert [one.check for one in found.findings if one.check.startswith("frozen")] == ["frozen"]


def test_what_reaches_little_says_so(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.save("start")
    (tmp_path / "results.tsv").write_text("note\tstatus\twhat\na\tkeep\tx y\nb\tdiscard\tz\n")

    found = loop.audit()

    assert found.exit_status == 2
    assert last_line(found).startswith("ouro: audit: not judged: 0 errors, 1 warning; 2 rows")
    assert "nothing could be judged: " in last_line(found)


def test_rows_without_commits_are_judged_in_part(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.save("start")
    (tmp_path / "results.tsv").write_text("loss\tstatus\twhat\n2\tkeep\tx y\n1\tkeep\tz\n")

    found = loop.audit()

    assert found.exit_status == 0
    assert last_line(found).startswith("ouro: audit: partly judged: ")


def test_the_only_bound_below_is_used(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    for path, text in (("train.py", TRAIN.format(lr=0.01)), ("prepare.py", PREPARE)):
        (tmp_path / path).unlink()
        loop.write(f"lab/{path}", text)
    loop.write(
        "lab/bound.toml",
        '[experiment]\nscript = "train.py"\neditable = ["train.py"]\nharness = "prepare.py"\n'
        'evaluate = "evaluate_bpb"\nmetric = "val_bpb"\nbudget = 300\n\n'
        '[[never-do]]\nid = "same"\nrule = "same"\ncheck = "frozen"\npaths = ["prepare.py"]\n',
    )
    loop.save("start")
    loop.write("lab/train.py", TRAIN.format(lr=0.2))
    hash = loop.save("rate up")
    loop.log(hash, "1.200000", "1.0", "keep", "rate up")
    loop.save("log")

    found = loop.audit()

    assert any(one.why == "lab/bound.toml states it" for one in found.inferences)


def test_a_lock_that_is_the_same_in_many_commits_is_parsed_once() -> None:
    data = b'[[package]]\nname = "a"\nversion = "1"\n'

    assert statements("uv.lock", data) is statements("uv.lock", bytes(bytearray(data)))


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_a_repository_of_sha256_is_read(tmp_path: Path) -> None:
    loop = Small.__new__(Small)
    loop.folder, loop.header, loop.rows = tmp_path, "commit\tval_bpb\tmemory_gb\tstatus\twhat", []
    loop.git("init", "-q", "-b", "main", "--object-format=sha256")
    loop.git("config", "user.email", "a@example.org")
    loop.git("config", "user.name", "A")
    loop.write("prepare.py", PREPARE)
    loop.write("train.py", TRAIN.format(lr=0.01))
    loop.save("start")
    loop.trial(0.1, 1.2, "keep", "rate up")
    loop.trial(0.2, 1.1, "keep", "rate further up")

    found = loop.audit("train.py")

    assert len(found.head) == 64
    assert [one.verdict for one in found.kept] == ["stands", "stands"]


def test_rows_of_more_than_twice_the_budget_are_reported(tmp_path: Path) -> None:
    loop = Small(tmp_path, "commit\tval_bpb\tseconds\tstatus\tdescription")
    loop.write("program.md", "Edit `train.py` only. Do not modify `prepare.py`.\n")
    loop.save("start")
    for number, seconds in enumerate((301.0, 300.5, 900.0), 1):
        loop.write("train.py", TRAIN.format(lr=number))
        hash = loop.save(f"rate {number}")
        loop.log(hash, f"{1 - number / 10:.6f}", f"{seconds}", "keep", f"rate {number}")
        loop.save(f"log: rate {number}")

    (found,) = about(loop.audit(), "budget-limit")

    assert found.severity == "warning"
    assert found.lines == (4,)
