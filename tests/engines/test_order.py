"""In which order a batch asks: ancestors, base, records, the night; and what cannot be kept."""

import os

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.experiment.batch.answer import find_broken_records
from pytest_ouro.experiment.batch.base import Base, find_nearest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
#: Changes of the first line and of the last one do not conflict.
PADDED = "SCORE = {}\n\n\n\n\n\n\n\n{}\n"


def broken_records(field):
    case = open_case(field.path / "bound.toml", run_commands=True)
    try:
        return find_broken_records(case)
    finally:
        case.close()


@pytest.mark.tier(2)
def test_what_lies_on_a_discarded_candidate_is_not_kept(field):
    field.project.commit("padded", {"work.py": PADDED.format(5.0, "")})
    field.project.git("switch", "-q", "-c", "chain")
    first = field.project.commit("equal", {"work.py": PADDED.format(5.0, "x = 1")})
    second = field.project.commit("better", {"work.py": PADDED.format(4.0, "x = 1")})
    field.project.git("switch", "-q", "main")

    outcome = field.measure(second, first, settle=True)

    assert field.verdicts(outcome) == ["on-discard", "equal"]
    assert outcome.best is None
    assert field.project.git("rev-parse", "main") == field.head
    assert broken_records(field) == ()
    [line] = [line for line in outcome.lines() if "cannot be kept" in line]
    assert f"{first[:7]} below it was discarded; on top of {field.head[:7]} alone: " in line
    *commands, again = line.rpartition("alone: ")[2].split(" && ")
    for command in commands:
        field.project.git(*command.split()[1:])
    alone = again.split()[-1]
    assert field.project.git("show", f"{alone}:work.py") == PADDED.format(4.0, "").strip()

    rebased = field.measure(field.project.git("rev-parse", alone), settle=True)

    assert field.verdicts(rebased) == ["improved"]
    assert field.project.git("rev-parse", "main") == field.project.git("rev-parse", alone)
    assert broken_records(field) == ()


@pytest.mark.tier(2)
def test_a_candidate_of_a_line_beside_the_branch_is_not_asked_for(field):
    """Its base was kept on another branch, and the branch that is checked out went on."""
    base = field.idea(4.5)
    field.project.git("switch", "-q", field.project.git("branch", "--contains", base).split()[-1])
    field.measure(base)
    candidate = field.project.commit("better", {"work.py": "SCORE = 3.0\n"})
    field.project.git("switch", "-q", "main")
    field.project.commit("elsewhere", {"work.py": "SCORE = 5.0\nx = 2\n"})

    outcome = field.measure(candidate, settle=True)
    assert field.verdicts(outcome) == ["improved"]
    assert any("does not descend from" in line for line in outcome.lines())
    field.measure(field.idea(6.0))

    assert broken_records(field) == ()


def test_a_base_that_is_not_on_the_branch_is_a_part_of_the_batch(field):
    beside = field.idea(4.5)
    batch = field.open(field.idea(4.0))

    assert batch._find_base(Base(beside)).turn.plan == batch._plan
    assert batch._find_base(Base(field.head)).turn.plan is None


@pytest.mark.tier(2)
def test_a_candidate_without_a_common_history_takes_no_base_from_the_others(field):
    good = field.idea(4.0)
    field.project.git("switch", "-q", "--orphan", "alone")
    alone = field.project.commit("alone", {"work.py": "SCORE = 1.0\n"})
    field.project.git("switch", "-q", "main")

    batch = field.open(alone, good)
    assert batch.measure(alone).status == "closed"
    assert str(batch.measure(good).reason) == "improved"
    batch.close()

    assert field.runs(good)[0].best_commit == field.head


@pytest.mark.tier(2)
def test_an_answer_from_the_record_waits_for_the_candidates_below_it(field):
    field.measure(field.idea(4.0))
    first = field.idea(3.0)
    known = field.idea(4.0, base=first)

    outcome = field.measure(known, first)

    assert field.verdicts(outcome) == ["worse", "improved"]
    assert field.runs(known)[0].measured_by
    assert field.runs(known)[0].best_commit == first


@pytest.mark.tier(2)
def test_the_night_ends_between_two_candidates(field):
    field.project.edit("bound.toml", "[verdict]", "[night]\ntries = 2\n\n[verdict]")
    field.project.bless()
    commits = [field.idea(4.0 - number, f"x = {number}") for number in range(3)]
    batch = field.open(*commits)

    assert str(batch.measure(commits[0]).reason) == "improved"
    for commit in commits[1:]:
        with pytest.raises(OuroError, match="the night is over: 2 of 2 tries were made"):
            batch.measure(commit)
    batch.close()
    outcome = batch.finish()

    assert len(field.runs()) == 2
    assert outcome.unmade == 2
    assert outcome.last_line.endswith(" next=stop")

    again = field.measure(commits[2])  # it was over before: as with a single run, it is made
    assert field.verdicts(again) == ["improved"]


@pytest.mark.tier(2)
def test_tries_of_earlier_batches_count_for_the_chance(field_of):
    field = field_of(noise=0.5)
    field.measure(field.idea(6.0), field.idea(7.0))

    outcome = field.measure(field.idea(4.0), settle=False)

    assert outcome.rivals == 3
    assert "the best of 3 tries without any effect" in "\n".join(outcome.lines())


def test_the_nearest_candidates_below_each(project):
    """``one``; beside it ``side``; a merge of both, not a candidate; ``two`` on the merge."""
    start = project.git("rev-parse", "HEAD")
    one = project.commit("one", {"train.py": "MODEL = 1\n"})
    project.commit("between", {"train.py": "MODEL = 2\n"})
    project.git("switch", "-q", "-c", "side", start)
    side = project.commit("side", {"other.txt": "x"})
    project.git("switch", "-q", "-")
    project.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    two = project.commit("two", {"train.py": "MODEL = 3\n"})
    last = project.commit("last", {"train.py": "MODEL = 4\n"})

    found = find_nearest(Git.discover(project.path), [last, two, side, one])

    assert found == {one: [], side: [], two: sorted([one, side]), last: [two]}
    assert find_nearest(Git.discover(project.path), [last, start]) == {start: [], last: [start]}
