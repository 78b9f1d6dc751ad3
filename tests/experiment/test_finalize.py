"""``pytest-ouro finalize``: what a night kept, as a branch for people."""

import json

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.objects import Entry
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.selection.finalize import finalize, find_winner
from pytest_ouro.experiment.terms import commits

#: A train.py with noise that depends on the salt alone, and on ``own``.
NOISY = """\
import random
random.seed({own})
val = {mean} + 0.01 * random.random()
from prepare import evaluate_bpb
val_bpb = evaluate_bpb(val)
print(f"val_bpb: {{val_bpb:.6f}}")
"""


def noisy(mean, own=1):
    return NOISY.format(mean=mean, own=own)


def case_of(lab):
    return open_case(lab.path / "bound.toml")


@pytest.fixture
def git(lab):
    return lambda *args: lab.project.git(*args).strip()


@pytest.fixture
def night(lab, git):
    """A baseline, a keep, a discard, which stays in no history, and another keep: their commits."""
    found = [lab.commit(noisy(2.0), "as it is")]
    lab.run()
    lab.commit(noisy(1.5, own=2), "half\n\nWhy: it helps.\n\nSigned-off-by: me <me@here>")
    lab.run()
    found.append(git("rev-parse", "HEAD"))
    lab.run(noisy(3.0), settle=True)
    lab.run(noisy(1.0, own=3))
    return [*found, git("rev-parse", "HEAD")]


def untouched(lab, git):
    """What no command may change."""
    return git("rev-parse", "HEAD"), git("status", "--porcelain"), git("ls-files", "-s"), git(
        "reflog", "-1"
    )  # fmt: skip


@pytest.mark.tier(2)
def test_a_certified_night_becomes_a_branch(lab, git, night, ouro):
    statement = certify(case_of(lab), pairs=2).statement
    assert statement.result == "granted"
    before = untouched(lab, git)

    status, out, err = ouro("finalize")

    assert (status, err) == (0, "")
    name = f"ouro/{night[2][:7]}"
    log = git("log", "--reverse", "--format=%s", name).split("\n")
    assert log[-3:] == ["as it is", "half", "an idea"]
    assert git("rev-parse", f"{name}~2") == night[0], "it begins at the baseline"
    assert git("rev-parse", f"{name}~1") == night[1], "a commit that needs no change stays"
    assert git("diff", "--name-only", name, night[2]) == ""
    trailers = git("log", "-1", "--format=%(trailers:only,unfold)", name).split("\n")
    assert trailers[0].startswith("Ouro-Certificate: certified gain=")
    kept = [run.run for run in lab.journal.runs() if run.status == "keep"]
    assert trailers[1] == f"Ouro-Runs: {' '.join(kept)}"
    assert out.rstrip().split("\n")[-1] == (
        f"ouro: finalized branch={name} commit={git('rev-parse', name)[:7]} "
        f"base={night[0][:7]} commits=2 state=certified"
    )
    assert untouched(lab, git) == before
    lab.clean()


@pytest.mark.tier(2)
def test_the_gate_accepts_the_branch(lab, git, night, ouro):
    ouro("finalize", "--branch", "mine")
    facts = ouro("finalize", "--branch", "mine-2", "--json")[1]
    check = json.loads(facts)["commands"][0].split()
    assert check[:4] == ["pytest-ouro", "gate", "--head", "mine-2"]
    status, out, err = ouro(*check[1:])
    assert (status, err) == (0, ""), out
    assert "ouro: lawful" in out
    git("checkout", "-q", "mine")
    assert ouro("gate")[0] == 0


def test_the_gate_refuses_a_branch_with_another_edit(lab, git, night, ouro):
    ouro("finalize", "--branch", "mine")
    git("checkout", "-q", "mine")
    lab.project.commit("more", {"prepare.py": "x = 1\n"})
    assert ouro("gate", "--head", "mine", "--trust", night[0])[0] == 1


@pytest.mark.tier(2)
def test_squashed_it_is_one_commit_with_the_bound_that_may_be_claimed(lab, git, night, ouro):
    one = certify(case_of(lab), pairs=2).statement
    assert ouro("finalize", "--squash", "--branch", "one")[0] == 0
    assert git("rev-parse", "one~1") == night[0]
    assert git("diff", "--name-only", "one", night[2]) == ""
    body = git("log", "-1", "--format=%B", "one").split("\n")
    low = one.metric.text(one.low)
    assert body[0] == f"2 edits, certified: a gain of at least {low} in val_bpb"
    assert [line.split()[1] for line in body if line.startswith("- ")] == [
        commit[:7] for commit in night[1:]
    ]


@pytest.mark.tier(2)
def test_without_a_certificate_it_is_provisional_and_says_so(lab, git, night, ouro):
    out = ouro("finalize", "--squash")[1]
    assert "nothing is certified" in out
    assert out.rstrip().endswith(" state=provisional")
    message = git("log", "-1", "--format=%B", f"ouro/{night[2][:7]}")
    assert message.startswith("2 edits, provisional: a claimed gain of ")
    assert "\nOuro-Certificate: provisional, not certified\n" in message


@pytest.mark.tier(2)
def test_keeps_after_the_certified_one_are_left_out(lab, git, night, ouro):
    assert certify(case_of(lab), pairs=2).statement.result == "granted"
    lab.run(noisy(0.5, own=4))
    later = git("rev-parse", "HEAD")
    found = find_winner(case_of(lab))
    assert (found.tip.commit, found.state) == (night[2], "certified")
    assert [run.commit for run in found.later] == [later]
    assert f"not on the branch, since kept after the certified commit: {later[:7]}" in ouro(
        "finalize"
    )[1]  # fmt: skip


def test_the_same_branch_again_is_said_to_be_there(lab, git, night, ouro):
    one, other = (finalize(case_of(lab), branch=name) for name in ("one", "two"))
    assert one.commit == other.commit
    assert (one.is_new, other.is_new) == (True, True)

    status, said, err = ouro("finalize", "--branch", "one")
    assert (status, err) == (0, "")
    assert "ouro: the branch was there already, and is exactly this\n" in said
    assert f"ouro: finalized branch=one commit={one.commit:.7} " in said.splitlines()[-1]
    assert json.loads(ouro("finalize", "--branch", "one", "--json")[1])["new"] is False

    with pytest.raises(ExperimentError, match="there is a branch one already"):
        finalize(case_of(lab), branch="one", squash=True)
    assert git("rev-parse", "one") == one.commit


@pytest.mark.tier(2)
def test_a_message_in_another_encoding_keeps_its_words(lab, git, night):
    for name in ("größer", "kleiner: größer"):
        lab.commit(noisy(0.9 - len(name) / 100, own=4))
        words = lab.path.parent / "message"
        words.write_bytes(name.encode("latin-1"))
        latin = ("-c", "i18n.commitEncoding=ISO-8859-1")
        git(*latin, "commit", "-q", "--amend", "-F", str(words))
        lab.run()
    final = finalize(case_of(lab))
    assert final.commits == 4
    assert git("log", "-2", "--format=%s", final.branch) == "kleiner: größer\ngrößer"


def test_files_that_no_experiment_may_edit_stay_as_they_were(lab, git, night, ouro):
    lab.bound(("[verdict]", "[night]\ntries = 500\n[verdict]"))
    lab.run(noisy(0.5, own=4))
    final = finalize(case_of(lab))
    assert final.left_out == ("bound.lock", "bound.toml")
    assert git("diff", "--name-only", night[0], final.branch) == "train.py"
    words = "as in the baseline, since no experiment may edit them: bound.lock, bound.toml"
    assert words in ouro("finalize", "--branch", "x")[1]


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("name", ["main", "-x", "a b", "a..b", "a/", "@{-1}", "HEAD/../x"])
def test_a_branch_that_exists_or_cannot_exist_is_refused(lab, git, night, name):
    before = git("for-each-ref")
    with pytest.raises(ExperimentError, match=r"there is a branch|git allows no branch"):
        finalize(case_of(lab), branch=name)
    assert git("for-each-ref") == before


@pytest.mark.tier(2)
def test_a_branch_below_another_is_refused(lab, git, night):
    git("branch", "ouro")
    with pytest.raises(ExperimentError, match="one that git cannot have beside it"):
        finalize(case_of(lab))


def test_nothing_to_finalize(lab, ouro):
    lab.commit(noisy(2.0))
    with pytest.raises(ExperimentError, match="no run is kept"):
        finalize(case_of(lab))
    lab.run()
    with pytest.raises(ExperimentError, match="still the last keep"):
        finalize(case_of(lab))


def test_no_hook_runs(lab, git, night, ouro):
    mark = lab.path.parent / "mark"
    hooks = lab.path / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "pre-commit", "post-commit", "commit-msg"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    assert ouro("finalize")[0] == 0
    assert not mark.exists()


def test_trees_are_written_as_git_writes_them(lab, git, monkeypatch):
    """Files that become folders, folders that become files, names that sort as folders do."""
    files = {"a": "1", "b/c/d": "2", "b/e": "3", "b.x": "4", "b0": "5", "f/g": "6", "ö/ü": "7"}
    lab.project.commit("before", files)
    base = git("rev-parse", "HEAD")
    blob = git("hash-object", "-w", "train.py")
    new = Entry("100755", blob)
    changes = {"a": None, "a/b": new, "b/c/d": None, "f/g": None, "f": new, "b/e": new, "ö/ö": new}

    tree = commits.write_tree(case_of(lab).repository.git, base, changes)

    monkeypatch.setenv("GIT_INDEX_FILE", str(lab.path / ".git/other"))
    git("read-tree", base)
    for path in ("a", "b/c/d", "f/g"):
        git("update-index", "--force-remove", path)
    for path in ("a/b", "f", "b/e", "ö/ö"):
        git("update-index", "--add", "--cacheinfo", f"100755,{blob},{path}")
    assert git("write-tree") == tree
    git("fsck", "--strict", tree)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"One", b"One\n\nKey: x\n"),
        (b"One: two\n", b"One: two\n\nKey: x\n"),
        (b"One\n\nWhy.\n", b"One\n\nWhy.\n\nKey: x\n"),
        (b"One\n\nSigned-off-by: me\n\n", b"One\n\nSigned-off-by: me\nKey: x\n"),
    ],
)
def test_trailers_stand_together(message, expected):
    assert commits.add_trailers(message, ["Key: x"]) == expected
