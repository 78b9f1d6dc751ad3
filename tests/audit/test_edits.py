"""What a commit changes in a file: found once for all checks, and what later became of it."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.claims import claims, loop
from pytest_ouro.evidence.claims.claims import Claims, Edits
from pytest_ouro.evidence.claims.commits import Step
from pytest_ouro.evidence.claims.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.claims.commits import History
    from pytest_ouro.evidence.claims.loop import Loop

VERSIONS = {"a": "LR = 1\n\nrun()\n", "b": "LR = 2\nrun()\n\nrun()", "c": "LR = 2\nrun()\nstop()"}


class Texts:
    """Texts by their commits, which says which were read."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def read(self, commit: str, path: str) -> str:
        """The text of a commit."""
        assert path == "train.py"
        self.asked.append(commit)
        return VERSIONS.get(commit, "")


def test_an_edit_has_each_changed_line_once_and_whole() -> None:
    edits = Edits(Texts().read)
    assert edits.find("a", "b", "train.py") == ("LR = 2\n", "LR = 1\n")
    assert edits.find("b", "c", "train.py") == ("stop()\n", "\n")
    assert sorted(edits.find("", "a", "train.py").added.splitlines()) == ["", "LR = 1", "run()"]
    assert edits.find("a", "b", "train.py").changed == "LR = 2\nLR = 1\n"


def test_nothing_is_an_edit_of_nothing() -> None:
    assert Edits(Texts().read).find("a", "a", "train.py") == ("", "")


def test_each_version_is_read_once_for_all_checks() -> None:
    texts = Texts()
    edits = Edits(texts.read)
    for _ in range(3):
        for parent, commit in (("a", "b"), ("b", "c")):
            edits.find(parent, commit, "train.py")
    assert texts.asked == ["a", "b", "c"]


def test_edits_beyond_what_is_kept_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_KEPT", 0)
    edits = Edits(Texts().read)
    first = edits.find("a", "b", "train.py")
    edits.find("b", "c", "train.py")
    assert edits.find("a", "b", "train.py") == first == ("LR = 2\n", "LR = 1\n")


LINES = (
    "width = 64",
    "depth = 8",
    "  rate = 0.1",
    "rate = 0.1",
    "if fast:",
    "bias = True",
    "x",
    "",
)


class Line:
    """A history in which each commit but the first has another train.py than the one before."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.blobs = dict(enumerate(texts))
        ids = [str(n) for n in self.blobs]
        parents = [(), *((one,) for one in ids)]
        self.steps = tuple(Step(one, parents[n], "", n, n, f"try {n}") for n, one in enumerate(ids))
        self.by_id = {step.id: step for step in self.steps}
        self.head = ids[-1]
        self.git = SimpleNamespace(store=SimpleNamespace(read=str.encode))

    def changes(self, step: Step) -> tuple[str, ...]:
        """The paths that a commit changes."""
        return ("train.py",)

    def entry(self, commit: str, path: str) -> Any:
        """The file of a commit, whose id is its text."""
        return SimpleNamespace(blob=self.blobs[int(commit)])


def expected(texts: Sequence[str], place: int) -> str:
    """Where the change of a commit is at the end, by the definition: a look at each version."""
    if texts[place - 1] in texts[place + 1 :]:
        return "reverted"
    sets = [{line.strip() for line in text.split("\n") if len(line.strip()) > 3} for text in texts]
    added, removed = sets[place] - sets[place - 1], sets[place - 1] - sets[place]
    new = added.difference(*sets[:place])
    if added:
        choice = any(line.startswith("if ") or line.endswith("True") for line in new)
        left = bool(new) and not choice and all(new <= later for later in sets[place:])
    else:
        left = bool(removed) and not any(removed <= later for later in sets[place:])
    return "on the branch" if left else "superseded"


def make_texts(seed: int) -> list[str]:
    """Versions of a file of few lines, each other than the one before."""
    draw = random.Random(seed)
    texts = ["width = 64"]
    while len(texts) < 8:
        text = "\n".join(draw.sample(LINES, draw.randint(1, 5)))
        if text != texts[-1]:
            texts.append(text)
    return texts


@pytest.mark.parametrize("seed", range(40))
def test_a_change_stands_where_a_look_at_each_version_says(seed: int) -> None:
    texts = make_texts(seed)
    history = cast("History", Line(texts))
    read = Rows((), (), ())
    found = loop.build(history, ("0", history.head), read, (), editable=("train.py",))
    standing = {int(one.commit): one.standing for one in found.experiments}
    assert standing == {n: expected(texts, n) for n in standing}


def test_every_standing_of_a_change_was_among_them() -> None:
    found = {expected(make_texts(seed), n) for seed in range(40) for n in range(1, 8)}
    assert found == {"reverted", "superseded", "on the branch"}


class Missing:
    """A history of a partial clone, in which the bytes of every file are missing."""

    def __init__(self) -> None:
        self.git = SimpleNamespace(store=self)

    def entry(self, commit: str, path: str) -> Any:
        """The file of a commit."""
        return SimpleNamespace(blob="0" * 40, is_submodule=False)

    def read(self, blob: str, **_: object) -> bytes:
        """Fail."""
        raise GitError("no such object", help="")


def test_a_file_that_cannot_be_read_is_counted_once() -> None:
    past = cast("Loop", SimpleNamespace(history=Missing()))
    found = Claims(past, "results.tsv", None, (), ())
    for commit in ("a" * 40, "b" * 40, "a" * 40):
        assert found.text(commit, "train.py") == ""
    assert list(found.unread) == ["train.py of aaaaaaa", "train.py of bbbbbbb"]
