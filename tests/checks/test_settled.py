"""``settled``: kept commits stay on the branch, discarded ones do not."""

import pytest

RULE = "iron-law::keep-or-revert"
pytestmark = pytest.mark.usefixtures("laws")


@pytest.fixture
def idea(project, recorded):
    """Commit an idea and record its run: ``idea("keep", 1.9)``; the commit."""

    def idea(status, value=2.0, **facts):
        commit = project.commit(f"idea {value}", {"train.py": f"MODEL = {value}\n"})
        recorded(status, value, **facts)
        return commit

    return idea


@pytest.fixture
def revert(project):
    def revert():
        project.git("reset", "-q", "--hard", "HEAD~1")

    return revert


def test_before_the_first_run_it_is_skipped(judged):
    assert judged(RULE).status == "skipped"


def test_a_normal_loop_holds(project, idea, revert, judged):
    idea("keep", 1.9)
    for status in ("discard", "crash", "discard"):
        idea(status, 2.5)
        assert judged(RULE).status == "holds", "the last run may await its revert"
        revert()
        assert judged(RULE).status == "holds"
    idea("keep", 1.8)

    assert judged(RULE).status == "holds"


def test_a_discarded_commit_under_newer_work_is_found(project, idea, judged):
    bad = idea("discard", 2.5)
    project.commit("another idea", {"train.py": "MODEL = 1.0\n"})

    judgement = judged(RULE)

    assert judgement.status == "broken"
    [finding] = judgement.findings
    assert finding.headline == "main still has a discarded commit"
    assert finding.where == f'{bad[:7]} "idea 2.5"'
    assert finding.help == f"drop it: git rebase --onto {bad[:7]}~1 {bad[:7]} main"


def test_several_are_counted(idea, judged):
    for value in (2.5, 2.6, 2.7, 2.8, 2.9):
        idea("discard", value)

    [finding] = judged(RULE).findings

    assert finding.headline == "main still has 4 discarded commits"
    assert finding.where.endswith("and 1 more")


def test_a_kept_commit_that_is_gone_is_found(idea, revert, judged):
    good = idea("keep", 1.9)
    revert()

    [finding] = judged(RULE).findings

    assert finding.headline == "main lacks a kept commit"
    assert finding.where == f'{good[:7]} "idea 1.9"'
    assert finding.help == f"bring it back: git reset --keep {good[:7]}"


def test_both_helps_are_the_remedy(project, idea, revert, judged):
    good = idea("keep", 1.9)
    revert()
    [finding] = judged(RULE).findings
    project.git(*finding.help.partition(": git ")[2].split())
    assert project.git("rev-parse", "HEAD") == good
    assert judged(RULE).status == "holds"

    idea("discard", 2.5)
    project.git("commit", "-q", "--allow-empty", "-m", "a note")
    [finding] = judged(RULE).findings
    project.git(*finding.help.partition(": git ")[2].split())
    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("staged", [True, False, "a new file's name"])
@pytest.mark.parametrize("fault", ["lost", "stays"])
def test_the_remedy_sets_changes_aside_that_are_not_committed(
    project, idea, revert, judged, staged, fault
):
    if fault == "lost":
        idea("keep", 1.9)
        revert()
    else:
        idea("discard", 2.5)
        project.git("commit", "-q", "--allow-empty", "-m", "a note")
    project.write({"train.py": "MODEL = 'next'\n"})
    if staged is True:
        project.git("add", "train.py")
    elif staged:
        project.write({"idea.py": "x = 1\n", "empty.py": ""})
        project.git("add", "-N", "idea.py", "empty.py")

    [finding] = judged(RULE).findings

    for command in finding.help.partition(": ")[2].partition("; ")[0].split(", then "):
        project.git(*command.split()[1:])
    assert judged(RULE).status == "holds"
    assert "MODEL = 'next'" in project.git("stash", "show", "-p")


def test_an_amended_keep_counts_as_lost(project, idea, judged):
    idea("keep", 1.9)
    project.git("commit", "-q", "--amend", "-m", "a nicer name")

    assert judged(RULE).findings[0].headline == "main lacks a kept commit"


def test_a_discard_that_was_kept_by_another_run_may_stay(project, idea, recorded, judged):
    idea("discard", 2.5)
    recorded("keep", 1.9)
    project.commit("another idea", {"train.py": "MODEL = 1.0\n"})

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("reason", ["unchanged", "rehearsal"])
def test_a_run_that_tried_nothing_new_need_not_be_reverted(project, idea, judged, reason):
    idea("discard", 2.5, reason=reason)
    project.commit("another idea", {"train.py": "MODEL = 1.0\n"})

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize("reason", ["level", "repeat"])
def test_a_run_that_decided_nothing_need_not_be_reverted(project, idea, judged, reason):
    idea("discard", 2.5, reason=reason, incumbent=None)
    project.commit("another idea", {"train.py": "MODEL = 1.0\n"})

    assert judged(RULE).status == "holds"


def test_code_that_was_discarded_before_must_be_reverted(project, idea, judged):
    idea("discard", 2.5, reason="unchanged", incumbent="0" * 40)
    project.commit("another idea", {"train.py": "MODEL = 1.0\n"})

    assert judged(RULE).status == "broken"


def test_a_keep_that_is_measured_again_stays_kept(project, idea, recorded, judged):
    idea("keep", 1.9)
    recorded("discard", 1.9, reason="unchanged", incumbent=project.git("rev-parse", "HEAD"))
    project.commit("another idea", {"train.py": "MODEL = 1.0\n"})

    assert judged(RULE).status == "holds"


@pytest.mark.parametrize(
    "facts", [{"branch": "other"}, {"branch": ""}, {"worktree": "other"}, {"trust": "0" * 40}]
)
def test_runs_of_another_branch_or_working_tree_are_not_judged(project, idea, judged, facts):
    idea("discard", 2.5, **facts)
    project.commit("another idea", {"train.py": "MODEL = 1.0\n"})

    assert judged(RULE).status != "broken"


def test_a_detached_head_has_no_branch_to_settle(project, idea, revert, judged):
    idea("keep", 1.9)
    project.git("checkout", "-q", "--detach", "HEAD~1")

    assert judged(RULE).status == "holds"


@pytest.fixture
def candidate(project, recorded):
    """Record the run of a candidate of a batch, on a branch of its own; the commit."""

    def candidate(status, value, plan="0123456789ab", **facts):
        project.git("switch", "-q", "-c", f"try-{value}", "main")
        commit = project.commit(f"idea {value}", {"train.py": f"MODEL = {value}\n"})
        project.git("switch", "-q", "main")
        facts = {"best_commit": project.git("rev-parse", "main"), "branch": "main"} | facts
        facts |= {"description": f"idea {value}", "commit": commit, "plan": plan}
        recorded(status, value, **facts)
        return commit

    return candidate


def test_the_best_of_a_batch_may_wait_until_the_next_try(project, idea, candidate, judged):
    idea("keep", 2.0)
    candidate("keep", 1.9)
    candidate("discard", 2.5)
    best = candidate("keep", 1.8)
    assert judged(RULE).status == "holds"

    idea("discard", 2.5)

    [finding] = judged(RULE).findings
    assert finding.headline == "main lacks a kept commit"
    assert finding.where == f'{best[:7]} "idea 1.8"'


def test_the_best_of_a_batch_is_that_with_the_best_value(project, idea, candidate, judged):
    idea("keep", 2.0)
    best = candidate("keep", 1.8)
    candidate("keep", 1.9)
    idea("discard", 2.5)

    [finding] = judged(RULE).findings

    assert finding.where == f'{best[:7]} "idea 1.8"'


def test_the_other_keeps_of_a_batch_need_not_be_on_the_branch(project, idea, candidate, judged):
    idea("keep", 2.0)
    candidate("keep", 1.9)
    best = candidate("keep", 1.8)
    project.git("merge", "-q", "--ff-only", best)
    idea("keep", 1.7)

    assert judged(RULE).status == "holds"


def test_of_two_batches_on_one_reference_the_best_is_asked_for(project, idea, candidate, judged):
    """The branch cannot have both: each was made on the same commit."""
    idea("keep", 2.0)
    candidate("keep", 1.9, plan="aaaaaaaaaaaa")
    best = candidate("keep", 1.8, plan="bbbbbbbbbbbb")
    assert judged(RULE).status == "holds"
    candidate("discard", 2.5, plan="cccccccccccc")

    [finding] = judged(RULE).findings
    assert '"idea 1.8"' in finding.where
    assert '"idea 1.9"' not in finding.where

    project.git("merge", "-q", "--ff-only", best)
    idea("keep", 1.7)
    assert judged(RULE).status == "holds"


def test_a_batch_without_a_keep_does_not_wait_for_the_one_before(project, idea, candidate, judged):
    idea("keep", 2.0)
    candidate("keep", 1.9, plan="aaaaaaaaaaaa")
    candidate("discard", 2.5, plan="bbbbbbbbbbbb")

    [finding] = judged(RULE).findings
    assert '"idea 1.9"' in finding.where


@pytest.mark.parametrize("reference", [None, "e" * 40])
def test_a_candidate_of_another_line_of_commits_is_not_asked_for(
    project, idea, candidate, judged, reference
):
    """Its base is not on the branch, which cannot be moved to it."""
    idea("keep", 2.0)
    candidate("keep", 1.9, best_commit=reference)
    idea("discard", 2.5)
    project.git("reset", "-q", "--hard", "HEAD~1")

    assert judged(RULE).status == "holds"
