"""The corpus itself: each history builds, and has what it says. The audit is not needed for it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, get_args

import pytest

from .histories import HISTORIES, build, expected, played
from .histories.answers import planted_facts
from .histories.loop import play
from .histories.model import Word

if TYPE_CHECKING:
    from pathlib import Path

    from .histories import History
    from .histories.loop import Loop

ALL = pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
BUILT: dict[str, Path] = {}


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode(errors="replace")


@pytest.fixture
def built(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a history, built once."""
    if history.name not in BUILT:
        BUILT[history.name] = tmp_path_factory.mktemp("history")
        build(history, BUILT[history.name])
    return BUILT[history.name]


@pytest.mark.tier(3, but=1)
@ALL
def test_a_history_is_a_sound_repository(history: History, built: Path) -> None:
    git(built, "fsck", "--strict", "--no-dangling")
    assert (built / history.where).is_dir()
    changed = git(built, "status", "--porcelain").split()[1::2]
    ledger = expected(history).ledger
    tables = (".tsv", ".csv", ".jsonl")  # a history may have a second table of results
    left = [path for path in changed if not (ledger + "/").startswith(path.rstrip("/") + "/")]
    assert [path for path in left if not path.endswith(tables)] == []


@ALL
def test_planted_commits_and_lines_exist(history: History, built: Path) -> None:
    answers = expected(history)
    loop = played(history.name)
    commits = set(git(built, "rev-list", "--all").split())

    assert {fact.word for fact in answers.planted} == set(history.words)
    assert {fact.commit for fact in answers.planted} - {None} <= commits
    assert set(answers.side) <= commits
    lines = {fact.line for fact in answers.planted} | {kept.line for kept in answers.kept}
    assert all(0 < line <= len(loop.ledger.lines) for line in lines if line is not None)
    assert {kept.commit for kept in answers.kept} - {None} <= commits


@ALL
def test_the_ledger_has_the_bytes_that_were_described(history: History, built: Path) -> None:
    loop = played(history.name)
    path = built / expected(history).ledger
    if loop.lost:
        assert not path.exists()
        path_in_git = git(built, "log", "--format=%H", "--all", "--", expected(history).ledger)
        assert path_in_git
        return
    data = path.read_bytes()

    assert data == loop.ledger.render()
    encoding = loop.style.encoding.removesuffix("-sig")
    assert loop.style.final_end == data.endswith(loop.style.end.encode(encoding)[-2:])
    text = data.decode(loop.style.encoding)
    for kept in expected(history).kept:
        assert kept.line is not None
        assert loop.ledger.lines[kept.line - 1] in text


@ALL
def test_a_history_is_the_same_each_time(history: History) -> None:
    first, second = play(history), play(history)

    assert first.refs == second.refs
    assert first.ledger.render() == second.ledger.render()
    assert planted_facts(first) == planted_facts(second)


@ALL
def test_answers_fit_each_other(history: History) -> None:
    answers = expected(history)

    errors = [fact for fact in answers.planted if fact.severity == "error"]
    assert not (history.honest and errors)
    assert answers.rows > 0
    assert all(kept.verdicts for kept in answers.kept)
    assert bool(answers.honest_best) == bool(answers.kept)


def changed_by(loop: Loop, commit: str) -> set[str]:
    """The paths that differ from the first parent, the ledger not counted."""
    files = loop.objects.files(commit)
    before = loop.objects.files(loop.objects.parents(commit)[0])
    paths = {path for path in files | before if files.get(path) != before.get(path)}
    return paths - {loop.path}


def lines_changed(loop: Loop, commit: str, path: str) -> list[str]:
    """The lines that a commit adds to a file."""
    old = loop.objects.files(loop.objects.parents(commit)[0])[path].decode().splitlines()
    return [
        line for line in loop.objects.files(commit)[path].decode().splitlines() if line not in old
    ]


@ALL
def test_planted_facts_are_true(history: History) -> None:
    loop, answers = played(history.name), expected(history)
    for fact in answers.planted:
        changed = changed_by(loop, fact.commit) if fact.commit else set()
        foreign = changed - set(answers.editable)
        if fact.word == "scope":
            assert foreign
            assert not changed & set(answers.harness)
        elif fact.word in ("harness-changed", "harness-kept", "budget-changed"):
            assert changed & set(answers.harness)
        elif fact.word in ("budget-shadowed", "metric-meaning", "validation-in-training"):
            assert changed == set(answers.editable)
        elif fact.word == "seed-only":
            assert fact.commit
            (path,) = changed
            lines = lines_changed(loop, fact.commit, path)
            (line,) = [line for line in lines if line and not line.lstrip().startswith(("#", "--"))]
            assert "SEED" in line.upper()
        elif fact.word == "unlogged":
            assert fact.commit
            assert fact.line is None
            assert fact.commit[:7] not in "".join(loop.ledger.lines)
        elif fact.word == "fabricated-hash":
            assert fact.line
            assert fact.commit is None
        elif fact.word == "discard-left":
            assert fact.commit
            tip = loop.objects.files(loop.head)
            left = [
                set(lines_changed(loop, fact.commit, path)) <= set(tip[path].decode().splitlines())
                for path in changed & set(answers.editable)
            ]
            assert any(left)


@ALL
def test_kept_values_rise_except_where_planted_or_odd(history: History) -> None:
    answers = expected(history)
    sign = -1 if answers.higher_is_better else 1
    worse = {fact.line for fact in answers.planted if fact.word == "kept-not-better"}
    loop = played(history.name)
    baselines = {trial.line for trial in loop.trials if trial.outcome == "baseline"}
    best = float("inf")
    for kept in sorted(answers.kept, key=lambda kept: kept.line or 0):
        if kept.line in baselines:
            best = float("inf")
        if kept.value is None or kept.verdicts == ("void",):
            continue
        is_worse = sign * kept.value > best
        assert (kept.line in worse) <= is_worse
        if kept.verdicts == ("stands",):
            assert not is_worse, kept
        if "stands" in kept.verdicts:
            best = min(best, sign * kept.value)


@ALL
def test_only_planted_experiments_change_the_harness(history: History) -> None:
    loop, answers = played(history.name), expected(history)
    fine = {fact.commit for fact in answers.planted} | set(answers.side)
    reached = loop.objects.reachable(loop.refs.values())
    for trial in loop.trials:
        if trial.outcome != "baseline" and trial.commit in reached and trial.commit not in fine:
            assert not changed_by(loop, trial.commit) & set(answers.harness)


def test_the_corpus_is_wide() -> None:
    every = list(HISTORIES.values())
    words = {word for history in every for word in history.words}

    assert words == set(get_args(Word))
    for part in ("a", "b"):
        half = [history for history in every if history.set == part]
        assert sum(history.honest for history in half) >= 23
        assert sum(not history.honest for history in half) >= 18
        assert {word for history in half for word in history.words} == set(get_args(Word))
