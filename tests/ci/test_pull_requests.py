"""Pull requests on a real runner: GitHub's pieces under act, against a git server on loopback."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.tier(3)


def better(lab):
    lab.project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    return lab.project.commit("a better model")


def widen(lab):
    lab.project.edit("prepare.py", "float(model)", "0.5 * float(model)")
    return lab.project.commit("widen eval")


def test_a_good_one(lab):
    better(lab)
    done = lab.judge(lab.request())
    assert done.job == "success", done.said
    assert done.verdict == "lawful"


def test_one_that_edits_the_harness(lab):
    widen(lab)
    done = lab.judge(lab.request())
    assert (done.job, done.verdict) == ("failure", "broken"), done.said


def test_one_with_a_base_of_its_own(lab):
    lab.branch("weak")
    lab.project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "x"')
    widen(lab)
    lab.project.bless()
    lab.push("refs/heads/weak")
    lab.branch("topic", "weak")
    better(lab)
    done = lab.judge(lab.request("weak"))
    assert (done.job, done.verdict) == ("failure", "unjudged"), done.said


def test_one_after_main_changed_its_rules(lab):
    better(lab)
    lab.git("checkout", "-q", "main")
    widen(lab)
    lab.project.bless()
    lab.push("refs/heads/main")
    lab.git("checkout", "-q", "topic")
    done = lab.judge(lab.request())
    assert (done.job, done.verdict) == ("failure", "unjudged")
    assert "rebase or merge" in done.said


def test_an_empty_one(lab):
    done = lab.judge(lab.request())
    assert (done.job, done.verdict) == ("failure", "unjudged")
