import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import check_rule, open_case


@pytest.fixture
def judged(project):
    """Judge one rule: ``judged("iron-law::only-train-py", trust="main")``."""

    def judged(key, **how):
        case = open_case(project.path / "bound.toml", **how)
        return next(check_rule(rule, case.evidence) for rule in case.bound.rules if rule.key == key)

    return judged


@pytest.fixture
def restate(project):
    """Replace a text of bound.toml, bless, and commit: ``restate(old, new)``."""

    def restate(old, new):
        project.edit("bound.toml", old, new)
        bless(project.path / "bound.toml")
        return project.commit("restate a rule")

    return restate
