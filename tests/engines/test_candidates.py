"""What the words of --ouro-candidates name, and what they must not."""

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.batch import candidates
from pytest_ouro.experiment.batch.candidates import find_candidates


@pytest.fixture
def line(project):
    """Four commits in a line, of which the third is a merge; their ids by name."""
    ids = {"start": project.git("rev-parse", "HEAD")}
    ids["one"] = project.commit("one", {"train.py": "MODEL = 1\n"})
    project.git("switch", "-q", "-c", "side", ids["start"])
    ids["side"] = project.commit("side", {"other.txt": "x"})
    project.git("switch", "-q", "-")
    project.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    ids["merge"] = project.git("rev-parse", "HEAD")
    ids["last"] = project.commit("last", {"train.py": "MODEL = 2\n"})
    return ids


@pytest.fixture
def found(project):
    """``found("HEAD~1", …)``: what the words name, from the project's folder."""
    return lambda *words: find_candidates(find_place(Git.discover(project.path)), words)


def ids(found):
    return [one.commit for one in found.candidates]


def test_a_revision_is_one_commit(found, line):
    assert ids(found("HEAD", "side", line["one"][:9])) == [line["last"], line["side"], line["one"]]
    assert found("side").candidates[0].word == "side"


@pytest.mark.parametrize("word", ["@", "@~0", "@^0", "HEAD^{commit}"])
def test_git_s_short_word_for_head_is_that_commit(found, line, word):
    assert ids(found(word)) == [line["last"]]


@pytest.mark.parametrize("word", ["{start}..HEAD", "{start}..", "{start}..@"])
def test_a_range_is_oldest_first_and_without_merges(found, line, word):
    named = found(word.format(**line))

    assert set(ids(named)) == {line["one"], line["side"], line["last"]}
    assert ids(named)[-1] == line["last"]
    assert named.notes == (
        f"1 merge in {word.format(**line)} left out: name a merge by itself to try it",
    )


def test_a_merge_that_is_named_is_tried(found, line):
    assert ids(found(line["merge"])) == [line["merge"]]


def test_the_lines_of_a_file_may_be_empty_or_comments(found, line):
    assert ids(found("# tonight", "", "  side ", "#", "HEAD~1..HEAD")) == [
        *(line["side"], line["last"])
    ]


def test_a_commit_is_tried_once(found, line):
    named = found("HEAD", "side", line["last"], "HEAD")

    assert ids(named) == [line["last"], line["side"]]
    assert named.notes == ("2 of the candidates were named before",)


@pytest.mark.parametrize(
    ("word", "says", "heals"),
    [
        ("nowhere", "--ouro-candidates nowhere: there is no such commit", "git log"),
        ("HEAD:train.py", "--ouro-candidates HEAD:train.py: there is no such commit", "git log"),
        ("nowhere..HEAD", "--ouro-candidates nowhere: there is no such commit", "git log"),
        ("HEAD..HEAD", "the range has no commit that could be tried", "older end first"),
        ("HEAD..HEAD~1", "the range has no commit that could be tried", "older end first"),
        ("side...HEAD", "three dots would try the commits of both sides", "side..HEAD"),
        ("", "--ouro-candidates names no commit", "at least one"),
        ("# nothing", "--ouro-candidates names no commit", "at least one"),
        ("#12", "--ouro-candidates #12: there is no such commit", "git log"),
        ("--all", "--ouro-candidates --all: there is no such commit", "git log"),
    ],
)
def test_a_word_that_names_nothing_is_an_error(found, line, word, says, heals):
    with pytest.raises(OuroError) as raised:
        found(word)

    assert says in raised.value.message
    assert heals in raised.value.help


def test_a_range_of_merges_alone_is_empty(found, line, project):
    project.git("switch", "-q", "-c", "again", line["start"])
    project.git("merge", "-q", "--no-ff", "-m", "merge", "side")

    with pytest.raises(OuroError, match="the range has no commit"):
        found("side..HEAD")


def test_a_batch_has_a_largest_size(found, line, monkeypatch):
    monkeypatch.setattr(candidates, "MOST", 1)

    with pytest.raises(OuroError, match="names 2 commits, and a batch has at most 1"):
        found("HEAD", "side")
