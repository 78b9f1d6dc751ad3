"""A person's change of the rules: a protected environment's approval, which the server tells of."""

from __future__ import annotations

import pytest

from .act import snippets
from .server import TOKEN
from .work import change_rules, improve, state_first_rules, widen

pytestmark = pytest.mark.tier(2)
LABEL = "ouro-rules"


@pytest.fixture
def judge(lab):
    """``judge("ouro-rules")``: the outcome of the workflow for people's changes, with labels."""

    def judge(*labels):
        request = lab.request(labels=[{"name": label} for label in labels])
        return lab.judge(request, workflow=snippets("docs/ci.md")[2], token=TOKEN)

    return judge


def approve(lab, state="approved", environment=LABEL):
    lab.server.approvals = [
        {"user": {"login": "alice"}, "state": state, "environments": [{"name": environment}]}
    ]


def test_an_approved_change_of_the_rules_is_green(lab, judge):
    change_rules(lab)

    done = judge()
    assert (done.job, done.verdict) == ("failure", "broken")
    assert "| experiment.budget | 0.3 | 9.0 |" in done.summary

    approve(lab)
    done = judge(LABEL)
    assert (done.job, done.verdict) == ("success", "approved"), done.said
    assert "approved by @alice" in done.said
    assert "| experiment.budget | 0.3 | 9.0 |" in done.summary


def test_an_environment_without_reviewers_approves_nothing(lab, judge):
    change_rules(lab)

    done = judge(LABEL)
    assert (done.job, done.verdict) == ("failure", "broken")
    assert "nobody approved this run in the environment 'ouro-rules'" in done.said
    approve(lab, state="rejected")
    assert judge(LABEL).verdict == "broken"
    approve(lab, environment="another")
    assert judge(LABEL).verdict == "broken"


def test_a_change_that_is_not_blessed_is_not_approved(lab, judge):
    lab.project.edit("bound.toml", "budget    = 0.3", "budget    = 9.0")
    lab.project.commit("and not blessed")
    approve(lab)

    done = judge(LABEL)

    assert (done.job, done.verdict) == ("failure", "unjudged")
    assert "is not the one that was blessed" in done.said


def test_what_breaks_nothing_asks_nobody(lab, judge):
    improve(lab)

    assert judge(LABEL).verdict == "lawful"
    assert not [path for path, _ in lab.server.calls if path.endswith("/approvals")]


def test_the_first_rules(lab, judge):
    state_first_rules(lab)

    done = judge()
    assert (done.job, done.verdict) == ("failure", "unjudged")
    assert "has no bound.toml" in done.said
    done = judge(LABEL)
    assert done.verdict == "unjudged"
    assert "nobody approved this run" in done.said
    approve(lab)
    done = judge(LABEL)
    assert (done.job, done.verdict) == ("success", "approved"), done.said
    assert "never-do::modify-prepare" in done.summary


def test_the_harness_by_a_person(lab, judge):
    widen(lab)
    lab.project.bless()
    approve(lab)

    assert judge(LABEL).verdict == "approved"
