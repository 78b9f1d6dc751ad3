"""``human``: a rule that only a person can judge is reported as skipped."""

import pytest

WEAK = 'check  = "human"\nreason = "taste cannot be measured"'


@pytest.fixture
def human(restate):
    restate('check = "scope"', WEAK)


def test_it_is_skipped_with_its_reason(project, judged, human):
    judgement = judged("iron-law::only-train-py")

    assert judgement.status == "skipped"
    assert judgement.reason == "only a person can judge it: taste cannot be measured"


def test_it_is_skipped_even_if_another_check_would_fail(project, judged, human):
    project.write({"helper.py": ""})

    assert judged("iron-law::only-train-py").status == "skipped"
